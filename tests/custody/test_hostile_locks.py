"""A colleague, or a thief, can write any lock: every command says whose it is, or that it cannot tell, and unlock always works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scriptworld import ScriptWorld

from chorus_gui.app.status import Status
from chorus_gui.cli.main import main

GOOD = {"who": "a", "host": "h", "since": "2026-01-01T00:00:00+00:00", "app": "x", "journal_etag": "", "token": "t"}
LOCKS: tuple[bytes, ...] = (
    b"", b"[" * 4000, b"9" * 4000, b"\xff\xfe", b"null", b"{}", b'{"token": {"a": [1]}}', b"<html>Sign in</html>", b"x" * 100_000,
    *(json.dumps({**GOOD, name: value}).encode() for name in GOOD for value in ("9999-12-31T23:59:59-10:00", None, 7, [], "\x1b]0;x\x07\r\nError: y", "x" * 3000)),
)  # fmt: skip


@pytest.mark.parametrize("lock", LOCKS, ids=range(len(LOCKS)))
def test_unlock_always_works(tmp_path: Path, capsys: pytest.CaptureFixture[str], lock: bytes) -> None:
    world = ScriptWorld(tmp_path, files=("OMOP/a.csv",))
    world.record()
    file = tmp_path / "share" / "journal.db.locked"
    file.write_bytes(lock)
    config = str(world.file)
    assert main(["-c", config, "journal", "status"]) in (Status.DONE, Status.FAULTY)
    assert main(["-c", config, "journal", "checkout"]) in (Status.NOT_STARTED, Status.DECISION)
    assert "\x1b" not in "".join(capsys.readouterr())
    assert main(["-c", config, "journal", "unlock", "--yes"]) == Status.DONE, capsys.readouterr()
    assert not file.exists()
