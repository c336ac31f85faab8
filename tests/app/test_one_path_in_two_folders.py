"""Two modalities with folders of their own can have a file of the same path: these are two files."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World, ran

from chorus_gui.app.journal import mark_deleted
from chorus_gui.app.options import Selection
from chorus_gui.app.review import mark_gone
from chorus_gui.app.status import Status
from chorus_gui.cli.main import main
from chorus_gui.core.job import JobContext
from chorus_gui.core.review.staging import Staging

PATH = "1001/notes.txt"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Both modalities have PATH, and only that of the images is gone from the site."""
    more = "".join(f'[site_path.{name}]\npath = "{name}"\npattern = "{{patient_id:w}}/{{filepath}}"\n' for name in ("Images", "Waveforms"))
    world = World(tmp_path, more=more)
    for name in ("Images", "Waveforms"):
        file = tmp_path / name / PATH
        file.parent.mkdir(parents=True)
        file.write_text(name, "utf-8")
        (tmp_path / name / "1001" / "other.txt").write_text(f"other {name}", "utf-8")
    world.run(version="v1")
    assert active(world) == {("Images", PATH), ("Waveforms", PATH), ("Images", "1001/other.txt"), ("Waveforms", "1001/other.txt")}
    (tmp_path / "Images" / PATH).unlink()
    return world


def active(world: World) -> set[tuple[str, str]]:
    return {(row.modality, row.path) for row in world.rows() if row.active}


def test_the_line_of_the_review_is_one_file(world: World) -> None:
    """The configuration leaves both files out by now; a person decides about each."""
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("supported_modalities", 'exclude = "notes.txt"\nsupported_modalities', 1), "utf-8")
    with Staging.open(world.review().path) as staging:
        ids = [id_ for (id_,) in staging.db.execute("SELECT id FROM change WHERE kind = 'problem' AND modality = 'Images'")]
    done = ran(mark_gone(world.workspace(), JobContext(), ids))
    assert done.value.marked == [PATH]
    assert ("Images", PATH) not in active(world)
    assert ("Waveforms", PATH) in active(world)


def test_a_file_with_its_modality_is_one_file(world: World) -> None:
    ran(mark_deleted(world.workspace(), JobContext(), [("Waveforms", PATH)], Selection(), params=""))
    assert {modality for modality, path in active(world) if path == PATH} == {"Images"}


def test_a_path_alone_is_refused_until_the_modality_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["-c", str(world.file), "file", "mark_as_deleted", "--file", PATH]
    assert main(command) == Status.FAULTY
    said = "".join(capsys.readouterr())
    assert f"“{PATH}” was not marked. Images and Waveforms have this path in different folders: add --modalities." in said
    assert "no current entry" not in said, "it has two"
    assert {modality for modality, path in active(world) if path == PATH} == {"Images", "Waveforms"}
    assert main([*command, "--modalities", "Images"]) == Status.DONE
    assert {modality for modality, path in active(world) if path == PATH} == {"Waveforms"}
    assert main([*command, "--modalities", "OMOP"]) == Status.FAULTY
    assert "It is a file of Waveforms." in "".join(capsys.readouterr())
