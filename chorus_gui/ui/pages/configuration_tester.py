"""The pattern tester: what the patterns make of the files on the site, and of a path that is typed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase, QShowEvent
from PySide6.QtWidgets import QLineEdit, QTableView, QWidget

from chorus_gui.app import sampling
from chorus_gui.app.answers import pasted_path
from chorus_gui.app.configuration import Checked
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.model import MODALITIES, Grade, Tally
from chorus_gui.ui.models.examples import ExampleModel
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, FormRow, Tile, button, column, label, row, set_grade
from chorus_gui.ui.widgets.flow import FlowLayout
from chorus_gui.ui.widgets.scrolling import scrolled_if_low
from chorus_gui.ui.widgets.tables import set_widths, table

UNMATCHED = ""


def in_a_sentence(example: sampling.Example) -> str:
    """How the patterns read a path, for a person."""
    if example.left_out:
        return "“Leave out” on the Configuration page matches this path. The file is not submitted."
    if not example.modality:
        return "This path matches no pattern. The file is listed as unmatched, and is not uploaded."
    who = f", patient {example.patient_id}" if example.patient_id is not None else ""
    also = f" It also matches {' and '.join(example.others)}; the first match is used." if example.others else ""
    return f"{example.modality}{who}. It is uploaded to {example.store_path}.{also}"


class TesterTab(QWidget):
    """``look_wanted``: the site's folder should be read.  Its widgets are made when it is first shown."""

    look_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._checked: Checked | None = None
        self._sample: sampling.Sample | None = None
        self._filter: str | None = None
        self._looking = self._built = False

    def showEvent(self, event: QShowEvent) -> None:
        """What can wait until the tab is shown."""
        self.build()
        super().showEvent(event)

    def build(self) -> None:
        """Make the widgets, if they are not there yet, and show what is known."""
        if self._built:
            return
        self._built = True
        self.path = QLineEdit()
        self.path.setPlaceholderText("for example 1001/Images/ct/slice-001.dcm")
        self.path.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.path.setClearButtonEnabled(True)
        self.path.textChanged.connect(self._explain)
        self.answer = label("", wrap=True, selectable=True)
        self.answer.setAccessibleName("Result for this path")
        typed = FormRow("Path to test", self.path, "Enter a path below the site's folder. The file does not have to exist.")
        self.tiles = {name: Tile(name, f"Show the files that match {name}") for name in MODALITIES}
        self.tiles[UNMATCHED] = Tile("Unmatched", "Show the files that match no pattern")
        for name, tile in self.tiles.items():
            tile.clicked.connect(lambda _=False, name=name: self._choose(name))
        self.status = label("", "muted", wrap=True)
        self.status.setAccessibleName("Number of files that were read")
        self.look = button("Rea&d again", "Read some of the files in the site's folder again", icon="refresh")
        self.look.clicked.connect(self.look_wanted)
        self.model = ExampleModel(self)
        self.table = example_table(self.model)
        head = row(label("Files on the site", "heading"), 2 * SPACE, self.status, self.look)
        head.setStretch(2, 1)
        tiles = FlowLayout()
        for tile in self.tiles.values():
            tiles.addWidget(tile)
        found = Card(column(head, tiles, self.table, space=SPACE + SPACE // 2))
        layout = column(Card(column(typed, self.answer)), found, space=2 * SPACE, margins=(0, 2 * SPACE, 0, 0))
        layout.setStretch(1, 1)
        self.setLayout(column(scrolled_if_low(layout), space=0))
        looking = self._looking
        self.show_sample(self._sample)
        if looking:
            self.show_looking()
        if self._checked is not None:
            self.show_checked(self._checked)

    def show_checked(self, checked: Checked) -> None:
        """Other patterns."""
        self._checked = checked
        if not self._built:
            return
        for name in MODALITIES:
            self.tiles[name].setVisible(name in checked.modalities or not checked.modalities)
        self._explain()

    def forget(self) -> None:
        """The patterns are not known any more: another file is read."""
        self._checked = None
        if self._built:
            self._explain()

    def show_looking(self) -> None:
        """The folder is being read."""
        self._looking = True
        if not self._built:
            return
        self.status.setText("Reading the site's folder…")
        set_grade(self.status, None)

    def show_sample(self, found: sampling.Sample | None) -> None:
        """What was found; None: nothing was read."""
        self._sample, self._looking = found, False
        if not self._built:
            return
        for name, tile in self.tiles.items():
            count = None if found is None else found.unmatched if name == UNMATCHED else found.matched.get(name, 0)
            tile.show_count(None if count is None else Tally(count, 0), with_bytes=False)
        if self._filter is not None and not self.tiles[self._filter].isEnabled():
            self._filter = None
        for name, tile in self.tiles.items():
            tile.setChecked(name == self._filter)
        self._fill()
        if found is None:
            cloud = self._checked and any(site.place.kind is not PlaceKind.FOLDER for site in self._checked.sites.values())
            lines = (
                "The site is in the cloud. Select Read again to list some of its files."
                if cloud
                else "No files yet. They are listed when the patterns can be used."
            )
            self.status.setText(lines)
            set_grade(self.status, None)
            return
        lines = [*found.problems, sampling.sentence(found)]
        self.status.setText("  ".join(part for part in lines if part))
        set_grade(self.status, Grade.BAD if found.problems else Grade.WARNING if not found.files or found.unread else None)

    def _choose(self, name: str) -> None:
        self._filter = None if self._filter == name else name
        for other, tile in self.tiles.items():
            tile.setChecked(other == self._filter)
        self._fill()

    def _fill(self) -> None:
        examples = self._sample.examples if self._sample else {}
        names = [self._filter] if self._filter is not None else [*(n for n in MODALITIES if n in examples), UNMATCHED]
        each = sampling.EXAMPLES if self._filter is not None else 10
        self.model.show_rows([example for name in names for example in examples.get(name, [])[:each]])

    def _explain(self) -> None:
        text = pasted_path(self.path.text())
        self.answer.setVisible(bool(text) and self._checked is not None)
        if not text or self._checked is None:
            return
        if not self._checked.sites:
            self.answer.setText("The patterns cannot be used until their problems are fixed.")
            set_grade(self.answer, Grade.BAD)
            return
        example = sampling.explain(self._checked, text)
        self.answer.setText(in_a_sentence(example))
        set_grade(self.answer, Grade.GOOD if example.modality and not example.others else Grade.WARNING)


def example_table(model: ExampleModel) -> QTableView:
    """A table of examples."""
    made = table(model, "Files and the patterns that they match", stretch=0)
    made.setAlternatingRowColors(True)
    made.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    set_widths(made, {0: "1000001/Images/1", 1: "Waveforms", 2: "1000001", 3: "20260101000000/1000001/Images"}, gives=(2,))
    made.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return made
