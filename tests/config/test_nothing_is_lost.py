"""Secrets move from the file to the credential store all or not at all: none is lost, none stays behind without a word."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from entra import CLIENT, TENANT, make
from keyringworld import MemoryKeyring, using

from chorus_gui.app import credentials
from chorus_gui.app.credential_store import has_secrets, keep_access_key, move_tokens, place_credentials
from chorus_gui.cli.main import main
from chorus_gui.core.config import keeping
from chorus_gui.core.config.credentials import AccessKey, Certificate, MicrosoftLogin, is_locked
from chorus_gui.core.config.keys import KEYS, Kind
from chorus_gui.core.config.load import load
from chorus_gui.core.config.report_keys import PASSWORD_VARIABLE
from chorus_gui.core.errors import ConfigError, UsageError
from chorus_gui.core.storage.azure.certificates import CertificateError, open_certificate

KEY, SECOND = (base64.b64encode(bytes(range(at, at + 64))).decode() for at in (1, 101))
TOKEN, OTHER = (f"sv=2025-01-05&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=racwdl&sig={name}%2Fsecret%3D" for name in ("one", "two"))
ENDS = "EndpointSuffix=core.windows.net"
ACCOUNT = f"DefaultEndpointsProtocol=https;AccountName=acct;{ENDS}"
MAIL = '[report]\nmail_to = "a@example.org"\nsmtp_server = "localhost"\nsmtp_user = "chorus"\n'
NAME = 'azure_account_name = "acct"\n'
AWS = 'aws_access_key_id = "AKIA"\naws_secret_access_key = "the-first/secret"\n'
CERTIFICATE = f'auth_mode = "certificate"\nazure_tenant_id = "{TENANT}"\nazure_client_id = "{CLIENT}"\n{NAME}azure_client_certificate_path = "site.pfx"\n'


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    yield from using(MemoryKeyring())


def written(folder: Path, images: str = "", central: str = "", *, more: str = "", scheme: str = "az") -> Path:
    """A configuration with credentials for its images and its central store."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site.pfx").write_bytes(b"\x30\x82 a certificate that needs a password")
    at = {"central_path": "az://out/" if central else "store", "site_path.Images": f"{scheme}://box/in" if images else "site"}
    file = folder / "config.toml"
    file.write_text(
        f'[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "site"\n'
        f'[central_path]\npath = "{at["central_path"]}"\n[central_path.auth]\n{central}'
        f'[site_path.Images]\npath = "{at["site_path.Images"]}"\n[site_path.Images.auth]\n{images}{more}',
        "utf-8",
    )
    return file


def previous(file: Path) -> Path:
    return file.with_name("config.toml.bak")


PASSWORDS = {"plain": "hidden", "backslash": r"pa\ss", "quotation mark": 'pa"ss', "umlaut": "Schlüssel"}
WAYS = {
    "basic": lambda text: json.dumps(text, ensure_ascii=False),
    "escaped": json.dumps,
    "literal": lambda text: f"'{text}'",
    "lines": lambda text: f"'''{text}'''",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PASSWORDS)
def test_a_previous_state_with_a_password_is_removed_however_it_is_written(
    tmp_path: Path, store: MemoryKeyring, name: str, way: str
) -> None:
    line = f"azure_client_certificate_password = {WAYS[way](PASSWORDS[name])}\n"
    file = written(tmp_path, CERTIFICATE + line)
    previous(file).write_bytes(file.read_bytes())
    kept = move_tokens(file)
    assert (store.kept, kept.remains) == ({f"entra/{CLIENT}": PASSWORDS[name]}, ())
    assert not previous(file).exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PASSWORDS)
def test_a_password_in_a_table_that_no_place_uses_is_named(tmp_path: Path, store: MemoryKeyring, name: str, way: str) -> None:
    line = f"azure_client_certificate_password = {WAYS[way](PASSWORDS[name])}\n"
    file = written(tmp_path, CERTIFICATE + line, more=f"[site_path.Waveforms.auth]\n{line}")
    (sentence,) = move_tokens(file).remains
    assert "no place uses" in sentence
    assert PASSWORDS[name] not in sentence


SECRETS = sorted(
    {spelling for key in KEYS.values() if key.kind is Kind.SECRET for spelling in (key.meaning.rpartition(".")[2], *key.aliases)}
)


