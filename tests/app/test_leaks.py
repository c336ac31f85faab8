"""A leak of patient data that any check found stops whatever would send the file, until the file is held back or a person accepts it."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faces import Asked, CommandLine, Ended, Window, receipts, uploaded
from readinessworld import image
from world import World

import chorus_gui
from chorus_gui.app import leaks
from chorus_gui.app.readiness import check
from chorus_gui.app.receipts import to_html, to_text
from chorus_gui.app.status import Status
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.errors import ReviewError, SourceUnreadableError, UsageError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.findings import FileState
from chorus_gui.core.readiness.leaks import Leak, LeakBook
from chorus_gui.core.rules import built_in
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.submission.leak_gate import judge
from chorus_gui.ui import intents

LEAK = "1001/Images/dicom_unprocessed/7.dcm"
WHY = "An empty phantom scan"
CANARY = "CANARY42"


def open_leaks(world: World) -> list[Leak]:
    """What nobody accepted."""
    with leaks.listing(world.config) as found:
        return list(found.open)


def in_store(world: World) -> bool:
    """The central store has the file."""
    return any(path.name == "7.dcm" for path in world.central.rglob("*"))


def new(world: World) -> None:
    """Nothing was submitted yet."""
    world.put(LEAK, CANARY)


def recorded(world: World) -> None:
    """The file is recorded and pending, and a scan found the leak."""
    new(world)
    world.run("record", version="v1")


def sent(world: World) -> None:
    """The file was sent, when somebody had accepted it; its copy is gone, and the acceptance withdrawn."""
    recorded(world)
    leaks.accept(world.config, "P1", [], WHY)
    world.upload()
    leaks.withdraw(world.config, "P1")
    for path in world.central.rglob("7.dcm"):
        path.unlink()


def touched(world: World) -> None:
    """As :func:`sent`, and the file has another time: it counts as the same file, and is sent again because its copy is gone."""
    sent(world)
    os.utime(world.site / LEAK, (1_600_000_000, 1_600_000_000))


Act = Callable[[CommandLine, World], Ended]


def command(words: str) -> Act:
    def act(cli: CommandLine, world: World) -> Ended:
        return cli.run(words.format(base=world.base.as_posix(), site=world.site.as_posix()))

    return act


def by_policy(cli: CommandLine, world: World) -> Ended:
    (world.base / "p.toml").write_text("leaks = 5\n", "utf-8")
    return cli.run(f"submit --policy {(world.base / 'p.toml').as_posix()}")


WAYS: dict[str, tuple[Callable[[World], None], Act]] = {
    "submit": (new, command("submit --yes")),
    "submit, a version": (new, command("submit --yes --version v1")),
    "submit, one modality": (new, command("submit --yes --modalities Images")),
    "submit what is pending": (recorded, command("submit --yes")),
    "submit a file with another time": (touched, command("submit --yes")),
    "upload": (recorded, command("file upload")),
    "upload a version": (recorded, command("file upload --version v1 --modalities Images")),
    "a policy": (new, by_policy),
    "a policy, pending": (recorded, by_policy),
    "repair": (sent, command("file repair")),
    "repair a version": (sent, command("file repair --version v1")),
    "by hand": (recorded, command("remote upload -r {site}/1001 extra")),
    "by hand, one file": (recorded, command(f"remote upload {{site}}/{LEAK} extra/7.dcm")),
}


@pytest.mark.parametrize(("prepare", "act"), WAYS.values(), ids=WAYS)
def test_no_way_sends_a_leak_that_nobody_accepted(prepare: Callable[[World], None], act: Act, cli: CommandLine, world: World) -> None:
    prepare(world)
    before = world.rows() if world.journal.exists() else []
    ended = act(cli, world)
    assert ended.status == Status.DECISION, ended
    assert "P1" in ended.said
    assert "leak accept" in ended.said or "policy" in ended.said
    assert CANARY not in ended.said + ended.out
    assert not in_store(world)
    assert (world.rows() if world.journal.exists() else []) == before
    assert cli.run(f"leak accept --rule p1 --reason '{WHY}'").status == Status.DONE
    assert act(cli, world).status == Status.DONE
    assert in_store(world)


@pytest.mark.parametrize(("prepare", "act"), WAYS.values(), ids=WAYS)
def test_a_leak_that_is_held_back_stops_nothing(prepare: Callable[[World], None], act: Act, cli: CommandLine, world: World) -> None:
    prepare(world)
    assert cli.run(f"hold add --file {LEAK} --reason x").status == Status.DONE
    if act in (WAYS["by hand"][1], WAYS["by hand, one file"][1]):  # a person names the files
        assert act(cli, world).status == Status.DECISION
    else:
        assert act(cli, world).status in (Status.DONE, Status.FAULTY)
    assert not in_store(world)


def test_a_script_is_neither_written_nor_run(cli: CommandLine, world: World) -> None:
    recorded(world)
    (world.base / "page.txt").write_text(LEAK + "\n", "utf-8")
    ready = f"script ready --file-list {(world.base / 'page.txt').as_posix()}"
    script = world.base / "send.sh"
    writing = f"file list --output-type azcopy --output-file {script.as_posix()}"
    assert cli.run(ready).status == Status.FAULTY
    ended = cli.run(writing)
    assert ended.status == Status.DECISION, ended
    assert "No script was written." in ended.said
    assert not script.exists()
    leaks.accept(world.config, "P1", [], WHY)
    assert cli.run(ready).status == Status.DONE


WINDOW: dict[str, tuple[Callable[[World], None], Callable[[Window], Ended]]] = {
    "approve": (new, lambda window: window.scan_and("submit", Asked())),
    "approve a version": (new, lambda window: window.scan_and("submit", Asked(version="v1"))),
    "approve what is pending": (recorded, lambda window: window.scan_and("submit", Asked())),
    "upload": (recorded, lambda window: window.upload()),
    "upload a version": (recorded, lambda window: window.upload("v1")),
    "repair": (sent, lambda window: window.run(intents.Repair())),
}


@pytest.mark.parametrize(("prepare", "act"), WINDOW.values(), ids=WINDOW)
def test_no_way_of_the_window_sends_it(
    prepare: Callable[[World], None], act: Callable[[Window], Ended], window: Window, world: World
) -> None:
    prepare(world)
    ended = act(window)
    assert ended.outcome is OutcomeKind.FAILED, ended
    assert "leak of patient data" in ended.said
    assert not in_store(world)
    leaks.accept(world.config, "P1", [], WHY)
    assert act(window).outcome is OutcomeKind.DONE
    assert in_store(world)


def test_recording_sends_nothing_and_is_not_stopped(cli: CommandLine, world: World) -> None:
    new(world)
    assert cli.run("journal update").status == Status.DONE
    assert LEAK in world.active()


def test_every_module_that_sends_files_asks() -> None:
    """A new way to send files belongs in ``WAYS``, and asks the gate."""
    root = Path(str(chorus_gui.__file__)).parent
    sending: set[str] = set()
    for file in root.rglob("*.py"):
        called = {
            node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.Call)
        }
        if called & {"transfer", "deliver", "copy_proved"}:
            sending.add(file.relative_to(root).as_posix())
    asking = {path for path in sending if "leak_gate.refuse" in (root / path).read_text("utf-8")}
    assert asking == {"core/submission/submit.py", "core/submission/upload.py", "core/submission/repair.py"}
    # app/remote.py asks for the first; the others serve those above
    assert sending - asking == {"core/remote.py", "core/submission/deliver.py", "core/transfer/transfer.py"}


def test_the_log_names_no_file(cli: CommandLine, world: World, caplog: pytest.LogCaptureFixture) -> None:
    new(world)
    assert "7.dcm" in cli.run("submit --yes").said
    assert "leak of patient data" in caplog.text
    assert "7.dcm" not in caplog.text


# --- what is bound to what ------------------------------------------------------------------------------------------------


def test_an_acceptance_is_for_one_rule_and_one_file_as_it_is(cli: CommandLine, world: World) -> None:
    new(world)
    assert cli.run("scan").status == Status.DONE
    leaks.accept(world.config, "P1", [], WHY)
    world.put(LEAK, "another content")
    assert cli.run("submit --yes").status == Status.DECISION
    world.put(LEAK, CANARY)
    assert cli.run("submit --yes").status == Status.DONE
    world.put("1001/Images/dicom_unprocessed/8.dcm", CANARY)
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    assert "8.dcm" in ended.said
    assert "7.dcm" not in ended.said
    world.put("1001/Images/PrivacyScanReport_1.dcm", "x")
    leaks.accept(world.config, "P1", ["1001/Images/dicom_unprocessed/8.dcm"], WHY)
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    assert "P2" in ended.said


def test_what_is_withdrawn_stops_again(cli: CommandLine, world: World) -> None:
    new(world)
    cli.run("scan")
    cli.run(f"leak accept --rule P1 --reason '{WHY}' --file {LEAK}")
    assert cli.run("leak withdraw --rule P1").status == Status.DONE
    assert cli.run("submit --yes").status == Status.DECISION
    listed = json.loads(cli.run("leak list --all --json").out)
    assert [one["path"] for one in listed["open"]] == [LEAK]
    (one,) = listed["accepted"]
    assert one["reason"] == WHY
    assert one["withdrawn_us"] > one["at_us"] > 0


def test_a_corrected_file_stops_nothing(cli: CommandLine, world: World) -> None:
    new(world)
    assert cli.run("submit --yes").status == Status.DECISION
    (world.site / LEAK).unlink()
    assert cli.run("submit --yes").status == Status.DONE


def test_a_leak_that_a_deeper_pass_found_is_not_forgotten_by_a_scan(cli: CommandLine, world: World) -> None:
    """A file that changed since is not taken for a clean one until a pass of that depth has read it."""
    series = "1001/Images/CT/2001/3001"
    for number in (1, 2, 3):
        world.put(f"{series}/{number}.dcm", image("1001", "2001", InstanceNumber=number, PatientName=f"{CANARY}^ANNA"))
    assert cli.run("submit --yes --modalities OMOP").status == Status.DONE  # nobody has read a header yet
    assert cli.run("readiness --pass quick").status == Status.FAULTY
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    assert "3 files to be sent have a leak" in ended.said  # one image was read; it stands for its series
    world.put(f"{series}/1.dcm", image("1001", "2001", InstanceNumber=1))
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    assert "1 changed since" in ended.said
    assert "readiness --pass quick" in ended.said
    cli.run("readiness --pass quick")
    ended = cli.run("submit --yes")  # the image that was read stands for those that are as it is, not for those that nobody corrected
    assert ended.status == Status.DECISION
    assert "2 files to be sent have a leak" in ended.said
    assert "readiness --pass thorough" in ended.said
    for number in (2, 3):
        world.put(f"{series}/{number}.dcm", image("1001", "2001", InstanceNumber=number))
    cli.run("readiness --pass quick")
    assert cli.run("submit --yes").status == Status.DONE
    assert CANARY not in ended.said + ended.out


def test_a_series_or_a_recording_of_which_nothing_could_be_read_keeps_its_leaks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first file of a folder is named, and the leaks of the others stay, too."""
    for number in (1, 2):
        world.put(f"1001/Images/CT/2001/3001/{number}.dcm", image("1001", "2001", InstanceNumber=number, PatientName=f"{CANARY}^ANNA"))
    with Workspace(world.config) as workspace:
        check(workspace, JobContext(), Pass.QUICK)
    before = open_leaks(world)
    assert len({leak.path for leak in before}) == 2
    for number in (1, 2):
        os.utime(world.site / f"1001/Images/CT/2001/3001/{number}.dcm", (1_600_000_000, 1_600_000_000))
    real = FolderSource.open

    def refuse(self: FolderSource, path: str, *given: object, **options: object) -> object:
        if path.endswith("/1.dcm"):
            raise SourceUnreadableError("The file cannot be opened.")
        return real(self, path, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(FolderSource, "open", refuse)
    with Workspace(world.config) as workspace:
        check(workspace, JobContext(), Pass.QUICK)
    assert open_leaks(world) == before


def test_a_pass_that_could_not_read_everything_takes_nothing_back(world: World) -> None:
    new(world)
    world.review()
    folder = world.site / "1001"
    real = os.scandir

    def refuse(path: str = ".") -> object:
        if os.path.realpath(os.fspath(path)) == os.path.realpath(folder):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        world.review()
    assert [leak.path for leak in open_leaks(world)] == [LEAK]


def test_a_deleted_or_excluded_file_has_no_leak_after_the_next_scan(cli: CommandLine, world: World) -> None:
    """Also one that only a deeper pass finds."""
    paths = [f"1001/Images/CT/2001/300{number}/1.dcm" for number in (1, 2)]
    for path in paths:
        world.put(path, image("1001", "2001", PatientName=f"{CANARY}^ANNA"))
    cli.run("readiness --pass thorough")
    assert {leak.path for leak in open_leaks(world)} == set(paths)
    (world.site / paths[0]).unlink()
    assert cli.run("scan").status == Status.DONE
    assert {leak.path for leak in open_leaks(world)} == {paths[1]}
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("[configuration]\n", '[configuration]\nexclude = ["1001/Images/CT/2001/3002/"]\n'), "utf-8")
    assert cli.run("scan").status == Status.DONE
    assert open_leaks(world) == []
    assert cli.run("leak list").status == Status.DONE


