"""Journals that others wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from canary import InputClass, told
from odd_journals import cases, content

JOURNALS: list[Any] = [(schema, name, ()) for schema in (1, 2) for name in cases(schema)]
JOURNALS += [(schema, "", ((offset, value),)) for schema in (1, 2) for offset in range(16, 112, 7) for value in (0, 0xE9)]


def journal(value: Any, folder: Path) -> None:
    from journal_readers import READERS

    schema, name, flips = value
    for reader in READERS:
        path = folder / f"{reader.__name__}.db"
        data = bytearray(content(schema, name))
        for offset, byte in flips:
            data[offset % len(data)] = byte % 256
        path.write_bytes(data)
        with told():
            reader(path)


CLASSES = (InputClass("journals", JOURNALS, journal),)
