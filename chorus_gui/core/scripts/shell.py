"""Text for bash."""

from __future__ import annotations

import shlex

from chorus_gui.core.scripts.text import Quoted, Quoting, character_problem, unquotable


class Bash:
    """As :class:`~chorus_gui.core.scripts.text.Quoting`."""

    def problem(self, text: str) -> str:
        """As :meth:`Quoting.problem`."""
        return character_problem(text)

    def value(self, text: str) -> Quoted:
        """``text`` as one word."""
        if why := self.problem(text):
            raise unquotable(text, why)
        return Quoted(shlex.quote(text))

    def words(self, words: list[str]) -> Quoted:
        """See :meth:`Quoting.words`."""
        return Quoted(" ".join(map(self.value, words)))


BASH: Quoting = Bash()


def problem(path: str) -> str:
    """Why a file cannot be named in a script, as a sentence; "" if it can.  ``path`` is the journal's."""
    if "\\" in path:
        return "Its name has a backslash, and both tools turn that into a folder."
    return BASH.problem(path)


def disk_path(folder: str, path: str = "") -> str:
    """A file below ``folder``."""
    return f"{folder.rstrip('/')}/{path}" if path else folder
