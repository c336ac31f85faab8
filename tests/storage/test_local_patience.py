"""A reader, a virus scanner or a backup holds a file of a folder store for a moment: Windows denies replacing and removing it until then."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.core import folders
from chorus_gui.core.errors import AccessError
from chorus_gui.core.storage.local import LocalStore


def denied(monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> list[int]:
    """Windows, where a call on a file of the store is denied so often."""
    real: Callable[..., Any] = getattr(os, name)
    left = [times]

    def call(path: Any, *rest: Any, **options: Any) -> Any:
        if "x.txt" in " ".join(str(word) for word in (path, *rest)) and left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access denied", path)
        return real(path, *rest, **options)

    monkeypatch.setattr(folders, "_WINDOWS", True)
    monkeypatch.setattr(folders, "PATIENCE_S", 0.5)
    monkeypatch.setattr(os, name, call)
    return left


@pytest.mark.parametrize("name", ["replace", "unlink", "open"])
def test_a_file_that_is_held_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    store = LocalStore(tmp_path)
    store.put("a/x.txt", b"1")
    left = denied(monkeypatch, name, 3)
    if name == "replace":
        store.put("a/x.txt", b"2")
    assert b"".join(store.read("a/x.txt")) == (b"2" if name == "replace" else b"1")
    store.delete("a/x.txt")
    assert left == [0]
    assert store.head("a/x.txt") is None


def test_a_file_that_stays_held_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.put("a/x.txt", b"1")
    denied(monkeypatch, "replace", 10**6)
    with pytest.raises(AccessError):
        store.put("a/x.txt", b"2")
    assert b"".join(store.read("a/x.txt")) == b"1"


def test_a_folder_of_that_name_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "a" / "x.txt").mkdir(parents=True)
    left = denied(monkeypatch, "replace", 10**6)
    with pytest.raises(Exception, match="folder of that name"):
        store.put("a/x.txt", b"2")
    assert left[0] >= 10**6 - 1
