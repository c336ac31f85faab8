"""Where things lie, and paths as each system wants them."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from chorus_gui.core import folders
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.review.staging import Staging


@pytest.fixture
def fresh_resources() -> object:
    """What was found is remembered for the life of the program: look anew in this test, and again after it."""
    folders.resources.cache_clear()
    yield
    folders.resources.cache_clear()


@pytest.mark.parametrize(
    ("folder", "kind"), [(folders.data_folder, "data"), (folders.log_folder, "log"), (folders.settings_folder, "config")]
)
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
    made = {folders.data_folder(), folders.log_folder(), folders.settings_folder()}
    assert len(made) == (2 if sys.platform == "win32" else 3), "Windows has one folder for data and settings"
    if sys.platform == "win32":
        assert folders.data_folder() == Path(os.environ["LOCALAPPDATA"], folders.APP), "what may be large does not roam"
    if sys.platform == "linux":
        assert folders.data_folder() == tmp_path / "XDG_DATA_HOME" / folders.APP


@pytest.mark.usefixtures("fresh_resources")
def test_resources_of_a_frozen_program_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources" / "scripts").mkdir(parents=True)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert folders.resources() == tmp_path / "resources"
    assert folders.resource("scripts/a.txt") == tmp_path / "resources" / "scripts" / "a.txt"


@pytest.mark.usefixtures("fresh_resources")
@pytest.mark.parametrize("where", ["package/_resources", "resources"])
def test_resources_of_a_wheel_and_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(folders, "__file__", str(tmp_path / "package" / "core" / "folders.py"))
    with pytest.raises(ChorusError, match="missing"):
        folders.resources()
    (tmp_path / where).mkdir(parents=True)
    assert folders.resources() == tmp_path / where


def test_on_this_system_a_disk_path_opens(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c.dat").write_bytes(b"1")
    with open(folders.disk_path(tmp_path, "a b/c.dat"), "rb") as file:
        assert file.read() == b"1"
    assert sorted(os.listdir(folders.disk_path(tmp_path))) == ["a b"]


@pytest.mark.skipif(os.name == "nt", reason="Windows wants its prefix")
def test_elsewhere_a_disk_path_is_the_path(tmp_path: Path) -> None:
    assert folders.disk_path(tmp_path) == str(tmp_path)
    assert folders.disk_path("relative", "a/b") == "relative/a/b"
    assert folders.disk_path("/", "a") == "/a"


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
    assert folders.extended(full, path) == expected


class TestHeldFiles:
    def test_only_windows_is_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[int] = []

        def held_twice() -> str:
            calls.append(1)
            if len(calls) < 3:
                raise PermissionError(13, "held")
            return "done"

        monkeypatch.setattr(folders, "_WINDOWS", True)
        assert folders.patiently(held_twice) == "done"
        calls.clear()
        monkeypatch.setattr(folders, "_WINDOWS", False)
        with pytest.raises(PermissionError):
            folders.patiently(held_twice)

    def test_what_stays_held_is_told_in_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "_WINDOWS", True)
        monkeypatch.setattr(folders, "PATIENCE_S", 0.05)

        def held() -> None:
            raise PermissionError(13, "held")

        with pytest.raises(PermissionError, match="held"):
            folders.patiently(held)

    @pytest.mark.skipif(os.name != "nt", reason="other systems replace a file that is open")
    @pytest.mark.parametrize("how", ["replace", "remove"])
    def test_a_file_that_somebody_reads(self, tmp_path: Path, how: str) -> None:
        target, part = tmp_path / "target", tmp_path / "part"
        target.write_bytes(b"old")
        part.write_bytes(b"new")
        reader = target.open("rb")
        with pytest.raises(PermissionError):
            part.replace(target)
        threading.Timer(0.4, reader.close).start()
        if how == "replace":
            folders.replace_file(part, target)
            assert target.read_bytes() == b"new"
        else:
            folders.remove_file(target)
            assert not target.exists()

    def test_a_review_takes_the_place_of_one_that_is_being_read(self, tmp_path: Path) -> None:
        path = tmp_path / "review.db"
        for _ in range(2):
            with Staging.create(path) as staging:
                staging.put("ready", "1")
                staging.db.execute("COMMIT")
        opened = threading.Event()

        def read() -> None:
            with Staging.open(path) as staging:
                staging.db.execute("SELECT * FROM change").fetchall()
                opened.set()
                time.sleep(0.4)

        reader = threading.Thread(target=read)
        reader.start()
        assert opened.wait(10)
        with Staging.create(path) as staging:
            assert staging.get("ready") is None
        reader.join()
