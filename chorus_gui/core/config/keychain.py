"""The secrets of a configuration in the operating system's credential store, instead of in plain text in ``config.toml``.

Windows has its Credential Manager, macOS its Keychain, Linux desktops the Secret Service; the keyring library speaks to each.
A configuration with ``auth_mode = "sas"`` and no token, in the file or the environment, has its token here, under the
container's address: "choruspilot.blob.core.windows.net/site-one"; with ``auth_mode = "key"`` and no key, under
"azure/choruspilot.blob.core.windows.net".  One with an ``aws_access_key_id`` and no secret has that under "aws/AKIA…".  The password of a
certificate's file is under "entra/" and the client ID.  What is in a connection string is stored as the token or key that it is.
"""

from __future__ import annotations

import base64
import sys
from typing import NamedTuple, cast

from chorus_gui.core.config.sas import clean_sas
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.untrusted import MalformedError

_LONGEST = 4096
"""Characters; a credential store may take fewer."""
SERVICE = "CHoRUS Upload"
"""What a person finds the entries under."""
_ACCOUNT_KEY = "azure/"
_CERTIFICATE = "entra/"


class KeychainError(ChorusError):
    """The credential store cannot be used."""


def title() -> str:
    """Its name on this system, for a sentence."""
    if sys.platform == "win32":
        return "Windows Credential Manager"
    return "macOS Keychain" if sys.platform == "darwin" else "this desktop's keyring"


def backend() -> str:
    """The module that speaks to it, for a self-test."""
    import keyring

    return type(keyring.get_keyring()).__module__


def name_of(url: str, container: str) -> str:
    """The entry of a container in the account at ``url``."""
    return f"{url.partition('://')[2].rstrip('/')}/{container}"


def name_of_account_key(url: str) -> str:
    """The entry of the key of the account at ``url``.  No container has such a name: no server is called "azure"."""
    return f"{_ACCOUNT_KEY}{url.partition('://')[2].rstrip('/')}"


def is_account_key(name: str) -> bool:
    """An entry is the key of a storage account."""
    return name.startswith(_ACCOUNT_KEY)


def name_of_certificate_password(client: str) -> str:
    """The entry of the password of the certificate that signs in as this client ID."""
    return f"{_CERTIFICATE}{client.lower()}"


def is_certificate_password(name: str) -> bool:
    """An entry is the password of a certificate's file."""
    return name.startswith(_CERTIFICATE)


class AwsNames(NamedTuple):
    """The entries of an access key: of its secret, and of the session token if it is a temporary one."""

    secret: str
    session: str


def names_of_aws_key(key_id: str) -> AwsNames:
    """Two entries, because Windows keeps no more than 1,280 characters in one."""
    return AwsNames(f"aws/{key_id}", f"aws/{key_id}/session")


def name_of_hmac_key(access_id: str) -> str:
    """The entry of the secret of an HMAC key of Google."""
    return f"google/{access_id}"


_answers: dict[str, str | KeychainError] = {}


def read(name: str) -> str:
    """The SAS token of an entry, "" if there is none or this computer has no credential store.

    What it answers, or that it does not, is remembered until :func:`forget_answers`, because some systems ask the person each time.
    Raises :class:`KeychainError` if there is a store and it does not answer.
    """
    if name not in _answers:
        _answers[name] = _ask(name)
    answer = _answers[name]
    if isinstance(answer, KeychainError):
        raise answer
    return answer


def _ask(name: str) -> str | KeychainError:
    import keyring
    from keyring.errors import NoKeyringError

    try:
        answer = cast("object", keyring.get_password(SERVICE, name))
        if answer is not None and not isinstance(answer, str):  # the backend may be anybody's
            raise MalformedError(type(answer).__name__)
        return answer or ""
    except NoKeyringError:
        return ""
    except Exception as error:  # noqa: BLE001 - the library lets the system's own errors through, of many classes
        return KeychainError(
            f"{_capital(title())} did not answer ({type(error).__name__}).", remedy="Unlock it on this computer, and try again."
        )


def forget_answers() -> None:
    """Ask again the next time."""
    _answers.clear()


