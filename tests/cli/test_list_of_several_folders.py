"""A list of files for another tool: with several site folders, it says where each file is, and where it belongs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from world import World

from chorus_gui.cli.main import main

A, B = "1001/Images/a.dcm", "1001/Waveforms/b.dat"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Images have a folder of their own; one file of each modality is recorded."""
    images = tmp_path / "pictures"
    world = World(tmp_path, more=f'[site_path.Images]\npath = "{images.as_posix()}"')
    world.put(B, "b")
    file = images / A
    file.parent.mkdir(parents=True)
    file.write_text("a")
    world.run("record", version="v1")
    return world


def listed(world: World, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    assert main(["-c", str(world.file), "file", "list", *more]) == 0
    return capsys.readouterr().out


def test_whole_paths_and_places(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    whole = {str(world.base / "pictures" / A), str(world.site / B)}
    assert set(listed(world, capsys).splitlines()) == {A, B}
    assert {Path(line) for line in listed(world, capsys, "--absolute").splitlines()} == set(map(Path, whole))
    lines = json.loads(listed(world, capsys, "--json"))
    assert {Path(line["source"]) for line in lines} == set(map(Path, whole))
    assert {line["path"]: line["store_path"] for line in lines} == {A: f"v1/{A}", B: f"v1/{B}"}
    for line in lines:  # what a tool does that reads the list
        target = world.central / line["store_path"]
        target.parent.mkdir(parents=True)
        target.write_bytes(Path(line["source"]).read_bytes())
    file = world.base / "list.txt"
    listed(world, capsys, "--absolute", "--output-file", str(file))
    marked = ["file", "mark_as_uploaded_local", "--upload-datetime", "now", "--file-list", str(file)]
    assert main(["-c", str(world.file), *marked]) == 0
    assert all(row.uploaded for row in world.active().values())


def test_a_list_of_several_folders_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(world.base / "list.txt")
    assert "in up to 2 site folders" in listed(world, capsys, "--output-file", file)
    for more in (("--absolute",), ("--modalities", "images"), ("--modalities", "Images")):
        assert "site folders" not in listed(world, capsys, "--output-file", file, *more)
    assert Path(file).read_text("utf-8") == f"{A}\n", "the list itself is what it was"
