"""What a person pasted as a credential, read at once: which kind it is, how long it lasts, what is missing.  No Qt.

Nothing here repeats a secret in a sentence.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from chorus_gui.core.config.addresses import account_of_url, address_parts, connection_parts
from chorus_gui.core.config.credentials import AccessKey, AuthMode, is_locked
from chorus_gui.core.config.sas import (
    NEEDS_JOURNAL,
    NEEDS_SOURCE,
    NEEDS_STORE,
    PERMISSIONS,
    SOON,
    SasInfo,
    clean_sas,
    time_left,
)
from chorus_gui.core.model import Grade

__all__ = ["NEEDS", "Facts", "Pasted", "certificate_is_locked", "paste", "paste_aws", "sas_facts", "secret_facts"]

NEEDS = {"central": NEEDS_STORE, "journal": NEEDS_JOURNAL, "site": NEEDS_SOURCE}
"""What a place's credential must allow, by the part of the configuration."""


@dataclass(frozen=True, slots=True)
class Facts:
    """About a credential: one line for the field ("Expires in 12 days"), and sentences that a person should know."""

    headline: str
    grade: Grade
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pasted:
    """``mode`` NONE: it is not a credential, and ``facts`` say so.  ``secret`` is the part to keep.

    ``url``, ``account`` and ``container`` are what a pasted URL or connection string says besides; "" where it says nothing.
    """

    mode: AuthMode
    facts: Facts
    secret: str = ""
    url: str = ""
    account: str = ""
    container: str = ""


def sas_facts(token: str, now: datetime | None = None, needs: str = NEEDS_STORE) -> Facts:
    """About a SAS token, as soon as it is pasted; ``needs`` as :mod:`~chorus_gui.core.config.sas` has them."""
    now = now or datetime.now(UTC)
    if not clean_sas(token):
        return Facts("This is not a SAS token: it has no signature (“sig=…”).", Grade.BAD, ("Paste the whole token, on one line.",))
    info = SasInfo.parse(clean_sas(token))
    sentences = tuple(s for s in info.sentences(now, needs) if not s.startswith("The SAS token expire"))  # the headline says that
    allowed = [word for letter, word in PERMISSIONS.items() if letter in info.permissions]
    parts = [_expiry(info, now)]
    if allowed:
        parts.append(f"allows {', '.join(allowed)}")
    broken = info.damage or info.expired(now) or info.missing(needs) or info.resource == "b"
    wide = info.services and ("b" not in info.services or "o" not in info.resource_types)
    soon = info.expires is not None and info.expires - now < SOON
    grade = Grade.BAD if broken or wide else Grade.WARNING if sentences or soon else Grade.GOOD
    return Facts("  ·  ".join(parts), grade, sentences)


def _expiry(info: SasInfo, now: datetime) -> str:
    if info.expires is None:
        return "Its policy says when it expires" if info.policy else "Does not say when it expires"
    if info.expired(now):
        return f"Expired on {info.expires:%Y-%m-%d}"
    return f"Expires in {time_left(info.expires - now)}, on {info.expires:%Y-%m-%d}"


def secret_facts(name: str, text: str, needs: str = NEEDS_STORE, now: datetime | None = None) -> Facts | None:
    """What to show below the field of a secret key; None: nothing can be told of it."""
    if not text.strip():
        return None
    if name == "azure_sas_token":
        return sas_facts(text, now, needs)
    if name == "azure_connection_string":
        return paste(text, now, needs).facts
    return None


def certificate_is_locked(file: Path, path: str) -> bool:
    """The certificate's file at ``path``, as the configuration ``file`` has it, needs a password.  False if there is no such file, or it cannot
    be reached.  Not for the screen's thread: a share that is gone answers after a minute.
    """
    certificate = file.parent / path
    try:
        return certificate.is_file() and is_locked(str(certificate))
    except (OSError, ValueError):
        return False


def paste(text: str, now: datetime | None = None, needs: str = NEEDS_STORE) -> Pasted:
    """Read what was pasted: a SAS token or URL, a connection string, or an account key."""
    text = "".join(text.split()) if "sig=" in text else text.strip()  # a mail program broke the line
    parts = connection_parts(text)
    if parts.get("accountname") or parts.get("blobendpoint"):
        return _connection(text, parts, now, needs)
    if token := clean_sas(text):
        return _sas(text, token, now, needs)
    if _is_account_key(text):
        facts = Facts("An account key", Grade.WARNING, ("It opens everything in the account and does not expire; a SAS token is safer.",))
        return Pasted(AuthMode.KEY, facts, text)
    what = "This is neither a SAS token, nor a connection string, nor an account key."
    return Pasted(AuthMode.NONE, Facts(what, Grade.BAD, ("A SAS token has “sig=” in it. Copy the whole of it from the message you got.",)))


_AWS_PART = re.compile(
    r"""(?:aws_?)?(?:(access_?key_?id)|(secret_?access_?key)|((?:session|security)_?token))["']?\s*[=:]\s*["']?([A-Za-z0-9/+=_.-]+)""",
    re.IGNORECASE,
)


def paste_aws(text: str) -> AccessKey | None:
    """The access key in what AWS shows to be copied: lines of a shell ("export AWS_ACCESS_KEY_ID=…"), of the file “credentials”, or the JSON of
    the AWS tools.  None if the text names no access key.
    """
    found = ["", "", ""]
    for *names, value in _AWS_PART.findall(text):
        found[next(at for at, name in enumerate(names) if name)] = value
    key_id, secret, session = found
    if not key_id and not secret:
        return None
    return AccessKey(key_id, secret, session)


def _sas(text: str, token: str, now: datetime | None, needs: str) -> Pasted:
    url, account, container = "", "", ""
    address = text.partition("?")[0]
    if address.startswith(("http://", "https://")):
        host, path, _ = address_parts(address)
        url = f"{address.partition('://')[0]}://{host}"
        account = account_of_url(url)
        container = unquote(path.strip("/")).partition("/")[0]
    return Pasted(AuthMode.SAS, sas_facts(token, now, needs), token, url, account, container)


def _connection(text: str, parts: dict[str, str], now: datetime | None, needs: str) -> Pasted:
    token = clean_sas(parts.get("sharedaccesssignature", ""))
    if token:
        inner = sas_facts(token, now, needs)
        facts = Facts(f"A connection string with a SAS  ·  {inner.headline}", inner.grade, inner.sentences)
    else:
        facts = Facts(
            "A connection string", Grade.WARNING, ("It opens everything in the account and does not expire; a SAS token is safer.",)
        )
    return Pasted(AuthMode.CONNECTION_STRING, facts, text, account=parts.get("accountname", ""))


def _is_account_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) in (32, 64)
    except (binascii.Error, ValueError):
        return False
