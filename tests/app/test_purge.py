"""A user leaves this computer."""

from __future__ import annotations

import ast
import logging
import sys
import types
from pathlib import Path

import filelock
import pytest

from chorus_gui.app import purge
from chorus_gui.app.logs import log_to_file
from chorus_gui.cli.main import main
from chorus_gui.core import folders
from chorus_gui.core.errors import UsageError
from chorus_gui.core.redact import redact

ROOT = Path(__file__).resolve().parents[2]


def used(tmp_path: Path) -> Path:
    """The data folder after some use."""
    site = tmp_path / "site"
    assert main(["demo", str(site)]) == 0
    data = folders.data_folder()
    (data / "theme").mkdir(exist_ok=True)
    (data / "theme" / "check.png").write_bytes(b"x")
    (data / "instance").mkdir()
    (folders.settings_folder() / "window.ini").write_text("[General]\n")
    return data


def test_everything_of_the_user_is_removed_and_nothing_of_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = used(tmp_path)
    assert list(data.rglob("*.html")), "there are receipts"
    strange = data / "a person's own.txt"
    strange.write_text("x")
    journal, config = tmp_path / "site" / "journal.db", tmp_path / "site" / "config.toml"
    before = journal.read_bytes()
    assert main(["purge", "--yes"]) == 0
    assert "Removed" in capsys.readouterr().out
    assert [path.name for path in data.rglob("*")] == [strange.name], "only what the program made is removed"
    assert not list(folders.log_folder().glob("*"))
    assert journal.read_bytes() == before
    assert config.is_file()


def test_it_asks_first(tmp_path: Path) -> None:
    data = used(tmp_path)
    assert main(["purge"]) == 4
    assert list(data.rglob("*.html"))


def test_an_open_window_keeps_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = used(tmp_path)
    with filelock.FileLock(data / "instance" / "window.lock"):
        assert main(["purge", "--yes"]) == 2
    assert "Close its window" in capsys.readouterr().err
    assert list(data.rglob("*.html"))


def test_a_file_that_is_held_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used(tmp_path)

    def held(folder: Path) -> None:
        raise PermissionError(13, "in use", str(folder / "x.db"))

    monkeypatch.setattr("shutil.rmtree", held)
    monkeypatch.setattr(folders, "PATIENCE_S", 0)
    with pytest.raises(UsageError, match=r"x\.db"):
        purge.purge()


def test_every_folder_that_the_program_makes_is_known() -> None:
    """``data_folder() / "name"`` and ``data_folder("name")`` anywhere in the program."""
    found: set[str] = set()
    for file in (ROOT / "chorus_gui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
                left = ast.unparse(node.left)
                if left.endswith(("data_folder()", "settings_folder()")):
                    found.add(str(node.right.value))
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("data_folder") and node.args:
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    assert found <= {*purge.FOLDERS, *purge.FILES, *purge.DATA_FILES}
    assert {"staging", "receipts", "custody"} <= found


def test_its_own_log_is_closed_first(tmp_path: Path) -> None:
    handler = log_to_file("chorus-upload.log")
    logging.getLogger("chorus").info(redact("something"))
    purge.purge()
    assert handler not in logging.getLogger().handlers


class _Store:
    """Windows Credential Manager, as its documentation has it: a filter is the start of a name and an asterisk, or nothing at all."""

    CRED_TYPE_GENERIC = 1

    def __init__(self, *names: tuple[str, int]) -> None:
        self.entries = list(names)

    def CredEnumerate(self, Filter: str | None = None, Flags: int = 0) -> list[dict[str, object]]:  # noqa: N803 - the library's names
        start = "" if Filter is None else Filter.removesuffix("*")
        return [{"TargetName": name, "Type": kind} for name, kind in self.entries if name.startswith(start)]

    def CredDelete(self, TargetName: str, Type: int) -> None:  # noqa: N803 - the library's names
        self.entries.remove((TargetName, Type))


def test_the_tokens_of_the_program_are_removed_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [("git:https://example.org", 1), ("CHoRUS Upload of somebody else", 1), ("x@CHoRUS Upload", 2), ("@CHoRUS Uploads", 1)]
    store = _Store(("CHoRUS Upload", 1), ("account.blob.core.windows.net/data@CHoRUS Upload", 1), *others)
    library = types.ModuleType("win32ctypes.pywin32")
    library.win32cred, library.pywintypes = store, types.SimpleNamespace(error=OSError)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "win32ctypes", types.ModuleType("win32ctypes"))
    monkeypatch.setitem(sys.modules, "win32ctypes.pywin32", library)
    monkeypatch.setattr(purge, "sys", types.SimpleNamespace(platform="win32"))
    assert purge._forget_tokens() == 2
    assert store.entries == others
