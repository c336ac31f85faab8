"""The assistant's steps that show something: the test of the connection, what the patterns match, where it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from chorus_gui.app import sampling
from chorus_gui.app.answers import Answers, pasted_path
from chorus_gui.app.folders import is_folder, is_there, suggested_configuration
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Finding, Grade, Mode, Tally
from chorus_gui.ui.assistant.steps import Step, Test, folder_problem
from chorus_gui.ui.models.examples import ExampleModel
from chorus_gui.ui.pages.configuration_findings import FindingCard, clear
from chorus_gui.ui.pages.configuration_tester import UNMATCHED, example_table
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, Tile, button, column, label, row, scrolled, set_grade
from chorus_gui.ui.widgets.files import ask_save


class TestStep(Step):
    """Every place is tested.  ``test_wanted``: now."""

    __test__ = False
    title = "Test"
    lead = "Every place is tested. In the central store, an empty file is created and removed again."
    test_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[Finding, ...] = ()
        self._results = column(space=SPACE)
        self.again = button("&Test again", "Test every place again", icon="refresh")
        self.again.clicked.connect(self.test_wanted)
        content = QWidget()
        content.setLayout(column(self._results, row(self.again, None), None, space=2 * SPACE))
        self.setLayout(column(scrolled(content, "Results of the test")))

    def enter(self, answers: Answers) -> None:
        """It begins by itself."""
        del answers
        self.test_wanted.emit()

    @property
    def bad(self) -> bool:
        """A problem must be fixed before anything can be uploaded."""
        return any(finding.grade is Grade.BAD for finding in self._found)

    def show_tests(self, found: Sequence[Finding], error: str, *, testing: bool) -> None:
        """What was found; ``error``: why nothing could be."""
        if error:
            found = (Finding(Grade.BAD, "", error),)
        self._found = tuple(found)
        clear(self._results)
        self.again.setEnabled(not testing)
        if testing:
            self._results.addWidget(label("Testing every place…", "muted", wrap=True))
        for one in found:
            self._results.addWidget(FindingCard(one.grade, one.subject, one.what, one.remedy))
        if found and not testing:
            sentence = "You can continue anyway, and fix it later on the Configuration page." if self.bad else "Every test passed."
            self._results.addWidget(label(sentence, "strong" if not self.bad else "muted", wrap=True))


class PreviewStep(Step):
    """What the patterns match.  ``look_wanted``: read the folder."""

    title = "Preview"
    lead = "What the patterns match in the site's folder. Nothing is uploaded or saved."
    look_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tiles = {name: Tile(name, f"Show the files that match {name}") for name in MODALITIES}
        self.tiles[UNMATCHED] = Tile("Unmatched", "Show the files that match no pattern")
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
        """The folder is read."""
        del answers
        self.show_sample(None)
        self.look_wanted.emit()

    def show_sample(self, found: sampling.Sample | None) -> None:
        """What was found; None: the folder is being read."""
        self._sample, self._filter = found, None
        for name, tile in self.tiles.items():
            count = None if found is None else found.unmatched if name == UNMATCHED else found.matched.get(name, 0)
            tile.setVisible(found is None or name == UNMATCHED or name in found.matched)
            tile.setChecked(False)
            tile.show_count(None if count is None else Tally(count, 0), with_bytes=False)
        self._fill()
        if found is None:
            self.status.setText("Reading the site's folder…")
            self.advice.setText("")
            return
        sentences = [*found.problems, sampling.sentence(found)]
        self.status.setText("  ".join(part for part in sentences if part))
        set_grade(self.status, Grade.BAD if found.problems else Grade.WARNING if found.unread else None)
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
    """What that means for a person."""
    if not found.files and found.unread:
        return "No file could be read. Check the permissions of the folder.", Grade.WARNING
    if not found.files:
        return "The folder is empty. You can continue, and try the patterns later on the Configuration page.", Grade.WARNING
    if not any(found.matched.values()):
        sentence = (
            "No file matches a pattern. Check that this is the right folder. "
            "If it is, continue, and change the patterns on the Configuration page. It tries them while you type."
        )
        return sentence, Grade.WARNING
    missing = [name for name, count in found.matched.items() if not count and name != "Metadata"]
    if missing:
        return (
            f"No file matches {' or '.join(missing)}. If the site has such files, change the pattern on the Configuration page.",
            Grade.WARNING,
        )
    if found.unmatched:
        return (
            "Files that match no pattern are never uploaded. If some of them should be, change the patterns on the Configuration page.",
            Grade.INFO,
        )
    if found.unread:
        return "Every file that could be read matches a pattern. Check the permissions of what could not be read.", Grade.WARNING
    return "Every file matches a pattern.", Grade.GOOD


class SaveStep(Step):
    """Where the configuration is kept."""

    title = "Save"
    lead = "The configuration is one file. The local journal, the list of what was submitted, is kept in the same folder."

    def __init__(self) -> None:
        super().__init__()
        self.edit = QLineEdit(str(suggested_configuration()))
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        choose = button("Browse…", "Choose where to save the configuration", icon="folder")
        choose.clicked.connect(self._choose)
        field = QWidget()
        line = row(self.edit, choose, space=SPACE // 2)
        line.setStretch(0, 1)
        field.setLayout(line)
        field.setFocusProxy(self.edit)
        about = FormRow("Configuration file", field, "Choose a folder that is backed up, outside the site's folder.")
        self.rows = {"": about}
        self.edit.setAccessibleName("Configuration file")
        self.edit.setToolTip("The file to save the configuration to")
        self.summary = label("", wrap=True, selectable=True)
        self.setLayout(column(about, SPACE, label("Summary", "strong"), self.summary, None, space=SPACE))

    @property
    def file(self) -> Path:
        """The file that it is saved to."""
        path = Path(pasted_path(self.edit.text())).expanduser()
        return path if path.suffix else path.with_suffix(".toml") if path.name else path

    def enter(self, answers: Answers) -> None:
        """All of it, once more."""
        way = "sign-in with Microsoft" if answers.pasted is None else answers.pasted.facts.headline
        store = answers.store if answers.azure or not answers.store else str(Path(answers.store))
        gone = "marked as deleted (full mode)" if answers.mode is Mode.FULL else "ignored (append mode)"
        others = [f"{modality}:  {value}" for (name, modality), value in answers.places if name == "site.path" and modality != DEFAULT]
        lines = [f"Site folder:  {answers.site}", *others, f"Files that are no longer on the site:  {gone}", f"Central store:  {store}"]
        if answers.azure:
            account, url = answers.address
            lines += [f"Storage account:  {url or account}", f"Credential:  {way}", f"Journal:  az://{answers.container.name}/journal.db"]
        else:
            lines.append("Journal:  on this computer, in the folder of the configuration")
        self.summary.setText("\n".join(lines))

    def problem(self, answers: Answers) -> str:
        """Why the file cannot be used."""
        if not self.edit.text().strip():
            return "Choose where to save the configuration."
        if not self.file.is_absolute():
            return "Enter the full path. It starts with a drive or with “/”."
        if "://" not in answers.site and Path(answers.site) in self.file.parents:
            return "Choose a place outside the site's folder. The configuration is not part of a submission."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """It can be written."""
        del answers, file
        target = self.file

        def step(_: JobContext) -> str:
            folder = target.parent
            if not is_there(folder):
                above = next((one for one in folder.parents if is_there(one)), None)
                return (
                    folder_problem(above, write=True)
                    if above is not None
                    else f"The drive of “{folder}” does not exist. Choose another folder."
                )
            return (
                f"“{target}” is a folder. Add a file name, such as config.toml."
                if is_folder(target)
                else folder_problem(folder, write=True)
            )

        return step

    def _choose(self) -> None:
        chosen, _ = ask_save(self, "Save the configuration", self.file, "Configurations (*.toml)", confirm=False)
        if chosen:
            self.edit.setText(str(chosen))
