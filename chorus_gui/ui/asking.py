"""What the session asks the person, as dialogs over the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from chorus_gui.ui.intents import Adopt, Intent
from chorus_gui.ui.state import Afterwards

if TYPE_CHECKING:
    from chorus_gui.app.known import LessHistoryError
    from chorus_gui.ui.main_window import MainWindow


class Asking(QObject):
    """Opens a dialog for each question.  A dialog is imported when it is needed: the window is on screen sooner."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, session = window, window.session
        session.sign_in_wanted.connect(self._show_code)
        session.trust_wanted.connect(self._ask_trust)
        session.script_wanted.connect(self._show_script)
        session.sides_wanted.connect(self._show_sides)
        session.set_aside_wanted.connect(self._ask_set_aside)
        session.less_history.connect(self._show_less_history)
        session.after.due.connect(self._show_afterwards)

    def show_store(self, folder: str) -> None:
        """The files of the central store, at a folder.  Nothing opens without a usable configuration."""
        from chorus_gui.ui.dialogs.store import StoreDialog

        window, session = self._window, self._window.session
        if window.state.config is None:
            return
        dialog = StoreDialog(window, session.checker, session.workspace(), window.state, folder)
        dialog.intent.connect(window.do)
        session.changed.connect(dialog.render)
        session.progressed.connect(dialog.progress)
        session.ended.connect(dialog.ended)
        dialog.open()

    def show_sites(self) -> None:
        """The sites that were open on this computer."""
        from chorus_gui.ui.dialogs.sites import SitesDialog

        window, session = self._window, self._window.session
        dialog = SitesDialog(window, session.checker, window.state)
        dialog.intent.connect(window.do)
        session.changed.connect(dialog.render)
        session.ended.connect(dialog.list.look)
        dialog.open()

    def show_palette(self) -> None:
        """Every command and setting, to be found by its words."""
        from chorus_gui.ui.dialogs.palette import PaletteDialog
        from chorus_gui.ui.palette import commands

        PaletteDialog(self._window, commands(self._window)).open()

    def _show_afterwards(self, what: Afterwards) -> None:
        """A minute to cancel what was chosen for the end of all jobs."""
        from chorus_gui.ui.dialogs.afterwards import AfterwardsDialog

        window, session = self._window, self._window.session

        def later() -> bool:
            if session.jobs.idle:
                return False
            session.after.choose(what)  # … when that job has ended
            return True

        checked_out = window.state.custody.can_check_in
        if what is Afterwards.CLOSE:
            why = "You have the journal checked out: it is checked in first." if checked_out else ""
            act = window.close_afterwards
        else:
            why = "The result stays in the window." + (" The journal stays checked out." if checked_out else "")
            act = session.after.act_sleep
        window.come_forward(None)
        AfterwardsDialog(QApplication.activeModalWidget() or window, what, why, act, later).open()

    def _show_less_history(self, error: LessHistoryError, again: Intent) -> None:
        from chorus_gui.ui.dialogs.custody import LessHistoryDialog

        LessHistoryDialog(self._window, error, again, self._window.do).open()

    def _ask_set_aside(self, again: tuple[str, ...]) -> None:
        from chorus_gui.ui.dialogs.custody import set_aside

        set_aside(self._window, self._window.state, self._window.do, again)

    def _show_sides(self, file: Path, sides: object) -> None:
        from chorus_gui.app.custody import Sides
        from chorus_gui.ui.dialogs.custody import AdoptDialog

        assert isinstance(sides, Sides)
        AdoptDialog(self._window, file, sides, lambda: self._window.do(Adopt(file, sides))).open()

    def _show_script(self, tool: str) -> None:
        from chorus_gui.ui.dialogs.script import ScriptDialog

        session = self._window.session
        dialog = ScriptDialog(self._window, session.reader, self._window.state, tool)
        dialog.intent.connect(self._window.do)
        session.changed.connect(dialog.render)
        dialog.open()

    def _ask_trust(self, hosts: object) -> None:
        from chorus_gui.ui.dialogs.trust import ask_trust

        assert isinstance(hosts, tuple)
        ask_trust(self._window, tuple(map(str, hosts)), self._window.do)

    def _show_code(self, code: object) -> None:
        from chorus_gui.app.signin import DeviceCode
        from chorus_gui.ui.dialogs.sign_in import SignInDialog

        assert isinstance(code, DeviceCode)
        dialog = SignInDialog(self._window, code)
        self._window.session.ended.connect(dialog.close)
        dialog.show()
