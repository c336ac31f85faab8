"""Sites that are partly or wholly in a bucket of Google, from the scan to a verification that reads everything again, by the command line."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from azure_places import service
from azure_server import Server, reply
from commands import Run, run
from gcsserver import GcsServer, SignIn, private_key
from s3server import KEY_ID, SECRET, S3Server
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.storage.azure.transport import BoundedTransport
from chorus_gui.core.storage.http.http1 import Http

__all__ = ["run"]
BIG = os.urandom(9 * 1024 * 1024) + b"end"


def table(modality: str, path: str, keys: dict[str, str], *, nested: bool = True) -> str:
    """The table of a modality in a cloud."""
    auth = f"[site_path.{modality}.auth]\n" if nested else ""
    pattern = "" if modality == "Metadata" else f'pattern = "{{patient_id:w}}/{modality}/{{filepath}}"\n'
    return f'[site_path.{modality}]\npath = "{path}"\n{pattern}{auth}' + "".join(f'{key} = "{value}"\n' for key, value in keys.items())


def google_keys(server: GcsServer) -> dict[str, str]:
    return {"google_credentials_file": Path(server.keys.file).as_posix(), "google_endpoint_url": server.url}


def flat(base: Path, more: str) -> World:
    world = World(base)
    text = world.file.read_text("utf-8")
    text = text.replace('[journal]\njournaling_mode = "full"\n[journal.local]\npath = "journal.db"', '[journal]\nlocal_path = "journal.db"')
    text = text.replace("num_threads = 4", 'num_threads = 4\njournaling_mode = "full"')
    world.file.write_text(text + more, "utf-8")
    return world


LAYOUTS: dict[str, Callable[[Path, str], World]] = {"nested": lambda base, more: World(base, more=more), "flat": flat}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_site_in_a_folder_and_a_bucket_is_submitted_changed_and_verified(gcs: GcsServer, tmp_path: Path, run: Run, layout: str) -> None:
    bucket = gcs.bucket()
    world = LAYOUTS[layout](tmp_path, table("Images", f"gs://{bucket}/images", google_keys(gcs), nested=layout == "nested"))
    world.put("OMOP/person.csv", "person_id")
    world.put("1001/Waveforms/a.hea", "wave")
    objects = {
        "1001/Images/series 1/b+c&d=e%41.dcm": b"one",
        "1002/Images/ä.dcm": b"two",
        "1002/Images/empty.dcm": b"",
        "1003/Images/large.dcm": BIG,
    }
    for key, data in objects.items():
        gcs.put(bucket, f"images/{key}", data)
    gcs.put(bucket, "images/1003/Images/", b"")
    gcs.put(bucket, "images/readme.txt", b"unmatched")

    status, text = run(world, "doctor")
    assert status == 0, text
    assert f"Reading from gs://{bucket}/images works." in " ".join(text.split())

    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    world.check_truth()
    rows = world.active()
    assert {path for path in rows if "/Images/" in path} == set(objects)
    for path, data in objects.items():
        assert (rows[path].size, rows[path].md5) == (len(data), hashlib.md5(data).hexdigest())
        assert rows[path].mtime_us % 1_000_000 == 0
        assert 0 <= time.time() - rows[path].mtime_us / 1e6 < 86_400

    assert "Nothing to do" in run(world, "submit", "--yes")[1]
    time.sleep(1.1)  # the journal keeps whole seconds
    gcs.put(bucket, "images/1002/Images/ä.dcm", b"TWO")
    gcs.put(bucket, "images/1001/Images/series 1/b+c&d=e%41.dcm", b"one")
    gcs.put(bucket, "images/1004/Images/new.dcm", b"new")
    gcs.delete(bucket, "images/1002/Images/empty.dcm")
    assert {path: kind for path, kind in world.kinds().items() if "/Images/" in path} == {
        "1002/Images/ä.dcm": "updated",
        "1001/Images/series 1/b+c&d=e%41.dcm": "moved",
        "1004/Images/new.dcm": "added",
        "1002/Images/empty.dcm": "deleted",
    }
    status, text = run(world, "submit", "--yes", "--version", "v2", "--allow-deletions")
    assert status == 0, text
    world.check_truth()
    for version in ("v1", "v2"):
        status, text = run(world, "file", "verify", "--version", version, "--reread")
        assert status == 0, text


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The methods of all requests of the program to a store or a site, whoever sends them."""
    seen: set[str] = set()
    head, send = Http.head, BoundedTransport.send

    def lean(self: Http, method: str, target: str, headers: Any, length: int) -> bytes:
        if (method, target) != ("POST", "/token"):  # a token of Google's sign-in service
            seen.add(method)
        return head(self, method, target, headers, length)

    def sdk(self: BoundedTransport, request: Any, **kwargs: Any) -> Any:
        seen.add(request.method)
        return send(self, request, **kwargs)

    monkeypatch.setattr(Http, "head", lean)
    monkeypatch.setattr(BoundedTransport, "send", sdk)
    return seen


