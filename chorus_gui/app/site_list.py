"""The list of configurations that were open in the window on this computer: a small file of this user, which both faces read.

It names configuration files, and nothing of what is in them: what a list shows of a site is read from the site's own files
(:mod:`chorus_gui.app.sites`), so nothing of one site can be kept under the name of another.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chorus_gui.app.folders import settings_folder
from chorus_gui.core import private
from chorus_gui.core.folders import patiently
from chorus_gui.core.untrusted import record, toml_tables

MOST = 60
"""Configurations that are kept; the one that was opened longest ago leaves first."""
_log = logging.getLogger("chorus")


@dataclass(frozen=True, slots=True)
class Listed:
    """A configuration ``file``, and when it was opened last (microseconds since 1970, UTC; 0: not known)."""

    file: Path
    opened_us: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as the file has it."""

    file: str
    opened_us: int = 0


@dataclass(frozen=True, slots=True)
class _Entries:
    """The file."""

    site: tuple[_Entry, ...] = ()


def list_file() -> Path:
    """Where the list is kept."""
    return settings_folder() / "sites.toml"


def read(file: Path) -> tuple[Listed, ...] | None:
    """The list, the one that was opened last first; None: there is none, or it cannot be read."""
    try:
        found = record(_Entries, toml_tables(patiently(lambda: file.read_text("utf-8")))).site
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # whoever damaged it: the window has to open
        _log.warning("the list of sites could not be read: %s", error)
        return None
    return tuple(Listed(Path(one.file), one.opened_us) for one in found if one.file)[:MOST]


def write(file: Path, listed: Iterable[Listed]) -> None:
    """Replace the list.  A disk that does not take it does not stop anything: the log says so."""
    import tomli_w

    tables = [{"file": str(one.file), "opened_us": one.opened_us} for one in listed]
    try:
        private.make_folder(file.parent)
        private.write(file, tomli_w.dumps({"site": tables[:MOST]}).encode("utf-8", "surrogatepass"))
    except (OSError, ValueError) as error:
        _log.warning("the list of sites could not be written: %s", error)


def opened(listed: Sequence[Listed], file: Path, at_us: int) -> tuple[Listed, ...]:
    """The list after this configuration was opened."""
    return (Listed(file, at_us), *(one for one in listed if one.file != file))[:MOST]


def without(listed: Sequence[Listed], file: Path) -> tuple[Listed, ...]:
    """The list without this configuration."""
    return tuple(one for one in listed if one.file != file)


def again(listed: Sequence[Listed], one: Listed) -> tuple[Listed, ...]:
    """The list with an entry that was removed, at the place that its time gives it."""
    others = without(listed, one.file)
    at = next((n for n, other in enumerate(others) if other.opened_us < one.opened_us), len(others))
    return (*others[:at], replace(one), *others[at:])[:MOST]


def names(files: Sequence[Path]) -> dict[Path, str]:
    """What a list calls each configuration: its folder, with as many of the folders above as are needed to tell it from the others."""
    found = dict.fromkeys(files, 1)
    while True:
        called = {file: _name(file, depth) for file, depth in found.items()}
        often = Counter(called.values())
        twice = [file for file, name in called.items() if often[name] > 1 and found[file] < len(file.parts)]
        if not twice:
            return called
        for file in twice:
            found[file] += 1


def _name(file: Path, depth: int) -> str:
    folders = file.parent.parts[-depth:]
    last = () if file.name.lower() == "config.toml" and folders else (file.name,)
    return " / ".join((*(folder.rstrip("\\/") or folder for folder in folders), *last))
