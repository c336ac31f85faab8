"""The packages beside the setup program: what is in them, and that their bytes depend on nothing else."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def products(installer: Callable[[str], ModuleType]) -> ModuleType:
    return installer("products")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The folder of a build."""
    folder = tmp_path / "chorus-upload"
    for name in ("ChorusUpload.exe", "chorus-upload.exe", "_internal/b.dll", "_internal/a/installed-files.txt", "licences/README.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "installed-files.txt").write_text("CHoRUS Upload\r\n")
    return folder


def test_the_zip_has_the_programs_in_one_folder_and_not_the_list_of_the_setup_program(
    products: ModuleType, target: Path, tmp_path: Path
) -> None:
    made = products.portable(target, tmp_path)
    assert made.name == products.file_name("Portable.zip")
    with zipfile.ZipFile(made) as packed:
        assert packed.namelist() == [
            "CHoRUS Upload/ChorusUpload.exe",
            "CHoRUS Upload/_internal/a/installed-files.txt",
            "CHoRUS Upload/_internal/b.dll",
            "CHoRUS Upload/chorus-upload.exe",
            "CHoRUS Upload/licences/README.txt",
        ]
        assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_DEFLATED}, "Windows unpacks no other by itself"
        assert packed.read("CHoRUS Upload/_internal/b.dll") == b"_internal/b.dll"


def test_the_same_build_makes_the_same_zip(products: ModuleType, target: Path, tmp_path: Path) -> None:
    first = products.portable(target, tmp_path).read_bytes()
    for file in target.rglob("*"):
        os.utime(file, (1, 1))
    assert products.portable(target, tmp_path).read_bytes() == first
    (target / "ChorusUpload.exe").write_text("signed")
    assert products.portable(target, tmp_path).read_bytes() != first
