"""“Check”: what is said of a place, before anything is saved."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure_places import sas_place, service
from gcsserver import GcsServer
from s3server import KEY_ID, SECRET, S3Server

from chorus_gui.app import place_check
from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.draft import Draft
from chorus_gui.app.place_check import check_place
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import Cancelled, UntrustedHostError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.looked import FirstPage, Looked

UNKNOWN = "store.example.org"
HEAD = '[central_path]\npath = "{base}/central"\n[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "{base}/site"\n'


@pytest.fixture
def container(azurite: Azurite) -> Iterator[Any]:
    """The SDK's client for a new container, for the test's own hands."""
    with service(azurite) as client, client.create_container(f"site-{uuid.uuid4().hex[:8]}") as made:
        yield made


def draft(base: Path, more: str = "") -> Draft:
    return Draft(base / "config.toml", HEAD.replace("{base}", base.as_posix()) + more)


def in_s3(server: S3Server, bucket: str, prefix: str = "site", secret: str = SECRET) -> str:
    return (
        f'[site_path.Images]\npath = "s3://{bucket}/{prefix}"\n[site_path.Images.auth]\naws_access_key_id = "{KEY_ID}"\n'
        f'aws_secret_access_key = "{secret}"\naws_endpoint_url = "{server.url}"\n'
    )


def looked_at(what: Draft, modality: str = "Images") -> tuple[Finding, ...]:
    ctx = JobContext()
    with ctx.entered():
        return check_place(what, modality, ctx)


def text_of(found: tuple[Finding, ...], grade: Grade) -> str:
    return " ".join(f"{one.what} {one.why} {one.remedy} {' '.join(one.examples)}" for one in found if one.grade is grade)


def test_a_bucket_says_how_much_matches_and_shows_some(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    for name in ("1001/Images/a.dcm", "1002/Images/b.dcm", "notes.txt", "1001/Images/"):
        s3.put(bucket, f"site/{name}", b"" if name.endswith("/") else b"x")
    found = looked_at(draft(tmp_path, in_s3(s3, bucket)))
    good = text_of(found, Grade.GOOD)
    assert "2 of 3 files match the pattern of Images." in good
    assert "1001/Images/a.dcm" in good
    assert "Reading from" in good
    assert "1 of 3 files matches no pattern" in text_of(found, Grade.INFO)
    assert text_of(found, Grade.BAD) == text_of(found, Grade.WARNING) == ""
    assert SECRET not in repr(found)


def test_a_bucket_in_which_nothing_matches_says_what_is_there(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    s3.put(bucket, "site/scans/1001/a.dcm", b"x")
    warning = text_of(looked_at(draft(tmp_path, in_s3(s3, bucket))), Grade.WARNING)
    assert "None of 1 file matches the pattern “{patient_id:w}/Images/{filepath}” of Images." in warning
    assert "scans/1001/a.dcm" in warning
    empty = text_of(looked_at(draft(tmp_path, in_s3(s3, bucket, "other"))), Grade.WARNING)
    assert "There are no files below" in empty
    assert "capital and small letters differ" in empty


def test_archived_objects_are_counted(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    s3.put(bucket, "site/1001/Images/a.dcm", b"x", StorageClass="GLACIER")
    s3.put(bucket, "site/1001/Images/b.dcm", b"x")
    warning = text_of(looked_at(draft(tmp_path, in_s3(s3, bucket))), Grade.WARNING)
    assert "1 of 2 files below" in warning
    assert "Restore it" in warning


def test_what_is_wrong_with_a_bucket_is_said_with_a_remedy(s3: S3Server, tmp_path: Path) -> None:
    (bad,) = [one for one in looked_at(draft(tmp_path, in_s3(s3, "no-such-bucket-here"))) if one.grade is Grade.BAD]
    assert "There is no bucket" in bad.what
    assert bad.remedy
    (faulty,) = looked_at(draft(tmp_path, '[site_path.Images]\npath = "s3://"\n'))
    assert "The name of the bucket is missing." in faulty.what


def test_a_container_says_the_same(azurite: Azurite, container: Any, tmp_path: Path) -> None:
    name = container.container_name
    token = sas_place(azurite, name, "rl").credentials.sas
    assert token is not None
    for path in ("1001/Images/a.dcm", "1001/Images/b.dcm", "x.txt"):
        container.upload_blob(f"in/{path}", b"x").close()
    text = (
        f'[site_path.Images]\npath = "az://{name}/in"\n[site_path.Images.auth]\nauth_mode = "sas"\nazure_account_name = "{azurite.account}"\n'
        f'azure_account_url = "{azurite.url}"\nazure_sas_token = "{token.token.reveal()}"\n'
    )
    found = looked_at(draft(tmp_path, text))
    assert "2 of 3 files match the pattern of Images." in text_of(found, Grade.GOOD)
    assert "Reading from" in text_of(found, Grade.GOOD)
    with container.get_blob_client("in/1001/Images/b.dcm") as blob:
        blob.set_standard_blob_tier("Archive")
    warning = text_of(looked_at(draft(tmp_path, text)), Grade.WARNING)
    assert "1 of 3 files below" in warning
    assert "Change tier" in warning


def test_a_folder_is_checked_in_the_same_way(tmp_path: Path) -> None:
    for path in ("1001/Images/a.dcm", "OMOP/person.csv", "x.txt"):
        (tmp_path / "site" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / path).write_text("x")
    found = looked_at(draft(tmp_path), DEFAULT)
    good = text_of(found, Grade.GOOD)
    assert "1 of 3 files matches the pattern of Images." in good
    assert "1 of 3 files matches the pattern of OMOP." in good
    assert "None of 3 files matches" in text_of(found, Grade.INFO), "Waveforms, which a site may not have"
    gone = draft(tmp_path / "gone")
    assert "does not exist" in text_of(looked_at(gone, DEFAULT), Grade.BAD)


def test_a_modality_elsewhere_is_not_looked_for_in_the_sites_place(s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "site" / "1001" / "Images").mkdir(parents=True)
    (tmp_path / "site" / "1001" / "Images" / "a.dcm").write_text("x")
    found = looked_at(draft(tmp_path, in_s3(s3, "elsewhere")), DEFAULT)
    assert "Images." not in text_of(found, Grade.GOOD)
    assert "None of 1 file matches a pattern." in text_of(found, Grade.WARNING)


@pytest.mark.parametrize(
    ("path", "keys", "people"),
    [
        ("s3://box/in", 'aws_endpoint_url = "https://{}"', "the people who manage the bucket"),
        (
            "gs://box/in",
            'google_endpoint_url = "https://{}"\ngoogle_hmac_access_id = "G"\ngoogle_hmac_secret = "s"',
            "the people who manage the bucket",
        ),
        (
            "az://box/in",
            'azure_account_url = "https://{}"\nazure_account_name = "acct"\nazure_account_key = "a2V5"',
            "the people who manage the container",
        ),
    ],
)
def test_a_server_that_nobody_confirmed_is_asked_for_first(tmp_path: Path, path: str, keys: str, people: str) -> None:
    """A place of the site gets nothing but credentials, and the central team does not know its address."""
    text = f'[site_path.Images]\npath = "{path}"\n[site_path.Images.auth]\n{keys.format(UNKNOWN)}\n'
    with pytest.raises(UntrustedHostError) as caught:
        looked_at(draft(tmp_path, text))
    assert caught.value.host == UNKNOWN
    assert "It would receive your credentials. Nothing was sent." in caught.value.meaning
    assert people in caught.value.remedy
    assert "central team" not in caught.value.remedy


def test_a_cancellation_does_not_wait_for_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hangs(place: Place, login: object) -> Looked:
        del place, login
        asked.set()
        answer.wait()
        return Looked([], FirstPage())

    monkeypatch.setattr(place_check, "_look", hangs)
    ctx, ended = JobContext(), list[BaseException]()

    def work() -> None:
        try:
            with ctx.entered():
                check_place(draft(tmp_path, '[site_path.Images]\npath = "s3://box/in"\n'), "Images", ctx)
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    asked.wait()
    ctx.cancel()
    thread.join()
    answer.set()
    assert len(ended) == 1


def test_a_bucket_of_google_says_the_same(gcs: GcsServer, tmp_path: Path) -> None:
    bucket = gcs.bucket()
    for path in ("1001/Images/a.dcm", "x.txt"):
        gcs.put(bucket, f"in/{path}", b"x")
    text = (
        f'[site_path.Images]\npath = "gs://{bucket}/in"\n[site_path.Images.auth]\n'
        f'google_credentials_file = "{Path(gcs.keys.file).as_posix()}"\ngoogle_endpoint_url = "{gcs.url}"\n'
    )
    found = looked_at(draft(tmp_path, text))
    assert "1 of 2 files matches the pattern of Images." in text_of(found, Grade.GOOD)
    assert "Reading from" in text_of(found, Grade.GOOD)


def test_a_credentials_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """Nothing crashes, whatever the file says."""
    found = looked_at(
        draft(tmp_path, '[site_path.Images]\npath = "gs://box/in"\n[site_path.Images.auth]\ngoogle_credentials_file = "none"\n')
    )
    assert text_of(found, Grade.BAD)
