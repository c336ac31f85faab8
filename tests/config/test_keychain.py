"""SAS tokens in the operating system's credential store: found, moved out of the file, and never lost or shown."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import KeyringLocked, NoKeyringError
from keyringworld import MemoryKeyring, using

from chorus_gui.app.doctor.credentials import check_expiry
from chorus_gui.app.doctor.model import Case
from chorus_gui.cli.main import main
from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import MicrosoftLogin, Origin, Sas
from chorus_gui.core.config.keeping import Kept
from chorus_gui.core.config.load import load, loads
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.token_store import move, place_tokens, put
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


class NotAKeyringError(Exception):
    """What pywin32-ctypes raises: of no class that the library knows."""


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture(params=[NESTED, FLAT], ids=["nested", "flat"])
def document(request: pytest.FixtureRequest, tmp_path: Path) -> ConfigDocument:
    file = tmp_path / "config.toml"
    file.write_text(request.param, "utf-8")
    return ConfigDocument.open(file)


def tokens(file: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Where → token, as the program would use it now."""
    keychain.forget_answers()
    found = place_tokens(ConfigDocument.open(file), environ=environ or {})
    return {h.where: h.token.reveal() if h.token else "" for h in found}


def config_of(file: Path, text: str) -> ConfigDocument:
    file.write_text(text, "utf-8")
    return ConfigDocument.open(file)


def without_journals_token(text: str = NESTED) -> str:
    return text.replace(f'azure_sas_token = "?{TOKEN}"  # the journal\'s', 'auth_mode = "sas"')


def test_a_token_that_is_written_nowhere_is_found(store: MemoryKeyring, tmp_path: Path) -> None:
    text = without_journals_token()
    with pytest.raises(ConfigError, match="credential set"):
        loads(text, tmp_path / "config.toml", environ={})
    store.kept[ENTRY] = TOKEN
    keychain.forget_answers()
    config = loads(text, tmp_path / "config.toml", environ={})
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials == Sas(TOKEN, Origin.STORE)
    assert config.central.credentials.sas
    assert config.central.credentials.sas.origin is Origin.FILE
    asked = store.asked
    loads(text, tmp_path / "config.toml", environ={})
    assert store.asked == asked, "a text that is typed does not ask the system at each key"
    config = loads(text, tmp_path / "config.toml", environ={"AZURE_SAS_TOKEN": OTHER})
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials == Sas(OTHER, Origin.ENVIRONMENT), "the environment comes first"


def test_nothing_is_looked_up_where_nobody_asked_for_it(store: MemoryKeyring, tmp_path: Path) -> None:
    store.kept[ENTRY] = TOKEN
    config = loads(without_journals_token().replace('auth_mode = "sas"', ""), tmp_path / "config.toml", environ={})
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials == MicrosoftLogin()
    with pytest.raises(ConfigError):
        loads(without_journals_token().replace('"sas"', '"sass"'), tmp_path / "config.toml", environ={})
    assert store.asked == 0


def test_moving_leaves_a_file_that_means_the_same_and_no_trace_of_the_token(store: MemoryKeyring, document: ConfigDocument) -> None:
    file = document.path
    file.with_name("config.toml.bak").write_text(f"old = '{TOKEN}'", "utf-8")
    before = tokens(file)
    assert move(document, environ={}) == Kept((ENTRY,))
    assert store.kept == {ENTRY: TOKEN}
    for left in file.parent.iterdir():
        assert b"sig=" not in left.read_bytes(), left.name
    assert tokens(file) == before == {"central": TOKEN, "journal": TOKEN}
    assert {h.origin for h in place_tokens(document, environ={})} == {f"a SAS token, from {keychain.title()}"}
    text = file.read_text("utf-8")
    assert text.count('auth_mode = "sas"') == 2
    assert "# written by a person" in text or "[journal]" in text
    assert load(file, environ={}).central.credentials.sas == Sas(TOKEN, Origin.STORE)
    with pytest.raises(UsageError, match="no credential to move"):
        move(ConfigDocument.open(file), environ={})


