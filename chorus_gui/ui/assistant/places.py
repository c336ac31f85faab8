"""The assistant's step that asks where the site's files are: one place for all of them, or another one for some modalities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QRadioButton, QWidget

from chorus_gui.app.answers import Answers, faults_at
from chorus_gui.app.configuration import Layout, certificates, locked_passwords, template
from chorus_gui.app.draft import Draft, Where
from chorus_gui.app.place_choice import choice, site_values
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import MODALITIES, Mode
from chorus_gui.ui.assistant.steps import Step, Test, Wrong, folder_problem
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration_fields import AddressField, KeyRow
from chorus_gui.ui.pages.configuration_place import PlaceSection
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, column, label, scrolled
from chorus_gui.ui.widgets.fold import Fold

_FILE = Path("config.toml")
_NOT_WHOLE = "Enter the full path. It starts with a drive or with “/”."

FULL = (
    "Choose this if this place always has every file of the site. Each scan shows which files are gone, and you approve that before the "
    "journal marks them as deleted. The central store keeps its copies."
)
APPEND = (
    "Choose this if you remove files from this place after you submitted them. A scan then only counts the files that are gone, and "
    "the journal keeps them. If a patient withdraws, you must mark the files as deleted yourself."
)


def _explained(choice: QRadioButton, text: str) -> tuple[QRadioButton, QLabel]:
    """A choice, and what it would do, below it."""
    choice.setToolTip(plain_text(text))
    choice.setAccessibleDescription(text)
    below = label(text, "muted", wrap=True)
    below.setContentsMargins(3 * SPACE, 0, 0, SPACE // 2)
    return choice, below


class SiteStep(Step):
    """Where the site's files are.  ``untrusted`` has the name of a server that the person has to confirm.

    ``file`` is the configuration that will be saved: the paths of certificates can be relative to its folder.
    """

    title = "Site files"
    lead = (
        "Where the patients' folders and the OMOP tables are: on this computer, on a share, or in a cloud. Nothing there is ever changed."
    )
    untrusted = Signal(str)

    def __init__(self, services: Services, file: Callable[[], Path] = lambda: _FILE) -> None:
        super().__init__()
        self._services, self._file = services, file
        self._draft: Draft | None = None
        self._key_rows: dict[Where, KeyRow] = {}
        self._certificates: dict[Where, str] = {}
        self._locked: frozenset[Where] = frozenset()
        self.places: dict[str, PlaceSection] = {}
        whole = self._place(DEFAULT)
        folder = whole.path.input
        assert isinstance(folder, AddressField)
        self.folder = folder
        self.fold = Fold("A modality is in another place", self._modalities)
        self.full = QRadioButton("Mark it as &deleted in the journal (full mode, recommended)")
        self.append = QRadioButton("&Ignore it (append mode)")
        choices = QWidget()
        choices.setLayout(column(*_explained(self.full, FULL), *_explained(self.append, APPEND), space=SPACE // 2))
        choices.setFocusProxy(self.full)
        self.full.setChecked(True)
        asked = FormRow(
            "If a submitted file is no longer on the site",
            choices,
            "The consortium recommends full mode. You can change this later on the Configuration page.",
        )
        content = QWidget()
        content.setLayout(column(whole, self.fold, asked, None, space=2 * SPACE, margins=(0, 0, SPACE, 0)))
        self.setLayout(column(scrolled(content, "Site files")))
        self.rows = {"": whole.path}
        self._redraft(Draft(_FILE, template(Layout.NESTED)))

    def _place(self, modality: str) -> PlaceSection:
        made = PlaceSection(self._services, modality, self._row, is_new=True)
        made.redrafted.connect(self._redraft)
        made.untrusted.connect(self.untrusted)
        self.places[modality] = made
        return made

    def _row(self, where: Where) -> KeyRow:
        made = KeyRow(where, Path.home)
        made.edited.connect(self._edit)
        self._key_rows[where] = made
        made.locked = where in self._locked
        if self._draft is not None:
            made.show_draft(self._draft)
        return made

    def _modalities(self) -> QWidget:
        made, parts = QWidget(), list[QWidget]()
        for name in MODALITIES:
            parts += [label(name, "strong"), self._place(name)]
        made.setLayout(column(*parts, space=SPACE, margins=(2 * SPACE, 0, 0, 0)))
        if self._draft is not None:
            self._redraft(self._draft)
        return made

    def suggest(self, folder: str) -> None:
        """Fill in a folder, which the person can change."""
        self.folder.edit.setText(folder)

    def _edit(self, where: Where, value: Any) -> None:
        if self._draft is not None:
            self._redraft(self._draft.with_value(where, value))

    def _redraft(self, draft: Draft) -> None:
        self._draft = draft
        for place in self.places.values():
            place.show_draft(draft)
        for key_row in [*self._key_rows.values()]:
            key_row.show_draft(draft)
        self.rows = {"": self.places[DEFAULT].path, **{draft.dotted(where): found for where, found in self._key_rows.items()}}
        self._look_at_certificates()
        self.changed.emit()

    def _look_at_certificates(self, *, again: bool = False) -> None:
        """The password of one that needs it can come from the credential store: the field says so, as on the Configuration page.

        ``again``: it can be another file than the last time.  Not on the reader that tests the step: a share that is gone answers late.
        """
        if self._draft is None:
            return
        draft = replace(self._draft, file=self._file())
        found = certificates(draft)
        if found != self._certificates or (again and found):
            self._certificates = found
            reader = self._services.checker or self._services.reader
            reader.ask(self, lambda _: locked_passwords(draft), self._show_locked, channel="certificates")

    def _show_locked(self, outcome: Outcome[frozenset[Where]]) -> None:
        if outcome.kind is not OutcomeKind.DONE or self._draft is None:
            return
        self._locked = outcome.value or frozenset()
        for where, key_row in self._key_rows.items():
            if key_row.locked != (where in self._locked):
                key_row.locked = where in self._locked
                key_row.show_draft(self._draft)

    def enter(self, answers: Answers) -> None:
        """The file's folder can be another one, and a certificate can be there now."""
        del answers
        self._look_at_certificates(again=True)

    def answer(self, answers: Answers) -> Answers:
        """The places, and what a missing file means."""
        draft = self._draft
        if draft is None:
            return answers
        return replace(
            answers,
            site=choice(draft, DEFAULT).path,
            places=site_values(draft),
            mode=Mode.FULL if self.full.isChecked() else Mode.APPEND,
        )

    def problem(self, answers: Answers) -> str:
        """It is missing."""
        form = self.places[DEFAULT].form
        if not answers.site.removeprefix(form.start):
            return (
                "Choose the folder with the site's files." if not form.scheme else f"Enter the {form.address[0].lower()}{form.address[1:]}."
            )
        if form.kind is PlaceKind.FOLDER and "://" not in answers.site and not Path(answers.site).is_absolute():
            return _NOT_WHOLE
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """Each folder can be listed; a place in a cloud has what it needs.  What it allows is tested two steps later."""
        self._look_at_certificates(again=True)
        missing = next((found for place in self.places.values() if (found := place.missing()) is not None), None)
        if missing is not None and self._draft is not None:
            empty = Wrong("This field is empty. Fill it in, or choose another way to sign in.", self._draft.dotted(missing.where))
            return lambda _: empty

        def step(_: JobContext) -> Wrong:
            key, wrong = faults_at(answers, file, "site_path.")
            if wrong:
                return Wrong(wrong, key)
            if "://" not in answers.site and (wrong := folder_problem(Path(answers.site))):
                return Wrong(wrong)
            for (meaning, modality), value in answers.places:
                if meaning != "site.path" or modality == DEFAULT or "://" in str(value):
                    continue
                if wrong := folder_problem(Path(str(value))) if Path(str(value)).is_absolute() else _NOT_WHOLE:
                    return Wrong(wrong, f"site_path.{modality}.path")
            return Wrong("")

        return step

    def reveal(self, field: str) -> None:
        """Modalities are folded away, and fields of a way of signing in that is not chosen are hidden."""
        where = next((where for where in self._key_rows if self._draft and self._draft.dotted(where) == field), None)
        if field and where is None and any(f".{name}." in field for name in MODALITIES):
            self.fold.open()
        elif where is not None:
            if where[1] != DEFAULT:
                self.fold.open()
            self.places[where[1]].reveal(where)
