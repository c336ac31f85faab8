"""Plain English: no text that a person can meet has the words that ``docs/wording.md`` rejects."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from tools.texts import (
    AREAS,
    ROOT,
    TODO,
    WORDING,
    Offender,
    Rule,
    Text,
    allowed_words,
    broken,
    markdown_texts,
    offenders,
    python_texts,
    read_todo,
    rules,
    texts,
)


@pytest.fixture(scope="module")
def found() -> list[Text]:
    return texts()


@pytest.fixture(scope="module")
def wrong(found: list[Text]) -> list[Offender]:
    return offenders(found)


def test_every_text_is_plain_english(wrong: list[Offender]) -> None:
    """A file in ``wording_todo.txt`` may have as many rejected texts as it says, and no others."""
    left, counts = read_todo(), Counter(one.text.file for one in wrong)
    more = [str(one) for one in wrong if counts[one.text.file] > left.get(one.text.file, 0)]
    assert not more, "docs/wording.md rejects:\n" + "\n".join(more)


def test_what_is_rewritten_is_no_longer_counted(wrong: list[Offender]) -> None:
    left, counts = read_todo(), Counter(one.text.file for one in wrong)
    fewer = {file: count for file, count in left.items() if counts[file] < count}
    assert not fewer, "Fewer texts are rejected than before. Lower the counts with: python3 dev.py texts --todo"
    assert left or not TODO.exists(), "Nothing is left: delete the file."


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.wrong[0])
def test_a_rule_rejects_its_wrong_examples_and_accepts_its_right_ones(rule: Rule) -> None:
    assert [text for text in rule.wrong if not rule.pattern.search(text)] == []
    assert [text for text in rule.right if rule.pattern.search(text)] == []


def test_the_page_follows_its_own_rules() -> None:
    page = WORDING.read_text("utf-8")
    right = [line.split("|")[-2].strip() for line in page.splitlines() if re.match(r"\| (?!say|wrong|-|\|)", line) and line.count("|") == 3]
    say = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ") and line.count("|") == 4]
    assert len(right) > 10
    assert len(say) > 40
    prose = [re.sub("“.*?”", "…", text.text) for text in markdown_texts(WORDING, "") if not text.text.startswith("|")]
    examples = [*right, *say, *prose, *(text for rule in rules() for text in rule.right)]
    assert {text: words for text in examples if (words := broken(Text("", 0, text), rules(), ()))} == {}


def test_an_exception_names_words_that_are_there_and_gives_a_reason(found: list[Text]) -> None:
    for one in allowed_words():
        assert len(one.reason) > 10
        assert any(one.file == text.file and one.text in text.text for text in found), one


# One text of each kind and place, so that the collector cannot silently find nothing.
KNOWN = {
    "core": (("chorus_gui/core/errors.py", "Did you mean"), ("chorus_gui/core/storage/azure/answers.py", "storage account")),
    "app": (("chorus_gui/app/receipts.py", "receipt"), ("chorus_gui/app/doctor/computer.py", "This computer")),
    "ui": (("chorus_gui/ui/pages/review_parts.py", "&Cancel"), ("chorus_gui/ui/menus.py", "&Open configuration…")),
    "cli": (("chorus_gui/cli/main.py", "this configuration file"), ("chorus_gui/cli/file_commands.py", "print JSON")),
    "resources_installer": (
        ("resources/config/config-template.toml.j2", "num_threads: "),
        ("resources/receipt/receipt.html", "Changes"),
        ("resources/scripts/base.bat.j2", "is missing"),
        ("resources/scripts/base.sh.j2", "is missing"),
        ("installer/chorus-upload.nsi", "desktop"),
    ),
    "docs": (("README.md", "CHoRUS Upload"), ("docs/user-guide.md", "central store")),
}


def test_every_area_has_its_texts(found: list[Text]) -> None:
    assert set(KNOWN) == set(AREAS)
    assert min(Counter(text.area for text in found).values()) > 150
    missing = [
        (file, words)
        for area, places in KNOWN.items()
        for file, words in places
        if not any(text.file == file and text.area == area and words in text.text for text in found)
    ]
    assert missing == []
    assert all((ROOT / text.file).is_file() and text.line > 0 for text in found)


PROGRAM = '''
"""A docstring is not shown."""
import re

__all__ = ["not a text"]
COLUMNS = ("Path", "Size")


def told(count: int, name: str, db, label, log) -> str:
    """Nor is this."""
    db.execute("SELECT path FROM file WHERE size = ?")
    re.compile("some words [^ ]+")
    label.setObjectName("not a text")
    if name == "not a text":
        raise KeyError(name)
    label.setText("Release")
    label.setToolTip(f"{count} {'file is' if count == 1 else 'files are'} left: {', '.join(['a long reason'])}")
    raise ValueError("It failed. " "Try again" + f" in {count} minutes.")
'''


def test_the_collector_takes_what_is_shown_and_leaves_what_is_not(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM, "utf-8")
    assert [text.text for text in python_texts(file, "program.py")] == [
        "Path",
        "Size",
        "Release",
        "… … left: …",
        "file is",
        "files are",
        "a long reason",
        "It failed. Try again in … minutes.",
    ]