def test_a_rule_that_the_site_switched_off_stops_nothing(cli: CommandLine, world: World) -> None:
    new(world)
    assert cli.run("submit --yes").status == Status.DECISION
    text = world.file.read_text("utf-8")
    world.file.write_text(
        text.replace("[configuration]\n", '[configuration]\nrules_off = ["P1: the folder has another meaning here", "P1B: as P1"]\n'),
        "utf-8",
    )
    assert cli.run("submit --yes").status == Status.DONE
    assert "the folder has another meaning here" in to_text(receipts()[-1])


@pytest.mark.parametrize(
    ("rule", "paths", "reason", "error"),
    [
        ("P1", [], " ", ReviewError),
        ("P2", [], WHY, UsageError),
        ("P99", [], WHY, UsageError),
        ("L6", [], WHY, UsageError),
        ("P1", ["1001/Images/a.dcm"], WHY, UsageError),
    ],
)
def test_what_cannot_be_accepted_is_refused(rule: str, paths: list[str], reason: str, error: type[Exception], world: World) -> None:
    new(world)
    world.review()
    with pytest.raises(error, match=r"."):
        leaks.accept(world.config, rule, paths, reason)
    assert len(open_leaks(world)) == 1


def test_all_paths_are_kept_and_not_only_examples(world: World) -> None:
    paths = {f"1001/Images/dicom_unprocessed/{number}.dcm" for number in range(25)}
    for path in paths:
        world.put(path, path)
    world.review()
    assert {leak.path for leak in open_leaks(world)} == paths
    assert leaks.accept(world.config, "P1", [], WHY).count == 25


