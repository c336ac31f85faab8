"""The result of a verification as a file: CSV that a spreadsheet opens safely, or JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from chorus_gui.core.transfer.verify import Verdict

COLUMNS = ("version", "modality", "path", "result", "level", "size", "md5", "uploaded", "store_path", "detail")


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is given an apostrophe in front (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """One verdict by column name."""
    row = verdict.row
    values = (
        row.version,
        row.modality,
        row.path,
        verdict.result.value,
        verdict.level.value if verdict.level else None,
        row.size,
        row.md5,
        row.uploaded,
        verdict.store_path,
        verdict.detail,
    )
    return dict(zip(COLUMNS, values, strict=True))


class Writer:
    """Writes verdicts as they come: CSV, or a JSON array where the file's name ends in ``.json``."""

    def __init__(self, file: Path) -> None:
        self._json = file.suffix.lower() == ".json"
        self._stream = file.open("w", encoding="utf-8" if self._json else "utf-8-sig", newline="")
        self._csv = csv.writer(self._stream)
        self._first = True
        if self._json:
            self._stream.write("[")
        else:
            self._csv.writerow(COLUMNS)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._json:
            self._stream.write("\n]\n")
        self._stream.close()

    def write(self, verdict: Verdict) -> None:
        """Add one."""
        values = verdict_json(verdict)
        if self._json:
            self._stream.write(("\n" if self._first else ",\n") + json.dumps(values, ensure_ascii=False))
            self._first = False
        else:
            self._csv.writerow([safe_cell(value) for value in values.values()])
