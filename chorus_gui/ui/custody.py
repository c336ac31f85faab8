"""Steps of custody as the window needs them: no Qt.  These run on a job's thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.ui.work import Site

if TYPE_CHECKING:
    from chorus_gui.core.custody.sides import Sides


def check_out(site: Site, ctx: JobContext) -> tuple[str, ...]:
    """Take the cloud journal; what is worth knowing, as sentences."""
    from chorus_gui.core.custody.checkout import checkout

    with site.home() as home:
        return checkout(home, ctx).notes


def check_in(site: Site, ctx: JobContext, *, keep: bool) -> tuple[str, ...]:
    """Put the journal back."""
    from chorus_gui.core.custody.checkin import checkin

    with site.home() as home:
        done = checkin(home, ctx, keep_checked_out=keep)
        return done.notes


def unlock(site: Site, ctx: JobContext) -> tuple[str, ...]:
    """Remove the lock; the person has read what can go wrong."""
    from chorus_gui.core.custody.unlock import unlock as free

    with site.home() as home:
        done = free(home, ctx, force=True)
        return ("The journal lay in the lock alone and was put back under its own name.",) if done.copied else ()


def compare(site: Site, ctx: JobContext, file: Path) -> Sides:
    """``file`` beside the journal in the cloud."""
    from chorus_gui.core.custody.adopt import preview

    with site.home() as home:
        return preview(home, file, ctx)


def adopt(site: Site, ctx: JobContext, file: Path, sides: Sides) -> tuple[str, ...]:
    """Go on with ``file``, of a person who has seen both sides."""
    from chorus_gui.core.custody.adopt import adopt as take

    with site.home() as home:
        return (f"The journal is yours: {home.local}.", *take(home, file, ctx, sides).notes)


def recover(site: Site, ctx: JobContext, choice: str) -> tuple[str, ...]:
    """Do what was chosen after an interruption; a take-over is :func:`adopt`."""
    from chorus_gui.core.custody.recover import Choice
    from chorus_gui.core.custody.unlock import set_aside

    match Choice(choice):
        case Choice.GO_ON:
            return ("The journal stays checked out.",)
        case Choice.CHECK_IN:
            return check_in(site, ctx, keep=False)
        case Choice.TAKE_OVER:
            raise UsageError("A journal is taken over by somebody who has seen both.", remedy="Compare them first.")
        case Choice.SET_ASIDE:
            with site.home() as home:
                return (f"The local journal is kept as {set_aside(home, ctx)}.",)
