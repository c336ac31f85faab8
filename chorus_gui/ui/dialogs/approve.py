"""The summary before a submission: what will be done, as which version, and a clear answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QWidget,
)

from chorus_gui.app.expiry import first_to_end, too_soon
from chorus_gui.app.readiness_facts import ReadinessFacts
from chorus_gui.app.readiness_report import severities
from chorus_gui.app.reading import COSTS, reading_text
from chorus_gui.app.review import is_version
from chorus_gui.app.values import ReviewFacts, StoreKind
from chorus_gui.app.what_changed import renamed_text, sentence
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.model import ChangeKind, Grade, Tally
from chorus_gui.core.review.values import ACTIONABLE, MOST_NAMED, Pending, named_patients
from chorus_gui.core.rules import Severity
from chorus_gui.ui import words
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.fold import Fold
from chorus_gui.ui.widgets.points import named, point

KIND_WORDS = {
    ChangeKind.ADDED: "Added",
    ChangeKind.UPDATED: "Updated",
    ChangeKind.MOVED: "Time changed",
    ChangeKind.RESTORED: "Restored",
    ChangeKind.DELETED: "Deleted (marked in the journal)",
}
RENAMED = "Renamed"


@dataclass(frozen=True, slots=True)
class ApprovalChoice:
    """The answer.  ``version`` None: a new one.  ``script``: record, then generate a script.  ``pending``: upload the pending files, too."""

    version: str | None
    amend: bool
    record_only: bool
    allow_deletions: bool
    script: bool = False
    pending: bool = True


def facts(state: SessionState, review: ReviewFacts) -> list[tuple[Grade, str]]:
    """What a person should know in addition to the counts."""
    out: list[tuple[Grade, str]] = []
    builtin = state.config is None or state.config.upload_method is UploadMethod.BUILTIN
    to_send = review.to_send.bytes + (review.pending.total.bytes if builtin else 0)
    rate = state.preferences.rate
    if to_send and rate and builtin:
        seconds = to_send / rate
        span = f"about {words.duration(seconds)}" if seconds >= 1 else "less than a second"
        out.append((Grade.INFO, f"The upload will take {span}, at the last measured speed of {words.rate(rate)}."))
    if builtin and state.config is not None and (soon := too_soon(first_to_end(state.config, {}), to_send, rate)):
        out.append((Grade.WARNING, soon))
    if folders := renamed_text(review.changed_to_do):
        out.append((Grade.INFO, folders))
    if lost := review.lost_patients:
        text = f"{words.count_of(len(lost), 'patient')} {words.agree(len(lost), 'has', 'have')} no files on the site any longer: {named_patients(lost)}."
        out.append((Grade.WARNING, f"{text} {words.agree(len(lost), 'Its', 'Their')} files are marked as deleted."))
    if unsure := review.unsure_patients:
        text = f"Could not determine if the site has other files of {words.count_of(len(unsure), 'patient')}, because folders could not be read: {named_patients(unsure)}."
        out.append(
            (
                Grade.WARNING,
                f"{text} The missing files of {words.agree(len(unsure), 'this patient', 'these patients')} are marked as deleted.",
            )
        )
    if review.summary.excluded:
        out.append(
            (
                Grade.INFO,
                f"{words.count_of(review.summary.excluded, 'change')} {words.agree(review.summary.excluded, 'is', 'are')} held back, and will not be submitted.",
            )
        )
    unmatched = review.summary.total(ChangeKind.UNMATCHED)
    if unmatched.files:
        text = f"{words.measured(unmatched, review.summary.unmatched_unmeasured)} {words.agree(unmatched.files, 'matches', 'match')}"
        out.append(
            (Grade.WARNING, f"{text} no pattern, and will not be uploaded. {words.newest(review.summary.newest_unmatched_us)}".strip())
        )
    if litter := review.summary.litter.files:
        text = f"{words.count_of(litter, 'file')} to upload {words.agree(litter, 'is', 'are')} possibly not data: the tile “Not data?” lists {words.agree(litter, 'it', 'them')}."
        out.append((Grade.WARNING, text))
    out += [(Grade.INFO, f"{reading_text(one)} {COSTS}") for one in review.reading if one.files.files]
    if accepted := review.accepted_leaks:
        text = f"{words.count_of(accepted, 'file')} {words.agree(accepted, 'has', 'have')} a leak of patient data that was accepted. The receipt shows the reason."
        out.append((Grade.WARNING, text))
    if (ready := state.readiness) is not None and (left := left_over(ready)):
        out.append((Grade.WARNING, f"The readiness check found {left}."))
    if review.summary.left_out:
        out.append((Grade.INFO, review.summary.left_out))
    if problems := review.summary.total(ChangeKind.PROBLEM).files:
        text = f"{words.count_of(problems, 'file or folder has a problem', 'files or folders have problems')}, and {words.agree(problems, 'is', 'are')} not part of this submission."
        out.append((Grade.WARNING, text))
    return out


def left_over(found: ReadinessFacts) -> str:
    """What the readiness check found besides leaks, in words; "" for nothing that matters."""
    counts = Counter(line.severity.value for line in found.lines if line.severity in (Severity.REJECTED, Severity.QUESTIONABLE))
    return severities(counts)


class ApproveDialog(Dialog):
    """Asks, and calls ``then`` with the answer.  ``show_leaks`` brings the Readiness page to the front.

    Enter sends only if the deletions are confirmed and nothing else here warns.  Otherwise it cancels, and in a field it does nothing.
    """

    def __init__(
        self,
        parent: QWidget | None,
        state: SessionState,
        review: ReviewFacts,
        then: Callable[[ApprovalChoice], None],
        show_leaks: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(parent, "Approve changes")
        self._then, self._warned = then, False
        self._leaks, self._pending_leaks, self._forgotten = review.leaks, review.pending_leaks, review.forgotten_leaks
        self.leaks = label("", "strong", wrap=True)
        self.open_leaks = button("Open &Readiness", "Close this question, and show the leaks")
        self.open_leaks.clicked.connect(self.reject)
        if show_leaks is not None:
            self.open_leaks.clicked.connect(show_leaks)
        self._leak_notice = self._of_leaks(review)
        self._deletions = sum(deleted for deleted, _ in review.many_deletions.values())
        self._existing = state.journal.versions if state.journal else ()
        self.new = QRadioButton("A &new version, named by date and time (such as 20261231235959)")
        self.named = QRadioButton("A new version with this na&me:")
        self.amend = QRadioButton("&Add to version:")
        self.name, self.which, self.field = QLineEdit(), QComboBox(), QLineEdit()
        scripted = state.config is not None and state.config.upload_method is UploadMethod.AZCLI
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Close without approving (Esc)")
        self.record = button("Record &only", "Record the changes in the journal, and upload nothing yet")
        self.yes = (
            button(
                "Record and generate &batch file…", "Record the changes in the journal, then write a script that uploads them", primary=True
            )
            if scripted
            else button("Record and &upload", "Record the changes in the journal, and upload the files", primary=True)
        )
        self.cancel.clicked.connect(self.reject)
        self.record.clicked.connect(lambda: self._answer(record_only=True))
        self.yes.clicked.connect(lambda: self._answer(record_only=scripted, script=scripted))
        self._remark = label("", wrap=True)
        self._along = Pending() if scripted else review.pending
        self._changes = review.to_do_total.files
        self.pending = QCheckBox()
        self.pending.setChecked(True)
        self.pending.setToolTip("If this is not selected, they stay pending for a later submission")
        if not self._along.parts:
            self.pending.hide()
        asked = f"Approve {words.count_of(self._changes, 'change')}?"
        parts: list[QWidget] = [
            label(asked if self._changes else f"Upload {words.count_of(self._along.total.files, 'pending file')}?", "heading"),
            self._said(review),
            self._destination(state),
            self._leak_notice,
            self._counts(review),
            *self._notes(state, review),
            self.pending,
            self._versions(),
            self._remark,
        ]
        if self._deletions:
            parts.append(self._confirmation(review))
        self.compose(column(*parts, None, space=2 * SPACE), row(self.cancel, None, self.record, self.yes))
        self.name.textChanged.connect(self._look)
        self.field.textChanged.connect(self._look)
        self._group.buttonToggled.connect(self._look)
        self.which.currentTextChanged.connect(self._look)
        self.pending.toggled.connect(self._look)
        self._look()
        (self.field if self._deletions else self.yes if self.yes.isDefault() else self.cancel).setFocus()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _said(self, review: ReviewFacts) -> QLabel:
        """What changed, in words."""
        text = sentence(review.changed_to_do, words.day)
        made = label(f"{text}." if text else "", wrap=True)
        if not text:
            made.hide()
        return made

    def _destination(self, state: SessionState) -> QWidget:
        made = QWidget()
        badge = label(words.STORES[state.store_kind].upper())
        badge.setProperty("badge", "test" if state.store_kind is StoreKind.TEST else "central")
        where = label(state.config.central.text if state.config else "", selectable=True, wrap=True)
        where.setAccessibleName("Destination")
        layout = row(label("Upload to", "muted"), badge, where)
        layout.setStretch(2, 1)
        made.setLayout(layout)
        return made

    def _of_leaks(self, review: ReviewFacts) -> QFrame:
        made = QFrame()
        made.setProperty("notice", Grade.BAD.value)
        lines: list[QWidget] = [self.leaks]
        if review.leak_rules:
            what_to_do = (
                f"Correct these files, hold them back, or accept the findings with a reason (rules {', '.join(review.leak_rules)})."
            )
            lines.append(label(what_to_do, wrap=True))
        text = column(*lines, space=SPACE // 2)
        layout = row(text, self.open_leaks, space=2 * SPACE, margins=(2 * SPACE, SPACE + 4, 2 * SPACE, SPACE + 4))
        layout.setStretch(0, 1)
        made.setLayout(layout)
        return made

    def _counts(self, review: ReviewFacts) -> QWidget:
        """Kinds down, modalities across."""
        made = QFrame()
        made.setProperty("card", "true")
        made.setAccessibleName("Changes by kind and modality")
        grid = QGridLayout(made)
        grid.setContentsMargins(2 * SPACE, SPACE + 4, 2 * SPACE, SPACE + 4)
        grid.setHorizontalSpacing(3 * SPACE)
        found = review.to_do_by_modality
        names = [name for name in review.modalities if name in found] + [name for name in found if name not in review.modalities]
        for place, name in enumerate([*names, "Total"], 1):
            grid.addWidget(label(name, "muted"), 0, place, Qt.AlignmentFlag.AlignRight)
        line, renamed = 1, review.renamed_to_do
        for kind in (*ACTIONABLE, None):
            halves = renamed if kind in (ChangeKind.ADDED, ChangeKind.DELETED) else {}
            cells = [renamed.get(n, Tally()) if kind is None else found[n].get(kind, Tally()) - halves.get(n, Tally()) for n in names]
            total = sum(cells, Tally())
            if not total.files:
                continue
            grid.addWidget(label(KIND_WORDS[kind] if kind else RENAMED), line, 0)
            for place, cell in enumerate(cells, 1):
                grid.addWidget(_cell(kind, cell), line, place, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(_cell(kind, total, strong=True), line, len(names) + 1, Qt.AlignmentFlag.AlignRight)
            line += 1
        for number in range(line):
            grid.setRowMinimumHeight(number, QFontMetrics(made.font()).height() + 4)
        grid.setVerticalSpacing(SPACE // 2)
        grid.setColumnStretch(0, 1)
        return made

    def _notes(self, state: SessionState, review: ReviewFacts) -> list[QWidget]:
        points: list[QLayout] = []
        for grade, text in facts(state, review):
            self._warned = self._warned or grade is not Grade.INFO
            points.append(point(text, grade if grade is not Grade.INFO else None))
        if not points:
            return []
        box = QWidget()
        box.setLayout(column(*points, space=SPACE // 2))
        lost, unsure = review.lost_patients, review.unsure_patients
        folds = (("&Show all patients without files", lost), ("Show all patients that are not &certain", unsure))
        return [box, *(Fold(name, partial(_all_of_them, patients)) for name, patients in folds if len(patients) > MOST_NAMED)]

    def _versions(self) -> QWidget:
        self.name.setPlaceholderText("for example 2026-spring")
        self.name.setAccessibleName("Name of the version")
        self.name.setToolTip("Use letters, digits, “.”, “-” and “_”. The name is also the folder in the central store")
        self.which.addItems(list(reversed(self._existing)))
        self.which.setAccessibleName("Version to add to")
        self.which.setToolTip("Add the changes to this version")
        self._group = group = QButtonGroup(self)
        for choice in (self.new, self.named, self.amend):
            choice.setToolTip("Choose the version for these changes")
            group.addButton(choice)
        self.new.setChecked(True)
        self.name.textEdited.connect(lambda: self.named.setChecked(True))
        self.which.activated.connect(lambda: self.amend.setChecked(True))
        rows = [label("Version", "strong"), self.new, row(self.named, self.name)]
        if self._existing:
            rows.append(row(self.amend, self.which, None))
        made = QWidget()
        made.setLayout(column(*rows, space=SPACE // 2 + 2))
        return made

    def _confirmation(self, review: ReviewFacts) -> QWidget:
        made = QFrame()
        made.setProperty("notice", Grade.BAD.value)
        message = ", ".join(
            f"{words.number(deleted)} of {words.number(total)} {name} files" for name, (deleted, total) in review.many_deletions.items()
        )
        self.field.setAccessibleName(f"Type {self._deletions} to confirm the deletions")
        self.field.setToolTip(plain_text(f"Type {self._deletions} to confirm"))
        self.field.setMaximumWidth(140)
        made.setLayout(
            column(
                label(f"{message} {words.agree(self._deletions, 'is', 'are')} marked as deleted.", "strong", wrap=True),
                label(
                    "Often this means that a folder or drive is missing, not that the files were deleted. "
                    "If you are not sure, cancel and check the deleted files.",
                    wrap=True,
                ),
                row(named(f"If they were really deleted, type {self._deletions}:", self.field), self.field, None),
                space=SPACE,
                margins=(2 * SPACE, SPACE + 4, 2 * SPACE, SPACE + 4),
            )
        )
        return made

    # --- the answer -------------------------------------------------------------------------------------------------

    @property
    def confirmed(self) -> bool:
        """The deletions were confirmed, if they must be."""
        return not self._deletions or "".join(filter(str.isdigit, self.field.text())) == str(self._deletions)

    def _look(self) -> None:
        name, named = self.name.text().strip(), self.named.isChecked()
        wrong = named and not is_version(name)
        remark = ""
        if wrong and name:
            remark = "Use letters, digits, “.”, “-” and “_” for the name. Begin with a letter or a digit."
        elif named and name in self._existing:
            remark = f"Version {name} already exists. The changes will be added to it."
        self._remark.setText(remark)
        self._remark.setVisible(bool(remark))
        set_grade(self._remark, Grade.BAD if wrong else Grade.WARNING)
        along = self._along.of(self._version).total
        self.pending.setText(
            f"Also upload {words.files_and_size(along)} from earlier that {words.agree(along.files, 'is', 'are')} &pending"
        )
        self.pending.setEnabled(along.files > 0)
        sends = bool(self._changes or (along.files and self.pending.isChecked()))
        leaks = self._leaks + (self._pending_leaks if along.files and self.pending.isChecked() else 0)
        one = leaks == 1
        self.leaks.setText(
            f"{words.count_of(leaks, 'file')} to upload {words.agree(leaks, 'has', 'have')} a leak of patient data, so nothing can be uploaded until "
            f"{'it is' if one else 'they are'} dealt with."
        )
        if not leaks and self._forgotten:
            self.leaks.setText(self._forgotten)
        blocked = bool(leaks or self._forgotten)
        self._leak_notice.setVisible(blocked)
        self.yes.setEnabled(not wrong and self.confirmed and sends and not blocked)
        self.yes.setToolTip(plain_text(self.leaks.text() if blocked else self.yes.accessibleDescription()))
        self.record.setEnabled(not wrong and self.confirmed and self._changes > 0)
        sure = self.confirmed and not self._warned and not remark
        (self.yes if sure and self.yes.isEnabled() else self.cancel).setDefault(True)

    @property
    def _version(self) -> str | None:
        """The version that was named; None: a new one."""
        return self.name.text().strip() if self.named.isChecked() else self.which.currentText() if self.amend.isChecked() else None

    def _answer(self, *, record_only: bool, script: bool = False) -> None:
        choice = ApprovalChoice(
            self._version, self.amend.isChecked(), record_only, bool(self._deletions), script, pending=self.pending.isChecked()
        )
        self.accept()
        self._then(choice)


def _cell(kind: ChangeKind | None, tally: Tally, *, strong: bool = False) -> QLabel:
    """A count; its bytes, too, if they are uploaded."""
    text = words.number(tally.files) if tally.files else "–"
    if tally.files and kind in (ChangeKind.ADDED, ChangeKind.UPDATED):
        text += f" · {words.size(tally.bytes)}"
    return label(text, "strong" if strong else "" if tally.files else "muted")


def _all_of_them(patients: Sequence[str]) -> QWidget:
    """Each patient on a line of its own, to read, search and copy."""
    made = QPlainTextEdit("\n".join(patients))
    made.setReadOnly(True)
    made.setTabChangesFocus(True)
    made.setAccessibleName(words.count_of(len(patients), "patient"))
    made.setToolTip("Select lines to copy them")
    made.setFixedHeight(QFontMetrics(made.font()).height() * 8)
    return made
