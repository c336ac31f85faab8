"""What is inside a build: the licences of all of it, a bill of materials (CycloneDX), checksums, sizes.

PyInstaller's own tables of contents say which packages went in; nothing is listed that is not there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

HERE = Path(__file__).resolve().parent
LIST = "installed-files.txt"
MOST_INSTALLER, MOST_INSTALLED = 28, 80
"""The limits in megabytes (10^6 bytes) of the installer and of what it installs."""
_LICENCE = re.compile(r"(^|/)(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)
# Wheels without a licence file in them: the text, and how SPDX calls it.
_TEXTS = dict.fromkeys(("PySide6_Essentials", "shiboken6"), ("LGPL-3.0.txt", "GPL-3.0.txt"))
_SPDX = {
    "PySide6_Essentials": "LGPL-3.0-only",
    "shiboken6": "LGPL-3.0-only",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT": "MIT",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
}
# Parts that are not Python packages.  What Python includes (libffi, zlib, the C run-time library) has its texts in Python's
# own licence file.
_PARTS = {
    "python": "PSF-2.0",
    "openssl": "Apache-2.0",
    "sqlite": "blessing",
    "qt": "LGPL-3.0-only",
    "pyinstaller-bootloader": "GPL-2.0-or-later WITH Bootloader-exception",
}
INDEX = """\
CHoRUS Upload {version} is under the MIT License; see _internal/LICENSE.
It contains the works below, each under its own licence, in the folder with its name here.

Qt and PySide6 are used as shared libraries under the GNU Lesser General Public License, version 3.  They are in
_internal/PySide6, and you may replace them with versions of your own; their source is published by The Qt Company at code.qt.io.

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
    folder: Path, distributions: Iterable[importlib.metadata.Distribution], python_licence: Path | None, project: Path
) -> None:
    """Write the folder ``licences`` of the build: an index, and every text."""
    target = folder / "licences"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    lines: list[str] = []
    for distribution in distributions:
        name, version = distribution.metadata["Name"], distribution.version
        place = target / f"{name}-{version}"
        place.mkdir()
        for number, file in enumerate(file for file in distribution.files or () if _LICENCE.search(file.as_posix())):
            source = Path(str(distribution.locate_file(file)))
            if source.is_file() and ".dist-info" in file.as_posix():
                shutil.copy(source, place / (f"{number}-{file.name}" if (place / file.name).exists() else file.name))
        for text in _TEXTS.get(name, ()):
            shutil.copy(HERE / "licences" / text, place / text)
        if not any(place.iterdir()):
            (place / "LICENSE.txt").write_text(f"{name} {version}: {spdx(distribution)}\n", "utf-8")
        lines.append(f"{name} {version}: {spdx(distribution)}")
    if python_licence and python_licence.is_file():
        (target / "Python").mkdir()
        shutil.copy(python_licence, target / "Python" / "LICENSE.txt")
    lines.append("Python, with OpenSSL, SQLite, libffi, zlib and others: see Python/LICENSE.txt")
    lines.append("PyInstaller's start code: GPL-2.0-or-later with an exception for what it starts")
    (target / "README.txt").write_text(INDEX.format(version=version_of(project)) + "\n".join(lines) + "\n", "utf-8")


def _generic(name: str, number: str) -> dict[str, object]:
    """A part that is not a Python package."""
    purl = f"pkg:generic/{name}@{number}"
    licences = [{"license": {"name": _PARTS[name]}}]
    return {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl, "licenses": licences}


def bill(distributions: Sequence[importlib.metadata.Distribution], runtime: Mapping[str, str], project: Path) -> str:
    """CycloneDX 1.5, JSON.  ``runtime`` are the versions of parts that are not packages: python, openssl, sqlite, PyInstaller's start code."""
    version = version_of(project)
    components = [
        {
            "type": "library",
            "bom-ref": (purl := f"pkg:pypi/{re.sub(r'[-_.]+', '-', distribution.metadata['Name']).lower()}@{distribution.version}"),
            "name": distribution.metadata["Name"],
            "version": distribution.version,
            "purl": purl,
            "licenses": [{"license": {"name": spdx(distribution)}}],
        }
        for distribution in distributions
    ]
    components += [_generic(name, number) for name, number in runtime.items()]
    qt = next((each.version for each in distributions if each.metadata["Name"] == "PySide6_Essentials"), "")
    components += [_generic("qt", qt)] if qt else []
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {
                "type": "application",
                "bom-ref": "chorus-upload",
                "name": "CHoRUS Upload",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": "chorus-upload", "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(document, indent=2) + "\n"


def write_sums(folder: Path, files: Iterable[Path]) -> None:
    """SHA256SUMS as sha256sum writes and checks it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8", newline="\n")


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())


def report(installer: Path | None, installed: Path) -> bool:
    """Print the sizes; whether they are within the limits (of the Windows installer)."""
    print(f"Installed: {size(installed) / 1e6:.1f} MB in {installed}")
    if installer is None:
        return True
    print(f"Installer: {size(installer) / 1e6:.1f} MB, {installer}")
    fits = size(installer) <= MOST_INSTALLER * 1e6 and size(installed) <= MOST_INSTALLED * 1e6
    if not fits:
        print(f"Too large: at most {MOST_INSTALLER} MB and {MOST_INSTALLED} MB are promised.")
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
