"""The output of the command line: live progress on a terminal, plain lines when piped, JSON on request.

Results go to standard output, progress and errors to standard error.  rich is imported only where something is drawn with it.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from chorus_gui.app.process import is_terminal
from chorus_gui.app.words import duration, files, size
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.job import JobContext, Snapshot
from chorus_gui.core.redact import redact
from chorus_gui.core.shown import json_text, lines, one_line, quoted
from chorus_gui.core.waiting import Waiting

PHASES = {
    "scan": "Scanning",
    "compare": "Comparing",
    "hash": "Checking files whose time changed",
    "record": "Recording",
    "upload": "Uploading",
    "verify": "Verifying",
    "download": "Downloading",
    "readiness": "Checking",
    "examine": "Examining",
}
"""What the lines of progress begin with, by phase"""
LIMITED = ("upload", "verify", "download")
"""Phases in which files are sent or read."""
_NO_READER = (errno.EPIPE, errno.EINVAL, errno.EBADF, errno.ESHUTDOWN)
"""What the system says of a pipe that nobody reads (Windows: EINVAL), or of a stream that was closed."""


def discard(stream: TextIO) -> None:
    """From now on, what is written to this standard stream is gone; the interpreter's last flush cannot fail."""
    with suppress(OSError, ValueError):
        handle = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, handle)
        os.close(nowhere)


