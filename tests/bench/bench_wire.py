"""What a small put costs this computer's processor, by the client that sends it: ``python3 dev.py bench wire``.

Every candidate sends the same files of 4 KiB, with their MD5, to the same endpoint on this computer, directly and behind TLS.  Counted is
the processor time of this process, in milliseconds for each put, the median of some rounds; the candidates take turns.  The row
"nothing sent" is what Python does around the wire.
"""

from __future__ import annotations

import argparse
import http.client
import os
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from azure_places import azure_place
from sink import sink, terminator

from chorus_gui.core.config.credentials import AccountKey, Sas
from chorus_gui.core.storage.azure.client import connect
from chorus_gui.core.storage.azure.lean_wire import LeanWire
from chorus_gui.core.storage.azure.login import NOBODY, Login
from chorus_gui.core.storage.azure.sdk_wire import SdkWire
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import Buffer
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.http.channel import Answer, NoAnswerError, Trouble

DATA = os.urandom(4096)


class Nothing:
    """Sends nothing."""

    answer = Answer(201, {"etag": '"1"', "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==", "x-ms-request-id": "r"})

    def exchange(self, *_request: Any, **_options: Any) -> Answer:
        return self.answer

    def close(self) -> None:
        pass


class StandardLibrary(Nothing):
    """http.client, with a connection for each thread."""

    def __init__(self, port: int, trust: ssl.SSLContext | None) -> None:
        self._make: Callable[[], http.client.HTTPConnection] = lambda: (
            http.client.HTTPSConnection("127.0.0.1", port, context=trust) if trust else http.client.HTTPConnection("127.0.0.1", port)
        )
        self._idle: list[http.client.HTTPConnection] = []

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: Buffer, **_options: Any) -> Answer:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._make()
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        self._idle.append(connection)
        return found

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


class Urllib3(Nothing):
    """urllib3's pool."""

    def __init__(self, port: int, trust: ssl.SSLContext | None) -> None:
        import urllib3

        if trust:
            self._pool: Any = urllib3.HTTPSConnectionPool("127.0.0.1", port, maxsize=32, retries=False, ssl_context=trust)
        else:
            self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=32, retries=False)

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: Buffer, **_options: Any) -> Answer:
        answer = self._pool.urlopen(method, target, body=body, headers=dict(headers), redirect=False)
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def close(self) -> None:
        self._pool.close()


def httptools_head(data: bytes) -> tuple[int, Answer]:
    """As ``parsed_head``, by httptools."""
    import httptools  # pyright: ignore[reportMissingImports]

    headers: dict[str, str] = {}

    class Protocol:
        def on_header(self, name: bytes, value: bytes) -> None:
            headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    parser: Any = httptools.HttpResponseParser(Protocol())  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        parser.feed_data(data + b"\r\n\r\n")
    except Exception as error:
        raise NoAnswerError(Trouble.STRANGE, began=True) from error
    return 1, Answer(parser.get_status_code(), headers)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=1500, help="for each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--key", action="store_true", help="sign with an account key instead of a SAS token")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sink(folder) as port, terminator(folder, port) as (secure, file):
            os.environ["REQUESTS_CA_BUNDLE"] = str(file)
            columns: dict[str, dict[str, float]] = {}
            for threads in args.threads:
                columns[f"{threads} threads"] = _measure(f"http://127.0.0.1:{port}/acct", port, None, threads, args)
                trust = ssl.create_default_context(cafile=file)
                columns[f"{threads}, TLS"] = _measure(f"https://127.0.0.1:{secure}/acct", secure, trust, threads, args)
    print(f"Processor time of the client for a put of 4 KiB with its MD5, ms (median of {args.rounds} × {args.puts})\n")
    print(f"| {'client':24} | {' | '.join(f'{name:>11}' for name in columns)} |")
    print(f"|{'-' * 26}|{'|'.join('-' * 12 + ':' for _ in columns)}|")
    for candidate in next(iter(columns.values())):
        print(f"| {candidate:24} | {' | '.join(f'{column[candidate]:11.3f}' for column in columns.values())} |")


def _measure(url: str, port: int, trust: ssl.SSLContext | None, threads: int, args: argparse.Namespace) -> dict[str, float]:
    credentials = AccountKey("a2V5") if args.key else Sas("sv=2024-11-04&sp=rcwl&sig=eA%3D%3D")
    connection = connect(azure_place("acct", url, credentials), Login(NOBODY))
    own = connection.wire()
    others: dict[str, Any] = {"nothing sent": Nothing(), "http.client": StandardLibrary(port, trust), "urllib3": Urllib3(port, trust)}
    wires: dict[str, Any] = {"azure-storage-blob": SdkWire(connection)}
    wires |= {name: LeanWire(connection, client) for name, client in others.items()}
    wires["socket, own parser"] = own
    with suppress(ImportError):
        import httptools  # pyright: ignore[reportMissingImports, reportUnusedImport]  # noqa: F401

        wires["socket, httptools"] = own
    found: dict[str, list[float]] = {name: [] for name in wires}
    for number in range(args.rounds + 1):
        for name, wire in wires.items():
            with closing(AzureStore(azure_place("acct", url, credentials), wire=wire)) as store, _parser(name):
                spent = _spent(store, threads, args.puts)
            if number:  # the first round opens the connections
                found[name].append(spent)
    connection.close()
    for client in others.values():
        client.close()
    return {name: statistics.median(times) for name, times in found.items()}


class _parser:  # noqa: N801 - a context
    """httptools in place of the own parser, for the candidate of that name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        from chorus_gui.core.storage.http import channel

        self._kept = channel.parsed_head
        if self._name == "socket, httptools":
            channel.parsed_head = httptools_head

    def __exit__(self, *_error: object) -> None:
        from chorus_gui.core.storage.http import channel

        channel.parsed_head = self._kept


def _spent(store: AzureStore, threads: int, puts: int) -> float:
    def put(number: int) -> None:
        store.put(f"v1/Images/{number:06d}.dcm", DATA, md5=md5_of(DATA).digest())

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(put, range(threads)))
        began = time.process_time()
        list(pool.map(put, range(puts)))
        return (time.process_time() - began) * 1000 / puts


if __name__ == "__main__":
    main()
