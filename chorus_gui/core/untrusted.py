"""What others wrote, parsed into values or refused: JSON, TOML, times and records.

A colleague, a proxy or a damaged disk decides what is in a file or an answer.  Python's parsers raise many classes for it: a deep
list ends in :class:`RecursionError`, a year 9999 with a time zone in :class:`OverflowError`, a number of 5,000 digits in
:class:`ValueError`.  Everything here raises :class:`MalformedError` alone, which the caller turns into a sentence.  A test forbids the
parsers of the standard library anywhere else.
"""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

DATA_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What Python raises when a value is not what the code takes it for.  Catch these only around code that reads such a value."""
DEEPEST = 32
"""lists and tables inside each other"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = range(-(1 << 63), 1 << 63)
T = TypeVar("T")


class MalformedError(ValueError):
    """What was read is not what it should be.  The text is for the log: it names types, and repeats no content."""


@contextmanager
def strictly() -> Generator[None]:
    """Whatever the data causes in the block is raised as :class:`MalformedError`.  Only for code that reads one value."""
    try:
        yield
    except MalformedError:
        raise
    except DATA_ERRORS as error:
        raise MalformedError(type(error).__name__) from error


def json_value(text: str | bytes) -> object:
    """The value of a JSON text.  Raises :class:`MalformedError`."""
    with strictly():
        value: object = json.loads(text, parse_constant=_no_constant)
        _check_shape(value)
        return value


def toml_tables(text: str) -> dict[str, Any]:
    """The tables of a TOML text.  Raises :class:`tomllib.TOMLDecodeError` with line and column, :class:`MalformedError`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except DATA_ERRORS as error:
        raise MalformedError(type(error).__name__) from error
    _check_shape(tables)
    return tables


def instant(text: str, zone: tzinfo | None = None) -> datetime | None:
    """A time in ISO 8601, in UTC; None if it is none.  One without a zone is in ``zone`` (None: this computer's)."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except DATA_ERRORS + (OSError,):  # noqa: RUF005 - Windows refuses times before 1970
        return None


def instant_us(us: object) -> datetime | None:
    """Microseconds since 1970, in UTC; None if they are not a time between the years 1 and 9999."""
    try:
        return _EPOCH + timedelta(microseconds=cast("int", us))
    except DATA_ERRORS:
        return None


def record(kind: type[T], value: object) -> T:
    """A dataclass or named tuple from a JSON object or TOML table, each field checked against its type.

    Missing fields have their defaults, unknown ones are ignored, so that files of other versions can be read.  Raises
    :class:`MalformedError`.
    """
    with strictly():
        return cast("T", _convert(kind, value))


def _no_constant(name: str) -> None:
    raise MalformedError(f"the number {name}")


def _check_shape(value: object) -> None:
    """No deeper than :data:`DEEPEST`, no number that does not fit into 64 bits: neither is in a file of this program."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(cast("dict[object, object]", one).values())
            elif isinstance(one, list):
                below.extend(cast("list[object]", one))
            elif isinstance(one, int) and one not in _NUMBERS:
                raise MalformedError("a number of more than 64 bits")
        if not below:
            return
        level = below
    raise MalformedError(f"more than {DEEPEST} levels")


def _time(value: object) -> datetime:
    found = instant(value) if isinstance(value, str) else None
    if found is None:
        raise MalformedError(f"{type(value).__name__} in place of a time")
    return found


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """The names of a dataclass or named tuple; of any other type none."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(cast("Any", kind)))
    return cast("tuple[str, ...]", getattr(kind, "_fields", ()))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _convert(kind: Any, value: object) -> object:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return value
    if origin in (Union, types.UnionType):
        return _first_that_fits(arguments, value)
    if origin is tuple:
        return tuple(_convert(arguments[0], one) for one in _list(value))
    if origin is not None and issubclass(origin, Mapping):
        return {_convert(arguments[0], key): _convert(arguments[1], one) for key, one in _table(value).items()}
    return _convert_plain(kind, value)


def _convert_plain(kind: Any, value: object) -> object:
    if _is_enum(kind):
        return kind(value)
    if kind is datetime:
        return _time(value)
    if names := _fields(kind):
        table, hints = _table(value), _hints(kind)
        return kind(**{name: _convert(hints[name], table[name]) for name in names if name in table})
    plain: Any = (int, float) if kind is float else kind
    if not isinstance(value, plain) or (isinstance(value, bool) and kind is not bool):
        raise MalformedError(f"{type(value).__name__} in place of {kind}")
    return value


def _first_that_fits(kinds: Iterable[Any], value: object) -> object:
    for kind in kinds:
        try:
            return _convert(kind, value)
        except DATA_ERRORS:
            continue
    raise MalformedError(f"{type(value).__name__} in place of {kinds}")


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise MalformedError(f"{type(value).__name__} in place of a list")
    return cast("list[object]", value)


def _table(value: object) -> dict[object, object]:
    if not isinstance(value, dict):
        raise MalformedError(f"{type(value).__name__} in place of a table")
    return cast("dict[object, object]", value)
