"""The command line on a world, for tests that only need its exit status and what it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from world import World

from chorus_gui.cli.main import main
from chorus_gui.cli.report import PHASES

Run = Callable[..., tuple[int, str]]
"""World and words of a command → exit status, and everything that it printed"""


_PROGRESS = re.compile(rf"^(?:{'|'.join(PHASES.values())}): .*\n", re.MULTILINE)


def without_progress(text: str) -> str:
    """What a command printed, without the lines that only a slow computer prints on the way."""
    return _PROGRESS.sub("", text)


def printed(text: str) -> Any:
    """The JSON that a command printed, of all that it printed: a slow one tells its progress behind it."""
    return json.JSONDecoder().raw_decode(text[min(found for sign in "[{" if (found := text.find(sign)) >= 0) :])[0]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on a world's configuration."""

    def call(world: World, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["-c", str(world.file), *words])
        out, err = capsys.readouterr()
        return int(status), out + err

    return call
