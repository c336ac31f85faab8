"""Who may read a file."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from chorus_gui.core.access import allowed, close_to_others

ME = "S-1-5-21-1-2-3-1001"


def test_a_file_and_a_folder_are_closed_to_others(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("x")
    folder.mkdir()
    assert close_to_others(file, 0o600)
    assert close_to_others(folder, 0o700)
    (folder / "inside").write_text("still mine")
    if sys.platform == "win32":
        from chorus_gui.core.access import descriptor, own_sid

        assert allowed(descriptor(file)) <= {own_sid(), "OW", "SY"}
    else:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_disk_without_permissions_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    file.chmod(0o644)
    monkeypatch.setattr(Path, "chmod", lambda path, mode: None)  # what a FAT disk does
    assert not close_to_others(file, 0o600)


@pytest.mark.parametrize(
    ("descriptor", "who"),
    [
        (f"D:P(A;;FA;;;{ME})", {ME}),
        (f"D:PAI(A;OICI;FA;;;{ME})(A;OICIID;0x1200a9;;;WD)", {ME, "WD"}),
        (f"O:{ME}G:BAD:(A;;FA;;;SY)(D;;FA;;;BU)", {"SY"}),
        ("D:NO_ACCESS_CONTROL", {"*"}),
        ("", {"*"}),
    ],
)
def test_everybody_whom_windows_lets_in_is_found(descriptor: str, who: set[str]) -> None:
    assert allowed(descriptor) == who
