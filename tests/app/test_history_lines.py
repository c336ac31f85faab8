"""The journal's history says the same of a command, whichever face it came from; and it never says a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from faces import ONE, Asked, CommandLine, Window, fill, history
from pytestqt.qtbot import QtBot
from uiworld import a_session
from world import World

from chorus_gui.cli.main import build_parser
from chorus_gui.core.model import Mode
from chorus_gui.ui import intents
from chorus_gui.ui.session import Session

CHOICES = [
    Asked(),
    Asked(Mode.FULL),
    Asked(Mode.APPEND, ("Images",)),
    Asked(modalities=("OMOP", "Images"), version="v2"),
    Asked(version="v1", amend=True),
    Asked(amend=True, allow_deletions=True),
    Asked(Mode.FULL, ("OMOP", "Images", "Waveforms"), "v1", amend=True, allow_deletions=True),
    Asked(Mode.APPEND, version="v3", allow_deletions=True),
]


@pytest.fixture
def other(tmp_path: Path) -> World:
    """The same site once more, for the window."""
    return fill(World(tmp_path / "other"))


@pytest.fixture
def window(other: World, qtbot: QtBot, session: Session) -> Window:
    return Window(other, qtbot, session)


def begin(*worlds: World) -> None:
    """A first version, and something to submit after it."""
    for world in worlds:
        world.run("submit", version="v1")
        world.put("1003/Images/new.dcm", "new")
        world.put("OMOP/person.csv", "person_id\n1\n2\n")


@pytest.mark.parametrize("what", ["record", "submit"])
@pytest.mark.parametrize("asked", CHOICES, ids=lambda asked: asked.words or "nothing")
def test_both_faces_name_the_same_options(
    asked: Asked, what: str, cli: CommandLine, window: Window, world: World, other: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(world, other)
    assert cli.scan_and(what, asked).status == 0
    window.scan_and(what, asked)
    command, params = history(world)[-1]
    assert history(other)[-1] == (command, params)
    typed = build_parser().parse_args([*command.split(), *params.split()])
    assert (typed.mode, typed.modalities, typed.version) == (
        asked.mode.value if asked.mode else None,
        ",".join(asked.modalities) or None,
        asked.version,
    )
    assert (typed.amend, typed.allow_deletions) == (asked.amend, asked.allow_deletions)


@pytest.mark.parametrize(("version", "modalities"), [(None, ()), ("v1", ()), (None, ("Images",)), ("v1", ("OMOP", "Waveforms"))], ids=str)
def test_an_upload_names_what_it_was_asked_for(version, modalities, cli: CommandLine, window: Window, world: World, other: World) -> None:
    for one in (world, other):
        one.run("record", version="v1")
    cli.upload(version, modalities)
    window.upload(version, modalities)
    assert history(other)[-1] == history(world)[-1]
    typed = build_parser().parse_args([*history(world)[-1][0].split(), *history(world)[-1][1].split()])
    assert (typed.version, typed.modalities) == (version, ",".join(modalities) or None)


def test_an_undo_names_its_version(cli: CommandLine, window: Window, world: World, other: World) -> None:
    for one in (world, other):
        one.run("record", version="v1")
    cli.undo("v1")
    window.undo("v1")
    assert history(other)[-1] == history(world)[-1] == ("journal undo", "--version v1")


def test_a_review_remembers_what_its_scan_was_asked_for(window: Window, other: World, qtbot: QtBot, tmp_path: Path) -> None:
    """The window was closed between the scan and the approval."""
    begin(other)
    window.run(intents.Scan(Mode.APPEND, ("Images",)))
    (tmp_path / "later").mkdir()
    with a_session(qtbot, tmp_path / "later") as session:
        later = Window(other, qtbot, session)
        later.open()
        assert session.state.review is not None
        later.run(intents.Approve(session.state.review.revision, "v2", record_only=True))
    assert history(other)[-1] == ("journal update", "--version v2 --modalities Images --mode append")


def test_the_rest_of_a_submission_names_what_was_approved(window: Window, other: World) -> None:
    """A file was gone when it was to be sent; it is there again."""
    gone = other.site / ONE
    content, moment = gone.read_bytes(), gone.stat().st_mtime
    window.run(intents.Scan(Mode.APPEND, ("Images",)))
    gone.unlink()
    assert window.session.state.review is not None
    window.run(intents.Approve(window.session.state.review.revision, "v1"))
    other.put(ONE, content, mtime=moment)
    window.run(intents.RetryFailed())
    assert history(other)[-1] == ("submit", "--version v1 --modalities Images --mode append")
    assert other.active()[ONE].uploaded


# --- secrets ------------------------------------------------------------------------------------------------------------

SIGNATURE = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"
TOKEN = f"sv=2022-11-02&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&sig={SIGNATURE}%3D"


@pytest.mark.parametrize("name", ["cli", "window"])
def test_the_token_is_not_in_the_journal(name: str, cli: CommandLine, window: Window, world: World, other: World) -> None:
    used = world if name == "cli" else other
    auth = f'[central_path.auth]\nazure_account_name = "acct"\nazure_account_url = "http://127.0.0.1:9"\nazure_sas_token = "{TOKEN}"\n'
    text = used.file.read_text("utf-8").replace(f'path = "{used.central.as_posix()}"', f'path = "az://box/site"\n{auth}')
    used.file.write_text(f'{text}[journal.source]\npath = "{(used.base / "shared.db").as_posix()}"\n', "utf-8")
    if name == "cli":
        cli.run("journal checkout")
        assert cli.scan_and("record", Asked(version="v1")).status == 0
        assert cli.upload().status == 3
    else:
        window.run(intents.CheckOut())
        window.scan_and("record", Asked(version="v1"))
        window.upload()
    assert history(used) == [("journal update", "--version v1"), ("file upload", "")]
    assert SIGNATURE.encode() not in used.journal.read_bytes()


def test_a_token_that_was_typed_is_not_in_the_journal(cli: CommandLine, world: World) -> None:
    world.run("submit", version="v1")
    cli.run(f"file mark_as_deleted --version v1 --file 'https://acct.blob.core.windows.net/box/a?{TOKEN}'")
    command, params = history(world)[-1]
    assert command == "file mark_as_deleted"
    assert "--version v1" in params
    assert SIGNATURE.encode() not in world.journal.read_bytes()
