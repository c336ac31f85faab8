"""Signing in without a person: certificates, managed identities and token files, against a sign-in service on this computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from azure_server import Server, certificate, empty_container, reply, tls
from buildspec import spec
from entra import CLIENT, PASSWORD, TENANT, Authority, Made, make, serve_authority, serve_metadata, write

from chorus_gui.core.config.credentials import Certificate, Identity, ManagedIdentity, MicrosoftLogin, Secret, WorkloadIdentity
from chorus_gui.core.config.model import Place
from chorus_gui.core.config.sas import NEEDS_JOURNAL
from chorus_gui.core.errors import AccessError, SourceVanishedError, StoreError, StoreUnavailableError, UntrustedHostError, Why
from chorus_gui.core.model import Grade
from chorus_gui.core.storage.azure.login import NOBODY, Login
from chorus_gui.core.storage.azure.probe import probe
from chorus_gui.core.storage.open import open_source, open_store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def made() -> Made:
    """The certificate that the app registration has."""
    return make()


@pytest.fixture
def authority(tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """A sign-in service that knows one app registration."""
    (tmp_path / "tls").mkdir()
    file = certificate(tmp_path / "tls")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    there = Authority(registered=made.certificate)
    serving = serve_authority(there, tls(file))
    yield there
    serving.close()


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """The metadata service of a computer in Azure."""
    there = Authority()
    serving = serve_metadata(there)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", serving.url)
    yield there
    serving.close()


@pytest.fixture
def store_server(authority: Authority, tmp_path: Path, serve: Callable[..., Server]) -> Server:
    """A container that takes everything."""
    return serve(empty_container, tls=tls(tmp_path / "tls" / "server.pem"))


def login_of(identity: Identity, authority: Authority | None = None, tenant: str = TENANT) -> MicrosoftLogin:
    return MicrosoftLogin(tenant, identity, authority.host if authority else "")


def signed_in(server: Server, credentials: MicrosoftLogin, login: Login | None = None) -> str:
    """The token that a request to a store of its own carried."""
    with closing(open_store(server.place(credentials), login=login)) as store:
        assert store.head("a") is None
    return server.seen[-1][1]["Authorization"].removeprefix("Bearer ")


def refusal(server: Server, credentials: MicrosoftLogin) -> StoreError:
    """What a person reads if the sign-in fails.  Nothing was sent to the store."""
    with closing(open_store(server.place(credentials))) as store, pytest.raises(StoreError) as caught:
        store.head("a")
    assert server.seen == []
    assert caught.value.remedy
    return caught.value


FILES: dict[str, tuple[Callable[[Made], bytes], str]] = {
    "PEM": (lambda made: made.pem(), ""),
    "PEM with Windows' line ends": (lambda made: made.pem().replace(b"\n", b"\r\n"), ""),
    "PEM, certificate first": (lambda made: made.public() + made.pem(), ""),
    "PEM with a password": (lambda made: made.pem(PASSWORD), PASSWORD),
    "PEM without a password, and one is given": (lambda made: made.pem(), PASSWORD),
    "PFX": (lambda made: made.pfx(), ""),
    "PFX with a password": (lambda made: made.pfx(PASSWORD), PASSWORD),
}


@pytest.mark.parametrize("name", FILES)
def test_a_certificate_signs_in(name: str, made: Made, authority: Authority, store_server: Server, tmp_path: Path) -> None:
    content, password = FILES[name]
    file = write(tmp_path, "site.certificate", content(made))
    credentials = login_of(Certificate(CLIENT, file, Secret(password) if password else None), authority)
    assert signed_in(store_server, credentials) == authority.given[0]
    assert authority.asked[0]["scope"].startswith("https://storage.azure.com/.default")


BROKEN: dict[str, tuple[Callable[[Made], bytes], str, str]] = {
    "expired": (lambda made: make(days=(-30, -1)).pem(), "", "expired on"),
    "not valid yet": (lambda made: make(days=(2, 30)).pem(), "", "is not valid before"),
    "no key": (lambda made: made.public(), "", "has no private key"),
    "no certificate": (lambda made: made.pem().replace(made.public(), b""), "", "has no certificate"),
    "a password is missing (PEM)": (lambda made: made.pem(PASSWORD), "", "is protected with a password"),
    "a password is missing (PFX)": (lambda made: made.pfx(PASSWORD), "", "is protected with a password"),
    "another password (PEM)": (lambda made: made.pem(PASSWORD), "another", "password does not open"),
    "another password (PFX)": (lambda made: made.pfx(PASSWORD), "another", "password does not open"),
    "another key": (
        lambda made: make().pem().replace(b"BEGIN CERT", b"X", 0).split(b"-----BEGIN CERT")[0] + made.public(),
        "",
        "does not belong",
    ),
    "elliptic": (lambda made: make(elliptic=True).pem(), "", "not an RSA key"),
    "text": (lambda made: b"hello", "", "not a certificate"),
    "empty": (lambda made: b"", "", "not a certificate"),
    "damaged (PEM)": (lambda made: made.pem()[:300] + made.public(), "", "not a certificate"),
    "damaged (PFX)": (lambda made: made.pfx(PASSWORD)[:200], PASSWORD, "password does not open"),
    "long": (lambda made: b"-" * 1_100_000, "", "not a certificate"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_sign_in_is_a_sentence_and_nothing_is_sent(
    name: str, made: Made, authority: Authority, store_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    content, password, words = BROKEN[name]
    file = write(tmp_path, "site.pem", content(made))
    error = refusal(store_server, login_of(Certificate(CLIENT, file, Secret(password) if password else None), authority))
    assert words in error.what
    assert file in error.what
    assert (authority.paths, error.why) == ([], Why.CREDENTIAL)
    told = f"{error.what} {error.meaning} {error.remedy} {error!r} {error.__cause__!r} {caplog.text}"
    assert PASSWORD not in told
    assert "another" not in told.replace("another file", "").replace("another key", "")
    assert "PRIVATE KEY-----\n" not in told


@pytest.mark.parametrize(("name", "words"), [("none.pem", "There is no certificate file"), ("", "Could not read the certificate file")])
def test_a_file_that_cannot_be_read(name: str, words: str, authority: Authority, store_server: Server, tmp_path: Path) -> None:
    assert words in refusal(store_server, login_of(Certificate(CLIENT, str(tmp_path / name)), authority)).what


def test_the_doctor_tells_when_the_certificate_expires(made: Made, authority: Authority, store_server: Server, tmp_path: Path) -> None:
    for certificate_made, grade, words in (
        (make(days=(-1, 300)), Grade.GOOD, "valid until"),
        (make(days=(-1, 8)), Grade.WARNING, "expires on"),
        (make(days=(-9, -1)), Grade.BAD, "expired on"),
    ):
        authority.registered = certificate_made.certificate
        place = store_server.place(login_of(Certificate(CLIENT, write(tmp_path, "site.pem", certificate_made.pem())), authority))
        found = probe(place, needs=NEEDS_JOURNAL, login=Login(NOBODY))
        assert (found[0].grade, words in found[0].what) == (grade, True)
        assert len(found) == (1 if grade is Grade.BAD else 4)


REFUSALS = [
    ("", "other-tenant.example", CLIENT, "There is no tenant “other-tenant.example”", "azure_tenant_id"),
    ("", TENANT, CLIENT.replace("cccc", "dddd"), "has no app registration with the client ID", "azure_client_id"),
    ("AADSTS700024: Client assertion is not within its valid time range.", TENANT, CLIENT, "because of its time", "clock"),
    ("AADSTS7000112: Application is disabled.", TENANT, CLIENT, "disabled", "enable"),
    ("AADSTS53003: Access has been blocked by Conditional Access policies.", TENANT, CLIENT, "policy of the tenant", "IT department"),
    ("AADSTS123456: Something new.\r\nTrace ID: x", TENANT, CLIENT, "does not accept the sign-in", "azure_client_id"),
]


@pytest.mark.parametrize(("said", "tenant", "client", "words", "remedy"), REFUSALS)
def test_what_entra_refuses_is_a_sentence_with_a_remedy(
    said: str, tenant: str, client: str, words: str, remedy: str, made: Made, authority: Authority, store_server: Server, tmp_path: Path
) -> None:
    authority.refuses = said
    error = refusal(store_server, login_of(Certificate(client, write(tmp_path, "c.pem", made.pem())), authority, tenant))
    assert isinstance(error, AccessError)
    assert words in error.what
    assert remedy in error.remedy
    assert error.meaning.startswith("AADSTS")
    assert "Trace" not in error.meaning


def test_a_certificate_that_the_registration_does_not_have(made: Made, authority: Authority, store_server: Server, tmp_path: Path) -> None:
    error = refusal(store_server, login_of(Certificate(CLIENT, write(tmp_path, "c.pem", make().pem())), authority))
    assert "Entra does not know the certificate" in error.what


def test_a_sign_in_service_that_does_not_answer_is_an_outage(made: Made, store_server: Server, tmp_path: Path) -> None:
    credentials = login_of(Certificate(CLIENT, write(tmp_path, "c.pem", made.pem())))
    error = refusal(store_server, replace(credentials, authority="127.0.0.1:9"))
    assert isinstance(error, StoreUnavailableError)
    assert (error.why, "127.0.0.1:9 does not answer" in error.what) == (Why.NO_ANSWER, True)


@pytest.mark.parametrize("host", ["login.example", "169.254.169.254"])
def test_an_unknown_sign_in_service_gets_nothing(host: str, made: Made, store_server: Server, tmp_path: Path) -> None:
    credentials = MicrosoftLogin(TENANT, Certificate(CLIENT, write(tmp_path, "c.pem", made.pem())), host)
    kind = UntrustedHostError if host == "login.example" else AccessError
    with pytest.raises(kind, match="sign-in service"):
        open_store(store_server.place(credentials))
    assert store_server.seen == []


def test_a_file_that_was_replaced_is_used_for_the_next_request(
    made: Made, authority: Authority, store_server: Server, tmp_path: Path
) -> None:
    file = write(tmp_path, "c.pem", make(days=(-9, -1)).pem())
    with closing(open_store(store_server.place(login_of(Certificate(CLIENT, file), authority)))) as store:
        with pytest.raises(AccessError, match="expired on"):
            store.head("a")
        write(tmp_path, "c.pem", make().pem())
        with pytest.raises(AccessError, match="does not know the certificate"):
            store.head("a")
        write(tmp_path, "c.pem", made.pem())
        assert store.head("a") is None


def test_the_token_of_another_service_signs_in(authority: Authority, store_server: Server, tmp_path: Path) -> None:
    authority.federated = "the.federated.token"
    credentials = login_of(WorkloadIdentity(CLIENT, write(tmp_path, "token", b"the.federated.token")), authority)
    assert signed_in(store_server, credentials) == authority.given[0]


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("none", "", "There is no token file"),
        ("token", "AADSTS700213: No matching federated identity record found.", "does not accept the token file"),
        ("token", "AADSTS90002: Tenant not found.", "There is no tenant"),
    ],
)
def test_a_token_file_that_cannot_sign_in(
    name: str, said: str, words: str, authority: Authority, store_server: Server, tmp_path: Path
) -> None:
    write(tmp_path, "token", b"the.federated.token")
    authority.refuses, authority.federated = said, "other"
    error = refusal(store_server, login_of(WorkloadIdentity(CLIENT, str(tmp_path / name)), authority))
    assert words in error.what
    assert "the.federated.token" not in f"{error.what}{error.meaning}{error.remedy}{error.__cause__!r}"


@pytest.mark.parametrize("client", ["", CLIENT])
def test_the_identity_of_this_computer_signs_in(
    client: str, metadata: Authority, store_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the metadata service is never behind a proxy
    for name, value in (
        ("TENANT_ID", TENANT),
        ("CLIENT_ID", CLIENT),
        ("FEDERATED_TOKEN_FILE", "none"),
        ("AUTHORITY_HOST", "https://127.0.0.1:9"),
    ):
        monkeypatch.setenv(f"AZURE_{name}", value)  # a pod has these; the configuration asks for another sign-in
    assert signed_in(store_server, login_of(ManagedIdentity(client), tenant="")) == metadata.given[0]
    assert metadata.asked[0].get("client_id", "") == client
    assert metadata.asked[0]["resource"] == "https://storage.azure.com"


def test_an_identity_that_nobody_assigned(metadata: Authority, store_server: Server) -> None:
    metadata.refuses = "Identity not found"
    error = refusal(store_server, login_of(ManagedIdentity(CLIENT), tenant=""))
    assert f"no token for the identity “{CLIENT}”" in error.what
    assert "Azure portal" in error.remedy


def test_a_computer_without_a_metadata_service(store_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("chorus_gui.core.storage.azure.identities.TRIES", 0)
    error = refusal(store_server, login_of(ManagedIdentity(), tenant=""))
    assert "metadata service does not answer" in error.what
    assert "certificate" in error.remedy


def test_all_places_of_a_run_share_one_sign_in(made: Made, authority: Authority, store_server: Server, tmp_path: Path) -> None:
    login = Login(NOBODY)
    credentials = login_of(Certificate(CLIENT, write(tmp_path, "c.pem", made.pem())), authority)
    for _ in range(2):
        assert signed_in(store_server, replace(credentials), login) == authority.given[0]
    place: Place = store_server.place(credentials)
    with closing(open_source(place, login=login)) as source, pytest.raises(SourceVanishedError):
        source.stat("a")
    probe(place, needs=NEEDS_JOURNAL, login=login)
    assert len(authority.asked) == 1


def test_another_process_uses_the_token_that_is_known(made: Made, authority: Authority, store_server: Server, tmp_path: Path) -> None:
    import pickle

    login = Login(NOBODY)
    credentials = login_of(Certificate(CLIENT, write(tmp_path, "c.pem", made.pem())), authority)
    signed_in(store_server, credentials, login)
    there = pickle.loads(pickle.dumps(login))
    assert signed_in(store_server, credentials, there) == authority.given[0]
    assert len(authority.asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "times"),
    [
        (401, "InvalidAuthenticationInfo", 2),
        (403, "AuthenticationFailed", 2),
        (403, "AuthorizationPermissionMismatch", 1),
        (403, "AuthorizationFailure", 1),
    ],
)
@pytest.mark.parametrize("way", ["lean", "SDK"])
def test_a_token_that_is_refused_before_its_end_is_replaced_once(
    status: int, code: str, times: int, way: str, made: Made, authority: Authority, tmp_path: Path, serve: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Both the program's own cache and the one of the credential are emptied."""
    server = serve(reply(status, x_ms_error_code=code, x_ms_request_id="r"), empty_container, tls=tls(tmp_path / "tls" / "server.pem"))
    if way == "SDK":
        from chorus_gui.core.storage.azure.client import Connection
        from chorus_gui.core.storage.azure.sdk_wire import SdkWire

        monkeypatch.setattr(Connection, "wire", lambda self: SdkWire(self))
    credentials = login_of(Certificate(CLIENT, write(tmp_path, "c.pem", made.pem())), authority)
    with closing(open_store(server.place(credentials))) as store:
        if times == 2:
            assert store.head("a") is None
        else:
            with pytest.raises(AccessError) as caught:
                store.head("a")
            if code == "AuthorizationPermissionMismatch":
                assert "The app registration has no role" in caught.value.meaning
                assert "Storage Blob Data Reader" in caught.value.remedy
    assert len(authority.given) == times
    sent = [headers["Authorization"].removeprefix("Bearer ") for _, headers in server.seen]
    assert sent == authority.given


