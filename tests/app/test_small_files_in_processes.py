"""A submission of many small files uses worker processes where they pay, and none is left afterwards."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure_places import service
from processworld import runs, until
from world import World, ran

from chorus_gui.app import worker_processes
from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing
from chorus_gui.app.status import Status
from chorus_gui.app.submit import submit, upload
from chorus_gui.app.worker_processes import LEAST_CORES, LEAST_FILES, worth
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item
from chorus_gui.core.submission.work import Selection
from chorus_gui.core.transfer.processes import BATCH, Processes, Task

FILES = 150


@pytest.fixture
def world(tmp_path: Path, azurite: Azurite) -> World:
    """A site whose central store is a container of its own in Azurite."""
    world = World(tmp_path)
    for number in range(FILES):
        world.put(f"{1000 + number // 20}/Images/{number}.dcm", f"image {number}")
    container = f"processes-{os.urandom(6).hex()}"
    with service(azurite) as client:
        client.create_container(container)
    now = datetime.now(UTC)
    rights = ContainerSasPermissions.from_string("racwdl")
    begins, ends = now - timedelta(hours=2), now + timedelta(hours=1)
    token = generate_container_sas(azurite.account, container, account_key=azurite.key, permission=rights, start=begins, expiry=ends)
    auth = (
        f'azure_account_name = "{azurite.account}"\nazure_account_url = "{azurite.url}"\nauth_mode = "sas"\nazure_sas_token = "{token}"\n'
    )
    text = world.file.read_text("utf-8").partition("[central_path]")[0]
    text += f'[central_path]\npath = "az://{container}/"\n[central_path.auth]\n{auth}'
    text += f'[journal.source]\npath = "az://{container}/journal.db"\n[journal.source.auth]\n{auth}'
    world.file.write_text(f'{text}[site_path.default]\npath = "{world.site.as_posix()}"\n', "utf-8")
    return world


class Watched:
    """What processes were started, and what they were given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pids: set[int] = set()
        self.given: list[str] = []
        real_open, real_give = Processes.open, Processes.give

        def opened(processes: Processes) -> None:
            real_open(processes)
            until(lambda: not processes.answers(0.01) and processes.waiting == len(processes.pids))
            self.pids.update(processes.pids)

        def give(processes: Processes, task: Task) -> None:
            self.given.append(task[2])
            real_give(processes, task)

        monkeypatch.setattr(Processes, "open", opened)
        monkeypatch.setattr(Processes, "give", give)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


@pytest.mark.parametrize("recorded", [False, True], ids=["submit", "file upload"])
def test_they_send_a_submission_and_end_with_it(world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch, recorded: bool):
    monkeypatch.setattr(worker_processes, "LEAST_FILES", FILES)
    monkeypatch.setattr(worker_processes, "processors", lambda: 3)
    workspace, ctx = Workspace(world.config), JobContext()
    done = submit(workspace, ctx, SubmitOptions(version="v1"), Reviewing(), record_only=recorded)
    if recorded:
        done = upload(workspace, ctx, Selection())
    assert (ran(done).status, done.log.failures, done.log.sent.files) == (Status.DONE, [], FILES)
    assert done.log.complete == ["v1"], "every file was compared with its proof"
    assert len(watched.given) >= BATCH, "slow reads, or one file that needs another look, send the others another way"
    assert len(watched.pids) == 2
    assert not any(map(runs, watched.pids))
    with world.open() as journal:
        assert all(row.uploaded and row.md5 for row in journal.rows())


def test_a_site_with_fewer_files_starts_none(world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker_processes, "processors", lambda: 64)
    done = submit(Workspace(world.config), JobContext(), SubmitOptions(version="v1"), Reviewing())
    assert ran(done).log.failures == []
    assert watched.pids == set()


@pytest.mark.parametrize(
    ("files", "cores", "central", "site", "count"),
    [
        pytest.param(LEAST_FILES, LEAST_CORES, PlaceKind.AZURE, PlaceKind.FOLDER, 2, id="they pay"),
        pytest.param(10 * LEAST_FILES, 64, PlaceKind.AZURE, PlaceKind.FOLDER, 2, id="more have nothing to do"),
        pytest.param(LEAST_FILES - 1, 64, PlaceKind.AZURE, PlaceKind.FOLDER, 0, id="too few files"),
        pytest.param(10 * LEAST_FILES, LEAST_CORES - 1, PlaceKind.AZURE, PlaceKind.FOLDER, 0, id="two cores"),
        pytest.param(10 * LEAST_FILES, 1, PlaceKind.AZURE, PlaceKind.FOLDER, 0, id="one core"),
        pytest.param(10 * LEAST_FILES, 64, PlaceKind.FOLDER, PlaceKind.FOLDER, 0, id="a folder as the store"),
        pytest.param(10 * LEAST_FILES, 64, PlaceKind.AZURE, PlaceKind.S3, 0, id="a site in a cloud"),
    ],
)
def test_when_they_pay(tmp_path: Path, files: int, cores: int, central: PlaceKind, site: PlaceKind, count: int):
    config = World(tmp_path).config
    sites = {name: replace(one, place=replace(one.place, kind=site)) for name, one in config.sites.items()}
    assert worth(replace(config, central=replace(config.central, kind=central), sites=sites), files, cores) == count


def test_a_file_travels_as_it_is():
    from chorus_gui.core.transfer.processes import item_of, task_of

    item = Item(9, "Images", "a/ä.dcm", "v/a/ä.dcm", 3, 17, "m")
    assert item_of(task_of(4, item)) == replace(item, key=4)
