"""Which test runs which lines, recorded once for each file of tests and kept in ``.cache/mutate``.

A recording counts until the file of tests, a helper of the tests, or a mutated file that those tests run changes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from coverage import CoverageData

# These start programs, take minutes, or look at the source itself.
NEVER = ("bench", "faults", "fuzz", "house", "mutate", "packaging", "soak", "tools")
# These run much of the program, and say much about one part of it alone.
ONLY_FOR = {
    "azure": "chorus_gui/core/storage/",
    "config": "chorus_gui/core/config/",
    "contract": "chorus_gui/core/storage/",
    "demo": "chorus_gui/app/demo/",
    "doctor": "chorus_gui/app/doctor/",
    "engine": "chorus_gui/core/engine/",
    "scripts": "chorus_gui/core/scripts/",
    "storage": "chorus_gui/core/storage/",
    "support": "chorus_gui/app/",
    "ui": "chorus_gui/ui/",
}


def sha(path: Path) -> str:
    """What tells one content of a file from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]


def files_of_tests(root: Path, paths: list[str]) -> list[str]:
    """The files of tests that mutants of these paths are tried with."""
    found = sorted(file.relative_to(root).as_posix() for file in (root / "tests").glob("*/test_*.py"))
    return [name for name in found if (folder := name.split("/")[1]) not in NEVER and _for(folder, paths)]


def _for(folder: str, paths: list[str]) -> bool:
    return folder not in ONLY_FOR or any(path.startswith(ONLY_FOR[folder]) for path in paths)


@dataclass
class Recordings:
    """All that were made, with the folder that has them."""

    root: Path
    folder: Path
    now: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        package = sorted((self.root / "chorus_gui").rglob("*.py"))
        self.now = {file.relative_to(self.root).as_posix(): sha(file) for file in package}

    def _key(self, test_file: str) -> str:
        """What the tests of a file are: their text, and that of what helps them."""
        path = self.root / test_file
        helpers = [*sorted(path.parents[1].glob("*.py")), *sorted(path.parent.glob("*.py"))]
        helpers = [helper for helper in helpers if not helper.name.startswith("test_")]
        return hashlib.sha256("".join(sha(file) for file in [*helpers, path]).encode()).hexdigest()[:20]

    def _files(self, test_file: str) -> tuple[Path, Path]:
        name = test_file.removeprefix("tests/").replace("/", "-").removesuffix(".py")
        return self.folder / f"{name}.coverage", self.folder / f"{name}.json"

    def data(self, test_file: str) -> Path:
        """Where Coverage's data for the tests of a file is."""
        return self._files(test_file)[0]

    def stale(self, test_file: str, paths: list[str]) -> bool:
        """Whether the tests of a file must be recorded for mutants of these paths."""
        data, about = self._files(test_file)
        if not about.exists():
            return True
        known = json.loads(about.read_text("utf-8"))
        if known["key"] != self._key(test_file):
            return True
        changed = [path for path in paths if known["sources"].get(path) != self.now[path]]
        if not changed or not data.exists():
            return False
        runs = CoverageData(str(data))
        runs.read()
        return any(path not in known["sources"] or path in runs.measured_files() for path in changed)

    def keep(self, test_file: str, seconds: dict[str, float]) -> None:
        """Remember what was recorded; :meth:`data` has the lines."""
        about = {"key": self._key(test_file), "sources": self.now, "seconds": seconds}
        self._files(test_file)[1].write_text(json.dumps(about), "utf-8")

    def lines(self, names: list[str], path: str) -> tuple[dict[int, set[str]], dict[str, float]]:
        """Which tests run each line (from 1) of a file, and the seconds of each test.  Lines that only an import runs are not there."""
        found: dict[int, set[str]] = {}
        seconds: dict[str, float] = {}
        for test_file in names:
            data, about = self._files(test_file)
            if not data.exists():
                continue
            times = json.loads(about.read_text("utf-8"))["seconds"]
            runs = CoverageData(str(data))
            runs.read()
            for line, names in runs.contexts_by_lineno(path).items():
                for name in names:
                    if name in times:
                        found.setdefault(line, set()).add(name)
                        seconds[name] = times[name]
        return found, seconds
