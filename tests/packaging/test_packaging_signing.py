"""Signing is a hook: a command for each file, or nothing."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other quotes")
def test_each_file_is_signed_on_request(installer: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [tmp_path / "a b.msi", tmp_path / "c.exe"]
    for file in files:
        file.write_text("x")
    signing = installer("signing")
    monkeypatch.delenv("SIGN_COMMAND", raising=False)
    assert signing.main([str(file) for file in files]) == 0
    assert [file.read_text() for file in files] == ["x", "x"]
    code = "import sys; open(sys.argv[-1], 'a').write(' ' + sys.argv[1])"
    monkeypatch.setenv("SIGN_COMMAND", shlex.join([sys.executable, "-c", code, "signed"]))
    assert signing.main([str(file) for file in files]) == 0
    assert [file.read_text() for file in files] == ["x signed", "x signed"]
