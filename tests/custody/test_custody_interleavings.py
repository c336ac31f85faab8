"""Every interleaving of two users: ours with ours, and ours with each generation of the older tools.  How: :mod:`interleave`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, journal_bytes, names, person, record
from interleave import Actor, Search, World, rows
from old_tools import OldTool, RefusedError, Tool2024, ToolPresent

from chorus_gui.core.custody.adopt import adopt, preview
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.recover import recover
from chorus_gui.core.custody.state import State
from chorus_gui.core.custody.unlock import unlock
from chorus_gui.core.job import JobContext


def ours(world: World, actor: str) -> None:
    """Check out, record a file, check in."""
    home = person(world.seat(actor), world.folder / actor, actor, f"PC-{actor}")
    ctx = JobContext()
    checkout(home, ctx)
    world.hold(actor)
    note_recorded(home.local, actor)
    try:
        checkin(home, ctx)
    finally:
        world.drop(actor)
    world.done.append(f"{actor}.dcm")


def note_recorded(local: Path, actor: str) -> None:
    record(local, f"{actor}.dcm")
    local.with_name("recorded").touch()


def ours_unlocks(world: World, actor: str) -> None:
    """Remove whatever lock there is, by force."""
    unlock(person(world.seat(actor), world.folder / actor, actor, f"PC-{actor}"), JobContext(), force=True)


def ours_takes_over(world: World, actor: str) -> None:
    """Go on with a file of one's own, having seen that the cloud has nothing more; then check in."""
    home = person(world.seat(actor), world.folder / actor, actor, f"PC-{actor}")
    home.local.write_bytes(journal_bytes("base.dcm"))
    note_recorded(home.local, actor)
    ctx = JobContext()
    sides = preview(home, home.local, ctx)
    if sides.only_cloud:
        raise RefusedError
    adopt(home, home.local, ctx, sides)
    checkin(home, ctx)
    world.done.append(f"{actor}.dcm")


def old(kind: type[OldTool]) -> Actor:
    def run(world: World, actor: str) -> None:
        kind(world.seat(actor), world.folder / actor / "journal.db").command(f"{actor}.dcm")
        world.done.append(f"{actor}.dcm")

    return run


def old_without_looking(kind: type[OldTool]) -> Actor:
    """A stale local journal is worked on and checked in: these commands take any lock for their own."""

    def run(world: World, actor: str) -> None:
        tool = kind(world.seat(actor), world.folder / actor / "journal.db")
        tool.local.write_bytes(journal_bytes("base.dcm"))
        tool.update(f"{actor}.dcm")
        tool.checkin()
        world.done.append(f"{actor}.dcm")

    return run


def old_unlocks(kind: type[OldTool]) -> Actor:
    return lambda world, actor: kind(world.seat(actor), world.folder / actor / "journal.db").unlock()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system has such a place: thousands of journals are written and thrown away."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="chorus-tests-") as name:
        yield Path(name)


BASE = {BLOB: journal_bytes("base.dcm")}


def cloud(world: World) -> frozenset[str]:
    return rows(world.store.content(BLOB)) | rows(world.store.content(LOCK))


def everywhere(world: World) -> frozenset[str]:
    """What the cloud, the local journals and their kept copies hold."""
    found = cloud(world)
    for file in world.folder.rglob("*.db"):
        found |= rows(file.read_bytes())
    return found


def nothing_lost(world: World) -> None:
    """Where only ours work: all that was checked in is in the cloud."""
    assert set(world.done) | {"base.dcm"} <= cloud(world)
    assert world.store.content(LOCK) is None


def ours_loses_nothing(world: World) -> None:
    """Beside an older tool, which may overwrite anything: what ours checked in is in the cloud, or an older tool wrote over it
    (``Watched`` holds ours to never doing so), and then it is still in the local journal.
    """
    for name in world.done:
        actor = name.removesuffix(".dcm")
        if actor.startswith("ours") and name not in cloud(world):
            assert any(line.startswith("old") and ("put " + BLOB in line or "copy " + BLOB in line) for line in world.store.log)
            assert name in names(world.folder / actor / "journal.db")
    recorded = {name for name in everywhere(world) if name.startswith("ours")}
    tried = {f"{folder.name}.dcm" for folder in world.folder.glob("ours*") if (folder / "recorded").exists()}
    assert tried <= recorded, "a row that ours recorded is nowhere"
    assert "base.dcm" in everywhere(world)


def looks_true(world: World) -> None:
    """What ours believes at the end can be resolved: every home settles, and says what is left to do."""
    for folder in world.folder.glob("ours*"):
        home = person(world.store, folder, folder.name, f"PC-{folder.name}")
        state, offers = recover(home)
        assert (state.state in (State.MINE, State.CHANGED)) == bool(offers)
        if state.state is State.MINE:
            checkin(home, JobContext())
            assert names(home.local) <= cloud(world)


def with_old_tool(world: World) -> None:
    ours_loses_nothing(world)
    looks_true(world)


def explore(
    folder: Path,
    first: Actor,
    second: Actor,
    start: dict[str, bytes],
    check: Callable[[World], None],
    name: str,
    *,
    one_holder: bool = False,
) -> None:
    search = Search(folder, {"ours-a": first, name: second}, start, check, one_holder).explore()
    assert search.ends > 0
    assert search.runs > 5
    assert len(search.states) > search.runs


def test_two_of_ours(folder):
    explore(folder, ours, ours, BASE, nothing_lost, "ours-b", one_holder=True)


def test_two_of_ours_and_a_new_journal(folder):
    def check(world: World) -> None:
        assert set(world.done) <= cloud(world)
        assert world.done

    explore(folder, ours, ours, {}, check, "ours-b", one_holder=True)


def test_ours_and_an_unlock_of_ours(folder):
    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours, ours_unlocks, BASE, check, "ours-b")


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old, old_without_looking, old_unlocks])
def test_ours_beside_an_older_tool(folder, kind, what):
    explore(folder, ours, what(kind), BASE, with_old_tool, "old-b")


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old, old_unlocks])
def test_ours_with_a_new_journal_beside_an_older_tool(folder, kind, what):
    def check(world: World) -> None:
        looks_true(world)
        if "ours-a.dcm" in world.done and "ours-a.dcm" not in cloud(world):
            assert "ours-a.dcm" in names(world.folder / "ours-a" / "journal.db")

    explore(folder, ours, what(kind), {}, check, "old-b")


FOREIGN = {LOCK: journal_bytes("base.dcm")}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old_without_looking, old_unlocks, old])
def test_a_take_over_beside_the_older_tool_that_holds_the_lock(folder, kind, what):
    explore(folder, ours_takes_over, what(kind), FOREIGN, with_old_tool, "old-b")


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old_without_looking, old_unlocks, old])
def test_an_unlock_beside_the_older_tool_that_holds_the_lock(folder, kind, what):
    explore(folder, ours_unlocks, what(kind), FOREIGN, with_old_tool, "old-b")


@pytest.mark.slow
@pytest.mark.timeout(900)  # some thousand orders
def test_two_of_ours_take_over_a_foreign_lock(folder):
    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours_takes_over, ours_takes_over, FOREIGN, check, "ours-b")


@pytest.mark.slow
def test_a_take_over_of_a_free_journal_beside_a_check_out(folder):
    """A local file with changes that were never checked in, and a colleague who works as one should."""

    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours_takes_over, ours, BASE, check, "ours-b")


@pytest.mark.slow
def test_a_take_over_beside_an_unlock(folder):
    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours_takes_over, ours_unlocks, FOREIGN, check, "ours-b")
