"""What a file that a command writes must not replace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from chorus_gui.core.config.model import LOCK_END, SIDE_END, Config
from chorus_gui.core.errors import UsageError
from chorus_gui.core.journal.backups import folder as copies_of


def check_output(config: Config, file: Path, *, of_site: bool = False) -> None:
    """Raises :class:`UsageError` if the file is one that the configuration needs (itself, a journal), or is where the files of the central
    store or of the site are, also if it is not there yet: the next submission would upload it.

    In the site's folder, a place that no pattern matches can be used.  ``of_site``: it is a file of the site, which can be brought back.
    """
    target = _real(file)
    what = next(_needed(config, target), "") or ("" if of_site else next(_submitted(config, target), ""))
    if what:
        raise UsageError(f"“{file}” is {what}.", meaning="It was not changed.", remedy="Name another file.")


def _needed(config: Config, target: Path) -> Iterator[str]:
    """What the target is, for each thing that it is."""
    if target == _real(config.file):
        yield "the configuration file"
    if config.rules_file is not None and target == _real(config.rules_file):
        yield "the file with the rules of the readiness check"
    cloud = config.journal.cloud.folder if config.journal.cloud is not None else None
    for journal in (config.journal.local, *([cloud] if cloud is not None else [])):
        own = _real(journal)
        if target in (own, *(own.with_name(own.name + end) for end in (LOCK_END, "-journal", "-wal", "-shm"))):
            yield "the journal, or belongs to it"
        if any(target.is_relative_to(_real(folder)) for folder in (own.with_name(own.name + SIDE_END), copies_of(own))):
            yield "a file that belongs to the journal"


def _submitted(config: Config, target: Path) -> Iterator[str]:
    """In which place for files that are submitted it is."""
    if config.central.folder is not None and target.is_relative_to(_real(config.central.folder)):
        yield "in the folder of the central store"
    for modality, site in config.sites.items():
        if site.place.folder is None or not target.is_relative_to(root := _real(site.place.folder)):
            continue
        if site.pattern.match(target.relative_to(root).as_posix()) is not None:
            yield f"in a place for files of the site ({modality}), so it would be submitted"


def _real(path: Path) -> Path:
    """The path without links, in the spelling by which this system compares paths."""
    return Path(os.path.normcase(os.path.realpath(path)))
