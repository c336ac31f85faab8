"""Text from outside is shown as text: on a terminal, in the window, in logs, as JSON; and every list can be read again."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import Qt as Gui

from chorus_gui.cli.report import Report
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.redact import RedactingFilter, redact
from chorus_gui.core.shown import json_text, lines, one_line, quoted, unquoted
from chorus_gui.core.submission.listed import read_list
from chorus_gui.ui.shown import plain_text

CLI = Path(__file__).resolve().parents[2] / "chorus_gui" / "cli"
UI = Path(__file__).resolve().parents[2] / "chorus_gui" / "ui"
TEXTS = {"setToolTip": -1, "setStatusTip": -1, "setWhatsThis": -1, "setInformativeText": -1, "setDetailedText": -1, "showText": 1}
HOSTILE = (
    "\x1b]0;pwned\x07",
    "\x9b31m",
    "a\b\b\bsafe",
    "a\rError: fake",
    "a\nError: fake",
    "a\r\nError: fake",
    "\u202egpj.exe",
    "\u2066x\u2069",
    "\u2028Error: fake",
    "caf\udce9",
    "\x7f",
    "\ufeffx",
)
SECRETS = ("sig=abcdef.csv", "a sig=abc&x.csv", "AccountKey=zzz.csv", "signature=xx.csv", "Bearer abcdefghijklmnopqrstuvwxyz.csv")
names = st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=40)
bytes_of_names = st.binary(min_size=1, max_size=40).map(
    lambda data: data.replace(b"\0", b"0").replace(b"/", b"-").decode("utf-8", "surrogateescape")  # os.fsdecode, on every system
)


def plain(text: str) -> bool:
    return all(
        char == "\n" or (char.isprintable() or char in "\u200b\u00a0\u3000")
        for char in text
        if not char.isspace() or char in "\r\x0b\x0c\x1c\x85\u2028"
    )


def test_no_line_of_a_result_contains_a_line_end() -> None:
    """“say” shows a line end as “\\n”, because it can be part of a name: an empty line is a text of its own."""
    for file in sorted(CLI.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "say":
                texts = (*node.args, *(v for a in node.args if isinstance(a, ast.JoinedStr) for v in a.values))
                ends = [part for part in texts if isinstance(part, ast.Constant) and "\n" in str(part.value)]
                assert not ends, f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_text_everywhere(name: str, caplog: pytest.LogCaptureFixture) -> None:
    out, err = io.StringIO(), io.StringIO()
    report = Report(verbose=True, out=out, err=err)
    report.say(f"  failed: {name}")
    report.table(("path", ">size"), [(name, 1)])
    report.warn(name)
    report.note(name)
    report.error(ChorusError(name, remedy="Look."))
    for text in (out.getvalue(), err.getvalue(), plain_text(name), one_line(name), lines(name)):
        assert plain(text), ascii(text)
    assert not [line for line in (out.getvalue() + err.getvalue()).split("\n") if line.startswith("Error: fake")]
    record = logging.LogRecord("chorus", logging.INFO, "", 0, "about %s", (f"{name}\n2026-01-01 00:00:00,000 ERROR forged: x",), None)
    assert RedactingFilter().filter(record)
    assert plain(record.getMessage())
    assert "\n2026" not in record.getMessage()


@pytest.mark.parametrize("name", [*HOSTILE, *SECRETS], ids=ascii)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_names_in_json_are_exact(name: str, encoding: str) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="")
    Report(as_json=True, out=out).json({"path": name, "marked": [name], "detail": "sig=abcdef", "notes": ["AccountKey=zzz"]})
    text = raw.getvalue().decode(encoding)
    assert json.loads(text) == {"path": name, "marked": [name], "detail": "sig=••••", "notes": ["AccountKey=••••"]}
    assert plain(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(names, bytes_of_names, st.sampled_from(HOSTILE + SECRETS + ('"', '"a"', '"a', " a", "a ", "\\n"))), max_size=5))
@pytest.mark.parametrize("null", [False, True])
def test_every_list_can_be_read_again(null: bool, tmp_path_factory: pytest.TempPathFactory, listed: list[str]) -> None:
    if null or sys.platform != "win32":
        listed = [name for name in listed if _of_a_disk(name)] if null else listed
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", newline="\n")
    report = Report(out=out)
    for name in listed:
        report.name(name, "\0" if null else "\n")
    out.flush()
    file = tmp_path_factory.mktemp("list") / "list.txt"
    file.write_bytes(raw.getvalue())
    assert read_list(file, null=null) == listed


def _of_a_disk(name: str) -> bool:
    try:
        return os.fsdecode(os.fsencode(name)) == name
    except UnicodeEncodeError:  # a half of a pair, which no disk has
        return False


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_quoting_is_reversible_and_plain(name: str) -> None:
    assert unquoted(quoted(name)) == name
    assert "\n" not in quoted(name)
    assert json.loads(json_text({"a": name})) == {"a": name}
    assert one_line(one_line(name)) == one_line(name)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("<>/&;!?bBiIuaimgltsp1 \n\t-'=") | st.characters(), max_size=40))
def test_qt_takes_nothing_for_html(text: str) -> None:
    assert not Gui.mightBeRichText(plain_text(text))


@pytest.mark.parametrize("text", ["<img src='p.png'><h1>All files verified</h1>.csv", "&lt;b&gt;", "<!DOCTYPE html>", "<b>"])
def test_a_tag_in_a_name_is_text(text: str) -> None:
    assert Gui.mightBeRichText(text)
    assert not Gui.mightBeRichText(plain_text(text))
    assert plain_text(text).replace("\u200b", "") == text


def _bypasses() -> Iterator[str]:
    for path in sorted(UI.rglob("*.py")):
        if path in (UI / "shown.py", UI / "paper.py"):  # paper.py: a receipt's page, whose template escapes every text
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            where = f"{path.relative_to(UI).as_posix()}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Call(func=ast.Attribute(attr=name), args=[*args]) if name in TEXTS and args:
                    if not _is_shown(args[TEXTS[name]]):
                        yield f"{where} {name}"
                case ast.Call(func=ast.Attribute(value=ast.Name(id="box"), attr="setText"), args=[text]) if not _is_shown(text):
                    yield f"{where} QMessageBox.setText"
                case ast.Call(func=ast.Attribute(attr="showMessage"), args=[title, text, *_]) if not (_is_shown(title) and _is_shown(text)):
                    yield f"{where} showMessage"
                case ast.Call(func=ast.Name(id="QLabel"), args=[_, *_]):
                    yield f"{where} QLabel with a text"
                case ast.Call(func=ast.Attribute(attr=name)) if name in ("setHtml", "insertHtml", "appendHtml"):
                    yield f"{where} {name}"
                case ast.Call(func=ast.Attribute(value=ast.Name(id="QMessageBox"), attr=name)):
                    yield f"{where} QMessageBox.{name}"
                case ast.FunctionDef(name="data", args=ast.arguments(args=[_, _, ast.arg(arg="role")]), decorator_list=marks):
                    if not any(isinstance(mark, ast.Name) and mark.id == "shown_data" for mark in marks):
                        yield f"{where} data() of a model"
                case ast.ClassDef(bases=bases) if any(isinstance(base, ast.Name) and base.id == "QLabel" for base in bases):
                    yield f"{where} a label of its own"
                case _:
                    continue


def _is_shown(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Call(func=ast.Name(id="plain_text")):
            return True
        case _:
            return False


def test_no_text_of_the_window_bypasses_the_function() -> None:
    assert list(_bypasses()) == []


@pytest.mark.parametrize(
    "text", ["AccountKey" + " " * 200_000, "sas_token" + " " * 200_000, "Bearer" + "\t" * 200_000, "sig=" * 50_000, 'sas_token="' * 20_000]
)
def test_redaction_takes_time_in_proportion(text: str) -> None:
    import time

    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 1.0
