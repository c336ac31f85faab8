"""The fields of the form, one class a kind of key, and the row that holds one with its explanation and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QFontDatabase, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from chorus_gui.app import credential_store
from chorus_gui.app.answers import pasted_path
from chorus_gui.app.configuration import default_pattern
from chorus_gui.app.credentials import NEEDS, secret_facts
from chorus_gui.app.draft import Draft, Where
from chorus_gui.app.place_choice import address
from chorus_gui.app.place_kinds import FOLDER, FORMS, PlaceForm
from chorus_gui.core.config.keys import DEFAULT, KEYS, Key, Kind
from chorus_gui.core.config.model import Layout
from chorus_gui.core.errors import Fault
from chorus_gui.core.model import MODALITIES, Grade
from chorus_gui.ui.pages.configuration_words import CHOICES, DEFAULTS, EXPLANATIONS, title
from chorus_gui.ui.shown import button_text, plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, button, column, label, row, set_grade
from chorus_gui.ui.widgets.files import ask_open, ask_save
from chorus_gui.ui.widgets.secret import SecretEdit


class Said(NamedTuple):
    """What the text says for a key: for this modality alone, and what applies, with the default's table.  None: nothing."""

    own: object
    effective: object


class Field(QWidget):
    """``edited`` has the new value, as the file writes it; None to leave the key out."""

    edited = Signal(object)

    def __init__(self, editor: QWidget) -> None:
        super().__init__()
        self.editor = editor
        self.setFocusProxy(editor)

    def show_value(self, said: Said) -> None:
        """What the text says."""
        raise NotImplementedError

    def show_hint(self, hint: str) -> None:
        """What applies while the field is empty."""


