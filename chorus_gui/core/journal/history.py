"""The journal's own record of the commands that worked on it.  Every text in it is redacted before it is entered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.redact import redact
from chorus_gui.core.untrusted import MalformedError, json_value

NO_DESTINATION = "None"
"""what the present tool writes where a command has no destination; version 1 has NULL"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``at`` as the journal spells it ("2025-01-01 10:00:00 UTC"), ``command`` "journal update", ``params`` its own options
    ("--version 20250101000000"), ``common`` the program's ("--config config.toml"), ``src_paths`` modality → site folder.

    ``dest`` None: it had no destination.  ``seconds`` None: not known, or it never ended.
    """

    id: int
    at: str
    common: str
    command: str
    params: str
    src_paths: Mapping[str, str]
    dest: str | None
    seconds: float | None


def begin(schema: Schema, command: str, params: str, *, common: str, src_paths: Mapping[str, str], dest: str | None) -> int:
    """Enter a command that starts now; its id."""
    params = redact(params)
    values: list[object] = [
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        redact(common),
        command,
        (_prefix(command) + params).rstrip() if schema.number == 1 else params,
        json.dumps({name: redact(path) for name, path in src_paths.items()}),
        redact(dest) if dest is not None else (None if schema.number == 1 else NO_DESTINATION),
    ]
    return enter(schema, values, None)


def enter(schema: Schema, values: list[object], seconds: float | None) -> int:
    """Enter a finished row: date, common, command, params, sources (JSON), destination, in the schema's own spelling."""
    cursor = schema.conn.execute(
        f"INSERT INTO {schema.history_table} (DATETIME, COMMON_PARAMS, COMMAND, PARAMS, SRC_PATHS, DEST_PATH, Duration) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*values, seconds),
    )
    return int(cursor.lastrowid or 0)


def end(schema: Schema, command_id: int, seconds: float) -> None:
    """The command took so long.  (The 2024 tool overwrites every command's duration; this one touches its own alone.)"""
    schema.conn.execute(f"UPDATE {schema.history_table} SET Duration = ? WHERE COMMAND_ID = ?", (seconds, command_id))


def read(schema: Schema) -> list[Command]:
    """Every command, the oldest first.  What cannot be read in a row is left out of it."""
    if not _exists(schema):
        return []
    columns = "COMMAND_ID, DATETIME, COMMON_PARAMS, COMMAND, PARAMS, SRC_PATHS, DEST_PATH, Duration"
    return [_command(row) for row in schema.conn.execute(f"SELECT {columns} FROM {schema.history_table} ORDER BY COMMAND_ID")]


def _command(row: tuple[object, ...]) -> Command:
    command_id, at, common, command, params, sources, dest, seconds = row
    name = _text(command)
    return Command(
        command_id if isinstance(command_id, int) else 0,
        _text(at),
        redact(_text(common)),  # other tools' rows are shown too, and may hold what ours would not enter
        name,
        redact(_text(params).removeprefix(_prefix(name).rstrip()).strip()),
        _paths(_text(sources)),
        None if dest is None or dest == NO_DESTINATION else redact(_text(dest)),
        _number(seconds),
    )


def _prefix(command: str) -> str:
    """How version 1 begins the parameters: "journal update" → "--journal-command update "."""
    group, _, sub = command.partition(" ")
    return f"--{group}-command {sub} " if sub else ""


def _exists(schema: Schema) -> bool:
    where = "type = 'table' AND lower(name) = ?"
    return schema.conn.execute(f"SELECT 1 FROM sqlite_master WHERE {where}", (schema.history_table,)).fetchone() is not None


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> float | None:
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None


def _paths(text: str) -> dict[str, str]:
    try:
        loaded: object = json_value(text) if text else {}
    except MalformedError:
        return {}
    if not isinstance(loaded, dict):
        return {}
    return {str(key): redact(str(value)) for key, value in cast("dict[object, object]", loaded).items()}
