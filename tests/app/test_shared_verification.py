"""What a verification finds is known on every computer that works on the journal, until somebody repairs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memorystore import MemoryStore
from world import World, ran

from chorus_gui.app import facts
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.options import Part, SubmitOptions
from chorus_gui.app.repair import repair
from chorus_gui.app.review import Reviewing
from chorus_gui.app.site_status import COMMANDS, Action, SiteStatus, site_status
from chorus_gui.app.status import Status
from chorus_gui.app.submit import submit
from chorus_gui.app.verified import kept_wrong
from chorus_gui.app.verify import Comparison, sentences, verify
from chorus_gui.cli.main import main
from chorus_gui.core.errors import SideFileUnreachableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Grade
from chorus_gui.core.submission.work import Selection

A, B, C = "1/Images/a.dcm", "0002/Images/b.dcm", "3/Waveforms/c.dat"
ALL = Selection()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    for path in (A, B, C):
        world.put(path, f"content of {path}")
    world.run(version="v1")
    return world


def side_file(world: World, version: str = "v1") -> dict[str, Any]:
    return json.loads((world.base / "journal.db.chorus" / "verified" / f"{version}.json").read_text("utf-8"))


def another_computer(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The program's own data of another user, so that nothing is known but what is shared."""
    folder.mkdir()
    monkeypatch.setattr("chorus_gui.app.verified.data_folder", lambda: folder)


def overwrite(world: World, path: str) -> None:
    """Other bytes of the same length; a folder keeps no MD5 property, so it is the kind of change that only reading finds."""
    file = world.central / "v1" / path
    file.write_bytes(b"x" * file.stat().st_size)


def test_a_colleague_sees_it_in_the_status_and_repairs_it(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.central / "v1" / A).unlink()
    assert ran(verify(world.workspace(), JobContext(), ALL)).status is Status.FAULTY
    shared = side_file(world)
    assert [(w["path"], w["result"]) for w in shared["wrong"]] == [(A, "missing")]
    assert (shared["wrong_files"], shared["files"], shared["partial"]) == (1, 3, False)

    another_computer(monkeypatch, tmp_path / "colleague")
    status = site_status(facts.known(world.workspace(), JobContext()))
    assert status.next.action is Action.REPAIR
    assert status.grade is Grade.BAD
    assert "1 file" in status.next.label
    assert any("chorus-upload file repair" in note for note in world.run().notes)
    done = ran(repair(world.workspace(), JobContext(), ALL, known=True))
    assert (done.status, done.value.wrong, done.value.now.total) == (Status.DONE, 1, 1)
    assert side_file(world)["wrong"] == []

    monkeypatch.undo()
    assert facts.wrong(world.workspace(), JobContext()) is None, "the first computer hears of the repair"


def test_comparing_properties_does_not_clear_what_reading_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    store = world.store = MemoryStore()
    world.put(A, "right")
    world.run(version="v1")
    info = store.head(f"v1/{A}")
    assert info is not None
    assert info.md5 is not None
    store.stage_block(f"v1/{A}", "1", b"wrong")
    store.commit_blocks(f"v1/{A}", ["1"], md5=bytes.fromhex(info.md5))
    assert ran(verify(world.workspace(), JobContext(), ALL)).status is Status.DONE, "the property is the journal's"
    assert ran(verify(world.workspace(), JobContext(), ALL, Comparison(reread=True))).status is Status.FAULTY
    assert ran(verify(world.workspace(), JobContext(), ALL)).status is Status.DONE
    assert len(side_file(world)["wrong"]) == 1
    done = ran(repair(world.workspace(), JobContext(), ALL, known=True))
    assert (done.status, done.value.wrong) == (Status.DONE, 1)
    assert b"".join(store.read(f"v1/{A}")) == b"right"
    assert side_file(world)["wrong"] == []