def test_what_cannot_be_kept_stays_in_the_file(document: ConfigDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    before = document.path.read_bytes()
    backend = next(using(NullKeyring()))  # takes everything, keeps nothing
    with pytest.raises(keychain.KeychainError, match="could not be read again"):
        move(document, environ={})
    for error in (KeyringLocked("locked"), NotAKeyringError(1312, "CredWrite", "A specified logon session does not exist.")):

        def refuse(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(backend, "set_password", refuse)
        with pytest.raises(keychain.KeychainError, match="Nothing was changed"):
            move(document, environ={})
    assert document.path.read_bytes() == before
    assert "sig=" in document.text


def test_a_file_that_cannot_be_saved_leaves_the_store_as_it_was(
    store: MemoryKeyring, document: ConfigDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("It cannot be saved.")

    before = document.path.read_bytes()
    monkeypatch.setattr(ConfigDocument, "save", refuse)
    with pytest.raises(ConfigError):
        move(document, environ={})
    assert store.kept == {}
    store.kept[ENTRY] = OTHER
    keychain.forget_answers()
    with pytest.raises(ConfigError):
        put(document, OTHER.replace("another", "third"), environ={})
    assert store.kept == {ENTRY: OTHER}
    assert document.path.read_bytes() == before


def test_a_store_that_does_not_answer_is_asked_once_and_none_at_all_is_like_an_empty_one(
    store: MemoryKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FLAT.replace(f'azure_sas_token = "{TOKEN}"', 'auth_mode = "sas"', 1).replace(f'azure_sas_token = "{TOKEN}"', "")
    asked: list[int] = []

    def fails(error: Exception) -> None:
        def ask(*_: object) -> None:
            asked.append(1)
            raise error

        monkeypatch.setattr(store, "get_password", ask)
        keychain.forget_answers()
        asked.clear()

    for error in (KeyringLocked("the vault is locked"), NotAKeyringError(1312, "CredRead", "…")):
        fails(error)
        with pytest.raises(ConfigError, match="did not answer"):
            loads(text, tmp_path / "config.toml", environ={})
        assert len(asked) == 1, "a person is not asked for each place"
    fails(NoKeyringError("none"))
    with pytest.raises(ConfigError, match=r"requires one\. Paste it"):
        loads(text, tmp_path / "config.toml", environ={})


def test_a_new_token_takes_the_place_of_the_old_one(store: MemoryKeyring, document: ConfigDocument) -> None:
    assert put(document, f"https://acct.blob.core.windows.net/site-one?{OTHER}", environ={}).entries == (ENTRY,)
    assert tokens(document.path) == {"central": OTHER, "journal": OTHER}
    before = document.path.stat().st_mtime_ns
    assert put(ConfigDocument.open(document.path), TOKEN, environ={}).entries == (ENTRY,)
    assert store.kept == {ENTRY: TOKEN}
    assert document.path.stat().st_mtime_ns == before, "a file that says what it should is not written"
    assert b"sig=" not in document.path.read_bytes()
    for wrong in ("hunter2", "", "sv=1&sig=ä", TOKEN + " x"):
        with pytest.raises(keychain.KeychainError, match="not a SAS token"):
            put(document, wrong, environ={})
    assert put(document, "\ufeff" + TOKEN, environ={}).entries == (ENTRY,), "as editors begin a file"
    assert store.kept == {ENTRY: TOKEN}
    with pytest.raises(UsageError, match="no password for “Images”"):
        put(document, TOKEN, "Images", environ={})


def test_a_token_from_the_environment_is_told_before_anything_is_changed(store: MemoryKeyring, document: ConfigDocument) -> None:
    before = document.path.read_bytes()
    with pytest.raises(UsageError, match="AZURE_SAS_TOKEN"):
        put(document, OTHER, environ={"AZURE_SAS_TOKEN": TOKEN.replace("one", "fourth")})
    assert (store.kept, document.path.read_bytes()) == ({}, before)


IMAGES = (
    f'[site_path.Images]\npath = "az://site-images/x"\n[site_path.Images.auth]\nazure_account_name = "acct"\nazure_sas_token = "{OTHER}"\n'
)


def test_each_container_has_its_own(store: MemoryKeyring, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    document = config_of(file, NESTED + IMAGES)
    with pytest.raises(UsageError, match="--place"):
        put(document, TOKEN, environ={})
    assert b"sig=" in file.read_bytes()
    assert set(move(document, environ={}).entries) == {ENTRY, SITE}
    assert tokens(file) == {"central": TOKEN, "journal": TOKEN, "Images": OTHER}
    new = OTHER.replace("another", "third")
    put(ConfigDocument.open(file), new, "Images", environ={})
    assert tokens(file) == {"central": TOKEN, "journal": TOKEN, "Images": new}


def test_a_new_computer_that_has_no_token_yet(store: MemoryKeyring, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    move(config_of(file, NESTED + IMAGES), environ={})
    store.kept.clear()
    assert tokens(file) == {"central": "", "journal": "", "Images": ""}
    assert main(["-c", str(file), "credential", "list"]) == 0
    assert capsys.readouterr().out.count("missing") == 3
    put(ConfigDocument.open(file), TOKEN, "journal", environ={})
    put(ConfigDocument.open(file), OTHER, "Images", environ={})
    assert tokens(file) == {"central": TOKEN, "journal": TOKEN, "Images": OTHER}
    assert [main(["-c", str(file), "credential", "delete", "--place", place]) for place in ("central", "Images")] == [0, 0]
    assert store.kept == {}


def test_an_inherited_table_serves_all_who_inherit_it(store: MemoryKeyring, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    default = f'[site_path.default]\npath = "az://site-images/x"\n[site_path.default.auth]\nazure_account_name = "acct"\nazure_sas_token = "{OTHER}"\n'
    document = config_of(
        file, NESTED.replace('[site_path.default]\npath = "site"\n', default) + '[site_path.OMOP]\npath = "az://site-omop/x"\n'
    )
    new = OTHER.replace("another", "third")
    assert set(put(document, new, "Images", environ={}).entries) == {SITE, "acct.blob.core.windows.net/site-omop"}
    found = tokens(file)
    assert (found["Images"], found["Waveforms"], found["OMOP"]) == (new, new, OTHER), "what shares the table keeps its token"


def test_only_what_a_place_uses_leaves_the_file(store: MemoryKeyring, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    unused = f'[site_path.Waveforms.auth]\nazure_sas_token = "{OTHER}"\n'
    document = config_of(file, '[configuration]\nsupported_modalities = "OMOP"\n' + NESTED + unused)
    done = move(document, environ={})
    assert done.entries == (ENTRY,)
    assert OTHER in file.read_text("utf-8"), "a token that was kept nowhere is not thrown away"
    assert "no place uses" in done.remains[0]
    only = (
        NESTED.partition("[journal.source]")[0]
        + '[journal.source]\npath = "journal.db"\n[central_path]\npath = "store"\n[site_path.default]\npath = "site"\n'
    )
    document = config_of(file, only + f'[site_path.default.auth]\nazure_sas_token = "{TOKEN}"\n')
    with pytest.raises(UsageError, match="has no credential to move"):
        move(document, environ={})
    assert TOKEN in file.read_text("utf-8")


@pytest.mark.parametrize("stale", [True, False])
def test_a_login_beside_a_token_stays_a_login(store: MemoryKeyring, tmp_path: Path, stale: bool) -> None:
    file = tmp_path / "config.toml"
    token = f'azure_sas_token = "{OTHER}"\n' if stale else ""
    document = config_of(
        file, FLAT.replace('auth_mode = "sas_token"', 'auth_mode = "login"').replace(f'azure_sas_token = "{TOKEN}"\n[site', token + "[site")
    )
    assert move(document, environ={}).entries == (ENTRY,)
    config = load(file, environ={})
    assert config.central.credentials == MicrosoftLogin()
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials == Sas(TOKEN, Origin.STORE)


def test_a_previous_state_that_cannot_be_removed_is_told(
    store: MemoryKeyring, document: ConfigDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    document.backup.write_text(TOKEN, "utf-8")

    def held(file: Path) -> None:
        raise PermissionError(13, "held", str(file))

    monkeypatch.setattr("chorus_gui.core.config.keeping.remove_file", held)
    assert "config.toml.bak” still has a SAS token" in move(document, environ={}).remains[0]


def test_two_tokens_for_one_container_are_not_mixed(store: MemoryKeyring, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two different SAS tokens"):
        move(config_of(tmp_path / "config.toml", FLAT.replace(TOKEN, OTHER, 1)), environ={})
    assert store.kept == {}


def test_a_newer_token_in_the_store_is_not_overwritten_by_an_older_one_in_the_file(store: MemoryKeyring, tmp_path: Path) -> None:
    document = config_of(tmp_path / "config.toml", FLAT)
    put(document, OTHER, "central", environ={})
    assert tokens(document.path) == {"central": OTHER, "journal": TOKEN}
    with pytest.raises(UsageError, match="two different SAS tokens"):
        move(ConfigDocument.open(document.path), environ={})
    assert store.kept == {ENTRY: OTHER}
    put(ConfigDocument.open(document.path), OTHER, environ={})
    assert tokens(document.path) == {"central": OTHER, "journal": OTHER}


def test_a_second_token_in_one_table_is_not_thrown_away(store: MemoryKeyring, tmp_path: Path) -> None:
    text = NESTED.replace(f'windows.net?{TOKEN}"', f'windows.net?{TOKEN}"\nazure_sas_token = "{OTHER}"')
    document = config_of(tmp_path / "config.toml", text)
    with pytest.raises(UsageError, match="two different SAS tokens"):
        move(document, environ={})
    assert (store.kept, document.path.read_text("utf-8")) == ({}, text)


def test_a_place_that_is_none_is_told_and_who_shares_a_token(store: MemoryKeyring, document: ConfigDocument, capsys, monkeypatch) -> None:
    move(document, environ={})
    words = ["-c", str(document.path), "credential"]
    assert main([*words, "delete", "--place", "centrall"]) == 2
    assert "central, journal" in capsys.readouterr().err
    assert store.kept
    assert main([*words, "delete", "--place", "journal"]) == 0
    assert "Also used by: central." in capsys.readouterr().out


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
    assert main(["-c", str(document.path), "journal", "list"]) == 2, "the token is missing now"
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
