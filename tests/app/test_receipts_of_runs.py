"""Every run leaves a receipt, however it ends; one that cannot be saved is a warning, and changes nothing else."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faces import (
    FILES,
    MARKS,
    ONE,
    RUNS,
    VERSION,
    Asked,
    CommandLine,
    Ended,
    Face,
    Window,
    after,
    carry_out,
    contexts,
    path_of,
    prepare,
    receipts,
    refused,
    uploaded,
)
from platforms import same_place
from world import World

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.site_status import Progress
from chorus_gui.app.verdict_book import book_file, last_verification
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.ui.pages.overview import status_of

BOTH = [("cli", run) for run in [*RUNS, *MARKS]] + [("window", run) for run in RUNS]
"""(face, run) of everything that leaves a receipt."""
NOT_SAVED = "Could not save the receipt"


@pytest.fixture
def on(request: pytest.FixtureRequest) -> Callable[[str], Face]:
    """A face by its name."""
    return request.getfixturevalue


# --- a receipt that cannot be saved -------------------------------------------------------------------------------------


def _raise(error: Exception) -> Callable[..., object]:
    def broken(*given: object, **options: object) -> object:
        raise error

    return broken


def a_file_in_its_place(patch: pytest.MonkeyPatch) -> None:
    receipts_folder().parent.mkdir(parents=True, exist_ok=True)
    receipts_folder().write_bytes(b"")


def read_only(patch: pytest.MonkeyPatch) -> None:
    """The folder refuses every new file.  (Its permissions alone stop neither root nor Windows.)"""
    real = os.open

    def refuse(path: str | os.PathLike[str], *given: int, **options: int) -> int:
        if Path(path).parent == receipts_folder():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *given, **options)

    patch.setattr(os, "open", refuse)


def full(patch: pytest.MonkeyPatch) -> None:
    """There was room for the JSON, but not for the page."""
    real = os.fdopen

    def fill_up(handle: int, *given: Any, **options: Any) -> object:
        if receipts_folder().is_dir() and len(os.listdir(receipts_folder())) > 1:
            os.close(handle)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, *given, **options)

    patch.setattr(os, "fdopen", fill_up)


def a_bug(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.app.receipts.to_html", _raise(RuntimeError("a page that cannot be drawn")))


def a_bug_before_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.app.receipts.make_receipt", _raise(KeyError("a receipt that cannot be made")))


TROUBLES = [a_file_in_its_place, read_only, full, a_bug, a_bug_before_it]
Trouble = Callable[[pytest.MonkeyPatch], None]


def check_done(world: World, run: str) -> None:
    """The journal, the store and the verdict book say all that the run did."""
    match run:
        case "record":
            assert len(world.active()) == FILES
            assert uploaded(world) == 0
        case "submission" | "upload":
            assert uploaded(world) == FILES
            assert (world.central / VERSION / "journal.db").is_file()
        case "verify":
            book = last_verification(book_file(world.journal))
            assert book is not None
            assert (book.complete, book.files) == (True, FILES)
        case "undo":
            assert world.active() == {}
        case "mark_as_deleted":
            assert ONE not in world.active()
        case _:
            assert world.active()[ONE].uploaded == "20250101000000"


def check_warned(ended: Ended) -> None:
    """The person knows that the receipt is missing, and where the truth is."""
    assert NOT_SAVED in ended.said
    assert "The journal is complete." in ended.said
    if ended.status is not None:
        assert [line for line in ended.said.splitlines() if line.startswith(f"Warning: {NOT_SAVED}")]
    else:
        assert ended.end is not None
        assert NOT_SAVED in ended.end.text
        assert ended.end.receipt is None


@pytest.mark.parametrize(("name", "run"), BOTH)
def test_every_run_comes_to_its_end_without_its_receipt(name, run, on, world: World, monkeypatch) -> None:
    prepare(world, run)
    a_file_in_its_place(monkeypatch)
    ended = carry_out(on(name), run)
    assert ended.outcome is OutcomeKind.DONE
    assert ended.status in (None, 0)
    check_done(world, run)
    check_warned(ended)


@pytest.mark.parametrize("run", ["submission", "verify"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_is_wrong_with_the_receipt_it_is_a_warning(trouble: Trouble, run, face: Face, world: World, monkeypatch) -> None:
    prepare(world, run)
    trouble(monkeypatch)
    ended = carry_out(face, run)
    assert ended.outcome is OutcomeKind.DONE
    check_done(world, run)
    check_warned(ended)
    assert [file.name for file in receipts_folder().glob("*")] == [] or receipts_folder().is_file(), "no half of a receipt is left"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_faulty_has_its_status_without_a_receipt_too(trouble: Trouble, cli: CommandLine, world: World, monkeypatch) -> None:
    """A file that is gone, a file that differs, and a file that cannot be read: 1 each, with a receipt and without."""
    prepare(world, "upload")
    content, times = (world.site / ONE).read_bytes(), os.stat(world.site / ONE)
    (world.site / ONE).unlink()
    with monkeypatch.context() as patch:
        trouble(patch)
        assert cli.run("file upload").status == 1
        world.put(ONE, content, mtime=times.st_mtime)
        assert cli.run("file upload").status == 0
        path_of(world).write_bytes(b"spoilt")
        differing = cli.run("file verify")
        assert differing.status == 1
        assert ONE in differing.out
        _make_unreadable(world, patch)
        assert cli.run("submit --yes").status == 1
        assert "1 problem on the site" in cli.run("journal update").said


def _make_unreadable(world: World, patch: pytest.MonkeyPatch) -> None:
    """Nobody may look into a folder of the site."""
    real, folder = os.scandir, world.site / "1001"

    def refuse(path: str = ".") -> object:
        if same_place(path, folder):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    patch.setattr(os, "scandir", refuse)


@pytest.mark.parametrize("run", ["submission", "verify"])
def test_the_results_for_programs_are_there_without_a_receipt(run, cli: CommandLine, world: World, monkeypatch) -> None:
    import json

    prepare(world, run)
    a_bug_before_it(monkeypatch)
    ended = cli.run({"submission": "submit --yes --json", "verify": "file verify --json"}[run])
    assert json.loads(ended.out)["receipt"] is None


@pytest.mark.parametrize("run", RUNS)
def test_a_user_without_a_name_works_like_everybody(run, face: Face, world: World, monkeypatch) -> None:
    """As in a container whose user is not in the system's list of users."""
    monkeypatch.setattr("getpass.getuser", _raise(KeyError("getpwuid(): uid not found: 1234")))
    prepare(world, run)
    ended = carry_out(face, run)
    assert ended.outcome is OutcomeKind.DONE, ended
    assert [receipt.user for receipt in receipts()] == ["unknown user"]
    assert NOT_SAVED not in ended.said


