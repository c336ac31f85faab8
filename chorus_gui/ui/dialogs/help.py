"""Help: the guide, the shortcuts, about the program."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from PySide6.QtCore import QUrl, qVersion
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QKeySequence, QShortcut, QTextCursor
from PySide6.QtWidgets import QLabel, QLineEdit, QTextBrowser, QTreeWidget, QTreeWidgetItem, QWidget

from chorus_gui import __version__
from chorus_gui.app.folders import guide, log_folder
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.icons import program_icon
from chorus_gui.ui.widgets.tables import set_widths, tree

LICENCES = {
    "PySide6-Essentials": "LGPL-3.0",
    "azure-core": "MIT",
    "azure-identity": "MIT",
    "azure-storage-blob": "MIT",
    "botocore": "Apache-2.0",
    "certifi": "MPL-2.0",
    "cryptography": "Apache-2.0 or BSD-3-Clause",
    "filelock": "MIT",
    "google-auth": "Apache-2.0",
    "jinja2": "BSD-3-Clause",
    "keyring": "MIT",
    "platformdirs": "MIT",
    "pydicom": "MIT",
    "pywin32-ctypes": "BSD-3-Clause",
    "requests": "Apache-2.0",
    "rich": "MIT",
    "tomli-w": "MIT",
    "tomlkit": "MIT",
    "truststore": "MIT",
    "urllib3": "MIT",
    "wakepy": "MIT",
}
"""The libraries that the program uses; a test compares them with pyproject.toml."""
PURPOSE = "Submits a hospital's OMOP tables, images and waveforms to the CHoRUS central store, and keeps track of what was submitted."
TELEMETRY = (
    "It only connects to the places in your configuration, and to the sign-in services of Microsoft, Amazon and Google if you use them. "
    "It sends no telemetry and no reports, and does not search for updates."
)
EDGE = 3 * SPACE
LEAST_LIST = 150
"""The least height of the list of parts; pixels."""


class GuideDialog(Dialog):
    """The user guide, to read and to search."""

    def __init__(self, parent: QWidget | None, file: Path | None = None) -> None:
        super().__init__(parent, "User guide")
        self.setMinimumSize(560, 320)
        self.resize(860, 680)
        file = file or guide()
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.setAccessibleName("User guide")
        self.text.document().setBaseUrl(QUrl.fromLocalFile(str(file)))
        self.text.document().setDocumentMargin(2 * SPACE)
        self.text.anchorClicked.connect(self._follow)
        self.text.setMarkdown(_without_pictures(file.read_text("utf-8")))
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find in the guide")
        self.search.setAccessibleName("Find in the guide")
        self.search.setToolTip("Find a word in the guide; Enter finds the next one (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.textEdited.connect(lambda: self._find(again=False))
        self.search.returnPressed.connect(lambda: self._find(again=True))
        self.found = label("", "muted")
        close = button("Close", "Close this window (Esc)")
        close.setAutoDefault(False)
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)
        close.clicked.connect(self.accept)
        top = row(self.search, self.found, space=2 * SPACE)
        top.setStretch(0, 1)
        whole = column(top, self.text, row(None, close), space=2 * SPACE, margins=(EDGE, EDGE, EDGE, 2 * SPACE))
        whole.setStretch(1, 1)
        self.setLayout(whole)
        self.text.setFocus()

    def _find(self, *, again: bool) -> None:
        word, cursor = self.search.text(), self.text.textCursor()
        if not again:  # the same place, if it still matches with one more letter
            cursor.setPosition(cursor.selectionStart())
        for start in (cursor, QTextCursor(self.text.document())):
            there = self.text.document().find(word, start) if word else QTextCursor()
            if not there.isNull():
                self.text.setTextCursor(there)
                self.found.setText("")
                return
        self.found.setText("Not found" if word else "")

    def _follow(self, url: QUrl) -> None:
        if url.isRelative() and url.hasFragment():
            self.text.scrollToAnchor(url.fragment())
        elif url.scheme() in ("https", "http", "mailto"):
            QDesktopServices.openUrl(url)


def _without_pictures(text: str) -> str:
    """The reader has the window itself; the pictures are for readers of the file."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("!["))


class ShortcutsDialog(Dialog):
    """Every shortcut of the window, and of what is in front of it."""

    def __init__(self, parent: QWidget | None, actions: Iterable[QAction]) -> None:
        super().__init__(parent, "Keyboard shortcuts")
        self.setMinimumSize(520, 320)
        self.resize(520, 480)
        self.table = QTreeWidget()
        self.table.setHeaderLabels(["Action", "Keys"])
        self.table.setRootIsDecorated(False)
        for action in actions:
            if not action.shortcut().isEmpty():
                keys = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)
                item = QTreeWidgetItem([action.text().replace("&", "").removesuffix("…"), keys])
                item.setToolTip(0, plain_text(action.toolTip()))
                self.table.addTopLevelItem(item)
        for what, keys in (("Open the menus", "Alt, or F10"), ("Next field, previous field", "Tab, Shift+Tab"), ("Close a dialog", "Esc")):
            self.table.addTopLevelItem(QTreeWidgetItem([what, keys]))
        tree(self.table, "Keyboard shortcuts", "Actions that have a keyboard shortcut", stretch=0)
        set_widths(self.table, {0: "Export the held-back list", 1: "Ctrl+Shift+Return"})
        close = button("Close", "Close this window (Esc)")
        close.clicked.connect(self.accept)
        whole = column(self.table, row(None, close), space=2 * SPACE, margins=(EDGE, EDGE, EDGE, 2 * SPACE))
        whole.setStretch(0, 1)
        self.setLayout(whole)
        self.table.setFocus()


