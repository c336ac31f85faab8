"""The form: every key of a configuration, grouped, each in one row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QLabel, QScrollArea, QWidget

from chorus_gui.app import sampling
from chorus_gui.app.draft import Draft, Where
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.errors import Fault
from chorus_gui.core.model import MODALITIES, Grade
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration_fields import KeyRow
from chorus_gui.ui.pages.configuration_place import PlaceSection
from chorus_gui.ui.pages.configuration_words import BEHAVIOUR, REPORT, credentials
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets import icons
from chorus_gui.ui.widgets.basics import Card, Picture, button, column, label, row, scrolled, set_grade
from chorus_gui.ui.widgets.fold import Fold
from chorus_gui.ui.words import agree, count_of

WIDTH = 860
"""Lines that are longer are hard to read."""
_MAIN_CREDENTIALS = ("auth_mode", "azure_account_name", "azure_account_url", "azure_sas_token")


@dataclass(frozen=True, slots=True)
class FormTab:
    """A tab of the form; ``name`` as :func:`group_of` has it."""

    name: str
    title: str
    area: QScrollArea


def group_of(where: Where) -> str:
    """The name of the tab that a key is on."""
    place = where[0].partition(".")[0]
    if where[0] in ("modalities", "exclude") or place == "site":
        return "site"
    return place if place in ("central", "journal") else "behaviour"


class Form(QObject):
    """``edited`` and ``fix_wanted`` as :class:`KeyRow` has them, ``redrafted`` and ``untrusted`` as :class:`PlaceSection`; ``copy_wanted``:
    copy the store's credentials to the journal.
    """

    edited = Signal(object, object)
    redrafted = Signal(object)
    untrusted = Signal(str)
    fix_wanted = Signal(object)
    copy_wanted = Signal()
    tester_wanted = Signal()

    def __init__(self, folder: Callable[[], Path], services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = folder
        self._services = services
        self.places: dict[str, PlaceSection] = {}
        self.rows: dict[Where, KeyRow] = {}
        self.folds: list[tuple[Fold, tuple[Where, ...]]] = []
        self.cards: dict[str, Card] = {}
        self.matches: dict[str, QLabel] = {}
        self._draft: Draft | None = None
        self._faults: Mapping[Where, Sequence[Fault]] = {}
        self._warnings: Mapping[Where, Sequence[str]] = {}
        self.tabs = (
            FormTab("site", "S&ite", _area(self._site())),
            FormTab("central", "&Central store", _area(self._central())),
            FormTab("journal", "Jou&rnal", _area(self._journal())),
            FormTab("behaviour", "&Behaviour", _area(self._behaviour())),
        )

    # --- what it shows ----------------------------------------------------------------------------------------------

    def show_draft(self, draft: Draft) -> None:
        """What the text says; a text that is not TOML leaves the fields unchanged, but disabled."""
        self._draft = draft
        for tab in self.tabs:
            if (content := tab.area.widget()) is not None:
                content.setEnabled(draft.reading is not None)
        if draft.reading is None:
            return
        for place in self.places.values():
            place.show_draft(draft)
        for key_row in [*self.rows.values()]:
            key_row.show_draft(draft)
        for fold, wheres in self.folds:
            fold.show_count(sum(draft.own(where) is not None for where in wheres))

    def show_findings(self, faults: Sequence[Fault], warnings: Sequence[tuple[Where, str]], modalities: Sequence[str]) -> None:
        """What is wrong, each at its field; folds with a fault in them are opened."""
        assert self._draft is not None
        by_fault: dict[Where, list[Fault]] = defaultdict(list)
        by_warning: dict[Where, list[str]] = defaultdict(list)
        for fault in faults:
            if (where := self._draft.where(fault.key)) is not None:
                by_fault[where].append(fault)
        for where, sentence in warnings:
            by_warning[where].append(sentence)
        self._faults, self._warnings = by_fault, by_warning
        for fold, wheres in self.folds:
            if any(where in by_fault for where in wheres):
                fold.open()
        for where in by_fault:
            if (place := self._place_of(where)) is not None:
                place.reveal(where)
        for where, key_row in self.rows.items():
            key_row.show_findings(self._draft, by_fault.get(where, []), by_warning.get(where, []))
        for place in self.places.values():
            place.show_faults(by_fault)
        if modalities:
            for name, card in self.cards.items():
                card.setVisible(name in modalities)

    def show_sample(self, found: sampling.Sample | None) -> None:
        """What each modality's pattern matches on the site."""
        for name, text in self.matches.items():
            if found is None or name not in found.matched:
                text.setText("")
                set_grade(text, None)
                continue
            count, example = found.matched[name], next(iter(found.examples.get(name, [])), None)
            about = "" if found.complete else "In a sample, "
            if example is None:
                text.setText("In a sample, no file matches this pattern." if about else "No file matches this pattern.")
                set_grade(text, Grade.WARNING)
                continue
            patients = len(found.patients.get(name, ()))
            of = f" of {count_of(patients, 'patient')}" if patients else ""
            text.setText(
                f"{about}{count_of(count, 'file')}{of} {agree(count, 'matches', 'match')}.  {example.path}  →  {example.store_path}"
            )
            set_grade(text, Grade.GOOD)

    def reveal(self, where: Where) -> str:
        """Bring a key's field into view and give it the focus; the name of its tab."""
        for fold, wheres in self.folds:
            if where in wheres:
                fold.open()
        if (place := self._place_of(where)) is not None:
            place.reveal(where)
        name = group_of(where)
        key_row = self.rows.get(where)
        editor = key_row.input.editor if key_row is not None else place.editor_of(where) if place is not None else None
        if editor is not None:
            area, shown = next(tab.area for tab in self.tabs if tab.name == name), key_row or editor

            def show() -> None:
                area.ensureWidgetVisible(shown, 0, 60)
                editor.setFocus()

            QTimer.singleShot(0, editor, show)  # after the tab was chosen and laid out
        return name

    def _place_of(self, where: Where) -> PlaceSection | None:
        return self.places.get(where[1]) if where[0].startswith("site.") else None

    # --- how it is built --------------------------------------------------------------------------------------------

    def _place(self, modality: str) -> PlaceSection:
        made = PlaceSection(self._services, modality, self._row)
        made.redrafted.connect(self.redrafted)
        made.untrusted.connect(self.untrusted)
        self.places[modality] = made
        return made

    def _row(self, where: Where, *, explained: bool = True) -> KeyRow:
        made = KeyRow(where, self._folder, explained=explained)
        made.edited.connect(self.edited)
        made.fix_wanted.connect(self.fix_wanted)
        assert where not in self.rows, f"two rows for {where}"
        self.rows[where] = made
        if self._draft is not None and self._draft.reading is not None:
            made.show_draft(self._draft)
            made.show_findings(self._draft, list(self._faults.get(where, [])), list(self._warnings.get(where, [])))
        return made

    def _fold(self, name: str, meanings: Sequence[str], modality: str = DEFAULT) -> Fold:
        def make() -> QWidget:
            made = QWidget()
            layout = column(*(self._row((meaning, modality)) for meaning in meanings), space=2 * SPACE)
            layout.setContentsMargins(2 * SPACE, 0, 0, 0)
            made.setLayout(layout)
            return made

        fold = Fold(name, make)
        self.folds.append((fold, tuple((meaning, modality) for meaning in meanings)))
        return fold

    def _site(self) -> list[QWidget]:
        shared = Card(
            column(
                label("Site", "heading"),
                self._place(DEFAULT),
                self._row(("modalities", DEFAULT)),
                self._row(("exclude", DEFAULT)),
                self._fold("Advanced: one pattern for all modalities", ("site.pattern", "site.versioned", "site.omop_per_patient")),
                space=2 * SPACE,
            )
        )
        return [shared, *(self._modality(name) for name in MODALITIES)]

    def _modality(self, name: str) -> Card:
        picture = Picture(20, icons.MODALITY_ICONS[name])
        text = label("", wrap=True, selectable=True)
        text.setAccessibleName(f"{name}: files that match the pattern")
        examples = button("Show examples", f"Show files that match the pattern of {name}, and test a path", flat=True)
        examples.clicked.connect(self.tester_wanted)
        line = row(text, examples)
        line.setStretch(0, 1)
        flags = ["site.versioned", *(["site.omop_per_patient"] if name == "OMOP" else [])]
        card = Card(
            column(
                row(picture, label(name, "heading"), None),
                self._row(("site.pattern", name), explained=False),
                line,
                *(self._row((flag, name), explained=False) for flag in flags),
                self._place(name),
                space=SPACE + SPACE // 2,
            )
        )
        card.setAccessibleName(name)
        self.cards[name], self.matches[name] = card, text
        return card

    def _central(self) -> list[QWidget]:
        place = Card(column(label("Place", "heading"), self._row(("central.path", DEFAULT)), space=2 * SPACE))
        return [place, self._credentials("central", "Credentials", ("central.container",))]

    def _journal(self) -> list[QWidget]:
        place = Card(
            column(
                label("Place", "heading"),
                self._row(("journal.path", DEFAULT)),
                self._row(("journal.local", DEFAULT)),
                space=2 * SPACE,
            )
        )
        copy = button("Copy from central store", "Copy the credentials of the central store to the journal", icon="copy")
        copy.clicked.connect(self.copy_wanted)
        return [place, self._credentials("journal", "Credentials", ("journal.container", "journal.upload_method"), copy)]

    def _behaviour(self) -> list[QWidget]:
        rows = (self._row((meaning, DEFAULT)) for meaning in BEHAVIOUR)
        return [Card(column(label("Behaviour", "heading"), *rows, self._fold("Reports of unattended runs", REPORT), space=2 * SPACE))]

    def _credentials(self, place: str, heading: str, more: tuple[str, ...], *extra: QWidget) -> Card:
        main = tuple(f"{place}.{name}" for name in _MAIN_CREDENTIALS)
        others = tuple(meaning for meaning in credentials(place) if meaning not in main)
        return Card(
            column(
                row(label(heading, "heading"), None, *extra),
                label("These are for a place in Azure. A folder needs no credentials.", "muted", wrap=True),
                *(self._row((meaning, DEFAULT)) for meaning in main),
                self._fold("Other credentials and names", (*others, *more)),
                space=2 * SPACE,
            )
        )


def _area(parts: Sequence[QWidget]) -> QScrollArea:
    content = QWidget()
    content.setMaximumWidth(WIDTH)
    content.setLayout(column(*parts, None, space=2 * SPACE, margins=(0, 2 * SPACE, SPACE, 2 * SPACE)))
    return scrolled(content, "Settings")
