"""The last run of each pass of the readiness check, and which of them is newer: a clock can have been wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from chorus_gui.core.passes import Pass
from chorus_gui.core.untrusted import DATA_ERRORS, json_value

_NUMBER = "run"
"""The key of a kept result that has the number of its run"""


class PassRun(NamedTuple):
    """The last run of a pass: when it ended, its result as JSON values (:func:`~chorus_gui.core.readiness.findings.to_data`), its number.

    A run of an older version of the program has the number 0.
    """

    deepest: Pass
    ended_us: int
    result: Mapping[str, Any]
    number: int = 0


def newest_first(runs: Iterable[PassRun]) -> list[PassRun]:
    """By their numbers, which a wrong clock does not change; by their times if an older version of the program made one, without a number."""
    found = list(runs)
    numbered = all(run.number for run in found)
    return sorted(found, key=lambda run: run.number if numbered else run.ended_us, reverse=True)


def to_text(result: Mapping[str, Any], number: int) -> str:
    """A result as it is kept."""
    return json.dumps({**result, _NUMBER: number})


def from_text(rank: int, ended_us: int, text: str) -> PassRun | None:
    """What was kept; None if it cannot be read."""
    passes = list(Pass)
    try:
        value = json_value(text)
        if not isinstance(value, dict) or not 0 <= rank < len(passes):
            return None
        result = cast("dict[str, Any]", value)
        number = result.pop(_NUMBER, 0)
        return PassRun(passes[rank], ended_us, result, number if isinstance(number, int) and 0 <= number < 2**53 else 0)
    except DATA_ERRORS:
        return None
