"""What another process needs to open a store or a source again travels with it: the address and what lets it in."""

from __future__ import annotations

import json
import os
import pickle
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from azure_places import key_place, sas_place, service
from azure_ways import Way
from processes import Processes
from sending import Site, content, send
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError
from chorus_gui.core.model import Level
from chorus_gui.core.storage.azure.login import NOBODY, STORAGE_SCOPE, Login, SignIn
from chorus_gui.core.storage.azure.source import AzureSource
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import Source
from chorus_gui.core.storage.open import Sources, open_source
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.storage.retrying_source import RetryingSource
from chorus_gui.core.submission.guard import GuardedStore
from chorus_gui.core.submission.marker import marker_path
from chorus_gui.core.submission.work import Work

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"again-{uuid.uuid4().hex}"
    with service(azurite) as client:
        client.create_container(name).close()
    return name


PLACES: dict[str, Callable[[Azurite, str], Place]] = {"key": key_place, "sas": sas_place}


def as_the_program(place: Place) -> GuardedStore:
    """As a run has it: guarded, with a store that waits, with the process's login."""
    return GuardedStore(RetryingStore(AzureStore(place, login=Login(SignIn(browser=True))), Outage("The central store", patience=900)))


@pytest.mark.parametrize("kind", PLACES)
def test_the_store_of_a_run_is_opened_again(azurite: Azurite, container: str, kind: str) -> None:
    store = as_the_program(PLACES[kind](azurite, container))
    store.put("v/a", b"here")
    again: Any = pickle.loads(pickle.dumps(store))
    assert content(again, "v/a") == b"here"
    assert (again.url, again.limits, again.changed) == (store.url, store.limits, {"v"})
    assert (again.inner.outage.name, again.inner.outage.patience) == ("The central store", 900)
    for one in (store, again, again.inner, again.inner.inner):
        assert azurite.key not in repr(one)
        assert "sig=" not in repr(one)
    for one in (store, again):
        one.close()


@pytest.mark.parametrize("kind", PLACES)
def test_a_transfer_over_azure_runs_in_real_processes(site: Site, azurite: Azurite, container: str, kind: str) -> None:
    """Stores and sources as the program opens them; the files of the site are in a folder and in a container."""
    place = PLACES[kind](azurite, container)
    store = as_the_program(place)
    data = {f"{number}": os.urandom(size) for number, size in enumerate([0, 1, 70_000, store.limits.put_bytes + 5])}
    for path, value in data.items():
        site.add(path, value)
    run = send(site.items, site.root, store.inner, executor=Processes(2, 2))
    assert (run.error, run.failures) == (None, {})
    assert {path: content(store, f"v/{path}") for path in data} == data
    source = RetryingSource(AzureSource(replace(place, prefix="v", text=f"{place.text}/v"), login=Login(NOBODY)))
    items = [replace(item, store_path=f"w/{item.path}", mtime_us=source.stat(item.path).mtime_us) for item in site.items]
    run = send(items, source, store.inner, executor=Processes(2, 2))
    assert (run.error, run.failures) == (None, {})
    assert {path: content(store, f"w/{path}") for path in data} == data
    store.close()
    source.close()


@pytest.mark.parametrize("central", ["azure", "folder"])
def test_a_submission_through_processes_is_complete(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, central: str
) -> None:
    """The whole command: what a process writes is guarded, proved and completed as if the program itself had written it."""
    monkeypatch.setattr(Work, "executor", property(lambda work: Processes(2, 2)))
    world = World(tmp_path)
    if central == "azure":
        world.store = AzureStore(key_place(request.getfixturevalue("azurite"), request.getfixturevalue("container")))
    for number in range(6):
        world.put(f"{number}/Images/a.dcm", os.urandom(500 + number))
    for _ in range(2):  # the second one changes a complete version
        world.put("7/Images/b.dcm", os.urandom(600))
        log = world.run(version="v1")
        assert log.failures == []
        assert log.proofs[Level.TRANSPORT] == log.sent.files > 0
        assert log.complete == ["v1"]
        assert world.store.head(marker_path("v1")) is not None
    if central == "folder":
        world.check_truth()
    world.store.close()


def test_a_run_learns_what_another_process_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder keeps no MD5: without the proofs every file would be read again before the version is complete."""
    monkeypatch.setattr(Work, "executor", property(lambda work: Processes(1, 2)))
    world = World(tmp_path)
    for number in range(3):
        world.put(f"{number}/Images/a.dcm", b"x" * 500)
    assert world.run(version="v1").complete == ["v1"]
    marker = json.loads(content(world.store, marker_path("v1")))
    assert marker["verified"]["transport"] == 3


def test_a_login_takes_its_tokens_along_and_asks_nobody() -> None:
    way = Way("here")
    login = Login(SignIn(browser=True), lambda _: [cast("TokenCredential", way)])
    token = login.get_token(STORAGE_SCOPE)
    again = pickle.loads(pickle.dumps(login))
    assert again.get_token(STORAGE_SCOPE) == token
    assert again.sign_in == NOBODY
    assert token.token not in repr(again)


def test_stores_and_sources_of_one_pickle_share_the_login(azurite: Azurite, container: str) -> None:
    login, place = Login(NOBODY), key_place(azurite, container)
    store, source = pickle.loads(pickle.dumps((AzureStore(place, login=login), AzureSource(place, login=login))))
    assert store._login is source._store._login


def test_a_modality_whose_place_cannot_be_opened_says_so_there_too(tmp_path: Path) -> None:
    world = World(tmp_path, more='[site_path.Images]\npath = "gs://Bucket/x"\n')
    opened: dict[str, Source] = {}

    def opening(place: Place) -> Source:
        return opened.setdefault(place.text, RetryingSource(open_source(place)))

    again = pickle.loads(pickle.dumps(Sources(world.config, opening)))
    assert list(again) == list(world.config.sites)
    assert Path(again["OMOP"].url) == world.site
    with pytest.raises(AccessError, match="is not a valid bucket name"):
        again["Images"]
    with pytest.raises(KeyError):
        again["Nothing"]
