"""AWS access keys in the credential store, by the command line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Run, printed
from keyringworld import MemoryKeyring, using
from world import World

from chorus_gui.core.config.credentials import AwsKeys, Secret
from chorus_gui.core.config.load import load

SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN=="
FRESH = "fresh/secret/fresh/secret"
SAS = "sv=2022-11-02&se=2099-12-04T13:00:00Z&sr=c&sp=rl&sig=TOPSECRET%3D"


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture
def world(tmp_path: Path) -> World:
    more = (
        '[site_path.Images]\npath = "s3://box/in"\n[site_path.Images.auth]\naws_access_key_id = "AKIAOLD"\n'
        f'aws_secret_access_key = "{SECRET}"\naws_session_token = "{TOKEN}"\n'
        '[site_path.Waveforms]\npath = "az://waves"\n[site_path.Waveforms.auth]\nazure_account_name = "acct"\n'
        f'azure_sas_token = "{SAS}"\n[site_path.Metadata]\npath = "s3://box/meta"\n[site_path.Metadata.auth]\naws_profile = "site"\n'
    )
    return World(tmp_path, more=more)


def keys_of(world: World) -> object:
    return load(world.file, environ={}).sites["Images"].place.credentials


def test_move_list_set_and_delete(world: World, run: Run, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    status, text = run(world, "credential", "move")
    assert status == 0, text
    assert store.kept == {"aws/AKIAOLD": SECRET, "aws/AKIAOLD/session": TOKEN, "acct.blob.core.windows.net/waves": SAS}
    file = world.file.read_text("utf-8")
    assert SECRET not in file
    assert TOKEN not in file
    assert "sig=" not in file
    assert keys_of(world) == AwsKeys("AKIAOLD", Secret(SECRET), Secret(TOKEN))

    status, text = run(world, "credential", "list")
    assert status == 0
    assert "Images: a temporary access key, from " in text
    assert "[aws/AKIAOLD]" in text
    assert "Metadata: the AWS profile “site”\n" in text
    assert "Waveforms: a SAS token, from " in text
    found = {one["place"]: one["entry"] for one in printed(run(world, "credential", "list", "--json")[1])}
    assert found == {"Images": "aws/AKIAOLD", "Metadata": "", "Waveforms": "acct.blob.core.windows.net/waves"}

    monkeypatch.setattr("sys.stdin", io.StringIO(f"export AWS_ACCESS_KEY_ID=AKIANEW\nexport AWS_SECRET_ACCESS_KEY={FRESH}\n"))
    status, text = run(world, "credential", "set", "--place", "Images")
    assert status == 0, text
    assert keys_of(world) == AwsKeys("AKIANEW", Secret(FRESH))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    assert run(world, "credential", "set", "--place", "Images")[0] == 0
    assert keys_of(world) == AwsKeys("AKIANEW", Secret(SECRET)), "the secret alone is that of the key in the file"

    status, text = run(world, "credential", "delete", "--place", "Images")
    assert status == 0, text
    assert "aws/AKIANEW" in text
    status, text = run(world, "doctor")
    assert status != 0
    assert "credential set" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("set", "--place", "Images"), "", "not a valid secret access key"),
        (("set", "--place", "Nowhere"), SAS, "Nowhere"),
        (("set", "--place", "Metadata"), SECRET, "not a valid access key ID"),
        (("delete", "--place", "Nowhere"), "", "no place “Nowhere” in a cloud"),
    ],
)
def test_what_cannot_be_done_is_status_2_and_changes_nothing(
    world: World, run: Run, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], typed: str, said: str
) -> None:
    before = world.file.read_bytes()
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    status, text = run(world, "credential", *words)
    assert status == 2, text
    assert said in text
    assert "Traceback" not in text
    assert world.file.read_bytes() == before
    assert store.kept == {}


def test_a_site_with_tokens_only_asks_for_a_token_as_before(
    tmp_path: Path, run: Run, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = (
        f'[site_path.Waveforms]\npath = "az://waves"\n[site_path.Waveforms.auth]\nazure_account_name = "acct"\nazure_sas_token = "{SAS}"\n'
    )
    world = World(tmp_path, more=table)
    monkeypatch.setattr("sys.stdin", io.StringIO(SAS.replace("TOPSECRET", "NEWSECRET")))
    status, text = run(world, "credential", "set")
    assert status == 0, text
    assert store.kept == {"acct.blob.core.windows.net/waves": SAS.replace("TOPSECRET", "NEWSECRET")}
