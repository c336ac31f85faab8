"""What must not be uploaded now, because somebody holds it back or “exclude” leaves it out, is the same for everything that uploads,
lists, counts or explains files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Run, printed
from world import World

from chorus_gui.app import facts, sampling, scripts
from chorus_gui.app.requests import FileListRequest, ScriptRequest
from chorus_gui.app.submit import upload
from chorus_gui.core.config.load import check, loads
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.work import Selection

SENT = ("1/Images/a.dcm", "1/Images/b.dcm", "OMOP/person.csv")
AUTH = 'azure_account_name = "chorus"\nazure_account_key = "a2V5"\n'
AZURE = f'[central_path]\npath = "az://box"\n[central_path.auth]\n{AUTH}'
CLOUD = f'[journal.source]\npath = "az://box/j.db"\n[journal.source.auth]\n{AUTH}[journal.local]'
KEPT = ("1/Images/x.tmp", "1/Images/@eaDir/y.dcm", "OMOP/~$person.csv")


def exclude(world: World) -> None:
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("[configuration]", '[configuration]\nexclude = ["*.tmp", "@eaDir/", "~$*"]'), "utf-8")


def hold(world: World, run: Run) -> None:
    for path in KEPT:
        assert run(world, "hold", "add", "--file", path, "--reason", "wait")[0] == 0


@pytest.fixture(params=["left out", "held back"])
def world(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> World:
    """Six pending files; three of them stay."""
    world = World(tmp_path)
    for path in (*SENT, *KEPT):
        world.put(path, "x" * 10)
    assert run(world, "journal", "update", "--version", "v1")[0] == 0
    exclude(world) if request.param == "left out" else hold(world, run)
    return world


def uploaded(world: World) -> list[str]:
    return sorted(path for path, row in world.active().items() if row.uploaded)


def lines(text: str) -> list[str]:
    return sorted(line for line in text.replace("\0", "\n").splitlines() if line in (*SENT, *KEPT))


def test_lists(world: World, run: Run, tmp_path: Path) -> None:
    assert lines(run(world, "file", "list")[1]) == sorted(SENT)
    assert lines(run(world, "file", "list", "-0")[1]) == sorted(SENT)
    _, text = run(world, "file", "list", "--json")
    assert sorted(line["path"] for line in printed(text)) == sorted(SENT)
    run(world, "file", "list", "--output-file", str(tmp_path / "list.txt"))
    assert lines((tmp_path / "list.txt").read_text()) == sorted(SENT)
    assert len(lines(run(world, "file", "list", "--max-num-files", "3")[1])) == 3  # those that stay do not count
    shown = scripts.preview_list(world.config, FileListRequest(Path()), JobContext())
    assert (lines(shown.text), shown.files) == (sorted(SENT), 3)


@pytest.mark.parametrize("most", [None, 2])
def test_an_upload_counts_what_it_sends(world: World, most: int | None) -> None:
    ctx = JobContext()
    begun: list[int] = []
    begin = ctx.progress.begin

    def noted(phase: str, *totals: Any) -> None:
        if phase == "upload":
            begun.append(sum(tally.files for tally in totals[0].values()))
        begin(phase, *totals)

    ctx.progress.begin = noted  # type: ignore[method-assign]
    done = upload(world.workspace(), ctx, Selection(max_files=most))
    assert done.ok
    assert begun == [most or 3]
    assert len(uploaded(world)) == (most or 3)
    assert set(uploaded(world)) <= set(SENT)
    assert any("leaves" in note or "was left out" in note or "were left out" in note for note in done.notes), done.notes


def test_scripts(world: World) -> None:
    text = (
        world.file.read_text("utf-8")
        .replace(f'[central_path]\npath = "{world.central.as_posix()}"', AZURE)
        .replace("[journal.local]", CLOUD)
    )
    config = loads(text, world.file, environ={})
    made = scripts.preview(config, ScriptRequest(Path("send.sh"), target="posix"), JobContext())
    assert made.files == 3
    assert not [path for path in KEPT if path in made.text]
    made = scripts.preview(config, ScriptRequest(Path("send.sh"), target="posix", max_files=2), JobContext())
    assert made.files == 2
    done = scripts.ready(world.workspace(), JobContext(), (*SENT, *KEPT), ())
    assert len(done.value.problems) == 3
    assert all(any(path in problem for problem in done.value.problems) for path in KEPT)
    assert not scripts.ready(world.workspace(), JobContext(), SENT, ()).value.problems


def test_when_only_such_files_are_left_the_upload_is_done(world: World, run: Run) -> None:
    assert run(world, "file", "upload")[0] == 0
    assert uploaded(world) == sorted(SENT)
    found = facts.journal(world.config, JobContext())
    assert found.pending.files == 0, "a next step that uploads nothing would never end"
    assert (found.stays.files, found.stays.bytes) == (3, 30)
    _, text = run(world, "status")
    assert "3 recorded files are not uploaded" in text
    assert "pending file" not in text
    assert run(world, "file", "upload")[0] == 0


def test_a_repair_does_not_send_what_is_left_out_by_now(tmp_path: Path, run: Run) -> None:
    world = World(tmp_path)
    for path in (*SENT, *KEPT):
        world.put(path, "x" * 10)
    assert run(world, "submit", "--yes", "--version", "v1")[0] == 0
    for path in (SENT[0], KEPT[0]):
        (world.central / "v1" / path).unlink()
    exclude(world)
    status, text = run(world, "file", "repair", "--all")
    assert status == 1
    assert "“exclude” in the configuration leaves it out now" in text
    assert (world.central / "v1" / SENT[0]).exists()
    assert not (world.central / "v1" / KEPT[0]).exists()
    assert run(world, "file", "mark_as_deleted", "--file", KEPT[0])[0] == 0  # the remedy
    assert run(world, "file", "repair", "--all")[0] == 0


def test_the_pattern_tester_and_the_sample(tmp_path: Path) -> None:
    world = World(tmp_path)
    for path in (*SENT, *KEPT, "unmatched.txt", "unmatched.tmp"):
        world.put(path, "x")
    exclude(world)
    checked = check(world.file.read_text("utf-8"), world.file, environ={})
    for path in (*SENT, *KEPT):
        found = sampling.explain(checked, path)
        assert found.left_out is (path in KEPT)
        assert bool(found.modality) is (path in SENT)
    assert sampling.explain(checked, "1\\Images\\x.tmp").left_out
    seen = sampling.sample(checked, JobContext())
    assert (seen.files, seen.left_out, seen.unmatched, seen.matched) == (4, 4, 1, {"OMOP": 1, "Images": 2, "Waveforms": 0, "Metadata": 0})
    assert "leaves out 4 files or folders" in sampling.sentence(seen)
    faulty = check(world.file.read_text("utf-8").replace("[central_path]", "[centrl_path]"), world.file, environ={})
    assert sampling.explain(faulty, KEPT[0]).left_out, "also while something else is still wrong"
