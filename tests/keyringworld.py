"""A credential store that forgets everything at the end of a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from chorus_gui.core.config import keychain

B = TypeVar("B", bound=KeyringBackend)


class MemoryKeyring(KeyringBackend):
    """A store that keeps what it is given."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        assert service == "CHoRUS Upload"
        self.asked += 1
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        if username not in self.kept:
            raise PasswordDeleteError("no such entry")
        del self.kept[username]


def using(backend: B) -> Iterator[B]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    keychain.forget_answers()
    yield backend
    keyring.set_keyring(before)
    keychain.forget_answers()
