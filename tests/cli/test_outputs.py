"""No command writes its output over what a submission needs: the configuration, a journal, the site, the central store."""

from __future__ import annotations

import argparse
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Run
from world import World

from chorus_gui.cli.main import build_parser

COMMANDS = (
    "file list",
    "file list --output-type azcopy",
    "file verify",
    "export changes",
    "export failed",
    "export verification",
    "export readiness",
    "export chart --name growth",
    "export message",
    "hold export",
)
"""Every command with the option --output-file."""
NEEDED = (
    "config.toml",
    "rules.toml",
    "journal.db",
    "journal.db-journal",
    "journal.db.locked",
    "journal.db.chorus/receipts/a.json",
    "journal.db.backups/journal-20260101000000.db",
    "site/OMOP/person.csv",
    "central/v1/OMOP/person.csv",
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.put("OMOP/person.csv", "person_id\n1\n")
    made.run("submit", version="v1")
    rules = Path(__file__).parents[2] / "resources" / "rules" / "chorus.toml"
    (tmp_path / "rules.toml").write_bytes(rules.read_bytes())
    made.file.write_text(made.file.read_text("utf-8").replace("[configuration]", '[configuration]\nrules = "rules.toml"', 1), "utf-8")
    for name in NEEDED:
        file = tmp_path / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"{}")
    return made


def _commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from _commands(command, f"{name} {word}".strip())
        elif action.dest == "output_file":
            yield name


def test_every_command_with_an_output_file_is_tried() -> None:
    tried = {" ".join(word for word in command.split(" --")[0].split()) for command in COMMANDS}
    assert tried == set(_commands(build_parser()))


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_replaces_nothing_that_is_needed(command: str, name: str, world: World, run: Run) -> None:
    """The journal of a site was replaced by a CSV file."""
    file = world.base / name
    before = file.read_bytes()
    status, said = run(world, *command.split(), "--output-file", str(file))
    assert (status, file.read_bytes()) == (2, before), said
    assert "It was not changed. Name another file." in said


@pytest.mark.parametrize("command", ["file list", "export changes"])
def test_another_spelling_or_a_link_is_the_same_file(command: str, world: World, run: Run) -> None:
    before = world.journal.read_bytes()
    link = world.base / "link.csv"
    spellings = [world.base / "site" / ".." / "journal.db"]
    try:
        link.symlink_to(world.journal)
        spellings.append(link)
    except OSError:
        assert os.name == "nt"  # needs a right there
    for file in spellings:
        assert run(world, *command.split(), "--output-file", str(file))[0] == 2
    assert world.journal.read_bytes() == before


def test_what_was_exported_before_is_replaced_also_in_the_folder_of_the_site(world: World, run: Run) -> None:
    for file in (world.base / "changes.csv", world.site / "changes.csv"):
        file.write_text("old", "utf-8")
        status, said = run(world, "export", "changes", "--output-file", str(file))
        assert status == 0, said
        assert file.read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", ["config.toml", "journal.db", "site/OMOP/person.csv"])
def test_a_support_bundle_replaces_only_another_one(name: str, world: World, run: Run) -> None:
    file = world.base / name
    before = file.read_bytes()
    status, said = run(world, "support-bundle", str(file))
    assert (status, file.read_bytes()) == (2, before), said
    for _ in range(2):
        assert run(world, "support-bundle", str(world.base / "help.zip"))[0] == 0


@pytest.mark.parametrize(
    "name", ["site/Metadata/changes.csv", "site/1001/Images/changes.csv", "site/OMOP/changes.csv", "central/v1/changes.csv"]
)
def test_no_output_is_written_where_the_next_submission_would_upload_it(name: str, world: World, run: Run) -> None:
    """It names patients, and would be in the central store for good."""
    file = world.base / name
    status, said = run(world, "export", "changes", "--output-file", str(file))
    assert status == 2, said
    assert not file.exists()


def test_a_support_bundle_replaces_no_zip_file_of_the_site(world: World, run: Run) -> None:
    file = world.put("1001/Waveforms/w.zip", "")
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("wave.dat", "samples")
    before = file.read_bytes()
    status, said = run(world, "support-bundle", str(file))
    assert (status, file.read_bytes()) == (2, before), said


def test_a_support_bundle_is_not_written_where_it_would_be_submitted(world: World, run: Run) -> None:
    world.put("1001/Images/a.dcm", "image")
    file = world.site / "1001/Images/help.zip"
    status, said = run(world, "support-bundle", str(file))
    assert status == 2, said
    assert not file.exists()


@pytest.mark.parametrize(
    ("name", "status"), [("journal.db", 2), ("config.toml", 2), ("site/OMOP/person.csv", 0), ("site/1001/Images/b.dcm", 0)]
)
def test_a_download_replaces_files_of_the_site_and_nothing_that_the_program_needs(name: str, status: int, world: World, run: Run) -> None:
    """Also with --overwrite: a journal that is a table has no history."""
    file = world.base / name
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_bytes() if file.exists() else None
    found, said = run(world, "remote", "download", "--overwrite", "v1/OMOP/person.csv", str(file))
    assert found == status, said
    assert (file.read_bytes() == before) or status == 0
