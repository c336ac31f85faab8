"""SAS tokens in the operating system's credential store: found, moved out of the file, and never lost or shown."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import KeyringLocked, NoKeyringError
from keyringworld import MemoryKeyring, using

from chorus_gui.cli.main import main
from chorus_gui.core.config import keychain
from chorus_gui.core.config.keeping import holders, move, origin, put
from chorus_gui.core.config.load import load, loads
from chorus_gui.core.config.model import AuthMode, Config
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.doctor.credentials import check_expiry
from chorus_gui.core.doctor.model import Case
from chorus_gui.core.errors import ConfigError, UsageError

TOKEN = "sv=2025-01-05&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=racwdl&sig=one%2Fsecret%3D"
OTHER = TOKEN.replace("one", "another")
ENTRY = "acct.blob.core.windows.net/site-one"
SITE = "acct.blob.core.windows.net/site-images"

NESTED = f"""\
# written by a person
[journal.source]
path = "az://site-one/journal.db"
[journal.source.auth]
azure_account_name = "acct"
azure_sas_token = "?{TOKEN}"  # the journal's
[central_path]
path = "az://site-one/central"
[central_path.auth]
azure_account_url = "https://acct.blob.core.windows.net?{TOKEN}"
[site_path.default]
path = "site"
"""
FLAT = f"""\
[journal]
path = "az://site-one/journal.db"
azure_account_name = "acct"
azure_sas_token = "{TOKEN}"
[central_path]
path = "az://site-one/central"
auth_mode = "sas_token"
azure_account_name = "acct"
azure_sas_token = "{TOKEN}"
[site_path.default]
path = "site"
"""


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture(params=[NESTED, FLAT], ids=["nested", "flat"])
def document(request: pytest.FixtureRequest, tmp_path: Path) -> ConfigDocument:
    file = tmp_path / "config.toml"
    file.write_text(request.param, "utf-8")
    return ConfigDocument.open(file)


def tokens(config: Config) -> dict[str, str]:
    return {h.where: h.place.credentials.sas_token.reveal() for h in holders(config) if h.place.credentials.sas_token}


def test_a_token_that_is_written_nowhere_is_found(store: MemoryKeyring, tmp_path: Path) -> None:
    text = NESTED.replace(f'azure_sas_token = "?{TOKEN}"', 'auth_mode = "sas"')
    with pytest.raises(ConfigError, match="credential set"):
        loads(text, tmp_path / "config.toml", environ={})
    store.kept[ENTRY] = TOKEN
    keychain.forget_answers()
    config = loads(text, tmp_path / "config.toml", environ={})
    assert tokens(config) == {"central": TOKEN, "journal": TOKEN}
    assert {h.where: h.place.credentials.kept for h in holders(config)} == {"central": False, "journal": True}
    asked = store.asked
    loads(text, tmp_path / "config.toml", environ={})
    assert store.asked == asked, "a text that is typed does not ask the system at each key"
    config = loads(text, tmp_path / "config.toml", environ={"AZURE_SAS_TOKEN": OTHER})
    assert tokens(config)["journal"] == OTHER, "the environment comes first"


def test_nothing_is_looked_up_where_nobody_asked_for_it(store: MemoryKeyring, tmp_path: Path) -> None:
    store.kept[ENTRY] = TOKEN
    plain = NESTED.replace(f'azure_sas_token = "?{TOKEN}"', "")
    config = loads(plain, tmp_path / "config.toml", environ={})
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials.auth_mode is AuthMode.LOGIN
    with pytest.raises(ConfigError):
        loads(NESTED.replace(f'azure_sas_token = "?{TOKEN}"', 'auth_mode = "sass"'), tmp_path / "config.toml", environ={})
    assert store.asked == 0


def test_moving_leaves_a_file_that_means_the_same_and_no_trace_of_the_token(store: MemoryKeyring, document: ConfigDocument) -> None:
    file = document.path
    file.with_name("config.toml.bak").write_text(f"old = '{TOKEN}'", "utf-8")
    before = tokens(load(file, environ={}))
    assert move(document, environ={}) == (ENTRY,)
    assert store.kept == {ENTRY: TOKEN}
    for left in file.parent.iterdir():
        assert b"sig=" not in left.read_bytes(), left.name
    config = load(file, environ={})
    assert tokens(config) == before == {"central": TOKEN, "journal": TOKEN}
    assert {origin(h.place) for h in holders(config)} == {f"a SAS token, from {keychain.title()}"}
    text = file.read_text("utf-8")
    assert text.count('auth_mode = "sas"') == 2
    assert "# written by a person" in text or "[journal]" in text
    with pytest.raises(UsageError, match="holds no SAS token"):
        move(ConfigDocument.open(file), environ={})


def test_what_cannot_be_kept_stays_in_the_file(document: ConfigDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    before = document.path.read_bytes()
    backend = next(using(NullKeyring()))  # takes everything, keeps nothing
    with pytest.raises(keychain.KeychainError, match="did not come back"):
        move(document, environ={})

    def locked(*_: object) -> None:
        raise KeyringLocked("the vault is locked")

    monkeypatch.setattr(backend, "set_password", locked)
    with pytest.raises(keychain.KeychainError, match="Nothing was changed"):
        move(document, environ={})
    assert document.path.read_bytes() == before
    assert "sig=" in document.text


def test_a_store_that_does_not_answer_is_a_fault_and_none_at_all_is_like_an_empty_one(
    store: MemoryKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = NESTED.replace(f'azure_sas_token = "?{TOKEN}"', 'auth_mode = "sas"')

    def fails(error: Exception) -> None:
        def ask(*_: object) -> None:
            raise error

        monkeypatch.setattr(store, "get_password", ask)
        keychain.forget_answers()

    fails(KeyringLocked("the vault is locked"))
    with pytest.raises(ConfigError, match="did not answer"):
        loads(text, tmp_path / "config.toml", environ={})
    fails(NoKeyringError("none"))
    with pytest.raises(ConfigError, match=r"asks for one\. Paste it"):
        loads(text, tmp_path / "config.toml", environ={})


def test_a_new_token_takes_the_place_of_the_old_one(store: MemoryKeyring, document: ConfigDocument) -> None:
    assert put(document, f"https://acct.blob.core.windows.net/site-one?{OTHER}", environ={}) == (ENTRY,)
    assert tokens(load(document.path, environ={})) == {"central": OTHER, "journal": OTHER}
    again = ConfigDocument.open(document.path)
    assert put(again, TOKEN, environ={}) == (ENTRY,)
    assert store.kept == {ENTRY: TOKEN}
    assert b"sig=" not in document.path.read_bytes()
    with pytest.raises(UsageError, match="not a SAS token"):
        put(again, "hunter2", environ={})
    with pytest.raises(UsageError, match="no SAS token for Images"):
        put(again, TOKEN, "Images", environ={})


def test_each_container_has_its_own(store: MemoryKeyring, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    images = f'[site_path.Images]\npath = "az://site-images/x"\n[site_path.Images.auth]\nazure_account_name = "acct"\nazure_sas_token = "{OTHER}"\n'
    file.write_text(NESTED + images, "utf-8")
    with pytest.raises(UsageError, match="--place"):
        put(ConfigDocument.open(file), TOKEN, environ={})
    assert b"sig=" in file.read_bytes()
    assert set(move(ConfigDocument.open(file), environ={})) == {ENTRY, SITE}
    assert tokens(load(file, environ={})) == {"central": TOKEN, "journal": TOKEN, "Images": OTHER}
    new = OTHER.replace("another", "third")
    put(ConfigDocument.open(file), new, "Images", environ={})
    assert tokens(load(file, environ={})) == {"central": TOKEN, "journal": TOKEN, "Images": new}


def test_two_tokens_for_one_container_are_not_mixed(store: MemoryKeyring, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(FLAT.replace(TOKEN, OTHER, 1), "utf-8")
    with pytest.raises(UsageError, match="two different SAS tokens"):
        move(ConfigDocument.open(file), environ={})
    assert store.kept == {}


def test_on_the_command_line(store: MemoryKeyring, document: ConfigDocument, capsys, monkeypatch) -> None:
    words = ["-c", str(document.path), "credential"]
    assert main([*words, "move"]) == 0
    assert main([*words, "list", "--json"]) == 0
    said = capsys.readouterr()
    (central, journal) = json.loads(said.out[said.out.index("[") :])
    assert (central["entry"], journal["place"]) == (ENTRY, "journal")
    assert central["expires"] == "2099-01-01 00:00 UTC"
    monkeypatch.setattr("sys.stdin", io.StringIO(OTHER + "\n"))
    assert main([*words, "set", "--place", "central"]) == 0
    assert store.kept == {ENTRY: OTHER}
    assert main([*words, "delete"]) == 0
    assert store.kept == {}
    assert main([*words, "list"]) == 2, "the token is missing now"
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main([*words, "set"]) == 2
    said = capsys.readouterr()
    assert "not a SAS token" in said.err
    for secret in ("one%2F", "another%2F", "one/secret"):
        assert secret not in said.out + said.err


def test_the_doctor_says_where_it_is(store: MemoryKeyring, document: ConfigDocument) -> None:
    move(document, environ={})
    case = Case(document.path, load(document.path, environ={}))
    assert any(keychain.title() in finding.what for finding in check_expiry(case))


@pytest.mark.skipif(sys.platform != "win32", reason="the real one is Windows' own")
def test_the_real_credential_manager() -> None:
    from keyring.backends.Windows import WinVaultKeyring

    for _ in using(WinVaultKeyring()):
        keychain.write("tests/one", TOKEN)
        keychain.write("tests/two", OTHER)
        keychain.forget_answers()
        assert (keychain.read("tests/one"), keychain.read("tests/two")) == (TOKEN, OTHER)
        assert keychain.delete("tests/one")
        assert keychain.delete("tests/two")
        assert not keychain.delete("tests/one")
        assert keychain.read("tests/one") == ""
