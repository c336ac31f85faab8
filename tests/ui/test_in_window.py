"""A sentence in the window names what can be done in the window; one on the command line names what can be done there."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.cli.main import build_parser
from chorus_gui.core.config.credentials import Sas
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import JournalDamagedError, Why
from chorus_gui.core.journal.opening import RESTORE
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import in_window as module
from chorus_gui.ui.dialogs.renew import RenewDialog
from chorus_gui.ui.in_window import COMMANDS, TERMINAL_ONLY, in_cell, in_window
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.shown import plain_text, without_letter
from chorus_gui.ui.state import DoctorFacts
from chorus_gui.ui.widgets.waiting import WaitBar

PROGRAM = Path(__file__).resolve().parents[2] / "chorus_gui"
GROUPS = (
    "config-help|credential|demo|doctor|export|file|hold|journal|leak|readiness|remote|schedule|scan|sites|status|submit|support-bundle"
)
LEFT = re.compile(rf"chorus-upload [a-z-]+|“(?:{GROUPS}) [a-z_-]+|(?<![\w-])--[a-z-]+| -c ")
"""A command, or an option, that a text still names."""
ELSEWHERE = {
    "app/holds.py": {"--file", "--modality", "--patient"},  # what “hold add” and “hold release” are given: the window takes it from a table
    "app/new_credential.py": {"--place"},  # of “credential set”: in the window, each place has its own field
    "app/remote.py": {
        "--json",
        "--version",
        "chorus-upload file",
    },  # the window downloads one file, and has no upload without pending files
    "app/schedule/schedulers.py": {"--name", "--policy", "chorus-upload schedule", "chorus-upload submit"},
    "app/schedule/texts.py": {"“schedule install", "“schedule remove"},  # a comment in the file of a scheduler
    "app/submit.py": {"--require", "“journal update"},  # the window opens the Readiness page itself, and records before it makes a script
    "app/unattended/mail.py": {"--place", "chorus-upload credential"},  # the password of the mail server
    "app/unattended/policy_file.py": {"--policy"},
    "app/unattended/running.py": {"--allow-deletions", "--modalities", "--policy"},
    "core/cluster/head.py": {"--cluster"},
    "core/config/aws_store.py": {"--place"},  # as app/new_credential.py
    "core/config/report_keys.py": {"--place", "chorus-upload credential"},  # as app/unattended/mail.py
    "core/config/token_store.py": {"--place"},  # as app/new_credential.py
    "core/remote.py": {"--overwrite", "“remote upload"},  # the window uploads no single file, and asks before it replaces one
    "core/scan/scan.py": {"--file-list", "chorus-upload file"},  # the review has no line for the files of a folder that is empty
    "core/scripts/access.py": {"--no-verify-tls"},  # the dialog of a script offers only what works
    "core/storage/gcs/answers.py": {"--clear-encryption-key"},  # of Google's own tool
    "core/submission/completion.py": {"--version", "chorus-upload file"},  # the window has no upload without pending files
    "core/submission/mark.py": {"--modalities"},  # the window marks lines, and each has its modality
}
"""What the command line alone has: file → the commands and options that its texts may name in the window, too."""


@pytest.fixture(autouse=True)
def nothing_is_open() -> None:
    module.use_configuration(None)


@functools.cache
def texts() -> tuple[tuple[str, str], ...]:
    """(file, text) of every sentence in core and app; a value in it is "X"."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for file in sorted((*(PROGRAM / "core").rglob("*.py"), *(PROGRAM / "app").rglob("*.py"))):
        tree = ast.parse(file.read_text("utf-8"))
        known = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
        }
        silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                silent |= {id(part) for part in node.values}
                yield file.relative_to(PROGRAM).as_posix(), "".join(_part(part, known) for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
                yield file.relative_to(PROGRAM).as_posix(), node.value


def _part(part: ast.expr, known: Mapping[str, object]) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    return str(known.get(part.value.id, "X")) if isinstance(part.value, ast.Name) else "X"


def test_no_text_of_core_and_app_sends_the_window_to_a_terminal() -> None:
    left: dict[str, set[str]] = {}
    for file, text in texts():
        if " " in text and ("“" in text or text.rstrip().endswith((".", ")"))) and (found := LEFT.findall(in_window(text))):
            left.setdefault(file, set()).update(found)
    assert left == ELSEWHERE
    assert LEFT.findall(in_window("Use “journal nothing”.")) == ["“journal nothing"]


def test_every_command_of_the_table_exists() -> None:
    from test_window_and_commands import _commands

    for name in (*COMMANDS, *TERMINAL_ONLY):
        parser, words = build_parser(), name.split()
        while words and words[0] in (deeper := _commands(parser)):
            parser, words = deeper[words[0]], words[1:]
        assert not words or (words[0].startswith("-") and words[0] in parser._option_string_actions), name
        assert not _commands(parser), name


def test_the_window_has_what_the_table_names(qtbot: QtBot, session: Session) -> None:
    window = MainWindow(session)
    qtbot.addWidget(window)
    menus = {without_letter(menu.title()): menu for menu in window.menuBar().findChildren(QMenu)}
    pages = {title: page for _, title, page in window.named_pages()}
    for words in COMMANDS.values():
        if " → " in words:
            menu, action = words.split(" → ")
            assert action in {without_letter(one.text()).rstrip("…") for one in menus[menu].actions()}, words
        else:
            found = re.fullmatch(r"(?:“(.*)” on )?the (\w+) page.*", words)
            assert found is not None, words
            assert found[1] is None or _shows(pages[found[2]], found[1]), words


def _shows(page: QWidget, text: str) -> bool:
    buttons = {without_letter(one.text()) for one in page.findChildren(QAbstractButton)}
    return text in buttons | {without_letter(action.text()) for part in page.findChildren(QWidget) for action in part.actions()}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (RESTORE, "Restore one of the kept copies (Journal → Kept copies), or check the journal out again."),
        (
            "Take the journal over with that tool's local file (“journal adopt --local-journal '/a b/c.db'”).",
            "Take the journal over with that tool's local file (Journal → Take over a journal).",
        ),
        ("Delete it, then run “chorus-upload readiness --pass thorough”.", "Delete it, then use “Thorough pass” on the Readiness page."),
        ("Run “chorus-upload submit” first.", "Use Upload → Scan the site first."),
        ("“chorus-upload leak list” shows them.", "The Readiness page shows them."),
        ("If you are sure, confirm (on the command line, add --force).", "If you are sure, confirm."),
        ("Choose AzCopy (--output-type azcopy) instead.", "Choose AzCopy instead."),
        (
            "Get a new SAS token from the central team, and save it in “config.toml”.",
            "Get a new SAS token from the central team, and enter it on the Configuration page.",
        ),
        (
            "Get a new SAS token from the central team, and store it in Windows Credential Manager with “chorus-upload credential set”.",
            "Get a new SAS token from the central team, and enter it on the Configuration page.",
        ),
        ("Select “Scan” on the Overview page, or use “chorus-upload scan”.", "Select “Scan” on the Overview page."),
        ("“readiness”, “scan” and “submit” are folders of the site.", "“readiness”, “scan” and “submit” are folders of the site."),
        ("a--b/submit -c/file.csv", "a--b/submit -c/file.csv"),
    ],
)
def test_a_sentence_in_the_window(said: str, shown: str) -> None:
    assert plain_text(said) == shown


