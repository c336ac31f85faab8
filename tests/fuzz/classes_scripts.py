"""Batch files with values of a journal or a configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from canary import CANARY, InputClass, no_secret, told
from hostile_rows import COLUMNS, GOOD, HOSTILE, PLACES, check_bash, check_batch, config_with, made_for, row_with, run_bash
from scriptworld import ScriptWorld

from chorus_gui.core.scripts.options import Target, Tool

SCRIPTS: list[Any] = [(column, value) for number, column in enumerate((*COLUMNS, *PLACES)) for value in HOSTILE[number % 4 :: 4]]
"""The tests of scripts try every value in every column."""


def script(value: Any, folder: Path) -> None:
    """Scripts for both shells, with a value that the journal or the configuration has."""
    column, text = value
    base = folder / "base"
    base.mkdir()
    world = ScriptWorld(base, files=("OMOP/person.csv",), central="az://cont").config
    in_journal = column in COLUMNS
    config = world if in_journal else config_with(world, column, text)
    made = [row_with(column, text)] if in_journal else []
    made.append(row_with("md5", GOOD[3], 2))
    for tool in Tool:
        for target in Target:
            with told():
                written = made_for(config, tool, target, made)
                no_secret(written.text)
                if target is Target.WINDOWS:
                    check_batch(config, written, made, tool)
                elif os.name == "posix":
                    place = folder / tool.value
                    place.mkdir()
                    calls = run_bash(written, place, {"AZURE_SAS_TOKEN": CANARY})
                    check_bash(config, written, made, calls)


CLASSES = (InputClass("scripts with values of a journal or a configuration", SCRIPTS, script),)
