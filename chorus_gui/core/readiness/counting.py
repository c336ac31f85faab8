"""Lines and patients of a table, counted in its bytes: the same numbers as the csv module gives, several times faster.

A block is divided at its quotes: every second part is outside of quotes, and only a line end there ends an entry.  That holds if every quote that
opens a value follows a delimiter or a line end, which is checked.  Where one does not, as in ``5" tube``, and where patients are in quotes,
the csv module reads the block.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from operator import itemgetter

from chorus_gui.core.readiness.omop import Header

LONGEST = 1 << 24
"""Bytes of one entry; a longer one means that a quote is not closed, and nothing after it is counted."""
_BOM = b"\xef\xbb\xbf"
_LAST = itemgetter(-1)
_IN_QUOTES = frozenset((b'"', b'""'))
"""what is left of a value in quotes"""
_END = "\0end of the block\0"


class Counter:
    """Counts as the bytes of a table pass, its header included.

    ``lines`` without the header and without empty ones.
    """

    def __init__(self, header: Header) -> None:
        self.lines = 0
        columns = header.columns
        self._delimiter = header.delimiter
        self._key = columns.index("person_id") if "person_id" in columns else -1
        cut = re.escape(header.delimiter.encode())
        self._keys = re.compile(b"\n" + b"[^%b]*+%b" % (cut, cut) * max(0, self._key) + b"([^%b]*+)" % cut)
        self._opens = f"\n{header.delimiter}".encode()
        self._ids: set[bytes] = set()
        self._ids_read: set[bytes] = set()
        self._rest: bytes = b""
        """the beginning of an entry whose end did not come yet"""
        self._begun = self._past_header = self._quoted = self._lost = False

    @property
    def patients(self) -> int | None:
        """How many different values the column person_id has, without the empty one.  Only after :meth:`end`.

        None if there is no such column, if a quote is not closed, or if a person_id has letters after its quotes.
        """
        if self._key < 0 or self._lost or any(b'"' in value for value in self._ids):
            return None
        return len({value.strip() for value in self._ids | self._ids_read} - {b""})

    def feed(self, block: bytes) -> None:
        """The next bytes."""
        data = self._rest + block if self._rest else block
        if self._lost:
            return
        if not self._begun:
            if len(data) < len(_BOM):
                self._rest = data
                return
            self._begun, data = True, data.removeprefix(_BOM)
        if b"\r" in data:
            data = _one_kind_of_end(data)
        cut = data.rfind(b"\n") + 1
        begun: bytes = self._count(data[:cut]) if cut else b""
        self._rest = begun + data[cut:]
        if len(self._rest) > LONGEST:
            self._lost, self._rest = True, b""

    def end(self) -> None:
        """After the last byte: the last line can lack its end, and its last quote."""
        rest = self._rest
        self._rest = b""
        if not rest or self._lost:
            return
        rest = self._count(_one_kind_of_end(rest + b"\n"))
        if rest:
            self._read(rest, last=True)

    def _count(self, data: bytes) -> bytes:
        """Count whole lines, the first of which begins an entry.  Returns those of an entry that does not end in them."""
        if self._quoted:
            return self._read(data)
        if b'"' not in data:
            self._take(data)
            return b""
        parts = data.split(b'"')
        whole = len(parts) % 2 == 1
        outside = parts[0::2]
        opening = outside[:-1] if whole else outside
        # an empty part is between the two quotes that mean one, or before a quote that begins a line
        if bytes(map(_LAST, opening if all(opening) else filter(None, opening))).strip(self._opens):
            return self._read(data)
        text = b'"'.join(outside)
        before = self.lines, self._past_header
        self._take(text[: text.rfind(b"\n") + 1])
        if not self._ids.isdisjoint(_IN_QUOTES):
            self._ids -= _IN_QUOTES
            self.lines, self._past_header = before
            self._quoted = True
            return self._read(data)
        return b"" if whole else data[_last_end(parts) :]

    def _take(self, text: bytes) -> None:
        """Count lines that are entries; values in quotes are left out of them, but not their quotes."""
        if not self._past_header and text:
            self._past_header = True
            text = text[text.index(b"\n") + 1 :]
        lines = text.count(b"\n")
        keys = self._keys.findall(b"\n" + text[:-1]) if lines and self._key >= 0 else []
        if len(keys) != lines or text[-2:] in (b"\n\n", b"\n"):  # empty lines, or too short ones, or no such column
            found = [line for line in text.split(b"\n") if line]
            lines = len(found)
            cut = [line.split(self._delimiter.encode(), self._key + 1) for line in found] if self._key >= 0 else []
            keys = [parts[self._key] for parts in cut if len(parts) > self._key]
        self.lines += lines
        self._ids.update(keys)

    def _read(self, data: bytes, *, last: bool = False) -> bytes:
        """As :meth:`_count`, by the csv module; ``last``: what does not end counts, too."""
        csv.field_size_limit(LONGEST)
        lines = data.decode("latin-1").split("\n")[:-1]
        ends = lines if last else [*lines, _END]
        reader = csv.reader((f"{line}\n" for line in ends), delimiter=self._delimiter)
        begin = 0
        try:
            for values in reader:
                if reader.line_num > len(lines):
                    return b"" if values == [_END] else "".join(f"{line}\n" for line in lines[begin:]).encode("latin-1")
                begin = reader.line_num
                self._entry(values)
        except csv.Error:
            self._lost = True
        return b""

    def _entry(self, values: Sequence[str]) -> None:
        if not self._past_header:
            self._past_header = True
        elif values:
            self.lines += 1
            if 0 <= self._key < len(values):
                self._ids_read.add(values[self._key].encode("latin-1"))


def _one_kind_of_end(data: bytes) -> bytes:
    """With line feeds only.  A carriage return at the end stays: a line feed can follow."""
    held = b"\r" if data.endswith(b"\r") else b""
    data = data.removesuffix(held).replace(b"\r\n", b"\n")
    return (data.replace(b"\r", b"\n") if b"\r" in data else data) + held


def _last_end(parts: Sequence[bytes]) -> int:
    """Where the last line end outside of quotes ends; ``parts`` are divided at quotes."""
    at = sum(map(len, parts)) + len(parts) - 1
    for number in range(len(parts) - 1, -1, -1):
        at -= len(parts[number])
        end = parts[number].rfind(b"\n") if number % 2 == 0 else -1
        if end >= 0:
            return at + end + 1
        at -= 1
    return 0