def test_the_book_is_private_and_is_removed_with_the_other_data(world: World) -> None:
    from chorus_gui.app.folders import clear_local_data

    new(world)
    world.review()
    with LeakBook(world.config.journal.local) as book:
        file = book.path
    assert os.name == "nt" or file.stat().st_mode & 0o077 == 0
    assert CANARY.encode() not in file.read_bytes()
    clear_local_data(staging=True, logs=False, receipts=False)
    assert b"7.dcm" not in file.read_bytes()  # test_leaks_not_forgotten.py says what is left


def test_a_damaged_book_stops_what_sends(cli: CommandLine, world: World) -> None:
    new(world)
    world.review()
    with LeakBook(world.config.journal.local) as book:
        file = book.path
    file.write_bytes(b"not a database, and long enough to be looked at" * 50)
    with pytest.raises(ReviewError, match="damaged"):
        judge(world.config, [FileState("Images", LEAK, 8, 1)])
    assert cli.run("submit --yes").status != Status.DONE
    assert not in_store(world)


# --- the receipt ----------------------------------------------------------------------------------------------------------


def test_the_receipt_says_what_was_checked_and_accepted(cli: CommandLine, world: World) -> None:
    new(world)
    cli.run("readiness --pass quick")
    cli.run(f"leak accept --rule P1 --reason '{WHY}'")
    assert cli.run("submit --yes").status == Status.DONE
    receipt = receipts()[-1]
    assert [(one.deepest, one.rules) for one in receipt.checked] == [("at-once", built_in().version), ("quick", built_in().version)]
    assert all(one.leaks == 1 and one.at_us > 0 for one in receipt.checked)
    (accepted,) = receipt.accepted
    assert (accepted.rule, accepted.path, accepted.reason) == ("P1", LEAK, WHY)
    assert accepted.at_us > 0
    for shown in (to_text(receipt), to_html(receipt)):
        told = " ".join(shown.split())
        assert f"with the rules of {built_in().version}" in told
        assert WHY in told
        assert "Pass “quick”" in told
        assert LEAK not in told
        assert CANARY not in told


