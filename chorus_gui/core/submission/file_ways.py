"""The list of the files that a run confirmed in the central store, and which way each went: a CSV file, compressed while it grows."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterable
from enum import Enum

from chorus_gui.core.receipt import FileList
from chorus_gui.core.submission.verdict_file import safe_cell

HEADER = ("modality", "version", "path", "size", "way")


class Way(Enum):
    """How a file came into the central store; the words of the receipt's sums."""

    SENT = "sent"
    FETCHED = "fetched"
    COPIED = "copied"
    FOUND = "found"

    @classmethod
    def of(cls, *, fetched: bool) -> Way:
        """Of a file that was uploaded: by the store's service, or by the program."""
        return cls.FETCHED if fetched else cls.SENT


class FileWays:
    """Files in the order in which the journal has them as uploaded.  In memory, a file needs about ten bytes.  Not for several threads."""

    def __init__(self) -> None:
        self._data = io.BytesIO()
        self._text: io.TextIOWrapper | None = None
        self.count = 0

    def add(self, modality: str, version: str, files: Iterable[tuple[str, int]], way: Way) -> None:
        """``files``: path and size."""
        out = self._opened()
        writer = csv.writer(out)
        for path, size in files:
            writer.writerow([safe_cell(modality), safe_cell(version), safe_cell(path), size, way.value])
            self.count += 1

    def csv_gz(self) -> bytes:
        """All of them so far; b"" if there are none."""
        if self._text is not None:
            self._text.close()
            self._text = None
        return self._data.getvalue()

    def facts(self) -> FileList | None:
        """What the receipt says about the list; None if there is none."""
        data = self.csv_gz()
        return FileList(self.count, hashlib.sha256(data).hexdigest()) if data else None

    def _opened(self) -> io.TextIOWrapper:
        if self._text is None:  # after csv_gz, another part of the file begins, as gzip allows
            begins = not self._data.getvalue()
            inner = gzip.GzipFile(fileobj=self._data, mode="wb", compresslevel=1, mtime=0, filename="")
            self._text = io.TextIOWrapper(inner, "utf-8-sig" if begins else "utf-8", "surrogateescape", newline="")
            if begins:
                csv.writer(self._text).writerow(HEADER)
        return self._text
