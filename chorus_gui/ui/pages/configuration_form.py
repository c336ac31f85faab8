"""The form: every key of a configuration, grouped, each in one row.

It has hundreds of widgets, so it is made in parts, between which the window answers: what is seen first comes first.  Whatever needs a field
that is not there yet (:attr:`Form.rows`, :meth:`Form.reveal`) has it made at once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QLayout, QScrollArea, QVBoxLayout, QWidget

from chorus_gui.app import sampling
from chorus_gui.app.configuration import Checked
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
from chorus_gui.ui.widgets.tab_order import tab_in_order
from chorus_gui.ui.words import agree, count_of

WIDTH = 860
"""Lines that are longer are hard to read."""
SLICE_S = 0.015
"""After this time the form leaves the thread that paints to others; seconds."""
_MAIN_CREDENTIALS = ("auth_mode", "azure_account_name", "azure_account_url", "azure_sas_token")


_Part = Callable[[], QWidget | QLayout]


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
        self._places: dict[str, PlaceSection] = {}
        self._rows: dict[Where, KeyRow] = {}
        self._folds: list[tuple[Fold, tuple[Where, ...]]] = []
        self._cards: dict[str, Card] = {}
        self._matches: dict[str, QLabel] = {}
        self._draft: Draft | None = None
        self._faults: Mapping[Where, Sequence[Fault]] = {}
        self._warnings: Mapping[Where, Sequence[str]] = {}
        self._modalities: Sequence[str] = ()
        self._locked: Collection[Where] = ()
        self._sample: sampling.Sample | None = None
        parts = {"site": self._site, "central": self._central, "journal": self._journal, "behaviour": self._behaviour}
        titles = ("S&ite", "&Central store", "Jou&rnal", "&Behaviour")
        self.tabs = tuple(FormTab(name, title, _area()) for name, title in zip(parts, titles, strict=True))
        self._unmade = [(name, make()) for name, make in parts.items()]
        # the first tab is high: nothing moves when it needs the bar
        self.tabs[0].area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._make_some)

    # --- its parts --------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> Mapping[Where, KeyRow]:
        """The row of each key that has one now."""
        self.finish()
        return self._rows

    @property
    def places(self) -> Mapping[str, PlaceSection]:
        """Where the files of the site and of each modality are."""
        self.finish()
        return self._places

    @property
    def folds(self) -> Sequence[tuple[Fold, tuple[Where, ...]]]:
        """What can be opened, with the keys in it."""
        self.finish()
        return self._folds

    @property
    def cards(self) -> Mapping[str, Card]:
        """The card of each modality."""
        self.finish()
        return self._cards

    @property
    def matches(self) -> Mapping[str, QLabel]:
        """For each modality, what its pattern matches."""
        self.finish()
        return self._matches

    def begin(self) -> None:
        """Make the parts, one after another, while nothing else happens."""
        self._timer.start()

    def prefer(self, name: str) -> None:
        """The person looks at this tab: its parts are made next."""
        self._unmade.sort(key=lambda one: one[0] != name)

    def finish(self, name: str = "") -> None:
        """Make all parts that are not made yet, or those of one tab."""
        for tab, parts in [one for one in self._unmade if name in ("", one[0])]:
            for _ in parts:
                pass
            self._unmade.remove((tab, parts))

    def _make_some(self) -> None:
        began = time.monotonic()
        while self._unmade:
            name, parts = self._unmade[0]
            if next(parts, self) is self:
                self._unmade.remove((name, parts))
            if time.monotonic() - began >= SLICE_S:
                break
        if not self._unmade:
            self._timer.stop()

    # --- what it shows ----------------------------------------------------------------------------------------------

    def show_draft(self, draft: Draft) -> None:
        """What the text says; a text that is not TOML leaves the fields unchanged, but disabled."""
        self._draft = draft
        for tab in self.tabs:
            if (content := tab.area.widget()) is not None:
                content.setEnabled(draft.reading is not None)
        if draft.reading is None:
            return
        for place in self._places.values():
            place.show_draft(draft)
        for key_row in [*self._rows.values()]:
            key_row.show_draft(draft)
        for fold, wheres in self._folds:
            fold.show_count(sum(draft.own(where) is not None for where in wheres))

    def forget(self) -> None:
        """Another file is opened: what is made before that is read shows nothing, and no fault of this file is kept."""
        self._draft = None
        self._faults, self._warnings, self._modalities, self._locked = {}, {}, (), ()

    def show_findings(self, checked: Checked, warnings: Sequence[tuple[Where, str]]) -> None:
        """What is wrong, each at its field; folds with a fault in them are opened."""
        assert self._draft is not None
        by_fault: dict[Where, list[Fault]] = defaultdict(list)
        by_warning: dict[Where, list[str]] = defaultdict(list)
        for fault in checked.faults:
            if (where := self._draft.where_of(fault)) is not None:
                by_fault[where].append(fault)
        for where, sentence in warnings:
            by_warning[where].append(sentence)
        self._faults, self._warnings, self._locked = by_fault, by_warning, checked.locked
        for fold, wheres in self._folds:
            if any(where in by_fault for where in wheres):
                fold.open()
        for where in by_fault:
            if (place := self._place_of(where)) is not None:
                place.reveal(where)
        for where, key_row in self._rows.items():
            key_row.show_findings(self._draft, by_fault.get(where, []), by_warning.get(where, []))
            if key_row.locked != (where in checked.locked):
                key_row.locked = where in checked.locked
                key_row.show_draft(self._draft)
        for place in self._places.values():
            place.show_faults(by_fault)
        if checked.modalities:
            self._modalities = checked.modalities
            for name, card in self._cards.items():
                card.setVisible(name in checked.modalities)

    def show_sample(self, found: sampling.Sample | None) -> None:
        """What each modality's pattern matches on the site."""
        self._sample = found
        for name, text in self._matches.items():
            _show_match(text, name, found)

    def reveal(self, where: Where) -> str:
        """Bring a key's field into view and give it the focus; the name of its tab."""
        name = group_of(where)
        self.finish(name)
        for fold, wheres in self._folds:
            if where in wheres:
                fold.open()
        if (place := self._place_of(where)) is not None:
            place.reveal(where)
        key_row = self._rows.get(where)
        editor = key_row.input.editor if key_row is not None else place.editor_of(where) if place is not None else None
        if editor is not None:
            area, shown = next(tab.area for tab in self.tabs if tab.name == name), key_row or editor

            def show() -> None:
                area.ensureWidgetVisible(shown, 0, 60)
                editor.setFocus()

            QTimer.singleShot(0, editor, show)  # after the tab was chosen and laid out
        return name

    def _place_of(self, where: Where) -> PlaceSection | None:
        return self._places.get(where[1]) if where[0].startswith("site.") else None

    # --- how it is built --------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> Draft | None:
        """The draft, if what is made now has to show it."""
        return self._draft if self._draft is not None and self._draft.reading is not None else None

    def _place(self, modality: str) -> PlaceSection:
        made = PlaceSection(self._services, modality, self._row)
        made.redrafted.connect(self.redrafted)
        made.untrusted.connect(self.untrusted)
        self._places[modality] = made
        if (draft := self._shown) is not None:
            made.show_draft(draft)
            for where in self._faults:
                if self._place_of(where) is made:
                    made.reveal(where)
            made.show_faults(self._faults)
        return made

    def _row(self, where: Where, *, explained: bool = True) -> KeyRow:
        made = KeyRow(where, self._folder, explained=explained)
        made.edited.connect(self.edited)
        made.fix_wanted.connect(self.fix_wanted)
        assert where not in self._rows, f"two rows for {where}"
        self._rows[where] = made
        made.locked = where in self._locked
        if (draft := self._shown) is not None:
            made.show_draft(draft)
            made.show_findings(draft, list(self._faults.get(where, [])), list(self._warnings.get(where, [])))
        return made

    def _fold(self, name: str, meanings: Sequence[str], modality: str = DEFAULT) -> Fold:
        def make() -> QWidget:
            made = QWidget()
            layout = column(*(self._row((meaning, modality)) for meaning in meanings), space=2 * SPACE)
            layout.setContentsMargins(2 * SPACE, 0, 0, 0)
            made.setLayout(layout)
            return made

        fold, wheres = Fold(name, make), tuple((meaning, modality) for meaning in meanings)
        self._folds.append((fold, wheres))
        if (draft := self._shown) is not None:
            fold.show_count(sum(draft.own(where) is not None for where in wheres))
            if any(where in self._faults for where in wheres):
                fold.open()
        return fold

    def _rows_of(self, *meanings: str) -> Iterator[_Part]:
        return ((lambda meaning=meaning: self._row((meaning, DEFAULT))) for meaning in meanings)

    def _filled(self, tab: str, *parts: _Part, space: int = 2 * SPACE, name: str = "") -> Iterator[None]:
        """Make a card part by part at the end of a tab, and show it when it is whole; ``name``: if this modality is submitted."""
        card = Card(column(space=space))
        card.setAccessibleName(name)
        card.hide()  # before it has a place there: nothing is seen of a half
        area = next(one.area for one in self.tabs if one.name == tab)
        inside, layout = area.widget().layout(), card.layout()
        assert isinstance(inside, QVBoxLayout)
        assert isinstance(layout, QVBoxLayout)
        inside.insertWidget(inside.count() - 1, card)
        for part in parts:
            made = part()
            if isinstance(made, QLayout):
                layout.addLayout(made)
            else:
                layout.addWidget(made)
                for widget in (made, *made.findChildren(QWidget)):
                    widget.ensurePolished()  # now: showing the card would do it for all at once
            yield
        if name:
            self._cards[name] = card
        card.setVisible(not name or not self._modalities or name in self._modalities)
        tab_in_order(area, area.widget())  # what is made later comes last otherwise
        yield

    def _site(self) -> Iterator[None]:
        yield from self._filled(
            "site",
            lambda: label("Site", "heading"),
            lambda: self._place(DEFAULT),
            *self._rows_of("modalities", "exclude"),
            lambda: self._fold("Advanced: one pattern for all modalities", ("site.pattern", "site.versioned", "site.omop_per_patient")),
        )
        for name in MODALITIES:
            yield from self._modality(name)
        self.tabs[0].area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def _modality(self, name: str) -> Iterator[None]:
        flags = ["site.versioned", *(["site.omop_per_patient"] if name == "OMOP" else [])]
        return self._filled(
            "site",
            lambda: row(Picture(20, icons.MODALITY_ICONS[name]), label(name, "heading"), None),
            lambda: self._row(("site.pattern", name), explained=False),
            lambda: self._match(name),
            *((lambda flag=flag: self._row((flag, name), explained=False)) for flag in flags),
            lambda: self._place(name),
            space=SPACE + SPACE // 2,
            name=name,
        )

    def _match(self, name: str) -> QLayout:
        text = label("", wrap=True, selectable=True)
        text.setAccessibleName(f"{name}: files that match the pattern")
        self._matches[name] = text
        _show_match(text, name, self._sample)
        examples = button("Show examples", f"Show files that match the pattern of {name}, and test a path", flat=True)
        examples.clicked.connect(self.tester_wanted)
        line = row(text, examples)
        line.setStretch(0, 1)
        return line

    def _central(self) -> Iterator[None]:
        yield from self._filled("central", lambda: label("Place", "heading"), *self._rows_of("central.path"))
        yield from self._credentials("central", ("central.container",))

    def _journal(self) -> Iterator[None]:
        yield from self._filled("journal", lambda: label("Place", "heading"), *self._rows_of("journal.path", "journal.local"))
        copy = button("Copy from central store", "Copy the credentials of the central store to the journal", icon="copy")
        copy.clicked.connect(self.copy_wanted)
        yield from self._credentials("journal", ("journal.container", "journal.upload_method"), copy)

    def _behaviour(self) -> Iterator[None]:
        reports = lambda: self._fold("Reports of unattended runs", REPORT)  # noqa: E731 - one of many alike
        return self._filled("behaviour", lambda: label("Behaviour", "heading"), *self._rows_of(*BEHAVIOUR), reports)

    def _credentials(self, place: str, more: tuple[str, ...], *extra: QWidget) -> Iterator[None]:
        main = tuple(f"{place}.{name}" for name in _MAIN_CREDENTIALS)
        others = tuple(meaning for meaning in credentials(place) if meaning not in main)
        return self._filled(
            place,
            lambda: row(label("Credentials", "heading"), None, *extra),
            lambda: label("These are for a place in Azure. A folder needs no credentials.", "muted", wrap=True),
            *self._rows_of(*main),
            lambda: self._fold("Other credentials and names", (*others, *more)),
        )


def _show_match(text: QLabel, name: str, found: sampling.Sample | None) -> None:
    if found is None or name not in found.matched:
        text.setText("")
        set_grade(text, None)
        return
    count, example = found.matched[name], next(iter(found.examples.get(name, [])), None)
    about = "" if found.complete else "In a sample, "
    if example is None:
        text.setText("In a sample, no file matches this pattern." if about else "No file matches this pattern.")
        set_grade(text, Grade.WARNING)
        return
    patients = len(found.patients.get(name, ()))
    of = f" of {count_of(patients, 'patient')}" if patients else ""
    matches = f"{about}{count_of(count, 'file')}{of} {agree(count, 'matches', 'match')}."
    text.setText(f"{matches}  {example.path}  →  {example.store_path}")
    set_grade(text, Grade.GOOD)


def _area() -> QScrollArea:
    content = QWidget()
    content.setMaximumWidth(WIDTH)
    content.setLayout(column(None, space=2 * SPACE, margins=(0, 2 * SPACE, SPACE, 2 * SPACE)))
    return scrolled(content, "Settings")