# --- every run leaves one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "run"), BOTH)
def test_every_run_leaves_a_receipt(name, run, on, world: World) -> None:
    prepare(world, run)
    ended = carry_out(on(name), run)
    [receipt] = receipts()
    assert receipt.kind == {**RUNS, **MARKS}[run]
    assert receipt.outcome is OutcomeKind.DONE
    assert receipt.clean
    assert receipt.journal == str(world.journal)
    if run not in MARKS:
        assert receipt.versions == (VERSION,) or run == "undo"
    [page] = receipts_folder().glob("*.html")
    if name == "window":
        assert ended.end is not None
        assert ended.end.receipt == page
    else:
        assert f"Receipt: {page}" in ended.out
    check_done(world, run)


@pytest.mark.parametrize(("name", "run"), [entry for entry in BOTH if entry[1] in ("submission", "upload", "verify")])
def test_a_run_that_was_stopped_by_an_error_leaves_one(name, run, on, world: World, monkeypatch) -> None:
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1"), "utf-8")
    prepare(world, run)
    after(monkeypatch, "head" if run == "verify" else "put", 2, refused)
    ended = carry_out(on(name), run)
    assert ended.outcome is OutcomeKind.FAILED
    assert "The token is no longer valid" in ended.said
    [receipt] = receipts()
    assert (receipt.kind, receipt.outcome) == (run, OutcomeKind.FAILED)
    if run == "verify":
        assert receipt.verification is not None
        assert receipt.verification.checked.files < FILES
    else:
        assert 0 < receipt.sent_files == uploaded(world) < FILES


@pytest.mark.parametrize(("name", "run"), [entry for entry in BOTH if entry[1] not in ("undo", "record", "mark_as_deleted")])
def test_a_run_that_was_cancelled_leaves_one(name, run, on, world: World, monkeypatch) -> None:
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1"), "utf-8")
    prepare(world, run)
    made: list[JobContext] = []
    contexts(monkeypatch, made)
    look_up = run == "verify" or run in MARKS
    after(monkeypatch, "head" if look_up else "put", 0 if run in MARKS else 1, lambda: made[-1].cancel())
    ended = carry_out(on(name), run)
    assert ended.outcome is OutcomeKind.CANCELLED, ended
    [receipt] = receipts()
    assert receipt.outcome is OutcomeKind.CANCELLED
    assert not receipt.clean
    assert (world.central / VERSION / "journal.db").is_file() or look_up


