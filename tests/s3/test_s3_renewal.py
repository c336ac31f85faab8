"""Keys that end in the middle of a command: it waits, and continues with others when they are where the old ones were."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Run, run
from expiring_bucket import FILES, Bucket
from world import World

__all__ = ["run"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program waits, not as the other tests do."""
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 60.0)
    monkeypatch.setattr("chorus_gui.core.storage.renewal.LOOK_S", 0.2)
    monkeypatch.setattr("chorus_gui.app.renewal.LOOK_S", 0.2, raising=False)
    monkeypatch.setattr("chorus_gui.core.storage.renewal.TEST_S", 0.5)


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


def test_a_new_hmac_key_of_google_is_used_in_the_middle(bucket: Bucket, tmp_path: Path, run: Run) -> None:
    """It goes through the interface of S3."""
    keys = (
        f'[site_path.Images.auth]\ngoogle_hmac_access_id = "OLD"\ngoogle_hmac_secret = "S"\ngoogle_endpoint_url = "{bucket.server.url}"\n'
    )
    world = World(tmp_path, more=f'[site_path.Images]\npath = "gs://box/p"\n{keys}')
    world.put("OMOP/person.csv", "id")
    changing = then(bucket, lambda: put_in_place(world.file, world.file.read_text("utf-8").replace('"OLD"', '"NEW"')))
    status, text = run(world, "submit", "--yes")
    changing.join()
    assert status == 0, text
    assert {path for path, row in world.active().items() if row.uploaded} == {"OMOP/person.csv", *FILES}
    world.check_truth()