def test_a_site_in_a_folder_and_three_clouds_is_submitted_changed_and_verified(
    azurite: Azurite, s3: S3Server, gcs: GcsServer, tmp_path: Path, run: Run, asked: set[str]
) -> None:
    """Each modality is elsewhere: a folder, Amazon's, Google's and Azure's cloud.  The central store is a folder, so every request goes to
    the site, and none of them writes there.
    """
    s3_bucket, gcs_bucket, container = s3.bucket(), gcs.bucket(), f"site-{uuid.uuid4().hex}"
    s3_keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "aws_endpoint_url": s3.url}
    azure_keys = {"azure_account_name": azurite.account, "azure_account_url": azurite.url, "azure_account_key": azurite.key}
    world = World(
        tmp_path,
        more=table("Images", f"gs://{gcs_bucket}/a", google_keys(gcs))
        + table("Waveforms", f"s3://{s3_bucket}/b", s3_keys)
        + table("Metadata", f"az://{container}/c", azure_keys),
    )
    with closing(service(azurite)) as client:
        blobs = client.create_container(container)

        def put(change: str) -> None:
            world.put("OMOP/person.csv", f"person_id{change}")
            gcs.put(gcs_bucket, "a/1/Images/x.dcm", f"image{change}".encode())
            s3.put(s3_bucket, "b/1/Waveforms/x.hea", f"wave{change}".encode())
            blobs.upload_blob("c/Metadata/README.md", f"text{change}".encode(), overwrite=True)

        put("")
        gcs.put(gcs_bucket, "a/2/Images/large.dcm", BIG)
        s3.put_parts(s3_bucket, "b/2/Waveforms/large.dat", BIG[: 5 * 1024 * 1024], BIG[5 * 1024 * 1024 :])
        status, text = run(world, "doctor")
        assert status == 0, text
        status, text = run(world, "submit", "--yes", "--version", "v1")
        assert status == 0, text
        paths = {
            "OMOP/person.csv",
            "1/Images/x.dcm",
            "1/Waveforms/x.hea",
            "Metadata/README.md",
            "2/Images/large.dcm",
            "2/Waveforms/large.dat",
        }
        assert set(world.active()) == paths
        world.check_truth()
        assert "Nothing to do" in run(world, "submit", "--yes")[1]
        time.sleep(1.1)  # the services keep whole seconds
        put(" again")
        gcs.delete(gcs_bucket, "a/2/Images/large.dcm")
        status, text = run(world, "submit", "--yes", "--version", "v2", "--allow-deletions")
        assert status == 0, text
    world.check_truth()
    assert {row.version for path, row in world.active().items() if "large" not in path} == {"v2"}
    for version in ("v1", "v2"):
        status, text = run(world, "file", "verify", "--version", version, "--reread")
        assert status == 0, text
        assert "differ" not in text.lower() or "0 differ" in text.lower()
    assert "GET" in asked
    assert asked <= {"GET", "HEAD"}, "the program only reads from a site"