def test_a_run_that_was_stopped_leaves_no_journal_and_no_receipt(cli: CommandLine, world: World) -> None:
    new(world)
    assert cli.run("submit --yes").status == Status.DECISION
    assert not world.journal.exists()
    assert receipts() == []


# --- required to be ready -------------------------------------------------------------------------------------------------


def test_required_to_be_ready_stops_at_what_the_central_team_rejects(cli: CommandLine, world: World) -> None:
    ended = cli.run("submit --yes --require ready")
    assert ended.status == Status.DECISION, ended
    assert "O1" in ended.said  # most tables are missing
    assert "I1" in ended.said  # found by the quick pass, which the command runs itself
    assert not world.journal.exists()
    assert cli.run("submit --yes").status == Status.DONE
    assert uploaded(world)


def test_a_ready_site_is_submitted_and_its_quick_pass_is_not_older_than_the_scan(cli: CommandLine, tmp_path: Path, world: World) -> None:
    from readinessworld import Site

    ready = Site(tmp_path / "ready")
    shutil.rmtree(world.site)
    shutil.copytree(ready.root, world.site)
    text = world.file.read_text("utf-8").replace('"OMOP,Images,Waveforms"', '"OMOP,Images,Waveforms,Metadata"')
    world.file.write_text(text, "utf-8")
    ended = cli.run("submit --yes --require ready")
    assert ended.status == Status.DONE, ended
    receipt = receipts()[-1]
    (quick,) = [one for one in receipt.checked if one.deepest == "quick"]
    assert receipt.started_us <= quick.at_us <= receipt.ended_us
    world.put("OMOP/death.csv", "")
    assert cli.run("submit --yes --require ready").status == Status.DECISION


def test_an_image_that_was_taken_for_one_with_a_leak_is_clean_when_the_thorough_pass_has_read_it(cli: CommandLine, world: World) -> None:
    series = "1001/Images/CT/2001/3001"
    world.put(f"{series}/1.dcm", image("1001", "2001", InstanceNumber=1, PatientName=f"{CANARY}^ANNA"))
    world.put(f"{series}/2.dcm", image("1001", "2001", InstanceNumber=2))
    cli.run("readiness --pass quick")
    assert {leak.path for leak in open_leaks(world)} == {f"{series}/1.dcm", f"{series}/2.dcm"}
    cli.run("readiness --pass thorough")
    assert {leak.path for leak in open_leaks(world)} == {f"{series}/1.dcm"}
