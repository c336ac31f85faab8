"""Tools → batch file, script or list: what goes in, a preview of what comes out, Save.

The preview is made on the reader's thread, of the newest choices only; what is saved is made again, as a job.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QFontMetrics
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QPlainTextEdit, QSpinBox, QTreeWidget, QTreeWidgetItem, QWidget

from chorus_gui.app.exports import check_writable
from chorus_gui.app.scripts import Preview, SecretMode, Target, preview, preview_list
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.shown import button_text, plain_text
from chorus_gui.ui.state import JobKind, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, scrolled, set_grade
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.tables import set_widths, tree

LIST = "list"
TOOLS = {"azcli": "Batch file for the Azure CLI (az)", "azcopy": "Script for AzCopy", LIST: "List of files, one per line"}
TITLES = {"azcli": "Generate azcli batch file", "azcopy": "Generate azcopy script", LIST: "Export file list"}
TARGETS = {Target.WINDOWS: "Windows (.bat)", Target.POSIX: "Linux or macOS (.sh)"}
SECRETS = {
    SecretMode.ASK: "From a variable, or ask",
    SecretMode.ENV: "From a variable only",
    SecretMode.INLINE: "In the file",
}
SECRET_WORDS = {
    SecretMode.ASK: "The file holds no credential. The script reads it from an environment variable, or asks for it if that is not set.",
    SecretMode.ENV: "The file holds no credential. The script reads it from an environment variable, and stops if that is not set.",
    SecretMode.INLINE: "Anybody who can read the file can use your credential. Only you are given access to it. Delete it after the upload.",
}
TLS_WORDS = (
    "Others could read what is uploaded. Use this only if a proxy of the hospital replaces certificates, and its own "
    "certificate cannot be installed for az. It sets AZURE_CLI_DISABLE_CONNECTION_VERIFICATION in the script."
)
WAIT_MS = 150
"""After a change of the choices, before the preview is asked for: a person types a number digit by digit."""
LEFT_OUT_ROWS = 1_000
FORM_WIDTH = 350


class ScriptDialog(Dialog):
    """``intent`` is :class:`.intents.GenerateScript` or :class:`.intents.ExportFileList`.  :meth:`render` is called for each state."""

    intent = Signal(object)

    def __init__(self, parent: QWidget | None, reader: Reader, state: SessionState, tool: str) -> None:
        super().__init__(parent, TITLES[tool])
        self._reader, self._state = reader, state
        self._files = 0
        self.setMinimumSize(860, 400)
        self.resize(1080, 700)
        self._make_choices(state, tool)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName("Preview")
        self.text.setToolTip("The text of the file, with dots instead of secrets")
        self.text.setTabChangesFocus(True)
        self.said = label("", "strong", wrap=True, selectable=True)
        self.left_out = QTreeWidget()
        self.left_out.setHeaderLabels(["Left out", "Why"])
        self.left_out.setRootIsDecorated(False)
        self.left_out.setMaximumHeight(150)
        tree(self.left_out, "Files that are left out", "Files that this script does not upload, and why", stretch=0)
        set_widths(self.left_out, {0: "1000123/Images/study_0001", 1: "It was held back after the approval"})
        self.save = button("&Save…", "Choose where to save the file", icon="save", primary=True)
        self.save.clicked.connect(self._save)
        cancel = button("Cancel", "Close without saving (Esc)")
        cancel.clicked.connect(self.reject)
        shown = column(self.said, self.text, self.left_out, space=SPACE)
        shown.setStretch(1, 1)
        self.failed = label("", wrap=True, selectable=True)
        set_grade(self.failed, Grade.BAD)
        self.failed.hide()
        body = row(self._form(), shown, space=3 * SPACE)
        body.setStretch(1, 1)
        edge = 3 * SPACE
        whole = column(body, self.failed, row(None, cancel, self.save), space=2 * SPACE, margins=(edge, edge, edge, 2 * SPACE))
        whole.setStretch(0, 1)
        self.setLayout(whole)
        self.save.setDefault(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._ask)
        self._connect()
        self._changed()

    # --- choices ----------------------------------------------------------------------------------------------------

    def _make_choices(self, state: SessionState, tool: str) -> None:
        self.tool = _combo("Kind of file", "Choose a script for one of Microsoft's tools, or a plain list", TOOLS)
        self.tool.setCurrentIndex(list(TOOLS).index(tool))
        self.modalities = {name: QCheckBox(button_text(name)) for name in (state.config.modalities if state.config else ())}
        for name, box in self.modalities.items():
            box.setChecked(True)
            box.setToolTip(plain_text(f"Include the files of {name}"))
            box.setAccessibleName(name)
        self.version = _combo("Version", "Choose the version whose files are included", {})
        self.maximum = QSpinBox()
        self.maximum.setRange(0, 100_000_000)
        self.maximum.setGroupSeparatorShown(True)
        self.maximum.setSpecialValueText("No maximum")
        self.maximum.setAccessibleName("Maximum number of files")
        self.maximum.setToolTip("Include at most this number of files; the next script can upload the rest")
        self.target = _combo("System", "Choose the system that the script runs on", TARGETS)
        self.target.setCurrentIndex(list(TARGETS).index(Target.here()))
        self.secret = _combo("Credential", "Choose where the script gets its credential", SECRETS)
        self.one_by_one = QCheckBox("Run the tool once per file")
        self.one_by_one.setToolTip("Upload and report each file separately; this is slower (about a second per file with az)")
        self.no_tls = QCheckBox("Do not check the server's certificate")
        self.no_tls.setToolTip(plain_text(TLS_WORDS))
        self.uploaded = QCheckBox("List uploaded files")
        self.uploaded.setToolTip("List files that are already uploaded, instead of pending files")
        for box in (self.one_by_one, self.no_tls, self.uploaded):
            box.setAccessibleName(box.text())
        self._fill_versions(state)

    def _form(self) -> QWidget:
        self._secret_words = label("", "muted", wrap=True)
        self._target_words = label(
            "This is not the system of this computer. Check the paths in the first lines of the script before you run it.", wrap=True
        )
        set_grade(self._target_words, Grade.WARNING)
        self._tls_words = label(TLS_WORDS, "muted", wrap=True)
        self._script_part = QWidget()
        self._script_part.setLayout(
            column(
                _named("S&ystem", self.target),
                self._target_words,
                SPACE // 2,
                _named("C&redential", self.secret),
                self._secret_words,
                SPACE // 2,
                self.one_by_one,
                self.no_tls,
                self._tls_words,
                space=SPACE,
            )
        )
        boxes = QWidget()
        boxes.setLayout(column(label("Modalities", "strong"), *self.modalities.values(), space=SPACE // 2))
        parts = (
            _named("&Kind of file", self.tool),
            boxes,
            _named("&Version", self.version),
            _named("&Maximum number of files", self.maximum),
            self.uploaded,
            self._script_part,
            None,
        )
        content = QWidget()
        content.setLayout(column(*parts, space=2 * SPACE, margins=(1, 1, SPACE, 1)))
        area = scrolled(content, "Options of the batch file")
        area.setFixedWidth(FORM_WIDTH)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    def _connect(self) -> None:
        for combo in (self.tool, self.version, self.target, self.secret):
            combo.currentIndexChanged.connect(self._changed)
        for box in (*self.modalities.values(), self.one_by_one, self.no_tls):
            box.toggled.connect(self._changed)
        self.uploaded.toggled.connect(self._other_files)
        self.maximum.valueChanged.connect(self._changed)

    def _fill_versions(self, state: SessionState) -> None:
        """Those that have such files; the selected one stays selected."""
        chosen: str | None = self.version.currentData()
        counts = state.journal.counts if state.journal else ()
        uploaded = self.uploaded.isChecked()
        names = sorted({c.version for c in counts if (c.active - c.pending if uploaded else c.pending)}, reverse=True)
        if names == [self.version.itemData(i) for i in range(1, self.version.count())] and self.version.count():
            return
        self.version.blockSignals(True)
        self.version.clear()
        self.version.addItem("All uploaded files" if uploaded else "All pending files", None)
        for name in names:
            self.version.addItem(name, name)
        self.version.setCurrentIndex(max(self.version.findData(chosen), 0) if chosen else 0)
        self.version.blockSignals(False)

    def _other_files(self) -> None:
        self._fill_versions(self._state)
        self._changed()

    # --- what is chosen ---------------------------------------------------------------------------------------------

    @property
    def is_list(self) -> bool:
        """The file is a plain list."""
        return self.tool.currentData() == LIST

    def wanted(self, file: Path) -> intents.GenerateScript | intents.ExportFileList:
        """The choices, for ``file``."""
        chosen = tuple(name for name, box in self.modalities.items() if box.isChecked())
        chosen = () if len(chosen) == len(self.modalities) else chosen
        version, most = self.version.currentData(), self.maximum.value() or None
        if self.is_list:
            return intents.ExportFileList(file, version, chosen, self.uploaded.isChecked(), most)
        return intents.GenerateScript(
            file,
            self.tool.currentData(),
            version,
            chosen,
            most,
            self.target.currentData().value,
            self.secret.currentData().value,
            self.one_by_one.isChecked(),
            not (self.no_tls.isChecked() and self.tool.currentData() == "azcli"),
        )

    @property
    def ending(self) -> str:
        """Of the file's name."""
        return ".txt" if self.is_list else ".bat" if self.target.currentData() is Target.WINDOWS else ".sh"

    # --- drawing ----------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Another state: when the recorded files have changed, the preview is made again."""
        before, self._state = self._state, state
        if state.config is None or before.config is None or state.config.file != before.config.file:
            self.reject()
            return
        if state.journal != before.journal or self._recording(state) != self._recording(before) or state.config is not before.config:
            self._fill_versions(state)
            self._changed()

    def _recording(self, state: SessionState) -> bool:
        return state.busy_with(JobKind.RECORD)

    def _changed(self) -> None:
        """The choices have changed: show what belongs to them, and a new preview."""
        listing, azcli = self.is_list, self.tool.currentData() == "azcli"
        self.setWindowTitle(TITLES[self.tool.currentData()])
        self._script_part.setVisible(not listing)
        self.uploaded.setVisible(listing)
        self.no_tls.setVisible(azcli)
        self._tls_words.setVisible(azcli)
        set_grade(self._tls_words, Grade.WARNING if self.no_tls.isChecked() else None)
        self._target_words.setVisible(self.target.currentData() is not Target.here())
        self._draw_secret()
        self.left_out.hide()
        self.save.setEnabled(False)
        self._files = 0
        if self._recording(self._state):
            self._say("Recording the changes. The preview follows.", None)
        elif self.modalities and not any(box.isChecked() for box in self.modalities.values()):
            self._say("Select a modality.", Grade.WARNING)
            self.text.clear()
        else:
            self._say("Loading the preview…", None)
            self._timer.start()
            return
        self._timer.stop()
        self._reader.forget(self)

    def _draw_secret(self) -> None:
        mode: SecretMode = self.secret.currentData()
        config = self._state.config
        login = config is not None and config.central.credentials.mode is AuthMode.LOGIN
        text = "This configuration signs in with Microsoft. The script needs no credential." if login else SECRET_WORDS[mode]
        self._secret_words.setText(text)
        set_grade(self._secret_words, Grade.BAD if mode is SecretMode.INLINE and not login else None)

    def _ask(self) -> None:
        config = self._state.config
        if config is None:
            return
        wanted = self.wanted(Path(f"upload{self.ending}"))

        def step(ctx: Any) -> Preview:
            return preview_list(config, wanted, ctx) if isinstance(wanted, intents.ExportFileList) else preview(config, wanted, ctx)

        self._reader.ask(self, step, self._take, channel="preview")

    def _take(self, outcome: Outcome[Preview]) -> None:
        if outcome.kind is not OutcomeKind.DONE or outcome.value is None:
            self.text.clear()
            self._say(str(outcome.error) if outcome.error else "The preview could not be made. Change a choice to try again.", Grade.BAD)
            return
        made = outcome.value
        more = f"\n\n… and {words.count_of(made.more, 'more line')}, not shown in the preview." if made.more else ""
        self.text.setPlainText(made.text + more)
        self._files = made.files
        self._list_left_out(made)
        if not made.files:
            none = "This script cannot upload any of these files." if made.left_out else "No file matches these choices."
            self._say(none, Grade.WARNING)
            return
        does = "The list has" if self.is_list else "The script uploads"
        inside = " Your credential will be in the file. The preview shows dots instead." if made.secret_inside else ""
        left = (
            f" {words.count_of(len(made.left_out), 'file')} {words.agree(len(made.left_out), 'is', 'are')} left out, see below."
            if made.left_out
            else ""
        )
        self._say(f"{does} {words.count_of(made.files, 'file')}.{left}{inside}", Grade.WARNING if inside or left else None)
        self.save.setEnabled(True)

    def _list_left_out(self, made: Preview) -> None:
        self.left_out.clear()
        shown = [QTreeWidgetItem([path, why]) for path, why in made.left_out[:LEFT_OUT_ROWS]]
        for item in shown:
            for place in (0, 1):
                item.setToolTip(place, plain_text(item.text(place)))
        if (rest := len(made.left_out) - len(shown)) > 0:
            shown.append(QTreeWidgetItem([f"… and {words.number(rest)} more", ""]))
        self.left_out.addTopLevelItems(shown)
        self.left_out.setColumnWidth(0, QFontMetrics(self.font()).horizontalAdvance("n" * 44))
        self.left_out.setVisible(bool(shown))

    def _say(self, text: str, grade: Grade | None) -> None:
        self.said.setText(text)
        set_grade(self.said, grade)

    # --- saving -----------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        name = "pending" if self.is_list else "upload"
        kinds = f"{self.tool.currentText().partition(',')[0]} (*{self.ending})"
        chosen, _ = ask_save(self, self.windowTitle(), name + self.ending, kinds)
        if chosen:
            self.save_to(chosen)

    def save_to(self, file: Path) -> None:
        """Ask for the file, and close.  A script needs its ending to be run.  If it cannot be written, say why and stay open."""
        if not self.is_list and file.suffix != self.ending:
            file = file.with_name(file.name + self.ending)
        try:
            check_writable(file)
        except UsageError as error:
            self.failed.setText(str(error))
            self.failed.show()
            return
        self.intent.emit(self.wanted(file))
        self.accept()


def _combo(name: str, tip: str, choices: dict[Any, str]) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(plain_text(tip))
    for value, text in choices.items():
        made.addItem(text, value)
    return made


def _named(name: str, field: QWidget) -> QFrame:
    """A field below its name, whose mnemonic leads to it."""
    title = label(name, "strong")
    title.setBuddy(field)
    made = QFrame()
    made.setLayout(column(title, field, space=SPACE // 2))
    return made
