"""Paths of entries."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path

from canary import CANARY, InputClass, must, no_secret, told

from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.names import check_path
from chorus_gui.core.storage.names import outside as leads_outside

ROWS = [
    "OMOP/../../outside/secret.txt",
    "../secret.txt",
    "/etc/hostname",
    "C:/Windows/x",
    "a\\..\\b",
    "a\\..\\..\\b",
    "OMOP/./x",
    "",
    "OMOP//x",
    "a\0b",
    "caf\udce9",
    "x" * 5000,
    "OMOP/person.csv",
]


def row(path: str, folder: Path) -> None:
    site, outside = folder / "site", folder / "outside"
    (site / "OMOP").mkdir(parents=True, exist_ok=True)
    outside.mkdir(exist_ok=True)
    (outside / "secret.txt").write_text(CANARY)
    (folder / "secret.txt").write_text(CANARY)
    source = FolderSource(site)
    for windows in (False, True):
        with told():
            check_path(path, windows=windows)
    if not leads_outside(path, windows=True):
        full = ntpath.normpath("C:\\site\\" + path.replace("/", "\\"))
        must(full.startswith("C:\\site\\") and ":" not in full[2:], "a path is outside the folder on Windows")
    with told():
        reader = source.open(path)
        buffer = bytearray(200)
        count = reader.readinto(buffer) or 0
        reader.close()
        no_secret(bytes(buffer[:count]).decode("latin-1"))
    with told():
        source.stat(path)
        must(os.path.realpath(site / path).startswith(os.path.realpath(site) + os.sep), "a file outside the site was found")


CLASSES = (InputClass("entries with paths", ROWS, row),)
