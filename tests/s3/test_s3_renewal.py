"""Keys that end in the middle of a command: it waits, and continues with others when they are where the old ones were."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure_server import Server, reply
from commands import Run, run
from world import World

__all__ = ["run"]
FILES = [f"{number:02}/Images/a.dcm" for number in range(8)]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program waits, not as the other tests do."""
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 60.0)
    monkeypatch.setattr("chorus_gui.core.storage.renewal.LOOK_S", 0.2)
    monkeypatch.setattr("chorus_gui.app.renewal.LOOK_S", 0.2, raising=False)
    monkeypatch.setattr("chorus_gui.core.storage.renewal.TEST_S", 0.5)


class Bucket:
    """Takes the keys with the ID OLD for some objects, then only those with the ID NEW."""

    def __init__(self, reads: int) -> None:
        self.left, self.refused = reads, threading.Event()
        self.server = Server(self.answer)

    def answer(self, handler: Any) -> None:
        entries = "".join(
            f"<Contents><Key>p/{key}</Key><LastModified>2025-01-01T10:00:00Z</LastModified><ETag>e</ETag><Size>4</Size></Contents>"
            for key in FILES
        )
        if "list-type" in handler.path:
            return reply(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())(handler)
        self.left -= handler.command == "GET"
        if "Credential=OLD/" in handler.headers["Authorization"] and self.left < 0:
            self.refused.set()
            return reply(400, b"<Error><Code>ExpiredToken</Code><Message>m</Message></Error>", x_amz_request_id="r")(handler)
        facts: dict[str, Any] = {"ETag": '"e"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT"}
        if handler.command == "HEAD":
            return reply(200, b"data", **facts)(handler)
        return reply(206, b"data", Content_Range="bytes 0-3/4", **facts)(handler)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = Bucket(3)
    yield made
    made.server.close()


def then(bucket: Bucket, change: Any) -> threading.Thread:
    def work() -> None:
        assert bucket.refused.wait(60)
        time.sleep(0.5)
        change()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def put_in_place(file: Path, text: str) -> None:
    """All at once: the program may read the file at any moment."""
    made = file.with_name("made")
    made.write_text(text, "utf-8")
    made.replace(file)


def test_new_keys_in_the_file_are_used_without_an_end(bucket: Bucket, tmp_path: Path, run: Run) -> None:
    keys = f'[site_path.Images.auth]\naws_access_key_id = "OLD"\naws_secret_access_key = "S"\naws_endpoint_url = "{bucket.server.url}"\n'
    world = World(tmp_path, more=f'[site_path.Images]\npath = "s3://box/p"\n{keys}')
    world.put("OMOP/person.csv", "id")
    changing = then(bucket, lambda: put_in_place(world.file, world.file.read_text("utf-8").replace('"OLD"', '"NEW"')))
    status, text = run(world, "submit", "--yes")
    changing.join()
    assert status == 0, text
    assert {path for path, row in world.active().items() if row.uploaded} == {"OMOP/person.csv", *FILES}
    world.check_truth()


def test_a_profile_that_was_renewed_is_read_again(bucket: Bucket, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    file.write_text("[site]\naws_access_key_id = OLD\naws_secret_access_key = S\n")
    keys = f'[site_path.Images.auth]\naws_profile = "site"\naws_endpoint_url = "{bucket.server.url}"\n'
    world = World(tmp_path, more=f'[site_path.Images]\npath = "s3://box/p"\n{keys}')
    world.put("OMOP/person.csv", "id")
    changing = then(bucket, lambda: put_in_place(file, file.read_text().replace("OLD", "NEW")))
    status, text = run(world, "submit", "--yes")
    changing.join()
    assert status == 0, text
    assert {path for path, row in world.active().items() if row.uploaded} == {"OMOP/person.csv", *FILES}
