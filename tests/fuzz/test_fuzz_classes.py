"""The short part of ``python3 dev.py fuzz``: some seeds of each class, and what is made from them in a fixed way."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_answers import CALLS
from fuzz import Result, attempt, changed, table
from input_classes import CANARY, CLASSES, InputClass

from chorus_gui.core.errors import ChorusError

CHANGES = [(0.5, 2, "\u202e"), (0.9, 0, ""), (0.1, 3, "[")]
FEW = {"journals": 3, "answers of a server": 6, "foreign answers to each request": 60}


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.name)
def test_some_inputs_of_a_class_end_in_a_value_or_a_sentence(one: InputClass) -> None:
    result, count = Result(), FEW.get(one.name, 10)
    for number, given in enumerate(one.seeds[:: max(1, len(one.seeds) // count)]):
        attempt(one.check, given, result)
        attempt(one.check, changed(given, CHANGES[: 1 + number % 3], number % 256), result)
    assert result.runs >= count
    assert result.faults == {}


def test_a_fault_is_counted_once_for_its_kind() -> None:
    result = Result()

    def check(given: str, folder: Path) -> None:
        del folder
        int(given)

    for given in ("x" * 9, "x", "7"):
        attempt(check, given, result)
    assert result.runs == 3
    assert result.faults == {"ValueError in the test": (2, "'x'")}
    assert "| ints | 3 | 0 | 1 |" in table({"ints": result})


def test_the_command_prints_the_table() -> None:
    file = Path(__file__).with_name("fuzz.py")
    done = subprocess.run([sys.executable, str(file), "0.01", "--only", "patterns"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "| patterns |" in done.stdout


def test_a_secret_in_any_output_of_a_class_is_a_problem() -> None:
    def prints(given: str, folder: Path) -> None:
        del folder
        print(given)

    def logs(given: str, folder: Path) -> None:
        del folder
        logging.getLogger("chorus_gui.odd").debug("asked %s", given)

    def tells(given: str, folder: Path) -> None:
        del folder
        raise ChorusError("It failed.", remedy=f"Look at {given}")

    for check in (prints, logs, tells):
        result = Result()
        attempt(check, CANARY, result)
        attempt(check, "harmless", result)
        assert [count for count, _ in result.faults.values()] == [1], check.__name__
        assert "a secret is in the output" in next(iter(result.faults))


def test_a_server_that_repeats_the_request_does_not_reveal_the_token() -> None:
    one = next(one for one in CLASSES if one.name == "foreign answers to each request")
    seeds = [seed for seed in one.seeds if "REQUEST" in seed[-1]]
    assert {seed[0] for seed in seeds} == set(CALLS)
    result = Result()
    for given in seeds:
        attempt(one.check, given, result)
    assert result.faults == {}
