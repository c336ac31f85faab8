"""Which kind a place is, and what each way of signing in needs: as the configuration decides it, so that a form shows what will be used."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from chorus_gui.app.draft import Draft
from chorus_gui.app.place_choice import address, choice, own_keys, site_values, with_form, with_site_place, with_way, without
from chorus_gui.app.place_kinds import AZURE, FOLDER, FORMS, GCS, S3, form_of, kind_of, way_of, words_of
from chorus_gui.core.config.credentials import (
    AccountKey,
    AuthMode,
    AwsKeys,
    Certificate,
    ConnectionString,
    GoogleKeys,
    ManagedIdentity,
    MicrosoftLogin,
    NoCredentials,
    Sas,
    WorkloadIdentity,
)
from chorus_gui.core.config.hosts import BUCKET_HOSTS, URL_KEYS
from chorus_gui.core.config.keys import CREDENTIALS, DEFAULT, KEYS
from chorus_gui.core.config.load import Checked, check
from chorus_gui.core.config.model import Layout, PlaceKind
from chorus_gui.core.config.place_keys import SCHEMES
from chorus_gui.core.scripts.access import ROUTES

SAS = "sv=2022-11-02&se=2099-12-04T13:00:00Z&sr=c&sp=rl&sig=TOPSECRET%3D"
HEADS = {
    Layout.NESTED: ('[central_path]\npath = "/central"\n[journal.source]\npath = "journal.db"\n', "[site_path.default.auth]\n"),
    Layout.FLAT: ('[central_path]\npath = "/central"\n[journal]\npath = "journal.db"\n', ""),
}
VALUES = {
    "auth_mode": '"login"',
    "azure_sas_token": f'"{SAS}"',
    "azure_account_key": '"a2V5"',
    "azure_connection_string": '"AccountName=acct;AccountKey=a2V5"',
    "aws_access_key_id": '"AKIAEXAMPLE"',
    "aws_secret_access_key": '"wJalrXUtnFEMI"',
    "aws_session_token": '"FwoGZXIvYXdz"',
    "aws_profile": '"site"',
    "aws_use_role": "true",
    "google_credentials_file": '"site.json"',
    "google_hmac_access_id": '"GOOGEXAMPLE"',
    "google_hmac_secret": '"bGoa+V7g/yqDXvKR"',
    "google_use_attached_account": "true",
}


def text_of(layout: Layout, path: str, names: tuple[str, ...], auth_mode: str = "login") -> str:
    head, auth = HEADS[layout]
    lines = [f"{name} = {VALUES[name]}" for name in names]
    text = f'{head}[site_path.default]\npath = "{path}"\n{auth}' + "\n".join(lines) + "\n"
    return text.replace('auth_mode = "login"', f'auth_mode = "{auth_mode}"')


def checked(text: str) -> tuple[Checked, Draft]:
    file = Path("/nowhere/config.toml").absolute()
    return check(text, file, environ={}, kept=lambda _: ""), Draft(file, text)


def test_every_credential_key_belongs_to_one_kind_of_place() -> None:
    owners = {name: [form.title for form in FORMS if name in form.keys] for name in CREDENTIALS}
    assert {name: titles for name, titles in owners.items() if len(titles) != 1} == {}
    for form in FORMS:
        for way in form.ways:
            assert set(way.required) <= set(way.keys) <= set(form.keys)
            assert set(way.writes) <= set(form.keys)
            assert way.about.endswith(".")
            assert all(words_of(way, key).endswith(".") for key in (*form.always, *way.keys)), (
                "each field is explained in a line of its own"
            )
        shown = {*form.always, *form.further, *(name for way in form.ways for name in (*way.keys, *way.writes))}
        assert shown == set(form.keys), "each key of a kind has its place in the form"
        assert all(f"site.{name}" in KEYS for name in form.keys)


def test_every_kind_of_place_is_known_everywhere() -> None:
    kinds = set(PlaceKind)
    clouds = kinds - {PlaceKind.FOLDER}
    tables = {
        "SCHEMES in core/config/place_keys.py: how its addresses begin": clouds - set(SCHEMES.values()),
        "FORMS in app/place_kinds.py: what a form asks about it": kinds - {form.kind for form in FORMS},
        "URL_KEYS in core/config/hosts.py: the key that names its server": clouds - URL_KEYS.keys(),
        "BUCKET_HOSTS in core/config/hosts.py: its usual server": clouds - {PlaceKind.AZURE} - BUCKET_HOSTS.keys(),
        "ROUTES in core/scripts/access.py: what AzCopy calls the way from it": kinds - ROUTES.keys(),
    }
    assert {table: missing for table, missing in tables.items() if missing} == {}, "add each kind to these tables"
    assert {form.scheme: form.kind for form in FORMS if form.scheme} == SCHEMES, "a form and the configuration name different beginnings"


@pytest.mark.parametrize("path", ["/site", "site", "D:/site", "//server/share", "az://box/in", "s3://box/in", "gs://box/in", "s3://"])
def test_a_path_is_of_the_kind_that_the_configuration_takes_it_for(path: str) -> None:
    found, _ = checked(text_of(Layout.NESTED, path, ()))
    site = found.sites.get("OMOP")
    if site is not None:
        assert kind_of(path) is site.place.kind
    assert form_of(kind_of(path) or PlaceKind.FOLDER).start == ("" if "://" not in path else path[:5])


def test_an_address_of_no_kind_is_none() -> None:
    assert kind_of("ftp://x/y") is None
    assert kind_of(None) is PlaceKind.FOLDER
    assert kind_of(3) is None


AZURE_NAMES = ("auth_mode", "azure_sas_token", "azure_account_key", "azure_connection_string")
AWS_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_profile", "aws_use_role")


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [tuple(found) for count in range(len(names) + 1) for found in itertools.combinations(names, count)]


@pytest.mark.parametrize("files", [True, False], ids=["files", ""])
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("mode", ["login", "sas", "sas_token", "key", "certificate", "managed_identity", "workload_identity"])
@pytest.mark.parametrize("names", subsets(AZURE_NAMES), ids="+".join)
def test_the_way_into_azure_is_the_one_that_is_used(layout: Layout, mode: str, names: tuple[str, ...], files: bool) -> None:
    identity = 'azure_tenant_id = "example.org"\nazure_client_id = "11111111-2222-3333-4444-555555555555"\n'
    identity += 'azure_client_certificate_path = "site.pem"\nazure_federated_token_file = "token"\n'
    text = (
        text_of(layout, "az://box/in", (*names,), mode)
        + 'azure_account_name = "acct"\n'
        + (identity if files or "auth_mode" in names else "")
    )
    found, draft = checked(text)
    way = choice(draft, DEFAULT).way
    credentials = found.sites["OMOP"].place.credentials
    kinds = {MicrosoftLogin: "login", Sas: "sas", AccountKey: "key", ConnectionString: "connection_string"}
    if isinstance(credentials, NoCredentials):
        asked = "auth_mode" in names and mode != "login"
        named = "" if not asked else "key" if mode == "key" else "sas"
        assert (way.name if way else "") == named, "nothing is there, and the file says what it must be, or not"
        assert credentials.mode is (AuthMode.KEY if named == "key" else AuthMode.SAS)
    else:
        assert way is not None
        identity_of = {
            type(None): "login",
            Certificate: "certificate",
            ManagedIdentity: "managed_identity",
            WorkloadIdentity: "workload_identity",
        }
        named = identity_of[type(credentials.identity)] if isinstance(credentials, MicrosoftLogin) else kinds[type(credentials)]
        assert named == way.name


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("names", subsets(AWS_NAMES), ids="+".join)
def test_the_way_into_s3_is_the_one_that_is_used(layout: Layout, names: tuple[str, ...]) -> None:
    found, draft = checked(text_of(layout, "s3://box/in", names))
    way = choice(draft, DEFAULT).way
    assert way is not None
    keys = found.sites["OMOP"].place.credentials
    assert isinstance(keys, AwsKeys)
    if keys.key_id and keys.secret:
        assert way.name == ("temporary" if keys.session else "keys")
    elif any("aws_" in fault.key for fault in found.faults):
        assert way.name in ("keys", "temporary"), "the fault is at a field of this way"
    else:
        assert way.name == ("role" if keys.roles else "profile" if keys.profile else "tools")


GOOGLE_NAMES = ("google_credentials_file", "google_hmac_access_id", "google_hmac_secret", "google_use_attached_account")


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("names", subsets(GOOGLE_NAMES), ids="+".join)
def test_the_way_into_google_cloud_is_the_one_that_is_used(layout: Layout, names: tuple[str, ...]) -> None:
    found, draft = checked(text_of(layout, "gs://box/in", names))
    way = choice(draft, DEFAULT).way
    keys = found.sites["OMOP"].place.credentials
    assert isinstance(keys, GoogleKeys)
    assert way is not None
    if any("google_hmac" in fault.key for fault in found.faults):
        assert way == GCS.way("hmac"), "the fault is at a field of this way"
    else:
        assert way.name == ("hmac" if keys.hmac_id else "attached" if keys.attached and not keys.file else "file")


@pytest.mark.parametrize("layout", Layout)
def test_another_kind_keeps_the_old_keys_until_they_are_removed(layout: Layout) -> None:
    text = text_of(layout, "az://box/in", ("auth_mode", "azure_sas_token"), "sas").replace(
        "[site_path.default]", "# ours\n[site_path.default]\nunknown = 3 # what is this"
    )
    _, draft = checked(text)
    assert choice(draft, DEFAULT).unused == ()
    in_s3 = with_form(draft, DEFAULT, S3, "bucket/x")
    found = choice(in_s3, DEFAULT)
    assert (found.form, found.path) == (S3, "s3://bucket/x")
    assert set(found.unused) == {"auth_mode", "azure_sas_token"}
    assert SAS in in_s3.text, "the person sees it before it goes"
    without_them = without(in_s3, DEFAULT, found.unused)
    assert SAS not in without_them.text
    assert "# ours" in without_them.text
    assert "unknown = 3 # what is this" in without_them.text
    assert choice(without_them, DEFAULT).unused == ()
    back = with_form(in_s3, DEFAULT, AZURE, "box/in")
    assert check(back.text, back.file, environ={}).sites["OMOP"].place == check(draft.text, draft.file, environ={}).sites["OMOP"].place


@pytest.mark.parametrize("layout", Layout)
def test_a_modality_in_another_kind_of_place_takes_no_credentials_along(layout: Layout) -> None:
    _, draft = checked(text_of(layout, "az://box/in", ("auth_mode", "azure_sas_token")))
    assert choice(draft, "Images").shared
    in_s3 = with_form(draft, "Images", S3, "bucket/x")
    found = choice(in_s3, "Images")
    assert not found.shared
    assert own_keys(in_s3, "Images") == ()
    assert found.unused == ()
    assert not choice(in_s3, "Waveforms").shared or choice(in_s3, "Waveforms").path == "az://box/in"
    keyed = with_way(in_s3, "Images", S3, S3.way("role"))
    assert choice(keyed, "Images").way == S3.way("role")
    assert choice(with_way(keyed, "Images", S3, S3.way("keys")), "Images").way == S3.way("tools"), "nothing is entered yet"
    shared = with_site_place(keyed, "Images")
    assert choice(shared, "Images").shared
    site = check(shared.text, shared.file, environ={}).sites
    assert site["Images"].place.text == "az://box/in"
    if layout is Layout.FLAT:
        assert site["Images"].place == site["OMOP"].place


@pytest.mark.parametrize("layout", Layout)
def test_the_first_own_credential_of_a_modality_keeps_what_it_had(layout: Layout) -> None:
    """In both layouts its own table hides the default's; so what goes with the credential must not be lost."""
    text = text_of(layout, "az://box/in", ("auth_mode",)) + 'azure_account_name = "acct"\n'
    _, draft = checked(text)
    own = with_form(draft, "Images", AZURE, "other/in").with_value(("site.azure_tenant_id", "Images"), "example.org")
    site = check(own.text, own.file, environ={}).sites["Images"]
    assert site.place.account.name == "acct"
    assert site.place.credentials == MicrosoftLogin("example.org")


