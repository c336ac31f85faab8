"""The menus: what each entry asks for, when it makes sense, its shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu

from chorus_gui.app import credential_store
from chorus_gui.app.custody import State as Custody
from chorus_gui.app.values import StoreKind
from chorus_gui.core.config.model import AuthMode, Config
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.custody import set_aside
from chorus_gui.ui.settings import THEMES
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question

if TYPE_CHECKING:
    from chorus_gui.ui.main_window import MainWindow

CONFIGURATIONS = "Configurations (*.toml);;All files (*)"
Test = Callable[[SessionState], bool]


@dataclass(frozen=True, slots=True)
class _Entry:
    action: QAction
    sensible: Test


def _always(_: SessionState) -> bool:
    return True


def _is_open(state: SessionState) -> bool:
    return state.config is not None


def _is_free(state: SessionState) -> bool:
    return state.config is not None and not state.busy


def _in_cloud(state: SessionState) -> bool:
    return state.custody.state not in (None, Custody.NOT_IN_CLOUD)


def _has_tokens(config: Config | None) -> bool:
    """A place lets us in with a SAS token that the file has."""
    places = [config.central, config.journal.cloud, *(site.place for site in config.sites.values())] if config else []
    return any(place and place.credentials.auth_mode is AuthMode.SAS and place.credentials.in_file for place in places)


class Menus:
    """The menu bar of the main window."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._entries: list[_Entry] = []
        self._recents = QMenu("Open &recent", window)
        self._recents.setToolTipsVisible(True)
        self._themes: dict[str, QAction] = {}
        self._shown_recents: tuple[Path, ...] | None = None
        self._file()
        self._journal()
        self._upload()
        self._view()
        self._tools()
        self._help()

    def render(self, state: SessionState) -> None:
        """What makes sense in this state."""
        for entry in self._entries:
            entry.action.setEnabled(entry.sensible(state))
        if state.recents != self._shown_recents:
            self._shown_recents = state.recents
            self._recents.clear()
            for file in state.recents:
                action = self._recents.addAction(file.name if len(file.parts) < 3 else f"{file.parent.name} / {file.name}")
                action.setToolTip(str(file))
                action.triggered.connect(lambda _=False, file=file: self._do(intents.OpenConfig(file)))
            self._recents.setEnabled(bool(state.recents))
        chosen = self._themes[state.preferences.theme]
        with QSignalBlocker(chosen):
            chosen.setChecked(True)
        with QSignalBlocker(self._test):
            self._test.setChecked(state.store_kind is StoreKind.TEST)

    def _add(
        self,
        menu: QMenu,
        text: str,
        act: Callable[[], None],
        tip: str,
        keys: str | QKeySequence.StandardKey | None = None,
        sensible: Test = _always,
    ) -> QAction:
        action = QAction(text, self._window)
        action.setToolTip(tip)
        action.setStatusTip(tip)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False: act())
        menu.addAction(action)
        self._entries.append(_Entry(action, sensible))
        return action

    def _do(self, intent: intents.Intent) -> None:
        self._window.do(intent)

    def _menu(self, title: str) -> QMenu:
        menu = self._window.menuBar().addMenu(title)
        menu.setToolTipsVisible(True)
        return menu

    def _file(self) -> None:
        menu = self._menu("&File")
        self._add(menu, "&Open configuration…", self._open, "Open another configuration file", QKeySequence.StandardKey.Open)
        menu.addMenu(self._recents)
        new = lambda: self._do(intents.ShowPage("configuration", "assistant"))  # noqa: E731 - one of many alike
        self._add(menu, "&New configuration…", new, "Set up a site, step by step", QKeySequence.StandardKey.New)
        self._add(
            menu, "Open &demo site", lambda: self._do(intents.OpenDemo()), "Make up a small site and open it; nothing leaves this computer"
        )
        menu.addSeparator()
        self._test = self._add(
            menu, "This is a &test set-up", self._mark, "Whether the badge says test set-up or central store", None, _is_open
        )
        self._test.setCheckable(True)
        menu.addSeparator()
        self._add(
            menu, "&Refresh", lambda: self._do(intents.Refresh()), "Look at everything again", QKeySequence.StandardKey.Refresh, _is_open
        )
        self._add(menu, "&Quit", self._quit, "Leave the program; a running job is asked about", QKeySequence.StandardKey.Quit)

    def _journal(self) -> None:
        menu = self._menu("&Journal")
        out = lambda state: _is_free(state) and state.custody.can_check_out  # noqa: E731
        back = lambda state: _is_free(state) and state.custody.can_check_in  # noqa: E731
        self._add(menu, "Check &out", lambda: self._do(intents.CheckOut()), "Take the cloud journal for yourself", "Ctrl+Shift+O", out)
        self._add(menu, "Check &in", lambda: self._do(intents.CheckIn()), "Put the journal back into the cloud", "Ctrl+Shift+I", back)
        keep = lambda: self._do(intents.CheckIn(keep=True))  # noqa: E731
        self._add(menu, "Check in and &keep", keep, "Put the journal into the cloud, and keep it checked out", None, back)
        unlockable = lambda state: _is_free(state) and state.custody.can_unlock  # noqa: E731
        self._add(menu, "&Unlock…", self._unlock, "Free a journal that somebody left checked out", None, unlockable)
        lost = lambda state: _is_free(state) and state.custody.can_take_over  # noqa: E731
        self._add(
            menu, "&Go on with a file…", self._take_over, "You checked it out with the other tool: compare, then take it over", None, lost
        )
        held = lambda state: _is_free(state) and _in_cloud(state) and state.journal is not None and state.journal.exists  # noqa: E731
        self._add(
            menu, "Set the local journal &aside…", self._set_aside, "Keep it under another name, and go on with the cloud's", None, held
        )
        menu.addSeparator()
        old = lambda state: _is_free(state) and state.journal is not None and state.journal.schema == 1 and state.custody.may_write  # noqa: E731
        self._add(menu, "U&pgrade…", self._upgrade, "Turn a journal of 2024 into the present schema (one-way)", None, old)
        copies = lambda: self._do(intents.ShowPage("history", "copies"))  # noqa: E731
        self._add(menu, "Kept &copies…", copies, "The kept copies of the journal, and back to one of them", None, _is_open)

    def _upload(self) -> None:
        menu = self._menu("&Upload")
        ready = lambda state: _is_free(state) and state.custody.may_write  # noqa: E731
        self._add(menu, "&Scan the site", lambda: self._do(intents.Scan()), "See what changed since the last submission", "Ctrl+R", ready)
        review = lambda: self._do(intents.ShowPage("review"))  # noqa: E731
        self._add(menu, "&Review…", review, "Look at the changes and approve them", "Ctrl+Shift+R", lambda state: state.review is not None)
        pending = lambda state: ready(state) and state.journal is not None and bool(state.journal.pending.files)  # noqa: E731
        send = lambda: self._do(intents.UploadPending())  # noqa: E731
        self._add(menu, "&Upload what is pending", send, "Send what is recorded and not uploaded", "Ctrl+U", pending)
        retry = lambda: self._do(intents.RetryFailed())  # noqa: E731
        self._add(menu, "&Try again what failed", retry, "Send what failed or was cancelled", None, lambda s: ready(s) and bool(s.failures))
        verify = lambda: self._do(intents.ShowPage("verify"))  # noqa: E731
        self._add(menu, "&Verify…", verify, "Compare the store with the journal", "Ctrl+Shift+V", _is_open)
        menu.addSeparator()
        self._add(menu, "&Pause or resume", self._pause, "Hold the running job, or let it go on", "Ctrl+P", lambda s: s.running is not None)
        cancel = lambda: self._do(intents.CancelJob())  # noqa: E731
        self._add(menu, "&Cancel the running job", cancel, "What was committed stays", "Ctrl+.", lambda s: s.running is not None)

    def _view(self) -> None:
        self.view = self._menu("&View")
        group = QActionGroup(self._window)
        for theme in THEMES:
            text = {"system": "Colours as the &system", "light": "&Light", "dark": "&Dark"}[theme]
            act = lambda theme=theme: self._do(intents.SetTheme(theme))  # noqa: E731
            action = self._add(self.view, text, act, f"Colours: {theme}")
            action.setCheckable(True)
            group.addAction(action)
            self._themes[theme] = action

    def add_page(self, title: str, keys: str, act: Callable[[], None]) -> None:
        """A page in the View menu, with its shortcut."""
        self._add(self.view, title, act, f"Go to {title}", keys)

    def _tools(self) -> None:
        menu = self._menu("&Tools")
        self._add(menu, "Test &connection", self._connection, "Ask every place of the configuration whether it answers", "Ctrl+T", _is_open)
        exists = lambda state: state.config is not None and state.journal is not None and state.journal.exists  # noqa: E731
        azcli = lambda: self._do(intents.ShowScript("azcli"))  # noqa: E731
        azcopy = lambda: self._do(intents.ShowScript("azcopy"))  # noqa: E731
        listed = lambda: self._do(intents.ShowScript("list"))  # noqa: E731
        menu.addSeparator()
        self._add(menu, "Generate azcli &batch file…", azcli, "A script that sends what is pending with the Azure CLI", "Ctrl+B", exists)
        self._add(menu, "Generate azco&py script…", azcopy, "A script that sends what is pending with AzCopy", None, exists)
        self._add(menu, "Export &file list…", listed, "Write the paths that wait to be uploaded, one a line", None, exists)
        menu.addSeparator()
        tip = f"Move them from the configuration file into {credential_store.title()}"
        self._add(menu, "&Keep SAS tokens safe…", self._keep_tokens, tip, None, lambda s: _is_free(s) and _has_tokens(s.config))
        self._add(menu, "&Support bundle…", self._support, "Versions, configuration, counts and logs in one file, for whoever helps you")
        self._add(
            menu, "Clear &local data…", self._clear, "Remove reviews, logs and receipts: they name patients", None, lambda s: not s.jobs
        )

    def _help(self) -> None:
        menu = self._menu("&Help")
        self._add(menu, "&User guide", self._guide, "A submission, step by step", QKeySequence.StandardKey.HelpContents)
        self._add(menu, "Open the &log", lambda: self._do(intents.ShowPage("log")), "What happened", "Ctrl+L")
        self._add(menu, "&Keyboard shortcuts", self._shortcuts, "What can be done with the keyboard alone")
        menu.addSeparator()
        self._add(menu, "&About CHoRUS Upload", self._about, "Version, licences, and what it sends to whom")

    # --- what asks first ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        window = self._window
        start = str(window.state.config_file.parent) if window.state.config_file else ""
        file, _ = QFileDialog.getOpenFileName(window, "Open configuration", start, CONFIGURATIONS)
        if file:
            self._do(intents.OpenConfig(Path(file)))

    def _quit(self) -> None:
        self._window.close()

    def _mark(self) -> None:
        self._do(intents.MarkTest(self._test.isChecked()))

    def _pause(self) -> None:
        job = self._window.state.running
        self._do(intents.ResumeJob() if job and job.paused else intents.PauseJob())

    def _connection(self) -> None:
        self._do(intents.TestConnection())
        self._do(intents.ShowPage("configuration", "test"))

    def _unlock(self) -> None:
        custody = self._window.state.custody
        ConfirmDialog(
            self._window,
            Question(
                "Unlock the journal?",
                custody.detail,
                "Unlock",
                details=custody.warnings,
                typed="unlock" if custody.warnings else "",
                danger=True,
            ),
            lambda: self._do(intents.Unlock()),
        ).open()

    def _take_over(self) -> None:
        config = self._window.state.config
        start = str(config.journal.local) if config else ""
        title = "The journal that you checked out with the other tool"
        file, _ = QFileDialog.getOpenFileName(self._window, title, start, "Journals (*.db);;All files (*)")
        if file:
            self._do(intents.CompareJournals(Path(file)))

    def _set_aside(self) -> None:
        set_aside(self._window, self._window.state, self._do)

    def _upgrade(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                "Upgrade the journal?",
                "The journal is turned into the present schema. The tool of 2024 cannot use it any more; the old file is kept.",
                "Upgrade",
                danger=True,
            ),
            lambda: self._do(intents.UpgradeJournal()),
        ).open()

    def _keep_tokens(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                "Keep the SAS tokens safe?",
                f"They move from {self._window.state.config_file.name if self._window.state.config_file else 'the file'} into {credential_store.title()}, "
                "where only you can read them, on this computer.",
                "Move them",
                details=(
                    "Other people and other computers that use this file need a token of their own.",
                    "The command-line tools from before this program do not find it there: they want it in the file.",
                    "The file's previous state, with the tokens in it, is not kept.",
                ),
            ),
            lambda: self._do(intents.KeepTokens()),
        ).open()

    def _clear(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                "Clear local data?",
                "What lies on this computer and names patients is removed. The journal, its kept copies and the configuration stay.",
                "Clear",
                details=(
                    "Reviews that wait, and what is held back: export the list first if you want to keep it.",
                    "Log files.",
                    "Receipts of every submission made on this computer.",
                ),
                typed="clear",
                danger=True,
            ),
            lambda: self._do(intents.ClearLocalData(receipts=True)),
        ).open()

    def _support(self) -> None:
        from chorus_gui.ui.dialogs.support import SupportDialog

        SupportDialog(self._window, lambda file, paths: self._do(intents.SupportBundle(file, paths))).open()

    def _guide(self) -> None:
        from chorus_gui.ui.dialogs.help import GuideDialog

        GuideDialog(self._window).open()

    def _shortcuts(self) -> None:
        from chorus_gui.ui.dialogs.help import ShortcutsDialog

        ShortcutsDialog(self._window, [entry.action for entry in self._entries]).open()

    def _about(self) -> None:
        from chorus_gui.ui.dialogs.help import AboutDialog

        AboutDialog(self._window).open()
