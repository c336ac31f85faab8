"""The assistant's steps that show something: the test of the connection, what the patterns match, where it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from chorus_gui.app import sampling
from chorus_gui.app.answers import Answers
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Finding, Grade, Tally
from chorus_gui.ui.assistant.steps import Step, Test, folder_problem
from chorus_gui.ui.models.examples import ExampleModel
from chorus_gui.ui.pages.configuration_findings import FindingCard, clear
from chorus_gui.ui.pages.configuration_tester import UNMATCHED, example_table
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, Tile, button, column, label, row, scrolled, set_grade
from chorus_gui.ui.words import count_of


class TestStep(Step):
    """Every place is asked whether it answers.  ``test_wanted``: now."""

    __test__ = False
    title = "Test"
    lead = "Every place is asked whether it answers. Into the central store one empty file is written for a moment, and removed again."
    test_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[Finding, ...] = ()
        self._told = column(space=SPACE)
        self.again = button("&Test again", "Ask every place again", icon="refresh")
        self.again.clicked.connect(self.test_wanted)
        content = QWidget()
        content.setLayout(column(self._told, row(self.again, None), None, space=2 * SPACE))
        self.setLayout(column(scrolled(content)))

    def enter(self, answers: Answers) -> None:
        """It begins by itself."""
        del answers
        self.test_wanted.emit()

    @property
    def bad(self) -> bool:
        """Something that was found must be looked at before anything can be sent."""
        return any(finding.grade is Grade.BAD for finding in self._found)

    def show_tests(self, found: Sequence[Finding], error: str, *, testing: bool) -> None:
        """What was found; ``error``: why nothing could be."""
        if error:
            found = (Finding(Grade.BAD, "", error),)
        self._found = tuple(found)
        clear(self._told)
        self.again.setEnabled(not testing)
        if testing:
            self._told.addWidget(label("Asking every place whether it answers…", "muted", wrap=True))
        for one in found:
            self._told.addWidget(FindingCard(one.grade, one.subject, one.what, one.remedy))
        if found and not testing:
            told = "You can go on all the same, and correct it on the Configuration page." if self.bad else "Everything answers."
            self._told.addWidget(label(told, "strong" if not self.bad else "muted", wrap=True))


class PreviewStep(Step):
    """What the patterns match.  ``look_wanted``: look at the folder."""

    title = "Preview"
    lead = "What the program recognises in the site's folder. Nothing is sent, and nothing is written down."
    look_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tiles = {name: Tile(name, f"Show what is recognised as {name}") for name in MODALITIES}
        self.tiles[UNMATCHED] = Tile("Unmatched", "Show files that no pattern takes")
        for name, tile in self.tiles.items():
            tile.clicked.connect(lambda _=False, name=name: self._choose(name))
        self.status = label("", "muted", wrap=True)
        self.advice = label("", wrap=True)
        self.model = ExampleModel(self)
        self.table = example_table(self.model)
        self._sample: sampling.Sample | None = None
        self._filter: str | None = None
        whole = column(row(*self.tiles.values()), self.status, self.table, self.advice, space=SPACE + SPACE // 2)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def enter(self, answers: Answers) -> None:
        """The folder is looked at."""
        del answers
        self.show_sample(None)
        self.look_wanted.emit()

    def show_sample(self, found: sampling.Sample | None) -> None:
        """What was seen; None: it is being looked at."""
        self._sample, self._filter = found, None
        for name, tile in self.tiles.items():
            count = None if found is None else found.unmatched if name == UNMATCHED else found.matched.get(name, 0)
            tile.setVisible(found is None or name == UNMATCHED or name in found.matched)
            tile.setChecked(False)
            tile.show_count(None if count is None else Tally(count, 0), with_bytes=False)
        self._fill()
        if found is None:
            self.status.setText("Looking at the site's folder…")
            self.advice.setText("")
            return
        told = [*found.problems, sampling.sentence(found, lambda count, word: count_of(count, word))]
        self.status.setText("  ".join(part for part in told if part))
        text, grade = advice(found)
        self.advice.setText(text)
        set_grade(self.advice, grade)

    def _choose(self, name: str) -> None:
        self._filter = None if self._filter == name else name
        for other, tile in self.tiles.items():
            tile.setChecked(other == self._filter)
        self._fill()

    def _fill(self) -> None:
        examples = self._sample.examples if self._sample else {}
        names = [self._filter] if self._filter is not None else [*(n for n in MODALITIES if n in examples), UNMATCHED]
        self.model.show_rows([example for name in names for example in examples.get(name, [])[: 40 if self._filter is not None else 6]])


def advice(found: sampling.Sample) -> tuple[str, Grade]:
    """What a person should make of it."""
    if not found.files:
        return "The folder is empty as yet. You can go on; the patterns can be tried on the Configuration page.", Grade.WARNING
    if not any(found.matched.values()):
        told = (
            "Nothing was recognised: your folders are arranged in another way than the usual one. Check that it is the right folder; "
            "if it is, go on and change the patterns on the Configuration page, which tries them while you type."
        )
        return told, Grade.WARNING
    missing = [name for name, count in found.matched.items() if not count and name != "Metadata"]
    if missing:
        return (
            f"No {' and no '.join(missing)} was recognised. If the site has some, change the pattern on the Configuration page.",
            Grade.WARNING,
        )
    if found.unmatched:
        return (
            "Files that no pattern takes are never sent. If some of them should be, change the patterns on the Configuration page.",
            Grade.INFO,
        )
    return "Every file was recognised.", Grade.GOOD


class SaveStep(Step):
    """Where the configuration is kept."""

    title = "Save"
    lead = "The configuration is one file. The journal, which remembers what was submitted, lies beside it on this computer."

    def __init__(self) -> None:
        super().__init__()
        self.edit = QLineEdit(str(Path.home() / "CHoRUS" / "config.toml"))
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        choose = button("&Browse…", "Choose where it is saved", icon="folder")
        choose.clicked.connect(self._choose)
        field = QWidget()
        line = row(self.edit, choose, space=SPACE // 2)
        line.setStretch(0, 1)
        field.setLayout(line)
        field.setFocusProxy(self.edit)
        about = FormRow("Configuration file", field, "A folder that is backed up, outside of the site's folder.")
        self.edit.setAccessibleName("Configuration file")
        self.edit.setToolTip("Where the configuration is saved")
        self.summary = label("", wrap=True, selectable=True)
        self.setLayout(column(about, SPACE, label("What it says", "strong"), self.summary, None, space=SPACE))

    @property
    def file(self) -> Path:
        """Where it is to be saved."""
        path = Path(self.edit.text().strip()).expanduser()
        return path if path.suffix else path.with_suffix(".toml") if path.name else path

    def enter(self, answers: Answers) -> None:
        """All of it, once more."""
        way = "a Microsoft login" if answers.pasted is None else answers.pasted.facts.headline
        store = answers.store if answers.azure or not answers.store else str(Path(answers.store))
        lines = [f"Site folder:  {answers.site}", f"Central store:  {store}"]
        if answers.azure:
            account, url = answers.address
            lines += [f"Storage account:  {url or account}", f"Credential:  {way}", f"Journal:  az://{answers.container.name}/journal.db"]
        else:
            lines.append("Journal:  on this computer, beside the configuration")
        self.summary.setText("\n".join(lines))

    def problem(self, answers: Answers) -> str:
        """It is no place for a file."""
        if not self.edit.text().strip():
            return "Choose where the configuration is saved."
        if not self.file.is_absolute():
            return "Write the whole path, with the drive or from the first “/”."
        site = Path(answers.site)
        if site in self.file.parents:
            return "Choose a place outside of the site's folder: the configuration is not part of what is submitted."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """It can be written."""
        del answers, file
        target = self.file

        def step(_: JobContext) -> str:
            folder = target.parent
            if not folder.exists():
                above = next((one for one in folder.parents if one.exists()), None)
                return folder_problem(above, write=True) if above is not None else f"There is no drive for “{folder}”."
            return f"“{target}” is a folder." if target.is_dir() else folder_problem(folder, write=True)

        return step

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save the configuration", str(self.file), "Configurations (*.toml)", options=QFileDialog.Option.DontConfirmOverwrite
        )
        if chosen:
            self.edit.setText(chosen)