def test_what_could_not_be_shared_is_shared_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chorus_gui.core.custody.beside import SideFiles

    (world.central / "v1" / A).unlink()

    def away(*_: object, **__: object) -> Any:
        raise SideFileUnreachableError("Could not reach it.")

    with monkeypatch.context() as patch:
        patch.setattr(SideFiles, "list", away)
        patch.setattr(SideFiles, "update", away)
        done = ran(verify(world.workspace(), JobContext(), ALL))
        assert any("not shared yet" in note for note in done.notes)
        with world.open() as journal:
            assert kept_wrong(journal, world.config) is not None
    facts.wrong(world.workspace(), JobContext())
    assert len(side_file(world)["wrong"]) == 1


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe", b"[" * 5000])
def test_a_damaged_side_file_stops_nothing(world: World, data: bytes) -> None:
    ran(verify(world.workspace(), JobContext(), ALL))
    (world.base / "journal.db.chorus" / "verified" / "v1.json").write_bytes(data)
    assert facts.wrong(world.workspace(), JobContext()) is None
    (world.central / "v1" / A).unlink()
    assert ran(verify(world.workspace(), JobContext(), ALL)).status is Status.FAULTY
    assert len(side_file(world)["wrong"]) == 1


def test_a_file_that_was_submitted_again_is_no_longer_wrong(world: World) -> None:
    (world.central / "v1" / A).unlink()
    ran(verify(world.workspace(), JobContext(), ALL))
    world.put(A, "another content")
    world.run(version="v2")
    assert facts.wrong(world.workspace(), JobContext()) is None


@pytest.mark.parametrize(
    ("part", "paths"),
    [
        (Part(patients=frozenset({"1", "0002"})), {A, B}),
        (Part(patients=frozenset({"2"})), {B}),
        (Part(patients=frozenset({"nobody"})), set[str]()),
        (Part(newest=2), None),
        (Part(share=0.01), None),
    ],
)
def test_a_part_of_the_files(world: World, part: Part, paths: set[str] | None) -> None:
    for path in (A, B, C):
        (world.central / "v1" / path).unlink()
    done = ran(verify(world.workspace(), JobContext(), ALL, Comparison(True, part)))
    found = done.value
    assert found.partial
    if paths is None:
        assert found.total == (part.newest or 1)
    else:
        assert {line.path for line in found.bad} == paths
    assert "All match" not in " ".join(sentences(found))


def test_a_part_that_matches_does_not_make_the_version_verified(world: World) -> None:
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(part=Part(newest=1))))
    assert site_status(facts.known(world.workspace(), JobContext())).next.action is Action.VERIFY
    ran(verify(world.workspace(), JobContext(), Selection(None, ("Images",))))
    assert site_status(facts.known(world.workspace(), JobContext())).next.action is Action.VERIFY
    ran(verify(world.workspace(), JobContext(), ALL))
    assert site_status(facts.known(world.workspace(), JobContext())).grade is Grade.GOOD


def test_a_part_that_differs_is_remembered_with_the_rest(world: World) -> None:
    (world.central / "v1" / A).unlink()
    (world.central / "v1" / B).unlink()
    ran(verify(world.workspace(), JobContext(), ALL))
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(part=Part(patients=frozenset({"3"})))))
    assert len(side_file(world)["wrong"]) == 2
    overwritten = world.central / "v1" / C
    overwritten.unlink()
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(part=Part(patients=frozenset({"3"})))))
    assert len(side_file(world)["wrong"]) == 3


