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


@pytest.mark.parametrize(
    ("command", "allowed", "status"), [("", "", 1), ("", "no", 1), ("", "true", 1), ("", "yes", 0), ("sign", "", 0), ("sign", "yes", 0)]
)
def test_a_release_that_would_have_no_signatures_stops_at_its_beginning(
    installer: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    allowed: str,
    status: int,
) -> None:
    monkeypatch.setenv("SIGN_COMMAND", command)
    monkeypatch.setenv("PUBLISH_UNSIGNED", allowed)
    assert installer("signing").main(["--check"]) == status
    said = capsys.readouterr()
    assert ("SIGN_COMMAND is not set" in said.err) == (status == 1)
    assert ("no signatures" in said.out + said.err) == (not command)


@pytest.mark.parametrize("content", [b"", b"MZ", b"MZ" + b"\xff" * 62, b"MZ" + b"\0" * 300, b"PK\x03\x04"])
def test_other_files_have_no_signature(installer: Callable[[str], ModuleType], content: bytes) -> None:
    assert not installer("signing").has_signature(content)
