"""Sign files, and see which files have a signature.

``SIGN_COMMAND`` is called with each file as its last argument; without it nothing is signed.  ``signing.py FILE…`` does it by hand.
``signing.py --check`` fails if a release would have no signatures, and nobody said that it may: ``PUBLISH_UNSIGNED`` is "yes".
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

UNSIGNED = "PUBLISH_UNSIGNED"
"""The variable with which somebody says that a release without signatures is right."""
_CERTIFICATES = 4
"""The entry of a program's table of contents that has its signatures: Microsoft's PE format, “Optional header data directories”."""
_STREAM = "\x05DigitalSignature".encode("utf-16-le")
"""Where an MSI has its signature."""


def sign(*files: Path) -> None:
    """The hook."""
    command = os.environ.get("SIGN_COMMAND")
    for file in files if command else ():
        assert command
        print(f"Signing {file.name}")
        # A Windows program parses its own command line, quotes included.
        subprocess.run(f'{command} "{file}"' if os.name == "nt" else [*shlex.split(command), str(file)], check=True)


def has_signature(content: bytes) -> bool:
    """Whether a program or an MSI has a signature, whoever made it; False for any other file."""
    if content[:2] != b"MZ":
        return _STREAM in content
    header = int.from_bytes(content[0x3C:0x40], "little") + 24
    tables = header + {b"\x0b\x01": 96, b"\x0b\x02": 112}.get(content[header : header + 2], len(content))
    return any(content[tables + 8 * _CERTIFICATES : tables + 8 * _CERTIFICATES + 8])


def without_signature(folder: Path) -> list[str]:
    """The programs and packages of a release in ``folder`` that have no signature; those in a zip are “ZIP: NAME”."""
    found = [file.name for kind in ("*.exe", "*.msi") for file in sorted(folder.glob(kind)) if not has_signature(file.read_bytes())]
    for file in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(file) as packed:
            programs = [name for name in packed.namelist() if name.endswith(".exe")]
            found += [f"{file.name}: {name.rpartition('/')[2]}" for name in programs if not has_signature(packed.read(name))]
    return found


def may_be_unsigned() -> bool:
    """Whether somebody said that a release without signatures is right."""
    return os.environ.get(UNSIGNED) == "yes"


def main(words: Sequence[str]) -> int:
    """See the module."""
    if list(words) != ["--check"]:
        sign(*map(Path, words))
        return 0
    if os.environ.get("SIGN_COMMAND"):
        print("The release will be signed.")
        return 0
    say = f"SIGN_COMMAND is not set, so this release has no signatures. {UNSIGNED} is {'yes' if may_be_unsigned() else 'not “yes”'}."
    print(say, file=sys.stdout if may_be_unsigned() else sys.stderr)
    return 0 if may_be_unsigned() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
