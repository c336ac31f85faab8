"""The lines that a command prints on the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import without_progress

from chorus_gui.cli.report import PHASES, Report, _line
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Tally

PROGRAM = Path(__file__).resolve().parents[2] / "chorus_gui"


def test_every_phase_has_words() -> None:
    begun = {name for file in PROGRAM.rglob("*.py") for name in re.findall(r"progress\.begin\(\s*\"(\w+)\"", file.read_text("utf-8"))}
    assert len(begun) > 5
    assert begun == set(PHASES)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("note", ["", "comparing"])
@pytest.mark.parametrize("total", [None, Tally(7, 70)])
def test_what_only_a_slow_computer_prints_can_be_left_out(
    capsys: pytest.CaptureFixture[str], phase: str, note: str, total: Tally | None
) -> None:
    """Tests that compare the outputs of two runs leave it out: a line is printed if a phase takes longer than a moment."""
    ctx, report = JobContext(), Report()
    ctx.progress.begin(phase, {"Images": total})
    ctx.progress.note(note)
    report._print(_line(ctx.progress.snapshot()))
    report.say("The result.")
    out, err = capsys.readouterr()
    assert err.startswith(PHASES[phase])
    assert without_progress(err + out) == "The result.\n"