@pytest.mark.parametrize(
    "name",
    [
        "1001/Images/scan (--final).dcm",
        "1001/Images/scan (--force x).dcm",
        "person (--old copy).csv",
        "“file list old.csv” could not be read.",
        "“hold add copy” is a folder.",
        "“file list OLD.csv” is a file.",
        "1001/journal list/a.csv",
        "scan -c copy.csv",
    ],
)
def test_a_name_stays_as_it_is(name: str) -> None:
    assert plain_text(name) == name


@pytest.mark.parametrize("cell", ["“hold list”", "see “file list”", "1001/“chorus-upload submit”/a.csv", "copy “journal list”.csv"])
def test_a_cell_that_is_no_sentence_stays_as_it_is(cell: str) -> None:
    """Paths, reasons of holds and names of versions are in cells, next to notes, which are sentences."""
    assert in_cell(cell) == cell
    assert in_cell("Use “chorus-upload journal list”.") == "Use the History page."


def test_a_command_that_the_window_lacks_works_when_it_is_pasted(opened: Session, world: World) -> None:
    shown = in_window("Run “chorus-upload credential set --place report”, and remove the key here.")
    assert shown == f"Run “chorus-upload -c {module.argument(str(world.file))} credential set --place report”, and remove the key here."
    typed = build_parser().parse_args(["-c", str(world.file), "credential", "set", "--place", "report"])
    assert typed.place == "report"


def test_an_error_and_a_finding_in_the_real_window(qtbot: QtBot, opened: Session) -> None:
    window = MainWindow(opened)
    qtbot.addWidget(window)
    window.show()
    opened.show_error(JournalDamagedError("The journal is damaged.", remedy=RESTORE), "Check")
    finding = Finding(Grade.BAD, "Journal", "It is damaged.", "Run “chorus-upload journal list”.", RESTORE)
    opened.update(doctor=DoctorFacts((finding,), 1))
    window.show_page("doctor")
    shown = [part.text() for part in window.findChildren(QLabel)]
    assert any("The journal is damaged. Restore one of the kept copies (Journal → Kept copies)" in text for text in shown)
    assert "Restore one of the kept copies (Journal → Kept copies), or check the journal out again." in shown
    assert not [text for text in shown if "chorus-upload journal" in text]


def test_a_new_credential_is_entered_where_the_question_is(qtbot: QtBot, world: World) -> None:
    since = datetime(2026, 11, 3, 12, tzinfo=UTC)
    remedy = "Get a new SAS token from the central team, and save it in “config.toml”."
    waiting = Waiting("The central store", Why.CREDENTIAL, since, remedy=remedy, credential="central")
    bar = WaitBar()
    qtbot.addWidget(bar)
    bar.show_waiting(waiting)
    assert "and enter it with “Enter new credential…”." in bar.text.text()
    place = Place(PlaceKind.AZURE, "az://box", container="box", credentials=Sas("sig=x"))
    dialog = RenewDialog(None, replace(world.config, central=place), waiting, lambda _: None)
    qtbot.addWidget(dialog)
    assert "and enter it below." in dialog.text.text()
    assert "config.toml" not in bar.text.text() + dialog.text.text()
