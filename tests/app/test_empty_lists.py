"""A list without lines is a sentence, and no head of a table."""

from __future__ import annotations

import re

import pytest
from faces import CommandLine
from world import World

from chorus_gui.core.journal.store import Journal

COMMANDS = [
    "journal list",
    "journal list --modalities OMOP",
    "history",
    "hold list",
    "leak list",
    "leak list --all",
    "remote list",
    "file verify",
    "file verify --all",
    "file repair",
    "report list",
    "schedule show",
    "sites",
]
_RULE = re.compile(r"^-{2,}( +-{2,})*$", re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_list_without_lines_is_a_sentence(cli: CommandLine, world: World, command: str) -> None:
    Journal.open(world.journal, create=True).close()
    ended = cli.run(command)
    said = ended.said + ended.out
    assert not _RULE.search(said), said
    assert re.search(r"\b(No|no|Nothing|nothing|0 files)\b", said), said