@pytest.mark.parametrize(
    ("form", "typed", "path", "also"),
    [
        (FOLDER, ' "D:\\site" ', "D:\\site", {}),
        (S3, "bucket/a b", "s3://bucket/a b", {}),
        (S3, "s3://bucket/a", "s3://bucket/a", {}),
        (S3, "az://box/a", "az://box/a", {}),
        (S3, "arn:aws:s3:::bucket/a", "s3://bucket/a", {}),
        (S3, "https://bucket.s3.eu-west-1.amazonaws.com/a/b/", "s3://bucket/a/b", {"aws_region": "eu-west-1"}),
        (S3, "https://bucket.s3.amazonaws.com/a?X-Amz-Signature=SECRET", "s3://bucket/a", {}),
        (S3, "https://s3.us-east-2.amazonaws.com/bucket/a%20b", "s3://bucket/a b", {"aws_region": "us-east-2"}),
        (
            S3,
            "https://eu-west-1.console.aws.amazon.com/s3/buckets/bucket?region=eu-west-1&prefix=a/b/&showversions=false",
            "s3://bucket/a/b",
            {"aws_region": "eu-west-1"},
        ),
        (S3, "https://minio.example.org:9000/bucket/a", "s3://bucket/a", {"aws_endpoint_url": "https://minio.example.org:9000"}),
        (GCS, "bucket/a", "gs://bucket/a", {}),
        (GCS, "gs://bucket/a", "gs://bucket/a", {}),
        (GCS, "https://storage.googleapis.com/bucket/a%20b?X-Goog-Signature=SECRET", "gs://bucket/a b", {}),
        (GCS, "https://console.cloud.google.com/storage/browser/bucket/a/b;tab=objects?project=p", "gs://bucket/a/b", {}),
        (GCS, "https://gcs.example.org/bucket", "gs://bucket", {"google_endpoint_url": "https://gcs.example.org"}),
        (AZURE, "box/a", "az://box/a", {}),
        (AZURE, "https://acct.blob.core.windows.net/box/a", "az://box/a", {"azure_account_url": "https://acct.blob.core.windows.net"}),
        (
            AZURE,
            f"https://acct.blob.core.windows.net/box?{SAS}",
            "az://box",
            {"azure_account_url": "https://acct.blob.core.windows.net", "azure_sas_token": SAS, "auth_mode": "sas"},
        ),
    ],
)
def test_an_address_is_taken_as_it_is_copied(form: object, typed: str, path: str, also: dict[str, str]) -> None:
    assert isinstance(form, type(S3))
    assert address(form, typed) == (path, also)
    assert "SECRET" not in path


def test_the_values_of_the_places_can_be_carried_to_another_text() -> None:
    _, draft = checked(text_of(Layout.NESTED, "s3://box/in", ("aws_profile",)))
    assert site_values(draft) == ((("site.path", DEFAULT), "s3://box/in"), (("site.aws_profile", DEFAULT), "site"))


def test_a_flag_that_is_off_is_not_a_way() -> None:
    assert way_of(S3, {"aws_use_role": False}, Layout.NESTED) == S3.way("tools")
