"""What is inside a build: the licences of all of it, checksums, sizes.

PyInstaller's own tables of contents say which packages went in; nothing is listed that is not there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PureWindowsPath

import parts

HERE = Path(__file__).resolve().parent
LIST = "installed-files.txt"
TESTS = "test-packages"
"""The folder of what tests need beside the packages of a build."""
MOST_INSTALLER, MOST_INSTALLED, MOST_PACKAGE = 28, 80, 40
"""The limits in megabytes (10^6 bytes) of the installer, of what it installs, and of each other package, whose compression is weaker."""
_LICENCE = re.compile(r"(^|/)(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)
# Wheels without a licence file in them: the text, and how SPDX calls it.
_TEXTS = dict.fromkeys(("PySide6_Essentials", "shiboken6"), ("LGPL-3.0.txt", "GPL-3.0.txt"))
_OF_OTHERS = re.compile(r"^LicenseRef-Qt-Commercial", re.IGNORECASE)  # a licence that does not apply here
_SPDX = {
    "PySide6_Essentials": "LGPL-3.0-only",
    "shiboken6": "LGPL-3.0-only",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT": "MIT",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "pyasn1_modules": "BSD-2-Clause",
    "altgraph": "MIT",
}
INDEX = """\
CHoRUS Upload {version} is under the MIT License; see _internal/LICENSE.
It contains the works below, each under its own licence.  The texts are in the folders that the lines name.

Qt and PySide6 are used as shared libraries under the GNU Lesser General Public License, version 3.  They are in
_internal/PySide6, and you may replace them with versions of your own.  Their source is at code.qt.io: the repositories qt/qtbase and
pyside/pyside-setup, tag v{qt}.

"""


def version_of(project: Path) -> str:
    """The version, from the one file that has it."""
    found = re.search(r'^__version__ = "([^"]+)"', (project / "chorus_gui" / "__init__.py").read_text("utf-8"), re.MULTILINE)
    assert found
    return found[1]


def numbers(version: str) -> str:
    """The four numbers that Windows wants: "0.1.0.0" for 0.1.0, and for 0.1.0rc1, which it cannot express."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return ".".join([*(found[0] if found else "").split("."), "0", "0", "0", "0"][:4])


def write_list(target: Path, project: Path) -> None:
    """The list of what is installed: the files, then the folders from the inside; the installer replaces and removes just these.

    It does not name itself.  Raises :class:`ValueError` for a name that the installer could not read.
    """
    paths = [path for path in sorted(target.rglob("*"), key=lambda path: path.as_posix()) if path.name != LIST]
    names = [str(PureWindowsPath(path.relative_to(target))) for path in paths if path.is_file()]
    folders = [str(PureWindowsPath(path.relative_to(target))) + "\\" for path in paths if path.is_dir()]
    lines = [*names, "uninstall.exe", *sorted(folders, key=lambda name: (-name.count("\\"), name))]
    if strange := [line for line in lines if not line.isascii() or ".." in line]:
        raise ValueError(f"The installer's list cannot have these names: {', '.join(strange)}")
    text = "".join(f"{line}\r\n" for line in [f"CHoRUS Upload {version_of(project)}", *lines])
    (target / LIST).write_bytes(text.encode("ascii"))


def kilobytes(target: Path) -> int:
    """What the list of programs shows as the size."""
    return sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) // 1024


def bundled(work: Path, packages: Path) -> list[importlib.metadata.Distribution]:
    """The distributions that went into the build whose work folder is ``work``, by their files."""
    text = "".join(file.read_text("utf-8", "replace") for file in sorted(work.glob("*.toc")))
    used = {match.replace("\\\\", "/").replace("\\", "/") for match in re.findall(r"site-packages[\\/]+([^'\"]+)['\"]", text)}
    out: dict[str, importlib.metadata.Distribution] = {}
    for distribution in importlib.metadata.distributions(path=[str(packages)]):
        name = distribution.metadata["Name"]
        files = {file.as_posix() for file in distribution.files or () if ".dist-info/" not in file.as_posix()}
        if files & used and name not in ("chorus-upload", "pyinstaller", "pyinstaller-hooks-contrib", "setuptools"):
            out[name] = distribution
    return [out[name] for name in sorted(out, key=str.lower)]


def unpinned(work: Path) -> list[str]:
    """Files of a build that come from the folder of packages for tests, which are not pinned by checksum."""
    text = "".join(file.read_text("utf-8", "replace") for file in sorted(work.glob("*.toc")))
    return sorted({found.replace("\\\\", "/") for found in re.findall(rf"{TESTS}[\\/]+([^'\"]+)['\"]", text)})


