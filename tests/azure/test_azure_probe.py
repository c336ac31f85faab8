"""What "Test connection" finds, and that opening nothing costs nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from azure_places import sas_place

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.model import Place
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE
from chorus_gui.core.storage.azure.probe import Grade, probe
from chorus_gui.core.storage.azure.store import AzureStore


def texts(place: Place, grade: Grade, *, write: bool = False) -> str:
    return " ".join(finding.what for finding in probe(place, needs=NEEDS_JOURNAL if write else NEEDS_SOURCE) if finding.grade is grade)


def test_a_place_that_works_is_said_to(place: Place) -> None:
    assert "Listing " in texts(place, Grade.GOOD)
    assert "clock agrees" in texts(place, Grade.GOOD)
    assert "written" not in texts(place, Grade.GOOD)
    assert "and deleting there work" in texts(place, Grade.GOOD, write=True)
    assert texts(place, Grade.BAD, write=True) == ""
    store = AzureStore(place)
    assert list(store.list()) == []
    store.close()


@pytest.mark.parametrize(
    ("permissions", "hours", "words"),
    [
        ("rl", 1.0, "does not allow creating, writing or deleting"),
        ("rcwl", 1.0, "Could not delete the test file"),
        ("racwdl", -1.0, "expired on"),
        ("w", 1.0, "does not allow listing"),
    ],
)
def test_what_does_not_work_is_named(azurite: Azurite, container: str, permissions: str, hours: float, words: str) -> None:
    place = sas_place(azurite, container, permissions, hours)
    bad = [finding for finding in probe(place, needs=NEEDS_JOURNAL) if finding.grade is Grade.BAD]
    assert words in " ".join(finding.what for finding in bad)
    assert all(finding.remedy for finding in bad)


def test_a_token_that_cannot_delete_leaves_no_test_file(azurite: Azurite, container: str) -> None:
    """It is enough for new versions, so it is no problem; what it cannot do is said."""
    place = sas_place(azurite, container, NEEDS_STORE, hours=24 * 90)
    found = probe(place, needs=NEEDS_STORE)
    assert {finding.grade for finding in found} == {Grade.GOOD}
    assert "a version that is complete cannot be changed" in " ".join(finding.what for finding in found)
    store = AzureStore(place)
    assert list(store.list()) == []
    store.close()


def test_a_token_that_ends_soon_is_a_warning_and_one_that_lasts_is_good(azurite: Azurite, container: str) -> None:
    assert "expires in" in texts(sas_place(azurite, container, hours=30), Grade.WARNING)
    assert "allows everything that is needed" in texts(sas_place(azurite, container, hours=24 * 90), Grade.GOOD)


def test_a_missing_container_and_a_service_out_of_reach(place: Place) -> None:
    assert "no container" in texts(replace(place, container="nowhere"), Grade.BAD)
    assert "has no container" in texts(replace(place, container=""), Grade.BAD)
    away = replace(place, account=replace(place.account, url="http://127.0.0.1:9/someone"))
    assert "Could not reach" in texts(away, Grade.BAD)


def test_a_clock_that_is_off_is_a_warning(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AzureStore, "clock_skew", lambda self: -4000.0)
    assert "67 minutes behind" in texts(place, Grade.WARNING)


def test_importing_the_store_does_not_import_the_sdk() -> None:
    code = (
        "import sys, chorus_gui.core.storage.open, chorus_gui.core.storage.azure.store, chorus_gui.core.storage.azure.source, "
        "chorus_gui.core.storage.azure.probe, chorus_gui.core.storage.http.trust\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'azure', 'requests', 'urllib3', 'msal', 'truststore'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_systems_trust_store_is_used_once_asked_for() -> None:
    code = (
        "import ssl; from chorus_gui.core.storage.http.trust import trust_store_name, use_system_trust; use_system_trust()\n"
        "import urllib3.util.ssl_ as u; print(ssl.SSLContext.__module__, u.SSLContext.__module__, bool(trust_store_name()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["truststore._api", "truststore._api", "True"]
