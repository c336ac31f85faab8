"""The keys of a sign-in without a person: what they lead to, in both layouts, and what is missing or wrong."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from chorus_gui.app import facts
from chorus_gui.app.renewal import where_kept
from chorus_gui.core.config.credentials import AuthMode, Certificate, Identity, ManagedIdentity, MicrosoftLogin, Secret, WorkloadIdentity
from chorus_gui.core.config.hosts import confirm, unconfirmed
from chorus_gui.core.config.load import check
from chorus_gui.core.config.model import Config
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.token_store import place_tokens
from chorus_gui.core.errors import Fault

TENANT = "6f1c0000-0000-4000-8000-00000000aaaa"
CLIENT = "6f1c0000-0000-4000-8000-00000000cccc"
BASE = Path("/chorus").absolute()
WHO = f'azure_client_id = "{CLIENT}"\nazure_tenant_id = "{TENANT}"\n'
NAME = 'azure_account_name = "account"\n'


def read(auth: str, environ: Mapping[str, str] | None = None, *, flat: bool = False) -> tuple[Config | None, tuple[Fault, ...]]:
    if flat:
        text = f'[journal]\npath = "j.db"\n[central_path]\npath = "az://box/"\n{NAME}{auth}[site_path.default]\npath = "az://site/"\n{NAME}{auth}'
    else:
        text = (
            f'[journal.source]\npath = "az://box/j.db"\n[journal.source.auth]\n{NAME}{auth}'
            f'[central_path]\npath = "az://box/"\n[central_path.auth]\n{NAME}{auth}'
            f'[site_path.default]\npath = "site"\n[site_path.Images]\npath = "az://site/"\n[site_path.Images.auth]\n{NAME}{auth}'
        )
    found = check(text, BASE / "c.toml", environ=environ or {}, kept=lambda _: "")
    return found.config, found.faults


def signs_in(auth: str, environ: Mapping[str, str] | None = None, *, flat: bool = False) -> MicrosoftLogin:
    """What the central store, the journal and a modality of the site have in common."""
    config, faults = read(auth, environ, flat=flat)
    assert config is not None, faults
    places = [config.central, config.sites["Images"].place, *([] if flat or config.journal.cloud is None else [config.journal.cloud])]
    (found,) = {place.credentials for place in places}
    assert isinstance(found, MicrosoftLogin)
    return found


CASES: list[tuple[str, Identity, AuthMode]] = [
    (
        f'auth_mode = "certificate"\n{WHO}azure_client_certificate_path = "keys/site.pfx"\nazure_client_certificate_password = "hidden"\n',
        Certificate(CLIENT, str(BASE / "keys" / "site.pfx"), Secret("hidden")),
        AuthMode.CERTIFICATE,
    ),
    (
        f'{WHO}azure_client_certificate_path = "{(BASE / "site.pem").as_posix()}"\n',
        Certificate(CLIENT, str(BASE / "site.pem")),
        AuthMode.CERTIFICATE,
    ),
    (
        f'auth_mode = "workload_identity"\n{WHO}azure_federated_token_file = "token"\n',
        WorkloadIdentity(CLIENT, str(BASE / "token")),
        AuthMode.WORKLOAD_IDENTITY,
    ),
    ('auth_mode = "managed_identity"\n', ManagedIdentity(), AuthMode.MANAGED_IDENTITY),
    (f'auth_mode = "managed_identity"\nazure_client_id = "{CLIENT}"\n', ManagedIdentity(CLIENT), AuthMode.MANAGED_IDENTITY),
]


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize(("auth", "identity", "mode"), CASES)
def test_each_identity_in_both_layouts(auth: str, identity: Identity, mode: AuthMode, flat: bool) -> None:
    found = signs_in(auth, flat=flat)
    assert (found.identity, found.mode, found.authority) == (identity, mode, "")
    assert found.tenant == ("" if mode is AuthMode.MANAGED_IDENTITY else TENANT)
    assert (mode.signs_in, mode.is_identity) == (True, True)
    assert pickle.loads(pickle.dumps(found)) == found
    assert "hidden" not in f"{found!r} {found.masked()!r} {read(auth, flat=flat)[0]!r}"


def test_what_is_missing_in_the_file_comes_from_the_environment() -> None:
    environ = {
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_CERTIFICATE_PATH": str(BASE / "env.pem"),
        "AZURE_CLIENT_CERTIFICATE_PASSWORD": "hidden",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/",
    }
    found = signs_in('auth_mode = "certificate"\n', environ)
    assert found == MicrosoftLogin(TENANT, Certificate(CLIENT, str(BASE / "env.pem"), Secret("hidden")), "login.microsoftonline.us")
    own = signs_in(f'auth_mode = "certificate"\n{WHO}azure_client_certificate_path = "own.pem"\n', environ)
    assert own.identity == Certificate(CLIENT, str(BASE / "own.pem"), Secret("hidden"))


def test_a_certificate_of_the_environment_alone_changes_nothing() -> None:
    """Other programs use these variables, too."""
    environ = {"AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_CERTIFICATE_PATH": "x.pem", "AZURE_FEDERATED_TOKEN_FILE": "t"}
    assert signs_in("", environ) == MicrosoftLogin()


@pytest.mark.parametrize(
    ("auth", "keys"),
    [
        ('auth_mode = "certificate"\n', {"azure_client_id", "azure_tenant_id", "azure_client_certificate_path"}),
        ('auth_mode = "workload_identity"\n', {"azure_client_id", "azure_tenant_id", "azure_federated_token_file"}),
        (f'auth_mode = "certificate"\n{WHO}', {"azure_client_certificate_path"}),
        ('auth_mode = "managed_identity"\nazure_client_id = "my app"\n', {"azure_client_id"}),
        ('auth_mode = "managed-identity"\n', {"auth_mode"}),
        ('auth_mode = "login"\nazure_authority_host = "http://login.example"\n', {"azure_authority_host"}),
        ('auth_mode = "login"\nazure_authority_host = "login.example/tenant"\n', {"azure_authority_host"}),
        ('auth_mode = "login"\nazure_authority_host = "login.example:99999"\n', {"azure_authority_host"}),
    ],
)
def test_what_is_missing_or_wrong_is_a_fault_of_its_key(auth: str, keys: set[str]) -> None:
    config, faults = read(auth)
    assert config is None
    assert {fault.key.rpartition(".")[2] for fault in faults} == keys
    assert all(fault.remedy and fault.line for fault in faults)


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ('auth_mode = "login"\nazure_client_certificate_path = "c.pem"\n', 'set auth_mode = "certificate"'),
        ('auth_mode = "managed_identity"\nazure_federated_token_file = "t"\n', 'set auth_mode = "workload_identity"'),
        (
            'auth_mode = "managed_identity"\nazure_account_key = "a2V5"\n',
            "With “managed_identity” the SAS token or key in the file is not used",
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(auth: str, words: str) -> None:
    config, faults = read(auth)
    assert config is not None, faults
    assert any(words in warning for warning in config.warnings), config.warnings


@pytest.mark.parametrize(("auth", "identity", "mode"), CASES)
def test_each_identity_is_named_where_credentials_are(auth: str, identity: Identity, mode: AuthMode, tmp_path: Path) -> None:
    """The window's status, the list of credentials, and what to do when the service refuses it during an upload."""
    config, _ = read(auth)
    assert config is not None
    told = facts.credential(config)
    assert told.text in ("Certificate sign-in", "Token file sign-in", "Managed identity")
    remedy = where_kept(config.central.credentials, config)
    file = getattr(identity, "file", "")
    assert (file in told.detail, file in remedy) == (True, True)
    assert "az login" not in f"{told.detail} {remedy}"
    path = tmp_path / "config.toml"
    path.write_text(
        f'[journal.source]\npath = "az://box/j.db"\n[journal.source.auth]\n{NAME}{auth}[central_path]\npath = "az://box/"\n'
        f'[central_path.auth]\n{NAME}{auth}[site_path.default]\npath = "site"\n',
        "utf-8",
    )
    origins = {holder.origin for holder in place_tokens(ConfigDocument.open(path), environ={}, kept=lambda _: "")}
    assert len(origins) == 1
    assert "Microsoft account" not in origins.pop()


def test_a_sign_in_service_that_is_not_microsofts_own_has_to_be_confirmed() -> None:
    def asked(authority: str) -> list[str]:
        config, faults = read(f'auth_mode = "login"\nazure_authority_host = "{authority}"\n')
        assert config is not None, faults
        return unconfirmed([config.central])

    assert asked("login.microsoftonline.us") == asked("127.0.0.1:4433") == []
    assert asked("login.example:8443") == ["login.example"]
    confirm("login.example")
    assert asked("login.example:8443") == []
