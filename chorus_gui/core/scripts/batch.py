r"""Text for cmd.

A value goes into a variable with ``set "NAME=value"``: inside the quotes only ``%`` (and a line break) means anything, and delayed
expansion, which would eat ``!``, is off.  What is run through ``call`` is read twice, and every ``^`` of its line is doubled;
there a variable is written ``"%%NAME%%"``: only the second reading, after the doubling, puts its value in, and no third one looks at it.
"""

from __future__ import annotations

import re

from chorus_gui.core.folders import extended
from chorus_gui.core.scripts.text import Quoted, Quoting, character_problem, unquotable

LINE_LIMIT = 8000
"""cmd reads lines of up to 8,191 characters."""
_LONG = 240
"""From here on a path is written with the prefix that lifts the limit of 260 characters, with space for what az appends."""
_UNFIT = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_WORD = re.compile(r"[A-Za-z0-9._:/-]+", re.ASCII)
_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|[\\/]{2}")


class Cmd:
    """As :class:`~chorus_gui.core.scripts.text.Quoting`."""

    def problem(self, text: str) -> str:
        """As :meth:`Quoting.problem`."""
        if why := character_problem(text):
            return why
        if '"' in text:
            return "It has a double quote, and a batch file cannot have that in a value."
        if text.endswith("\\"):
            return "It ends with a backslash, and a program would read the quote after it as a part of the value."
        return ""

    def value(self, text: str) -> Quoted:
        """``text`` as ``set "NAME=…"`` needs it."""
        if why := self.problem(text):
            raise unquotable(text, why)
        return Quoted(text.replace("%", "%%"))

    def words(self, words: list[str]) -> Quoted:
        """They are not in quotes: only characters that mean nothing to cmd."""
        for word in words:
            if not _WORD.fullmatch(word):
                raise unquotable(word, "It has a character that cmd reads as a command.")
        return Quoted(" ".join(words))


CMD: Quoting = Cmd()


def problem(path: str) -> str:
    """Why a file cannot be named in a batch file, as a sentence; "" if it can.  ``path`` is the journal's."""
    found = _UNFIT.search(path)
    return f"Windows does not allow the character {found.group()!r} in a name." if found else CMD.problem(path)


def disk_path(folder: str, path: str = "") -> str:
    r"""A file below ``folder`` as Windows names it: ``D:\site\1000001\x.dcm``; with the prefix ``\\?\`` where it is long."""
    root = folder.replace("/", "\\")
    full = root.rstrip("\\") + "\\" + path.replace("/", "\\") if path else root
    full = extended(full, "") if len(full) >= _LONG and is_absolute(full) else full
    return full + "." if full.endswith("\\") else full  # a drive: D:\.


def is_absolute(folder: str) -> bool:
    """A drive's or a share's path."""
    return _ABSOLUTE.match(folder) is not None
