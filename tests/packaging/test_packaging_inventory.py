"""What a build says of itself: licences, bill of materials, checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def inventory(installer: Callable[[str], ModuleType]) -> ModuleType:
    return installer("inventory")


def package(packages: Path, name: str, version: str, *, licence: bool, extra: str = "") -> None:
    """A package as pip leaves it."""
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (packages / name.lower()).mkdir()
    (packages / name.lower() / "core.py").write_text("")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extra}\n")
    files = [f"{name.lower()}/core.py", f"{name}-{version}.dist-info/METADATA"]
    if licence:
        (info / "licenses").mkdir()
        (info / "licenses" / "LICENSE").write_text(f"the licence of {name}")
        files.append(f"{name}-{version}.dist-info/licenses/LICENSE")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_only_what_went_in_is_listed(inventory: ModuleType, tmp_path: Path) -> None:
    packages, work, build = tmp_path / "site-packages", tmp_path / "work", tmp_path / "build"
    package(packages, "Used", "1.0", licence=True, extra="License-Expression: MIT")
    package(packages, "Unused", "2.0", licence=True)
    package(packages, "shiboken6", "6.8.3", licence=False)
    commercial = packages / "shiboken6-6.8.3.dist-info" / "LicenseRef-Qt-Commercial.txt"
    commercial.write_text("a licence for customers")
    with (packages / "shiboken6-6.8.3.dist-info" / "RECORD").open("a") as record:
        record.write("shiboken6-6.8.3.dist-info/LicenseRef-Qt-Commercial.txt,,\n")
    work.mkdir()
    build.mkdir()
    (work / "PYZ-00.toc").write_text(r"[('used.core', 'Z:\\build\\Lib\\site-packages\\used\\core.py', 'PYMODULE'),")
    (work / "COLLECT-00.toc").write_text("('x', '/usr/lib/site-packages/shiboken6/core.py', 'BINARY')]")
    found = inventory.bundled(work, packages)
    assert [each.metadata["Name"] for each in found] == ["shiboken6", "Used"]
    assert [inventory.spdx(each) for each in found] == ["LGPL-3.0-only", "MIT"]

    copying = tmp_path / "COPYING.txt"
    copying.write_text("the licence of the start code")
    inner = [
        inventory.parts.Part("zlib", "1.3.1", "", "Zlib", ("zlib.txt",), ("_internal/python312.dll",)),
        inventory.parts.Part("pyinstaller-bootloader", "6.0", "", "GPL-2.0-or-later", (), ("a.exe", "b.exe")),
        inventory.parts.Part("libffi", "", "", "MIT", (), ("_internal/libffi-8.dll",)),
    ]
    inventory.write_licences(build, found, inner, {"Python": None, "PyInstaller": copying}, ROOT)
    assert (build / "licences" / "Used-1.0" / "LICENSE").read_text() == "the licence of Used"
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (build / "licences" / "shiboken6-6.8.3" / "LGPL-3.0.txt").read_text("utf-8")
    assert not list(build.rglob("LicenseRef-*")), "a licence that does not apply is not there"
    assert "appreciated but is not required" in (build / "licences" / "Libraries" / "zlib.txt").read_text("utf-8")
    index = (build / "licences" / "README.txt").read_text("utf-8")
    assert "Used 1.0: MIT (folder Used-1.0)" in index
    assert "Unused" not in index
    assert "zlib 1.3.1, in _internal/python312.dll: Zlib (Libraries/zlib.txt)" in index
    assert "pyinstaller-bootloader 6.0, in a.exe, b.exe: GPL-2.0-or-later (folder PyInstaller)" in index
    assert "libffi (the file does not say the version), in _internal/libffi-8.dll: MIT (no text is here)" in index


def test_what_is_not_pinned_is_told(inventory: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "PYZ-00.toc").write_text(
        r"[('a', 'Z:\\build\\Lib\\test-packages\\a\\b.py', 'PYMODULE'), ('c', '/lib/site-packages/c.py', '')]"
    )
    assert inventory.unpinned(tmp_path) == ["a/b.py"]


def test_checksums_are_as_sha256sum_reads_them(inventory: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "setup.exe"
    file.write_bytes(b"program")
    inventory.write_sums(tmp_path, [file])
    assert (tmp_path / "SHA256SUMS").read_bytes() == f"{hashlib.sha256(b'program').hexdigest()}  setup.exe\n".encode()


def test_a_build_that_is_too_large_is_told(inventory: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed = tmp_path / "program"
    installed.mkdir()
    (installed / "a").write_bytes(b"x" * 1000)
    setup = tmp_path / "setup.exe"
    setup.write_bytes(b"x")
    assert inventory.report(setup, installed)
    with setup.open("wb") as stream:
        stream.truncate(inventory.MOST_INSTALLER * 1_000_000 + 1)
    assert not inventory.report(setup, installed)
    assert "Too large" in capsys.readouterr().out


def test_a_page_that_is_left_behind_is_told(inventory: ModuleType, tmp_path: Path) -> None:
    for name in ("__init__", "__main__", "pages/__init__", "pages/log", "pages/lost"):
        file = tmp_path / "chorus_gui" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    (tmp_path / "PYZ-00.toc").write_text("[('chorus_gui', ''), ('chorus_gui.pages', ''), ('chorus_gui.pages.log', '')]")
    assert inventory.left_behind(tmp_path, tmp_path) == ["chorus_gui.pages.lost"]


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", "0.1.0.0"), ("0.1.0rc1", "0.1.0.0"), ("2.0", "2.0.0.0"), ("1.2.3.4.5", "1.2.3.4"), ("1.0.dev3", "1.0.0.0")],
)
def test_every_version_has_four_numbers(inventory: ModuleType, version: str, numbers: str) -> None:
    assert inventory.numbers(version) == numbers


def test_the_list_names_files_and_then_folders_from_the_inside(inventory: ModuleType, tmp_path: Path) -> None:
    for name in ("ChorusUpload.exe", "_internal/PySide6/plugins/a.dll", "_internal/b.dll"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for _ in range(2):  # it does not list itself
        inventory.write_list(tmp_path, ROOT)
    heading, *lines = (tmp_path / inventory.LIST).read_bytes().decode("ascii").split("\r\n")
    assert heading == f"CHoRUS Upload {inventory.version_of(ROOT)}"
    assert lines == [
        "ChorusUpload.exe",
        "_internal\\PySide6\\plugins\\a.dll",
        "_internal\\b.dll",
        "uninstall.exe",
        "_internal\\PySide6\\plugins\\",
        "_internal\\PySide6\\",
        "_internal\\",
        "",
    ]
    (tmp_path / "Größe.txt").write_bytes(b"x")
    with pytest.raises(ValueError, match="Größe"):
        inventory.write_list(tmp_path, ROOT)


def test_a_tag_is_the_version(inventory: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert inventory.main([f"v{inventory.version_of(ROOT)}"]) == 0
    assert inventory.main(["v9.9.9"]) == 1
    assert "v9.9.9" in capsys.readouterr().err


def test_the_table_of_sizes_has_the_limits(inventory: ModuleType) -> None:
    page = (ROOT / "docs" / "it-department.md").read_text("utf-8")
    assert f"| now | {inventory.MOST_INSTALLER} MB | {inventory.MOST_INSTALLED} MB |" in page
    reserved = re.findall(r"^\| reserved for .* \| \+(\d+) MB \| \+(\d+) MB \|$", page, re.MULTILINE)
    assert len(reserved) == 3
    installer, installed = (sum(map(int, column)) for column in zip(*reserved, strict=True))
    assert f"| at most, later | {inventory.MOST_INSTALLER + installer} MB | {inventory.MOST_INSTALLED + installed} MB |" in page
