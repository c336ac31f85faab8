"""The picture of a DICOM image as grey values, for somebody to look at.  It is never written to a disk.

Without NumPy and without decoders only uncompressed grey images of 8 or 16 bits can be shown.  Those are most CT, MR and X-ray images.
"""

from __future__ import annotations

import io
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from chorus_gui.core.readiness.images import quiet

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LARGEST = 1 << 26
"""Bytes of a file that is shown at most"""
PLAIN = {
    "1.2.840.10008.1.2": "little",
    "1.2.840.10008.1.2.1": "little",
    "1.2.840.10008.1.2.2": "big",
}
"""Transfer syntaxes without compression → order of the bytes."""
GREY = ("MONOCHROME1", "MONOCHROME2")


class Picture(NamedTuple):
    """Grey values from 0 to 255, line by line.  ``why``: why there are none, as a sentence; then the size is 0."""

    width: int = 0
    height: int = 0
    grey: bytes = b""
    why: str = ""


def picture(read: Callable[[int, int], bytes], size: int, most: int) -> Picture:
    """The first frame of an image, at most ``most`` pixels wide and high.  ``read``: as :func:`~.images.check_image`; what it raises."""
    if size > LARGEST:
        return Picture(why="The file is too large to be shown.")
    import pydicom

    data = read(size, 0)
    with quiet():
        try:
            found: Dataset = pydicom.dcmread(io.BytesIO(data), force=False)  # pyright: ignore[reportUnknownMemberType]
            return _grey(found, most)
        except Exception:  # noqa: BLE001 - pydicom raises anything for a damaged file, and its texts quote values
            return Picture(why="The file could not be read as a DICOM image.")


def _grey(found: Dataset, most: int) -> Picture:
    order = PLAIN.get(str(getattr(found.file_meta, "TransferSyntaxUID", "")))
    if "PixelData" not in found:
        return Picture(why="The file has no picture.")
    if order is None:
        return Picture(why="The picture is compressed.")
    bits = _number(found, "BitsAllocated")
    if _number(found, "SamplesPerPixel", 1) != 1 or str(found.get("PhotometricInterpretation", "")) not in GREY or bits not in (8, 16):
        return Picture(why="The picture is in colour, or has another form.")
    width, height = _number(found, "Columns"), _number(found, "Rows")
    raw: bytes = found.PixelData
    count = width * height
    if not count or len(raw) < count * bits // 8:
        return Picture(why="The picture is incomplete.")
    values: Sequence[int] = raw[:count]
    if bits == 16:
        numbers = array("h" if _number(found, "PixelRepresentation") else "H")
        numbers.frombytes(raw[: count * 2])
        if order != sys.byteorder:
            numbers.byteswap()
        values = numbers
    step = max(1, -(-max(width, height) // most))
    lines = [values[row * width : (row + 1) * width : step] for row in range(0, height, step)]
    grey = _scaled(lines, invert=str(found.PhotometricInterpretation) == "MONOCHROME1")
    return Picture(len(lines[0]), len(lines), grey)


def _scaled(lines: Sequence[Sequence[int]], *, invert: bool) -> bytes:
    """From the darkest to the brightest value: text in a picture is nearly always one of them, so no window may hide it."""
    low, high = min(map(min, lines)), max(map(max, lines))
    span = max(1, high - low)
    seen = {value for line in lines for value in line}
    table = {value: (value - low) * 255 // span for value in seen}
    if invert:
        table = {value: 255 - grey for value, grey in table.items()}
    return b"".join(bytes(map(table.__getitem__, line)) for line in lines)


def _number(found: Any, name: str, default: int = 0) -> int:
    value = found.get(name, default)
    return int(value) if value is not None and str(value).strip().lstrip("-").isdigit() else default
