"""What verifications of the journal's versions found, for everybody who works on it: side files, and what this computer last saw of them.

The side files are the truth.  A computer that cannot reach them works with its own copy, and shares what it found when it can.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import chorus_gui
from chorus_gui.app.this_store import of_this_store, store_name
from chorus_gui.app.words import agree, files, moment
from chorus_gui.core import private
from chorus_gui.core.custody.beside import side_name
from chorus_gui.core.errors import SideFileError
from chorus_gui.core.folders import data_folder, user_name
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level
from chorus_gui.core.submission.verified import FOLDER, Key, VersionCheck, WrongFile, from_json, merged, to_json, without
from chorus_gui.core.transfer.verify import DIFFERENT, UNKNOWN, Verdict
from chorus_gui.core.untrusted import DATA_ERRORS, MalformedError, json_value

if TYPE_CHECKING:
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.model import Row

REPAIR = "chorus-upload file repair"
REPAIR_LABEL = "Upload again"
"""How a person uploads again what is wrong: on the command line, and with a button in the window."""

_log = logging.getLogger("chorus")


@dataclass(slots=True)
class _Seen:
    """A version's file as this computer last saw it.  ``unshared``: it has something that is not in the side file yet."""

    check: VersionCheck
    etag: str = ""
    unshared: bool = False
    right: tuple[Key, ...] = ()
    """found right since the side file was last read"""
    name: str = ""
    """the side file that it was read from"""

    def names(self, config: Config) -> tuple[str, ...]:
        """The side files that can have it."""
        return (self.name,) if self.name else _names(self.check.version, config)


class Wrong(NamedTuple):
    """Files that a verification found missing or different, which are still in the journal, and were not repaired since."""

    total: int
    at_us: int
    versions: tuple[str, ...]
    by: str

    @property
    def text(self) -> str:
        """What was found, when and by whom."""
        were = agree(self.total, "was", "were")
        return f"{files(self.total)} {were} missing or different in the central store. {self.by} found that on {moment(self.at_us)}."

    @property
    def sentence(self) -> str:
        """The same, and what helps."""
        return f"{self.text} {to_repair(self.total)}"


def to_repair(wrong: int, *, window: bool = False) -> str:
    """A sentence: how to upload ``wrong`` files again, on the command line or in the window."""
    how = f"select “{REPAIR_LABEL}”" if window else f"run “{REPAIR}”"
    return f"To upload {agree(wrong, 'it', 'them')} again, {how}."


@dataclass(slots=True)
class Judged:
    """What a run found, by version.  It takes every verdict, and keeps few of them."""

    reread: bool
    partial: bool
    known: Mapping[str, Mapping[Key, bool]] = field(default_factory=dict[str, Mapping[Key, bool]])
    """the files that were wrong before, by version, and whether that was found by reading them"""
    counts: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    wrong: dict[str, list[WrongFile]] = field(default_factory=dict[str, list[WrongFile]])
    right: dict[str, set[Key]] = field(default_factory=dict[str, set[Key]])
    whole: dict[str, bool] = field(default_factory=dict[str, bool])
    """versions of which a run that is otherwise about a part compares every file, and whether it reads them"""
    modalities: Collection[str] | None = None
    """that were compared; None: all"""

    def take(self, verdict: Verdict) -> None:
        """One more."""
        row, version = verdict.row, verdict.row.version
        count = self.counts.setdefault(version, [0, 0, 0, 0])
        if verdict.result in UNKNOWN:
            count[2] += 1
            return
        count[0] += 1
        count[1] += row.size
        key = (row.modality, row.path)
        if verdict.result in DIFFERENT:
            count[3] += 1
            named = self.wrong.setdefault(version, [])
            read = self.reread or self.whole.get(version, False) or self.known.get(version, {}).get(key, False)
            named += [WrongFile(*key, verdict.result.value, row.size, row.md5 or "", read)]
        elif verdict.level is not None and not (verdict.level is Level.PROPERTIES and self.known.get(version, {}).get(key)):
            self._note_right(version, key)

    def not_compared(self, old: VersionCheck | None) -> tuple[WrongFile, ...]:
        """The files that were wrong before, of modalities that this run did not compare: they are as wrong as before."""
        return tuple(file for file in old.wrong if file.modality not in self.modalities) if old and self.modalities is not None else ()

    def _note_right(self, version: str, key: Key) -> None:
        if key in self.known.get(version, ()):
            self.right.setdefault(version, set()).add(key)


