"""The line of a command in the journal's history: when there is one, and what it says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from world import World

from chorus_gui.core.errors import Cancelled, Declined, UnansweredError
from chorus_gui.core.journal.history import Command
from chorus_gui.core.submission import history
from chorus_gui.core.submission.history import HistoryLine, in_history


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def lines(world: World) -> list[Command]:
    with world.open() as journal:
        return list(journal.history())


def run(world: World, line: HistoryLine, error: BaseException | None, *, begins: bool) -> None:
    with world.open() as journal, in_history(journal, world.config, line) as entered:
        if begins:
            entered.begin()
            entered.begin()
        if error is not None:
            raise error


@pytest.mark.parametrize("begins", [False, True], ids=["changes nothing", "changes something"])
@pytest.mark.parametrize(
    ("error", "has_line", "has_seconds"),
    [
        pytest.param(None, (True, True), True, id="it ends"),
        pytest.param(OSError("no"), (True, True), True, id="it fails"),
        pytest.param(Cancelled(), (True, True), True, id="it is cancelled"),
        pytest.param(Declined(), (False, True), False, id="its question was answered with no"),
        pytest.param(UnansweredError("?"), (False, True), False, id="nobody answered its question"),
    ],
)
def test_when_a_command_has_a_line(
    world: World, monkeypatch: pytest.MonkeyPatch, error: BaseException | None, has_line: tuple[bool, bool], has_seconds: bool, begins: bool
) -> None:
    """At the latest when it ends, with its seconds.  A command that did nothing because nobody said yes has none."""
    ticks = iter([100.0, 107.5])
    monkeypatch.setattr(history, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    line = HistoryLine("file upload", "--version v1", "--config config.toml", to_store=True)
    if error is None:
        run(world, line, None, begins=begins)
    else:
        with pytest.raises(type(error)):
            run(world, line, error, begins=begins)
    found = lines(world)
    assert len(found) == has_line[begins]
    for one in found:
        assert (one.command, one.params, one.common) == ("file upload", "--version v1", "--config config.toml")
        assert set(one.src_paths) == set(world.config.modalities)
        assert one.dest == world.config.central.text
        assert one.seconds == (7.5 if has_seconds else None)


def test_a_command_that_writes_nothing_into_the_store_has_no_destination(world: World) -> None:
    run(world, HistoryLine("journal update"), None, begins=False)
    (one,) = lines(world)
    assert one.dest is None
