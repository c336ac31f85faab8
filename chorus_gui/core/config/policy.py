r"""The machine policy: what the IT department of a hospital allows, whatever a configuration, an option or a person says.

On Windows it is the registry key ``HKLM\Software\Policies\CHoRUS Upload``, elsewhere the file ``/etc/chorus-upload/policy.toml``.  Only
administrators can write there, and no option or environment variable names another place.  A policy that cannot be read or
understood refuses everything: a rule with a misspelled name must not be ignored.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from chorus_gui.core.errors import PolicyError
from chorus_gui.core.text_files import text_of
from chorus_gui.core.untrusted import toml_tables

POLICY_FILE = Path("/etc/chorus-upload/policy.toml")
REGISTRY_KEY = r"Software\Policies\CHoRUS Upload"
MAX_BYTES = 1024 * 1024


class Rule(Enum):
    """A policy: its name in the registry.  The name in the file is :attr:`key`."""

    ACCOUNTS = "AllowedAccounts"
    CONTAINERS = "AllowedContainers"
    HOSTS = "AllowedHosts"
    NO_SECRETS_IN_SCRIPTS = "ForbidSecretsInScripts"
    NO_UNVERIFIED_TLS = "ForbidUnverifiedTls"
    NO_REMOTE_DELETE = "ForbidRemoteDelete"
    NO_PORTABLE_DATA = "ForbidPortableData"

    @property
    def key(self) -> str:
        """The name in the file: "allowed_accounts"."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.value).lstrip("_")

    @property
    def is_list(self) -> bool:
        """It has a list of names; the others are on or off."""
        return self.value.startswith("Allowed")


_BY_NAME = {name.lower(): rule for rule in Rule for name in (rule.value, rule.key)}
_DOES = {
    Rule.NO_SECRETS_IN_SCRIPTS: "writing a SAS token or a key into a script",
    Rule.NO_UNVERIFIED_TLS: "turning off the check of certificates",
    Rule.NO_REMOTE_DELETE: "deleting files from the central store",
    Rule.NO_PORTABLE_DATA: "keeping data in the folder of the program",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the policy says.  ``lists`` has the allowed names, in lower case, of each list that is set; ``forbidden`` the rules that are on.

    ``place`` is where an administrator set it, for sentences; "" if there is no policy.
    """

    place: str = ""
    lists: Mapping[Rule, frozenset[str]] | None = None
    forbidden: frozenset[Rule] = frozenset()

    def allowed(self, rule: Rule) -> frozenset[str] | None:
        """The names that a list allows; None if it is not set, and so allows all."""
        return (self.lists or {}).get(rule)

    def require(self, rule: Rule) -> None:
        """Raise :class:`PolicyError` if the policy forbids what ``rule`` is about."""
        if rule in self.forbidden:
            raise self.refusal(rule, f"The policy “{rule.value}” of this computer does not allow {_DOES[rule]}.")

    def require_name(self, rule: Rule, name: str, what: str) -> None:
        """Raise :class:`PolicyError` if the list of ``rule`` is set and lacks ``name``.  ``what``: "the storage account “x”"."""
        allowed = self.allowed(rule)
        if allowed is not None and name.lower() not in allowed:
            raise self.refusal(rule, f"The policy “{rule.value}” of this computer does not allow {what}.")

    def refusal(self, rule: Rule, what: str) -> PolicyError:
        """The error that says ``what`` a policy does not allow."""
        return PolicyError(
            what,
            rule.value,
            meaning=f"Nothing was sent. Your IT department set this policy in {self.place}; CHoRUS Upload cannot change it.",
            remedy="Ask your IT department, and show them this message.",
        )


NO_POLICY = Policy()


def read_policy() -> Policy:
    """The policy of this computer as it is now; :data:`NO_POLICY` if there is none.

    Raises :class:`PolicyError` for one that cannot be read or has an unknown name or value.
    """
    if sys.platform == "win32":
        place, values = f"HKEY_LOCAL_MACHINE\\{REGISTRY_KEY}", _registry()
    else:
        place, values = str(POLICY_FILE), _file(POLICY_FILE)
    return NO_POLICY if values is None else parse_policy(values, place)


def parse_policy(values: Mapping[str, object], place: str) -> Policy:
    """The policy that these values make.  Raises :class:`PolicyError` for an unknown name, one in two spellings, or a value of the wrong kind."""
    lists: dict[Rule, frozenset[str]] = {}
    forbidden: set[Rule] = set()
    seen: set[Rule] = set()
    for name, value in values.items():
        rule = _BY_NAME.get(name.lower())
        if rule is None:
            raise _unreadable(place, f"It has the name “{name}”, which this version of CHoRUS Upload does not know.")
        if rule in seen:
            raise _unreadable(place, f"It has “{name}” a second time, in another spelling.")
        seen.add(rule)
        if rule.is_list:
            names = _names(value)
            if names is None:
                raise _unreadable(place, f"The value of “{name}” is not a list of texts.")
            lists[rule] = names
        elif value is True or value is False or (isinstance(value, int) and value in (0, 1)):
            forbidden |= {rule} if value else set()
        else:
            raise _unreadable(place, f"The value of “{name}” is not {'0 or 1' if sys.platform == 'win32' else 'true or false'}.")
    return Policy(place, lists, frozenset(forbidden))


def _names(value: object) -> frozenset[str] | None:
    """The names of a list; one text may hold several, separated by ";".  None if it is not a list."""
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        return None
    texts = [part for part in parts if isinstance(part, str)]  # pyright: ignore[reportUnknownVariableType]
    return frozenset(text.strip().lower() for text in texts if text.strip()) if len(texts) == len(parts) else None  # pyright: ignore[reportUnknownArgumentType]


def _file(file: Path) -> dict[str, object] | None:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(str(file), f"It cannot be read: {error.strerror}.") from error
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("too long")
        return toml_tables(text_of(data))
    except ValueError as error:  # not UTF-8, not TOML, too deep
        raise _unreadable(str(file), "It is not valid TOML.") from error


def _registry() -> dict[str, object] | None:
    """The values of the key, of the 64-bit view that Group Policy writes."""
    import winreg  # only on Windows

    found: dict[str, object] = {}
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, REGISTRY_KEY, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:  # type: ignore[attr-defined,unused-ignore]
            for number in range(winreg.QueryInfoKey(key)[1]):  # type: ignore[attr-defined,unused-ignore]
                name, value, _ = winreg.EnumValue(key, number)  # type: ignore[attr-defined,unused-ignore]
                if name:
                    found[name] = value
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(f"HKEY_LOCAL_MACHINE\\{REGISTRY_KEY}", f"It cannot be read: {os.strerror(error.errno or 0)}.") from error
    return found


def _unreadable(place: str, why: str) -> PolicyError:
    return PolicyError(
        "The machine policy of CHoRUS Upload on this computer cannot be used.",
        "",
        meaning=f"It is in {place}. {why} Nothing is sent until it is corrected.",
        remedy="Ask your IT department to correct the policy.",
    )