def refresh(workspace: Workspace, ctx: JobContext) -> str:
    """Read the side files, and share what is not shared yet.  The reason, as a sentence, if that is not possible; otherwise ""."""
    config = workspace.config
    seen, others = _load(config), {one.name or f"{one.check.version} {one.check.store}": one for one in _others(config)}
    try:
        with workspace:
            side = workspace.side_files()
            for entry in side.list(FOLDER, ctx):
                found = others.get(entry.name) or next((one for one in seen.values() if entry.name in one.names(config)), None)
                if found is not None and (found.etag == entry.etag or found.unshared):
                    continue
                file = side.read(entry.name, ctx)
                try:
                    check = from_json(file.data) if file else None
                except MalformedError:
                    _log.warning("%s is not a file of this program", entry.name)
                    continue
                if file is None or check is None or not entry.name.startswith(_name(check.version).removesuffix(".json")):
                    continue
                others.pop(entry.name, None)
                if not of_this_store(config, check.store, check.host):
                    others[entry.name] = _Seen(check, file.etag, name=entry.name)
                elif entry.name in _names(check.version, config):
                    seen[check.version] = _Seen(check, file.etag, name=entry.name)
            for version in [version for version, one in seen.items() if one.unshared]:
                seen[version] = _shared(side, seen[version], config, ctx)
    except SideFileError as error:
        _log.warning("could not share verifications: %s", error)
        return error.what
    finally:
        _save(config, seen, others.values())
    return ""


def record(workspace: Workspace, ctx: JobContext, judged: Judged) -> str:
    """Keep and share what a verification found.  A sentence if it is not shared yet; otherwise ""."""
    config = workspace.config
    seen = _load(config)
    ended, program = time.time_ns() // 1000, f"CHoRUS Upload {chorus_gui.__version__}"
    for version, (compared, size, unchecked, wrong) in judged.counts.items():
        old = seen.get(version)
        left = judged.not_compared(old.check if old else None)
        new = VersionCheck(
            version,
            ended,
            user_name(),
            socket.gethostname(),
            program,
            judged.whole.get(version, judged.reread),
            judged.partial and version not in judged.whole,
            compared,
            size,
            unchecked,
            wrong + len(left),
            (*judged.wrong.get(version, ()), *left),
            store_name(config.central),
        )
        if old is None and judged.partial and not wrong:
            continue  # a part that is right says nothing about the version
        right = tuple(judged.right.get(version, ()))
        seen[version] = _Seen(merged(old.check if old else None, new, right), old.etag if old else "", True, right, old.name if old else "")
    return _kept(workspace, ctx, seen)


def record_found(workspace: Workspace, ctx: JobContext, verdicts: Iterable[Verdict]) -> str:
    """Keep and share files that were found missing or different in passing, as a verification of these files alone would."""
    judged = Judged(reread=False, partial=True, known=known_keys(workspace.config))
    for verdict in verdicts:
        judged.take(verdict)
    return record(workspace, ctx, judged)


def wrong_rows(journal: Journal, config: Config, version: str | None = None) -> list[tuple[Row, WrongFile, VersionCheck]]:
    """The journal's entries that are known to be missing or different in the store, with what was found by whom."""
    from chorus_gui.core.journal.queries import active_by_paths

    found = {
        (one.check.version, *file.key): (file, one.check)
        for one in _load(config).values()
        for file in one.check.wrong
        if version in (None, one.check.version)
    }
    rows = active_by_paths(journal, {path for _, _, path in found}) if found else []
    out: list[tuple[Row, WrongFile, VersionCheck]] = []
    for row in rows:
        file, check = found.get((row.version, row.modality, row.path), (None, None))
        if file is not None and check is not None and row.uploaded and (row.md5 or "") == file.md5 and row.size == file.size:
            out.append((row, file, check))
    return out


def kept_wrong(journal: Journal, config: Config, modalities: Collection[str] | None = None) -> Wrong | None:
    """What is known to be missing or different in the store, of these modalities.  Asks nobody: see :func:`refresh`."""
    found = [one for one in wrong_rows(journal, config) if modalities is None or one[0].modality in modalities]
    more = unnamed_wrong(journal, config)
    if not found and not more:
        return None
    checks = {check.version: check for _, _, check in found} | {check.version: check for _, check in more}
    last = max(checks.values(), key=lambda check: check.ended_us)
    total = len(found) + sum(count for count, _ in more)
    return Wrong(total, last.ended_us, tuple(sorted(checks)), f"{last.user} on {last.host}")


