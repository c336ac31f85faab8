"""A slow line that all connections share, with TLS: a hospital's uplink in front of a blob service.

It ends TLS, forwards bytes to the service as they are, and lets only so many bytes a second pass towards it.  Unlike the fault proxy it knows
nothing of HTTP: a request is not read as a whole before it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from pathlib import Path

from faultproxy import stop_listening

PIECE = 4096
RECEIVE_BUFFER = 64 * 1024
"""Bytes that wait in front of the line for each connection, as in a small router."""


class Uplink:
    """Listens on loopback with TLS (``certificate`` has the key, too); ``bytes_per_second`` may be changed.  ``received``: bytes that came from the program.

    ``back``: what the service sends goes over the slow line, too; ``returned`` are its bytes.
    """

    def __init__(self, upstream: int, bytes_per_second: float, certificate: Path, *, back: bool = False) -> None:
        self.bytes_per_second = bytes_per_second
        self.received = self.returned = 0
        self._slow_back = back
        self.cut = 0
        """connections that the program ended in the middle of a request"""
        self._upstream = upstream
        self._free_at = time.monotonic()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)

    async def _listen(self) -> int:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)  # a connection inherits it
        listening.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._connected, sock=listening, ssl=self._context, limit=RECEIVE_BUFFER)
        return int(listening.getsockname()[1])

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Know the connection at once: a task that is cancelled before its first step runs no ``finally``."""
        task = self._loop.create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        back = asyncio.ensure_future(self._back(up_reader, writer))
        try:
            while piece := await reader.read(PIECE):
                self.received += len(piece)
                await self._turn(len(piece))
                up_writer.write(piece)
                await up_writer.drain()
        except (OSError, ssl.SSLError):
            self.cut += 1
        finally:
            with contextlib.suppress(OSError):
                up_writer.close()
            await asyncio.wait([back], timeout=5)
            with contextlib.suppress(OSError, ssl.SSLError):
                writer.close()

    async def _turn(self, size: int) -> None:
        """Wait for the turn of so many bytes on the shared line."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + size / self.bytes_per_second
        await asyncio.sleep(max(0.0, self._free_at - now))

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while piece := await reader.read(PIECE if self._slow_back else 65536):
                self.returned += len(piece)
                if self._slow_back:
                    await self._turn(len(piece))
                writer.write(piece)
                await writer.drain()
        with contextlib.suppress(OSError, ssl.SSLError):
            writer.close()  # the service ended an idle connection: otherwise the next request on it would go nowhere

    def close(self) -> None:
        """Stop listening, and end every connection."""

        async def end() -> None:
            await stop_listening(self._server)
            writers = list(self._open.values())
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for writer in writers:
                writer.transport.abort()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
