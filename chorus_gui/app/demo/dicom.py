"""CT slices of a drawn chest as DICOM Part 10 files: explicit VR little endian, the CT Image attributes that readers look for.

Numbers and layouts are those of DICOM PS3.5 (encoding), PS3.6 (tags) and PS3.10 (file format).
"""

from __future__ import annotations

import random
import struct
import sys
from array import array
from datetime import datetime
from math import sqrt

SIZE = 256
SPACING = 1.5
_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_AIR, _LUNG, _FAT, _SOFT, _BONE = 24, 190, 930, 1070, 1750  # Hounsfield units + 1024

Element = tuple[int, int, str, str | int | bytes]


class Study:
    """What the slices of one scan share."""

    def __init__(self, patient_id: str, sex: str, at: datetime, rng: random.Random) -> None:
        self.patient_id = patient_id
        self.sex = sex
        self.at = at
        self.rng = rng
        self.study, self.series, self.frame = _uid(rng), _uid(rng), _uid(rng)
        self.accession = str(rng.randrange(10**7, 10**8))
        self.width = rng.uniform(0.84, 0.96)
        self.depth = rng.uniform(0.58, 0.70)


def ct_slice(study: Study, number: int, of: int) -> bytes:
    """The file of slice ``number`` (from 1) ``of`` all slices."""
    instance, date, time = _uid(study.rng), f"{study.at:%Y%m%d}", f"{study.at:%H%M%S}"
    middle = SIZE * SPACING / 2
    elements: list[Element] = [
        (0x0008, 0x0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
        (0x0008, 0x0016, "UI", _CT_IMAGE),
        (0x0008, 0x0018, "UI", instance),
        (0x0008, 0x0020, "DA", date),
        (0x0008, 0x0023, "DA", date),
        (0x0008, 0x0030, "TM", time),
        (0x0008, 0x0033, "TM", time),
        (0x0008, 0x0050, "SH", study.accession),
        (0x0008, 0x0060, "CS", "CT"),
        (0x0008, 0x0070, "LO", "Demo site"),
        (0x0008, 0x0090, "PN", ""),
        (0x0010, 0x0010, "PN", study.patient_id),
        (0x0010, 0x0020, "LO", study.patient_id),
        (0x0010, 0x0030, "DA", ""),
        (0x0010, 0x0040, "CS", study.sex),
        (0x0012, 0x0062, "CS", "YES"),
        (0x0012, 0x0063, "LO", "Drawn by a program, not a scan"),
        (0x0018, 0x0050, "DS", "5"),
        (0x0018, 0x0060, "DS", "120"),
        (0x0020, 0x000D, "UI", study.study),
        (0x0020, 0x000E, "UI", study.series),
        (0x0020, 0x0010, "SH", "1"),
        (0x0020, 0x0011, "IS", "1"),
        (0x0020, 0x0012, "IS", "1"),
        (0x0020, 0x0013, "IS", str(number)),
        (0x0020, 0x0032, "DS", f"{-middle}\\{-middle}\\{-5 * number}"),
        (0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
        (0x0020, 0x0052, "UI", study.frame),
        (0x0020, 0x1040, "LO", ""),
        (0x0028, 0x0002, "US", 1),
        (0x0028, 0x0004, "CS", "MONOCHROME2"),
        (0x0028, 0x0010, "US", SIZE),
        (0x0028, 0x0011, "US", SIZE),
        (0x0028, 0x0030, "DS", f"{SPACING}\\{SPACING}"),
        (0x0028, 0x0100, "US", 16),
        (0x0028, 0x0101, "US", 12),
        (0x0028, 0x0102, "US", 11),
        (0x0028, 0x0103, "US", 0),
        (0x0028, 0x1050, "DS", "40"),
        (0x0028, 0x1051, "DS", "400"),
        (0x0028, 0x1052, "DS", "-1024"),
        (0x0028, 0x1053, "DS", "1"),
        (0x0028, 0x1054, "LO", "HU"),
        (0x7FE0, 0x0010, "OW", _pixels(study, number, of)),
    ]
    meta = b"".join(
        _element(*element)
        for element in (
            (0x0002, 0x0001, "OB", b"\0\1"),
            (0x0002, 0x0002, "UI", _CT_IMAGE),
            (0x0002, 0x0003, "UI", instance),
            (0x0002, 0x0010, "UI", _EXPLICIT_LITTLE_ENDIAN),
            (0x0002, 0x0012, "UI", "2.25.93212467028364118310279840123411"),
            (0x0002, 0x0013, "SH", "CHORUS_DEMO"),
        )
    )
    length = struct.pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(meta))
    return bytes(128) + b"DICM" + length + meta + b"".join(_element(*element) for element in elements)


def _element(group: int, number: int, vr: str, value: str | int | bytes) -> bytes:
    """One data element; values are padded to even length, UIDs and bytes with a zero, texts with a space."""
    match value:
        case int():
            data = struct.pack("<H", value)
        case str():
            data = value.encode("ascii")
        case bytes():
            data = value
    if len(data) % 2:
        data += b"\0" if vr in ("UI", "OB", "OW") else b" "
    if vr in ("OB", "OW"):
        return struct.pack("<HH2sHI", group, number, vr.encode(), 0, len(data)) + data
    return struct.pack("<HH2sH", group, number, vr.encode(), len(data)) + data


def _uid(rng: random.Random) -> str:
    """A UID made from a 128-bit number (PS3.5 annex B.2)."""
    return f"2.25.{rng.getrandbits(128)}"


def _pixels(study: Study, number: int, of: int) -> bytes:
    """A chest from below: fat around muscle, two lungs, the heart between them, spine, ribs; noise over all."""
    height = (number - 0.5) / of  # 0 at the top of the lungs, 1 at their base
    width, depth = study.width, study.depth
    lung = 0.17 + 0.06 * height
    shapes = [
        (0.0, 0.0, width, depth, _FAT),
        (0.0, 0.0, width - 0.06, depth - 0.06, _SOFT),
        (-0.42 * width, -0.04, lung + 0.12, depth * (0.52 + 0.12 * height), _LUNG),
        (0.42 * width, -0.04, lung + 0.10, depth * (0.52 + 0.12 * height), _LUNG),
        (0.12, -0.12, 0.12 + 0.16 * height, 0.10 + 0.12 * height, _SOFT + 30),
        (0.0, depth * 0.62, 0.11, 0.11, _BONE),
        (0.0, depth * 0.66, 0.05, 0.05, _SOFT),
        (0.0, -depth * 0.86, 0.10, 0.03, _BONE - 150),
    ]
    shapes += [
        (side * (width - 0.09) * x, depth * y, 0.035, 0.05, _BONE - 100)
        for side in (-1, 1)
        for x, y in ((1.0, 0.1), (0.8, 0.5), (0.8, -0.45))
    ]
    out = array("H")
    for line in range(SIZE):
        y = (line + 0.5) / SIZE * 2 - 1
        row = [_AIR] * SIZE
        for centre_x, centre_y, half_width, half_height, value in shapes:
            inside = 1 - ((y - centre_y) / half_height) ** 2
            if inside > 0:
                reach = half_width * sqrt(inside)
                left, right = (max(0, min(SIZE, round((x + 1) / 2 * SIZE))) for x in (centre_x - reach, centre_x + reach))
                row[left:right] = [value] * (right - left)
        out.extend([value + (noise >> 3) for value, noise in zip(row, study.rng.randbytes(SIZE), strict=True)])
    if sys.byteorder == "big":
        out.byteswap()
    return out.tobytes()
