"""What every test gets: a home of its own, no credentials, no network but loopback; and a blob service on request."""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
from gcsserver import GcsServer, SignIn, fake_gcs, program, sign_in
from hospital import Hospital, make_hospital
from hypothesis import HealthCheck, settings
from output_schema import faults
from pytestqt.qtbot import QtBot
from s3server import S3Server, moto

from chorus_gui.app import demo
from chorus_gui.app.demo.azurite import Azurite, UnavailableError, running
from chorus_gui.app.sleep import Way
from chorus_gui.cli.report import Report
from chorus_gui.core.storage.retry import jitter

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if os.environ.get("LC_ALL") in ("C", "POSIX"):  # Qt warns of it, and a warning fails a test
    os.environ["LC_ALL"] = "C.UTF-8"
# how fast an example is made says something about the computer only; “dev.py fuzz” tries other examples each time
settings.register_profile("any computer", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any computer")
if threading.current_thread() is threading.main_thread():
    # nohup and a shell's background jobs ignore these signals, and so would every program that a test starts
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
if sys.platform == "win32":  # a screen that is none finds no fonts by itself there, and draws boxes
    os.environ.setdefault("QT_QPA_FONTDIR", os.environ.get("CHORUS_TEST_FONTS") or os.path.join(os.environ["WINDIR"], "Fonts"))


def _patiently(wait: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(wait)
    def call(*args: Any, timeout: int = 0, **options: Any) -> Any:
        least = 0 if options.get("raising") is False else WAIT_MS  # then the test is that nothing comes
        return wait(*args, timeout=max(timeout, least), **options)

    return call


WAIT_MS = 60_000
"""The least that a test waits for something that must come: on a busy machine a second of the clock is short."""
for _name in ("waitUntil", "waitSignal", "waitSignals", "waitActive", "waitExposed"):
    setattr(QtBot, _name, _patiently(getattr(QtBot, _name)))
_numbers = itertools.count()
demo.patient_files = cache(demo.patient_files)  # a patient's images and waveforms take 0.1 s to draw, and are the same each time


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest's own, which reads all folders of all earlier tests to find the next number: that took 8 ms after 5,000 tests."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{name}{next(_numbers)}", numbered=False)


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own folders are in a temporary one; no credential comes from the environment."""
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path_factory.mktemp(f"home{next(_numbers)}", numbered=False)))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")  # nobody's real credentials are looked at
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "yes")  # a test asks no desktop for anything
    monkeypatch.setattr("chorus_gui.app.sleep.way", lambda: Way.NONE)
    monkeypatch.setattr("chorus_gui.app.sleep.fall_asleep", lambda _: pytest.fail("a test never puts the computer to sleep"))
    for name in list(os.environ):
        if name.upper().startswith(("AZURE_", "AWS_", "GOOGLE_")):
            monkeypatch.delenv(name)


def _loopback(address: Any) -> bool:
    """A Unix socket, or an address of this machine."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0]).partition("%")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not answer is given up at once, and pauses between requests are short; the tests of waiting say otherwise."""
    monkeypatch.setattr("chorus_gui.core.storage.outage.PATIENCE_S", 0.0)
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 0.0)
    for module in ("chorus_gui.core.storage.retry", "chorus_gui.core.custody.beside"):
        monkeypatch.setattr(f"{module}.jitter", lambda attempt, base, cap: jitter(attempt, base, cap) / 50)


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All that a command prints with ``--json`` is as ``resources/output.schema.json`` describes it."""
    found: list[str] = []
    real = Report.json

    def checked(report: Report, value: Any) -> None:
        if report.as_json and report.command:
            found.extend(faults(report.command, value))
        real(report, value)

    in_parts = Report.json_of_list

    def checked_parts(report: Report, name: str, items: Iterable[Any], more: Mapping[str, Any]) -> None:
        kept = list(items)
        if report.as_json and report.command:
            found.extend(faults(report.command, {name: kept, **more}))
        in_parts(report, name, kept, more)

    monkeypatch.setattr(Report, "json", checked)
    monkeypatch.setattr(Report, "json_of_list", checked_parts)
    yield
    assert not found, "\n".join(found)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test, whatever the program makes of errors."""
    for name in ("connect", "connect_ex", "sendto"):
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, *args: Any, real: Any = real) -> Any:
            if not _loopback(args[-1]):
                pytest.fail(f"The program wanted to reach {args[-1]}.")
            return real(self, *args)

        monkeypatch.setattr(socket.socket, name, guarded)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"):
        asked = getattr(socket, name)

        def known(host: Any, *args: Any, asked: Any = asked, **options: Any) -> Any:
            if not _known_here(host, address=asked.__name__ not in ("gethostbyaddr", "getnameinfo")):
                raise socket.gaierror(socket.EAI_NONAME, "no name is looked up in the tests")
            return asked(host, *args, **options)

        monkeypatch.setattr(socket, name, known)


def _known_here(host: Any, *, address: bool) -> bool:
    """No name server is asked about it.  ``address``: nor about any address."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host[0] if isinstance(host, tuple) else host
    if text in (None, "", "localhost", "localhost.localdomain", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(str(text).partition("%")[0]).is_loopback or address
    except ValueError:
        return False


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A running Azurite.  Missing, it skips the test for a developer and fails it in CI.

    CHORUS_TEST_AZURITE are services that run already, one for each of pytest-xdist's workers, as JSON: [[url, account, key], …].
    """
    if given := os.environ.get("CHORUS_TEST_AZURITE"):
        services, worker = json.loads(given), int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        yield Azurite(*services[worker % len(services)])  # a worker that died has a successor with the next number
        return
    folder: Path = tmp_path_factory.mktemp("azurite")
    try:
        with running(folder) as service:
            yield service
    except UnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running server that speaks S3."""
    with moto(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    """A running server that speaks Google's JSON interface; it exists only for Linux."""
    if program() is None:
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("fake-gcs-server is not set up: python3 dev.py setup")
        pytest.skip("there is no fake-gcs-server")
    with fake_gcs(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture
def google() -> Iterator[SignIn]:
    """A sign-in service of Google."""
    with sign_in() as service:
        yield service


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hospital:
    """Two computers on one site, one central store and one cloud journal."""
    return make_hospital(tmp_path, monkeypatch, capsys)
