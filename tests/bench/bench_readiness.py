"""CPU seconds of the readiness check: a million paths, 5,000 image headers, a table of a gigabyte.

``python3 dev.py bench readiness [--paths N] [--images N] [--table BYTES]``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chorus_gui.core.config.model import Place, PlaceKind, Site
from chorus_gui.core.model import SourceFile
from chorus_gui.core.pattern import DEFAULTS, Pattern
from chorus_gui.core.readiness.findings import Found
from chorus_gui.core.readiness.paths import Paths
from chorus_gui.core.rules import Pass, built_in

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


def main() -> None:
    """Run what the arguments ask for; all of it by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=1_000_000)
    bench_paths(parser.parse_args().paths)


if __name__ == "__main__":
    main()
