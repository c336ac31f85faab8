"""Which test runs which lines, recorded once for each file of tests and kept in ``.cache/mutate``.

A recording counts until the file of tests or a helper that it uses changes, or more than a fifth of a mutated file that those tests run.
"""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

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
# Files of these folders that are also about another part.
ALSO_FOR = {"tests/contract/test_side_files.py": "chorus_gui/core/custody/"}


def sha(path: Path) -> str:
    """What tells one content of a file from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]


def files_of_tests(root: Path, paths: list[str]) -> list[str]:
    """The files of tests that mutants of these paths are tried with."""
    found = sorted(file.relative_to(root).as_posix() for file in (root / "tests").glob("*/test_*.py"))
    return [name for name in found if name.split("/")[1] not in NEVER and _for(name, paths)]


def _for(name: str, paths: list[str]) -> bool:
    folder = name.split("/")[1]
    about = (ONLY_FOR.get(folder, ""), *([ALSO_FOR[name]] if name in ALSO_FOR else []))
    return any(path.startswith(about) for path in paths)


def helpers(path: Path) -> list[Path]:
    """The modules beside a file of tests and in the folder above that its tests use: fixtures, what it imports, and what that imports."""
    folders = (path.parent, path.parents[1])
    found: set[Path] = set()
    more = [path, *(folder / "conftest.py" for folder in folders)]
    while more:
        file = more.pop()
        if file.exists() and file not in found:
            found.add(file)
            more += [folder / f"{name}.py" for name in _imported(file) for folder in folders]
    return sorted(found - {path})


@cache
def _imported(path: Path) -> frozenset[str]:
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return frozenset(names | {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names})


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
        return hashlib.sha256("".join(sha(file) for file in [*helpers(path), path]).encode()).hexdigest()[:20]

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
        return any(path not in known["sources"] or (path in runs.measured_files() and not self._moved(path, known)) for path in changed)

    def _moved(self, path: str, known: dict[str, Any]) -> dict[int, int]:
        """The line (from 1) that each line of a file was when it was recorded.  Empty if more than a fifth of the file is new."""
        new = (self.root / path).read_text("utf-8").splitlines()
        sha_then = known["sources"].get(path)
        if sha_then == self.now[path]:
            return {line: line for line in range(1, len(new) + 1)}
        text = self.folder / "sources" / str(sha_then)
        old = text.read_text("utf-8").splitlines() if text.exists() else []
        blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        moved = {block.b + n + 1: block.a + n + 1 for block in blocks for n in range(block.size)}
        return moved if len(moved) >= 0.8 * len(new) else {}

    def keep(self, test_file: str, seconds: dict[str, float]) -> None:
        """Remember what was recorded; :meth:`data` has the lines."""
        about = {"key": self._key(test_file), "sources": self.now, "seconds": seconds}
        self._files(test_file)[1].write_text(json.dumps(about), "utf-8")
        (self.folder / "sources").mkdir(exist_ok=True)
        for path, digest in self.now.items():
            if not (kept := self.folder / "sources" / digest).exists():
                kept.write_bytes((self.root / path).read_bytes())

    def lines(self, names: list[str], path: str) -> tuple[dict[int, set[str]], dict[str, float]]:
        """Which tests run each line (from 1) of a file, and the seconds of each test.  Lines that only an import runs are not there.

        A line that is new since the recording counts as run by every test of its function.
        """
        found: dict[int, set[str]] = {}
        seconds: dict[str, float] = {}
        bodies = functions((self.root / path).read_text("utf-8"))
        for test_file in names:
            data, about = self._files(test_file)
            if not data.exists():
                continue
            known = json.loads(about.read_text("utf-8"))
            runs = CoverageData(str(data))
            runs.read()
            then = {line: set(tests) & set(known["seconds"]) for line, tests in runs.contexts_by_lineno(path).items()}
            moved = self._moved(path, known) if then else {}
            for line, before in moved.items():
                found.setdefault(line, set()).update(then.get(before, ()))
            for body in bodies:
                fresh = [line for line in body if line not in moved]
                tests = set().union(*(then.get(moved.get(line, 0), set()) for line in body)) if fresh else set[str]()
                for line in fresh:
                    found.setdefault(line, set()).update(tests)
            seconds.update({name: known["seconds"][name] for tests in then.values() for name in tests})
        return found, seconds


def functions(text: str) -> list[range]:
    """The lines (from 1) of the body of each function of a module."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [range(node.body[0].lineno, (node.end_lineno or 0) + 1) for node in nodes]