@pytest.mark.parametrize("reread", [False, True])
def test_more_wrong_files_than_can_be_named_stay_known_until_all_of_them_are_right(
    world: World, reread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version whose folder was emptied has more than the side file can name.  One repair uploads all of them."""
    monkeypatch.setattr("chorus_gui.core.submission.verified.LARGEST", 600)
    for path in (A, B, C):
        if reread:
            overwrite(world, path)
        else:
            (world.central / "v1" / path).unlink()
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(reread)))
    assert side_file(world)["wrong_files"] == 3
    assert len(side_file(world)["wrong"]) < 3
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(reread, Part(patients=frozenset({"1"})))))
    found = facts.wrong(world.workspace(), JobContext())
    assert found is not None
    assert (found.files, side_file(world)["wrong_files"]) == (3, 3)
    done = ran(repair(world.workspace(), JobContext(), ALL, known=True))
    assert (done.status, done.value.wrong, done.value.now.total) == (Status.DONE, 3, 3)
    world.check_truth()
    assert (side_file(world)["wrong_files"], facts.wrong(world.workspace(), JobContext())) == (0, None)


def test_wrong_files_without_a_name_do_not_count_once_the_version_has_no_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.submission.verified.LARGEST", 300)
    for path in (A, B, C):
        (world.central / "v1" / path).unlink()
    ran(verify(world.workspace(), JobContext(), ALL))
    assert side_file(world)["wrong"] == []
    for path in (A, B):
        world.put(path, "another content")
    world.run(version="v2")
    found = facts.wrong(world.workspace(), JobContext())
    assert found is not None
    assert (found.files, found.versions) == (1, ("v1",)), "what another version has by now was submitted again"
    world.put(C, "another content")
    world.run(version="v2")
    assert facts.wrong(world.workspace(), JobContext()) is None


def test_on_the_command_line(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(words: str, status: int) -> str:
        assert main(["-c", str(world.file), *words.split()]) == status
        read = capsys.readouterr()
        return read.out + read.err

    patients = tmp_path / "patients.txt"
    patients.write_text("0002\n\n", "utf-8")
    (world.central / "v1" / A).unlink()
    assert "compared 1 file" in run(f"file verify --reread --patients {patients}", 0)
    assert "Other files of the journal were not compared" in run("file verify --newest 1 --modalities Waveforms", 0)
    assert "were not compared" not in run("file verify --sample 100%", 1)
    said = run(f"file verify --patients {tmp_path / 'missing.txt'}", 2)
    assert "Could not read the list of patients" in said
    assert "one patient per line" in said
    run("file verify", 1)
    for words in ("journal check", "submit --yes", "file upload", "doctor", "status"):
        said = run(words, 1 if words == "doctor" else 0)
        assert "missing or different" in said, words
        assert "file repair" in said, words
    assert "1 file was missing or different" in run("file repair", 0)
    for words in ("journal check", "submit --yes", "doctor", "status"):
        assert "missing or different" not in run(words, 0), words


@pytest.mark.parametrize("who", ["the same computer", "a colleague"])
@pytest.mark.parametrize("command", ["submit", "upload"])
def test_no_run_marks_a_version_as_complete_while_a_file_of_it_is_known_to_be_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, who: str
) -> None:
    """The properties of the file agree: only a verification that read it knows better."""
    world = World(tmp_path / "world")
    store = world.store = MemoryStore()
    world.put(A, "right")
    world.run(version="v1")
    assert store.head("v1/submission.json") is not None
    info = store.head(f"v1/{A}")
    assert info is not None
    assert info.md5 is not None
    store.stage_block(f"v1/{A}", "1", b"wrong")
    store.commit_blocks(f"v1/{A}", ["1"], md5=bytes.fromhex(info.md5))
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(reread=True)))
    assert store.head("v1/submission.json") is None
    if who == "a colleague":
        another_computer(monkeypatch, tmp_path / "colleague")
    log = world.upload() if command == "upload" else world.run(version="v2")
    assert store.head("v1/submission.json") is None
    assert "missing or different" in " ".join(log.notes)
    ran(repair(world.workspace(), JobContext(), ALL, known=True))
    assert store.head("v1/submission.json") is not None


def status_of(world: World) -> SiteStatus:
    return site_status(facts.known(world.workspace(), JobContext()))


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        pytest.param(lambda file: file.unlink(), "missing", id="missing"),
        pytest.param(lambda file: file.write_bytes(b"more " + file.read_bytes()), "size_differs", id="another size"),
    ],
)
def test_what_the_check_of_completeness_finds_is_known_from_then_on(world: World, fault: Callable[[Path], object], result: str) -> None:
    """A submission compares the version's folder with the journal; what it finds there is no less true than what “file verify” finds."""
    ran(verify(world.workspace(), JobContext(), ALL))
    assert status_of(world).grade is Grade.GOOD
    fault(world.central / "v1" / A)
    world.put("4/Images/new.dcm", "new")
    options = SubmitOptions(version="v1", amend=True)
    done = ran(submit(world.workspace(), JobContext(), options, Reviewing(), record_only=False))
    assert any("not confirmed" in note for note in done.notes), done.notes
    assert [(w["path"], w["result"]) for w in side_file(world)["wrong"]] == [(A, result)]
    status = status_of(world)
    assert (status.next.action, status.grade) == (Action.REPAIR, Grade.BAD)
    assert ran(repair(world.workspace(), JobContext(), ALL, known=True)).status is Status.DONE
    assert status_of(world).next.action is not Action.REPAIR


@pytest.mark.parametrize("patterns", [[f"v1/{A}"], ["v1/*"]], ids=["one file", "all of them"])
def test_a_submitted_file_that_somebody_deletes_by_hand_is_missing_from_then_on(
    world: World, patterns: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ran(verify(world.workspace(), JobContext(), ALL))
    recursive = ["--recursive"] if len(patterns[0]) < 6 else []
    assert main(["-c", str(world.file), "remote", "delete", "--yes", *recursive, *patterns]) == 0
    files = 3 if recursive else 1
    said = "".join(capsys.readouterr())
    assert f"The journal lists {files} file{'s' if files > 1 else ''} of them as uploaded" in said
    assert "file repair" in said
    status = status_of(world)
    assert (status.next.action, status.grade) == (Action.REPAIR, Grade.BAD)
    assert f"Upload {files} file" in status.next.label
    assert ran(repair(world.workspace(), JobContext(), ALL, known=True)).status is Status.DONE
    assert side_file(world)["wrong"] == []


def test_a_file_that_is_at_its_other_place_too_is_not_missing(tmp_path: Path) -> None:
    """A verification looks at the mapped place, then at the unchanged one, because a site can change its layout; so does this."""
    world = World(tmp_path, more='[site_path.Images]\npath = "site"\npattern = "scans/{patient_id:w}/{filepath}"\n')
    world.put("scans/7/a.dcm", "a")
    world.run(version="v1")
    mapped, unchanged = "v1/7/Images/a.dcm", "v1/scans/7/a.dcm"
    assert world.config.store_paths("Images", "scans/7/a.dcm", "v1") == (mapped, unchanged)
    (world.central / unchanged).parent.mkdir(parents=True)
    (world.central / unchanged).write_bytes((world.central / mapped).read_bytes())
    for path, missing in ((mapped, False), (unchanged, True)):
        assert main(["-c", str(world.file), "remote", "delete", "--yes", path]) == 0
        assert (facts.wrong(world.workspace(), JobContext()) is not None) is missing, path


def test_deleting_what_was_not_submitted_says_nothing_about_the_journal(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    stray = world.central / "v1" / "stray.txt"
    stray.write_text("stray", "utf-8")
    assert main(["-c", str(world.file), "remote", "delete", "--yes", "v1/stray.txt"]) == 0
    assert "as uploaded" not in "".join(capsys.readouterr())
    assert facts.wrong(world.workspace(), JobContext()) is None


@pytest.mark.parametrize("same", [True, False], ids=["the same content", "another content"])
def test_a_submitted_file_that_somebody_replaces_by_hand_is_different_from_then_on(world: World, tmp_path: Path, same: bool) -> None:
    file = tmp_path / "a.dcm"
    file.write_bytes((world.central / "v1" / A).read_bytes() if same else b"other")
    assert main(["-c", str(world.file), "remote", "upload", "--overwrite", str(file), f"v1/{A}"]) == 0
    found = facts.wrong(world.workspace(), JobContext())
    assert (found is None) is same
    if found is not None:
        assert ran(repair(world.workspace(), JobContext(), ALL, known=True)).status is Status.DONE
        assert facts.wrong(world.workspace(), JobContext()) is None


@pytest.mark.parametrize("name", ["submission.json", "journal.db"])
@pytest.mark.parametrize("by_hand", [True, False], ids=["remote delete", "another tool"])
def test_a_version_that_is_no_longer_complete_is_never_green(world: World, name: str, by_hand: bool) -> None:
    """The marker says it to the central team; nothing else on this computer changes when somebody removes it there."""
    ran(verify(world.workspace(), JobContext(), ALL))
    assert status_of(world).grade is Grade.GOOD, status_of(world)
    if by_hand:
        assert main(["-c", str(world.file), "remote", "delete", "--yes", f"v1/{name}"]) == 0
    else:
        (world.central / "v1" / name).unlink()
    status = status_of(world)
    assert (status.grade, status.next.action, status.next.version) == (Grade.BAD, Action.MARK_COMPLETE, "v1"), status
    assert status.headline == "Version v1 is no longer marked as complete"
    assert main(["-c", str(world.file), *COMMANDS[status.next.action].split(), "--version", "v1"]) == 0
    assert status_of(world).grade is not Grade.BAD


def test_what_a_colleague_verified_is_known_to_the_command_line(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their receipts are next to the journal."""
    ran(verify(world.workspace(), JobContext(), ALL))
    for folder in receipts_folder().glob("*"):
        folder.unlink()
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    another_computer(monkeypatch, tmp_path / "colleague")
    assert status_of(world).next.action is not Action.VERIFY


@pytest.mark.parametrize("reread", [False, True])
def test_the_right_content_that_is_uploaded_by_hand_is_wrong_no_longer(world: World, reread: bool) -> None:
    """Of two files that differ, the one that was uploaded again by hand needs no repair."""
    for path in (A, B):
        overwrite(world, path)
    if not reread:
        (world.central / "v1" / A).write_bytes(b"short")
    ran(verify(world.workspace(), JobContext(), ALL, Comparison(reread=reread)))
    before = {file["path"] for file in side_file(world)["wrong"]}
    assert A in before
    assert main(["-c", str(world.file), "remote", "upload", "--overwrite", str(world.site / A), f"v1/{A}"]) == 0
    assert {file["path"] for file in side_file(world)["wrong"]} == before - {A}
    status = site_status(facts.known(world.workspace(), JobContext()))
    assert status.grade is Grade.BAD, "the file is not compared yet, or another one is wrong"
