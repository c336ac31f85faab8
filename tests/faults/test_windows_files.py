"""Files that Windows refuses, because they are read-only or open in another program: no bug report, no loss, and the file is named."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest
from hospital import make_hospital
from windowsworld import KINDS

from chorus_gui.app.purge import _close_logs as close_logs
from chorus_gui.cli.main import main

pytestmark = pytest.mark.skipif(os.name != "nt", reason="only Windows refuses such files")

A = "1001/Images/a.dcm"
COMMANDS = {
    "submit": "submit --yes",
    "scan": "scan",
    "record": "journal update",
    "upload": "file upload",
    "verify": "file verify --output-file {out}/verdicts.csv",
    "list": "file list --uploaded --output-file {out}/list.txt",
    "hold": f"hold add --file {A} --reason consent",
    "holds": "hold list",
    "check out": "journal checkout",
    "check in": "journal checkin",
    "journal status": "journal status",
    "journal check": "journal check",
    "journal list": "journal list",
    "kept copies": "journal restore",
    "recover": "journal recover --yes",
    "mark": f"file mark_as_deleted --file {A}",
    "download": "remote download --overwrite v1/{path} {out}/a.dcm",
    "upload one": "remote upload --overwrite {site}/{path} v1/{path}",
    "delete one": "remote delete --yes v1/{path}",
    "status": "status",
    "history": "history",
    "doctor": "doctor",
    "bundle": "support-bundle {out}/bundle.zip",
    "purge": "purge --yes",
}
HELD = r"another program|other program|in use by"
SAID = {kind: r"read-only" if kind == "read-only" else HELD for kind in KINDS}


_SEEN: set[str] = set()
_WATCHING: list[bool] = []


def _watch(event: str, given: tuple[object, ...]) -> None:
    if _WATCHING and event.partition(".")[0] in ("open", "os", "sqlite3", "shutil"):
        for value in given:
            if isinstance(value, (str, os.PathLike)):
                text = os.fspath(value)
                _SEEN.add(unquote(text.partition("?")[0].removeprefix("file:///")) if text.startswith("file:") else str(text))


class Worn:
    """A computer on which every kind of file of ours is there, in a state that can be put back."""

    def __init__(self, base: Path, patch: pytest.MonkeyPatch) -> None:
        self.base, self._kept = base / "all", base / "kept"
        self.base.mkdir()
        self.anna = make_hospital(self.base, patch, cast("Any", None)).anna  # its run() is not used
        self.out = self.base / "out"
        self.out.mkdir()
        self.version = ""
        self.try_it("submit")
        self.version = next(path.name for path in (self.base / "central").iterdir() if path.is_dir() and path.name[0].isdigit())
        self._put("1003/Images/pending.dcm", "pending")
        for name in ("verify", "list", "hold", "download", "bundle", "check out", "record"):
            self.try_it(name)
        self._put("2001/Images/new.dcm", "new")
        self._put("OMOP/person.csv", "id\n1\n2\n")
        shutil.copytree(self.base, self._kept)
        self._times = {file: _seen(file) for file in _files(self.base)}

    def _put(self, path: str, text: str) -> None:
        file = self.base / "site" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def back(self) -> None:
        """As at first."""
        close_logs()
        for file in _files(self.base):
            if self._times.get(file) != _seen(file):
                file.unlink()
        for file in self._times:
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._kept / file.relative_to(self.base), file)

    def try_it(self, name: str) -> tuple[int, str]:
        """A command → exit status, and everything that it printed."""
        words = COMMANDS[name].format(out=self.out.as_posix(), site=(self.base / "site").as_posix(), path=A)
        self.anna.sit_down()
        with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
            status = main(["-c", str(self.anna.world.file), *words.replace("v1/", f"{self.version}/").split()])
        return int(status), said.getvalue()

    def touched_by(self, name: str) -> tuple[int, list[Path]]:
        """A command → its usual exit status, and of the files that it opens, moves or removes, one of each kind in each folder."""
        _SEEN.clear()
        _WATCHING.append(True)
        try:
            status, _ = self.try_it(name)
        finally:
            _WATCHING.clear()
        self.back()
        seen = {os.path.normcase(os.path.abspath(path.removeprefix("\\\\?\\"))) for path in _SEEN}
        touched = [file for file in self._times if os.path.normcase(file) in seen]
        return status, list({(file.parent, file.suffix): file for file in touched}.values())


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _seen(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worn]:
    sys.addaudithook(_watch)
    with pytest.MonkeyPatch.context() as patch:
        yield Worn(tmp_path_factory.mktemp("worn"), patch)


def _cases() -> Iterator[object]:
    """Every command in one state, in turn; in the others, the tests take minutes."""
    kinds = list(KINDS)
    for number, name in enumerate(COMMANDS):
        for kind in kinds:
            marks = () if kind == kinds[number % len(kinds)] else pytest.mark.slow
            yield pytest.param(name, kind, id=f"{name}-{kind}", marks=marks)


@pytest.mark.parametrize(("name", "kind"), list(_cases()))
def test_a_file_of_ours_that_windows_refuses(worn: Worn, monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    monkeypatch.setattr("chorus_gui.core.folders.PATIENCE_S", 0.1)
    usual, files = worn.touched_by(name)
    print(name, usual, *(file.relative_to(worn.base).as_posix() for file in files), sep="\n  ")
    wrong: list[str] = []
    for file in files:
        with KINDS[kind](file):
            status, text = worn.try_it(name)
        where = file.relative_to(worn.base).as_posix()
        if status not in (0, 1, 2, 3, 4) or "Traceback" in text:
            wrong.append(f"{where}: {status}: {text[-1500:]}")
        elif status != usual and not (re.search(SAID[kind], text) and (file.name in text)):
            wrong.append(f"{where}: {status}, not named: {text[-700:]}")
        again, text = worn.try_it(name) if status != usual else (usual, "")
        if again != usual:
            wrong.append(f"{where}: AFTER: {again}, was {status}, usually {usual}: {text[-700:]}")
        worn.back()
    assert not wrong, f"{len(wrong)} of {kind}, {name}:\n" + "\n\n".join(wrong)
