"""The build on this system: what is missing is said before anything is built, and nothing is half made."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def build(installer: Callable[[str], ModuleType]) -> ModuleType:
    return installer("build")


def test_windows_without_nsis_ends_with_the_reason_before_the_build(build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """It once ended with status 0, without an installer."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(build, "_usual_makensis", lambda: None)
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: pytest.fail("something was started"))
    with pytest.raises(SystemExit, match="NSIS 3 is not installed") as stopped:
        build.native()
    assert "choco install nsis" in str(stopped.value.code)


def test_nsis_is_found_where_its_installer_puts_it(build: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROGRAMFILES(X86)", str(tmp_path))
    assert build._usual_makensis() is None
    made = tmp_path / "NSIS" / "makensis.exe"
    made.parent.mkdir()
    made.touch()
    assert build._usual_makensis() == str(made)


@pytest.mark.parametrize(("command", "given"), [("", False), ("signtool sign /n X", True)])
def test_every_path_that_the_installer_needs_is_given_and_it_is_signed_on_request(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, command: str, given: bool
) -> None:
    monkeypatch.setenv("SIGN_COMMAND", command)
    names = {word.partition("=")[0] for word in build.definitions_for("C:\\a b", "C:\\p", "C:\\s.exe", signing=True)}
    needed = {"VERSION", "NUMBERS", "SOURCE", "PROJECT", "OUTFILE"}
    assert names == needed | ({"SIGN"} if given else set())
    script = (ROOT / "installer" / "chorus-upload.nsi").read_text("utf-8")
    for name in needed | {"KILOBYTES"}:
        assert f"${{{name}}}" in script
    assert "SIGN" not in {word.partition("=")[0] for word in build.definitions_for("a", "b", "c", signing=False)}, "not under Wine"
