"""The part of the check that needs names, sizes and times alone.  It listens to a scan: there is no second walk.

A million paths must take seconds.  So what a folder is, is decided once for each folder, and what a name is, once for each shape of a name:
digits are the same for nearly every rule.  A path of the same shape as one without flaws is not looked at, except in sessions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from chorus_gui.core.config.model import Site
from chorus_gui.core.exclude import Exclude
from chorus_gui.core.model import Problem, SourceFile
from chorus_gui.core.readiness import layout, omop
from chorus_gui.core.readiness.findings import FileState, Finding, Found
from chorus_gui.core.storage.base import UnwantedFile

Flaw = tuple[str, str]
"""Rule and subject."""
MOST_SHAPES = 50_000
MOST_TABLES = 1_000
NOT_SENT = "not sent: it matches no pattern"
_DIGITS = str.maketrans("123456789", "000000000")
_BAD = re.compile(r"[\"',;|*?\x00-\x1f\x7f]|[ .]\Z|[^\x00-\x7f]")
_PERSON = re.compile(r"[A-Z][a-z]+[ _,-]+[A-Z][a-z]+(?:[ _-][A-Z]\.?)?|[A-Z]{2,}[ _]?\^[A-Z^]+|[A-Z]{3,}, ?[A-Z]{2,}")
_LEAKS = ("P1", "P1B", "P2")
_ANYWHERE = (*_LEAKS, "L7", "L8", "W15")
_OF_SESSION = re.compile(r"(?:_layout)?\.hea|(?:_\w+)?\.\w+(?:\.\w+)?|n\.csv", re.IGNORECASE)
_REGISTRY = re.compile(r"(?:\w*registr\w*\.csv|readme(?:\.\w+)?|records|\w+\.(?:md|txt|docx?|pdf))", re.IGNORECASE)


def _folder(file: SourceFile) -> str:
    return file.path[: max(file.path.rfind("/"), 0)]


def _above(path: str) -> str:
    return path[: max(path.rfind("/"), 0)]


def _state(file: SourceFile) -> FileState:
    return FileState(file.modality, file.path, file.size, file.mtime_us)


class Kind(NamedTuple):
    """What is known of all files of a folder."""

    flaws: tuple[Flaw, ...]
    """each file of the folder has them"""
    begins: str
    """names begin with this text"""
    shapes: dict[str, tuple[Flaw, ...]]
    """shape of a name (without ``begins``) → what is wrong with it"""
    look: Callable[[str], tuple[Flaw, ...]]
    """makes an entry of ``shapes``"""


class Table(NamedTuple):
    """A file in the OMOP folder."""

    path: str
    table: str
    size: int
    mtime_us: int


class Paths:
    """A :class:`~chorus_gui.core.scan.scan.ScanSink` that checks the paths of a scan, and remembers what the other checks need.

    ``sites`` by modality.  Its memory grows with patients, sessions and tables, not with files.
    """

    def __init__(self, found: Found, sites: Mapping[str, Site]) -> None:
        self.found = found
        self._names = [(id_, rule.names) for id_ in _ANYWHERE if (rule := found.rules.active(id_)) is not None and rule.names]
        self._places = self._patterns("P3")
        self._workbooks = self._patterns("O20")
        self._formats = self._patterns("W5")
        forms = ("session", *sites)
        self._shapes: dict[str, dict[str, tuple[Flaw, ...]]] = {form: {} for form in forms}
        self._looks = {form: partial(self.look, form) for form in forms}
        self._fixed = {name: len(site.pattern.segments) for name, site in sites.items()}
        self._good: dict[str, set[str]] = {}
        """modality → shapes of paths without flaws"""
        self._unsent_shapes: dict[str, tuple[Flaw, ...]] = {}
        self._outer: dict[str, tuple[Flaw, ...]] = {}
        self._inner: dict[str, tuple[Flaw, ...]] = {}
        self._sessions: dict[str, str] = {}
        self._recordings: dict[str, set[str]] = {"Telemetry": set(), "EEG": set()}
        """folders of recordings, by layer"""
        self.files_seen = 0
        self.files_of: dict[str, int] = {}
        """modality → files"""
        self.patients: dict[str, set[str]] = {"Images": set(), "Waveforms": set()}
        self.layers: set[str] = set()
        """of Telemetry and EEG, those that have files"""
        self.tables: list[Table] = []
        self.metadata: dict[str, SourceFile] = {}
        """path below the Metadata folder in small letters → file"""
        self.has: set[str] = set()
        """modalities that have files"""
        self.problems: list[Problem] = []

    def _patterns(self, id_: str) -> Exclude:
        rule = self.found.rules.active(id_)
        return rule.names if rule is not None else Exclude()

    # --- what a scan reports ----------------------------------------------------------------------------------------

    def files(self, files: Sequence[SourceFile]) -> None:
        """As :meth:`ScanSink.files`."""
        if not files:
            return
        modality = files[0].modality
        self.has.add(modality)
        self.files_seen += len(files)
        self.files_of[modality] = self.files_of.get(modality, 0) + len(files)
        odd = files if modality == "Waveforms" else self._odd(modality, files)
        for folder, found in groupby(odd, _folder):
            run = list(found)
            kind = self._kind(modality, folder, run[0].patient_id, run[0].version)
            for rule, about in kind.flaws:
                self.found.each(rule, about, [file.path for file in run], run)
            plain = self._names_in(folder, kind, run)
            if plain and not kind.flaws and modality != "Waveforms" and run[0].version is None:
                good = self._good[modality]
                if len(good) > MOST_SHAPES:
                    good.clear()
                good.update("\0".join([file.path for file in run]).translate(_DIGITS).split("\0"))
        if modality == "OMOP":
            self._keep_tables(files)
        elif modality == "Metadata":
            known = MOST_TABLES - len(self.metadata)
            fixed = self._fixed["Metadata"]
            self.metadata.update(("/".join(file.path.split("/")[fixed:]).lower(), file) for file in files[: max(0, known)])

    def _odd(self, modality: str, files: Sequence[SourceFile]) -> Sequence[SourceFile]:
        """The files that are not known to be without flaws: all of them, where names differ in case only."""
        good = self._good.setdefault(modality, set())
        _, paths, patients, versions, sizes, _ = zip(*files, strict=True)
        people = set(patients) - {None}
        text = "\0".join(paths)
        shapes = text.translate(_DIGITS).split("\0")
        known = "".join(people)
        if any(versions) or not ((known.isascii() and known.isdigit()) or not people) or len(set(text.lower().split("\0"))) < len(files):
            return files
        if people:
            self.patients.setdefault(modality, set()).update(people)
        if all(sizes) and good.issuperset(shapes):
            return ()
        return [file for file, shape in zip(files, shapes, strict=True) if shape not in good or not file.size]

    def _names_in(self, folder: str, kind: Kind, files: Sequence[SourceFile]) -> bool:
        """The names and sizes in a folder.  They are looked at together; one by one only where something is wrong.  Returns if nothing is."""
        cut = len(folder) + 1 if folder else 0
        names = [file.path[cut:] for file in files]
        text = "/".join(names)
        plain = not kind.begins and all(map(itemgetter(4), files)) and len(set(text.lower().split("/"))) == len(names)
        if plain and not any(self._wrong(kind, shape) for shape in set(text.translate(_DIGITS).split("/"))):
            return True
        add = self.found.add
        seen: set[str] = set()
        for name, file in zip(names, files, strict=True):
            if not kind.begins:
                shape = name.translate(_DIGITS)
            elif name.startswith(kind.begins):
                shape = name[len(kind.begins) :].translate(_DIGITS)
            else:
                shape = "\0" + name.translate(_DIGITS)
            wrong = self._wrong(kind, shape)
            for rule, about in wrong:
                add(Finding(rule, file.path, about), _state(file))
            if not file.size and not (wrong and wrong[0][0] == "L7"):
                add(Finding("L6", file.path), _state(file))
            low = name.lower()
            if low in seen:
                add(Finding("L9", file.path, "two names that differ in case only"), _state(file))
            seen.add(low)
        return False

    def _wrong(self, kind: Kind, shape: str) -> tuple[Flaw, ...]:
        wrong = kind.shapes.get(shape)
        if wrong is None:
            if len(kind.shapes) > MOST_SHAPES:
                kind.shapes.clear()
            wrong = kind.shapes[shape] = kind.look(shape)
        return wrong

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """As :meth:`ScanSink.unmatched`."""
        del root
        for folder, run in groupby((file.name for file in files), _above):
            parts = folder.split("/") if folder else []
            around = self._parts_flaws(parts)
            alike: dict[tuple[Flaw, ...], list[str]] = {}
            cut = len(folder) + 1 if folder else 0
            for path in run:
                alike.setdefault(self._own_flaws(path[cut:]), []).append(path)
            for own, paths in alike.items():
                self._unsent(parts, [*own, *around], paths)

    def _own_flaws(self, name: str) -> tuple[Flaw, ...]:
        shape = name.translate(_DIGITS)
        flaws = self._unsent_shapes.get(shape)
        if flaws is None:
            if len(self._unsent_shapes) > MOST_SHAPES:
                self._unsent_shapes.clear()
            flaws = self._unsent_shapes[shape] = tuple(self._name_flaws(shape, ""))
        return flaws

    def _unsent(self, parts: list[str], flaws: Sequence[Flaw], paths: Sequence[str]) -> None:
        """Files of one folder that no pattern takes, and that have the same ``flaws``."""
        each = self.found.each
        rules = {rule for rule, _ in flaws}
        if "L7" in rules:
            each("L7", "", paths)
            return
        leaks = rules.intersection(_LEAKS)
        leaks -= {"P1B"} if "P1" in leaks else set()
        for rule in sorted(leaks):
            each(rule, NOT_SENT, paths)
        if "P10" in rules:
            each("P10", "a folder" if parts else "", paths)
        meant = next((known for part in parts[:2] if (known := layout.spelled(part))), "")
        if meant:
            each("L1", f"probably {meant}", paths)
        elif layout.is_unsorted([*parts, ""]):
            each("L3", layout.UNSORTED, paths)
        elif not leaks:
            described = [] if parts else [path for path in paths if _REGISTRY.fullmatch(path)]
            if described:
                each("L5", "a registry or a description", described)
            if len(described) < len(paths):
                each("L5", "", [path for path in paths if path not in described] if described else paths)

    def problem(self, problem: Problem) -> None:
        """As :meth:`ScanSink.problem`."""
        self.problems.append(problem)

    # --- folders ----------------------------------------------------------------------------------------------------

    def _kind(self, modality: str, folder: str, patient: str | None, version: str | None) -> Kind:
        parts = folder.split("/") if folder else []
        flaws = self._parts_flaws(parts)
        fixed = self._fixed.get(modality, 0)
        inside, above = parts[fixed:], parts[fixed - 1] if fixed and len(parts) >= fixed else ""
        if version is not None and layout.is_dated(version):
            flaws.append(("L11", ""))
        if patient is not None:
            self.patients.setdefault(modality, set()).add(patient)
            if not patient.isascii() or not patient.isdigit():
                flaws.append(("L2", ""))
            if modality == "OMOP":
                flaws.append(("L10", layout.OF_PATIENTS))
        begins = ""
        if above not in layout.KNOWN and (meant := layout.spelled(above)):
            flaws.append(("L1", f"probably {meant}"))
        if modality == "Images":
            wrong = layout.images(inside)
            flaws += [wrong] if wrong else []
        elif modality == "Waveforms":
            wrong = layout.waveforms(above, inside)
            flaws += [wrong] if wrong else []
            begins = self._session(folder, inside, flaws)
        elif modality == "OMOP" and inside and patient is None:
            flaws.append(("L10", "in a folder below OMOP"))
        if not flaws:
            form = "session" if begins else modality
            return Kind((), begins, self._shapes[form], self._looks[form])
        if any(rule == "L7" for rule, _ in flaws):
            flaws = [("L7", "")]
        form = "session" if begins else modality
        return Kind(tuple(dict.fromkeys(flaws)), begins, self._shapes[form], self._looks[form])

    def _parts_flaws(self, parts: list[str]) -> list[Flaw]:
        """What the names of the folders say, the outer ones first."""
        flaws: list[Flaw] = []
        known, outer = self._inner, self._outer
        for part in parts:
            shape = part.translate(_DIGITS)
            found = outer.get(shape)
            if found is None:
                if len(outer) > MOST_SHAPES:
                    outer.clear()
                found = outer[shape] = self._part_flaws(shape, outermost=outer is self._outer)
            if found:
                flaws += found
            outer = known
        return flaws

    def _session(self, folder: str, inside: list[str], flaws: list[Flaw]) -> str:
        """The session_id of a folder; "" if it is not one of a session."""
        layered = len(inside) == 2 and inside[0].lower() in ("telemetry", "eeg")
        if not layered:
            return ""
        layer = "EEG" if inside[0].lower() == "eeg" else "Telemetry"
        self.layers.add(layer)
        self._recordings[layer].add(folder)
        if layer != inside[0]:
            flaws.append(("L1", f"probably {layer}"))
        session = inside[1]
        if not session.isdigit() or not session.isascii():
            flaws.append(("W2", "not a whole number"))
        elif self._sessions.setdefault(session, folder) != folder:
            flaws.append(("W2", "the same number for two recordings"))
        return session

    @property
    def numbers(self) -> dict[str, int]:
        """How many patients and recordings there are, by their names for people; without those of which there are none."""
        people = self.patients["Images"] | self.patients["Waveforms"]
        found = {"patients with images or recordings": len(people)}
        found |= {f"{layer} recordings": len(folders) for layer, folders in self._recordings.items()}
        return {name: count for name, count in found.items() if count}

    def _part_flaws(self, name: str, *, outermost: bool) -> tuple[Flaw, ...]:
        found: list[Flaw] = []
        matched = [id_ for id_, names in self._names if names.folder(name)]
        if "L7" in matched:
            return (("L7", ""),)
        matched = [id_ for id_ in matched if id_ in _LEAKS]
        found += [(id_, "a folder") for id_ in matched if id_ != "P1B" or "P1" not in matched]
        if _BAD.search(name):
            found.append(("L9", "a folder"))
        if "^" in name or (outermost and _PERSON.fullmatch(name)):
            found.append(("P10", "a folder"))
        return tuple(found)

    # --- names ------------------------------------------------------------------------------------------------------

    def _name_flaws(self, name: str, form: str) -> list[Flaw]:
        """What the shape of a name says in any folder."""
        matched = [id_ for id_, names in self._names if names.file(name)]
        if "L7" in matched:
            return [("L7", "")]
        found = [(id_, "") for id_ in matched if id_ != "P1B" or "P1" not in matched]
        if form in ("Images", "session") and name.endswith(".csv"):
            found = [flaw for flaw in found if flaw[0] != "P1B"]
        if _BAD.search(name.removesuffix("\0")):
            found.append(("L9", ""))
        if "^" in name or _PERSON.fullmatch(name.partition(".")[0]):
            found.append(("P10", ""))
        return found

    def look(self, form: str, shape: str) -> tuple[Flaw, ...]:
        """What is wrong with names of this shape in folders of this form."""
        foreign = shape.startswith("\0")
        name = shape[1:] if foreign else shape if form != "session" else "0" + shape
        found = self._name_flaws(name, form)
        if found and found[0][0] == "L7":
            return tuple(found)
        if form == "Images" and not name.lower().endswith(".dcm"):
            found.append(("L3", "another ending than .dcm"))
        if form == "OMOP":
            found += self._table_flaws(name)
        if form == "session":
            found += self._session_flaws(shape, foreign)
        return tuple(found)

    def _session_flaws(self, shape: str, foreign: bool) -> list[Flaw]:
        name = shape.removeprefix("\0")
        if not self._formats.file(name if foreign else "0" + name):
            return [("W5", "")]
        if foreign or _OF_SESSION.fullmatch(name) is None:
            return [("W4", "")] if name.lower().endswith(".csv") else [("W3", "")]
        return [("W4", "")] if name.lower().endswith(".csv") and name.lower() != "n.csv" else []

    def _table_flaws(self, name: str) -> list[Flaw]:
        table = omop.table_of(name)
        if self._places.file(name):
            return [("P3", "")]
        if self._workbooks.file(name):
            return [("O20", "")]
        if name.lower().endswith(".csv") and omop.is_part(table):
            return [("N5", "")]
        if table not in omop.tables():
            return [("O16", table if table in omop.OTHERS else "")]
        return [] if name.lower().endswith((".csv", ".gz", ".zip")) else [("O2", "another ending than .csv")]

    def _keep_tables(self, files: Sequence[SourceFile]) -> None:
        for _, path, _, _, size, mtime_us in files:
            name = path.rpartition("/")[2]
            if name.lower().endswith(".csv") and len(self.tables) < MOST_TABLES:
                self.tables.append(Table(path, omop.table_of(name), size, mtime_us))


def _nothing(shape: str) -> tuple[Flaw, ...]:
    del shape
    return ()


_NOTHING = Kind((), "", {}, _nothing)