class AboutDialog(Dialog):
    """Version, licences, and what the program sends to whom: nothing."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, "About CHoRUS Upload")
        self.setMinimumSize(560, 320)
        self.resize(560, 520)
        picture = QLabel()
        picture.setPixmap(program_icon().pixmap(48, 48))
        self.facts = "\n".join(facts())
        name = column(label(f"CHoRUS Upload {__version__}", "heading", selectable=True), label(PURPOSE, wrap=True), space=SPACE // 2)
        head = row(picture, name, space=2 * SPACE)
        head.setStretch(1, 1)
        self.parts = QTreeWidget()
        self.parts.setHeaderLabels(["Part", "Version", "Licence"])
        self.parts.setRootIsDecorated(False)
        self.parts.setMinimumHeight(LEAST_LIST)
        for part, licence in LICENCES.items():
            self.parts.addTopLevelItem(QTreeWidgetItem([part, version_of(part), licence]))
        tree(self.parts, "Parts and their licences", "The libraries that the program uses, with their licences", stretch=0)
        set_widths(self.parts, {0: "azure-identity", 1: "2026.10.12", 2: "Apache License 2.0 or BSD"})
        copy = button("&Copy details", "Copy the version and the details to the clipboard, for the person who helps you", icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.facts))
        close = button("Close", "Close this window (Esc)")
        close.clicked.connect(self.accept)
        parts = (
            head,
            label(TELEMETRY, wrap=True),
            label("CHoRUS Upload is free software under the MIT licence.", wrap=True),
            self.parts,
            label(self.facts, "muted", wrap=True, selectable=True),
        )
        whole = column(*parts, space=2 * SPACE)
        whole.setStretch(3, 1)
        self.compose(whole, row(copy, None, close))
        close.setFocus()


def version_of(part: str) -> str:
    """Its version; "" if the installed program has none."""
    try:
        return metadata.version(part)
    except metadata.PackageNotFoundError:
        return ""


def facts() -> list[str]:
    """What the person who helps needs to know; without any path of the site."""
    return [
        f"CHoRUS Upload {__version__}",
        f"Python {sys.version.split()[0]}, Qt {qVersion()}, {sys.platform}",
        f"Log files: {log_folder()}",
    ]
