"""The libraries inside a build's binaries, which no package manager knows: what they are, and their versions, read from the binaries.

A version that a binary does not state stays empty: nothing here is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RESOURCE = "resource"
"""The version is in the version resource of the file."""
_BINARY = re.compile(r"\.(exe|dll|pyd|dylib|so(\.\d+)*)$", re.IGNORECASE)
_CRATE = re.compile(rb"[\\/]([a-z][\w-]*?)-(\d+\.\d+\.\d+)[\\/]src[\\/]")


@dataclass(frozen=True)
class Kind:
    """A library that may be there: in files with these names, if they have these bytes."""

    name: str
    supplier: str
    licence: str
    """An SPDX expression."""
    files: str
    """A regular expression of the file's name, in lower case."""
    texts: tuple[str, ...] = ()
    """Its licence, in ``installer/licences``; empty if Python's or PyInstaller's own file has it."""
    has: bytes = b""
    version: str | bytes = b""
    """A regular expression with the version as its group, or :data:`RESOURCE`."""


@dataclass(frozen=True)
class Part:
    """A library that is there."""

    name: str
    version: str
    """Empty: the binary does not say it."""
    supplier: str
    licence: str
    texts: tuple[str, ...]
    files: tuple[str, ...]
    """The binaries with it, relative to the build, with slashes."""
    kind: str = "generic"
    """The type of its package URL."""


_QT_TEXTS = ("Qt-works-of-others.txt",)
_QT_CORE, _QT_GUI = r"(lib)?qt6core\b.*", r"(lib)?qt6gui\b.*"
_PYTHON = r"(lib)?python3\.?\d+\.(dll|so.*|dylib)|python"
KINDS = (
    Kind("python", "Python Software Foundation", "Python-2.0", r"python3\d\d\.dll", version=RESOURCE),
    Kind(
        "openssl", "OpenSSL Software Foundation", "Apache-2.0", r"(lib)?crypto.*|_rust\..*", ("Apache-2.0.txt",),
        version=rb"OpenSSL (\d+\.\d+\.\d+[a-z]?) +\d+ [A-Z][a-z]{2} \d{4}",
    ),
    Kind("sqlite", "SQLite Consortium", "blessing", r"(lib)?sqlite3.*", ("SQLite.txt",), version=rb"(?<![\d.])(3\.\d+\.\d+)\0"),
    Kind("zlib", "Jean-loup Gailly and Mark Adler", "Zlib", _PYTHON + r"|(lib)?z(lib1)?\.(dll|so.*|dylib)|zlib.*", ("zlib.txt",),
         has=b"invalid distance too far back", version=rb"\0(1\.[23]\.\d+(?:\.\d+)?)\0"),
    Kind("expat", "Expat maintainers", "MIT", r"pyexpat.*|(lib)?expat.*", ("Expat.txt",), version=rb"expat_(\d+\.\d+\.\d+)"),
    Kind("libffi", "Anthony Green, Red Hat and others", "MIT", r"(lib)?ffi-?\d*\.(dll|so.*|dylib)|_cffi_backend.*"),
    Kind("libmpdec", "Stefan Krah", "BSD-2-Clause", r"_decimal.*|(lib)?mpdec.*", ("libmpdec.txt",), version=rb"\0(2\.\d\.\d|4\.\d\.\d)\0"),
    Kind("hacl-star", "INRIA, CMU and Microsoft", "MIT", _PYTHON + r"|_sha\d.*", ("HACL-star.txt",), has=b"Hacl_"),
    Kind("bzip2", "Julian Seward", "bzip2-1.0.6", r"_bz2.*|(lib)?bz2.*", version=rb"(1\.0\.\d), \d+-[A-Z][a-z]+-\d{4}"),
    Kind("xz", "The Tukaani Project", "0BSD", r"_lzma.*|(lib)?lzma.*"),
    Kind("microsoft-vc-runtime", "Microsoft Corporation", "LicenseRef-Microsoft-Distributable-Code",
         r"(vcruntime|msvcp|concrt)\d+.*\.dll", version=RESOURCE),
    Kind("pyinstaller-bootloader", "PyInstaller Development Team", "GPL-2.0-or-later WITH Bootloader-exception",
         r"chorus-?upload(\.exe)?"),
    Kind("qt", "The Qt Company", "LGPL-3.0-only", r"(lib)?qt6.*|q(windows|offscreen)\.dll|libq.*", ("LGPL-3.0.txt", "GPL-3.0.txt"),
         version=RESOURCE),
    Kind("pcre2", "Philip Hazel and others", "BSD-3-Clause WITH PCRE2-exception", _QT_CORE, _QT_TEXTS, has=b"PCRE2",
         version=rb"\0(10\.\d\d) \d{4}-\d\d-\d\d\0"),
    Kind("zlib-in-qt", "Jean-loup Gailly and Mark Adler", "Zlib", _QT_CORE, _QT_TEXTS, has=b"invalid distance too far back"),
    Kind("double-conversion", "the V8 project", "BSD-3-Clause", _QT_CORE, _QT_TEXTS),
    Kind("tinycbor", "Intel Corporation", "MIT", _QT_CORE, _QT_TEXTS),
    Kind("freetype", "The FreeType Project", "FTL", _QT_GUI, _QT_TEXTS, has=b"FreeType font engine"),
    Kind("harfbuzz", "HarfBuzz project", "MIT-Modern-Variant", _QT_GUI, _QT_TEXTS, has=b"HB_SHAPER_LIST"),
    Kind("libpng", "PNG Reference Library Authors", "libpng-2.0", _QT_GUI, _QT_TEXTS, has=b"libpng", version=rb"\0(1\.6\.\d+)\0"),
    Kind("md4c", "Martin Mitáš", "MIT", _QT_GUI, _QT_TEXTS),
    Kind("iaccessible2", "Linux Foundation", "BSD-3-Clause", r"qwindows\.dll", _QT_TEXTS),
    Kind("libjpeg-turbo", "libjpeg-turbo project", "IJG AND BSD-3-Clause AND Zlib", r"(lib)?qjpeg.*"),
)  # fmt: skip
# What Rust's packages inside cryptography are under.  One that is not here is listed without a licence.
CRATES = {
    "asn1": "BSD-3-Clause", "openssl": "Apache-2.0", "openssl-sys": "MIT", "pem": "MIT",
    **dict.fromkeys(("base64", "hashbrown", "itoa", "once_cell", "pyo3", "pyo3-ffi", "rustc-demangle"), "MIT OR Apache-2.0"),
}  # fmt: skip


