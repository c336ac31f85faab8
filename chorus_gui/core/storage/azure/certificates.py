"""The certificate that a program signs in with: is the file what Entra needs, and how long is it valid?

Everything that can be wrong with it is found here, before anything is sent, and said in a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chorus_gui.core.config.credentials import Certificate
from chorus_gui.core.refused import refusal
from chorus_gui.core.storage.azure.login import Refusal

MAX_BYTES = 1024 * 1024
_EXPORT = "Ask whoever made the certificate for a PEM or PFX file that has the certificate and its private key."
_NEW = "Make a new certificate, upload its public part to the app registration, and enter the new file in azure_client_certificate_path."


class CertificateError(Exception):
    """The file cannot be used; ``refusal`` says why."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__(refused.what)
        self.refusal = refused


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that can sign in.  ``data``: its content; ``password`` is None for a file that needs none; ``ends``: aware, UTC."""

    data: bytes
    password: str | None
    ends: datetime


def open_certificate(identity: Certificate, password: str | None, now: datetime | None = None) -> Opened:
    """Read the file of ``identity`` and check it.  ``now``: aware.  Raises :class:`CertificateError`.  No text repeats a secret."""
    data = _read(identity.file)
    is_pem = b"-----BEGIN" in data
    opened = _pem(identity.file, data, password) if is_pem else _pfx(identity.file, data, password)
    starts, ends, now = opened[1], opened[2], now or datetime.now(UTC)
    if now >= ends:
        raise _error(f"The certificate in “{identity.file}” expired on {ends:%Y-%m-%d}.", "Entra accepts it no longer.", _NEW)
    if now < starts:
        raise _error(
            f"The certificate in “{identity.file}” is not valid before {starts:%Y-%m-%d %H:%M} UTC.",
            "Nothing was sent.",
            "Check this computer's clock, or wait until then.",
        )
    return Opened(data, password if opened[0] else None, ends)


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _error(
            f"There is no certificate file “{file}”.", "Nothing was sent.", "Correct azure_client_certificate_path in the configuration."
        ) from error
    except (OSError, ValueError) as error:
        why, remedy = refusal(error, file, "Check that it is a file, and that you are allowed to read it.", reading=True)
        raise _error(f"Could not read the certificate file “{file}”: {why}.", "Nothing was sent.", remedy) from error
    if not data or len(data) > MAX_BYTES:
        raise _strange(file)
    return data


def _pem(file: str, data: bytes, password: str | None) -> tuple[bool, datetime, datetime]:
    """Whether it needs the password, and from when until when the certificate is valid."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    if b"PRIVATE KEY-----" not in data:
        raise _no_key(file)
    locked = b"BEGIN ENCRYPTED PRIVATE KEY" in data or b"ENCRYPTED\n" in data.replace(b"\r", b"")
    if locked and not password:
        raise _no_password(file)
    try:
        key = serialization.load_pem_private_key(data, password.encode() if locked and password else None)
    except Exception as error:  # noqa: BLE001 - the library raises what it likes for what others wrote
        raise (_wrong_password(file) if locked else _strange(file)) from _named(error)
    try:
        found = x509.load_pem_x509_certificate(data)
    except Exception as error:  # noqa: BLE001 - as above
        raise _error(f"The file “{file}” has no certificate that can be read.", "Nothing was sent.", _EXPORT) from _named(error)
    return locked, *_checked(file, key, found)


def _pfx(file: str, data: bytes, password: str | None) -> tuple[bool, datetime, datetime]:
    from cryptography.hazmat.primitives.serialization import pkcs12

    if data[:1] != b"\x30":  # how every such file begins
        raise _strange(file)
    try:
        key, found, _ = pkcs12.load_key_and_certificates(data, password.encode() if password else None)
    except Exception as error:  # noqa: BLE001 - as above
        raise (_wrong_password(file) if password else _no_password(file)) from _named(error)
    if key is None:
        raise _no_key(file)
    if found is None:
        raise _error(f"The file “{file}” has no certificate that belongs to its key.", "Nothing was sent.", _EXPORT)
    return bool(password), *_checked(file, key, found)


def _checked(file: str, key: object, found: object) -> tuple[datetime, datetime]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    assert isinstance(found, x509.Certificate)
    if not isinstance(key, RSAPrivateKey):
        raise _error(
            f"The key of the certificate in “{file}” is not an RSA key.", "Entra accepts only RSA keys for this sign-in.", "Make a new one."
        )
    if key.public_key() != found.public_key():
        raise _error(
            f"The private key in “{file}” does not belong to the certificate in the file.",
            "Nothing was sent.",
            "Put the certificate of the app registration first in the file, and only its own key.",
        )
    return found.not_valid_before_utc, found.not_valid_after_utc


def _error(what: str, meaning: str, remedy: str) -> CertificateError:
    return CertificateError(Refusal(what, meaning, remedy))


def _named(error: Exception) -> Exception:
    """The kind of an error without its text: nobody promises that a library's text has no secret."""
    return ValueError(type(error).__name__)


def _strange(file: str) -> CertificateError:
    return _error(f"The file “{file}” is not a certificate in PEM or PFX format, or it is damaged.", "Nothing was sent.", _EXPORT)


def _no_key(file: str) -> CertificateError:
    return _error(
        f"The file “{file}” has no private key.",
        "A certificate alone cannot sign in: it is the part that everybody can see.",
        "Export the certificate again, with its private key.",
    )


def _no_password(file: str) -> CertificateError:
    return _error(
        f"The certificate file “{file}” is protected with a password, and the configuration has none.",
        "Nothing was sent.",
        "Store it with “chorus-upload credential set --place PLACE” (central, journal or the modality). Or enter it in "
        "azure_client_certificate_password, or set the environment variable AZURE_CLIENT_CERTIFICATE_PASSWORD.",
    )


def _wrong_password(file: str) -> CertificateError:
    return _error(
        f"The password does not open the certificate file “{file}”.",
        "Either it is the password of another file, or the file is damaged. Nothing was sent.",
        "Correct the password in azure_client_certificate_password or in the environment variable AZURE_CLIENT_CERTIFICATE_PASSWORD"
        ", or store it in the credential store with “chorus-upload credential set --place PLACE” (central, journal or the modality).",
    )
