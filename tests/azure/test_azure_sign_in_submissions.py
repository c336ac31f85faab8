"""Whole submissions to the emulator over https, where every request carries a token of a sign-in."""

from __future__ import annotations

import os
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure_server import certificate, tls
from commands import Run, run
from entra import CLIENT, PASSWORD, TENANT, Authority, make, serve_authority, serve_metadata, storage_token, write
from reading import before_reading
from world import World

from chorus_gui.app.demo.azurite import Azurite, UnavailableError, running

__all__ = ["run"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("https")


@pytest.fixture(scope="module")
def https_azurite(folder: Path) -> Iterator[Azurite]:
    """The emulator with TLS, which takes tokens."""
    try:
        with running(folder, certificate(folder)) as service:
            yield service
    except UnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def authority(folder: Path, https_azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    file = folder / "server.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    there = Authority()
    serving = serve_authority(there, tls(file))
    yield there
    serving.close()


def world_of(base: Path, azurite: Azurite, auth: str, *, flat: bool = False, site: str = "") -> World:
    """A site whose central store, and with ``site`` also its images, are in the emulator."""
    box = f"box-{uuid.uuid4().hex}"
    azurite.create_container(box)
    world = World(base)
    keys = f'azure_account_name = "{azurite.account}"\nazure_account_url = "{azurite.url}"\n{auth}'
    head = '[configuration]\nsupported_modalities = "OMOP,Images"\n'
    images = f'[site_path.Images]\npath = "az://{site}/"\npattern = "{{patient_id:w}}/Images/{{filepath}}"\n' if site else ""
    if flat:
        text = f'{head}journaling_mode = "full"\n[journal]\nlocal_path = "journal.db"\npath = "az://{box}/journal.db"\n{keys}'
        text += f'[central_path]\npath = "az://{box}/in"\n{keys}[site_path.default]\npath = "site"\n{images}{keys if site else ""}'
    else:
        text = f'{head}[journal]\njournaling_mode = "full"\n[journal.local]\npath = "journal.db"\n'
        text += f'[journal.source]\npath = "az://{box}/journal.db"\n[journal.source.auth]\n{keys}'
        text += f'[central_path]\npath = "az://{box}/in"\n[central_path.auth]\n{keys}'
        text += f'[site_path.default]\npath = "site"\n{images}{f"[site_path.Images.auth]{chr(10)}{keys}" if site else ""}'
    world.file.write_text(text, "utf-8")
    world.put("OMOP/person.csv", "person_id\n1001\n")
    if not site:
        for name in "abc":
            world.put(f"1001/Images/CT/a/s/{name}.dcm", name * 100)
    return world


def site_container(azurite: Azurite) -> str:
    from azure.storage.blob import ContainerClient

    name = f"site-{uuid.uuid4().hex}"
    azurite.create_container(name)
    with ContainerClient(azurite.url, name, credential=azurite.key) as client:
        client.upload_blob("1001/Images/CT/a/s/a.dcm", b"a" * 100).close()
        client.upload_blob("1001/Images/CT/a/s/b.dcm", b"b" * 100).close()
    return name


def certificate_keys(authority: Authority, base: Path) -> str:
    made = make()
    authority.registered = made.certificate
    write(base, "site.pfx", made.pfx(PASSWORD))
    return (
        f'auth_mode = "certificate"\nazure_tenant_id = "{TENANT}"\nazure_client_id = "{CLIENT}"\n'
        f'azure_client_certificate_path = "site.pfx"\nazure_client_certificate_password = "{PASSWORD}"\n'
        f'azure_authority_host = "{authority.host}"\n'
    )


@pytest.mark.parametrize("flat", [False, True])
def test_a_certificate_serves_the_store_the_journal_the_site_and_the_doctor(
    https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run, flat: bool
) -> None:
    keys = certificate_keys(authority, tmp_path)
    world = world_of(tmp_path, https_azurite, keys, flat=flat, site=site_container(https_azurite))
    said = ""
    for words in (["doctor"], ["scan"], ["submit", "--yes", "--version", "v1"], ["file", "verify", "--reread"]):
        before = len(authority.given)
        status, text = run(world, *words)
        assert status == 0, text
        assert len(authority.given) - before == 1, "one sign-in for each command"
        said += text
    assert "certificate of the sign-in is valid until" in said
    assert {path.rpartition("/")[2] for path in world.active()} == {"person.csv", "a.dcm", "b.dcm"}
    assert PASSWORD not in said
    assert not any(token in said for token in authority.given)


def test_tokens_that_the_service_refuses_in_the_middle_are_replaced(
    https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first token is said to last for an hour, and ends after some seconds; the files wait for that."""
    authority.lives = [(3600, 3), (3600, 3600)]
    world = world_of(tmp_path, https_azurite, certificate_keys(authority, tmp_path))
    ends: list[float] = []

    def wait(path: str) -> None:
        if not ends:
            ends.append(time.time() + 4)
        time.sleep(max(0.0, ends[0] - time.time()))  # for the emulator's clock, however slow this computer is

    before_reading(monkeypatch, wait)
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert ends
    assert len(authority.given) == 2
    assert len(world.active()) == 4


def test_tokens_that_end_soon_are_renewed_before_they_do(https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run) -> None:
    authority.lives = [(200, 3600)]
    world = world_of(tmp_path, https_azurite, certificate_keys(authority, tmp_path))
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert len(authority.given) > 2


def test_a_certificate_that_expired_stops_a_submission_before_anything_is_recorded(
    https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run
) -> None:
    keys = certificate_keys(authority, tmp_path)
    write(tmp_path, "site.pfx", make(days=(-30, -2)).pfx(PASSWORD))
    world = world_of(tmp_path, https_azurite, keys)
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status in (2, 3)
    assert "expired on" in text
    assert "upload its public part to the app registration" in text
    assert authority.asked == []


def test_the_identity_of_a_computer_in_azure_submits(
    https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Authority()
    serving = serve_metadata(there)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", serving.url)
    try:
        status, text = run(world_of(tmp_path, https_azurite, 'auth_mode = "managed_identity"\n'), "submit", "--yes", "--version", "v1")
    finally:
        serving.close()
    assert status == 0, text
    assert len(there.given) == 1


def test_a_token_file_submits(https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run) -> None:
    authority.federated = "of.another.service"
    write(tmp_path, "token", b"of.another.service")
    keys = f'auth_mode = "workload_identity"\nazure_tenant_id = "{TENANT}"\nazure_client_id = "{CLIENT}"\n'
    keys += f'azure_federated_token_file = "token"\nazure_authority_host = "{authority.host}"\n'
    status, text = run(world_of(tmp_path, https_azurite, keys), "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert len(authority.given) == 1


AZ = """#!{python}
import json, pathlib, sys, time
calls = pathlib.Path({calls!r})
number = len(calls.read_text().splitlines()) if calls.exists() else 0
with calls.open("a") as out:
    print(" ".join(sys.argv[1:]), file=out)
tokens = {tokens!r}
ends = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.localtime(time.time() + 3600))
print(json.dumps(dict(accessToken=tokens[min(number, len(tokens) - 1)], expiresOn=ends, expires_on=int(time.time()) + 3600, tokenType="Bearer")))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a script with a first line")
def test_a_token_of_az_that_the_service_refuses_is_replaced(
    https_azurite: Azurite, authority: Authority, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its declared end says: a clock that is wrong, or a sign-in that was revoked."""
    calls = tmp_path / "calls"
    az = tmp_path / "bin" / "az"
    az.parent.mkdir()
    az.write_text(AZ.format(python=sys.executable, calls=str(calls), tokens=[storage_token(-60), storage_token(3600, 1)]), "utf-8")
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(az.parent), prepend=os.pathsep)
    world = world_of(tmp_path, https_azurite, 'auth_mode = "login"\n', site=site_container(https_azurite))
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    asked: list[Any] = calls.read_text("utf-8").splitlines()
    assert len(asked) == 2, "once for all places, and once more after the refusal"