def binaries(target: Path) -> list[Path]:
    """The programs and libraries of a build, sorted; links are left out."""
    found = (file for file in target.rglob("*") if file.is_file() and not file.is_symlink())
    return sorted(file for file in found if _BINARY.search(file.name) or (file.parent == target and not file.suffix))


def resource_version(data: bytes) -> str:
    """The file version in a Windows version resource, empty if there is none."""
    at = data.find("FileVersion".encode("utf-16-le"))
    text = data[at + 22 : at + 120].decode("utf-16-le", "ignore") if at >= 0 else ""
    found = re.match(r"\0*(\d+(?:\.\d+)+)", text)
    return found[1] if found else ""


def _version(kind: Kind, data: bytes) -> str:
    if kind.version == RESOURCE:
        said = resource_version(data)
        return said.removesuffix(".0") if kind.name == "qt" else said
    found = (
        {match.decode("ascii") for match in re.findall(kind.version, data)} if isinstance(kind.version, bytes) and kind.version else set()
    )
    return found.pop() if len(found) == 1 else ""


def _found(target: Path) -> Iterator[tuple[Part, str]]:
    for file in binaries(target):
        name, data = file.relative_to(target).as_posix(), file.read_bytes()
        for kind in KINDS:
            if re.fullmatch(kind.files, file.name.lower()) and kind.has in data:
                yield Part(kind.name, _version(kind, data), kind.supplier, kind.licence, kind.texts, ()), name
        if file.name.lower().startswith("_rust."):
            for crate, version in sorted({(found[0].decode(), found[1].decode()) for found in _CRATE.findall(data)}):
                texts = ("Rust-crates.txt", "Apache-2.0.txt")
                yield Part(crate, version, "", CRATES.get(crate, ""), texts, (), "cargo"), name


def find(target: Path) -> list[Part]:
    """The libraries in a build's binaries, sorted by name and version; the same one in several binaries is one."""
    files: dict[Part, list[str]] = {}
    for part, name in _found(target):
        files.setdefault(part, []).append(name)
    parts = [Part(**{**vars(part), "files": tuple(names)}) for part, names in files.items()]
    return sorted(parts, key=lambda part: (part.kind, part.name, part.version))
