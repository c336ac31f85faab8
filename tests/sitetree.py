"""The made-up site that the golden journals in tests/data/journals describe: two snapshots, the same bytes every time.

A file's content follows from its seed and size, its time from its seed, so sizes, MD5s and times can be compared with what
other tools wrote into those journals.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from platforms import cases_differ

_EPOCH_S = 1_700_000_000
_FRACTION_NS = 123_456_900  # below a microsecond on purpose: the journal keeps the floor of the float
_TOUCHED_S = 3600


class Leaf(NamedTuple):
    """A file: its size in bytes, and the seed that its content and time follow from."""

    size: int
    seed: int
    touched: bool = False

    @property
    def content(self) -> bytes:
        blocks = (hashlib.sha256(f"{self.seed}:{index}".encode()).digest() for index in range(-(-self.size // 32)))
        return b"".join(blocks)[: self.size]

    @property
    def mtime_ns(self) -> int:
        return (_EPOCH_S + 60 * self.seed + (_TOUCHED_S if self.touched else 0)) * 10**9 + _FRACTION_NS


_FIRST: dict[str, Leaf] = {
    "OMOP/person.csv": Leaf(900, 0),
    "OMOP/measurement.csv": Leaf(70000, 1),
    "OMOP/vocab/concept.csv": Leaf(1200, 2),
    "Metadata/SUBMISSION.md": Leaf(64, 3),
    "1000001/Waveforms/10234/1000001_20230101_103906_16523378.dat": Leaf(40000, 4),
    "1000001/Waveforms/10234/with space & 100%.dat": Leaf(512, 5),
    "1000001/Images/10777/11888/1000001_20230503.dcm": Leaf(2048, 6),
    "1000002/Waveforms/a/b/c/deep.dat": Leaf(10, 7),
    "1000002/waveforms/lower.dat": Leaf(11, 8),
    "1000002/Images/é-ü-日本.dcm": Leaf(333, 9),
    "1000003/Waveforms/empty.dat": Leaf(0, 10),
    "1000003/Waveforms/to_be_deleted.dat": Leaf(77, 11),
    "1000003/Waveforms/to_be_touched.dat": Leaf(78, 12),
    "1000003/Waveforms/to_be_changed.dat": Leaf(79, 13),
    "1000003/Images/to_be_renamed.dcm": Leaf(5000, 14),
    "1000003/Notes/ignored.txt": Leaf(5, 15),
    "README.txt": Leaf(6, 16),
    "bad-id!/Waveforms/x.dat": Leaf(7, 17),
}

_GONE_IN_SECOND = ("1000003/Waveforms/to_be_deleted.dat", "1000003/Images/to_be_renamed.dcm")
_NEW_IN_SECOND: dict[str, Leaf] = {
    "1000003/Images/renamed.dcm": _FIRST["1000003/Images/to_be_renamed.dcm"],
    "1000003/Waveforms/to_be_changed.dat": Leaf(91, 113),
    "1000003/Waveforms/to_be_touched.dat": Leaf(78, 12, touched=True),
    "1000004/Waveforms/new.dat": Leaf(4096, 18),
    "OMOP/person.csv": Leaf(950, 100),
}

SNAPSHOTS: Mapping[int, Mapping[str, Leaf]] = {
    1: _FIRST,
    2: {path: leaf for path, leaf in _FIRST.items() if path not in _GONE_IN_SECOND} | _NEW_IN_SECOND,
}
"""Snapshot number → path → file."""

UNMATCHED = frozenset({"1000003/Notes/ignored.txt", "README.txt", "bad-id!/Waveforms/x.dat"})
"""What belongs to no modality under the nested configuration's default patterns, in both snapshots."""


CASE_ONLY = "1000002/waveforms/lower.dat"
"""Its folder differs in case alone from another one, so it cannot lie on the disks of Windows and macOS."""


def snapshot(which: int) -> Mapping[str, Leaf]:
    """Of snapshot 1 or 2, what can lie on this system's disks."""
    return {path: leaf for path, leaf in SNAPSHOTS[which].items() if path != CASE_ONLY or cases_differ()}


def write_snapshot(root: Path, which: int) -> None:
    """Write snapshot 1 or 2 below ``root``, which is made; files that only the other snapshot has are not removed."""
    for path, leaf in snapshot(which).items():
        file = root.joinpath(*path.split("/"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(leaf.content)
        os.utime(file, ns=(leaf.mtime_ns, leaf.mtime_ns))
