"""Where the open site is, from everything that is on screen: Overview, the title, the top bar and the tray show the same."""

from __future__ import annotations

from chorus_gui.app.site_status import Known, SiteStatus, site_status
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.ui.state import JobKind, SessionState

_RUNNING = {
    JobKind.SCAN: "scan",
    JobKind.RECORD: "record",
    JobKind.SUBMIT: "submit",
    JobKind.UPLOAD: "upload",
    JobKind.VERIFY: "verify",
    JobKind.REPAIR: "verify",
}


def status_of(state: SessionState) -> SiteStatus | None:
    """The status; None: no configuration is open."""
    if state.config_file is None:
        return None
    if state.config is None:
        problems = len(state.faults)
        return site_status(Known(state.custody, configuration_problems=max(problems, 1), configuration_error=state.config_error))
    return site_status(
        Known(
            state.custody,
            state.journal,
            state.review,
            state.receipts,
            state.wrong,
            state.credential,
            frozenset(name for kind, name in _RUNNING.items() if state.busy_with(kind)),
            looking=state.loading,
            uses_scripts=state.config.upload_method is UploadMethod.AZCLI,
            away=state.away,
            complete=state.complete,
        )
    )


def spoken(status: SiteStatus) -> str:
    """Everything that it says, as sentences: for a tooltip and a screen reader."""
    return " ".join((f"{status.headline.rstrip('…')}.", status.text, *status.warnings))


def why_not_repair(state: SessionState) -> str:
    """Why the button that uploads wrong files again is disabled, for its tooltip; "" if it is enabled."""
    if state.busy:
        return "Another job is running"
    return "" if state.custody.may_write else "Check out the journal first"