def test_the_whole_site_in_a_bucket(gcs: GcsServer, tmp_path: Path, run: Run) -> None:
    bucket = gcs.bucket()
    world = World(tmp_path)
    text = world.file.read_text("utf-8").replace(f'path = "{world.site.as_posix()}"', f'path = "gs://{bucket}"')
    auth = "[site_path.default.auth]\n" + "".join(f'{key} = "{value}"\n' for key, value in google_keys(gcs).items())
    world.file.write_text(text + auth, "utf-8")
    for key in ("OMOP/person.csv", "1/Images/a.dcm", "1/Waveforms/b.hea", "Metadata/README.md"):
        gcs.put(bucket, key, key.encode())
    status, text = run(world, "submit", "--yes")
    assert status == 0, text
    assert len(world.active()) == 4
    world.check_truth()


def test_no_secret_is_printed(gcs: GcsServer, tmp_path: Path, run: Run) -> None:
    bucket = gcs.bucket()
    world = World(tmp_path, more=table("Images", f"gs://{bucket}", google_keys(gcs)))
    gcs.put(bucket, "1/Images/a.dcm", b"x")
    texts = [run(world, "-v", *words)[1] for words in (("doctor",), ("scan",), ("submit", "--yes"), ("file", "list"))]
    home = Path(os.environ["CHORUS_UPLOAD_HOME"])
    texts += [file.read_text("utf-8", "replace") for file in home.rglob("*") if file.is_file()]
    assert all(secret not in text for text in texts for secret in ("ya29.", private_key().splitlines()[1], "eyJ"))


class Bucket:
    """Takes the first token of a sign-in service for ``reads`` objects, and the later ones for all."""

    def __init__(self, google: SignIn, reads: int) -> None:
        self.google, self.left, self.refused = google, reads, 0
        self.server = Server(self.answer)

    def answer(self, handler: Any) -> None:
        facts = {"size": "4", "timeCreated": "2025-01-01T10:00:00Z", "generation": "1"}
        if "alt=media" not in handler.path:
            items = [{"name": f"p/{number:02}/Images/a.dcm", **facts} for number in range(8)]
            return reply(200, json.dumps({"kind": "storage#objects", "items": items}).encode())(handler)
        first = self.google.given[0] in handler.headers["Authorization"]
        self.left -= first
        if first and self.left < 0:
            self.refused += 1
            body = {"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}}
            return reply(401, json.dumps(body).encode())(handler)
        headers: dict[str, Any] = {"x_goog_generation": "1", "x_goog_metageneration": "1", "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT"}
        return reply(206, b"data", Content_Range="bytes 0-3/4", **headers)(handler)


def test_a_token_that_ends_in_the_middle_stops_nothing(google: SignIn, tmp_path: Path, run: Run) -> None:
    bucket = Bucket(google, 3)
    try:
        keys = {"google_credentials_file": google.account_file(tmp_path).as_posix(), "google_endpoint_url": bucket.server.url}
        world = World(tmp_path, more=table("Images", "gs://box/p", keys))
        world.put("OMOP/person.csv", "person_id")
        status, text = run(world, "submit", "--yes")
        assert status == 0, text
        assert len(world.active()) == 9
        assert bucket.refused >= 1
        world.check_truth()
    finally:
        bucket.server.close()


def test_a_bucket_that_refuses_stops_no_other_place(gcs: GcsServer, tmp_path: Path, run: Run) -> None:
    world = World(tmp_path, more=table("Images", "gs://no-such-bucket", google_keys(gcs)))
    world.put("OMOP/person.csv", "person_id")
    status, text = run(world, "doctor")
    assert status != 0
    assert "There is no bucket “no-such-bucket”" in " ".join(text.split())
    status, text = run(world, "submit", "--yes")
    assert "There is no bucket" in " ".join(text.split())
    assert set(world.active()) == {"OMOP/person.csv"}
