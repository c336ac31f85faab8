r"""Text from outside, shown as text: file names, notes of a lock, words of a server, whoever chose them.

:func:`one_line` is for a name inside a sentence, :func:`lines` for a whole message on a terminal or in a log, :func:`json_text` for
programs, :func:`quoted` for lists that are read again, and :func:`argument` for commands that are typed.  What a screen would not show
as itself appears as its number: ``\x1b``, ``\u202e``.  The window's own function is :func:`chorus_gui.ui.shown.plain_text`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

_HIDDEN = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
_IN_MESSAGE = re.compile(f"[{_HIDDEN}]")
_IN_NAME = re.compile(f"[\t\n{_HIDDEN}]")
_FORGED = re.compile(r"\n(?=\S)")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    """A name or a note as part of a line: nothing in it can end the line, colour it or turn it round."""
    return _IN_NAME.sub(_number, text)


def unhidden(text: str) -> str:
    """A text of several lines, each as it is, but for characters that would not show as themselves."""
    return _IN_MESSAGE.sub(_number, text.replace("\r\n", "\n"))


def lines(text: str) -> str:
    """A message that may have lines of its own.  Those after the first are indented, so that none looks like another message."""
    return _FORGED.sub("\n  ", unhidden(text))


def json_text(value: Any, *, indent: int | None = 2, ascii_only: bool = False, default: Callable[[Any], Any] = str) -> str:
    r"""JSON with every text exactly as it is: what a terminal could act on is written as ``\uXXXX``, which a program reads back."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, default=default)
    return _IN_MESSAGE.sub(_escape, text)


def quoted(name: str) -> str:
    """A name as a line of a list: itself, or in double quotes as JSON where a reader could take it for something else."""
    if name == "" or name[0] == '"' or name != name.strip() or _IN_NAME.search(name):
        return json_text(name, indent=None)
    return name


def argument(text: str) -> str:
    """A word of a command that a person is asked to type: in quotes of this system's usual shell where it needs them."""
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline([text])
    from shlex import quote

    return quote(text)


def unquoted(line: str) -> str:
    """The name that :func:`quoted` wrote.  A line that only looks quoted is a name itself."""
    from chorus_gui.core.untrusted import MalformedError, json_value

    if line[:1] == '"':
        try:
            value = json_value(line)
        except MalformedError:
            return line
        if isinstance(value, str):
            return value
    return line


def _number(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0]).strip('"') if found[0] > "\x7f" else "\\u007f" if found[0] == "\x7f" else found[0]
