"""A file of the site that a command names by another name, or that is a link, is the site's file: its leak stops the command."""

from __future__ import annotations

import os
import shutil

import pytest
from faces import CommandLine
from world import World

from chorus_gui.app import leaks
from chorus_gui.app.status import Status

LEAK = "1001/Images/dicom_unprocessed/7.dcm"


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege")
@pytest.mark.parametrize("way", ["the file", "the site"])
def test_a_link_hides_no_leak(way: str, cli: CommandLine, world: World) -> None:
    world.put(LEAK, "x")
    file, other = world.site / LEAK, world.base / "other"
    if way == "the file":
        shutil.move(file, other)
        file.symlink_to(other)
    else:
        other.symlink_to(world.site, target_is_directory=True)
        file = other / LEAK
    world.run("record", version="v1")
    with leaks.listing(world.config) as found:
        assert len(list(found.open)) == 1
    ended = cli.run(f"remote upload {file.as_posix()} extra/7.dcm")
    assert ended.status == Status.DECISION, ended
    assert not list(world.central.rglob("7.dcm"))
    assert leaks.accept(world.config, "P1", [], "a phantom").count == 1
    assert cli.run(f"remote upload {file.as_posix()} extra/7.dcm").status == Status.DONE
