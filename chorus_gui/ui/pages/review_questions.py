"""The questions of the Review page: hold back, mark as deleted, undo.  Each emits the page's intent if the answer is yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from chorus_gui.app.journal import closed_with, staying
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.core.review.values import Branch, Query, TreeNode, named_patients
from chorus_gui.ui import hold_intents, intents, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.tree import title
from chorus_gui.ui.pages import Page
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question, ReasonDialog


def ask_hold(page: Page, config: Config | None, ids: tuple[int, ...], count: int, reasons: list[str]) -> None:
    """Hold back these lines, which are ``count`` changes?"""
    ReasonDialog(
        page,
        f"Hold back {words.count_of(count, 'change')}?",
        f"{words.agree(count, 'It is', 'They are')} left out of this and later submissions until somebody releases {words.agree(count, 'it', 'them')}. "
        f"Give a reason. {_readers(config)}",
        "Hold back",
        lambda reason: page.intent.emit(intents.HoldBack(ids, reason, count)),
        reasons,
    ).open()


def ask_hold_node(page: Page, config: Config | None, node: TreeNode, shown: tuple[int, Query], reasons: list[str]) -> None:
    """Hold back a whole patient, as :func:`ask_hold_patient`, or the changes below a folder?  ``shown``: the revision of the review, and the query."""
    branch, count, (revision, query) = node.branch, node.holdable, shown
    if branch == Branch(branch.patient) and branch.patient is not None:
        ask_hold_patient(page, config, branch.patient, reasons)
        return
    where = "no patient" if branch == Branch(None) else f"“{branch.folder.rstrip('/')}”" if branch.folder else "no folder"
    ReasonDialog(
        page,
        f"Hold back {words.count_of(count, 'change')} in {where}?"
        if branch.folder
        else f"Hold back {words.count_of(count, 'change')} of {where}?",
        f"{words.agree(count, 'It is', 'They are')} left out of this and later submissions until somebody releases {words.agree(count, 'it', 'them')}. "
        f"Files that are new in a later scan are not held back. Give a reason. {_readers(config)}",
        "Hold back",
        lambda reason: page.intent.emit(hold_intents.HoldFound(revision, replace(query, branch=branch), count, reason)),
        reasons,
    ).open()


def ask_hold_patient(page: Page, config: Config | None, patient: str, reasons: list[str]) -> None:
    """Hold back everything of this patient?"""
    ReasonDialog(
        page,
        f"Hold back patient {patient}?",
        "All files of this patient, now and later, are left out until somebody releases them. Files that are already uploaded are not changed. "
        f"Give a reason. {_readers(config)}",
        "Hold back patient",
        lambda reason: page.intent.emit(intents.HoldBackPatient(patient, reason)),
        reasons,
    ).open()


def is_whole_patient(node: TreeNode, query: Query) -> bool:
    """The node is a patient, and ``query`` leaves out nothing of the patient that is held back."""
    return node.branch.patient is not None and node.branch == Branch(node.branch.patient) and query.shows_all_held


def what_is_shown_of(node: TreeNode) -> str:
    """What the box of a node is about, for :func:`ask_release_patients`."""
    whole = node.branch == Branch(node.branch.patient) and node.branch.patient is not None
    return f"what the table shows of {f'patient {node.branch.patient}' if whole else f'“{title(node)}”'}"


def ask_release_patients(page: Page, patients: Sequence[str], meant: str, release: Callable[[], None]) -> None:
    """Release whole patients, although a person only ``meant`` a folder, or what a filter shows, or some lines?"""
    one = len(patients) == 1
    who = f"patient {patients[0]}" if one else words.count_of(len(patients), "patient")
    held = f"Patient {patients[0]} is" if one else f"Patients {named_patients(patients)} are"
    ConfirmDialog(
        page,
        Question(
            f"Release {who}?",
            f"{held} held back as a whole, so all files of {'the patient' if one else 'these patients'} are released, also pending and later ones, not only {meant}.",
            f"Release {'patient' if one else 'patients'}",
            danger=True,
        ),
        release,
    ).open()


def ask_again(page: Page, error: ChorusError, again: Callable[[], None]) -> None:
    """Say that the review or the held-back list could not be read; try it again?"""
    ConfirmDialog(page, Question("Nothing was held back or released", f"{error.summary} {error.remedy}".strip(), "Try again"), again).open()


def ask_mark_deleted(page: Page, ids: tuple[int, ...]) -> None:
    """Mark the entries of these changes as deleted?"""
    ConfirmDialog(
        page,
        Question(
            f"Mark {words.count_of(len(ids), 'file')} as deleted?",
            f"The journal then says that the site no longer submits {words.agree(len(ids), 'this file', 'these files')}.",
            "Mark as deleted",
            details=(
                "Nothing is removed from the site or from the central store.",
                "Only files that are not on the site, or that the configuration leaves out, are marked.",
            ),
            danger=True,
        ),
        lambda: page.intent.emit(intents.MarkDeleted(ids)),
    ).open()


def read_and_ask_undo(page: Page, reader: Reader, journal: Path, version: str, files: int) -> None:
    """Ask :func:`ask_undo` when it is known how many deletions stay recorded."""

    def ask(outcome: Outcome[int]) -> None:
        ask_undo(page, version, files, outcome.value if outcome.kind is OutcomeKind.DONE else None)

    reader.ask(page, partial(closed_with, journal, version), ask, channel="undo")


def ask_undo(page: Page, version: str, files: int, closed: int | None) -> None:
    """Remove a version's pending files from the journal?  ``closed``: how many deletions stay recorded; None if that is not known."""
    stays = "Deletions that were recorded with it stay recorded." if closed is None else staying(closed)
    ConfirmDialog(
        page,
        Question(
            f"Undo version {version}?",
            f"{words.count_of(files, 'pending file')} {words.agree(files, 'is', 'are')} removed from the journal. A copy of the journal is kept.",
            "Undo version",
            details=(
                "Nothing on the site or in the central store is changed.",
                f"The next scan finds {words.agree(files, 'this file', 'these files')} again.",
                *((stays,) if stays else ()),
            ),
            danger=True,
        ),
        lambda: page.intent.emit(intents.Undo(version)),
    ).open()


def _readers(config: Config | None) -> str:
    """Who can read a reason."""
    cloud = config.journal.cloud if config is not None else None
    if cloud is None:
        return "It is kept next to the journal: everybody who works on this journal file can read it."
    place = f"the container “{cloud.container}”" if cloud.container else f"the folder of “{cloud.text}”"
    return f"The hold applies to everybody who works on the journal. Everybody with access to {place} can read the reason."