def test_no_secret_is_logged(
    made: Made, authority: Authority, store_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    file = write(tmp_path, "c.pem", made.pem(PASSWORD))
    credentials = login_of(Certificate(CLIENT, file, Secret(PASSWORD)), authority)
    token = signed_in(store_server, credentials)
    for secret in (PASSWORD, token, authority.asked[0]["client_assertion"], made.pem().decode().splitlines()[3]):
        assert secret not in caplog.text
        assert secret not in repr(credentials)
        assert secret not in str(credentials.masked())


ASK = """
import importlib.abc, json, sys
excluded = json.loads(sys.argv[6])
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in excluded:
            raise ModuleNotFoundError(name)
for name in list(sys.modules):
    if name in excluded or name.partition(".")[0] in excluded:
        del sys.modules[name]
sys.meta_path.insert(0, Missing())
seen = []
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        host = args[1][0] if event == "socket.connect" and isinstance(args[1], tuple) else args[0] if event == "socket.getaddrinfo" else ""
        seen.append(str(host))
        if host and host != "localhost" and not str(host).startswith("127."):
            raise OSError(101, "not in this test")
sys.addaudithook(hook)
from chorus_gui.core.config.credentials import *
from chorus_gui.core.storage.azure.login import NOBODY, Bearer, Login
mode, tenant, client, file, authority = sys.argv[1:6]
identity = {"login": None, "certificate": Certificate(client, file), "managed": ManagedIdentity(), "workload": WorkloadIdentity(client, file)}[mode]
login = MicrosoftLogin(tenant, identity, authority)
try:
    got = bool(Bearer(Login(NOBODY).by(login), tenant).token())
except Exception as error:
    got = False
    print(error, file=sys.stderr)
print(json.dumps([got, sorted(set(seen))]))
"""


def test_the_metadata_service_is_asked_only_if_the_configuration_requests_it(made: Made, authority: Authority, tmp_path: Path) -> None:
    """An audit hook sees every address that a process wants to reach, whatever the environment suggests.

    The process lacks the modules that the build leaves out.
    """
    pem, token = write(tmp_path, "c.pem", made.pem()), write(tmp_path, "token", b"t")
    tempting = {
        "AZURE_REGIONAL_AUTHORITY_NAME": "tryautodetect",
        "IDENTITY_ENDPOINT": "http://169.254.169.254/metadata/identity/oauth2/token",
        "IDENTITY_HEADER": "h",
        "MSI_ENDPOINT": "http://169.254.169.254/msi",
        "PATH": "",
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}

    def asked(mode: str, file: str = "", **environment: str) -> tuple[bool, list[str]]:
        words = [sys.executable, "-c", ASK, mode, TENANT, CLIENT, file, authority.host, json.dumps(spec()[0])]
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env={**own, **environment}, check=True)
        got, seen = json.loads(done.stdout)
        return got, seen

    assert asked("certificate", pem, **tempting) == (True, ["127.0.0.1"])
    assert asked("certificate", write(tmp_path, "c.pfx", made.pfx())) == (True, ["127.0.0.1"])
    authority.federated = "t"
    assert asked("workload", token, **tempting) == (True, ["127.0.0.1"])
    assert asked("login", **tempting) == (False, [])
    got, seen = asked("managed")
    assert (got, "169.254.169.254" in seen) == (False, True)
    there = Authority()
    serving = serve_metadata(there)
    try:
        assert asked("managed", AZURE_POD_IDENTITY_AUTHORITY_HOST=serving.url) == (True, ["127.0.0.1"])
    finally:
        serving.close()
