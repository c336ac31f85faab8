"""An HTTP proxy on loopback that injects faults between a blob client and a blob service (an emulator, for instance).

It needs only the standard library.  It reads each request as a whole, asks a *rule* what to do with it, and either
answers itself, breaks the connection, or forwards the request and changes the answer.  It speaks plain HTTP on both
sides.  One request goes to the service on one connection.

On the command line, one fault at a time:

    python3 faultproxy.py --upstream 10000                                   # forward only; log the requests
    python3 faultproxy.py --upstream 10000 --kind PutBlob --times 2 reset     # reset the first two Put Blob requests
    python3 faultproxy.py --upstream 10000 --kind PutBlock --times 0 drip_in 60000
    python3 faultproxy.py --upstream 10000 --path '/s0003\\.dat$' --skip 1 status 503 ServerBusy Retry-After=7
    python3 faultproxy.py --upstream 10000 --every 5 reset

``--upstream``  port of the service on loopback (required)
``--port``      port to listen on (0, the default: any free port; it is printed)
``--kind``      only requests of these kinds, separated by commas: PutBlob, PutBlock, PutBlockList, GetBlockList,
                List, Get, Head, Delete, Copy, PutOther
``--path``      only requests whose path matches this regular expression
``--skip``      leave the first N matching requests alone (0)
``--times``     then inject the fault into N matching requests (1; 0: into all)
``--every``     inject it into each Nth matching request instead of the first ones
``--log``       write one JSON line for each request to this file; without it, to standard output
``--seconds``   stop after this time (0, the default: run until interrupted)

From Python, for rules of any kind:

    proxy = Proxy(upstream=10000)
    proxy.rule = lambda request, number: ("reset",) if number % 5 == 4 else None
    ...                                   # the client uses http://127.0.0.1:{proxy.port}/ACCOUNT
    proxy.down(); proxy.start()           # refuse connections for a while, then listen on the same port again
    print(proxy.log); proxy.close()

The faults, each a tuple of a name and its arguments:

before the service sees the request
    reset                      reset the connection after the head
    reset_mid BYTES            reset it after so many bytes of the body
    stall_mid BYTES SECONDS    stop reading the body there, reset after this time
    drip_in BYTES_PER_SECOND   read the body slowly, then forward it
    early STATUS HEADERS BODY  answer before the body is read, then close
    status STATUS HEADERS BODY answer with this, forward nothing
    raw BYTES                  answer with these bytes, then close
    stall SECONDS              read the request, say nothing, reset after this time
    halfclose SECONDS          close the sending side only, then wait
    fin                        close without an answer
    flip OFFSET                flip one bit of the body, then forward it
    delay SECONDS              forward after this time
after the service has done the request
    dup                        deliver it twice, return the second answer
    dup_first                  deliver it twice, return the first answer
    after CALLABLE             call this, then return the answer
    lost                       reset instead of the answer
    lost_stall SECONDS         say nothing, reset after this time
    trunc BYTES                return the head and so many bytes of the body, then close
    trunc_head BYTES           return so many bytes of the head, then close
    flip_resp OFFSET           flip one bit of the answer's body (if it is longer than 200 bytes)
    clen DIFFERENCE            change Content-Length by this, then close
    http10                     answer as HTTP/1.0, then close
    drip_out BYTES_PER_SECOND  return the body slowly
    hdr {NAME: VALUE}          set headers of the answer; None removes one
    idle_close                 return the answer, then close
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Fault = tuple[Any, ...]
HALF_MINUTE = 30
FAULTS = {
    "reset",
    "reset_mid",
    "stall_mid",
    "drip_in",
    "early",
    "status",
    "raw",
    "stall",
    "halfclose",
    "fin",
    "flip",
    "delay",
    "dup",
    "dup_first",
    "after",
    "lost",
    "lost_stall",
    "trunc",
    "trunc_head",
    "flip_resp",
    "clen",
    "http10",
    "drip_out",
    "hdr",
    "idle_close",
    "pass",
}


class Request:
    """The head of one request: method, path, query, headers, length of the body, and its kind in terms of the blob service."""

    def __init__(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.protocol = lines[0].split(" ", 2)
        self.path, _, self.query = self.target.partition("?")
        self.headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers[name.strip().lower()] = value.strip()
        self.length = int(self.headers.get("content-length") or 0)
        self.kind = self._kind()

    def _kind(self) -> str:
        query = f"{self.query}&"
        if self.method == "PUT":
            if "comp=block&" in query:
                return "PutBlock"
            if "comp=blocklist&" in query:
                return "PutBlockList"
            if "x-ms-blob-type" in self.headers:
                return "PutBlob"
            return "Copy" if "x-ms-copy-source" in self.headers else "PutOther"
        if self.method == "GET":
            return "GetBlockList" if "comp=blocklist&" in query else "List" if "comp=list&" in query else "Get"
        return {"HEAD": "Head", "DELETE": "Delete"}.get(self.method, self.method)


def error_body(code: str, message: str = "Injected.") -> bytes:
    """The XML body that the blob service sends with an error."""
    return f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


def service_error(status: int, code: str, **headers: str) -> Fault:
    """A ``status`` fault that looks like an error of the blob service.  ``Retry_After="7"`` becomes ``Retry-After: 7``."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {"x-ms-error-code": code, "x-ms-request-id": "11111111-2222-3333-4444-555555555555", "Content-Type": "application/xml"}
    return ("status", status, head | more, error_body(code))