def left_behind(work: Path, project: Path) -> list[str]:
    """The program's own modules that are missing in the build: the window finds its pages by name, and would silently leave such a page out."""
    text = (work / "PYZ-00.toc").read_text("utf-8", "replace")
    files = [file.relative_to(project).with_suffix("") for file in sorted((project / "chorus_gui").rglob("*.py"))]
    names = [".".join(file.parts).removesuffix(".__init__") for file in files if file.name not in ("azurite", "__main__")]
    return [name for name in names if f"'{name}'" not in text]


def spdx(distribution: importlib.metadata.Distribution) -> str:
    """The licence's name; the SPDX one if the package or this module has it."""
    meta = distribution.metadata
    if meta["Name"] in _SPDX:
        return _SPDX[meta["Name"]]
    said: str = meta.get("License-Expression") or ""
    if not said:
        classes = [each.rpartition(" :: ")[2] for each in meta.get_all("Classifier") or () if each.startswith("License ::")]
        said = (meta.get("License") or "").strip().splitlines()[0] if (meta.get("License") or "").strip() else ""
        said = classes[0] if classes and (len(said) > 40 or not said) else said
    return _SPDX.get(said, said or "see its licence file")


def write_licences(
    folder: Path,
    distributions: Iterable[importlib.metadata.Distribution],
    found: Iterable[parts.Part],
    own: Mapping[str, Path | None],
    project: Path,
) -> None:
    """Write the folder ``licences`` of the build: an index, and every text.

    ``found`` are the libraries inside the binaries; ``own`` the licence files of "Python" and "PyInstaller", None if they have none.
    """
    target = folder / "licences"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    lines: list[str] = []
    qt = ""
    for distribution in distributions:
        name, version = distribution.metadata["Name"], distribution.version
        place = target / f"{name}-{version}"
        place.mkdir()
        for number, file in enumerate(file for file in distribution.files or () if _LICENCE.search(file.as_posix())):
            source = Path(str(distribution.locate_file(file)))
            if source.is_file() and ".dist-info" in file.as_posix() and not _OF_OTHERS.search(file.name):
                shutil.copy(source, place / (f"{number}-{file.name}" if (place / file.name).exists() else file.name))
        for text in _TEXTS.get(name, ()):
            shutil.copy(HERE / "licences" / text, place / text)
        qt = version if name == "PySide6_Essentials" else qt
        if not any(place.iterdir()):
            place.rmdir()
        where = f"folder {place.name}" if place.is_dir() else "the package has no text of its licence"
        lines.append(f"{name} {version}: {spdx(distribution)} ({where})")
    lines.append("\nInside the libraries and programs:\n")
    for name, file in own.items():
        if file and file.is_file():
            (target / name).mkdir()
            shutil.copy(file, target / name / f"LICENSE{file.suffix}")
    common = target / "Libraries"
    common.mkdir()
    for part in found:
        for text in part.texts:
            shutil.copy(HERE / "licences" / text, common / text)
        of = "PyInstaller" if part.name == "pyinstaller-bootloader" else "Python"
        where = f"Libraries/{', '.join(part.texts)}" if part.texts else f"folder {of}" if (target / of).is_dir() else "no text is here"
        name = part.name.removesuffix("-in-qt")
        version = part.version or "(the file does not say the version)"
        lines.append(f"{name} {version}, in {', '.join(part.files)}: {part.licence or 'see its source'} ({where})")
    (target / "README.txt").write_text(INDEX.format(version=version_of(project), qt=qt) + "\n".join(lines) + "\n", "utf-8")


def write_sums(folder: Path, files: Iterable[Path]) -> None:
    """SHA256SUMS as sha256sum writes and checks it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8", newline="\n")


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())


def report(installer: Path | None, installed: Path, others: Iterable[Path] = ()) -> bool:
    """Print the sizes; whether they are within the limits (of the Windows installer)."""
    print(f"Installed: {size(installed) / 1e6:.1f} MB in {installed}")
    if installer is None:
        return True
    print(f"Installer: {size(installer) / 1e6:.1f} MB, {installer}")
    for other in others:
        print(f"Package:   {size(other) / 1e6:.1f} MB, {other}")
    fits = size(installer) <= MOST_INSTALLER * 1e6 and size(installed) <= MOST_INSTALLED * 1e6
    fits = fits and all(size(other) <= MOST_PACKAGE * 1e6 for other in others)
    if not fits:
        print(
            f"Too large: at most {MOST_INSTALLER} MB (installer), {MOST_INSTALLED} MB (installed) and {MOST_PACKAGE} MB (packages) are promised."
        )
    return fits


def main(words: Sequence[str]) -> int:
    """``inventory.py TAG``: whether a tag is the program's version."""
    right = f"v{version_of(HERE.parent)}"
    if list(words) != [right]:
        print(f"The tag is {' '.join(words)}, but the version is {right.removeprefix('v')}. Tag it as {right}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
