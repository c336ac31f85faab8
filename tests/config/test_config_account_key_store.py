"""The keys of storage accounts in the credential store: moved out of the file, replaced there, and never mixed with SAS tokens."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using

from chorus_gui.app.credential_store import delete_tokens, keep_token, move_tokens, place_credentials
from chorus_gui.app.new_credential import NewCredential, uses
from chorus_gui.app.renewal import save_credential, where_kept
from chorus_gui.cli.main import main
from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import AccountKey, AuthMode, Credentials, NoCredentials, Origin, Sas
from chorus_gui.core.config.keeping import Kept
from chorus_gui.core.config.load import check, load
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.token_store import move, put
from chorus_gui.core.errors import UsageError

KEY, SECOND = (base64.b64encode(bytes(range(at, at + 64))).decode() for at in (1, 101))
SAS = "sv=2025-01-05&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig=one%2Fsecret%3D"
ENTRY = "azure/acct.blob.core.windows.net"
CENTRAL = '# the site\n[central_path]\npath = "/central"\n'
FILES = {
    "nested": CENTRAL
    + '[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.Images]\npath = "az://box/in" # images\n'
    + "[site_path.Images.auth]\n",
    "flat": CENTRAL
    + '[journal]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.Images]\npath = "az://box/in" # images\n',
}
NAME = 'azure_account_name = "acct"\n'
LINE = f'azure_account_key = "{KEY}" # secret\n'


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture(params=FILES)
def document(request: pytest.FixtureRequest, tmp_path: Path) -> ConfigDocument:
    file = tmp_path / "config.toml"
    file.write_text(FILES[request.param] + NAME + LINE, "utf-8")
    return ConfigDocument.open(file)


def images(document: ConfigDocument) -> Credentials:
    keychain.forget_answers()
    return load(document.path, environ={}).sites["Images"].place.credentials


def test_a_key_moves_and_the_file_means_the_same(document: ConfigDocument, store: MemoryKeyring) -> None:
    document.backup.write_text(document.text, "utf-8")
    assert move(document, environ={}) == Kept((ENTRY,))
    assert store.kept == {ENTRY: KEY}
    for left in document.path.parent.iterdir():
        assert KEY.encode() not in left.read_bytes(), left.name
    text = document.path.read_text("utf-8")
    assert 'auth_mode = "key"' in text
    assert "# images" in text
    assert images(document) == AccountKey(KEY, Origin.STORE)
    with pytest.raises(UsageError, match="no credential to move"):
        move(ConfigDocument.open(document.path), environ={})


def test_a_copy_of_the_key_elsewhere_in_the_file_is_named(document: ConfigDocument, store: MemoryKeyring) -> None:
    document.text += f"# {KEY}\n"
    document.save()
    assert "still has the account key" in move(document, environ={}).remains[0]


def test_a_new_key_replaces_the_old_one_where_that_is(document: ConfigDocument, store: MemoryKeyring) -> None:
    assert save_credential(document.path, "Images", SECOND) == ("Images",)
    assert images(document) == AccountKey(SECOND, Origin.FILE)
    assert store.kept == {}, "it was in the file, so it stays there"
    move(ConfigDocument.open(document.path), environ={})
    assert save_credential(document.path, "Images", KEY) == ("Images",)
    assert store.kept == {ENTRY: KEY}
    assert images(document) == AccountKey(KEY, Origin.STORE)
    assert "credential set" in where_kept(images(document), load(document.path, environ={}))


def test_a_key_that_is_missing_in_the_store_is_a_fault_with_a_command(document: ConfigDocument, store: MemoryKeyring) -> None:
    move(document, environ={})
    assert delete_tokens(document.path, "Images").entries == (ENTRY,)
    assert store.kept == {}
    text = document.path.read_text("utf-8")
    (fault,) = check(text, document.path, environ={}).faults
    assert fault.key.endswith("azure_account_key")
    assert "credential set" in fault.remedy
    found = check(text, document.path, environ={}).sites["Images"].place.credentials
    assert found == NoCredentials(AuthMode.KEY, Origin.STORE)
    assert [one.origin for one in place_credentials(document.path)] == ["an account key, but it is missing"]
    assert put(ConfigDocument.open(document.path), SECOND, "Images", environ={}) == Kept((ENTRY,))
    assert images(document) == AccountKey(SECOND, Origin.STORE)


def test_the_environment_comes_before_the_store_and_is_told(document: ConfigDocument, store: MemoryKeyring) -> None:
    move(document, environ={})
    found = load(document.path, environ={"AZURE_ACCOUNT_KEY": SECOND}).sites["Images"].place.credentials
    assert found == AccountKey(SECOND, Origin.ENVIRONMENT)
    with pytest.raises(UsageError, match="AZURE_ACCOUNT_KEY"):
        put(ConfigDocument.open(document.path), KEY + "", "Images", environ={"AZURE_ACCOUNT_KEY": SECOND})


@pytest.mark.parametrize("wrong", ["", "hello", f"{KEY} x", SAS, KEY[:-4] + "ä==="])
def test_what_is_no_key_changes_nothing(document: ConfigDocument, store: MemoryKeyring, wrong: str) -> None:
    before = document.path.read_bytes()
    with pytest.raises(keychain.KeychainError, match="not an account key"):
        put(document, wrong, "Images", environ={})
    assert (document.path.read_bytes(), store.kept) == (before, {})


def test_one_key_serves_all_containers_of_its_account(tmp_path: Path, store: MemoryKeyring) -> None:
    """A token is for a container, a key for the account; each is stored under its own name, and each place keeps what it uses."""
    file = tmp_path / "config.toml"
    auth = NAME + LINE
    file.write_text(
        f'[journal.source]\npath = "az://one/journal.db"\n[journal.source.auth]\n{NAME}azure_sas_token = "{SAS}"\n'
        f'[central_path]\npath = "az://two/"\n[central_path.auth]\n{auth}[site_path.default]\npath = "az://three/"\n[site_path.default.auth]\n{auth}',
        "utf-8",
    )
    assert sorted(move_tokens(file).entries) == ["acct.blob.core.windows.net/one", ENTRY]
    assert store.kept == {"acct.blob.core.windows.net/one": SAS, ENTRY: KEY}
    config = load(file, environ={})
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials == Sas(SAS, Origin.STORE)
    assert config.central.credentials == config.sites["Images"].place.credentials == AccountKey(KEY, Origin.STORE)
    assert [list(uses(file, place)) for place in ("central", "journal")] == [[NewCredential.ACCOUNT_KEY], [NewCredential.TOKEN]]
    assert keep_token(file, SECOND, "central") == Kept((ENTRY,))
    keychain.forget_answers()
    assert load(file, environ={}).sites["OMOP"].place.credentials == AccountKey(SECOND, Origin.STORE)
    done = delete_tokens(file, "central")
    assert done.entries == (ENTRY,)
    assert {"OMOP", "Images"} <= set(done.places), "they used the same key"


def test_the_two_keys_of_an_account_are_not_mixed(document: ConfigDocument, store: MemoryKeyring) -> None:
    auth = f'[site_path.Waveforms]\npath = "az://other/in"\n{{}}{NAME}azure_account_key = "{SECOND}"\n'
    document.text += auth.format("[site_path.Waveforms.auth]\n" if "Images.auth" in document.text else "")
    document.save()
    with pytest.raises(UsageError, match="two different account keys"):
        move(document, environ={})
    assert store.kept == {}


def test_auth_mode_decides_and_is_not_left_where_the_other_tools_read_the_key(document: ConfigDocument, store: MemoryKeyring) -> None:
    """The current tool stops at an auth_mode that it does not know; beside the key itself it is of no use."""
    before = document.text
    for spelled in ('auth_mode = "key"\n' + NAME, NAME + 'auth_mode = "key"\n'):
        document.text = before.replace(NAME, spelled)
        document.save()
        assert "auth_mode" not in document.path.read_text("utf-8")
        assert images(document) == AccountKey(KEY)
    document.text = before.replace(NAME, f'{NAME}auth_mode = "key"\nazure_sas_token = "{SAS}"\n')
    document.save()
    assert images(document) == AccountKey(KEY)
    assert any("SAS token" in warning for warning in check(document.text, document.path, environ={}).warnings)


def test_the_command_line_asks_for_a_key(
    document: ConfigDocument, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(document.path)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    assert main(["-c", file, "credential", "set", "--place", "Images"]) == 0
    assert store.kept == {ENTRY: KEY}
    asked: list[str] = []
    monkeypatch.setattr("chorus_gui.cli.credential_commands.is_terminal", lambda stream: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or SECOND)
    assert main(["-c", file, "credential", "set"]) == 0
    assert asked == ["Account key: "]
    assert store.kept == {ENTRY: SECOND}
    assert main(["-c", file, "credential", "list"]) == 0
    said = capsys.readouterr()
    assert f"[{ENTRY}]" in said.out
    assert KEY not in said.out + said.err
    assert SECOND not in said.out + said.err
