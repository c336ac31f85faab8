"""Credentials: where they come from, which one is used, and what a SAS says about itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chorus_gui.app.credentials import sas_facts
from chorus_gui.core.config.addresses import account_url_problem
from chorus_gui.core.config.credentials import (
    Account,
    AccountKey,
    AuthMode,
    ConnectionString,
    Credentials,
    MicrosoftLogin,
    Origin,
    Sas,
    Secret,
)
from chorus_gui.core.config.load import loads
from chorus_gui.core.config.model import Config
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE, SasInfo, clean_sas, time_left
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.model import Grade

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
SIGNED = "&sig=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY%3D"
SAS = "sv=2022-11-02&sp=racwdl&sr=c&se=2030-01-01T00:00:00Z&sig=SECRETSIGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"
CONNECTION = "DefaultEndpointsProtocol=https;AccountName=connected;AccountKey=a2V5PT0=;EndpointSuffix=core.windows.net"


def config(auth: str, environ: Mapping[str, str] | None = None, *, flat: bool = False) -> Config:
    table = "central_path" if flat else "central_path.auth"
    head = '[site_path.default]\npath = "s"\n[journal]\n' + ('path = "j.db"\n' if flat else '[journal.source]\npath = "j.db"\n')
    path = '[central_path]\npath = "az://stmary/"\n'
    text = head + path + (auth if flat else f"[{table}]\n{auth}\n")
    folder = Path("/chorus").absolute()
    return loads(text, folder / "c.toml", environ=environ or {}, now=NOW)


def found(auth: str, environ: Mapping[str, str] | None = None, *, flat: bool = False) -> tuple[Account, Credentials]:
    """The account and the credentials that a table leads to."""
    central = config(auth, environ, flat=flat).central
    return central.account, central.credentials


NAME = 'azure_account_name = "account"\n'
URL = "https://account.blob.core.windows.net"
ACCOUNT = Account("account", URL)
CUSTOM = Account("account", "https://up.example")
CONNECTED = Account("connected", "https://connected.blob.core.windows.net")


def test_login_is_what_nested_means_without_a_credential() -> None:
    for auth in (NAME, NAME + 'auth_mode = "login"\n', f'azure_account_url = "{URL}/"'):
        assert found(auth) == (ACCOUNT, MicrosoftLogin())


def test_a_credential_without_a_mode_is_used() -> None:
    assert found(NAME + f'azure_sas_token = "{SAS}"') == (ACCOUNT, Sas(SAS))
    assert found(NAME + 'azure_account_key = "a2V5"') == (ACCOUNT, AccountKey("a2V5"))


@pytest.mark.parametrize("mode", ["sas", "sas_token"])
@pytest.mark.parametrize("token", [SAS, "?" + SAS, f"https://account.blob.core.windows.net/stmary?{SAS}", f" {SAS} "])
def test_sas_in_every_form_that_people_paste(mode: str, token: str) -> None:
    account, credentials = found(NAME + f'auth_mode = "{mode}"\nazure_sas_token = "{token}"')
    assert (account, credentials) == (ACCOUNT, Sas(SAS))
    assert credentials.sas
    assert credentials.sas.token == Secret(SAS)


@pytest.mark.parametrize("flat", [True, False])
def test_a_sas_in_the_account_url_is_taken_out_of_it(flat: bool) -> None:
    way_in = found(f'azure_account_url = "{URL}/?{SAS}"\n', flat=flat)
    assert way_in == (ACCOUNT, Sas(SAS))
    assert "SECRETSIG" not in repr(way_in)


def test_a_login_does_not_use_a_token_and_says_so() -> None:
    loaded = config(NAME + f'auth_mode = "login"\nazure_sas_token = "{SAS}"')
    assert (loaded.central.account, loaded.central.credentials) == (ACCOUNT, MicrosoftLogin())
    assert len(loaded.warnings) == 1
    assert "is not used" in loaded.warnings[0]


@pytest.mark.parametrize("key", ["azure_connection_string", "azure_storage_connection_string"])
def test_connection_string(key: str) -> None:
    account, credentials = found(f'{key} = "{CONNECTION}"')
    assert (account, credentials) == (CONNECTED, ConnectionString(AccountKey("a2V5PT0=")))
    assert (credentials.mode, credentials.sas) == (AuthMode.CONNECTION_STRING, None)


def test_connection_string_with_a_sas_and_of_the_emulator() -> None:
    string = f'azure_connection_string = "BlobEndpoint=https://up.example/;SharedAccessSignature={SAS}"'
    assert found(f'auth_mode = "sas"\n{string}') == (Account("", "https://up.example"), ConnectionString(Sas(SAS)))
    account, credentials = found('azure_connection_string = "UseDevelopmentStorage=true"')
    assert account == Account("devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1")
    assert credentials.key, "the emulator's own, which is public"


def test_environment_is_the_fallback() -> None:
    assert found("", {"AZURE_ACCOUNT_NAME": "account", "AZURE_SAS_TOKEN": SAS}) == (ACCOUNT, Sas(SAS, Origin.ENVIRONMENT))
    account, credentials = found("", {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION}, flat=True)
    assert (account, credentials.mode) == (CONNECTED, AuthMode.CONNECTION_STRING)
    environ = {"AZURE_ACCOUNT_URL": "https://up.example", "AZURE_ACCOUNT_NAME": "account"}
    assert found('auth_mode = "login"', environ) == (CUSTOM, MicrosoftLogin())


def test_the_file_wins_over_the_environment() -> None:
    other = {"AZURE_ACCOUNT_URL": "https://other.example", "AZURE_SAS_TOKEN": SAS, "AZURE_STORAGE_CONNECTION_STRING": CONNECTION}
    assert found(NAME + 'azure_account_key = "a2V5"', other) == (ACCOUNT, AccountKey("a2V5"))


def test_a_connection_string_of_the_environment_never_leads_to_another_account() -> None:
    assert found(NAME, {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION}) == (ACCOUNT, MicrosoftLogin())
    _, credentials = found(NAME.replace('account"', 'connected"'), {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION})
    assert credentials.mode is AuthMode.CONNECTION_STRING


@pytest.mark.parametrize("url", ["http://127.0.0.1:10000/devstoreaccount1", "http://localhost:10000/a", "http://[::1]:10000/a", URL])
def test_account_urls_that_are_fine(url: str) -> None:
    assert account_url_problem(url) == ""


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://localhost.example", "ftp://x", "x", "", "https://", "http://[::1"])
def test_account_urls_that_are_not(url: str) -> None:
    assert account_url_problem(url)


@pytest.mark.parametrize("text", ["", "sastoken", "sp=r", "sig=", "https://account.blob.core.windows.net/x"])
def test_what_is_no_sas(text: str) -> None:
    assert clean_sas(text) == ""


def test_sas_fields() -> None:
    info = SasInfo.parse("?sv=2022&st=2026-01-01&se=2026-02-04T15%3A30%3A00Z&sp=rl&sr=c&sip=10.0.0.1-10.0.0.9&spr=https" + SIGNED)
    assert info.expires == datetime(2026, 2, 4, 15, 30, tzinfo=UTC)
    assert info.starts == datetime(2026, 1, 1, tzinfo=UTC)
    assert (info.permissions, info.resource, info.addresses, info.policy) == ("rl", "c", "10.0.0.1-10.0.0.9", False)
    assert info.missing(NEEDS_JOURNAL) == ("create", "write", "delete")
    assert info.missing(NEEDS_STORE) == ("create", "write")
    assert info.missing(NEEDS_SOURCE) == ()
    assert info.sentences(NOW, NEEDS_JOURNAL) == (
        "The SAS token expires in 3 days, on 2026-02-04 15:30 UTC.",
        "The SAS token does not allow creating, writing or deleting.",
        "The SAS token works only from the network address 10.0.0.1-10.0.0.9.",
    )
    assert "SECRETSIG" not in repr(info)


def test_write_includes_create_but_create_is_not_write() -> None:
    assert SasInfo.parse("sp=rwl&sig=x").missing(NEEDS_STORE) == ()
    assert SasInfo.parse("sp=rcl&sig=x").missing(NEEDS_STORE) == ("write",)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("se=2026-02-01T11:59:59Z&sp=rwdl", "The SAS token expired on 2026-02-01 11:59 UTC."),
        ("se=2026-02-01T12:30:00Z&sp=rwdl", "expires in 30 minutes"),
        ("se=2026-02-01T15:00:00Z&sp=rwdl", "expires in 3 hours"),
        ("se=2026-02-02T13:00:00Z&sp=rwdl", "expires in 25 hours,"),
        ("se=2030-01-01&ske=2026-02-03T12:00:00Z&sp=rwdl", "expires in 48 hours"),
        ("se=2030-01-01&st=2026-03-01&sp=rwdl", "not valid before 2026-03-01 00:00 UTC"),
        ("sp=rwdl", "does not say when it expires"),
        ("se=soon&sp=rwdl", "does not say when it expires"),
        ("se=2030-01-01&sp=rwdl&sr=b", "single file"),
        ("se=2030-01-01&sp=rwdl&ss=f&srt=sco", "not for Blob storage"),
        ("se=2030-01-01&sp=rwdl&ss=b&srt=o", "does not cover listing a container"),
        ("se=2030-01-01&sp=rwdl&ss=b&srt=c", "does not cover files"),
        ("se=2030-01-01&sp=rwd", "does not allow listing."),
    ],
)
def test_sas_sentences(token: str, words: str) -> None:
    found = SasInfo.parse(token + SIGNED).sentences(NOW, NEEDS_JOURNAL)
    assert len(found) == 1, found
    assert words in found[0]


def test_a_good_sas_and_one_with_a_stored_policy_need_no_words() -> None:
    assert SasInfo.parse(SAS).sentences(NOW, NEEDS_JOURNAL) == ()
    assert SasInfo.parse("si=sites&sr=c" + SIGNED).sentences(NOW, NEEDS_JOURNAL) == ()


def test_an_expired_sas_is_a_warning() -> None:
    found = config(NAME + 'azure_sas_token = "se=2025-01-01&sp=rcwl&sig=SECRETSIGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"')
    assert found.warnings == ("central_path.auth.azure_sas_token (line 10): The SAS token expired on 2025-01-01 00:00 UTC.",)


def test_a_secret_stays_closed() -> None:
    secret = Secret("SECRETSIG")
    assert f"{secret} {secret!r} {[secret]} %s" % secret == "•••• Secret(••••) [Secret(••••)] ••••"
    assert (secret == Secret("SECRETSIG"), secret == Secret("x"), secret == "SECRETSIG") == (True, False, False)
    assert hash(secret) == hash(Secret("SECRETSIG"))
    assert (bool(secret), bool(Secret(""))) == (True, False)
    assert copy.deepcopy(secret) == pickle.loads(pickle.dumps(secret)) == secret


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=72), "3 days"),
        (timedelta(days=9, hours=23), "9 days"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=59), "less than a minute"),
    ],
)
def test_the_time_that_is_left(left: timedelta, words: str) -> None:
    assert time_left(left) == words


def test_the_time_that_is_left_is_never_more_and_not_much_less_than_there_is() -> None:
    units = {"minute": 60, "hour": 3600, "day": 86400}
    for seconds in range(60, 40 * 86400, 59):
        count, unit = time_left(timedelta(seconds=seconds)).split()
        said = int(count) * units[unit.removesuffix("s")]
        assert said <= seconds
        assert seconds < 1.5 * said or seconds < 120


WHOLE = "sv=2022-11-02&sp=racwdl&sr=c&se=2030-01-01T00:00:00Z&sig=ab%2Bcd%2Fef" + "A" * 35 + "%3D"
DAMAGED = {
    "cut off": WHOLE[:-10],
    "cut off in an escape": WHOLE[:-1],
    "only the last sign is missing": WHOLE[:-3],
    "doubled by a batch file": WHOLE.replace("%", "%%"),
    "encoded twice": WHOLE.replace("%", "%25"),
    "quotes of set X=": f'"{WHOLE}"',
    "a typographic quote": f"{WHOLE}\u201d",
    "zero-width space": WHOLE.replace("&se", "\u200b&se"),
    "no-break space inside": WHOLE.replace("sp=", "sp=\u00a0"),
    "soft hyphen of a mail": WHOLE.replace("AAAA", "AA\u00adAA", 1),
    "HTML": WHOLE.replace("&", "&amp;"),
    "angle brackets of a chat": f"<{WHOLE}>",
    "a character too many": WHOLE.replace("%3D", "A%3D"),
    "a line break inside": WHOLE.replace("AAAA", "AA\nAA", 1),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_token_that_cannot_work_is_never_good(how: str) -> None:
    info = SasInfo.parse(DAMAGED[how])
    assert info.damage, "it says so"
    assert "Copy" in info.damage
    assert info.sentences(NOW, NEEDS_JOURNAL)[0] == info.damage
    facts = sas_facts(DAMAGED[how], NOW, NEEDS_JOURNAL)
    assert facts.grade is Grade.BAD
    assert WHOLE[-30:-10] not in " ".join((facts.headline, *facts.sentences)), "the signature is not repeated"


@pytest.mark.parametrize("text", [WHOLE, f"?{WHOLE}", WHOLE.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="), f" {WHOLE}\u00a0"])
def test_a_whole_token_is_not_damaged(text: str) -> None:
    assert not SasInfo.parse(clean_sas(text)).damage


@pytest.mark.parametrize("service", ["dfs", "file", "web", "queue", "table"])
@pytest.mark.parametrize("rest", ["core.windows.net", "core.usgovcloudapi.net"])
def test_the_address_of_another_service_is_refused(service: str, rest: str) -> None:
    assert f"“{service}”" in account_url_problem(f"https://account.{service}.{rest}")
    with pytest.raises(ConfigError, match=r"NAME\.blob\.core\.windows\.net"):
        config(f'azure_account_url = "https://account.{service}.{rest}"')


@pytest.mark.parametrize(
    ("token", "needs", "words"),
    [
        ("sp=rcwl&spr=https&sr=c", NEEDS_STORE, ""),
        ("sp=racwl&spr=https&sr=c", NEEDS_STORE, ""),  # writing includes appending
        ("sp=rcwdl&spr=https&sr=c", NEEDS_STORE, "It allows deleting."),
        ("sp=rcwdl&spr=https&sr=c", NEEDS_JOURNAL, ""),
        ("sp=rcwdl&spr=https&sr=c", NEEDS_SOURCE, "It allows creating, writing and deleting."),
        ("sp=rcwdxltfi&spr=https&sr=c", NEEDS_JOURNAL, "earlier states, changing tags, searching by tags and setting rules"),
        ("sp=rcwlmeop&spr=https&sr=c", NEEDS_STORE, "moving, running, changing owners and changing permissions"),
        ("sp=rcwly&spr=https&sr=c", NEEDS_STORE, "deleting for ever"),
        ("sp=rcwl&spr=https&ss=b&srt=co", NEEDS_STORE, "account SAS"),
        ("sp=rcwl&spr=https,http&sr=c", NEEDS_STORE, "without encryption"),
        ("sp=rcwl&sr=c", NEEDS_STORE, "without encryption"),
        ("si=policy&sr=c", NEEDS_STORE, ""),
        ("sp=rcwl&spr=https&sr=c&se=2099-01-01", NEEDS_STORE, "more than a year"),
    ],
)
def test_what_a_token_allows_beyond_the_need_is_named(token: str, needs: str, words: str) -> None:
    found = " ".join(SasInfo.parse(token + "&sig=x").beyond(needs, NOW))
    assert (words in found) if words else found == ""
