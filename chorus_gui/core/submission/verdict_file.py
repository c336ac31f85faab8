"""The result of a verification as a file: CSV that a spreadsheet opens safely, or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from chorus_gui.core import private
from chorus_gui.core.errors import UsageError
from chorus_gui.core.refused import refusal
from chorus_gui.core.transfer.verify import Verdict

COLUMNS = ("version", "modality", "path", "result", "level", "size", "md5", "uploaded", "store_path", "detail")


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is given an apostrophe in front (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def verdict_values(verdict: Verdict) -> tuple[Any, ...]:
    """One verdict in the order of :data:`COLUMNS`."""
    row = verdict.row
    level = verdict.level.value if verdict.level else None
    return (
        row.version, row.modality, row.path, verdict.result.value, level, row.size, row.md5, row.uploaded, verdict.store_path, verdict.detail
    )  # fmt: skip


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """One verdict by column name."""
    return dict(zip(COLUMNS, verdict_values(verdict), strict=True))


class VerdictFile:
    """Writes verdicts as they come, each in the order of :data:`COLUMNS`."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._json = as_json
        self._csv = csv.writer(stream)
        self._between = "\n"
        if as_json:
            stream.write("[")
        else:
            self._csv.writerow(COLUMNS)

    def write(self, values: Sequence[Any]) -> None:
        """Add one."""
        if self._json:
            named = dict(zip(COLUMNS, values, strict=True))
            self._stream.write(self._between + json.dumps(named, ensure_ascii=False))
            self._between = ",\n"
        else:
            self._csv.writerow([safe_cell(value) for value in values])

    def end(self) -> None:
        """What closes the file's form."""
        if self._json:
            self._stream.write("\n]\n")


@contextmanager
def verdict_file(file: Path) -> Generator[VerdictFile]:
    """A new file: JSON (an array) where its name ends in ``.json``, else CSV; readable by this user alone, for it names patients.

    It takes its name when the block ends; until then, or if the block fails, what bore the name before is left alone.
    Raises :class:`UsageError` if it cannot be written.
    """
    as_json = file.suffix.lower() == ".json"
    encoding, errors = ("utf-8", "backslashreplace") if as_json else ("utf-8-sig", "surrogateescape")
    try:
        # A name that is not Unicode keeps its bytes in CSV; in JSON the replacement is the escape that JSON has for them.
        with private.replacing(file) as out, io.TextIOWrapper(out, encoding=encoding, errors=errors, newline="") as stream:
            table = VerdictFile(stream, as_json=as_json)
            yield table
            table.end()
    except OSError as error:
        why, remedy = refusal(error, file, "Choose another folder, or close the program that has it open.")
        raise UsageError(f"Could not write “{file}”: {why}.", remedy=remedy) from error
