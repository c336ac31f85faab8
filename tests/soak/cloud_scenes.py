"""The faults of a site in a cloud: its bucket or container does not answer, is busy, sends a part of an answer, or is behind a slow line.

The servers are moto, fake-gcs-server and the blob service of the other faults.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from azure_server import certificate
from faultproxy import Fault, Proxy, Request, error_body, service_error
from gcsserver import fake_gcs, program
from s3server import KEY_ID, SECRET, moto
from scenes import SCENES, NotHereError, each, scene
from trial import Trial, Verdict
from uplink import Uplink

__all__ = ["SCENES"]
MBIT = 125_000.0
"""Bytes a second."""


@dataclass(frozen=True)
class Cloud:
    """A site in a cloud.  ``port`` of its server; ``auth``: from the URL of whatever is in front of the server to the lines of the configuration."""

    port: int
    path: str
    auth: Callable[[str], str]
    busy: Fault


def _files(trial: Trial) -> Iterator[tuple[str, bytes]]:
    for file in sorted(trial.site.rglob("*")):
        if file.is_file():
            yield file.relative_to(trial.site).as_posix(), file.read_bytes()


@contextmanager
def _amazon(trial: Trial) -> Generator[Cloud]:
    folder = trial.base / "moto"
    folder.mkdir()
    with moto(folder) as server:
        bucket = server.bucket()
        for path, data in _files(trial):
            server.put(bucket, path, data)
        keys = f'aws_access_key_id = "{KEY_ID}"\naws_secret_access_key = "{SECRET}"\n'
        head = {"Content-Type": "application/xml", "x-amz-request-id": "1", "Retry-After": "1"}
        yield Cloud(
            urlsplit(server.url).port or 0,
            f"s3://{bucket}",
            lambda url: f'{keys}aws_endpoint_url = "{url}"\n',
            ("status", 503, head, error_body("SlowDown")),
        )


@contextmanager
def _google(trial: Trial) -> Generator[Cloud]:
    if program() is None:
        raise NotHereError("it needs the test server of Google's interface")
    folder = trial.base / "google"
    folder.mkdir()
    with fake_gcs(folder) as server:
        bucket = server.bucket()
        for path, data in _files(trial):
            server.put(bucket, path, data)
        busy = json.dumps({"error": {"code": 503, "message": "Backend Error"}}).encode()
        yield Cloud(
            urlsplit(server.url).port or 0,
            f"gs://{bucket}",
            lambda url: f'google_credentials_file = "{server.keys.file}"\ngoogle_endpoint_url = "{url}"\n',
            ("status", 503, {"Content-Type": "application/json", "Retry-After": "1"}, busy),
        )


@contextmanager
def _azure(trial: Trial) -> Generator[Cloud]:
    from azure.storage.blob import ContainerClient

    container = f"site-{trial.container}"
    service = trial.azurite
    service.create_container(container)
    with ContainerClient(service.url, container, credential=service.key) as client:
        for path, data in _files(trial):
            client.upload_blob(path, data)
    auth = f'azure_account_name = "{service.account}"\nazure_account_key = "{service.key}"\n'
    busy = service_error(503, "ServerBusy", Retry_After="1")
    yield Cloud(trial.direct, f"az://{container}", lambda url: f'{auth}azure_account_url = "{url}/{service.account}"\n', busy)


CLOUDS = {"Amazon S3": _amazon, "Google Cloud": _google, "Azure": _azure}


def _read_from(trial: Trial, cloud: Cloud, url: str, more: str = "") -> None:
    """The site of the configuration is this one from now on."""
    trial.source = f'[site_path.default]\npath = "{cloud.path}"\n[site_path.default.auth]\n{cloud.auth(url)}{more}'
    trial.write_config()


@contextmanager
def _behind_a_proxy(trial: Trial, name: str) -> Generator[tuple[Cloud, Proxy]]:
    with ExitStack() as stack:
        cloud = stack.enter_context(CLOUDS[name](trial))
        proxy = Proxy(cloud.port)
        stack.callback(proxy.close)
        _read_from(trial, cloud, f"http://127.0.0.1:{proxy.port}")
        yield cloud, proxy


def _must_end_well(trial: Trial, verdict: Verdict, status: int, said: str) -> Verdict:
    if status:
        verdict.problems.append(f"exit status {status}: {said[-400:]}")
    return trial.finish(verdict)


def outage(trial: Trial, name: str) -> Verdict:
    """Nothing answers for some seconds, from some request of the upload on."""
    verdict = Verdict()
    with _behind_a_proxy(trial, name) as (_, proxy):
        process = trial.start()
        wanted = trial.chance.randrange(4, 50)
        while process.poll() is None and len(proxy.log) < wanted:
            time.sleep(0.01)
        proxy.down()
        time.sleep(trial.chance.uniform(2, 15))
        proxy.start()
        ended = trial.wait(process)
        trial.look(verdict, ended)
        return _must_end_well(trial, verdict, ended.status, ended.said)


def breaks(trial: Trial, name: str) -> Verdict:
    """Some requests are refused because it is busy, or get half an answer."""
    verdict = Verdict()
    with _behind_a_proxy(trial, name) as (cloud, proxy):
        faults: tuple[Fault, ...] = (cloud.busy, ("reset",), ("lost",), ("trunc", 1000), ("trunc_head", 20), ("stall", 3))
        rules = [each(trial.chance.randint(7, 13), (), fault) for fault in trial.chance.sample(faults, 2)]

        def rule(request: Request, number: int) -> Fault | None:
            found = [fault for one in rules if (fault := one(request, number)) is not None]
            return found[0] if found else None

        proxy.rule = rule
        ended = trial.run()
        proxy.rule = lambda request, number: None
        trial.look(verdict, ended)
        return _must_end_well(trial, verdict, ended.status, ended.said)


def slow(trial: Trial, name: str, mbit: float = 4, sizes: tuple[int, ...] = (6_000_000, 3_000_000)) -> Verdict:
    """All that is read comes over a line of so many Mbit/s, with TLS."""
    verdict = Verdict()
    for file in trial.site.rglob("*"):
        if file.is_file() and file.stat().st_size > 1_000_000:
            file.unlink()
    for number, size in enumerate(sizes):
        trial.put(f"1000/Waveforms/large{number}.dat", trial.chance.randbytes(size))
    file = certificate(trial.base)
    with ExitStack() as stack:
        cloud = stack.enter_context(CLOUDS[name](trial))
        line = Uplink(cloud.port, mbit * MBIT, file, back=True)
        stack.callback(line.close)
        _read_from(trial, cloud, f"https://127.0.0.1:{line.port}", _authority(name, file))
        trial.env["REQUESTS_CA_BUNDLE"] = str(file)
        ended = trial.run()
        trial.look(verdict, ended)
        size = trial.size()
        more = line.returned / size - 1
        verdict.measured = (
            f"{mbit:g} Mbit/s: {ended.seconds:.0f} s of {size / mbit / MBIT:.0f} s at best, {more * 100:.1f} % more bytes than the files"
        )
        print(f"        {verdict.measured}", flush=True)
        if more > 0.1:  # headers and the listing are a part of it: there are many small files
            verdict.problems.append(f"read {line.returned:,} bytes for {size:,}")
        return _must_end_well(trial, verdict, ended.status, ended.said)


def _authority(name: str, file: Path) -> str:
    key = {"Amazon S3": "aws_ca_bundle", "Google Cloud": "google_ca_bundle"}.get(name)
    return f'{key} = "{file.as_posix()}"\n' if key else ""


def _add(name: str) -> None:
    def named(play: Callable[[Trial, str], Verdict]) -> Callable[[Trial], Verdict]:
        def one(trial: Trial) -> Verdict:
            return play(trial, name)

        one.__name__ = f"{play.__name__}_{name.replace(' ', '_')}"
        return one

    scene(f"the site is in {name}, which does not answer for a while", "The command waits up to 15 minutes for the site, and says so.")(
        named(outage)
    )
    scene(
        f"the site is in {name}, which is busy, or sends only a part of an answer",
        "The request is sent again. A file continues where it was, in the same version.",
        quick=False,
    )(named(breaks))
    scene(f"the site is in {name}, behind a slow line (4 Mbit/s)", "The files arrive. Almost nothing is read twice.", quick=False)(
        named(slow)
    )


for _name in CLOUDS:
    _add(_name)