class TextField(Field):
    """A line; ``number``: what is a whole number is written as one."""

    def __init__(self, *, number: bool = False, fixed: bool = False, browse: Callable[[QLineEdit], str] | None = None) -> None:
        self.edit = QLineEdit()
        super().__init__(self.edit)
        self._number, self._path = number, browse is not None
        if fixed:
            self.edit.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        if number:
            self.edit.setMaximumWidth(160)
        self.edit.textEdited.connect(self._emit_edited)
        line = row(self.edit, space=SPACE // 2)
        if browse is not None:
            self.browse = button("Browse…", "Choose a file or folder", icon="folder")
            self.browse.clicked.connect(lambda: self._take(browse(self.edit)))
            line.addWidget(self.browse)
        if number:
            line.addStretch(1)
        self.setLayout(line)

    def show_value(self, said: Said) -> None:
        """In full; what has a SAS token in it is masked."""
        own = said.own
        text = ", ".join(map(str, cast("list[object]", own))) if isinstance(own, list) else "" if own is None else str(own)
        masked = "sig=" in text.lower()
        self.edit.setEchoMode(QLineEdit.EchoMode.Password if masked else QLineEdit.EchoMode.Normal)
        if self.edit.text() != text:
            self.edit.setText(text)
            self.edit.setCursorPosition(0)

    def show_hint(self, hint: str) -> None:
        """Shown while it is empty."""
        self.edit.setPlaceholderText(hint)

    def _emit_edited(self, text: str) -> None:
        stripped = text.strip()
        if self._path and pasted_path(text) != stripped:
            text = stripped = pasted_path(text)  # what Explorer's “Copy as path” copies is in quotes
        if not stripped:
            self.edited.emit(None)
        elif self._number and stripped.isascii() and stripped.removeprefix("-").isdigit():
            self.edited.emit(int(stripped))
        else:
            self.edited.emit(text)

    def _take(self, chosen: str) -> None:
        if chosen:
            self.edit.setText(chosen)
            self.edited.emit(chosen)


class AddressField(TextField):
    """Where files are: a folder, or "bucket/folder" of a kind of place in a cloud, whose scheme is not shown.

    ``also`` has further values of the same modality (name → value) that a pasted address says, before ``edited`` has the path.
    """

    also = Signal(object)

    def __init__(self, browse: Callable[[QLineEdit], str]) -> None:
        super().__init__(browse=browse)
        self.form = FOLDER
        self.keeps_empty = False
        """an empty field stays in the file: without it, the place would be another one"""
        self._shown, self._setting = "", False
        self.edit.textEdited.disconnect()
        self.edit.textChanged.connect(self._changed)
        self.edit.editingFinished.connect(lambda: self._give(pasted=True) if "://" in self.edit.text() else None)

    def show_form(self, form: PlaceForm) -> None:
        """Another kind of place."""
        self.form = form
        self.browse.setVisible(form is FOLDER)

    def show_value(self, said: Said) -> None:
        """The path, without the scheme of the kind that is shown."""
        own = said.own if isinstance(said.own, str) else ""
        own = own.removeprefix(self.form.start)
        self._setting = True
        super().show_value(Said(own, said.effective))
        self._setting, self._shown = False, self.edit.text()

    def _changed(self, text: str) -> None:
        before, self._shown = self._shown, text
        if not self._setting:
            self._give(pasted=abs(len(text) - len(before)) > 1)

    def _give(self, *, pasted: bool) -> None:
        text = self.edit.text()
        if not text.strip():
            self.edited.emit(self.form.start or ("" if self.keeps_empty else None))
            return
        begun = text.strip().startswith(tuple(form.start for form in FORMS if form.start))
        path, also = address(self.form, text) if pasted or begun else (self.form.start + text, {})
        if also:
            self.also.emit(also)
        self.edited.emit(path)

    def _take(self, chosen: str) -> None:
        if chosen:
            self.edit.setText(chosen)


class SecretField(Field):
    """A masked line that says what is known about the secret."""

    def __init__(self, meaning: str) -> None:
        self._place, _, self._name = meaning.rpartition(".")
        self.secret = SecretEdit(title(meaning))
        super().__init__(self.secret.edit)
        self.setLayout(column(self.secret))
        self.secret.edited.connect(lambda text: self.edited.emit(text.strip() or None))

    def show_value(self, said: Said) -> None:
        """Masked, with what is known about it."""
        text = said.own if isinstance(said.own, str) else ""
        if self.secret.text().strip() != text.strip():
            self.secret.show_text(text)
        self.secret.show_facts(secret_facts(self._name, text, NEEDS.get(self._place, "")))

    def show_hint(self, hint: str) -> None:
        """Shown while it is empty."""
        self.secret.edit.setPlaceholderText(hint)


class FlagField(Field):
    """A check box with the key's title."""

    def __init__(self, name: str) -> None:
        self.box = QCheckBox(name)
        super().__init__(self.box)
        self.box.clicked.connect(lambda checked: self.edited.emit(checked))
        self.setLayout(column(self.box))

    def show_value(self, said: Said) -> None:
        """What applies."""
        with QSignalBlocker(self.box):
            self.box.setChecked(said.effective is True)


class Combo(QComboBox):
    """Scrolling a page must not change the field under the pointer."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """It scrolls the page instead."""
        event.ignore()


class ChoiceField(Field):
    """A list: the default first, then the choices, and a value of the file that is not a choice."""

    def __init__(self, key: Key) -> None:
        self.box = Combo()
        super().__init__(self.box)
        self._key = key
        without = DEFAULTS.get(key.nested.rpartition(".")[2], "Default")
        unset = f"Default: {CHOICES.get(key.default, key.default)}" if key.default else without
        self.box.addItem(unset, None)
        for choice in key.choices:
            if choice in CHOICES:
                self.box.addItem(CHOICES[choice], choice)
        self._known = self.box.count()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setMaximumWidth(480)
        self.box.activated.connect(lambda _: self.edited.emit(self.box.currentData()))
        line = row(self.box, None)
        line.setStretch(0, 100)
        self.setLayout(line)

    def show_value(self, said: Said) -> None:
        """What the file has, valid or not."""
        with QSignalBlocker(self.box):
            at = self.box.findData(said.own) if said.own is not None else 0
            while at < 0 and self.box.count() > self._known:
                self.box.removeItem(self._known)
            if at < 0:
                self.box.addItem(f"“{said.own}”", said.own)
                at = self._known
            self.box.setCurrentIndex(at)


class ModalitiesField(Field):
    """A check box for each modality; other names stay in the file until their problem is fixed."""

    def __init__(self) -> None:
        self.boxes = {name: QCheckBox(name) for name in MODALITIES}
        super().__init__(self.boxes[MODALITIES[0]])
        self._others: list[str] = []
        for name, box in self.boxes.items():
            box.clicked.connect(self._emit_edited)
            box.setAccessibleName(f"Submit {name}")
            box.setToolTip(plain_text(f"Submit the files of {name}"))
        self.setLayout(row(*self.boxes.values(), None, space=2 * SPACE))

    def show_value(self, said: Said) -> None:
        """What applies."""
        text = said.effective if isinstance(said.effective, str) else KEYS["modalities"].default
        names = [name.strip() for name in text.split(",") if name.strip()]
        self._others = [name for name in names if name not in MODALITIES]
        for name, box in self.boxes.items():
            with QSignalBlocker(box):
                box.setChecked(name in names or not box.isEnabledTo(self))

    def show_layout(self, layout: Layout) -> None:
        """The nested layout always has Metadata."""
        box = self.boxes["Metadata"]
        box.setEnabled(layout is Layout.FLAT)
        box.setToolTip(
            plain_text("Submit the files of Metadata" if layout is Layout.FLAT else "Metadata is always included in this layout")
        )

    def _emit_edited(self) -> None:
        names = [name for name, box in self.boxes.items() if box.isChecked() and box.isEnabledTo(self)]
        self.edited.emit(",".join([*names, *self._others]))


class KeyRow(FormRow):
    """A key of the configuration, for all modalities or for one."""

    edited = Signal(object, object)
    """where, and the value"""
    fix_wanted = Signal(object)
    """a :class:`Fault` whose suggestion is to be used"""

    def __init__(self, where: Where, folder: Callable[[], Path], *, explained: bool = True) -> None:
        self.where = where
        self.key = KEYS[where[0]]
        self.input = _field(where, folder)
        name = title(where[0]) if where != ("site.path", DEFAULT) else "Site folder"
        super().__init__(
            name,
            self.input,
            EXPLANATIONS.get(where[0], self.key.explanation) if explained else "",
            required=self.key.required and where[1] == DEFAULT,
            whose="" if where[1] == DEFAULT else str(where[1]),
        )
        self._name = name
        self.input.edited.connect(lambda value: self.edited.emit(self.where, value))
        self._warning = label("", wrap=True, selectable=True)
        set_grade(self._warning, Grade.WARNING)
        self._warning.hide()
        self._fault_shown: Fault | None = None
        self._fallback = False
        self.locked = False  # the password of a certificate's file, which needs one
        self.fix = button("", "Use the suggested value", icon="check")
        self.fix.hide()
        self.fix.clicked.connect(self._fix)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertLayout(3, row(self.fix, None))
        layout.insertWidget(4, self._warning)
        layout.setContentsMargins(0, 0, 0, 0)
        if self.key.kind is Kind.FLAG and (first := layout.itemAt(0)) is not None and (heading := first.widget()) is not None:
            heading.hide()  # the check box says it

    def show_place(self, draft: Draft, name: str, explanation: str) -> None:
        """What the text says, where what the field means depends on the kind of place."""
        self.show_words(name, explanation)
        self.show_draft(draft)

    def show_words(self, name: str, explanation: str) -> None:
        """Another name and explanation; a screen reader says the same."""
        self._name = name
        super().show_words(name, explanation)

    @property
    def has_fallback(self) -> bool:
        """While the field is empty, its value comes from the environment or the credential store."""
        return self._fallback

    def show_draft(self, draft: Draft) -> None:
        """What the text says."""
        dotted = draft.dotted(self.where)
        editor = self.input.editor
        if not isinstance(self.input, ModalitiesField):  # each of its boxes has a name of its own
            editor.setAccessibleName(self.spoken(self._name))
        editor.setAccessibleDescription(self.key.explanation)
        editor.setToolTip(plain_text(f"{self.key.explanation}\n{dotted}"))
        if isinstance(self.input, ModalitiesField):
            self.input.show_layout(draft.layout)
        self.input.show_value(Said(draft.own(self.where), draft.effective(self.where)))
        hint = self._hint(draft)
        self._fallback = hint.startswith("from ")
        self.input.show_hint(hint)

    def show_findings(self, draft: Draft, faults: list[Fault], warnings: list[str]) -> None:
        """What is wrong with it."""
        self._fault_shown = next((fault for fault in faults if draft.fix_of(fault)), None)
        self.show_fault("\n".join(" ".join(part for part in (fault.problem, fault.remedy) if part) for fault in faults))
        self.fix.setVisible(self._fault_shown is not None)
        if self._fault_shown is not None:
            does = draft.fix_of(self._fault_shown)
            short = does if len(does) <= 66 else f"{does[:45]}…{does[-20:]}"
            self.fix.setText(button_text(short))
            self.fix.setToolTip(plain_text(does))
            self.fix.setAccessibleName(short)
        self._warning.setText("\n".join(warnings))
        self._warning.setVisible(bool(warnings))

    def _fix(self) -> None:
        if self._fault_shown is not None:
            self.fix_wanted.emit(self._fault_shown)

    def _is_kept(self, draft: Draft) -> bool:
        """The secret is needed and not in the text: the credential store should have it."""
        place, _, name = self.where[0].partition(".")
        if name in _KEY_IDS:
            return bool(draft.effective((f"{place}.{_KEY_IDS[name]}", self.where[1]))) and not draft.effective(self.where)
        if name == "smtp_password":
            return bool(draft.effective((f"{place}.smtp_user", self.where[1]))) and not draft.effective(self.where)
        if name == "azure_client_certificate_password":
            return self.locked and not draft.effective(self.where)
        if name not in ("azure_sas_token", "azure_account_key"):
            return False
        mode, url = (draft.effective((f"{place}.{other}", self.where[1])) for other in ("auth_mode", "azure_account_url"))
        if name == "azure_account_key":
            return mode == "key" and not draft.effective(self.where)
        return mode in ("sas", "sas_token") and "sig=" not in str(url).lower()

    def _hint(self, draft: Draft) -> str:
        if variable := draft.variable(self.where):
            return f"from {variable}"
        if self._is_kept(draft):
            return f"from {credential_store.title()}"
        if self.where[1] != DEFAULT and self.key.kind is not Kind.SECRET:
            inherited = draft.effective(self.where)
            if isinstance(inherited, str) and inherited and draft.own(self.where) is None:
                return f"same as the site: {inherited}"
        if self.where[0] == "site.pattern" and self.where[1] != DEFAULT:
            return default_pattern(draft.layout, self.where[1])
        return f"default: {self.key.default}" if self.key.default and self.key.kind is not Kind.FLAG else ""


def _field(where: Where, folder: Callable[[], Path]) -> Field:
    meaning = where[0]
    key = KEYS[meaning]
    match key.kind:
        case Kind.SECRET:
            return SecretField(meaning)
        case Kind.FLAG:
            return FlagField(title(meaning))
        case Kind.CHOICE:
            return ChoiceField(key)
        case Kind.MODALITIES:
            return ModalitiesField()
        case Kind.PATH if meaning == "site.path":
            return AddressField(lambda edit: _browse(edit, meaning, folder()))
        case Kind.PATH:
            return TextField(browse=lambda edit: _browse(edit, meaning, folder()))
        case Kind.NUMBER:
            return TextField(number=True)
        case _:
            return TextField(fixed=key.kind in (Kind.PATTERN, Kind.PATTERNS))


_KEY_IDS = {"aws_secret_access_key": "aws_access_key_id", "google_hmac_secret": "google_hmac_access_id"}
"""The secret of an access key → the key that names it, beside which it is in the credential store if the file does not have it."""
_FILES = {
    "azure_client_certificate_path": "Certificates (*.pem *.pfx *.p12);;All files (*)",
    "google_credentials_file": "Google credentials (*.json);;All files (*)",
    "aws_ca_bundle": "Certificates (*.pem *.crt *.cer);;All files (*)",
    "google_ca_bundle": "Certificates (*.pem *.crt *.cer);;All files (*)",
}
"""Keys of a file that must exist → what the dialog offers, if it is not every file."""


def _browse(edit: QLineEdit, meaning: str, base: Path) -> str:
    text = edit.text().strip()
    start = str(base / text) if text and "://" not in text else str(base)
    if meaning.startswith("journal."):
        kinds = "Journals (*.db);;All files (*)"
        chosen, _ = ask_save(edit, f"Choose the file: {title(meaning)}", Path(start), kinds, confirm=False)
    elif meaning.endswith(("_path", "_file", "_bundle")):
        kinds = _FILES.get(meaning.rpartition(".")[2], "All files (*)")
        chosen = ask_open(edit, f"Choose the file: {edit.accessibleName()}", kinds, Path(start))
    else:
        chosen = QFileDialog.getExistingDirectory(edit, f"Choose the folder: {edit.accessibleName()}", start)
    return Path(chosen).as_posix() if chosen else ""
