"""Logging off, as Windows tells it to the real window of a real process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from windowsworld import end_session, windows_of

pytestmark = pytest.mark.skipif(os.name != "nt", reason="Windows tells its windows")


def test_the_window_ends_when_the_person_logs_off(tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "windows", "CHORUS_UPLOAD_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", "chorus_gui", "--demo"], env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and not (windows_of(process.pid, "Qt") and any(tmp_path.rglob("*.log"))):
                time.sleep(0.1)
            time.sleep(2)
            end_session(process.pid, "Qt")
            assert process.wait(30) == 0
        finally:
            process.kill()
    (log,) = tmp_path.rglob("*.log")
    assert "the session ends" in log.read_text("utf-8")
