"""What a SAS token looks like, and what it says about itself.

The fields of a SAS: https://learn.microsoft.com/rest/api/storageservices/create-service-sas and …/create-account-sas.
Nothing here keeps or repeats a signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from chorus_gui.core.untrusted import instant

PERMISSIONS = {"r": "read", "c": "create", "w": "write", "d": "delete", "l": "list"}
"""Letters of ``sp`` that matter here, in words."""

NEEDS_STORE = "rcwl"
"""Sending new versions and verifying: every letter of :data:`PERMISSIONS` but delete, which only a version that is complete needs
before its files change: its completion marker is removed."""
NEEDS_JOURNAL = "rcwdl"
"""The journal needs delete, too: its lock is a blob that is removed at check-in.  Listing shows the receipts of colleagues."""
NEEDS_SOURCE = "rl"
"""A site whose files are in Azure."""

_SIGNATURE_BYTES = 32
"""Every SAS is signed with HMAC-SHA256."""
_NEEDLESS = {
    "a": "appending",
    "x": "deleting earlier states",
    "y": "deleting for ever",
    "t": "changing tags",
    "f": "searching by tags",
    "m": "moving",
    "e": "running",
    "o": "changing owners",
    "p": "changing permissions",
    "i": "setting rules against deletion",
}
"""Letters of ``sp`` that no function of this program uses, as what they allow."""
LONG = timedelta(days=366)
"""A token that is valid for longer is more than anybody needs."""

SOON = timedelta(days=14)
"""An expiry is shown this long before."""


def clean_sas(text: str) -> str:
    """The token itself, of a token, "?token" or a whole URL that was pasted; "" if it is not a SAS token (it has no signature)."""
    token = text.strip().rpartition("?")[2].lstrip("&")
    return token if dict(_fields(token)).get("sig") else ""


@dataclass(frozen=True, slots=True)
class SasInfo:
    """What a SAS token allows.  Times are aware, UTC; None where the token has none or it cannot be read.

    ``permissions`` are the letters of ``sp``; ``resource`` is ``sr`` ("c" container, "b" blob, "" for an account SAS, which has
    ``services`` ``ss`` and ``resource_types`` ``srt``); ``policy`` is true where a stored access policy (``si``) decides about
    time and permissions, which the token then does not tell.
    """

    expires: datetime | None
    starts: datetime | None
    permissions: str
    resource: str
    services: str
    resource_types: str
    addresses: str
    policy: bool
    plain_http: bool = False
    """it also works without encryption (``spr`` has "http", or is missing)"""
    changeable: bool = False
    """what it allows is decided elsewhere, too, and can change: by a stored access policy, or the role of the account that made it"""
    damage: str = ""
    """what shows that the token was cut off or changed on its way here, as a sentence; such a token cannot work"""

    @classmethod
    def parse(cls, token: str) -> SasInfo:
        """Read a token's fields; unknown and missing ones are accepted."""
        fields = dict(_fields(token.strip().lstrip("?")))
        ends = [end for end in (_time(fields.get("se", "")), _time(fields.get("ske", ""))) if end]
        return cls(
            expires=min(ends) if ends else None,  # a user delegation SAS ends with its key at the latest
            starts=_time(fields.get("st", "")),
            permissions=fields.get("sp", ""),
            resource=fields.get("sr", ""),
            services=fields.get("ss", ""),
            resource_types=fields.get("srt", ""),
            addresses=fields.get("sip", ""),
            policy="si" in fields,
            changeable="si" in fields or "skoid" in fields,
            plain_http="http" in fields.get("spr", "https,http").split(","),
            damage=_damage(token.strip().lstrip("?"), fields.get("sig", "")),
        )

    def expired(self, now: datetime) -> bool:
        """Its time is over at ``now`` (aware)."""
        return self.expires is not None and self.expires <= now

    def missing(self, needs: str) -> tuple[str, ...]:
        """The words for the permissions in ``needs`` (letters) that the token lacks; "w" includes "c"."""
        if self.policy and not self.permissions:
            return ()
        allowed = self.permissions + ("c" if "w" in self.permissions else "")
        return tuple(word for letter, word in PERMISSIONS.items() if letter in needs and letter not in allowed)

    def sentences(self, now: datetime, needs: str) -> tuple[str, ...]:
        """What a person should know before anything is sent, worst first; empty if it works for at least two weeks."""
        return tuple(s for s in (self.damage, self._time_sentence(now), *self.scope_sentences(needs), self._network_sentence()) if s)

    def _time_sentence(self, now: datetime) -> str:
        if self.expires is None:
            return "" if self.policy else "The SAS token does not say when it expires."
        if self.expired(now):
            return f"The SAS token expired on {_moment(self.expires)}."
        if self.starts is not None and self.starts > now:
            return f"The SAS token is not valid before {_moment(self.starts)}."
        left = self.expires - now
        if left > SOON:
            return ""
        return f"The SAS token expires in {time_left(left)}, on {_moment(self.expires)}."

    def scope_sentences(self, needs: str) -> list[str]:
        """What the token does not allow or cover, of what is needed."""
        out: list[str] = []
        if missing := self.missing(needs):
            out.append(f"The SAS token does not allow {_list(missing)}.")
        if self.resource == "b":
            out.append("The SAS token is for a single file, not for the container.")
        if self.services and "b" not in self.services:
            out.append("The SAS token is not for Blob storage (its field “ss” has no “b”).")
        if self.resource_types and "o" not in self.resource_types:
            out.append("The SAS token does not cover files (its field “srt” has no “o”).")
        if self.resource_types and "c" not in self.resource_types and "l" in needs:
            out.append("The SAS token does not cover listing a container (its field “srt” has no “c”).")
        return out

    def beyond(self, needs: str, now: datetime) -> tuple[str, ...]:
        """What the token allows although nothing in ``needs`` (letters) uses it, as sentences, worst first."""
        letters = [letter for letter in self.permissions if letter not in needs]
        doing = [_doing(word) for letter, word in PERMISSIONS.items() if letter in letters]
        doing += [word for letter, word in _NEEDLESS.items() if letter in letters and not (letter == "a" and "w" in needs)]
        out = [
            "It is an account SAS: it can be valid for every container of the account." if self.services else "",
            f"It allows {_and(doing)}." if doing else "",
            f"It is valid until {self.expires:%Y-%m-%d}, for more than a year." if self.expires and self.expires - now > LONG else "",
            "It also works without encryption (its field “spr” is not “https”)." if self.plain_http and not self.policy else "",
        ]
        return tuple(sentence for sentence in out if sentence)

    def _network_sentence(self) -> str:
        return f"The SAS token works only from the network address {self.addresses}." if self.addresses else ""


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _damage(token: str, signature: str) -> str:
    """What batch files, shells, mail and chat do to a token."""
    if not token.isascii() or not token.isprintable() or any(mark in token for mark in " \"'`<>{}|\\^"):
        return "The SAS token contains quotes, spaces or other characters that are never part of a token. Copy the whole token again."
    if "%%" in token or "%25" in token:
        return "The SAS token was changed on its way: it contains “%%” or “%25”, as in a batch file or an encoded link. Copy it again."
    if re.search(r"%(?![0-9A-Fa-f]{2})", token):
        return "The SAS token is incomplete: two digits are missing after a “%”. Copy the whole token again."
    if "&amp;" in token:
        return "The SAS token was changed on its way: it contains “&amp;” for “&”. Copy it again."
    try:
        length = len(base64.b64decode(signature.replace(" ", "+"), validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if signature and length != _SIGNATURE_BYTES:
        return "The signature of the SAS token is incomplete. Copy the whole token again."
    return ""


def allows(*letters: str) -> str:
    """What a token with these letters of ``sp`` allows: "allows reading and listing (sp=rl)"."""
    wanted = [letter for letter in PERMISSIONS if letter in "".join(letters)]
    return f"allows {_and([_doing(PERMISSIONS[letter]) for letter in wanted])} (sp={''.join(wanted)})"


def _doing(word: str) -> str:
    """ "write" → "writing"."""
    return f"{word.removesuffix('e')}ing"


def time_left(left: timedelta) -> str:
    """How much time is left: "30 minutes", "47 hours", "9 days".  Never more than there is, and at least two thirds of it."""
    minutes = int(left.total_seconds() // 60)
    for unit, each, least in (("day", 1440, 3), ("hour", 60, 2), ("minute", 1, 1)):
        if minutes >= each * least:
            count = minutes // each
            return f"{count:,} {unit}{'s' * (count != 1)}"
    return "less than a minute"


def _fields(token: str) -> list[tuple[str, str]]:
    return [(name.lower(), value.strip()) for name, value in parse_qsl(token)]


def _time(text: str) -> datetime | None:
    return instant(text, zone=UTC)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _list(words: tuple[str, ...]) -> str:
    """Words of :data:`PERMISSIONS` for “does not allow …”: "reading or listing"."""
    doing = [_doing(word) for word in words]
    return doing[0] if len(doing) == 1 else ", ".join(doing[:-1]) + " or " + doing[-1]
