"""Both layouts of config.toml into one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chorus_gui.core.config.credentials import NO_GOOGLE_KEYS, Account, AwsKeys, GoogleKeys, MicrosoftLogin, Sas, Secret
from chorus_gui.core.config.load import load, loads
from chorus_gui.core.config.model import Config, GcsSettings, Layout, PlaceKind, UploadMethod
from chorus_gui.core.errors import ConfigError, PatternError
from chorus_gui.core.model import Mode

DATA = Path(__file__).parent.parent / "data" / "configs"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
SECRETS = ("FLATJOURNALSIGNATURE", "FLATCENTRALSIGNATURE", "BETWEENSIGNATURE", "AWSSECRETVALUE")


def read(name: str, environ: Mapping[str, str] | None = None) -> Config:
    return load(DATA / name, environ=environ or {}, now=NOW)


def parse(text: str, tmp_path: Path, environ: Mapping[str, str] | None = None, *, local_journal: Path | None = None) -> Config:
    return loads(text, tmp_path / "config.toml", environ=environ or {}, now=NOW, local_journal=local_journal)


FOLDERS = """
[central_path]
path = "store"
[site_path.default]
path = "site"
"""

NESTED = """
[journal]
journaling_mode = "append"
[journal.source]
path = "az://stmary/journal.db"
[journal.source.auth]
azure_account_name = "account"
[central_path]
path = "store"
[site_path.default]
path = "site"
"""


def test_nested() -> None:
    config = read("nested_2026.toml")
    assert config.layout is Layout.NESTED
    assert config.modalities == ("OMOP", "Images", "Waveforms", "Metadata")
    assert (config.mode, config.page_size, config.threads, config.upload_method) == (Mode.FULL, 500, 4, UploadMethod.BUILTIN)
    assert config.journal.local == DATA / "journal.db"
    cloud = config.journal.cloud
    assert cloud is not None
    assert (cloud.kind, cloud.container, cloud.prefix, cloud.text) == (PlaceKind.AZURE, "stmary", "journal.db", "az://stmary/journal.db")
    assert cloud.credentials == MicrosoftLogin()
    assert cloud.account == Account("mghb2ailanding", "https://upload.chorus4ai.org")
    assert (config.central.container, config.central.prefix) == ("stmary", "")
    assert {m: s.place.folder for m, s in config.sites.items()} == {
        "OMOP": DATA.joinpath("/data/omop"),
        "Images": DATA.joinpath("/data/site"),
        "Waveforms": DATA.joinpath("/data/site"),
        "Metadata": DATA.joinpath("/data/site"),
    }
    assert config.sites["Images"].pattern.text == "{patient_id:w}/Images/{filepath}"
    assert all(site.mapped for site in config.sites.values())
    assert config.warnings == ("configuration.our_own_key (line 6): The key is unknown. It has no effect, and stays in the file.",)


def test_flat() -> None:
    config = read("flat_2024.toml")
    assert config.layout is Layout.FLAT
    assert config.modalities == ("OMOP", "Images", "Waveforms")
    assert (config.mode, config.page_size, config.threads, config.upload_method) == (Mode.FULL, 1000, 3, UploadMethod.AZCLI)
    assert config.journal.local == DATA / "work" / "journal.db"
    assert config.journal.cloud is not None
    journal, central = config.journal.cloud, config.central
    assert journal.account.url == "https://choruspilotstorage.blob.core.windows.net"
    assert isinstance(journal.credentials, Sas)
    assert journal.credentials.token.reveal().partition("sig=")[2].startswith("FLATJOURNALSIGNATURE")
    assert central.account == Account("choruspilotstorage", "https://choruspilotstorage.blob.core.windows.net")
    assert isinstance(central.credentials, Sas)
    assert central.credentials.token.reveal().startswith("sv=")
    assert config.central.prefix == "incoming"
    images = config.sites["Images"].place
    assert (images.kind, images.container, images.prefix) == (PlaceKind.S3, "bucket", "images")
    assert images.credentials == AwsKeys("AKIAEXAMPLE", Secret("AWSSECRETVALUE"))
    assert not any(site.mapped for site in config.sites.values())
    assert config.warnings == ()


def test_the_generation_between() -> None:
    config = read("flat_with_patterns.toml")
    assert config.layout is Layout.FLAT
    assert {m: s.mapped for m, s in config.sites.items()} == {"OMOP": True, "Images": True, "Waveforms": False, "Metadata": False}
    assert config.journal.cloud is not None
    assert isinstance(config.journal.cloud.credentials, Sas)
    assert config.central.credentials == MicrosoftLogin()
    assert config.store_path("OMOP", "2024_05/OMOP/person.csv", "2024_05") == "2024_05/OMOP/person.csv"
    assert config.store_path("Images", "Person7/images/a/b.dcm", "V") == "V/7/Images/a/b.dcm"
    assert config.store_path("Waveforms", "bad-id!/waveforms/x.dat", "V") == "V/bad-id!/waveforms/x.dat"


def test_every_text_of_a_config_is_free_of_secrets() -> None:
    for name in ("flat_2024.toml", "flat_with_patterns.toml"):
        config = read(name)
        for text in (str(config), repr(config), repr(dataclasses.asdict(config)), f"{config.journal}"):
            assert "••••" in text
            assert not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize(
    ("modality", "path", "nested", "flat"),
    [
        ("Waveforms", "1000002/waveforms/lower.dat", "V/1000002/Waveforms/lower.dat", "V/1000002/waveforms/lower.dat"),
        ("Images", "1000002/Images/é-ü-日本.dcm", "V/1000002/Images/é-ü-日本.dcm", "V/1000002/Images/é-ü-日本.dcm"),
        ("OMOP", "OMOP/vocab/concept.csv", "V/OMOP/vocab/concept.csv", "V/OMOP/vocab/concept.csv"),
        ("OMOP", "omop/person.csv", "V/OMOP/person.csv", "V/omop/person.csv"),
        ("Metadata", "Metadata/SUBMISSION.md", "V/Metadata/SUBMISSION.md", "V/Metadata/SUBMISSION.md"),
        ("Images", "0012/Images/a.dcm", "V/0012/Images/a.dcm", "V/0012/Images/a.dcm"),
    ],
)
def test_store_paths_of_the_two_layouts(tmp_path: Path, modality: str, path: str, nested: str, flat: str) -> None:
    text = '[configuration]\nsupported_modalities = "OMOP,Images,Waveforms,Metadata"\n' + FOLDERS
    a, b = parse(text + '[journal]\njournaling_mode = "append"\n', tmp_path), parse(text, tmp_path)
    assert (a.layout, b.layout) == (Layout.NESTED, Layout.FLAT)
    assert a.store_path(modality, path, "V") == nested
    assert b.store_path(modality, path, "V") == flat
    assert b.store_paths(modality, path, "V") == (flat,)
    assert a.store_paths(modality, path, "V") == ((nested,) if nested == flat else (nested, flat))


def test_store_paths_with_patients(tmp_path: Path) -> None:
    config = parse(
        NESTED + '[site_path.OMOP]\nomop_per_patient = true\n[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n', tmp_path
    )
    assert config.store_path("OMOP", "77/omop/person.csv", "V") == "V/77/OMOP/person.csv"
    assert config.store_path("Images", "0012/images/a.dcm", "V") == "V/12/Images/a.dcm"
    assert config.store_path("Waveforms", "0012/Waveforms/a.dat", "V") == "V/0012/Waveforms/a.dat"
    with pytest.raises(PatternError):
        config.store_path("Images", "bad-id!/Images/a.dcm", "V")
    assert config.store_paths("Images", "bad-id!/Images/a.dcm", "V") == ("V/bad-id!/Images/a.dcm",)
    with pytest.raises(PatternError, match="no site folder for Genomics"):
        config.store_path("Genomics", "a", "V")


def test_omop_per_patient_in_a_flat_file_is_mapped(tmp_path: Path) -> None:
    config = parse(FOLDERS + '[site_path.OMOP]\npath = "site"\nomop_per_patient = true\n', tmp_path)
    assert config.store_path("OMOP", "77/omop/person.csv", "V") == "V/77/OMOP/person.csv"


def test_metadata_only_where_listed_in_flat_and_always_in_nested(tmp_path: Path) -> None:
    assert parse(FOLDERS, tmp_path).modalities == ("OMOP", "Images", "Waveforms")
    assert parse(NESTED, tmp_path).modalities == ("OMOP", "Images", "Waveforms", "Metadata")
    listed = '[configuration]\nsupported_modalities = "Metadata, Waveforms"\n'
    assert parse(listed + FOLDERS, tmp_path).modalities == ("Waveforms", "Metadata")


def test_defaults(tmp_path: Path) -> None:
    config = parse(FOLDERS, tmp_path)
    assert (config.mode, config.page_size, config.threads, config.upload_method) == (Mode.APPEND, 1000, 8, UploadMethod.BUILTIN)
    assert config.file == tmp_path / "config.toml"
    assert (config.central.kind, config.central.folder, config.central.text) == (PlaceKind.FOLDER, tmp_path / "store", "store")
    assert config.journal.local == tmp_path / "journal.db"
    assert config.journal.cloud is None


def test_a_modalitys_table_replaces_or_is_merged(tmp_path: Path) -> None:
    sites = '[site_path.Images]\npath = "elsewhere"\n'
    default_auth = 'path = "az://data1/x"\n'
    flat = FOLDERS.replace('path = "site"\n', default_auth + 'azure_account_name = "account"\nazure_account_key = "a2V5"\n') + sites
    nested = NESTED.replace('path = "site"\n', default_auth + '[site_path.default.auth]\nazure_account_name = "account"\n') + sites
    for text in (flat, nested):
        config = parse(text, tmp_path)
        assert config.sites["Images"].place.folder == tmp_path / "elsewhere"
        assert config.sites["OMOP"].place.container == "data1"
    inherited = parse(nested.replace('path = "elsewhere"', 'path = "az://data2/y"'), tmp_path)
    assert inherited.sites["Images"].place.account.name == "account"
    own = nested.replace('path = "elsewhere"', 'path = "az://data2/y"') + '[site_path.Images.auth]\nazure_account_key = "a2V5"\n'
    with pytest.raises(ConfigError) as caught:
        parse(own, tmp_path)
    assert [fault.key for fault in caught.value.faults] == ["site_path.Images.auth.azure_account_name"]


def test_a_flat_modality_table_without_a_path_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(FOLDERS + "[site_path.Images]\nversioned = false\n", tmp_path)
    assert [fault.key for fault in caught.value.faults] == ["site_path.Images.path"]
    assert "nothing is taken from the default table" in str(caught.value)
    assert parse(NESTED + "[site_path.Images]\nversioned = false\n", tmp_path).sites["Images"].place.text == "site"


def test_journal_on_a_share(tmp_path: Path) -> None:
    config = parse(NESTED.replace("az://stmary/journal.db", "/share/stmary.db"), tmp_path)
    assert config.journal.local == tmp_path / "stmary.db"
    assert config.journal.cloud is not None
    assert (config.journal.cloud.kind, config.journal.cloud.folder) == (PlaceKind.FOLDER, tmp_path.joinpath("/share/stmary.db"))


def test_flat_journal_file_without_a_local_path_is_worked_on_itself(tmp_path: Path) -> None:
    config = parse(FOLDERS + '[journal]\npath = "/home/user/journal.db"\n', tmp_path)
    assert (config.journal.local, config.journal.cloud) == (tmp_path.joinpath("/home/user/journal.db"), None)
    config = parse(FOLDERS + '[journal]\npath = "/share/journal.db"\nlocal_path = "j.db"\n', tmp_path)
    assert config.journal.local == tmp_path / "j.db"
    assert config.journal.cloud is not None


def test_nested_source_that_is_the_local_file_lives_here_only(tmp_path: Path) -> None:
    config = parse(NESTED.replace("az://stmary/journal.db", "journal.db"), tmp_path)
    assert (config.journal.local, config.journal.cloud) == (tmp_path / "journal.db", None)


def test_local_journal_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(NESTED, tmp_path, local_journal=Path("other.db")).journal.local == tmp_path / "other.db"
    assert parse(NESTED, tmp_path, local_journal=tmp_path / "x" / "o.db").journal.local == tmp_path / "x" / "o.db"


def test_a_local_journal_only_in_the_working_directory_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "config.toml").write_text(NESTED)
    (here / "journal.db").write_bytes(b"x")
    monkeypatch.chdir(here)
    with pytest.raises(ConfigError) as caught:
        load(Path("../there/config.toml"), environ={})
    assert [fault.key for fault in caught.value.faults] == ["journal.local.path"]
    assert "--local-journal journal.db" in str(caught.value)
    assert load(there / "config.toml", environ={}, local_journal=Path("journal.db")).journal.local == here / "journal.db"
    (there / "journal.db").write_bytes(b"y")
    assert load(there / "config.toml", environ={}).journal.local == there / "journal.db"


def test_a_google_bucket_as_site(tmp_path: Path) -> None:
    place = parse(FOLDERS.replace('"site"', '"gs://bucket/a/b/"'), tmp_path).sites["OMOP"].place
    assert (place.kind, place.container, place.prefix) == (PlaceKind.GCS, "bucket", "a/b")
    assert place.credentials == NO_GOOGLE_KEYS


GOOGLE = """\
google_credentials_file = "keys/account.json"
google_user_project = "payer-123"
google_endpoint_url = "https://storage.example.org/"
google_ca_bundle = "ca.pem"
"""


@pytest.mark.parametrize("auth", ["", "[site_path.default.auth]\n"])
def test_how_a_google_bucket_is_reached(tmp_path: Path, auth: str) -> None:
    """In both layouts; files are relative to the configuration's folder."""
    text = FOLDERS.replace('"site"', '"gs://bucket"').rstrip() + f"\n{auth}{GOOGLE}"
    place = parse(text, tmp_path).sites["OMOP"].place
    assert place.credentials == GoogleKeys(str(tmp_path / "keys" / "account.json"))
    assert (place.account.url, place.gcs) == ("https://storage.example.org", GcsSettings("payer-123", str(tmp_path / "ca.pem")))


