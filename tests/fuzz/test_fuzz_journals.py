"""A journal that anybody may have written ends in a sentence, whatever reads it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from journal_readers import READERS, command, enter, read
from odd_journals import cases, make

from chorus_gui.core.errors import ChorusError
from chorus_gui.core.journal.store import Journal


@pytest.mark.parametrize("name", [f"{schema}: {name}" for schema in (1, 2) for name in cases(schema)])
def test_an_odd_journal_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    schema, _, case = name.partition(": ")
    for reader in {read, enter, *READERS[len(case) % 5 :: 5]}:  # dev.py fuzz tries them all
        folder = tmp_path / reader.__name__
        folder.mkdir()
        path = make(int(schema), cases(int(schema))[case], folder / "journal.db")
        with suppress(ChorusError):
            reader(path)


@pytest.mark.parametrize("schema", [1, 2])
def test_no_byte_of_the_first_pages_crashes_a_reader(schema: int, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    make(schema, lambda path: None, path)
    good = path.read_bytes()
    for number, offset in enumerate([*range(16, 112), *range(112, len(good), 1201)]):
        path.write_bytes(good[:offset] + bytes([good[offset] ^ (0x80 | number % 128)]) + good[offset + 1 :])
        for reader in READERS[:1]:
            with suppress(ChorusError):
                reader(path)


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("case", [name for name in cases(1) if "history" in name or "command" in name])
def test_an_odd_history_stops_no_command(schema: int, case: str, tmp_path: Path) -> None:
    path = make(schema, cases(schema)[case], tmp_path / "journal.db")
    command(path)
    with Journal.open(path) as journal:
        assert journal.remove_never_uploaded_closed() >= 0
        assert list(journal.rows())
