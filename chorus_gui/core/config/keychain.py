"""SAS tokens in the operating system's credential store, instead of in plain text in ``config.toml``.

Windows has its Credential Manager, macOS its Keychain, Linux desktops the Secret Service; the keyring library speaks to each.
A configuration with ``auth_mode = "sas"`` and no token, in the file or the environment, has its token here, under the
container's address: "choruspilot.blob.core.windows.net/site-one".
"""

from __future__ import annotations

import sys
from functools import cache

from chorus_gui.core.config.secrets import clean_sas
from chorus_gui.core.errors import ChorusError

SERVICE = "CHoRUS Upload"
"""What a person finds the entries under."""


class KeychainError(ChorusError):
    """The credential store cannot be used."""


def title() -> str:
    """What it is called on this system, for a sentence."""
    if sys.platform == "win32":
        return "the Windows Credential Manager"
    return "the macOS Keychain" if sys.platform == "darwin" else "this desktop's keyring"


def backend() -> str:
    """The module that speaks to it, for a self-test."""
    import keyring

    return type(keyring.get_keyring()).__module__


def name_of(url: str, container: str) -> str:
    """The entry of a container in the account at ``url``."""
    return f"{url.partition('://')[2].rstrip('/')}/{container}"


@cache
def read(name: str) -> str:
    """The SAS token of an entry, "" if there is none or this computer has no credential store.

    Remembered until :func:`forget_answers`, because some systems ask the person each time.  Raises :class:`KeychainError` if
    there is a store and it does not answer.
    """
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        return keyring.get_password(SERVICE, name) or ""
    except NoKeyringError:
        return ""
    except KeyringError as error:
        raise KeychainError(f"{_capital(title())} did not answer ({type(error).__name__}).", remedy="Unlock it, and try again.") from error


def forget_answers() -> None:
    """Ask anew the next time."""
    read.cache_clear()


def write(name: str, token: str) -> None:
    """Keep a SAS token, in place of the one before.  Raises :class:`KeychainError` if it is none, or cannot be kept and read back."""
    import keyring
    from keyring.errors import KeyringError

    clean = clean_sas(token)
    if not clean:
        raise KeychainError("This is not a SAS token: it has no signature (“sig=…”).", remedy="Paste the whole token.")
    forget_answers()
    try:
        keyring.set_password(SERVICE, name, clean)
        same = keyring.get_password(SERVICE, name) == clean
    except (KeyringError, OSError) as error:  # some say so in the system's own words; they hold no secret, but nothing to do either
        raise _unusable(type(error).__name__) from error
    if not same:
        raise _unusable("what was kept did not come back")


def delete(name: str) -> bool:
    """Take an entry out; False if there was none.  Raises :class:`KeychainError` if the store does not answer."""
    import keyring
    from keyring.errors import NoKeyringError, PasswordDeleteError

    there = bool(read(name))
    forget_answers()
    try:
        keyring.delete_password(SERVICE, name)
    except (NoKeyringError, PasswordDeleteError):
        if there:
            raise KeychainError(f"{_capital(title())} kept the entry “{name}”.", remedy="Remove it there by hand.") from None
    return there


def _unusable(why: str) -> KeychainError:
    return KeychainError(
        f"A credential cannot be kept in {title()} ({why}).",
        meaning="Nothing was changed.",
        remedy="Leave the token in the configuration file, or give it in the environment variable AZURE_SAS_TOKEN.",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
