"""The menus: what each entry asks for, when it makes sense, its shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from chorus_gui.app import credential_store
from chorus_gui.app.folders import FORGOTTEN
from chorus_gui.app.values import StoreKind
from chorus_gui.ui import intents, journal_menu
from chorus_gui.ui.settings import THEMES
from chorus_gui.ui.shown import button_text, plain_text
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.widgets.afterwards import choices, show_choice
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question
from chorus_gui.ui.widgets.files import ask_open

if TYPE_CHECKING:
    from chorus_gui.ui.main_window import MainWindow

CONFIGURATIONS = "Configurations (*.toml);;All files (*)"
Test = Callable[[SessionState], bool | str]
"""If an entry makes sense now; a text: why not, "" if it does"""


_THEME_WORDS = {
    "system": ("&System colours", "Use the system's colours, and its high contrast"),
    "light": ("&Light colours", "Use light colours"),
    "dark": ("&Dark colours", "Use dark colours"),
    "contrast": ("&High contrast", "Use white on black, with lines around what has a colour"),
}
"""The text and the tooltip of each theme."""


@dataclass(frozen=True, slots=True)
class _Entry:
    action: QAction
    tip: str
    sensible: Test


def _always(_: SessionState) -> bool:
    return True


def _is_open(state: SessionState) -> bool:
    return state.config is not None


def _is_free(state: SessionState) -> bool:
    return state.config is not None and not state.busy


class Menus:
    """The menu bar of the main window."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._entries: list[_Entry] = []
        self._recents = QMenu("Open &recent", window)
        self._recents.setToolTipsVisible(True)
        self._themes: dict[str, QAction] = {}
        self._shown_recents: tuple[tuple[Path, str], ...] | None = None
        self._file()
        self._journal()
        self._upload()
        self._view()
        self._tools()
        self._help()

    def render(self, state: SessionState) -> None:
        """What makes sense in this state."""
        for entry in self._entries:
            said = entry.sensible(state)
            entry.action.setEnabled(not said if isinstance(said, str) else said)
            tip = said if isinstance(said, str) and said else entry.tip
            entry.action.setToolTip(plain_text(tip))
            entry.action.setStatusTip(plain_text(tip))
        names = state.site_names
        if (recents := tuple((file, names[file]) for file in state.recents)) != self._shown_recents:
            self._shown_recents = recents
            self._recents.clear()
            for file, name in recents:
                action = self._recents.addAction(button_text(name))
                action.setToolTip(plain_text(str(file)))
                action.triggered.connect(lambda _=False, file=file: self._do(intents.OpenConfig(file)))
            self._recents.setEnabled(bool(state.recents))
        show_choice(self._after, state)
        self._themes[state.preferences.theme].setChecked(True)  # not blocked: its group unchecks the others
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
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False: act())
        menu.addAction(action)
        self._entries.append(_Entry(action, tip, sensible))
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
        tip = "Show the sites that were open on this computer, with their last runs"
        self._add(menu, "&Sites on this computer…", lambda: self._window.asking.show_sites(), tip, "Ctrl+Shift+S", lambda s: bool(s.sites))
        new = lambda: self._do(intents.ShowPage("configuration", "assistant"))  # noqa: E731 - one of many alike
        self._add(menu, "&New configuration…", new, "Set up a site, step by step", QKeySequence.StandardKey.New)
        self._add(
            menu,
            "Open &demo site",
            lambda: self._do(intents.OpenDemo()),
            "Make a small demo site and open it; nothing leaves this computer",
        )
        menu.addSeparator()
        self._test = self._add(
            menu, "This is a &test setup", self._mark, "Show the badge TEST SETUP instead of CENTRAL STORE", None, _is_open
        )
        self._test.setCheckable(True)
        menu.addSeparator()
        self._add(
            menu,
            "&Refresh",
            lambda: self._do(intents.Refresh()),
            "Read the configuration, the journal and the review again",
            QKeySequence.StandardKey.Refresh,
            _is_open,
        )
        self._add(menu, "&Quit", self._quit, "Close the program; if a job is running, you are asked first", "Ctrl+Q")

    def _journal(self) -> None:
        menu = self._menu("&Journal")
        self._add(
            menu,
            "Check &out",
            lambda: self._do(intents.CheckOut()),
            "Lock the cloud journal for yourself and download it",
            "Ctrl+Shift+O",
            journal_menu.why_not_check_out,
        )
        self._add(
            menu,
            "Check &in",
            lambda: self._do(intents.CheckIn()),
            "Upload the journal and unlock it for your colleagues",
            "Ctrl+Shift+I",
            journal_menu.why_not_check_in,
        )
        keep = lambda: self._do(intents.CheckIn(keep=True))  # noqa: E731
        self._add(menu, "Check in and &keep", keep, "Upload the journal and keep it checked out", None, journal_menu.why_not_check_in)
        unlockable = journal_menu.why_not_unlock
        self._add(menu, "&Unlock…", self._unlock, "Remove the lock of a journal that somebody left checked out", None, unlockable)
        self._add(
            menu,
            "&Take over a journal…",
            self._take_over,
            "Continue with a journal that was checked out elsewhere; you compare both first",
            None,
            journal_menu.why_not_take_over,
        )
        self._add(
            menu,
            "Set the local journal &aside…",
            lambda: self._do(intents.AskSetAside()),
            "Keep the local journal under another name, and use the cloud journal",
            None,
            journal_menu.why_not_set_aside,
        )
        self._add(
            menu,
            "&Recover the journal…",
            lambda: self._do(intents.DecideHistory()),
            "Use a fuller copy of the journal, if the journal has lost history",
            None,
            journal_menu.why_not_recover,
        )
        menu.addSeparator()
        old = journal_menu.why_not_upgrade
        self._add(
            menu, "U&pgrade the journal…", self._upgrade, "Convert a journal of the 2024 tool to format 2; this cannot be undone", None, old
        )
        copies = lambda: self._do(intents.ShowPage("history", "copies"))  # noqa: E731
        self._add(menu, "Kept &copies", copies, "Show the kept copies of the journal, and restore one", None, _is_open)

    def _upload(self) -> None:
        menu = self._menu("&Upload")
        ready = lambda state: _is_free(state) and state.custody.may_write  # noqa: E731
        self._add(
            menu, "&Scan the site", lambda: self._do(intents.Scan()), "Find out what changed since the last submission", "Ctrl+R", ready
        )
        content = "Read every file, and find those that changed although their size and time are the same"
        self._add(menu, "Scan and read &every file…", self._scan_content, content, None, ready)
        sample = lambda: self._do(intents.Scan(hashed=0.01))  # noqa: E731
        self._add(menu, "Scan and read a sa&mple", sample, "The same for 1 % of the files, chosen at random", None, ready)
        review = lambda: self._do(intents.ShowPage("review"))  # noqa: E731
        self._add(
            menu, "&Review changes", review, "Check the changes and approve them", "Ctrl+Shift+R", lambda state: state.review is not None
        )
        pending = lambda state: ready(state) and state.journal is not None and bool(state.journal.pending.files)  # noqa: E731
        send = lambda: self._do(intents.UploadPending())  # noqa: E731
        self._add(menu, "&Upload pending files", send, "Upload what is recorded and not uploaded yet", "Ctrl+U", pending)
        retry = lambda: self._do(intents.RetryFailed())  # noqa: E731
        self._add(menu, "Re&try failed files", retry, "Upload what failed or was cancelled", None, lambda s: ready(s) and bool(s.failures))
        verify = lambda: self._do(intents.ShowPage("verify"))  # noqa: E731
        self._add(menu, "&Verify…", verify, "Compare the central store with the journal", "Ctrl+Shift+V", _is_open)
        menu.addSeparator()
        self._add(
            menu, "&Pause or resume the job", self._pause, "Pause the running job, or resume it", "Ctrl+P", lambda s: s.running is not None
        )
        cancel = lambda: self._do(intents.CancelJob())  # noqa: E731
        self._add(
            menu, "&Cancel the job", cancel, "Stop the running job; what was finished is kept", "Ctrl+.", lambda s: s.running is not None
        )

        inner = QMenu("&When all jobs have ended", self._window)
        inner.setToolTipsVisible(True)
        self._after = choices(inner, lambda text, tip, act, can: self._add(inner, text, act, tip, None, can), self._do)
        menu.addMenu(inner)

    def _view(self) -> None:
        self.view = self._menu("&View")
        group = QActionGroup(self._window)
        for theme in THEMES:
            text, tip = _THEME_WORDS[theme]
            act = lambda theme=theme: self._do(intents.SetTheme(theme))  # noqa: E731
            action = self._add(self.view, text, act, tip)
            action.setCheckable(True)
            group.addAction(action)
            self._themes[theme] = action

    def add_page(self, title: str, keys: str, act: Callable[[], None]) -> None:
        """A page in the View menu, with its shortcut."""
        self._add(self.view, title, act, f"Show the {title} page", keys)

    def _tools(self) -> None:
        menu = self._menu("&Tools")
        self._add(
            menu, "Test &connection", self._connection, "Check if every place of the configuration can be reached", "Ctrl+T", _is_open
        )
        exists = lambda state: state.config is not None and state.journal is not None and state.journal.exists  # noqa: E731
        azcli = lambda: self._do(intents.ShowScript("azcli"))  # noqa: E731
        azcopy = lambda: self._do(intents.ShowScript("azcopy"))  # noqa: E731
        listed = lambda: self._do(intents.ShowScript("list"))  # noqa: E731
        store = lambda: self._do(intents.ShowPage("store"))  # noqa: E731
        tip = "Look at the versions, folders and files of the central store; download one file, or copy its address"
        self._add(menu, "F&iles in the central store…", store, tip, "Ctrl+Shift+F", _is_open)
        menu.addSeparator()
        self._add(
            menu, "Generate azcli &batch file…", azcli, "Write a script that uploads pending files with the Azure CLI", "Ctrl+B", exists
        )
        self._add(menu, "Generate azco&py script…", azcopy, "Write a script that uploads pending files with AzCopy", None, exists)
        self._add(menu, "Export &file list…", listed, "Write the paths of pending files, one per line", None, exists)
        menu.addSeparator()
        tip = f"Move all tokens, keys and passwords from the configuration file to {credential_store.title()}"
        self._add(
            menu, "&Move credentials…", self._keep_tokens, tip, None, lambda s: _is_free(s) and credential_store.has_secrets(s.config)
        )
        self._add(
            menu,
            "&Support bundle…",
            self._support,
            "Write versions, configuration, counts and logs to one file, for the person who helps you",
        )
        self._add(
            menu,
            "Clear &local data…",
            self._clear,
            "Remove reviews, logs and receipts, because they name patients",
            None,
            lambda s: not s.jobs,
        )

    def _help(self) -> None:
        menu = self._menu("&Help")
        self._add(menu, "&User guide", self._guide, "Show a submission step by step", QKeySequence.StandardKey.HelpContents)
        self._add(menu, "Open the &log", lambda: self._do(intents.ShowPage("log")), "Show what happened", "Ctrl+L")
        find = self._add(menu, "Find a &command…", self._window.asking.show_palette, "Find a command or a setting by its words", "Ctrl+K")
        find.setObjectName("palette")
        self._add(menu, "&Keyboard shortcuts", self._shortcuts, "Show what can be done with the keyboard")
        menu.addSeparator()
        self._add(menu, "&About CHoRUS Upload", self._about, "Show the version, the licences, and what the program sends to whom")

    # --- what asks first ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        window = self._window
        if file := ask_open(window, "Open configuration", CONFIGURATIONS):
            self._do(intents.OpenConfig(file))

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
        start = config.journal.local if config else None
        if file := ask_open(self._window, "Take over a journal", "Journals (*.db);;All files (*)", start):
            self._do(intents.CompareJournals(file))

    def _upgrade(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                "Upgrade the journal?",
                "The journal is converted to format 2. The 2024 tool can no longer use it. The old file is kept. This cannot be undone.",
                "Upgrade",
                danger=True,
            ),
            lambda: self._do(intents.UpgradeJournal()),
        ).open()

    def _scan_content(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                "Read every file of the site?",
                "The scan compares the content of every file with the journal, and shows the files that changed at the same size and time "
                "as updated. It takes as long as reading all files.",
                "Read all files",
            ),
            lambda: self._do(intents.Scan(hashed=1.0)),
        ).open()

    def _keep_tokens(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                f"Move the credentials to {credential_store.title()}?",
                f"All tokens, keys and passwords are removed from {self._window.state.config_file.name if self._window.state.config_file else 'the file'}. "
                "Only you can read them then, on this computer.",
                "Move credentials",
                details=(
                    "Other people and other computers that use this file need their own credentials.",
                    "The other tools do not find them there. They read tokens and keys from the file.",
                    "No copy of the file with the credentials is kept.",
                ),
            ),
            lambda: self._do(intents.KeepTokens()),
        ).open()

    def _clear(self) -> None:
        ConfirmDialog(
            self._window,
            Question(
                "Clear local data?",
                "Everything on this computer that names patients is removed. The journal, its kept copies and the configuration are kept. This cannot be undone.",
                "Clear data",
                details=(
                    "Reviews, and this computer's copy of the held-back list. Holds that are not shared yet are lost; the others are read again.",
                    f"What readiness checks found. {FORGOTTEN}",
                    "Log files.",
                    "Receipts of every submission from this computer.",
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
