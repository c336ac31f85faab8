"""The secrets of HMAC keys of Google in the credential store: as the access keys of AWS, and apart from them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using

from chorus_gui.app.credential_store import keep_access_key, move_tokens, place_credentials
from chorus_gui.app.new_credential import NewCredential, uses
from chorus_gui.cli.main import main
from chorus_gui.core.config.aws_store import delete_keys, key_holders, put_keys, replace_keys
from chorus_gui.core.config.credentials import AccessKey, GoogleKeys, Origin, Secret
from chorus_gui.core.config.keychain import KeychainError
from chorus_gui.core.config.load import check, load
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.token_store import move
from chorus_gui.core.errors import UsageError

SECRET = "bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ"
HEAD = '# the site\n[central_path]\npath = "/central"\n'
FILES = {
    "nested": HEAD
    + '[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.Images]\npath = "gs://box/in" # images\n'
    + "[site_path.Images.auth]\n",
    "flat": HEAD
    + '[journal]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.Images]\npath = "gs://box/in" # images\n',
}
KEYS = f'google_hmac_access_id = "GOOGOLD"\ngoogle_hmac_secret = "{SECRET}" # secret\n'


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture(params=FILES)
def document(request: pytest.FixtureRequest, tmp_path: Path) -> ConfigDocument:
    file = tmp_path / "config.toml"
    file.write_text(FILES[request.param] + KEYS, "utf-8")
    return ConfigDocument.open(file)


def keys_of(document: ConfigDocument) -> GoogleKeys:
    found = load(document.path, environ={}).sites["Images"].place.credentials
    assert isinstance(found, GoogleKeys)
    return found


def test_a_key_moves_and_the_file_means_the_same(document: ConfigDocument, store: MemoryKeyring) -> None:
    before = keys_of(document)
    document.backup.write_text(document.text, "utf-8")
    assert move(document, environ={}).entries == ("google/GOOGOLD",)
    assert store.kept == {"google/GOOGOLD": SECRET}
    text = document.path.read_text("utf-8")
    assert SECRET not in text
    assert "aws_" not in text
    assert "# images" in text
    assert not document.backup.exists(), "a copy with the secret does not stay"
    assert keys_of(document) == before
    assert keys_of(document).origin is Origin.STORE
    assert keys_of(document).s3.origin is Origin.STORE
    assert key_holders(document, environ={})[-1].origin.startswith("an HMAC key, from ")
    with pytest.raises(UsageError, match="no credential to move"):
        move(ConfigDocument.open(document.path), environ={})


def test_a_new_key_replaces_the_old_one_where_that_is(document: ConfigDocument, store: MemoryKeyring) -> None:
    assert replace_keys(document, "Images", AccessKey("GOOGNEW", "second"), environ={}) == ("Images",)
    assert (keys_of(document).hmac_id, keys_of(document).hmac_secret) == ("GOOGNEW", Secret("second"))
    assert store.kept == {}, "it was in the file, so it stays there"
    move(ConfigDocument.open(document.path), environ={})
    replace_keys(ConfigDocument.open(document.path), "Images", AccessKey("GOOGNEWEST", "third"), environ={})
    assert store.kept == {"google/GOOGNEWEST": "third"}, "the old one is of no use any longer"
    assert "third" not in document.path.read_text("utf-8")


def test_a_key_in_the_store_that_is_gone_is_a_fault_with_a_command(document: ConfigDocument, store: MemoryKeyring) -> None:
    assert put_keys(document, AccessKey("", "fresh"), environ={}).entries == ("google/GOOGOLD",)
    assert delete_keys(ConfigDocument.open(document.path), environ={}) == ("google/GOOGOLD",)
    assert store.kept == {}
    checked = check(document.path.read_text("utf-8"), document.path, environ={})
    assert any("credential set" in fault.remedy and fault.key.endswith("google_hmac_secret") for fault in checked.faults)


@pytest.mark.parametrize("keys", [AccessKey("GOOG", ""), AccessKey("GO OG", "x"), AccessKey("GOOG", "x", "token")])
def test_what_is_no_key_changes_nothing(document: ConfigDocument, store: MemoryKeyring, keys: AccessKey) -> None:
    before = document.path.read_bytes()
    for action in (lambda: put_keys(document, keys, environ={}), lambda: replace_keys(document, "Images", keys, environ={})):
        with pytest.raises(UsageError, match=r"not a valid|no session token"):
            action()
    assert document.path.read_bytes() == before
    assert store.kept == {}


def test_a_variable_does_not_win_over_a_key_in_the_store(document: ConfigDocument, store: MemoryKeyring) -> None:
    environ = {"GOOGLE_HMAC_ACCESS_ID": "GOOGENV", "GOOGLE_HMAC_SECRET": "other"}
    move(document, environ=environ)
    assert store.kept == {"google/GOOGOLD": SECRET}
    assert load(document.path, environ=environ).sites["Images"].place.credentials == GoogleKeys("", "GOOGOLD", Secret(SECRET))


def test_a_store_that_does_not_answer_is_named(document: ConfigDocument) -> None:
    class Locked(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise OSError("locked")

    kept = next(using(MemoryKeyring()))
    move(document, environ={})
    assert kept.kept
    for _ in using(Locked()):
        checked = check(document.path.read_text("utf-8"), document.path, environ={})
        assert any(fault.key.endswith("google_hmac_secret") for fault in checked.faults)
        with pytest.raises(KeychainError):
            put_keys(ConfigDocument.open(document.path), AccessKey("", "x"), environ={})


def test_keys_of_two_services_are_kept_apart(tmp_path: Path, store: MemoryKeyring) -> None:
    """One table can have both: each modality uses its own."""
    file = tmp_path / "config.toml"
    file.write_text(
        HEAD
        + '[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.default.auth]\naws_access_key_id = "AKIA"\n'
        + f'aws_secret_access_key = "amazon"\n{KEYS}[site_path.Images]\npath = "gs://box/in"\n[site_path.Waveforms]\npath = "s3://box/in"\n',
        "utf-8",
    )
    assert sorted(move_tokens(file).entries) == ["aws/AKIA", "google/GOOGOLD"]
    assert store.kept == {"aws/AKIA": "amazon", "google/GOOGOLD": SECRET}
    sites = load(file, environ={}).sites
    assert sites["Images"].place.credentials == GoogleKeys("", "GOOGOLD", Secret(SECRET))
    assert {one.place: one.entry for one in place_credentials(file)} == {"Images": "google/GOOGOLD", "Waveforms": "aws/AKIA"}
    assert uses(file) == {NewCredential.ACCESS_KEY: ("Waveforms",), NewCredential.HMAC_KEY: ("Images",)}
    assert uses(file, "Images") == {NewCredential.HMAC_KEY: ("Images",)}
    with pytest.raises(UsageError, match="several access keys"):
        keep_access_key(file, AccessKey("", "x"))


def test_a_file_of_google_is_no_key_to_ask_for(tmp_path: Path, store: MemoryKeyring) -> None:
    (tmp_path / "reader.json").write_text("{}", "utf-8")
    file = tmp_path / "config.toml"
    file.write_text(FILES["nested"] + 'google_credentials_file = "reader.json"\n', "utf-8")
    assert uses(file) == {}
    assert [one.origin for one in place_credentials(file)] == ["a file with Google credentials"]


def test_the_command_line_asks_for_the_two_parts(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(FILES["nested"] + KEYS, "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("fresh/secret\n"))
    assert main(["-c", str(file), "credential", "set", "--place", "Images"]) == 0
    assert store.kept == {"google/GOOGOLD": "fresh/secret"}
    asked: list[str] = []
    monkeypatch.setattr("chorus_gui.cli.credential_commands.is_terminal", lambda stream: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or ("GOOGTHREE", "third")[len(asked) - 1])
    assert main(["-c", str(file), "credential", "set", "--place", "Images"]) == 0
    assert asked == ["Access ID (Enter: the one in the file): ", "Secret: "]
    assert store.kept["google/GOOGTHREE"] == "third"
    said = capsys.readouterr()
    assert "third" not in said.out + said.err
