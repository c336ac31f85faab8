"""A file that changed at equal size and time: a scan with hashing finds it, and only the next submission with hashing takes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import before_reading
from world import World, ran

from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing, look
from chorus_gui.app.status import Status
from chorus_gui.app.submit import submit
from chorus_gui.app.verify import Comparison, verify
from chorus_gui.cli.main import main
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.submission.work import Selection

WHEN = 1_700_000_000
CHANGED, SAME, LATER = "1/Images/changed.dcm", "1/Images/same.dcm", "1/Waveforms/later.dat"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for path in (CHANGED, SAME, LATER):
        world.put(path, "first", mtime=WHEN)
    world.run(version="v1")
    world.put(CHANGED, "other", mtime=WHEN)
    world.put(LATER, "first", mtime=WHEN + 1)
    return world


def found(world: World, share: float) -> dict[str, int]:
    summary = ran(look(world.workspace(), JobContext(), SubmitOptions(hashed=share), Reviewing())).value.summary
    return {kind.value: summary.total(kind).files for kind in ChangeKind if summary.total(kind).files}


def test_only_hashing_finds_it(world: World) -> None:
    assert found(world, 0.0) == {"moved": 1, "unchanged": 2}
    assert found(world, 1.0) == {"moved": 1, "updated": 1, "unchanged": 1}


def test_what_it_finds_is_submitted_as_updated(world: World) -> None:
    log = ran(submit(world.workspace(), JobContext(), SubmitOptions(version="v2", hashed=1.0), Reviewing())).log
    assert not log.failures
    assert world.active()[CHANGED].version == "v2"
    assert world.active()[SAME].version == "v1"
    assert (world.central / "v2" / CHANGED).read_text() == "other"
    assert (world.central / "v1" / CHANGED).read_text() == "first", "the earlier version stays as it was submitted"
    assert ran(verify(world.workspace(), JobContext(), Selection(), Comparison(reread=True))).status is Status.DONE
    assert found(world, 1.0) == {"unchanged": 3}


def test_a_pending_file_that_changed_has_a_way_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put(CHANGED, "first", mtime=WHEN)
    world.run("record", version="v1")
    world.put(CHANGED, "other", mtime=WHEN)
    (failure,) = world.upload().failures
    assert "chorus-upload submit" in failure.remedy
    log = ran(submit(world.workspace(), JobContext(), SubmitOptions(hashed=1.0), Reviewing())).log
    assert not log.failures
    row = world.active()[CHANGED]
    assert row.uploaded
    assert (world.central / row.version / CHANGED).read_text() == "other"


def test_a_file_that_cannot_be_read_is_a_problem(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chorus_gui.core.errors import SourceUnreadableError

    def refuses(path: str) -> None:
        if path == SAME:
            raise SourceUnreadableError("Could not read it.")

    before_reading(monkeypatch, refuses)
    assert found(world, 1.0) == {"moved": 1, "updated": 1, "problem": 1}


def test_a_sample_reads_its_share_and_at_least_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    for number in range(40):
        world.put(f"1/Images/{number}.dcm", "first", mtime=WHEN)
    world.run(version="v1")
    for number in range(40):
        world.put(f"1/Images/{number}.dcm", "other", mtime=WHEN)
    assert found(world, 0.1) == {"updated": 4, "unchanged": 36}
    assert found(world, 0.0001) == {"updated": 1, "unchanged": 39}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("scan", 0, "time changed:"),
        ("scan --hash", 0, "submit --hash"),
        ("scan --hash --sample 50%", 0, "submit --hash"),
        ("scan --sample 1%", 2, "--sample limits what --hash reads"),
        ("scan --hash --sample 0", 2, "not a percentage"),
        ("scan --hash --sample 101%", 2, "not a percentage"),
        ("journal update --dry-run --hash", 0, "updated"),
    ],
)
def test_on_the_command_line(world: World, capsys: pytest.CaptureFixture[str], words: str, status: int, said: str) -> None:
    before = world.rows()
    try:
        ended = main(["-c", str(world.file), *words.split()])
    except SystemExit as error:
        ended = error.code
    read = capsys.readouterr()
    assert ended == status, read
    assert said in read.out + read.err
    assert world.rows() == before
