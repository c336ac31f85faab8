"""AWS access keys of a site in the credential store: moved there, replaced there or in the file, and never lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using

from chorus_gui.core.config import keychain
from chorus_gui.core.config.aws_store import delete_keys, key_holders, put_keys, replace_keys
from chorus_gui.core.config.credentials import AccessKey, AwsKeys, Origin, Secret
from chorus_gui.core.config.keychain import KeychainError
from chorus_gui.core.config.load import check, load
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.token_store import move
from chorus_gui.core.errors import UsageError

SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN=="
OLD = AwsKeys("AKIAOLD", Secret(SECRET), Secret(TOKEN))
NEW = AccessKey("AKIANEW", "another/secret", "another=token")
HEAD = '# the site\n[central_path]\npath = "/central"\n'
FILES = {
    "nested": HEAD
    + '[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.Images]\npath = "s3://box/in" # images\n'
    + "[site_path.Images.auth]\n",
    "flat": HEAD
    + '[journal]\npath = "journal.db"\n[site_path.default]\npath = "/site"\n[site_path.Images]\npath = "s3://box/in" # images\n',
    "all": HEAD + '[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "s3://box/in" # images\n[site_path.default.auth]\n',
}
KEYS = f'aws_access_key_id = "AKIAOLD"\naws_secret_access_key = "{SECRET}" # secret\naws_session_token = "{TOKEN}"\nodd = 1\n'


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture(params=FILES)
def document(request: pytest.FixtureRequest, tmp_path: Path) -> ConfigDocument:
    file = tmp_path / "config.toml"
    file.write_text(FILES[request.param] + KEYS, "utf-8")
    return ConfigDocument.open(file)


def keys_of(document: ConfigDocument) -> AwsKeys:
    found = load(document.path, environ={}).sites["Images"].place.credentials
    assert isinstance(found, AwsKeys)
    return found


def test_a_key_moves_and_the_file_means_the_same(document: ConfigDocument, store: MemoryKeyring) -> None:
    assert keys_of(document) == OLD
    document.backup.write_text(document.text, "utf-8")
    assert move(document, environ={}).entries == ("aws/AKIAOLD", "aws/AKIAOLD/session")
    assert store.kept == {"aws/AKIAOLD": SECRET, "aws/AKIAOLD/session": TOKEN}
    text = document.path.read_text("utf-8")
    assert SECRET not in text
    assert TOKEN not in text
    assert "# images" in text
    assert "odd = 1" in text
    assert not document.backup.exists(), "a copy with the secret does not stay"
    assert keys_of(document) == OLD
    assert keys_of(document).origin is Origin.STORE
    with pytest.raises(UsageError, match="no credential to move"):
        move(ConfigDocument.open(document.path), environ={})
    assert key_holders(document, environ={})[-1].origin.startswith("a temporary access key, from ")


def test_a_key_that_cannot_be_stored_stays_in_the_file(document: ConfigDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half(MemoryKeyring):
        """It refuses what is longer than it can keep, as that of Windows does."""

        def set_password(self, service: str, username: str, password: str) -> None:
            if username.endswith("/session"):
                raise OSError("stub received bad data")
            super().set_password(service, username, password)

    before = document.path.read_bytes()
    for keyring in using(Half()):
        with pytest.raises(KeychainError, match="Could not store"):
            move(document, environ={})
        assert keyring.kept == {}, "what was stored before is gone again"
    assert document.path.read_bytes() == before
    del monkeypatch


def test_a_new_key_replaces_the_old_one_where_that_is(document: ConfigDocument, store: MemoryKeyring) -> None:
    places = replace_keys(document, "Images", NEW, environ={})
    assert "Images" in places
    assert keys_of(document) == AwsKeys("AKIANEW", Secret("another/secret"), Secret("another=token"))
    assert store.kept == {}, "it was in the file, so it stays there"
    move(ConfigDocument.open(document.path), environ={})
    newest = AccessKey("AKIANEWEST", "third")
    replace_keys(ConfigDocument.open(document.path), "Images", newest, environ={})
    assert store.kept == {"aws/AKIANEWEST": "third"}, "the old one is of no use any longer"
    assert keys_of(document) == AwsKeys("AKIANEWEST", Secret("third"))
    assert "third" not in document.path.read_text("utf-8")


def test_a_key_that_is_put_into_the_store_leaves_the_file(document: ConfigDocument, store: MemoryKeyring) -> None:
    assert put_keys(document, AccessKey("", "fresh"), environ={}).entries == ("aws/AKIAOLD",)
    assert keys_of(document) == AwsKeys("AKIAOLD", Secret("fresh"))
    assert SECRET not in document.path.read_text("utf-8")
    assert delete_keys(ConfigDocument.open(document.path), environ={}) == ("aws/AKIAOLD",)
    assert store.kept == {}
    checked = check(document.path.read_text("utf-8"), document.path, environ={})
    assert any("credential set" in fault.remedy for fault in checked.faults), "the remedy names the command"
    assert all(holder.origin.endswith("but its secret is missing") for holder in key_holders(document, environ={}))


@pytest.mark.parametrize("keys", [AccessKey("AKIA", ""), AccessKey("AK IA", "x"), AccessKey("AKIA", "x", "a b")])
def test_what_is_no_key_changes_nothing(document: ConfigDocument, store: MemoryKeyring, keys: AccessKey) -> None:
    before = document.path.read_bytes()
    for action in (lambda: put_keys(document, keys, environ={}), lambda: replace_keys(document, "Images", keys, environ={})):
        with pytest.raises(UsageError, match="not a valid"):
            action()
    assert document.path.read_bytes() == before
    assert store.kept == {}


def test_a_variable_that_would_be_used_instead_is_named(document: ConfigDocument, store: MemoryKeyring) -> None:
    """A profile in the file makes no difference; a variable is only used if the file has none of the three keys."""
    environ = {"AWS_SECRET_ACCESS_KEY": "other", "AWS_ACCESS_KEY_ID": "OTHER"}
    assert move(document, environ=environ)
    found = load(document.path, environ=environ).sites["Images"].place.credentials
    assert found == OLD
    assert store.kept


def test_two_secrets_of_one_key_are_not_mixed_up(tmp_path: Path, store: MemoryKeyring) -> None:
    file = tmp_path / "config.toml"
    other = (
        '[site_path.OMOP]\npath = "s3://box/omop"\n[site_path.OMOP.auth]\naws_access_key_id = "AKIAOLD"\naws_secret_access_key = "other"\n'
    )
    file.write_text(FILES["nested"] + KEYS + other, "utf-8")
    with pytest.raises(UsageError, match="two different secrets"):
        move(ConfigDocument.open(file), environ={})
    with pytest.raises(UsageError, match="No modality in Amazon S3"):
        put_keys(ConfigDocument.open(file), NEW, "Waveforms", environ={})
    with pytest.raises(UsageError, match="several access keys"):
        put_keys(ConfigDocument.open(file), NEW, environ={})
    assert store.kept == {}
    assert SECRET not in repr(key_holders(ConfigDocument.open(file), environ={}))


def test_no_secret_is_in_an_error(document: ConfigDocument, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    del store
    monkeypatch.setattr(keychain, "write", lambda *_: (_ for _ in ()).throw(KeychainError("It did not answer.")))
    with pytest.raises(KeychainError) as caught:
        move(document, environ={})
    assert SECRET not in repr(caught.value)
    assert SECRET in document.path.read_text("utf-8")
