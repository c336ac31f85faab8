"""Lines and patients of a table, counted in its bytes: exact with quotes and line breaks in quotes, and several times faster than the csv module."""

from __future__ import annotations

from operator import methodcaller

from chorus_gui.core.readiness.omop import Header

_QUOTES = methodcaller("count", b'"')


class Counter:
    """Counts as the bytes of a table pass, its header included.

    ``lines`` without the header and without empty ones.  ``patients``: how many different values the column person_id has; None if it has no such
    column, or its values are in quotes.
    """

    def __init__(self, header: Header) -> None:
        self.lines = 0
        columns = header.columns
        self._delimiter = header.delimiter.encode()
        self._key = columns.index("person_id") if "person_id" in columns else -1
        self._ids: set[bytes] = set()
        self._inside = False
        self._rest = b""
        self._header = True

    @property
    def patients(self) -> int | None:
        """See the class.  Only after :meth:`end`."""
        plain = {_plain(value) for value in self._ids}
        return len(plain) if self._key >= 0 and b"" not in plain else None

    def feed(self, block: bytes) -> None:
        """The next bytes."""
        head, found, rest = block.rpartition(b"\n")
        if not found:
            self._rest += rest
            return
        lines = (self._rest + head).split(b"\n")
        self._rest = rest
        if self._inside or b'"' in block or any(b'"' in line for line in lines[:1]):
            lines = self._beginnings(lines)
        self._take(lines)

    def _beginnings(self, lines: list[bytes]) -> list[bytes]:
        """Without the lines that continue a value in quotes: those after a line with an odd number of quotes, up to the next such line."""
        odd = [number for number, quotes in enumerate(map(_QUOTES, lines)) if quotes & 1]
        out: list[bytes] = []
        start = 0
        if self._inside:
            if not odd:
                return out
            start = odd.pop(0) + 1
        for opening, closing in zip(odd[::2], odd[1::2], strict=False):
            out += lines[start : opening + 1]
            start = closing + 1
        self._inside = bool(len(odd) % 2)
        return [*out, *lines[start : odd[-1] + 1 if self._inside else len(lines)]]

    def end(self) -> None:
        """After the last byte: the last line can lack its end."""
        if self._rest.strip() and not self._inside:
            self._take([self._rest])
        self._rest = b""

    def _take(self, lines: list[bytes]) -> None:
        if self._header:
            self._header = False
            lines = lines[1:]
        if b"" in lines or b"\r" in lines:
            lines = [line for line in lines if line not in (b"", b"\r")]
        self.lines += len(lines)
        if self._key < 0:
            return
        most, delimiter = self._key + 1, self._delimiter
        try:
            self._ids.update([line.split(delimiter, most)[most - 1] for line in lines])
        except IndexError:  # a line is too short
            cut = (line.split(delimiter, most) for line in lines)
            self._ids.update(parts[most - 1] for parts in cut if len(parts) >= most)


def _plain(value: bytes) -> bytes:
    """Without spaces; of a value in quotes only that it was in quotes is known: b""."""
    value = value.strip()
    return b"" if b'"' in value else value
