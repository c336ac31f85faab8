"""The doctor's checks of a source: out of reach, signed in, region, clock, list, read, archived files.  One rule for all services."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from azure_places import azure_place, key_place, service
from azure_server import Server, reply
from gcsserver import GcsServer, SignIn, gcs_place
from s3server import S3Server, s3_place
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.doctor import places
from chorus_gui.app.doctor.model import Case
from chorus_gui.core.config.credentials import AccountKey, AwsKeys, GoogleKeys, Secret
from chorus_gui.core.config.model import GcsSettings, Place, PlaceKind, S3Settings
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.gcs.probe import probe as probe_google
from chorus_gui.core.storage.gcs.wire import Bucket as GoogleBucket
from chorus_gui.core.storage.s3.wire import Bucket as S3Bucket


@dataclass(frozen=True)
class Cloud:
    """A place with three files of which two are ``archived``; the same one for a stranger, and at an address where nobody answers."""

    place: Place
    stranger: Place
    away: Place
    archived: str = "2 of 3 files below"


def azure(request: pytest.FixtureRequest, folder: Path) -> Cloud:
    azurite: Azurite = request.getfixturevalue("azurite")
    name = f"doctor-{uuid.uuid4().hex}"
    with service(azurite) as client:
        client.create_container(name)
        for number in range(3):
            blob = client.get_blob_client(name, f"in/{number}.csv")
            blob.upload_blob(b"x")
            if number:
                blob.set_standard_blob_tier("Archive")
    place = replace(key_place(azurite, name), text=f"az://{name}/in", prefix="in")
    stranger = replace(place, credentials=AccountKey(base64.b64encode(bytes(64)).decode()))
    away = replace(azure_place(azurite.account, f"http://127.0.0.1:9/{azurite.account}", AccountKey(azurite.key), name), prefix="in")
    return Cloud(place, stranger, away)


def s3(request: pytest.FixtureRequest, folder: Path) -> Cloud:
    server: S3Server = request.getfixturevalue("s3")
    bucket = server.bucket()
    for number in range(3):
        server.put(bucket, f"in/{number}.csv", b"x", StorageClass="DEEP_ARCHIVE" if number else "STANDARD")
    refusing = Server(reply(403, b"<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>", x_amz_request_id="r"))
    request.addfinalizer(refusing.close)
    return Cloud(s3_place(server.url, bucket, "in"), s3_place(refusing.url, bucket, "in"), s3_place("http://127.0.0.1:9", bucket, "in"))


def google(request: pytest.FixtureRequest, folder: Path) -> Cloud:
    server: GcsServer = request.getfixturevalue("gcs")
    bucket = server.bucket()
    for number in range(3):
        server.put(bucket, f"in/{number}.csv", b"x")
    place = server.place(bucket, "in")
    stranger = gcs_place(server.url, bucket, "in", keys=GoogleKeys(str(folder / "none.json")))
    return Cloud(place, stranger, gcs_place("http://127.0.0.1:9", bucket, "in", keys=server.keys), "")


CLOUDS = {PlaceKind.AZURE: azure, PlaceKind.S3: s3, PlaceKind.GCS: google}


@pytest.fixture(params=CLOUDS, ids=lambda kind: kind.value)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
    return CLOUDS[request.param](request, tmp_path)


def found(base: Path, place: Place) -> list[Finding]:
    world = World(base / "world")
    source = replace(world.config.sites["OMOP"], place=place)
    return list(places.check_sources(Case(world.file, replace(world.config, sites={"OMOP": source}))))


def test_every_kind_of_place_in_a_cloud_is_in_this_list() -> None:
    assert set(CLOUDS) == set(PlaceKind) - {PlaceKind.FOLDER}


def test_clock_listing_reading_and_archived_files_are_checked(cloud: Cloud, tmp_path: Path) -> None:
    findings = found(tmp_path, cloud.place)
    good = [one.what for one in findings if one.grade is Grade.GOOD]
    for words in ("This computer's clock agrees", "Listing", "Reading"):
        assert sum(one.startswith(words) for one in good) == 1, words
    rest = [one for one in findings if one.grade is not Grade.GOOD]
    assert [one.what.startswith(cloud.archived) and bool(one.why and one.remedy) for one in rest] == [True] * bool(cloud.archived)
    assert {one.subject for one in findings} == {"Site"}


@pytest.mark.parametrize("which", ["stranger", "away"])
def test_who_is_not_let_in_and_who_gets_no_answer_reads_why_and_what_to_do(cloud: Cloud, tmp_path: Path, which: str) -> None:
    findings = found(tmp_path, getattr(cloud, which))
    bad = [one for one in findings if one.grade is Grade.BAD]
    assert len(bad) == 1, "what would fail for the same reason is not tried"
    assert bad[0].why == places.WHY["Site"]
    assert bad[0].remedy
    assert not any(one.what.startswith(("Listing", "Reading")) for one in findings)


def test_a_clock_that_is_off_is_a_warning(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (AzureStore, S3Bucket, GoogleBucket):
        monkeypatch.setattr(kind, "clock_skew", lambda _: 3600.0)
    clock = [one for one in found(tmp_path, cloud.place) if "clock" in one.what]
    assert [(one.grade, bool(one.remedy)) for one in clock] == [(Grade.WARNING, True)]


# --- region and traffic ----------------------------------------------------------------------------------------------------


def layout(**more: object) -> bytes:
    return json.dumps({"kind": "storage#storageLayout", "bucket": "box", **more}).encode()


PAGE = reply(200, json.dumps({"kind": "storage#objects"}).encode(), Date="Wed, 01 Jan 2025 10:00:00 GMT")


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[GoogleKeys]:
    with closing(SignIn()) as made:
        yield GoogleKeys(str(made.account_file(tmp_path)))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, layout(location="EUROPE-WEST1"), " Its location is EUROPE-WEST1."),
        (200, layout(location="EU"), " Its location is EU."),
        (200, layout(location="<b>\x1b[0m"), ""),
        (200, layout(), ""),
        (200, b"<html>", ""),
        (403, b'{"error": {"code": 403, "message": "no"}}', ""),
        (404, b"", ""),
    ],
)
def test_google_is_asked_where_the_bucket_is_and_need_not_say(
    keys: GoogleKeys, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, said: str
) -> None:
    """The right to list is enough for this question."""
    with closing(Server(PAGE, PAGE, PAGE, PAGE, reply(status, body))) as server:
        place = gcs_place(server.url, "box", "site", keys=keys)
        assert "Its location" not in probe_google(place)[1].what, "another server is not asked"
        assert len(server.seen) == 2
        monkeypatch.setattr(GoogleBucket, "own_server", property(lambda _: True))
        assert probe_google(place)[1].what == f"Listing {place.text} works.{said}"
        question = server.seen[4][0]
    assert question.startswith("GET /storage/v1/b/box/storageLayout?prefix=site%2F")


def own(kind: PlaceKind, text: str) -> Place:
    """A place at the service's own server."""
    bucket = text.partition("://")[2]
    if kind is PlaceKind.S3:
        return s3_place("", bucket, keys=AwsKeys("AKIA", Secret("s")))
    return gcs_place("", bucket, keys=GoogleKeys("key.json"))


