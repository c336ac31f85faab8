"""The rule for each secret key that the configuration knows: the credential store can have it, for each place that can have the key, from the
command line and the window; it is found there, replaced, and removed again; and no text shows it.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import logging
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from entra import CLIENT, TENANT, make
from keyringworld import MemoryKeyring, using

from chorus_gui.app.credential_store import has_secrets
from chorus_gui.app.support import config_text
from chorus_gui.app.unattended.mail import password_of
from chorus_gui.cli.main import main
from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import AuthMode, AwsKeys, Certificate, GoogleKeys, MicrosoftLogin, Secret
from chorus_gui.core.config.keys import KEYS, Kind
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config

OLD, NEW = (base64.b64encode(bytes(range(at, at + 64))).decode() for at in (1, 101))


def sas(secret: str) -> str:
    return (
        f"sv=2025-01-05&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=racwdl&sig={secret.replace('=', '%3D').replace('+', '%2B').replace('/', '%2F')}"
    )


@dataclass(frozen=True)
class Case:
    """How a place has a secret: what is ``beside`` it in the file, the value ``of`` a secret, and where the bucket is."""

    beside: str = ""
    value: str = "{}"
    scheme: str = "az"

    def of(self, secret: str) -> str:
        return sas(secret) if self.value == "sas" else self.value.format(self.alone(secret))

    def alone(self, secret: str) -> str:
        """A secret of AWS or Google is shorter than an account key, which would be recognized."""
        return secret if self.scheme == "az" else secret[:40]


CERTIFICATE = (
    f'auth_mode = "certificate"\nazure_tenant_id = "{TENANT}"\nazure_client_id = "{CLIENT}"\n'
    'azure_account_name = "acct"\nazure_client_certificate_path = "site.pfx"\n'
)
HOW = {
    "azure_sas_token": Case('azure_account_name = "acct"\n', "sas"),
    "azure_account_key": Case('azure_account_name = "acct"\n'),
    "azure_connection_string": Case("", "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={};EndpointSuffix=core.windows.net"),
    "azure_client_certificate_password": Case(CERTIFICATE),
    "aws_secret_access_key": Case('aws_access_key_id = "AKIAEXAMPLE"\n', scheme="s3"),
    "aws_session_token": Case('aws_access_key_id = "AKIAEXAMPLE"\naws_secret_access_key = "another-secret-of-the-key"\n', scheme="s3"),
    "google_hmac_secret": Case('google_hmac_access_id = "GOOGEXAMPLE"\n', scheme="gs"),
    "smtp_password": Case('mail_to = "a@example.org"\nsmtp_server = "localhost"\nsmtp_user = "chorus"\n'),
}
"""The name of each secret key → how a place has it.  A new key fails the first test until it is here."""
MODALITIES = ("OMOP", "Images", "Waveforms")
WHERES = {"journal": ("journal",), "central": ("central",), "site": ("default", *MODALITIES), "report": ("report",)}
SECRETS = [key for key in KEYS.values() if key.kind is Kind.SECRET]
CASES = [(key.meaning, where) for key in SECRETS for where in WHERES[key.meaning.partition(".")[0]]]
LAYOUTS = ("nested", "flat")


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


def written(folder: Path, meaning: str, where: str, layout: str, secret: str) -> Path:
    """A configuration whose only secret is this one, at this place."""
    part, _, name = meaning.partition(".")
    case = HOW[name]
    nested = layout == "nested"
    lines = case.beside + f'{name} = "{case.of(secret)}" # here\n'
    site, central, journal = "site", "store", "journal.db"
    auth = {"journal": "journal.source.auth" if nested else "journal", "central": "central_path.auth" if nested else "central_path"}
    tables = {"journal.source" if nested else "journal": "", "central_path": "", "site_path.default": ""}
    if part == "site":
        table = f"site_path.{where}"
        address = f"{case.scheme}://box/in"
        site = address if where == "default" else "site"
        if where != "default":
            tables[table] = f'path = "{address}"\n'
        if nested:
            tables[f"{table}.auth"] = lines
        else:
            tables[table] += lines
    elif part == "report":
        tables["report"] = lines
    else:
        central, journal = ("az://box/", journal) if part == "central" else (central, "az://box/journal.db")
        tables[auth[part]] = tables.get(auth[part], "") + lines
    for name_of, path in (("journal.source" if nested else "journal", journal), ("central_path", central), ("site_path.default", site)):
        tables[name_of] = f'path = "{path}"\n' + tables[name_of]
    mode = 'journaling_mode = "append"\n'
    head = "" if nested else f"[configuration]\n{mode}\n"
    file = folder / "config.toml"
    file.write_text(head + "".join(f"[{table}]\n{text}\n" for table, text in tables.items()), "utf-8")
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site.pfx").write_bytes(b"\x30\x82 a certificate that needs a password")
    return file


def used(config: Config, meaning: str, where: str) -> Secret | None:
    """The secret that a scan, an upload and the doctor use at this place: all of them take it from this value."""
    part, _, name = meaning.partition(".")
    if part == "report":
        assert config.report.mail is not None
        return Secret(password_of(config.report.mail))
    modality = "Images" if where == "default" else where
    place = {"journal": config.journal.cloud, "central": config.central}.get(part) or config.sites[modality].place
    given = place.credentials
    if isinstance(given, AwsKeys):
        return given.session if name == "aws_session_token" else given.secret
    if isinstance(given, GoogleKeys):
        return given.hmac_secret
    if isinstance(given, MicrosoftLogin):
        assert isinstance(given.identity, Certificate)
        return given.identity.password
    return given.sas.token if given.sas is not None else given.key.secret if given.key is not None else None


def expected(meaning: str, secret: str) -> Secret:
    name = meaning.partition(".")[2]
    return Secret(sas(secret) if HOW[name].value == "sas" else HOW[name].alone(secret))


def loaded(file: Path) -> Config:
    keychain.forget_answers()
    return load(file, environ={})


def test_every_secret_key_is_in_this_list() -> None:
    assert {key.meaning.partition(".")[2] for key in SECRETS} == set(HOW)
    assert {key.meaning.partition(".")[0] for key in SECRETS} == set(WHERES)


def said_of(config: Config, file: Path) -> str:
    """Everything of a configuration that a person, a log or a report could get."""
    return " ".join([repr(config), str(config), repr(dataclasses.asdict(config)), config_text(file)])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("meaning", "where"), CASES)
def test_the_command_line_moves_it_replaces_it_and_removes_it(
    tmp_path: Path,
    store: MemoryKeyring,
    meaning: str,
    where: str,
    layout: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    file = written(tmp_path, meaning, where, layout, OLD)
    at, name = ["-c", str(file), "credential"], meaning.partition(".")[2]
    config = loaded(file)
    assert used(config, meaning, where) == expected(meaning, OLD)
    assert has_secrets(config), "the window offers to move it"
    texts = [said_of(config, file)]

    assert main([*at, "move"]) == 0
    assert OLD[:40] not in file.read_text("utf-8")
    assert sas(OLD) not in file.read_text("utf-8")
    assert not file.with_name("config.toml.bak").exists()
    config = loaded(file)
    assert used(config, meaning, where) == expected(meaning, OLD)
    assert not has_secrets(config)
    assert pickle.loads(pickle.dumps(config)) == config

    place = "Images" if where == "default" else where
    typed = HOW[name].of(NEW)
    if name == "aws_session_token":
        typed = json.dumps({"AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": OLD[:40], "SessionToken": NEW[:40]})
    monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
    assert main([*at, "set", "--place", place]) == 0
    config = loaded(file)
    assert used(config, meaning, where) == expected(meaning, NEW)
    texts.append(said_of(config, file))
    assert main([*at, "list"]) == 0
    assert main([*at, "list", "--json"]) == 0

    assert main([*at, "delete"]) == 0
    assert store.kept == {}
    assert main([*at, "list"]) == 0
    assert main([*at, "move"]) != 0
    output = capsys.readouterr()
    for text in (output.out, output.err, caplog.text, *texts):
        for secret in (OLD[:40], NEW[:40], sas(OLD), sas(NEW)):
            assert secret not in text
    assert output.out.count(f"{place}: ") >= 2
    assert "missing" in output.out


@pytest.mark.parametrize(("meaning", "where"), [one for one in CASES if one[1] in ("central", "journal", "Images", "report")])
def test_a_store_that_refuses_leaves_the_file_as_it_is(
    tmp_path: Path, store: MemoryKeyring, meaning: str, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, meaning, where, "nested", OLD)
    before = file.read_bytes()

    def refuse(service: str, username: str, password: str) -> None:
        raise OSError(f"cannot keep {password}")

    monkeypatch.setattr(store, "set_password", refuse)
    assert main(["-c", str(file), "credential", "move"]) != 0
    assert file.read_bytes() == before
    output = capsys.readouterr()
    assert OLD[:40] not in output.out + output.err
    assert sas(OLD) not in output.out + output.err


def test_a_certificate_that_needs_no_password_asks_no_store(tmp_path: Path, store: MemoryKeyring) -> None:
    file = written(tmp_path, "site.azure_client_certificate_password", "Images", "nested", OLD)
    (tmp_path / "site.pem").write_bytes(make().pem())
    text = file.read_text("utf-8").replace("site.pfx", "site.pem")
    file.write_text("\n".join(line for line in text.splitlines() if "password" not in line), "utf-8")
    before = store.asked
    assert used(loaded(file), "site.azure_client_certificate_password", "Images") is None
    assert store.asked == before
    assert main(["-c", str(file), "credential", "set", "--place", "Images"]) != 0
    assert store.kept == {}


def test_a_connection_string_of_another_account_is_refused(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "central.azure_account_key", "central", "nested", OLD)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"AccountName=other;AccountKey={NEW}\n"))
    assert main(["-c", str(file), "credential", "set", "--place", "central"]) != 0
    assert "is for the account “other”" in capsys.readouterr().err
    assert store.kept == {}


def test_the_account_of_a_connection_string_stays_in_the_file(tmp_path: Path, store: MemoryKeyring) -> None:
    """Also where its address is not the usual one, and where it has a token."""
    secret = f"BlobEndpoint=https://blobs.example.org/acct;SharedAccessSignature={sas(OLD)}"
    file = written(tmp_path, "central.azure_connection_string", "central", "nested", OLD)
    text = file.read_text("utf-8")
    file.write_text(text.replace(HOW["azure_connection_string"].of(OLD), secret), "utf-8")
    before = loaded(file).central
    assert main(["-c", str(file), "credential", "move"]) == 0
    after = loaded(file).central
    assert (after.account, after.credentials.mode) == (before.account, AuthMode.SAS)
    assert store.kept == {"blobs.example.org/acct/box": sas(OLD)}
    assert "sig=" not in file.read_text("utf-8")


def test_a_certificate_whose_password_is_not_known_is_a_warning(
    tmp_path: Path, store: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "site.azure_client_certificate_password", "Images", "nested", OLD)
    assert main(["-c", str(file), "credential", "move"]) == 0
    assert loaded(file).warnings == ()
    store.kept.clear()
    (warning,) = loaded(file).warnings
    assert "needs a password, and it is not known" in warning

    def refuse(service: str, username: str) -> str:
        raise OSError("locked")

    monkeypatch.setattr(store, "get_password", refuse)
    (warning,) = loaded(file).warnings
    assert "did not answer" in warning