def test_which_google_credentials_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)

    def found(keys: str, **environ: str) -> GoogleKeys:
        given = (
            parse(FOLDERS.replace('"site"', '"gs://bucket"').rstrip() + f"\n{keys}\n", tmp_path, environ).sites["OMOP"].place.credentials
        )
        assert isinstance(given, GoogleKeys)
        return given

    file = str(tmp_path / "env.json")
    hmac = 'google_hmac_access_id = "GOOG1E"\ngoogle_hmac_secret = "s"'
    assert found("", GOOGLE_APPLICATION_CREDENTIALS=file) == GoogleKeys(file)
    assert found("", GOOGLE_APPLICATION_CREDENTIALS="env.json") == GoogleKeys(str(current / "env.json"))  # as for Google's own tools
    assert found('google_application_credentials = "a.json"', GOOGLE_APPLICATION_CREDENTIALS=file) == GoogleKeys(str(tmp_path / "a.json"))
    assert found(hmac, GOOGLE_APPLICATION_CREDENTIALS=file) == GoogleKeys(hmac_id="GOOG1E", hmac_secret=Secret("s"))
    assert found("google_use_attached_account = true", GOOGLE_APPLICATION_CREDENTIALS=file) == GoogleKeys(attached=True)
    assert found("", GOOGLE_HMAC_ACCESS_ID="GOOG1E", GOOGLE_HMAC_SECRET="s") == GoogleKeys(hmac_id="GOOG1E", hmac_secret=Secret("s"))
    assert "s3cret" not in repr(GoogleKeys(hmac_id="GOOG1E", hmac_secret=Secret("s3cret")).masked())


def test_a_byte_order_mark_and_crlf_are_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf" + NESTED.replace("\n", "\r\n").encode())
    assert load(file, environ={}).layout is Layout.NESTED


@pytest.mark.parametrize(
    "extra",
    [
        '[journal.local]\npath = "j.db"\n',
        '[journal]\njournaling_mode = "full"\n',
        '[site_path.OMOP.auth]\nazure_account_name = "account"\n',
    ],
)
def test_what_makes_a_file_nested(tmp_path: Path, extra: str) -> None:
    assert parse(FOLDERS + extra, tmp_path).layout is Layout.NESTED