@pytest.mark.parametrize("held", [False, True], ids=["", "held"])
@pytest.mark.parametrize("moved", ["AWS", "password", "key", "new access key"])
@pytest.mark.parametrize("name", SECRETS)
def test_no_previous_state_with_a_secret_key_stays_without_a_word(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, name: str, moved: str, held: bool
) -> None:
    """Whichever secret is moved, and whichever the previous state has."""
    if moved == "key":
        file = written(tmp_path, f'{NAME}azure_account_key = "{KEY}"\n')
    elif moved == "password":
        file = written(tmp_path, more=MAIL + 'smtp_password = "hidden"\n')
    else:
        file = written(tmp_path, AWS, scheme="s3")
    previous(file).write_text(f"{name} = 'former'\n", "utf-8")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "held", str(path))

    if held:
        monkeypatch.setattr(keeping, "remove_file", refuse)
    kept = keep_access_key(file, AccessKey("", "new/secret"), "Images") if moved == "new access key" else move_tokens(file)
    assert previous(file).exists() is held
    assert ["config.toml.bak” still has" in sentence for sentence in kept.remains] == [True] * held


LOST = {
    "a token and a key": f'azure_connection_string = "{ACCOUNT};AccountKey={KEY};SharedAccessSignature={TOKEN}"\n',
    "two keys": f'azure_connection_string = "{ACCOUNT};AccountKey={KEY}"\nazure_account_key = "{SECOND}"\n',
    "a token in an address": f'azure_connection_string = "BlobEndpoint=https://acct.blob.core.windows.net?{OTHER};AccountName=acct;AccountKey={KEY}"\n',
}


@pytest.mark.parametrize("case", LOST)
@pytest.mark.parametrize("command", ["move", "set"])
def test_a_credential_that_would_be_lost_stops_the_move(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str, command: str
) -> None:
    file = written(tmp_path, LOST[case])
    before = file.read_bytes()
    load(file, environ={})
    monkeypatch.setattr("sys.stdin.readline", lambda: OTHER if case == "a token and a key" else KEY[4:], raising=False)
    assert main(["-c", str(file), "credential", command, *(["--place", "Images"] if command == "set" else [])]) != 0
    said = capsys.readouterr().err
    assert "would be lost" in said
    assert "Nothing was changed" in said
    assert all(secret not in said for secret in (KEY, SECOND, TOKEN, OTHER))
    assert (file.read_bytes(), store.kept) == (before, {})


def test_two_different_connection_strings_leave_everything_as_it_is(tmp_path: Path, store: MemoryKeyring) -> None:
    text = f'azure_connection_string = "{ACCOUNT};AccountKey={KEY}"\nazure_storage_connection_string = "{ACCOUNT};AccountKey={SECOND}"\n'
    file = written(tmp_path, text, more=MAIL + "smtp_password = 'hidden'\n")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="Keep one of the two"):
        move_tokens(file)
    assert (file.read_bytes(), store.kept) == (before, {})


def test_two_spellings_of_the_same_connection_string_move(tmp_path: Path, store: MemoryKeyring) -> None:
    text = f'"{ACCOUNT};AccountKey={KEY}"\n'
    file = written(tmp_path, f"azure_connection_string = {text}azure_storage_connection_string = {text}")
    assert move_tokens(file).remains == ()
    assert list(store.kept.values()) == [KEY]


def everything(folder: Path, *, images: str = TOKEN, central: str = TOKEN) -> Path:
    """A configuration with a secret of every kind of move, in which two places can have different tokens for a container."""
    file = written(
        folder,
        f'{NAME}azure_sas_token = "{images}"\n',
        f'{NAME}azure_sas_token = "{central}"\n',
        more='[site_path.Waveforms]\npath = "s3://box/in"\n[site_path.Waveforms.auth]\n' + AWS + MAIL + "smtp_password = 'hidden'\n",
    )
    file.write_text(file.read_text("utf-8").replace("az://out/", "az://box/out/"), "utf-8")
    return file


def test_all_kinds_move_at_once(tmp_path: Path, store: MemoryKeyring) -> None:
    file = everything(tmp_path)
    kept = move_tokens(file)
    assert sorted(kept.entries) == ["acct.blob.core.windows.net/box", "aws/AKIA", "smtp/chorus@localhost"]
    assert sorted(store.kept.values()) == sorted([TOKEN, "the-first/secret", "hidden"])
    assert not has_secrets(load(file))


def test_two_tokens_of_a_container_leave_everything_as_it_is(tmp_path: Path, store: MemoryKeyring) -> None:
    file = everything(tmp_path, central=OTHER)
    before = file.read_bytes()
    with pytest.raises(UsageError, match="two different SAS tokens") as refused:
        move_tokens(file)
    assert refused.value.meaning == "Nothing was changed."
    assert (file.read_bytes(), store.kept) == (before, {})


