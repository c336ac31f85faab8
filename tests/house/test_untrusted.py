"""One place parses what others wrote: the parsers of the standard library raise too many classes to be called anywhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chorus_gui.core.untrusted import MalformedError, instant, instant_us, json_value, toml_tables

PACKAGE = Path(__file__).resolve().parents[2] / "chorus_gui"
PARSERS = {
    ("json", "loads"),
    ("json", "load"),
    ("tomllib", "loads"),
    ("tomllib", "load"),
    ("pickle", "loads"),
    ("pickle", "load"),
    ("datetime", "fromisoformat"),
    ("datetime", "fromtimestamp"),
}
ADDRESSES = {"urlsplit", "urlparse", "urldefrag", "urljoin"}
"""They raise for "https://a[b/"; ``core/config/addresses.py`` and ``core/config/hosts.py`` read any text."""
OWN = {
    "core/untrusted.py",
    "core/review/changes.py",  # numbers that SQLite has put together
    "core/review/diff.py",  # names that this review wrote
    "core/review/staging.py",  # what this review wrote; a damaged file is refused when it is opened
    "cli/review_text.py",  # what this command wrote
    "core/transfer/processes.py",  # what this program says to itself, through a pipe that nobody else has
    "core/submission/commit.py",  # the clock
    "core/journal/backups.py",  # the disk's time of a file
    "app/doctor/leftovers.py",  # the same
}


def _calls() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if (module, name) in PARSERS:
                    yield path.relative_to(PACKAGE).as_posix(), f"{module}.{name}"
                case _:
                    continue


def test_only_one_module_parses_what_others_wrote() -> None:
    assert [call for call in _calls() if call[0] not in OWN] == []


def test_addresses_are_read_by_functions_that_take_any_text() -> None:
    found = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.alias) and node.name in ADDRESSES) or (isinstance(node, ast.Attribute) and node.attr in ADDRESSES)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"a":' * 33 + "1" + "}" * 33, "9" * 5000, "NaN", str(2**63), "\ufeff1", b"\xff\xfe"])
def test_json_is_a_value_or_malformed(text: str | bytes) -> None:
    with pytest.raises(MalformedError):
        json_value(text)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = 0x" + "f" * 5000, "a.b" * 1 + ".c" * 40 + " = 1"])
def test_toml_is_a_table_or_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        toml_tables(text)


def test_times_beyond_the_calendar_are_none() -> None:
    assert instant("9999-12-31T23:59:59-10:00") is None
    assert instant("0001-01-01T00:00:00+10:00") is None
    assert instant("noon") is None
    assert instant("2026-01-01", zone=UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert instant_us(2**63) is None
    assert instant_us("noon") is None
    assert instant_us(0) == datetime(1970, 1, 1, tzinfo=UTC)
