"""Where things lie, and paths as each system wants them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from chorus_gui.core import places
from chorus_gui.core.errors import ChorusError


@pytest.fixture
def fresh_resources() -> object:
    """What was found is remembered for the life of the program: look anew in this test, and again after it."""
    places.resources.cache_clear()
    yield
    places.resources.cache_clear()


@pytest.mark.parametrize(("folder", "kind"), [(places.data_folder, "data"), (places.log_folder, "log"), (places.settings_folder, "config")])
def test_the_users_folders_are_made_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: object, kind: str) -> None:
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "home with ü"))
    made = folder()  # pyright: ignore[reportCallIssue]
    assert made == tmp_path / "home with ü" / kind
    assert made.is_dir()
    if os.name == "posix":
        assert made.stat().st_mode & 0o777 == 0o700


def test_without_the_variable_they_lie_where_this_system_keeps_such_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHORUS_UPLOAD_HOME", raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    made = {places.data_folder(), places.log_folder(), places.settings_folder()}
    assert len(made) == 3
    if sys.platform == "linux":
        assert places.data_folder() == tmp_path / "XDG_DATA_HOME" / places.APP


@pytest.mark.usefixtures("fresh_resources")
def test_resources_of_a_frozen_program_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources" / "scripts").mkdir(parents=True)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert places.resources() == tmp_path / "resources"
    assert places.resource("scripts/a.txt") == tmp_path / "resources" / "scripts" / "a.txt"


@pytest.mark.usefixtures("fresh_resources")
@pytest.mark.parametrize("where", ["package/_resources", "resources"])
def test_resources_of_a_wheel_and_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(places, "__file__", str(tmp_path / "package" / "core" / "places.py"))
    with pytest.raises(ChorusError, match="missing"):
        places.resources()
    (tmp_path / where).mkdir(parents=True)
    assert places.resources() == tmp_path / where


def test_on_this_system_a_disk_path_opens(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c.dat").write_bytes(b"1")
    with open(places.disk_path(tmp_path, "a b/c.dat"), "rb") as file:
        assert file.read() == b"1"
    assert sorted(os.listdir(places.disk_path(tmp_path))) == ["a b"]


@pytest.mark.skipif(os.name == "nt", reason="Windows wants its prefix")
def test_elsewhere_a_disk_path_is_the_path(tmp_path: Path) -> None:
    assert places.disk_path(tmp_path) == str(tmp_path)
    assert places.disk_path("relative", "a/b") == "relative/a/b"
    assert places.disk_path("/", "a") == "/a"


@pytest.mark.parametrize(
    ("full", "path", "expected"),
    [
        ("D:\\site", "", "\\\\?\\D:\\site"),
        ("D:\\site", "1/Images/a b.dcm", "\\\\?\\D:\\site\\1\\Images\\a b.dcm"),
        ("D:\\", "a", "\\\\?\\D:\\a"),
        ("D:\\", "", "\\\\?\\D:\\"),
        ("\\\\server\\share", "x/con.", "\\\\?\\UNC\\server\\share\\x\\con."),
        ("\\\\server\\share\\", "", "\\\\?\\UNC\\server\\share\\"),
        ("\\\\?\\D:\\site", "a", "\\\\?\\D:\\site\\a"),
    ],
)
def test_windows_paths_get_the_prefix_that_lets_them_be_long(full: str, path: str, expected: str) -> None:
    assert places.extended(full, path) == expected
