"""What is made of a finished build beside the setup program: archives, whose bytes depend on their content alone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import inventory

ROOT = Path(__file__).resolve().parent.parent
NAME = "CHoRUS Upload"
TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in an archive: the time of a build says nothing about its content."""


def file_name(ending: str) -> str:
    """The name of a product: "CHoRUS-Upload-0.1.0-Portable.zip" for "Portable.zip"."""
    return f"CHoRUS-Upload-{inventory.version_of(ROOT)}-{ending}"


def program_files(target: Path) -> list[Path]:
    """What every product installs of the folder of a build: all but the list that only the setup program uses, and would take for its own."""
    return sorted(
        (file for file in target.rglob("*") if file.is_file() and file != target / inventory.LIST), key=lambda file: file.as_posix()
    )


def policy_templates(out: Path) -> Path:
    """The templates for Group Policy."""
    folder = ROOT / "installer" / "policy"
    return _pack(out / file_name("Policy.zip"), folder, sorted(folder.rglob("*.adm?")), "")


def portable(target: Path, out: Path) -> Path:
    """The programs in a folder, without an installer."""
    return _pack(out / file_name("Portable.zip"), target, program_files(target), f"{NAME}/")


def _pack(made: Path, folder: Path, files: Iterable[Path], inside: str) -> Path:
    return pack(made, ((inside + file.relative_to(folder).as_posix(), file.read_bytes()) for file in files))


def pack(made: Path, contents: Iterable[tuple[str, bytes]]) -> Path:
    """A zip of files with these names and contents."""
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in contents:
            packed.writestr(zipfile.ZipInfo(name, TIME), content, zipfile.ZIP_DEFLATED, 9)
    return made
