"""What the system under the tests can do, asked of the system itself: what it cannot do is skipped with the reason."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import pytest


@cache
def links_work() -> bool:
    """A symbolic link to a file and one to a folder lead there (not in Wine; on Windows for developers and administrators)."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "real").mkdir()
        (base / "real" / "file").write_bytes(b"1")
        try:
            os.symlink(base / "real", base / "folder", target_is_directory=True)
            os.symlink(base / "real" / "file", base / "file")
        except OSError:
            return False
        return (base / "folder").is_symlink() and (base / "folder" / "file").is_file() and (base / "file").read_bytes() == b"1"


@cache
def cases_differ() -> bool:
    """ "A" and "a" are two files."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").touch()
        return not (Path(folder) / "A").exists()


def same_place(given: object, place: Path) -> bool:
    """Whether a path that the program gives to the system is this one: on Windows it has a prefix, for long paths."""
    return os.path.normpath(str(given).removeprefix("\\\\?\\")) == os.path.normpath(place)


needs_links = pytest.mark.skipif(not links_work(), reason="no symbolic links here")
posix_names = pytest.mark.skipif(os.name == "nt", reason="no such name can lie on a Windows disk")
"""For names with quotation marks, colons, line feeds, a blank at the end, which only other systems allow."""
