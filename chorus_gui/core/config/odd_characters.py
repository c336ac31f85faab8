"""Characters that look right in a configuration and are not: curved quotation marks, spaces that are none, look-alikes."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_QUOTES = "“”„‟‘’‚‛«»‹›″′〝〞＂＇´"
_PART = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"  # a text
    r"|\#.*"
    r"|(?P<odd>[^\x00-\x7f])"
)


class OddCharacter(NamedTuple):
    """Where a line has one, counted from 1, what it is, and what to do."""

    column: int
    what: str
    remedy: str


def odd_character(line: str) -> OddCharacter | None:
    """The first character of a line of TOML that is allowed only within quotes and in comments; None: there is none."""
    found = next((match for match in _PART.finditer(line) if match["odd"]), None)
    if found is None:
        return None
    char = found["odd"]
    code = f"U+{ord(char):04X}"
    if char in _QUOTES:
        remedy = 'Write straight quotation marks (") instead. Word processors and mail programs change them into curved ones.'
        return OddCharacter(found.start() + 1, f"a curved quotation mark ({char}, {code})", remedy)
    if unicodedata.category(char)[0] in "ZC":
        name = unicodedata.name(char, "control character").lower()
        remedy = "Delete this character, and write a plain space if one is needed. It was probably copied from a web page or a mail."
        return OddCharacter(found.start() + 1, f"a character that cannot be seen ({name}, {code})", remedy)
    remedy = "Replace it with the character of a plain keyboard, or put the text in quotes."
    return OddCharacter(found.start() + 1, f"the character “{char}” ({code}) outside quotes", remedy)