def checked(token: str) -> str:
    """The SAS token in the text that was pasted or piped.  Raises :class:`KeychainError` if there is none."""
    clean = clean_sas(token.lstrip("\ufeff"))
    if not clean or not clean.isascii() or not clean.isprintable() or " " in clean:
        raise KeychainError(
            "This is not a SAS token: its field “sig” is missing, or it has characters that no token has.", remedy="Paste the whole token."
        )
    return clean


def checked_key(text: str) -> str:
    """The account key in the text that was pasted or piped.  Raises :class:`KeychainError` if it is not one."""
    clean = text.lstrip("\ufeff").strip()
    try:
        decoded = base64.b64decode(clean, validate=True)
    except ValueError:
        decoded = b""
    if not decoded:
        raise KeychainError(
            "This is not an account key: that has letters, digits, “+” and “/”, and ends in “=”.",
            meaning="Nothing was changed.",
            remedy="Copy “key1” or “key2” from the page “Access keys” of the storage account in the Azure portal.",
        )
    return clean


def write(name: str, secret: str) -> None:
    """Store a secret under the name of its kind; it replaces the previous one.

    Raises :class:`KeychainError` if it is not of that kind, or cannot be stored and read again.
    """
    for begin, otherwise in _PASSWORDS.items():
        if name.startswith(begin):
            write_password(name, secret, otherwise)
            return
    key = is_account_key(name)
    clean, what, variable = (checked_key(secret), "key", "AZURE_ACCOUNT_KEY") if key else (checked(secret), "token", "AZURE_SAS_TOKEN")
    _store(name, clean, _otherwise(what, variable))


def _otherwise(what: str, variable: str) -> str:
    return f"Leave the {what} in the configuration file, or set the environment variable {variable}."


_ACCESS_KEY = "Leave the access key in the configuration file, or use a profile of the AWS tools or a file with Google credentials."
_PASSWORDS = {
    _CERTIFICATE: _otherwise("password", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    "aws/": _ACCESS_KEY,
    "google/": _ACCESS_KEY,
    "smtp/": "Set the environment variable CHORUS_UPLOAD_SMTP_PASSWORD.",
}
"""How the entries begin that can have any text → what the person can do without a credential store."""


def checked_password(text: str) -> str:
    """The password in the text that was typed or piped.  Raises :class:`KeychainError` if it is empty, or has control characters."""
    clean = text.lstrip("\ufeff").rstrip("\r\n")
    if not clean or len(clean) > _LONGEST or any(ord(char) < 32 or ord(char) == 127 for char in clean):
        raise KeychainError("This is not a password: it is empty, or has control characters.", remedy="Enter it again, on one line.")
    return clean


def write_password(name: str, password: str, otherwise: str) -> None:
    """Store a password or a key; it replaces the previous one.  ``otherwise``: what the person can do without a credential store.

    Raises :class:`KeychainError` if it is empty, has control characters, or cannot be stored and read again.
    """
    _store(name, checked_password(password), otherwise)


def _store(name: str, clean: str, otherwise: str) -> None:
    import keyring

    forget_answers()
    try:
        store = keyring.get_keyring()
        if sys.platform == "win32" and hasattr(store, "persist"):
            store.persist = "local machine"  # otherwise it roams with the profile
        keyring.set_password(SERVICE, name, clean)
        same = keyring.get_password(SERVICE, name) == clean
    except Exception as error:
        raise _unusable(type(error).__name__, otherwise) from error
    if not same:
        raise _unusable("the stored entry could not be read again", otherwise)


def delete(name: str) -> bool:
    """Remove an entry; False if there was none.  Raises :class:`KeychainError` if the store does not answer, or keeps it."""
    import keyring

    if not read(name):
        return False
    forget_answers()
    try:
        keyring.delete_password(SERVICE, name)
    except Exception as error:
        raise KeychainError(f"Could not remove the entry “{name}” from {title()}.", remedy="Remove it there by hand.") from error
    return True


def _unusable(why: str, otherwise: str) -> KeychainError:
    return KeychainError(
        f"Could not store the credential in {title()} ({why}).",
        meaning="Nothing was changed.",
        remedy=otherwise,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
