"""What to verify: which version, which modalities, how thoroughly."""

from __future__ import annotations

import math

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QComboBox, QRadioButton, QWidget

from chorus_gui.app.options import WHOLE, Part
from chorus_gui.core.model import VersionCount
from chorus_gui.ui import intents, words
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobKind, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, button, column, label, row

ALL = "All versions"
PARTS = {
    "All files": WHOLE,
    "Newest 100 files": Part(newest=100),
    "Newest 1,000 files": Part(newest=1000),
    "Random 1% of the files": Part(share=0.01),
    "Random 10% of the files": Part(share=0.1),
}
"""What can be read again, as the list has it."""


class ChoiceCard(Card):
    """The choice, and the button that begins."""

    asked = Signal(object)
    """an :class:`~chorus_gui.ui.intents.Verify`"""

    def __init__(self) -> None:
        self._counts: tuple[VersionCount, ...] | None = None
        self._names: tuple[str, ...] = ()
        self.version = QComboBox()
        self.version.setMinimumContentsLength(34)
        self.version.setAccessibleName("Version to verify")
        self.version.setToolTip("Choose the version to compare with the store")
        self.modalities: dict[str, QCheckBox] = {}
        self._modalities = row(space=2 * SPACE)
        self.properties = QRadioButton("By &size and MD5 (fast)")
        self.properties.setToolTip("Compare the size and MD5 that the store reports; a file is only downloaded if its MD5 is missing")
        self.again = QRadioButton("&Read files again (thorough)")
        self.again.setToolTip("Download files and compare their content; this takes as long as any other download of them")
        self.part = QComboBox()
        for text, part in PARTS.items():
            self.part.addItem(text, part)
        self.part.setAccessibleName("Files to read again")
        self.part.setToolTip("Choose how many files to read again; a part does not make the version verified")
        self.part.setEnabled(False)
        for part in (self.properties, self.again):
            part.setAccessibleName(part.text().replace("&", ""))
            part.setAccessibleDescription(part.toolTip())
        self.properties.setChecked(True)
        self._how = QButtonGroup()
        self._how.addButton(self.properties)
        self._how.addButton(self.again)
        self.begin = button(
            "Verif&y", "Compare the central store with the journal; nothing in the store is changed", icon="verify", primary=True
        )
        self.amount = label("", "muted")
        version = label("Vers&ion", "strong")
        version.setBuddy(self.version)
        first = row(
            column(version, self.version, space=SPACE // 2),
            2 * SPACE,
            column(label("Modalities", "strong"), self._boxes(), space=SPACE // 2),
            None,
        )
        second = row(self.properties, SPACE, self.again, self.part, None)
        third = row(None, self.amount, SPACE, self.begin)
        super().__init__(column(first, second, third, space=SPACE + 4))
        self.version.currentIndexChanged.connect(self._show_amount)
        self.again.toggled.connect(self._chose_how)
        self.part.currentIndexChanged.connect(self._show_amount)
        self.begin.clicked.connect(self._ask)

    def _boxes(self) -> QWidget:
        made = QWidget()
        self._modalities.setContentsMargins(0, SPACE // 2, 0, SPACE // 2)
        made.setLayout(self._modalities)
        return made

    @property
    def reread(self) -> bool:
        """Files are read again."""
        return self.again.isChecked()

    @property
    def chosen_part(self) -> Part:
        """Which of the files are compared."""
        return self.part.currentData() if self.reread else WHOLE

    def _chose_how(self) -> None:
        self.part.setEnabled(self.reread)
        self._show_amount()

    def choose(self, version: str) -> None:
        """Choose a version, if there is one of that name."""
        place = self.version.findData(version)
        if place >= 0:
            self.version.setCurrentIndex(place)

    def render_state(self, state: SessionState) -> None:
        """Draw the state."""
        names = state.config.modalities if state.config else ()
        if names != self._names:
            self._names = names
            self._show_modalities(names)
        counts = state.journal.counts if state.journal else ()
        if counts is not self._counts:
            self._counts = counts
            self._show_versions(state)
        self.setVisible(state.config is not None)
        self._show_amount()
        busy = state.busy_with(JobKind.VERIFY)
        ready = bool(self._amount()[0]) and not busy
        self.begin.setEnabled(ready)
        why = "A verification is running" if busy else "This selection has no uploaded files"
        self.begin.setToolTip(
            plain_text(why if not ready else "Compare the central store with the journal; nothing in the store is changed")
        )

    def _show_modalities(self, names: tuple[str, ...]) -> None:
        while (item := self._modalities.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.modalities = {}
        for name in names:
            box = QCheckBox(name)
            box.setChecked(True)
            box.setAccessibleName(f"Verify {name}")
            box.setToolTip(plain_text(f"Compare the files of {name}"))
            box.toggled.connect(self._toggled)
            self.modalities[name] = box
            self._modalities.addWidget(box)

    def _toggled(self) -> None:
        self._show_amount()
        self.begin.setEnabled(bool(self._amount()[0]))

    def _show_versions(self, state: SessionState) -> None:
        chosen = self.version.currentData()
        known = self.version.count() > 0
        journal = state.journal
        with QSignalBlocker(self.version):
            self.version.clear()
            self.version.addItem(ALL, "")
            for version in reversed(journal.versions if journal else ()):
                uploaded = sum(count.active - count.pending for count in journal.by_version.get(version, ())) if journal else 0
                self.version.addItem(f"{version}  ({words.count_of(uploaded, 'file')})", version)
            last = journal.last_version if journal else None
            self.version.setCurrentIndex(max(self.version.findData(chosen if known and chosen else last or ""), 0))

    def _amount(self) -> tuple[int, int]:
        """Files and bytes of the choice."""
        version, names = self.version.currentData(), self._wanted()
        found = [c for c in self._counts or () if c.modality in names and version in ("", c.version)]
        return sum(c.active - c.pending for c in found), sum(c.active_bytes - c.pending_bytes for c in found)

    def _show_amount(self) -> None:
        files, size = self._amount()
        part = self.chosen_part
        some = min(part.newest or files, math.ceil(files * part.share) if part.share else files)
        if some < files:
            self.amount.setText(f"{words.number(some)} of {words.count_of(files, 'file')}")
        else:
            self.amount.setText(f"{words.count_of(files, 'file')}, {words.size(size)}" if files else "No uploaded files")

    def _wanted(self) -> tuple[str, ...]:
        return tuple(name for name, box in self.modalities.items() if box.isChecked())

    def _ask(self) -> None:
        wanted = self._wanted()
        modalities = () if wanted == self._names else wanted
        self.asked.emit(intents.Verify(self.version.currentData() or None, modalities, self.reread, self.chosen_part))