class Report:
    """The output of one command."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._drawing = 0
        self.command = ""
        """of which this is the output, as in “journal list”; its JSON is described in ``resources/output.schema.json``"""
        self.closed = False
        """Nobody reads the results any longer, as after “| head”.  A command that only prints may stop."""
        self.lost: OSError | None = None
        """Why results could not be written, if it is a fault: a full disk, for example."""

    def say(self, *texts: str) -> None:
        """Lines of the result, each a text, whatever names are in it; nothing if JSON was requested."""
        if not self.as_json:
            self._result("\n".join(one_line(redact(text)) for text in texts) + "\n")

    def name(self, name: str, end: str = "\n") -> None:
        """A name as a line of a list that is read again: exact, and in quotes where it needs them.  With the end "\\0" byte for byte."""
        if self.as_json:
            return
        if end == "\0":
            self._result(os.fsencode(name) + b"\0", flush=False)
        else:
            self._result(quoted(name) + "\n", flush=False)

    def text(self, text: str) -> None:
        """A text of the program's own, unchanged: a template names the keys of credentials, and contains none."""
        self._result(text + "\n")

    def json(self, value: Any) -> None:
        """The result as JSON, if it was requested."""
        if self.as_json:
            encoding = (getattr(self._out, "encoding", None) or "utf-8").lower()
            self._result(json_text(_redacted(value), ascii_only=not encoding.startswith("utf")) + "\n")

    def json_of_list(self, name: str, items: Iterable[Any], more: Mapping[str, Any]) -> None:
        """As :meth:`json`, of a value with a list that can be long: its items are written as they come."""
        if not self.as_json:
            return
        ascii_only = not (getattr(self._out, "encoding", None) or "utf-8").lower().startswith("utf")
        self._result(f'{{\n  "{name}": [', flush=False)
        comma = "\n    "
        for item in items:
            self._result(comma + json_text(_redacted(item), ascii_only=ascii_only, indent=None), flush=False)
            comma = ",\n    "
        rest = json_text(_redacted(dict(more)), ascii_only=ascii_only)
        self._result(f"{'' if comma.startswith(chr(10)) else chr(10) + '  '}],\n{rest[2:]}\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
        """A table in aligned columns, and nothing without rows.  Columns named ">…" are aligned right."""
        if self.as_json or not rows:
            return
        names = [name.lstrip(">") for name in columns]
        cells = [[_cell(value) for value in row] for row in rows]
        if title:
            self.say(title)
        widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(names)]

        def line(values: Sequence[str]) -> str:
            parts = [v.rjust(w) if c.startswith(">") else v.ljust(w) for v, w, c in zip(values, widths, columns, strict=True)]
            return "  ".join(parts).rstrip()

        self.say(line(names))
        self.say("  ".join("-" * width for width in widths))
        for row in cells:
            self.say(line(row))

    def finish(self) -> None:
        """Write what is still in memory.  Call at the end of the command, before its status is decided."""
        self._result("")

    def _result(self, text: str | bytes, *, flush: bool = True) -> None:
        """Write a result.  A reader that left and a disk that is full change nothing about the work: see :attr:`closed` and :attr:`lost`."""
        if self.closed or self.lost is not None:
            return
        try:
            if isinstance(text, bytes):
                self._out.flush()
                self._out.buffer.write(text)
            else:
                self._out.write(text)
            if flush:
                self._out.flush()
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_READER:
                self.lost = error
            else:
                self.closed = True
            discard(self._out)

    def note(self, text: str) -> None:
        """A sentence while the command runs, not part of the result."""
        self._print(text)

    def warn(self, text: str) -> None:
        """A sentence that does not stop the command."""
        self._print(f"Warning: {text}")

    def error(self, error: ChorusError | str) -> None:
        """What went wrong, and what to do."""
        self._print(f"Error: {error}")

    def _print(self, text: str) -> None:
        """On standard error.  If nobody reads it any longer, neither the work nor the exit status changes."""
        with suppress(OSError, ValueError):
            print(lines(redact(text)), file=self._err, flush=True)

    @contextmanager
    def progress(self, ctx: JobContext) -> Iterator[None]:
        """Show the counters of ``ctx`` while the block runs, in a thread of its own that only reads them."""
        stop = threading.Event()
        live = is_terminal(self._err)
        looker = threading.Thread(target=self._draw if live else self._lines, args=(ctx, stop), name="progress", daemon=True)
        self._drawing += 1
        looker.start()
        try:
            yield
        finally:
            stop.set()
            looker.join()
            self._drawing -= 1

    @contextmanager
    def waits(self, ctx: JobContext) -> Iterator[None]:
        """Say what the command waits for while the block runs, also where it shows no progress: during a check-out, for example."""
        stop = threading.Event()
        looker = threading.Thread(target=self._say_waits, args=(ctx, stop), name="waits", daemon=True)
        looker.start()
        try:
            yield
        finally:
            stop.set()
            looker.join()

    def _say_waits(self, ctx: JobContext, stop: threading.Event) -> None:
        said: object = None
        while not stop.wait(0.25):
            if self._drawing:  # the progress says it
                said = None
                continue
            snap = ctx.progress.snapshot()
            now = snap.waiting and (snap.waiting.why, snap.waiting.since, snap.waiting.file)
            if now == said:
                continue
            said = now
            if self.as_json:
                self._print(json_line(snap))
            elif snap.waiting is not None:
                self._print(snap.waiting.text)

    def _lines(self, ctx: JobContext, stop: threading.Event) -> None:
        """One line per phase, one when a wait begins or ends, and one every ten seconds; JSON if the result is."""
        said: tuple[str, object] = ("", None)
        rounds, warned = 0, False
        while not stop.wait(0.25):
            snap = ctx.progress.snapshot()
            rounds += 1
            if snap.warning and not warned:
                warned = True
                self.warn(snap.warning)
            now = (snap.phase, snap.waiting and (snap.waiting.why, snap.waiting.since, snap.waiting.file))
            if (now != said or rounds % 40 == 0) and (snap.phase or snap.waiting or said[1]):
                said = now
                self._print(json_line(snap) if self.as_json else _line(snap))

    def _draw(self, ctx: JobContext, stop: threading.Event) -> None:
        with suppress(OSError, ValueError):  # the terminal was closed
            self._draw_live(ctx, stop)

    def _draw_live(self, ctx: JobContext, stop: threading.Event) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(file=self._err)
        with Live(console=console, refresh_per_second=10, transient=True) as live:
            while not stop.wait(0.1):
                snap = ctx.progress.snapshot()
                text = Text(one_line(_line(snap, wait=False)), style="bold", overflow="ellipsis")
                if snap.waiting is not None:
                    text.append(f"\n{one_line(redact(snap.waiting.text))}", style="yellow")
                elif snap.warning:
                    text.append(f"\n{one_line(redact(snap.warning))}", style="yellow")
                for name, count in snap.by_modality.items():
                    if name:
                        text.append(f"\n  {name:<10} {_counts(count)}", style="default")
                for active in snap.active[:4]:
                    share = f"{active.done * 100 // active.size:3d} %" if active.size else "     "
                    text.append(f"\n    {share}  {one_line(redact(active.path))}", style="dim")
                if ctx.paused:
                    text.append("\n  paused", style="yellow")
                live.update(text)


