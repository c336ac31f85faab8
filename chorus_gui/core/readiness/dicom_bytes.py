"""The header of a DICOM image as plain values: read from its bytes where they are as the standard says, by pydicom everywhere else.

Nine of ten images have no sequence of unknown length before their picture, and are little endian.  These need a tenth of the time that pydicom takes.
What is unusual is never guessed here: the function gives up, and pydicom reads the header.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
_CHARSET, _SYNTAX = 0x00080005, 0x00020010
_IMPLICIT = b"1.2.840.10008.1.2"
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OW", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_KINDS = {
    vr.encode(): vr
    for vr in ["AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"]
}  # fmt: skip
_CHARSETS = frozenset((b"", b"ISO_IR 6", b"ISO_IR 100", b"ISO_IR 192"))
_UNDEFINED = 0xFFFFFFFF
_short, _long, _implicit = struct.Struct("<HH2sH").unpack_from, struct.Struct("<I").unpack_from, struct.Struct("<HHI").unpack_from

Element = tuple[str, bytes | None, bool]
"""VR ("": not known), the bytes of the value (None: a sequence, or decoded already), and if there is a value."""


class Header(NamedTuple):
    """``elements`` of the first level by tag, up to the picture, which begins at ``end``.  ``dataset``: as pydicom has it, if it read it."""

    elements: dict[int, Element]
    end: int
    implicit: bool
    little: bool
    dataset: Dataset | None = None

    def text(self, tag: int) -> str:
        """The value as a text without what fills it up; "" for what is none."""
        found = self.elements.get(tag)
        return text_of(found[1]) if found is not None else ""


def text_of(value: bytes | None) -> str:
    """See :meth:`Header.text`."""
    return value.decode("latin-1").strip("\0 \r\n\t") if value else ""


def read_header(data: bytes) -> Header | None:
    """The header at the beginning of a file; None if it cannot be parsed."""
    return plain(data) or parsed(data)


def plain(data: bytes) -> Header | None:
    """The header of a usual file; None if something in it is unusual, or if it does not end in ``data``."""
    try:
        return _plain(data)
    except (struct.error, KeyError):
        return None


def _plain(data: bytes) -> Header | None:
    group, element, kind, length = _short(data, 132)
    if (group, element, kind, length) != (2, 0, b"UL", 4):
        return None
    at = 144
    end = at + _long(data, 140)[0]
    syntax = b""
    while at < end:
        group, element, kind, length = _short(data, at)
        at += 8
        if kind in _LONG:
            length, at = _long(data, at)[0], at + 4
        if group != 2 or kind not in _KINDS or at + length > end:
            return None
        if element == _SYNTAX & 0xFFFF:
            syntax = data[at : at + length].rstrip(b"\0 ")
        at += length
    if at != end:
        return None
    if syntax == _IMPLICIT:
        return _read_implicit(data, at)
    if syntax in (b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.5") or syntax.startswith(b"1.2.840.10008.1.2.4."):
        return _read_explicit(data, at)
    return None


def _read_explicit(data: bytes, at: int) -> Header | None:
    size, found, last = len(data), dict[int, Element](), 0x00020000 | 0xFFFF
    while at < size:
        group, element, kind, length = _short(data, at)
        tag = group << 16 | element
        name = _KINDS[kind]
        if tag in PIXELS:
            break
        if tag <= last or tag == 0xFFFEE00D:  # an order that nobody writes, or an end that does not belong here
            return None
        last = tag
        if kind in _LONG:
            length = _long(data, at + 8)[0]
            at += 12
        else:
            at += 8
        end = at + length
        if end > size or length == _UNDEFINED:
            return None
        value = data[at:end]
        found[tag] = (name, value, bool(value.strip(b"\0 ")))
        at = end
    return Header(found, at, False, True) if _usual(found) else None


def _read_implicit(data: bytes, at: int) -> Header | None:
    size, found, last = len(data), dict[int, Element](), 0x00020000 | 0xFFFF
    if data[at + 4 : at + 6].isalpha() and data[at + 4 : at + 6].isupper():
        return None
    while at < size:
        group, element, length = _implicit(data, at)
        tag = group << 16 | element
        if tag in PIXELS:
            break
        if tag <= last or tag == 0xFFFEE00D:
            return None
        last = tag
        at += 8
        end = at + length
        if end > size or length == _UNDEFINED:
            return None
        value = data[at:end]
        found[tag] = (_kind(tag), value, bool(value.strip(b"\0 ")))
        at = end
    return Header(found, at, True, True) if _usual(found) else None


def _usual(found: dict[int, Element]) -> bool:
    """The character set is one of those that need no look at the texts."""
    charset = found.get(_CHARSET)
    return charset is None or (charset[1] or b"").strip() in _CHARSETS


@cache
def _kind(tag: int) -> str:
    """The VR of a tag by the standard; "" if it has none, as private ones."""
    from pydicom.datadict import dictionary_VR

    with suppress(KeyError):
        return dictionary_VR(tag)
    return ""


def parsed(data: bytes) -> Header | None:
    """The header as pydicom reads it; None if it cannot.  Its errors are of many classes, and quote what they could not read."""
    import pydicom

    stream = io.BytesIO(data)
    try:
        dataset = pydicom.dcmread(stream, stop_before_pixels=True)  # pyright: ignore[reportUnknownMemberType]
        implicit, little = dataset.original_encoding
        found: dict[int, Element] = {}
        for element in dataset.values():
            raw: Any = element
            value: Any = raw.value
            kind: str = raw.VR or _kind(int(raw.tag))
            if isinstance(value, bytes):
                found[int(raw.tag)] = (kind, value, bool(value.strip(b"\0 ")))
            else:
                found[int(raw.tag)] = (kind, None, value is not None and (not hasattr(value, "__len__") or len(value) > 0))
        return Header(found, stream.tell(), bool(implicit), bool(little), dataset)
    except Exception:  # noqa: BLE001 - see above
        return None