class Proxy:
    """The proxy, in a thread of its own.  ``rule(request, number)`` returns a fault, or None to forward; ``log`` has one entry for each request."""

    def __init__(self, upstream: int, port: int = 0) -> None:
        self.upstream, self.port = upstream, port
        self.rule: Callable[[Request, int], Fault | None] = lambda request, number: None
        self.note: Callable[[dict[str, Any]], None] = lambda entry: None
        self.log: list[dict[str, Any]] = []
        self._number = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def start(self) -> None:
        """Listen; after :meth:`down`, again on the same port."""

        async def listen() -> None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 20)
            assert self._server is not None
            self.port = self._server.sockets[0].getsockname()[1]

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(HALF_MINUTE)

    def down(self) -> None:
        """Refuse new connections and reset the open ones."""

        async def stop() -> None:
            assert self._server is not None
            await stop_listening(self._server)
            for writer in list(self._open):
                _reset(writer)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(HALF_MINUTE)

    def close(self) -> None:
        """End the proxy for good."""
        self.down()

        async def end() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for writer in list(self._open):  # one whose task was cancelled before its first step
                _reset(writer)
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(HALF_MINUTE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(HALF_MINUTE)
        self._loop.close()

    async def _forward(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream, limit=1 << 22)
        try:
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"expect:"))]
            lines.insert(lines.index(b""), b"Connection: close")
            writer.write(b"\r\n".join(lines) + body)
            await writer.drain()
            answer = await reader.read(-1)
        finally:
            writer.close()
        top, _, rest = answer.partition(b"\r\n\r\n")
        kept = [line for line in top.split(b"\r\n") if not line.lower().startswith((b"connection:", b"keep-alive:"))]
        return b"\r\n".join(kept), rest

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Know the connection at once: a task that is cancelled before its first step runs no ``finally``."""
        self._open.add(writer)
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            _reset(writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request.  False: the connection is finished."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        request = Request(head)
        name, *args = self.rule(request, self._number) or ("pass",)
        if name not in FAULTS:
            raise ValueError(f"There is no fault {name!r}.")
        self._number += 1
        entry: dict[str, Any] = {
            "time": round(time.time(), 3), "kind": request.kind, "method": request.method, "path": request.path, "query": request.query,
            "length": request.length, "content_md5": "content-md5" in request.headers, "fault": name, "status": None,
        }  # fmt: skip
        self.log.append(entry)
        try:
            body = await self._before(name, args, request, reader, writer, entry)
            if body is None:
                return entry["status"] is not None
            return await self._after(name, args, head, body, writer, entry)
        finally:
            self.note(entry)

    async def _before(
        self,
        name: str,
        args: list[Any],
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        entry: dict[str, Any],
    ) -> bytes | None:
        """The body to forward, or None if the request goes no further."""
        if name == "reset":
            _reset(writer)
            return None
        if name in ("reset_mid", "stall_mid"):
            await _take(reader, min(args[0], request.length))
            if name == "stall_mid":
                await asyncio.sleep(args[1])
            _reset(writer)
            return None
        if name == "early":
            _answer(writer, *args)
            await writer.drain()
            return None
        if name == "drip_in":
            body = b""
            while len(body) < request.length:
                piece = await reader.read(min(1024, request.length - len(body)))
                if not piece:
                    return None
                body += piece
                await asyncio.sleep(len(piece) / args[0])
        else:
            body = await reader.readexactly(request.length)
        if name == "status":
            entry["status"] = args[0]
            _answer(writer, *args, head_only=request.method == "HEAD")
            await writer.drain()
        elif name == "raw":
            writer.write(args[0])
            await writer.drain()
        elif name == "stall":
            await asyncio.sleep(args[0])
            _reset(writer)
        elif name == "halfclose":
            writer.write_eof()
            await asyncio.sleep(args[0])
        elif name != "fin":
            if name == "delay":
                await asyncio.sleep(args[0])
            return _flipped(body, args[0]) if name == "flip" and body else body
        return None

    async def _after(
        self, name: str, args: list[Any], head: bytes, body: bytes, writer: asyncio.StreamWriter, entry: dict[str, Any]
    ) -> bool:
        """Forward, and return the answer with the fault.  False: the connection is finished."""
        top, rest = await self._forward(head, body)
        if name in ("dup", "dup_first"):
            again = await self._forward(head, body)
            entry["status_of_second"] = _status(again[0])
            if name == "dup":
                top, rest = again
        entry["status"] = _status(top)
        if name == "after":
            args[0]()
        if name in ("lost", "lost_stall"):
            if args:
                await asyncio.sleep(args[0])
            _reset(writer)
            return False
        if name == "trunc_head":
            writer.write(top[: args[0]])
            await writer.drain()
            return False
        if name == "trunc":
            rest = rest[: args[0]]
        elif name == "flip_resp" and len(rest) > 200:
            rest = _flipped(rest, args[0])
        elif name == "clen":
            top = re.sub(rb"(?i)content-length: (\d+)", lambda found: b"Content-Length: %d" % max(0, int(found[1]) + args[0]), top)
            if b"content-length" not in top.lower():
                top += b"\r\nContent-Length: %d" % args[0]
        elif name == "http10":
            top = top.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
            if re.search(rb"(?i)transfer-encoding: chunked", top):
                top = re.sub(rb"(?i)\r\ntransfer-encoding: chunked", b"", top)
                rest = _dechunked(rest)
        elif name == "hdr":
            for header, value in args[0].items():
                top = re.sub(rb"(?im)^" + header.encode() + rb":.*\r?\n?", b"", top + b"\r\n").rstrip(b"\r\n")
                if value is not None:
                    top += f"\r\n{header}: {value}".encode()
        writer.write(top + b"\r\n\r\n")
        step = 256 if name == "drip_out" else len(rest) or 1
        for start in range(0, len(rest), step):
            writer.write(rest[start : start + step])
            await writer.drain()
            if name == "drip_out":
                await asyncio.sleep(step / args[0])
        await writer.drain()
        return name not in ("trunc", "clen", "http10", "idle_close")


async def _take(reader: asyncio.StreamReader, count: int) -> None:
    while count > 0 and (piece := await reader.read(min(65536, count))):
        count -= len(piece)


async def stop_listening(server: asyncio.Server) -> None:
    """Accept no more connections.  The loop first takes in those that it has accepted: a closed server loses them without closing them."""
    for listening in server.sockets:
        with contextlib.suppress(NotImplementedError):  # Windows' loop has no readers
            server.get_loop().remove_reader(listening.fileno())
    for _ in range(3):
        await asyncio.sleep(0)
    server.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _answer(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes, *, head_only: bool = False) -> None:
    lines = [f"HTTP/1.1 {status} Injected", *(f"{name}: {value}" for name, value in ({"Content-Length": str(len(body))} | headers).items())]
    writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if head_only else body))


def _status(top: bytes) -> int:
    return int(top.split(b" ", 2)[1]) if top else 0


def _flipped(data: bytes, offset: int) -> bytes:
    offset %= len(data)
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def _dechunked(data: bytes) -> bytes:
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        out, data = out + data[:length], data[length + 2 :]
    return out


def _fault(words: list[str]) -> Fault | None:
    """A fault from words of the command line."""
    if not words:
        return None
    name, *args = words
    if name not in FAULTS or name == "after":
        raise SystemExit(f"There is no fault “{name}” for the command line; the module's text lists them.")
    if name in ("status", "early"):  # STATUS [CODE] [NAME=VALUE ...]
        code = args[1] if len(args) > 1 and "=" not in args[1] else "InternalError"
        headers = dict(arg.split("=", 1) for arg in args[1:] if "=" in arg)
        return (name, *service_error(int(args[0]), code, **headers)[1:])
    if name == "hdr":
        return (name, dict(arg.split("=", 1) for arg in args))
    if name == "raw":
        return (name, " ".join(args).encode().decode("unicode_escape").encode("latin-1"))
    return (name, *(float(arg) if "." in arg else int(arg) for arg in args))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Inject faults between a blob client and a blob service.", epilog="The module's text lists the faults."
    )
    parser.add_argument("--upstream", type=int, required=True, help="port of the service on loopback")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any free port)")
    parser.add_argument("--kind", default="", help="only requests of these kinds, separated by commas")
    parser.add_argument("--path", default="", help="only requests whose path matches this regular expression")
    parser.add_argument("--skip", type=int, default=0, help="leave the first N matching requests alone")
    parser.add_argument("--times", type=int, default=1, help="inject the fault N times (0: always)")
    parser.add_argument("--every", type=int, default=0, help="inject it into each Nth matching request")
    parser.add_argument("--log", help="file for one JSON line for each request (default: standard output)")
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (0: run until interrupted)")
    parser.add_argument("fault", nargs="*", help="the fault and its arguments, as in the module's text")
    args = parser.parse_args()
    fault, kinds, matched = _fault(args.fault), set(filter(None, args.kind.split(","))), 0

    def rule(request: Request, number: int) -> Fault | None:
        nonlocal matched
        if (kinds and request.kind not in kinds) or not re.search(args.path, request.path):
            return None
        matched += 1
        if args.every:
            return fault if matched % args.every == 0 else None
        turn = matched - args.skip
        return fault if turn > 0 and (args.times == 0 or turn <= args.times) else None

    out = open(args.log, "a", encoding="utf-8") if args.log else sys.stdout  # noqa: SIM115 - open until the end
    proxy = Proxy(args.upstream, args.port)
    proxy.rule, proxy.note = rule, lambda entry: print(json.dumps(entry), file=out, flush=True)
    print(f"listening on 127.0.0.1:{proxy.port}", file=sys.stderr, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait(args.seconds or None)
    proxy.close()


if __name__ == "__main__":
    main()
