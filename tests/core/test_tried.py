"""Whether a folder takes a file is tried out in one way, by everything that asks."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chorus_gui.app import portable, selftest
from chorus_gui.app.exports import check_writable
from chorus_gui.core import private
from chorus_gui.core.errors import UsageError
from chorus_gui.core.storage import fits


def test_an_empty_file_is_there_for_a_moment(tmp_path: Path) -> None:
    with private.tried(tmp_path / "x"):
        assert [(file.name, file.stat().st_size) for file in tmp_path.iterdir()] == [("x", 0)]
    assert not any(tmp_path.iterdir())
    with pytest.raises(KeyError), private.tried(tmp_path / "x"):
        raise KeyError
    assert not any(tmp_path.iterdir())


def test_a_file_of_this_name_stays(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("theirs")
    with pytest.raises(FileExistsError), private.tried(tmp_path / "x"):
        pass
    assert (tmp_path / "x").read_text() == "theirs"


def test_a_file_that_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), private.tried(tmp_path / "x"):
        (tmp_path / "x").unlink()


def test_everything_that_asks_if_a_folder_takes_a_file_asks_in_this_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    @contextmanager
    def refused(path: Path) -> Generator[None]:
        asked.append(Path(str(path.parent).removeprefix("\\\\?\\")))  # on Windows also as a long path
        raise PermissionError(13, "Permission denied", str(path))
        yield

    monkeypatch.setattr(private, "tried", refused)
    with pytest.raises(UsageError, match="Could not write"):
        check_writable(tmp_path / "new.csv")
    assert isinstance(portable._fault(tmp_path), PermissionError)
    assert fits._try_out(tmp_path) == (os.name == "nt", False)
    assert asked == [tmp_path] * 3
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "own"))
    with pytest.raises(PermissionError):
        selftest.user_folders()


def test_a_folder_of_the_program_is_usable_if_only_the_removal_has_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virus scanner can have the new file open for a moment."""

    @contextmanager
    def held(path: Path) -> Generator[None]:
        private.create(path).close()
        yield
        raise PermissionError(32, "in use", str(path))

    monkeypatch.setattr(private, "tried", held)
    assert portable._fault(tmp_path) is None
    assert fits._try_out(tmp_path)[0] in (True, False)