IN_AZURE = azure_place("acct", "https://acct.blob.core.windows.net", AccountKey("a" * 88), "central")
SAME = replace(IN_AZURE, text="az://site", container="site")
OTHER = azure_place("other", "https://other.blob.core.windows.net", AccountKey("a" * 88), "site")
BUCKET, GOOGLES = own(PlaceKind.S3, "s3://site"), own(PlaceKind.GCS, "gs://site")
ON_DISK = Place(PlaceKind.FOLDER, "/central", Path("/central"))


@pytest.mark.parametrize(
    ("site", "central", "what", "why"),
    [
        pytest.param(BUCKET, IN_AZURE, "leaves Amazon once", "the owner of the bucket", id="Amazon"),
        pytest.param(replace(BUCKET, s3=S3Settings(requester_pays=True)), IN_AZURE, "leaves Amazon", "whoever reads", id="readers pay"),
        pytest.param(GOOGLES, ON_DISK, "leaves Google once", "the owner of the bucket", id="Google, to a disk"),
        pytest.param(replace(GOOGLES, gcs=GcsSettings("project")), IN_AZURE, "leaves Google", "whoever reads", id="a project pays"),
        pytest.param(SAME, IN_AZURE, "costs no traffic between regions", "", id="one account of Azure"),
        pytest.param(OTHER, IN_AZURE, "It is not known if", "does not tell", id="two accounts of Azure"),
        pytest.param(OTHER, ON_DISK, "leaves Azure once", "storage account", id="Azure, to a disk"),
    ],
)
def test_who_pays_for_the_traffic_is_a_sentence(site: Place, central: Place, what: str, why: str) -> None:
    finding = places.traffic(site, central)
    assert finding is not None
    assert finding.grade is Grade.INFO
    assert what in finding.what
    assert why in finding.why


@pytest.mark.parametrize(
    "site", [ON_DISK, s3_place("https://s3.example.org", "b"), azure_place("a", "https://upload.example.org", AccountKey("a"), "b")]
)
def test_of_other_servers_nothing_is_claimed(site: Place) -> None:
    assert places.traffic(site, IN_AZURE) is None