def test_a_recording_that_was_cancelled_leaves_one(face: Face, world: World, monkeypatch) -> None:
    made: list[JobContext] = []
    contexts(monkeypatch, made)
    from chorus_gui.core.submission import submit

    real = submit._enter_pending

    def cancelled(*given: object) -> None:
        made[-1].cancel()
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(submit, "_enter_pending", cancelled)
    assert carry_out(face, "record").outcome is OutcomeKind.CANCELLED
    [receipt] = receipts()
    assert (receipt.kind, receipt.outcome) == ("record", OutcomeKind.CANCELLED)


STEPS = {
    "record": "chorus_gui.core.submission.submit.record",
    "submission": "chorus_gui.core.submission.submit.submit",
    "upload": "chorus_gui.core.submission.upload.upload_pending",
    "verify": "chorus_gui.core.submission.verification.verify_versions",
    "undo": "chorus_gui.core.journal.store.Journal.undo",
    "mark_as_deleted": "chorus_gui.core.submission.mark.mark_as_deleted",
    "mark_as_uploaded_local": "chorus_gui.core.submission.mark.mark_as_uploaded",
    "mark_as_uploaded_central": "chorus_gui.core.submission.mark.mark_as_uploaded",
}
"""The step of each run."""


@pytest.mark.parametrize(("name", "run"), BOTH)
def test_a_fault_of_the_program_leaves_one(name, run, on, world: World, monkeypatch, request) -> None:
    prepare(world, run)
    monkeypatch.setattr(STEPS[run], _raise(RuntimeError("a bug")))
    face = on(name)
    if isinstance(face, Window):
        face.session.crashed.connect(lambda report: None)
    ended = carry_out(face, run)
    assert ended.outcome is OutcomeKind.CRASHED
    [receipt] = receipts()
    assert (receipt.kind, receipt.outcome) == ({**RUNS, **MARKS}[run], OutcomeKind.CRASHED)


BAD = {
    "journal update --version ../x": "is not a valid version name",
    "submit --yes --amend": "no version to amend",
    "file upload --version nothing": "no version nothing",
    "file upload --modalities Nothing": "Nothing",
    "file verify --version nothing": "no version nothing",
    "file verify --modalities Nothing": "Nothing",
    "journal undo --version nothing": "nothing",
    f"file mark_as_uploaded_local --upload-datetime yesterday --file {ONE}": "20261231235959",
    f"file mark_as_uploaded_central --upload-datetime 2025 --file {VERSION}/{ONE}": "20261231235959",
}
"""Requests that cannot be carried out → what the person reads."""


@pytest.mark.parametrize("words", BAD)
def test_a_request_that_cannot_begin_leaves_none(words, cli: CommandLine, world: World) -> None:
    if words != "submit --yes --amend":
        prepare(world, "upload")
    ended = cli.run(words)
    assert ended.status == 2, ended
    assert BAD[words] in ended.said
    assert receipts() == []


# --- verification -------------------------------------------------------------------------------------------------------


def mark_of_verify(window: Window) -> Progress:
    """How Overview shows the step “Verify”."""
    status = status_of(window.session.state)
    assert status is not None
    [step] = [step for step in status.steps if step.name == "Verify"]
    return step.progress


@pytest.mark.parametrize("words", ["file verify", "file verify --all", f"file verify --version {VERSION} --reread"])
def test_a_verification_by_the_command_line_counts_in_the_window(words, cli: CommandLine, window: Window, world: World) -> None:
    world.run("submit", version=VERSION)
    window.scan_and("record", Asked())
    assert mark_of_verify(window) is not Progress.DONE
    assert cli.run(words).status == 0
    window.open()
    assert mark_of_verify(window) is Progress.DONE
    found = last_verification(book_file(window.session.workspace().config.journal.local))
    assert found is not None
    assert (found.complete, found.files, found.reread) == (True, FILES, "--reread" in words)


def test_a_verification_that_found_a_difference_is_not_green(cli: CommandLine, window: Window, world: World) -> None:
    world.run("submit", version=VERSION)
    path_of(world).write_bytes(b"spoilt")
    assert cli.run("file verify").status == 1
    window.scan_and("record", Asked())
    assert mark_of_verify(window) is not Progress.DONE
    found = last_verification(book_file(world.journal))
    assert found is not None
    assert {result: files for result, (files, _) in found.counts.items() if result != "ok"} != {}
