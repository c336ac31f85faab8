"""A new secret goes where the old one was, and everything else in the file stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using

from chorus_gui.app.renewal import save_credential
from chorus_gui.core.config.load import load
from chorus_gui.core.errors import ChorusError, ConfigError, UsageError

SIG = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY%3D"
OLD = f"sv=2022-11-02&sp=racwdl&sr=c&se=2030-01-01T00:00:00Z&sig={SIG}"
NEW = OLD.replace("2030", "2031")
OTHER = OLD.replace("2030", "2029")
KEY, NEW_KEY = "c2VjcmV0" * 8, "bmV3a2V5" * 8
CONNECTION = "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={};EndpointSuffix=core.windows.net"


@pytest.fixture
def keyring() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


def made(folder: Path, central: str, journal: str = "", site: str = "") -> Path:
    file = folder / "config.toml"
    file.write_text(
        "# ours\n[journal]\n[journal.local]\npath = 'j.db'\n[journal.source]\npath = 'az://box/journal.db'\n"
        f"[journal.source.auth]\n{journal or central}"
        f"[central_path]\npath = 'az://box/'  # the store\n[central_path.auth]\n{central}"
        f"[site_path.default]\npath = '{(folder / 'site').as_posix()}'\n{site}",
        "utf-8",
    )
    return file


def auth(line: str) -> str:
    return f"azure_account_name = 'acct'\n{line}\n"


def test_a_token_is_replaced_wherever_it_was_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    file = made(tmp_path, auth(f"azure_sas_token = '{OLD}' # until 2030"))
    before = file.read_text("utf-8")
    assert save_credential(file, "central", f"?{NEW}") == ("central", "journal")
    after = file.read_text("utf-8")
    assert OLD not in after
    assert [line.partition("azure_sas_token")[0] for line in after.splitlines()] == [
        line.partition("azure_sas_token")[0] for line in before.splitlines()
    ]
    assert after.count("# until 2030") == 2
    config = load(file, environ={})
    assert {
        place.credentials.sas and place.credentials.sas.token.reveal() for place in (config.central, config.journal.cloud) if place
    } == {NEW}


def test_a_place_with_another_token_keeps_it(tmp_path: Path) -> None:
    file = made(tmp_path, auth(f"azure_sas_token = '{OLD}'"), auth(f"azure_sas_token = '{OTHER}'"))
    assert save_credential(file, "journal", NEW) == ("journal",)
    text = file.read_text("utf-8")
    assert (text.count(OLD), text.count(OTHER), text.count(NEW)) == (1, 0, 1)


def test_a_token_in_the_account_url_is_replaced_there(tmp_path: Path) -> None:
    file = made(tmp_path, f"azure_account_url = 'https://acct.blob.core.windows.net/?{OLD}'\n")
    save_credential(file, "central", NEW)
    text = file.read_text("utf-8")
    assert "azure_sas_token" not in text
    assert OLD not in text
    credentials = load(file, environ={}).central.credentials
    assert credentials.sas is not None
    assert credentials.sas.token.reveal() == NEW


@pytest.mark.parametrize(
    ("line", "new"),
    [
        (f"azure_account_key = '{KEY}'", NEW_KEY),
        (f"azure_connection_string = '{CONNECTION.format(KEY)}'", CONNECTION.format(NEW_KEY)),
        (f"azure_storage_connection_string = '{CONNECTION.format(KEY)}'", CONNECTION.format(NEW_KEY)),
    ],
)
def test_keys_and_connection_strings_are_replaced_by_their_like(tmp_path: Path, line: str, new: str) -> None:
    file = made(tmp_path, auth(line))
    assert save_credential(file, "central", new) == ("central", "journal")
    text = file.read_text("utf-8")
    assert text.count(new) == 2
    assert KEY not in text


def test_a_token_in_the_credential_store_is_replaced_there(tmp_path: Path, keyring: MemoryKeyring) -> None:
    entry = "acct.blob.core.windows.net/box"
    keyring.kept[entry] = OLD
    file = made(tmp_path, auth("auth_mode = 'sas'"))
    before = file.read_bytes()
    save_credential(file, "central", NEW)
    assert keyring.kept == {entry: NEW}
    assert file.read_bytes() == before


def test_a_token_from_the_environment_is_overruled_by_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SAS_TOKEN", OLD)
    file = made(tmp_path, auth("auth_mode = 'sas'"))
    save_credential(file, "central", NEW)
    credentials = load(file).central.credentials
    assert credentials.sas is not None
    assert credentials.sas.token.reveal() == NEW


@pytest.mark.parametrize("wrong", ["", "hello", KEY, OLD, OLD.partition("&sig")[0]])
def test_what_is_no_new_token_changes_nothing(tmp_path: Path, wrong: str) -> None:
    file = made(tmp_path, auth(f"azure_sas_token = '{OLD}'"))
    before = file.read_bytes()
    with pytest.raises(ChorusError) as raised:
        save_credential(file, "central", wrong)
    assert isinstance(raised.value, UsageError)
    assert file.read_bytes() == before
    assert "sig=" not in str(raised.value) or "“sig" in str(raised.value)


def test_a_file_that_became_faulty_is_not_written(tmp_path: Path) -> None:
    file = made(tmp_path, auth(f"azure_sas_token = '{OLD}'"))
    file.write_text(file.read_text("utf-8") + "[nonsense\n", "utf-8")
    before = file.read_bytes()
    with pytest.raises(ConfigError):
        save_credential(file, "central", NEW)
    assert file.read_bytes() == before


def test_a_place_with_a_sign_in_has_no_secret_to_replace(tmp_path: Path) -> None:
    file = made(tmp_path, auth("auth_mode = 'login'"))
    with pytest.raises(UsageError):
        save_credential(file, "central", NEW)
