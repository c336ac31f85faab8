"""CPU seconds of the readiness check: a million paths, 5,000 image headers, a table of a gigabyte.

A computer with other work needs more seconds for the same.  The MD5 of a gigabyte, measured before and after, is the yardstick.

``python3 dev.py bench readiness [--paths N] [--images N] [--table BYTES]``
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chorus_gui.app.demo import dicom
from chorus_gui.core.config.model import Place, PlaceKind, Site
from chorus_gui.core.model import SourceFile
from chorus_gui.core.pattern import DEFAULTS, Pattern
from chorus_gui.core.readiness import omop
from chorus_gui.core.readiness.counting import Counter
from chorus_gui.core.readiness.findings import Found
from chorus_gui.core.readiness.images import check_image, quiet, where
from chorus_gui.core.readiness.paths import Paths
from chorus_gui.core.readiness.tables import Form, TableCheck, World
from chorus_gui.core.rules import Pass, built_in
from chorus_gui.core.storage.base import UnwantedFile

BATCH = 4096
TIME = 1_700_000_000_000_000


def sites() -> dict[str, Site]:
    """The default patterns."""
    place = Place(PlaceKind.FOLDER, "site", Path("site"))
    return {name: Site(name, place, Pattern.parse(text)) for name, text in DEFAULTS.items()}


def images(count: int, in_series: int) -> Iterator[SourceFile]:
    """Paths of images, with UIDs as series folders."""
    for number in range(count):
        series = number // in_series
        patient = str(1_000_000 + series // 8)
        folder = f"{patient}/Images/CT/{20_000_000 + series // 4}/1.2.840.113619.2.55.3.{series}"
        yield SourceFile("Images", f"{folder}/{number % in_series + 1:04}.dcm", patient, None, 524_288, TIME)


def recordings(count: int) -> Iterator[SourceFile]:
    """Paths of WFDB records of 20 files."""
    for number in range(count):
        session = 90_000_000 + number // 20
        patient = str(1_000_000 + session % 5_000)
        name = f"{session}.hea" if number % 20 == 0 else f"{session}_{number % 20:04}.dat"
        yield SourceFile("Waveforms", f"{patient}/Waveforms/Telemetry/{session}/{name}", patient, None, 1_000_000, TIME)


def batches(files: Iterator[SourceFile]) -> list[list[SourceFile]]:
    """As a scan hands them on."""
    found = list(files)
    return [found[start : start + BATCH] for start in range(0, len(found), BATCH)]


def bench_paths(count: int) -> None:
    """CPU seconds for ``count`` paths, in series of 100 images, of 1 image, and in recordings."""
    for name, files in (
        ("images, 100 in a series", images(count, 100)),
        ("images, 1 in a series", images(count, 1)),
        ("recordings", recordings(count)),
    ):
        made = batches(files)
        paths = Paths(Found(built_in(), Pass.AT_ONCE), sites())
        began = time.process_time()
        for batch in made:
            paths.files(batch)
        used = time.process_time() - began
        print(f"{count:,} paths, {name}: {used:.2f} s CPU, {len(paths.found.groups())} groups of findings")
    for name, path in (("in one folder", "old/scan_{:07}.bak"), ("50 in a folder", "{:05}/Other/part_{:07}.tmp")):
        unsent = [
            UnwantedFile(path.format(*((number // 50, number) if path.count("{") == 2 else (number,))), 1, 1) for number in range(count)
        ]
        paths = Paths(Found(built_in(), Pass.AT_ONCE), sites())
        began = time.process_time()
        for start in range(0, count, BATCH):
            paths.unmatched("", unsent[start : start + BATCH])
        used = time.process_time() - began
        print(f"{count:,} paths that no pattern takes, {name}: {used:.2f} s CPU, {len(paths.found.groups())} groups of findings")


def bench_images(count: int) -> None:
    """CPU seconds for ``count`` headers of 126 kB files."""
    study = dicom.Study("1", "F", datetime(2025, 1, 1, tzinfo=UTC), random.Random(1))
    data = dicom.ct_slice(study, 1, 4)
    at = where("1/Images/CT/2/3/1.dcm", "1")
    for deep in (False, True):
        began = time.process_time()
        with quiet():
            for _ in range(count):
                check_image(at, len(data), lambda length, offset: data[offset : offset + length], deep=deep, key=b"key")
        print(f"{count:,} image headers{', with sequences' if deep else ''}: {time.process_time() - began:.2f} s CPU")


def yardstick() -> float:
    """CPU seconds for the MD5 of a gigabyte."""
    block, began = bytes(1 << 20), time.process_time()
    for _ in range(100):
        hashlib.md5(block).digest()
    return (time.process_time() - began) * 1e9 / (100 << 20)


def bench_table(size: int) -> None:
    """CPU seconds for all checks of a table of ``size`` bytes, in memory, its lines and patients counted as in the thorough pass."""
    columns = [column.name for column in omop.tables()["measurement"]]
    rng = random.Random(1)
    lines: list[str] = []
    for number in range(20_000):
        note = '"monitor, bed side, ward 7"' if number % 50 else '"two\nlines"'
        lines.append(
            f"{number + 1},{1_000_000 + number % 20_000},3027018,2024-0{1 + number % 9}-1{number % 10},2024-02-01 {number % 24:02}:15:00,,32817,,"
            f"{rng.gauss(80, 10):.1f},,8541,,,,{500_000 + number % 30_000},,{note},0,beats per minute,0,{number % 90 + 40} bpm,,"
        )
    block = ("\n".join(lines) + "\n").encode()
    header = (",".join(columns) + "\n").encode()
    times = max(1, size // len(block))
    world = World({str(1_000_000 + n) for n in range(20_000)}, {str(500_000 + n) for n in range(30_000)})
    check = TableCheck("OMOP/measurement.csv", "measurement", omop.Header(tuple(columns), ",", len(header)), world, linked=True)
    form, counter = Form(), Counter(omop.Header(tuple(columns), ",", len(header)))
    counter.feed(header)

    def text() -> Iterator[str]:
        for _ in range(times):
            form.feed(block)
            counter.feed(block)
            yield from block.decode().splitlines(keepends=True)

    began = time.process_time()
    check.read(csv.reader(text()))
    used = time.process_time() - began
    rules = sorted({finding.rule for finding in check.findings})
    print(
        f"a table of {times * len(block) / 1e9:.2f} GB, {check.lines:,} lines, every cell, and counted: {used:.2f} s CPU, findings {rules}"
    )
    assert check.lines == counter.lines


def bench_count(size: int) -> None:
    """CPU seconds to count the lines and patients of a table of ``size`` bytes."""
    rng = random.Random(1)
    lines: list[str] = []
    for number in range(20_000):
        note = '"monitor, bed side, ward 7"' if number % 50 else '"two\nlines"'
        lines.append(
            f"{number + 1},{1_000_000 + number % 20_000},3027018,2024-02-01,2024-02-01 08:15:00,,32817,,{rng.gauss(80, 10):.1f},,8541,,,,1,,{note},0,beats per minute,0,70 bpm,,"
        )
    block = ("\n".join(lines) + "\n").encode()
    times = max(1, size // len(block))
    counter = Counter(omop.Header(("measurement_id", "person_id"), ",", 0))
    counter.feed(b"measurement_id,person_id\n")
    began = time.process_time()
    for _ in range(times):
        for start in range(0, len(block), 1 << 20):
            counter.feed(block[start : start + (1 << 20)])
    counter.end()
    used = time.process_time() - began
    print(
        f"a table of {times * len(block) / 1e9:.2f} GB, {counter.lines:,} lines of {counter.patients:,} patients counted: {used:.2f} s CPU"
    )


def main() -> None:
    """Run what the arguments ask for; all of it by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--table", type=int, default=1_000_000_000)
    args = parser.parse_args()
    print(f"yardstick: the MD5 of 1 GB takes {yardstick():.2f} s CPU")
    bench_paths(args.paths)
    bench_images(args.images)
    bench_count(args.table)
    bench_table(args.table)
    print(f"yardstick: the MD5 of 1 GB takes {yardstick():.2f} s CPU")


if __name__ == "__main__":
    main()
