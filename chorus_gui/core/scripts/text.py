"""Everything that may appear in a script: one type, made by the shell's own quoting, and nothing else gets into a template.

A journal, a configuration or a site can hold any text.  A :class:`Quoted` was checked and quoted for one shell;
:func:`only_quoted` is what the templates pass every value through, so that a value that was forgotten stops the script from being made.
"""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import quote

from chorus_gui.core.errors import BlobNameError, UsageError
from chorus_gui.core.storage.azure.names import check

_HARMLESS = re.compile(r"[A-Za-z0-9 _./:=+-]*")
_CONTROL = re.compile("[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


class Quoted(str):
    """Text of a script: a value that was quoted for its shell, or words of this program."""

    __slots__ = ()


class Quoting(Protocol):
    """How values are written for one shell."""

    def problem(self, text: str) -> str:
        """Why the shell cannot be told this value, as a sentence; "" if it can."""
        ...

    def value(self, text: str) -> Quoted:
        """The value, where the templates have it.  Raises :class:`UsageError` if it has a :meth:`problem`."""
        ...

    def words(self, words: list[str]) -> Quoted:
        """Words of a command.  Raises as :meth:`value`."""
        ...


def only_quoted(value: object) -> object:
    """What a template may put out: a number, a :class:`Quoted`, or words that mean nothing in any shell."""
    if isinstance(value, (int, Quoted)) or (isinstance(value, str) and _HARMLESS.fullmatch(value)):
        return value
    raise TypeError("a value was not quoted for the script")


def note(text: str) -> Quoted:
    """Text in a comment, which ends with its line.  Raises :class:`UsageError` for what would end it."""
    if character_problem(text):
        raise unquotable(text, character_problem(text))
    return Quoted(text)


def character_problem(text: str) -> str:
    """Why no script can have this text, as a sentence; "" if it can: a line break ends a command, and is not the only such character."""
    found = _CONTROL.search(text)
    if found is None:
        return ""
    if found[0] in "\r\n":
        return "It has a line break, and a script cannot have that in a name."
    if "\ud800" <= found[0] <= "\udfff":
        return "It is not valid Unicode."
    return "It has a control character, and a script cannot have that."


def address_part(text: str) -> str:
    """A part of an address, percent-encoded.  Raises :class:`UsageError` for what no script can have."""
    if why := character_problem(text):
        raise unquotable(text, why)
    return quote(text)


def blob_problem(blob: str, prefix: str) -> str:
    """Why the tools cannot be told to write this blob, as a sentence; "" if they can.  ``blob`` is its path below ``prefix``.

    The version in it is the journal's word.  It must be a name that the store keeps as it is, and that no tool takes for an option
    ("-x") or for the name of a file with the value ("@x").
    """
    try:
        check(blob, f"{prefix}/" if prefix else "")
    except BlobNameError as error:
        return f"Its name in the central store would be “{blob[:200]}”. {error.meaning}"
    if (prefix or blob).startswith(("-", "@")):
        return "Its name in the central store would begin with “-” or “@”, and the tools read that as something else."
    return ""


def unquotable(text: str, why: str) -> UsageError:
    """The error for a value that cannot be in a script."""
    shown = _CONTROL.sub("\ufffd", text)
    return UsageError(
        "A script of this kind cannot be written: one of its values cannot be quoted.",
        meaning=f"{why} The value begins with “{shown[:40]}”." if "sig=" not in text and len(text) < 1024 else why,
        remedy="Correct the value in the configuration, or upload with “file upload”.",
    )
