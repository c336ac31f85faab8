"""What a message names as a way out exists, and works in the state that the message is about."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import cmdworld
import pytest
from custodyworld import BLOB
from faces import ONE, CommandLine
from old_tools import OldTool, Tool2024, ToolPresent
from world import World

from chorus_gui.app.status import Status
from chorus_gui.cli.main import main
from chorus_gui.core.custody.cloud_journal import memory_folder
from chorus_gui.core.storage.local import LocalStore


def in_the_cloud(world: World) -> Path:
    share = world.base / "share"
    share.mkdir()
    text = world.file.read_text("utf-8")
    world.file.write_text(f'{text}[journal.source]\npath = "{(share / BLOB).as_posix()}"\n', "utf-8")
    return share / BLOB


def mix(journal: Path) -> None:
    """The tool of 2024 adds its own table."""
    with closing(sqlite3.connect(journal)) as db:
        db.execute("CREATE TABLE journal (x)")


@pytest.mark.parametrize("local", ["there", "gone"])
@pytest.mark.parametrize("cloud", [True, False])
def test_tables_of_both_generations(cloud: bool, local: str, cli: CommandLine, world: World) -> None:
    file = in_the_cloud(world) if cloud else world.journal
    world.run("submit", version="v1")
    rows = {row.path for row in world.rows()}
    if cloud and local == "gone":
        world.journal.unlink()
    mix(file)
    said = cli.run("journal check").said
    assert "entries in both formats" in said
    assert "journal recover" in said
    assert str(memory_folder()) not in said
    assert cli.run("journal recover --yes").status == Status.DONE
    assert cli.run("submit --yes").status == Status.DONE
    assert {row.path for row in world.rows()} == rows
    assert ONE in world.active()
    world.check_truth()


FLAT = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
[journal]
{journal}
[central_path]
path = "{central}"
[site_path.default]
path = "{site}"
"""