@pytest.mark.parametrize("entry", ["acct", "aws", "smtp"])
def test_a_store_that_refuses_one_secret_keeps_none(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], entry: str
) -> None:
    file = everything(tmp_path)
    before = file.read_bytes()
    keep = store.set_password

    def refuse(service: str, username: str, password: str) -> None:
        if username.startswith(entry):
            raise OSError("too long")
        keep(service, username, password)

    monkeypatch.setattr(store, "set_password", refuse)
    assert main(["-c", str(file), "credential", "move"]) != 0
    assert "Nothing was changed" in capsys.readouterr().err
    assert (file.read_bytes(), store.kept) == (before, {})


@pytest.mark.parametrize("variable", [PASSWORD_VARIABLE, "AZURE_SAS_TOKEN"])
def test_a_variable_that_would_be_used_instead_leaves_everything_as_it_is(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    file = everything(tmp_path)
    before = file.read_bytes()
    monkeypatch.setenv(variable, OTHER)
    with pytest.raises(UsageError, match=variable) as refused:
        move_tokens(file)
    assert refused.value.meaning == "Nothing was changed."
    assert (file.read_bytes(), store.kept) == (before, {})


def test_the_list_says_why_the_password_of_the_mail_server_is_missing(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, f'{NAME}azure_sas_token = "{TOKEN}"\n', more=MAIL)

    def refuse(service: str, username: str) -> str:
        raise OSError("no bus")

    monkeypatch.setattr(store, "get_password", refuse)
    assert main(["-c", str(file), "credential", "list"]) == 0
    images, report = capsys.readouterr().out.splitlines()[:2]
    assert images.startswith("Images: a SAS token, from the file")
    assert report.startswith("report: the password at the mail server, but it is missing: ")
    assert "did not answer (OSError)" in report


def test_a_password_in_the_environment_alone_is_not_offered_to_be_moved(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, more=MAIL)
    monkeypatch.setenv(PASSWORD_VARIABLE, "hidden")
    assert not has_secrets(load(file))
    assert [one.origin for one in place_credentials(file)] == ["the password at the mail server, from the environment"]
    with pytest.raises(UsageError, match="no credential to move"):
        move_tokens(file)
    file.write_text(file.read_text("utf-8") + 'smtp_password = "hidden"\n', "utf-8")
    assert has_secrets(load(file))


@pytest.mark.parametrize("kind", ["pfx", "pem"])
def test_a_certificate_file_is_locked_only_if_it_does_not_open_without_a_password(
    tmp_path: Path, store: MemoryKeyring, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    file = written(tmp_path, CERTIFICATE)
    made, path = make(), tmp_path / "site.pfx"
    write = made.pfx if kind == "pfx" else made.pem
    path.write_bytes(write("hidden"))
    assert is_locked(str(path))
    assert any("needs a password" in warning for warning in load(file, environ={}).warnings)
    path.write_bytes(write())
    assert not is_locked(str(path))
    assert not credentials.certificate_is_locked(file, "site.pfx")
    asked = store.asked
    config = load(file, environ={})
    assert (config.warnings, store.asked) == ((), asked)
    given = config.sites["Images"].place.credentials
    assert isinstance(given, MicrosoftLogin)
    assert isinstance(given.identity, Certificate)
    assert open_certificate(given.identity, None).password is None
    assert main(["-c", str(file), "credential", "list"]) == 0
    assert "missing" not in capsys.readouterr().out
    path.write_bytes(b"\x30 damaged")
    assert is_locked(str(path)), "nobody knows"


def test_a_certificate_without_a_password_is_no_second_kind_of_credential(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, AWS, CERTIFICATE, scheme="s3")
    (tmp_path / "site.pfx").write_bytes(make().pfx())
    monkeypatch.setattr("sys.stdin.read", lambda size: "new/secret", raising=False)
    assert main(["-c", str(file), "credential", "set"]) == 0, capsys.readouterr().err
    assert store.kept == {"aws/AKIA": "new/secret"}


def test_a_wrong_password_names_every_place_where_it_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "site.pfx").write_bytes(make().pfx("hidden"))
    with pytest.raises(CertificateError) as refused:
        open_certificate(Certificate(CLIENT, str(tmp_path / "site.pfx")), "wrong")
    for place in ("azure_client_certificate_password", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "credential set --place"):
        assert place in refused.value.refusal.remedy
