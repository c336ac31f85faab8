"""A sample of the images that a submission sends, to look for text in the picture.  Pictures are only in memory and on screen."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from chorus_gui.app.workspace import Workspace
from chorus_gui.core.errors import ReviewError, SourceError, StoreError

if TYPE_CHECKING:
    from chorus_gui.app.signin import Login
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.readiness.pictures import Picture

MOST = 24
"""Images of a sheet"""
DRAWN = 2_000
"""Images that are drawn at random, to find one of each series"""
SMALL, WHOLE = 480, 2_048
"""Pixels, at most: of a picture in the sheet, and of the one that is looked at"""
SUSPECTS = "I10"
"""The rule about text in the picture: what its headers say comes first."""


class Sampled(NamedTuple):
    """An image of the sheet.  ``suspect``: its header says that it can have text in the picture."""

    path: str
    size: int
    suspect: bool


class Sheet(NamedTuple):
    """A sample: one image of each series.  ``of``: how many images the review would send."""

    images: tuple[Sampled, ...]
    of: int


def sheet(config: Config, ctx: JobContext, seed: int | None = None) -> Sheet:
    """Draw a sample of the new and updated images of the review, suspects first.  Raises :class:`ReviewError` without a review."""
    from chorus_gui.app.readiness_facts import places
    from chorus_gui.core.review.amended import SENDING
    from chorus_gui.core.review.staging import Staging, staging_path

    chosen: dict[str, Sampled] = {}
    wanted = f"FROM change WHERE {SENDING} AND modality = 'Images' AND size > 0"
    with Staging.open(staging_path(config.journal.local)) as staging:
        (of,) = staging.db.execute(f"SELECT count(*) {wanted}").fetchone()
        for path in places(config, SUSPECTS, ctx):
            for size in staging.db.execute(f"SELECT size {wanted} AND path = ?", (path,)).fetchall():
                chosen.setdefault(_series(path), Sampled(path, size[0], suspect=True))
        ctx.checkpoint()
        ids = [key for (key,) in staging.db.execute(f"SELECT id {wanted}")]
        drawn = random.Random(seed).sample(ids, min(DRAWN, len(ids)))  # noqa: S311 - a sample to look at
        for key in drawn:
            if len(chosen) >= MOST:
                break
            path, size = staging.db.execute("SELECT path, size FROM change WHERE id = ?", (key,)).fetchone()
            chosen.setdefault(_series(path), Sampled(path, size, suspect=False))
    return Sheet(tuple(chosen.values())[:MOST], of)


def load(config: Config, login: Login | None, image: Sampled, most: int, ctx: JobContext) -> Picture:
    """The picture of an image of the sheet, at most ``most`` pixels wide and high.  What cannot be shown says why."""
    from chorus_gui.core.readiness.pictures import Picture, picture
    from chorus_gui.core.readiness.reading import read_range

    ctx.checkpoint()
    try:
        with Workspace(config, login) as workspace:
            source = workspace.sources()["Images"]
            return picture(lambda length, at: read_range(source, image.path, length, at), image.size, most)
    except (SourceError, StoreError, ReviewError) as error:
        return Picture(why=error.what)


def summary(made: Sheet, shown: int, hidden: Iterable[str]) -> str:
    """How many are shown, and why others are not."""
    from chorus_gui.app.words import number, plural

    reasons: dict[str, int] = {}
    for why in hidden:
        reasons[why] = reasons.get(why, 0) + 1
    text = f"{plural(shown, 'image')} of {number(made.of)} that would be sent, one of each series."
    return " ".join([text, *(f"{plural(count, 'image')} cannot be shown: {why[0].lower()}{why[1:]}" for why, count in reasons.items())])


def _series(path: str) -> str:
    return path.rpartition("/")[0]