@pytest.mark.parametrize("words", ["journal update", "submit --yes"])
@pytest.mark.parametrize("cloud", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_a_new_journal_begins_in_the_schema_of_its_layout(flat: bool, cloud: bool, words: str, cli: CommandLine, world: World) -> None:
    """The tool of 2024 destroys a journal of the present schema."""
    if flat:
        share = world.base / "share"
        share.mkdir()
        place = (share / BLOB).as_posix() if cloud else world.journal.as_posix()
        named = f'path = "{place}"\nlocal_path = "{world.journal.as_posix()}"' if cloud else f'local_path = "{place}"'
        text = FLAT.format(journal=named, central=world.central.as_posix(), site=world.site.as_posix())
        world.file.write_text(text, "utf-8")
    elif cloud:
        in_the_cloud(world)
    assert cli.run(words).status == Status.DONE
    with world.open() as journal:
        assert journal.schema == (1 if flat else 2)


@pytest.mark.parametrize("local", ["there", "gone"])
@pytest.mark.parametrize("json", [True, False])
def test_the_list_names_the_journal_in_the_cloud(local: str, json: bool, cli: CommandLine, world: World) -> None:
    file = in_the_cloud(world)
    world.run("submit", version="v1")
    if local == "gone":
        world.journal.unlink()
    out = cli.run(f"journal list{' --json' if json else ''}").out
    assert file.as_posix() in out
    assert str(memory_folder()) not in out


@pytest.mark.parametrize("sent", [True, False])
def test_set_aside_says_what_is_sent_again(sent: bool, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_cloud(world)
    assert cli.run("journal checkout").status == Status.DONE
    assert cli.run("submit --yes --version v1" if sent else "journal update --version v1").status == Status.DONE
    monkeypatch.setattr("sys.stdin", io.StringIO())
    ended = cli.run("journal set-aside")
    assert ended.status == (Status.DECISION if sent else Status.DONE), ended
    assert ("4 files are uploaded in the local journal only" in ended.out) is sent
    assert (f"v1: {ONE}" in ended.out) is sent
    assert world.journal.exists() is sent
    if sent:
        assert cli.run("journal set-aside --yes").status == Status.DONE
        assert not world.journal.exists()
    assert cli.run("submit --yes --version v2").status == Status.DONE
    assert {row.version for row in world.rows(active=True)} == {"v2"}


def test_what_was_set_aside_before_the_clock_was_corrected_counts_no_longer(
    cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept copy has the time of a clock that was ahead: every submission was refused, also after “--accept-less-history”."""
    in_the_cloud(world)
    assert cli.run("journal checkout").status == Status.DONE
    assert cli.run("submit --yes --version v1").status == Status.DONE

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(minutes=5)

    with monkeypatch.context() as patched:
        patched.setattr("chorus_gui.core.journal.backups.datetime", Ahead)
        assert cli.run("journal set-aside --yes").status == Status.DONE
    assert cli.run("submit --yes --version v2").status == Status.DONE
    assert {row.version for row in world.rows(active=True)} == {"v2"}


COMMANDS_AFTER_A_CRASH = (
    "journal checkin --local-journal {file}",
    "journal checkin",
    "journal checkout",
    "file upload",
    "submit --yes",
    "journal unlock",
)


@pytest.mark.parametrize("words", COMMANDS_AFTER_A_CRASH)
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("tool", [Tool2024, ToolPresent])
def test_after_a_crash_of_another_tool_the_command_that_is_named_continues(
    tool: type[OldTool], recorded: bool, words: str, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tools say: run “journal checkin --local-journal F” and upload again."""
    cloud = in_the_cloud(world)
    world.run("submit", version="v1")
    killed = tool(LocalStore(cloud.parent), world.journal)
    killed.checkout()
    if recorded:
        killed.update("1003/Images/new.dcm")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    ended = cli.run(words.format(file=shlex.quote(str(world.journal))))
    assert ended.status in (Status.NOT_STARTED, Status.DECISION), ended
    said = ended.said + ended.out
    if words == "journal unlock":
        assert "Read the lines above, then repeat the command with --yes" in said
        assert cli.run("journal unlock --yes").status == Status.DONE
        assert cli.run("journal checkout").status == (Status.DECISION if recorded else Status.DONE)
        return
    (named,) = set(re.findall(r"“(journal adopt[^”]*)”", said))
    if "{file}" in words:
        assert str(world.journal) in named
    named = named.replace(" F", f" {world.journal}").replace(str(world.journal), shlex.quote(str(world.journal)))
    assert cli.run(f"{named} --yes").status == Status.DONE
    assert cli.run("file upload").status == (Status.FAULTY if recorded else Status.DONE)  # the file is nowhere
    assert cli.run("journal checkin").status == Status.DONE
    assert cli.run("submit --yes").status in (Status.DONE, Status.FAULTY)
    assert not cloud.with_name(f"{BLOB}.locked").exists()
    world.check_truth()


def test_adopt_without_a_file_continues_with_the_configured_one(cli: CommandLine, world: World) -> None:
    cloud = in_the_cloud(world)
    world.run("submit", version="v1")
    Tool2024(LocalStore(cloud.parent), world.journal).checkout()
    assert cli.run("journal adopt --yes").status == Status.DONE
    assert cli.run("journal checkin").status == Status.DONE


def typed(command: str) -> list[str]:
    """The words that a shell of this system makes of a command."""
    return shlex.split(command) if os.name == "posix" else list(cmdworld.arguments(command))


@pytest.mark.parametrize("faults", [False, True])
def test_the_command_that_the_demo_names_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], faults: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "it's Anna & $HOME"
    assert main(["demo", str(folder), *(["--faults"] if faults else [])]) == 0
    line = capsys.readouterr().out.rstrip().splitlines()[-1]
    words = typed(line[line.index("chorus-upload ") :])
    assert words[:3] == ["chorus-upload", "-c", str(folder / "config.toml")]
    assert main(words[1:]) == (1 if faults else 0)


def test_a_named_command_can_be_pasted_although_the_folder_has_a_blank_in_its_name(world: World, cli: CommandLine) -> None:
    cloud = in_the_cloud(world)
    world.run("submit", version="v1")
    Tool2024(LocalStore(cloud.parent), world.journal).checkout()
    file = world.base / "Anna O'Meier & $HOME" / "journal.db"
    file.parent.mkdir()
    shutil.copy(world.journal, file)
    ended = cli.run(f"journal checkin --local-journal {shlex.quote(str(file))}")
    (named,) = re.findall(r"“(journal adopt --local-journal [^”]*)”", ended.said)
    assert typed(named) == ["journal", "adopt", "--local-journal", str(file)]
