"""Values and texts with one thing changed, in a fixed order."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    10**30,
    1.5,
    1e308,
    "",
    "9999-12-31T23:59:59-10:00",
    "0001-01-01T00:00:00+10:00",
    "\x1b]0;pwned\x07\r\nError: fake",
    "\u202egpj.exe",
    "caf\udce9",
    "x" * 100_000,
    [],
    [[]],
    {},
    {"a": 1},
)
TEXTS = (
    "",
    "null",
    "7",
    "[]",
    '"x"',
    "{}",
    "[" * 4000,
    '{"a":' * 4000,
    "9" * 5000,
    "NaN",
    "[NaN, Infinity, -Infinity]",
    '{"a": 1e999}',
    "\x00",
    "\ufeff{}",
    "<html><body>Sign in</body></html>",
    "a = " + "[" * 4000,
    "a = " + "9" * 5000,
    "a = 0x" + "f" * 5000,
    "a = 9999-99-99",
    "a = 0001-01-01T00:00:00+23:59",
)
NAMES = [
    "\x1b]0;pwned\x07",
    "\x9b31mx",
    "a\b\b",
    "a\rError: fake",
    "a\nError: fake",
    "\u202egpj.exe",
    "\u2028x",
    "caf\udce9",
    "\x7f",
    '"a"',
    " a",
    "-rf",
    "=1+1",
    "sig=abcdef.csv",
    "AccountKey=zzz.csv",
    "Bearer abcdefghijklmnopqrstuvwxyz.csv",
    "<img src='p.png'><h1>All files verified</h1>.csv",
    "<b>x</b>",
    "&lt;b&gt;",
]
"""Names of files that a terminal, a list or a window could take for something else."""


def values(value: Any) -> Iterator[Any]:
    """The value with each part replaced by each odd one, or left out."""
    for place in _places(value):
        for odd in ODD:
            yield _with(value, place, odd)
        if place:
            yield _without(value, place)


def json_texts(value: Any) -> Iterator[str]:
    """Texts that may lie where JSON of this value is expected."""
    yield from TEXTS
    for one in values(value):
        yield json.dumps(one)
    whole = json.dumps(value)
    for end in range(0, len(whole), max(1, len(whole) // 40)):
        yield whole[:end]


def _places(value: Any) -> Iterator[tuple[Any, ...]]:
    yield ()
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        for below in _places(part):
            yield (name, *below)


def _with(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    if not place:
        return odd
    changed = copy.deepcopy(value)
    holder = changed
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = odd
    return changed


def _without(value: Any, place: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(value)
    holder = changed
    for name in place[:-1]:
        holder = holder[name]
    del holder[place[-1]]
    return changed
