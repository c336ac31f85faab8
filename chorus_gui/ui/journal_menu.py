"""Why an entry of the Journal menu is disabled; "" if it is enabled.

The mouse shows it as the tooltip of the entry.  The keyboard skips a disabled entry of a menu: there, “Find a command” (Ctrl+K) shows it below
the list, and a screen reader says it with the line.
"""

from __future__ import annotations

from chorus_gui.app.custody import State as Custody
from chorus_gui.ui.state import SessionState

NOBODY = "Nobody has the journal checked out."


def _not_now(state: SessionState) -> str:
    """What holds for every entry that changes the journal."""
    if state.config is None:
        return "No usable configuration is open."
    return "A job is running. Wait until it has finished." if state.busy else ""


def _not_in_cloud(state: SessionState) -> str:
    """What holds for every entry about the cloud journal, too."""
    custody = state.custody
    if why := _not_now(state):
        return why
    if custody.state is None:
        return f"{custody.text}. {custody.detail}" if custody.detail else "The program is finding out who has the journal."
    return "The journal is only on this computer. It needs no check-out." if custody.state is Custody.NOT_IN_CLOUD else ""


def _taken(state: SessionState) -> str:
    """Who has it."""
    custody = state.custody
    return f"{custody.text}. {custody.detail}" if custody.detail else f"{custody.text}."


def why_not_check_out(state: SessionState) -> str:
    """Nobody may have it."""
    return _not_in_cloud(state) or ("" if state.custody.can_check_out else _taken(state))


def why_not_check_in(state: SessionState) -> str:
    """This computer must have it."""
    if (why := _not_in_cloud(state)) or state.custody.can_check_in:
        return why
    return f"{NOBODY} Check it out first." if state.custody.can_check_out else _taken(state)


def why_not_unlock(state: SessionState) -> str:
    """Somebody must have it."""
    return _not_in_cloud(state) or ("" if state.custody.can_unlock else NOBODY)


def why_not_take_over(state: SessionState) -> str:
    """Somebody else must have it."""
    if (why := _not_in_cloud(state)) or state.custody.can_take_over:
        return why
    return f"{NOBODY} Check it out." if state.custody.can_check_out else _taken(state)


def why_not_set_aside(state: SessionState) -> str:
    """There must be a local journal, and a cloud journal to use."""
    if why := _not_in_cloud(state):
        return why
    return "" if state.journal is not None and state.journal.exists else "There is no local journal on this computer."


def why_not_recover(state: SessionState) -> str:
    """A copy must have more history."""
    return _not_now(state) or ("" if state.custody.less is not None else "The journal has all the history that is known.")


def why_not_upgrade(state: SessionState) -> str:
    """It must be of the 2024 tool."""
    if why := _not_now(state):
        return why
    if state.journal is None or not state.journal.exists:
        return "There is no local journal on this computer."
    if state.journal.schema != 1:
        return "The journal already has format 2."
    return "" if state.custody.may_write else why_not_check_in(state) or "Check out the journal first."
