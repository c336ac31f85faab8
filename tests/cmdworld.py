"""What cmd makes of a generated batch file, by its documented rules, where no Windows is at hand.

The order of its phases decides: a line is cut at LF (Ctrl-Z ends the file), ``%NAME%`` and ``%%`` are replaced, then ``"`` switches the
meaning of ``& | < > ^ ( )`` off and on; ``call`` doubles every ``^`` of its line, then replaces once more.  A program gets its
words by the rules of Microsoft's C library.  What would run a second command, or write a file, is :attr:`Ran.injected`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"%(%|~dp0|[^%:\r\n]+(?::~[0-9,-]+)?%|\*)")
_SUBSTRING = re.compile(r"([^:]+):~(-?\d+)(?:,(-?\d+))?")


@dataclass
class Ran:
    """``calls``: the words of every program that was called.  ``injected``: commands that no template has."""

    calls: list[list[str]] = field(default_factory=list[list[str]])
    injected: list[str] = field(default_factory=list[str])
    variables: dict[str, str] = field(default_factory=dict[str, str])


def run_batch(text: str, environment: dict[str, str] | None = None) -> Ran:
    """Run the lines from the first to the last, as if every program succeeded and nothing were skipped."""
    ran = Ran(variables={name.upper(): value for name, value in (environment or {}).items()})
    for line in text.partition("\x1a")[0].replace("\r", "").split("\n"):
        _line(ran, line.strip())
    return ran


def _line(ran: Ran, line: str) -> None:
    if not line or line.startswith((":", ")")):
        return
    line = _expand(line, ran.variables)
    if line.lower().startswith(("rem ", "rem\t")):
        return
    command, rest = _first_command(line)
    if rest:
        ran.injected.append(rest)
    _command(ran, command.lstrip("@ "))


def _command(ran: Ran, command: str) -> None:
    word = command.split(" ", 1)[0].lower()
    if word in ("if", "goto", "exit", "setlocal", "for", "chcp", "echo", "echo.", "del", "@echo"):
        found = re.match(r'if "(?:[^"]*)"=="\?" (set .*)$', command)
        if found and re.match(r'if "\?"=="\?"', command):
            _command(ran, found[1])
    elif word == "set":
        body = command[4:]
        if body.startswith('"'):
            name, _, value = body[1:].rpartition('"')[0].partition("=")
        elif body.startswith("/p"):
            return
        else:
            name, _, value = body.partition("=")
        ran.variables[name.upper()] = value
    elif word == "call":
        again = _expand(command[5:].replace("^", "^^"), ran.variables)
        command, rest = _first_command(again)
        if rest:
            ran.injected.append(rest)
        if not command.startswith(":"):  # a label of its own
            ran.calls.append(arguments(command))
    else:
        ran.calls.append(arguments(command))


def _expand(line: str, variables: dict[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        name = found[1]
        if name == "%":
            return "%"
        if name in ("~dp0", "*"):
            return "C:\\here\\" if name == "~dp0" else ""
        name = name[:-1]
        if cut := _SUBSTRING.fullmatch(name):
            value = variables.get(cut[1].upper(), "")
            start = int(cut[2])
            return value[start : start + int(cut[3])] if cut[3] else value[start:]
        return variables.get(name.upper(), "")

    return _VARIABLE.sub(one, line)


def _first_command(line: str) -> tuple[str, str]:
    """The line up to the first character that begins another command or names a file to write, and the rest; ``^`` taken off."""
    out, quoted, position = "", False, 0
    while position < len(line):
        char = line[position]
        if char == '"':
            quoted = not quoted
        elif not quoted and char == "^" and position + 1 < len(line):
            position += 1
            out += line[position]
            position += 1
            continue
        elif (not quoted and char in "&|") or (
            not quoted and char in "<>" and not re.search(r'(>nul|> "[^"]*sas\.txt"|< "[^"]*sas\.txt"|2>nul)', line)
        ):
            return out, line[position:]
        out += char
        position += 1
    return out, ""


def arguments(command: str) -> list[str]:
    """The words that a program gets, by the rules of Microsoft's C library (2008 and later)."""
    out: list[str] = []
    position, length = 0, len(command)
    while position < length:
        if command[position] in " \t":
            position += 1
            continue
        word, quoted = "", False
        while position < length and (quoted or command[position] not in " \t"):
            slashes = 0
            while position < length and command[position] == "\\":
                slashes += 1
                position += 1
            if position < length and command[position] == '"':
                word += "\\" * (slashes // 2)
                if slashes % 2:
                    word += '"'
                elif quoted and command[position + 1 : position + 2] == '"':
                    word += '"'
                    position += 1
                else:
                    quoted = not quoted
                position += 1
            else:
                word += "\\" * slashes
                if position < length and (quoted or command[position] not in " \t"):
                    word += command[position]
                    position += 1
        out.append(word)
    return out
