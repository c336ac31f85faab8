"""Secrets go into the credential store and leave the configuration file: all of a change, or none.

Nothing leaves the file before all of it was read back from the store.  What then still has one of the secrets is removed or named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from chorus_gui.core.config import keychain
from chorus_gui.core.config.keys import KEYS, Kind
from chorus_gui.core.config.load import parse
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.folders import remove_file

_LONG = 20
"""A secret with this many characters or more is not a common word."""
_NAMES = {name.encode() for key in KEYS.values() if key.kind is Kind.SECRET for name in (key.meaning.rpartition(".")[2], *key.aliases)}

Step = Callable[[ConfigDocument], Mapping[str, str]]
"""Takes secrets out of a document's text, and returns what the store must have: entry → secret, "" for none.  Raises if the configuration
would not mean the same."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done: the ``entries`` in the credential store, and sentences about what ``remains`` to be checked."""

    entries: tuple[str, ...]
    remains: tuple[str, ...] = ()


def keep(document: ConfigDocument, *steps: Step) -> Kept:
    """Carry out all steps, write the store, then the file.  The file's previous state is not kept, and a ``.bak`` with a secret is removed.

    Raises as the steps, and :class:`~chorus_gui.core.config.keychain.KeychainError` if a secret cannot be stored; file and store are then
    unchanged.
    """
    text, entries, earlier = document.text, dict[str, str](), dict[str, str]()
    try:
        for step in steps:
            entries |= step(document)
        earlier = {entry: keychain.read(entry) for entry in entries}
        for entry, secret in entries.items():
            _put(entry, secret)
        if document.text != text:
            document.save(keep_previous=False)
    except BaseException:
        document.text = text
        for entry, secret in earlier.items():
            with suppress(ChorusError):
                if keychain.read(entry) != secret:
                    _put(entry, secret)
        raise
    kept = tuple(entry for entry, secret in entries.items() if secret)
    return Kept(kept, tuple(_remains(document, [secret for secret in entries.values() if secret])) if entries else ())


def _put(entry: str, secret: str) -> None:
    if secret:
        keychain.write(entry, secret)
    else:
        keychain.delete(entry)


def _remains(document: ConfigDocument, secrets: Iterable[str]) -> Iterator[str]:
    """Where a secret still is: a part of the file that no place uses, and a previous state that cannot be deleted."""
    others = [secret for secret in secrets if "sig=" not in secret]
    forms = {form for secret in others for form in _forms(secret)}
    values = set(_texts(parse(document.text, document.path)))
    if any(form in document.text for form in forms) or not values.isdisjoint(others):
        yield (
            f"“{document.path.name}” still has the account key, access key or password in a comment, a connection string, or a table "
            "that no place uses."
        )
    if "sig=" in document.text:
        yield f"“{document.path.name}” still has a SAS token in a comment, a connection string, or a table that no place uses."
    previous = document.backup
    try:
        if previous.exists():
            data = previous.read_bytes()
            if any(one in data for one in (b"sig=", *_NAMES, *(form.encode() for form in forms))):
                remove_file(previous)
    except OSError as error:
        yield (
            f"“{previous}” still has a SAS token, a key or a password, and could not be deleted ({error.strerror or error}). "
            "Delete it by hand."
        )


def _forms(secret: str) -> tuple[str, ...]:
    """How a comment can have it: a short one can be a common word, so only what is in quotes is one."""
    return (secret,) if len(secret) >= _LONG else (json.dumps(secret, ensure_ascii=False), f'"{secret}"', f"'{secret}'")


def _texts(value: object) -> Iterator[str]:
    """Every text in a table."""
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, dict):
        for one in cast("dict[str, object]", value).values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts(one)