PROSE = frozenset(
    [
        "cause",
        "common",
        "detail",
        "error",
        "headline",
        "less_history",
        "meaning",
        "note",
        "notes",
        "options",
        "problem",
        "reason",
        "remedy",
        "says",
        "text",
        "title",
        "warnings",
        "what",
        "why",
    ]
)
"""Keys of JSON whose texts are sentences: of the program, of a server, of a colleague.  A secret may have got into those alone."""


def _redacted(value: Any, *, prose: bool = False) -> Any:
    """Text by text: removing a secret from the whole JSON could remove a quote, too.  Names are data, and stay exact."""
    if isinstance(value, Mapping):
        return {key: _redacted(part, prose=prose or key in PROSE) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(part, prose=prose) for part in value]
    return redact(value) if prose and isinstance(value, str) else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (
        f"{value:,}" if isinstance(value, int) else one_line(redact(str(value)))
    )  # first: what is shown for a control character ends in a letter or digit


def _counts(count: Any) -> str:
    done = f"{count.files:,} of {files(count.total_files)}" if count.total_files is not None else files(count.files)
    sizes = size(count.bytes) + (f" of {size(count.total_bytes)}" if count.total_bytes is not None else "")
    return f"{done}, {sizes}" + (f", {count.failed:,} failed" if count.failed else "")


def json_line(snap: Snapshot) -> str:
    """Progress for a program: one line of JSON on standard error."""
    total = snap.total
    rate, left = _pace(snap)
    value = {
        "phase": snap.phase,
        "note": snap.note,
        "files": total.files,
        "total_files": total.total_files,
        "bytes": total.bytes,
        "total_bytes": total.total_bytes,
        "failed": total.failed,
        "seconds": round(snap.elapsed, 1),
        "bytes_per_second": rate and round(rate),
        "seconds_left": left and round(left),
        "limit": snap.limit or None,
        "warning": snap.warning or None,
        "waiting": snap.waiting and waiting_fields(snap.waiting),
    }
    return json_text({"progress": _redacted(value)}, ascii_only=True, indent=None)


def waiting_fields(waiting: Waiting) -> dict[str, Any]:
    """What a job waits for, as JSON: times in ISO 8601."""
    return {
        "place": waiting.place,
        "why": waiting.why.value,
        "since": waiting.since.isoformat(),
        "until": waiting.until and waiting.until.isoformat(),
        "again": waiting.again and waiting.again.isoformat(),
        "file": waiting.file or None,
        "credential": waiting.credential or None,
        "gave_up": not waiting.ends,
        "text": waiting.text,
    }


def _pace(snap: Snapshot) -> tuple[float | None, float | None]:
    """Bytes a second and seconds left; None while nothing moves."""
    total = snap.total
    if snap.waiting is not None or snap.elapsed < 1 or not total.bytes or snap.phase not in ("upload", "record", "verify", "download"):
        return None, None
    rate = total.bytes / snap.elapsed
    left = (total.total_bytes - total.bytes) / rate if total.total_bytes and total.total_bytes > total.bytes else None
    return rate, left


def _line(snap: Snapshot, *, wait: bool = True) -> str:
    """A phase in one line.  ``wait``: with what the job waits for."""
    name = PHASES.get(snap.phase, snap.phase.capitalize())
    total = snap.total
    if snap.waiting is not None:  # nothing can be said about the time that is left
        counted = f"{name}: {_counts(total)}" if total.files else name
        return (f"{counted}. {snap.waiting.text}" if total.files else snap.waiting.text) if wait else counted
    if not snap.phase:
        return snap.note or "Continuing."
    text = f"{name}: {snap.note}" if snap.note and not total.files else f"{name}: {_counts(total)}"
    rate, left = _pace(snap)
    if rate is not None:
        text += f", {size(round(rate))}/s"
    if left is not None:
        text += f", {duration(left)} left"
    if snap.limit and snap.phase in LIMITED:
        text += f", limit: {snap.limit}"
    return f"{text}; {snap.note}" if snap.note and total.files else text
