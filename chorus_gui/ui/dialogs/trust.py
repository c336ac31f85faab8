"""A server that is not known: the person confirms it once, or nothing is sent to it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from chorus_gui.ui import intents
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question


def ask_trust(parent: QWidget, hosts: tuple[str, ...], do: Callable[[intents.Intent], None]) -> ConfirmDialog:
    """Ask about these servers, and open the dialog.  Without a confirmation nothing changes: every connection to them is refused."""
    one = len(hosts) == 1
    dialog = ConfirmDialog(
        parent,
        Question(
            "Trust this server?" if one else "Trust these servers?",
            f"This configuration names {'a server' if one else 'servers'} that CHoRUS Upload does not know. "
            f"{'It' if one else 'They'} would receive your credentials and the site’s files. Ask the central team, or the people who manage the bucket, "
            "if the address is right. Your answer is remembered for this user on this computer.",
            "Trust server" if one else "Trust servers",
            details=hosts,
            danger=True,
        ),
        lambda: do(intents.TrustHosts(hosts)),
    )
    dialog.setObjectName("trust_dialog")
    dialog.open()
    return dialog
