"""The short part of ``python3 dev.py fuzz``: some seeds of each class, and what is made from them in a fixed way."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_answers import CALLS
from fuzz import Result, attempt, changed, table
from input_classes import CANARY, InputClass, classes

from chorus_gui.core.errors import ChorusError

CLASSES = classes()
CHANGES = [(0.5, 2, "\u202e"), (0.9, 0, ""), (0.1, 3, "[")]
FEW = {
    "journals": 3,
    "config.toml, both layouts": 5,
    "answers of a server": 4,
    "foreign answers to each request": 40,
    "answers of a server of S3": 40,
    "answers of a server of Google": 40,
    "lists of an S3 Inventory": 50,
    "redirects and challenges of a sign-in": 5,
    "scripts with values of a journal or a configuration": 5,
}
"""How many seeds of a class are tried here, if not 10."""


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

    def warns(given: str, folder: Path) -> None:
        del folder
        print(given, file=sys.stderr)

    for check in (prints, warns, logs, tells):
        result = Result()
        attempt(check, CANARY, result)
        attempt(check, "harmless", result)
        assert [count for count, _ in result.faults.values()] == [1], check.__name__
        assert "a secret is in the output" in next(iter(result.faults))


@pytest.mark.parametrize(
    ("output", "redaction"),
    [
        ("terminal and JSON", "chorus_gui.cli.report.redact"),
        ("log", "chorus_gui.core.redact.redact"),
        ("support bundle", "chorus_gui.app.support.redact"),
        ("history", "chorus_gui.core.journal.history.redact"),
    ],
)
def test_the_class_of_secrets_looks_at_every_output(monkeypatch: pytest.MonkeyPatch, output: str, redaction: str) -> None:
    one = next(one for one in CLASSES if one.name.startswith("secrets in"))
    result = Result()
    attempt(one.check, one.seeds[1], result)
    assert result.faults == {}
    monkeypatch.setattr(redaction, lambda text: text)
    monkeypatch.setattr("chorus_gui.app.support._LOOKS_SECRET", re.compile("(?!)"))
    attempt(one.check, one.seeds[1], result)
    assert "a secret is in" in " ".join(result.faults), output


def test_a_server_that_repeats_the_request_does_not_reveal_the_token() -> None:
    one = next(one for one in CLASSES if one.name == "foreign answers to each request")
    seeds = [seed for seed in one.seeds if "REQUEST" in seed[-1]]
    assert {seed[0] for seed in seeds} == set(CALLS)
    result = Result()
    for given in seeds[::5]:  # 18 for each request, so each is tried in four ways; dev.py fuzz tries them all
        attempt(one.check, given, result)
    assert result.faults == {}
