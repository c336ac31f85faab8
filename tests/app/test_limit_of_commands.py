"""The bandwidth limit of a command: from the configuration, or from the command line, which counts more; and what is wrong with it."""

from __future__ import annotations

import os
import time

import pytest
from faces import CommandLine
from world import World

from chorus_gui.app.status import Status

COMMANDS = (
    "file upload",
    "submit --yes",
    "remote upload {site}/1001/Images/large.dcm x",
    "file verify --reread --all",
    "file repair --all --reread",
)
SIZE = 700_000


def seconds(cli: CommandLine, words: str) -> float:
    began = time.monotonic()
    ended = cli.run(words)
    assert ended.status is Status.DONE, ended
    return time.monotonic() - began


def configured(world: World, limit: str) -> None:
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("num_threads = 4", f'num_threads = 4\nlimit = "{limit}"'), "utf-8")


@pytest.fixture
def large(world: World) -> World:
    """Some files, of which one takes more than a second under the limit of the tests."""
    world.put("1001/Images/large.dcm", os.urandom(SIZE))
    return world


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("where", ["configuration", "option"])
def test_every_command_that_sends_or_reads_files_keeps_the_limit(cli: CommandLine, large: World, command: str, where: str) -> None:
    if "verify" in command or "repair" in command:
        large.run("submit", version="v1")
    elif "file upload" in command:
        large.run("record", version="v1")
    if where == "configuration":
        configured(large, "400 kB/s")
    option = " --limit '400 kB/s'" if where == "option" else ""
    assert seconds(cli, command.format(site=large.site.as_posix()) + option) > 0.7 * SIZE / 400_000


def test_the_command_line_counts_more_than_the_configuration(cli: CommandLine, large: World) -> None:
    configured(large, "20 kB/s")
    assert seconds(cli, "submit --yes --limit off") < 0.5 * SIZE / 20_000


def test_a_wrong_limit_in_the_configuration_is_a_fault_with_its_line(cli: CommandLine, large: World) -> None:
    configured(large, "4 MB/s on workdays 8-25")
    ended = cli.run("submit --yes")
    assert ended.status is Status.NOT_STARTED
    assert "has a time of day that does not exist" in ended.said
    assert "4 MB/s on workdays 8-18, free otherwise" in ended.said
    assert not any(large.central.iterdir())


def test_the_progress_shows_the_limit(cli: CommandLine, large: World) -> None:
    ended = cli.run("submit --yes --limit '1 MB/s on Mon-Sun 0-24, free otherwise'")
    assert ended.status is Status.DONE
    ended = cli.run("file verify --reread --limit '900 kB/s'")
    assert ended.status is Status.DONE
    assert "900 kB/s" in ended.said
