"""No telemetry, no update check: with a folder as central store the program opens no socket at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import sys
def watch(event, args):
    if event in ("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "http.client.connect"):
        print("NETWORK", event, args, file=sys.stderr, flush=True)
sys.addaudithook(watch)
from chorus_gui.cli.main import entry
sys.exit(entry())
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The whole demonstration, with every socket reported."""
    folder = tmp_path_factory.mktemp("demo") / "made up"
    argv = [sys.executable, "-W", "error", "-c", WATCHED, "demo", str(folder)]
    env = {**os.environ, "CHORUS_UPLOAD_HOME": str(folder.parent / "home"), "PYTHONUTF8": "1"}
    return folder, subprocess.run(argv, capture_output=True, encoding="utf-8", env=env, check=False)


def test_the_demonstration_runs_to_its_end(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = ran
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Submission receipt: Complete") == 2
    versions = [path for path in (folder / "central-store").iterdir() if path.name.isdigit()]
    assert len(versions) == 2
    assert all((version / "journal.db").is_file() for version in versions)


def test_it_opens_no_socket(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    assert "NETWORK" not in ran[1].stderr


def test_the_watch_would_see_one() -> None:
    code = WATCHED.replace("from chorus_gui.cli.main import entry\nsys.exit(entry())", "import socket\nsocket.socket().close()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "NETWORK socket.__new__" in done.stderr


def test_the_guard_of_all_tests_stops_a_connection_that_leaves_this_machine() -> None:
    with socket.socket() as probe, pytest.raises(pytest.fail.Exception, match="wanted to reach"):
        probe.connect(("192.0.2.1", 443))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, pytest.raises(pytest.fail.Exception, match="wanted to reach"):
        probe.sendto(b"x", ("192.0.2.1", 53))


@pytest.mark.parametrize("name", ["getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"])
def test_the_guard_of_all_tests_looks_up_no_name(name: str) -> None:
    ask = getattr(socket, name)
    options = (443,) if name == "getaddrinfo" else ()
    for host in ("192.0.2.1",) if name == "gethostbyaddr" else ("choruspilotstorage.blob.core.windows.net", "upload.chorus4ai.org"):
        with pytest.raises(socket.gaierror):
            ask(host, *options)
    assert ask("127.0.0.1", *options)