def unnamed_wrong(journal: Journal, config: Config) -> list[tuple[int, VersionCheck]]:
    """Versions with more wrong files than a side file can name: how many more, at most as many as the version has uploaded files."""
    more = [(one.check.wrong_files - len(one.check.wrong), one.check) for one in _load(config).values()]
    if not any(count > 0 for count, _ in more):
        return []
    uploaded = Counter[str]()
    for count in journal.counts():
        uploaded[count.version] += count.active - count.pending
    return [(left, check) for count, check in more if (left := min(count, uploaded[check.version])) > 0]


def known_keys(config: Config) -> dict[str, dict[Key, bool]]:
    """The files that are known to be wrong, by version, and whether that was found by reading them."""
    return {version: {file.key: file.reread for file in one.check.wrong} for version, one in _load(config).items()}


# --- sharing, and this computer's copy -----------------------------------------------------------------------------------


def _name(version: str) -> str:
    return f"{FOLDER}/{side_name(version)}.json"


def _names(version: str, config: Config) -> tuple[str, str]:
    """The side file of a version, and the one for this central store, where the first is about another one."""
    key = hashlib.sha256(store_name(config.central).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return _name(version), f"{FOLDER}/{side_name(version)}.{key}.json"


class _OtherStoreError(Exception):
    """The side file is about another central store."""


def _shared(side: Any, one: _Seen, config: Config, ctx: JobContext) -> _Seen:
    """Write what this computer found into the side file."""

    def merge(data: bytes | None) -> bytes:
        try:
            there = from_json(data) if data else None
        except MalformedError:
            there = None
        if there is None:
            return to_json(one.check)
        if not of_this_store(config, there.store, there.host):
            raise _OtherStoreError
        if there.ended_us > one.check.ended_us:
            return to_json(merged(one.check, without(there, set(one.right)), ()))
        return to_json(merged(there, one.check, set(one.right)))

    name = one.name or _name(one.check.version)
    try:
        file = side.update(name, merge, ctx)
    except _OtherStoreError:
        _, name = _names(one.check.version, config)
        file = side.update(name, merge, ctx)
    return _Seen(from_json(file.data), file.etag, name=name)


def _kept(workspace: Workspace, ctx: JobContext, seen: dict[str, _Seen]) -> str:
    _save(workspace.config, seen, _others(workspace.config))
    if not any(one.unshared for one in seen.values()):
        return ""
    why = refresh(workspace, ctx)
    return f"The result of the verification is not shared yet. {why} It is shared when the journal can be reached again." if why else ""


def _copy_of(local: Path) -> Path:
    key = hashlib.sha256(os.path.normcase(os.path.abspath(local)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return data_folder() / "verify" / f"shared-{key}.json"


def _load(config: Config) -> dict[str, _Seen]:
    """What is known of the central store of this configuration."""
    return {one.check.version: one for one in _load_all(config.journal.local) if of_this_store(config, one.check.store, one.check.host)}


def _load_all(local: Path) -> list[_Seen]:
    try:
        value = cast("dict[str, Any]", json_value(_copy_of(local).read_bytes()))
        kept: list[_Seen] = []
        for entry in value["seen"]:
            check = from_json(base64.b64decode(entry["check"]))
            right = tuple((str(modality), str(path)) for modality, path in entry["right"])
            name = str(entry.get("name") or _name(check.version))
            kept.append(_Seen(check, str(entry["etag"]), bool(entry["unshared"]), right, name if entry["etag"] else ""))
        return kept
    except (OSError, MalformedError, *DATA_ERRORS):
        return []


def _others(config: Config) -> list[_Seen]:
    """What is known of other central stores: it is kept, and counts for nothing."""
    return [one for one in _load_all(config.journal.local) if not of_this_store(config, one.check.store, one.check.host)]


def _save(config: Config, seen: Mapping[str, _Seen], others: Iterable[_Seen]) -> None:
    entries = [
        {
            "check": base64.b64encode(to_json(one.check)).decode(),
            "etag": one.etag,
            "unshared": one.unshared,
            "right": list(one.right),
            "name": one.name,
        }
        for one in (*seen.values(), *others)
    ]
    target = _copy_of(config.journal.local)
    try:
        private.make_folder(target.parent)
        private.write(target, json.dumps({"seen": entries}).encode())
    except OSError:
        _log.exception("could not keep the verifications")
