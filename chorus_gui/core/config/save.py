"""``config.toml`` as a person wrote it: edited key by key, and saved so that nothing else changes.

Comments, unknown keys, order, line endings and the layout survive; the previous file stays beside it as ``NAME.bak``.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from functools import cache
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.items import InlineTable

from chorus_gui.core import private
from chorus_gui.core.config.keys import DEFAULT, KEYS, Kind, dotted_keys
from chorus_gui.core.config.load import parse, read_text
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.reading import Findings, Reading, Tables, as_tables, detect_layout, key_lines
from chorus_gui.core.errors import ConfigChangedError, ConfigError
from chorus_gui.core.folders import replace_file, resource
from chorus_gui.core.refused import refusal

Scalar = str | int | bool

_COMMENTED = r"[ \t]*#[ \t]*{name}[ \t]*="
_SHORT = re.compile(r"""(?P<key>[^=#]*=[ \t]*)(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_+.:-]+)(?P<rest>[ \t]*(?:\#.*)?)""")
"""A line with a key and a value that is neither a list nor a table, and a comment"""


class ConfigDocument:
    """The text of a configuration file, while it is edited.  Make one with :meth:`open` or :func:`new_document`.

    ``text`` may be set to anything (a text view does); the methods that look at keys raise :class:`ConfigError` while it is no
    valid TOML.  Lines end in ``\\n`` here; the file keeps the endings that it has.
    """

    def __init__(self, path: Path, text: str, *, seen: bytes | None) -> None:
        self.path = path
        self._seen = seen
        data = seen or b""
        self._bom = data.startswith(codecs.BOM_UTF8)
        self._crlf = b"\r\n" in data and data.count(b"\r\n") == data.count(b"\n")
        self.text = text.replace("\r\n", "\n") if self._crlf else text

    @classmethod
    def open(cls, path: Path) -> ConfigDocument:
        """Read a file.  Raises :class:`ConfigError` if it cannot be read; a faulty content is accepted."""
        text = read_text(path)
        return cls(path, text, seen=path.read_bytes())

    @property
    def layout(self) -> Layout:
        """The layout that the file is written in."""
        return detect_layout(self._tables())

    def key_of(self, meaning: str, modality: str = DEFAULT) -> str:
        """The dotted key of a meaning in this file: its own spelling where it has the key, else the usual one of its layout."""
        key = KEYS[meaning]
        tables = self._tables()
        dotted = key.dotted(detect_layout(tables), modality)
        table = dotted.rpartition(".")[0]
        spellings = (dotted, *(f"{table}.{alias}" for alias in key.aliases))
        return next((spelling for spelling in spellings if _look_up(tables, spelling) is not None), dotted)

    def get(self, dotted: str) -> object:
        """The value of a key, None if the file has none."""
        return _look_up(self._tables(), dotted)

    def set(self, dotted: str, value: Scalar) -> None:
        """Give a key a value.  A new one goes below its commented-out line, else to the end of its table."""
        known = self.get(dotted) is not None
        candidates = (
            (_with_value(self.text, dotted, value),)
            if known
            else (_with_line(self.text, dotted, value), _with_table(self.text, dotted, value))
        )
        for text in candidates:
            if text is not None and self._is_the_edit(text, dotted, value):
                self.text = text
                return
        document = tomlkit.parse(self.text)
        _container(document, dotted)[dotted.rpartition(".")[2]] = value
        self.text = tomlkit.dumps(document)

    def remove(self, dotted: str) -> None:
        """Take a key out; nothing happens if the file has none."""
        if self.get(dotted) is None:
            return
        document = tomlkit.parse(self.text)
        del _container(document, dotted)[dotted.rpartition(".")[2]]
        self.text = tomlkit.dumps(document)

    @property
    def holds_secrets(self) -> bool:
        """The file has a credential in it (or cannot be read, so that it may)."""
        try:
            tables = self._tables()
        except ConfigError:
            return True
        secrets = [dotted for dotted, key in dotted_keys(detect_layout(tables)).items() if key.kind is Kind.SECRET]
        return any(_look_up(tables, dotted) for dotted in secrets) or "sig=" in self.text

    @property
    def backup(self) -> Path:
        """Where :meth:`save` keeps the file's previous state."""
        target = Path(os.path.realpath(self.path))
        return target.with_name(target.name + ".bak")

    def save(self, *, overwrite: bool = False, keep_previous: bool = True) -> None:
        """Write the file in one step, its folder too if there is none; the previous one becomes ``NAME.bak`` (``keep_previous``).

        The file keeps its permissions, but is closed to other users if it holds secrets.  ``auth_mode = "sas_token"`` is
        written as "sas", and "key" is left out beside the key, because the present command-line tool stops at both.  Raises :class:`ConfigChangedError` if another
        program changed the file since it was opened (unless ``overwrite``), :class:`ConfigError` if it cannot be written.
        """
        self._normalise_auth_modes()
        target = Path(os.path.realpath(self.path))
        text = self.text.replace("\n", "\r\n") if self._crlf else self.text
        data = (codecs.BOM_UTF8 if self._bom else b"") + text.encode()
        try:
            previous = target.read_bytes() if target.exists() else None
            if previous != self._seen and not overwrite:
                raise ConfigChangedError(
                    f"“{self.path.name}” was changed by another program after it was opened here.",
                    meaning="Nothing was saved.",
                    remedy="Open it again, and repeat the change.",
                )
            private.make_folder(target.parent)
            mode = stat.S_IMODE(target.stat().st_mode) if previous is not None else private.FILE
            mode = mode & 0o700 if self.holds_secrets else mode
            if keep_previous and previous is not None and previous != data:
                _write(self.backup, previous, mode & 0o700)
            _write(target, data, mode)
        except OSError as error:
            file = error.filename2 or target
            usual = "Close other programs that have it open, and check that you are allowed to write in its folder."
            why, remedy = refusal(error, file, usual)
            other = "" if Path(file) == target else f"“{file}”: "
            raise ConfigError(f"Could not save “{self.path}”: {other}{why}.", meaning="The file was not changed.", remedy=remedy) from error
        self._seen = data

    def _tables(self) -> Tables:
        return parse(self.text, self.path)

    def _normalise_auth_modes(self) -> None:
        try:
            tables = self._tables()
        except ConfigError:
            return  # saved as it stands: a text view may keep a half-done file
        for dotted in dotted_keys(detect_layout(tables)):
            if not dotted.endswith(".auth_mode"):
                continue
            mode = _look_up(tables, dotted)
            if mode == "sas_token":
                self.set(dotted, "sas")
            elif mode == "key" and _has_only_a_key(tables, dotted.rpartition(".")[0]):
                self.remove(dotted)  # it is found without

    def _is_the_edit(self, text: str, dotted: str, value: Scalar) -> bool:
        """The text says what the document says, but for this key, which has the value."""
        try:
            after = parse(text, self.path)
        except ConfigError:
            return False
        return _leaves(after) == {**_leaves(self._tables()), dotted: value}


def _has_only_a_key(tables: Tables, table: str) -> bool:
    """A table has an account key, and no other secret that would be used instead."""
    others = ("azure_sas_token", "azure_connection_string", "azure_storage_connection_string")
    if not _look_up(tables, f"{table}.azure_account_key") or any(_look_up(tables, f"{table}.{name}") for name in others):
        return False
    return "sig=" not in str(_look_up(tables, f"{table}.azure_account_url")).lower()


@cache
def template(layout: Layout = Layout.NESTED) -> str:
    """The text of a file to fill in: every key of the layout, with an explanation."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 (TOML, not HTML)
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    source = resource("config/config-template.toml.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(nested=layout is Layout.NESTED)


def new_document(path: Path, layout: Layout = Layout.NESTED) -> ConfigDocument:
    """The template of a layout, to be filled in and saved as ``path``."""
    return ConfigDocument(path, template(layout), seen=None)


def _look_up(tables: Tables, dotted: str) -> object:
    name, _, key = dotted.rpartition(".")
    table = Reading(tables, Layout.NESTED, Findings({})).table(name) if name else tables
    return table.get(key)


def _leaves(tables: Tables, prefix: str = "") -> dict[str, object]:
    out: dict[str, object] = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            out.update(_leaves(as_tables(tables[key]), f"{prefix}{key}."))
        else:
            out[prefix + key] = value
    return out


def _container(document: tomlkit.TOMLDocument, dotted: str) -> dict[str, Any]:
    """The table that holds a dotted key, made if there is none."""
    table = cast("dict[str, Any]", document)
    for name in dotted.split(".")[:-1]:
        if name not in table:
            table[name] = tomlkit.inline_table() if isinstance(table, InlineTable) else tomlkit.table()
        table = table[name]
    return table


def _assignment(name: str, value: Scalar) -> str:
    return f"{name} = {tomlkit.item(value).as_string()}"


def _with_value(text: str, dotted: str, value: Scalar) -> str | None:
    """The text with another value in the line of the key, None if it is not a short value in a line of its own.

    tomlkit does the same, but reads the whole text for it, which takes 15 ms: a form makes an edit with each letter that a person types.
    """
    lines = text.split("\n")
    number = key_lines(text).get(dotted)
    found = _SHORT.fullmatch(lines[number - 1]) if number is not None and number <= len(lines) else None
    if number is None or found is None:
        return None
    lines[number - 1] = f"{found['key']}{tomlkit.item(value).as_string()}{found['rest']}"
    return "\n".join(lines)


def _with_line(text: str, dotted: str, value: Scalar) -> str | None:
    """The text with the key in its table, None if no header names the table."""
    table, _, name = dotted.rpartition(".")
    lines = text.split("\n")
    known = key_lines(text)
    if table not in known:
        return None
    start = known[table]  # the line after the header, counted from 0
    headers = [number for number, line in enumerate(lines[start:], start) if re.match(r"\s*\[", line)]
    end = headers[0] if headers else len(lines)
    commented = [number for number in range(start, end) if re.match(_COMMENTED.format(name=re.escape(name)), lines[number])]
    own = [line for key, line in known.items() if key.startswith(table + ".") and start < line <= end]
    at = commented[-1] + 1 if commented else max(own, default=start)
    indent = re.match(r"[ \t]*", lines[at - 1])
    lines.insert(at, (indent[0] if indent else "") + _assignment(name, value))
    return "\n".join(lines)


def _with_table(text: str, dotted: str, value: Scalar) -> str | None:
    """The text with a new table at its end."""
    table, _, name = dotted.rpartition(".")
    if not table:
        return None
    return f"{text.rstrip()}\n\n[{table}]\n{_assignment(name, value)}\n".lstrip("\n")


def _write(target: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all."""
    part = private.beside(target)
    try:
        with private.create(part) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        private.remove_left(part)
        part.chmod(mode)
        replace_file(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
