"""From ``config.toml`` to a :class:`~chorus_gui.core.config.model.Config`, or to every fault in it at once.

Both layouts end in the same model; which key stands where is known to :mod:`~chorus_gui.core.config.keys` alone.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from chorus_gui.core.config import keychain
from chorus_gui.core.config.check import check_sites
from chorus_gui.core.config.cluster_address import cluster_address
from chorus_gui.core.config.keys import CREDENTIALS, nearest
from chorus_gui.core.config.model import (
    BY_THE_PROGRAM,
    PATIENCE_MINUTES,
    SCRIPTS_NEED_AZURE,
    Config,
    JournalPlaces,
    Layout,
    Place,
    PlaceKind,
    ReportSettings,
    Site,
    UploadMethod,
)
from chorus_gui.core.config.odd_characters import odd_character
from chorus_gui.core.config.order import upload_order
from chorus_gui.core.config.place_keys import Places
from chorus_gui.core.config.reading import Findings, Reading, Tables, Value, detect_layout, key_lines, quote
from chorus_gui.core.config.report_keys import read_report
from chorus_gui.core.config.rule_keys import read_rules
from chorus_gui.core.config.unread import check_unread
from chorus_gui.core.errors import ConfigError, Fault, PatternError, UsageError
from chorus_gui.core.exclude import Exclude
from chorus_gui.core.model import MODALITIES, Mode
from chorus_gui.core.pattern import DEFAULTS, FLAT_DEFAULTS, OMOP_PER_PATIENT, Pattern
from chorus_gui.core.redact import redact
from chorus_gui.core.refused import refusal
from chorus_gui.core.text_files import NotTextError, text_of
from chorus_gui.core.timetable import FREE, Timetable, parse_limit
from chorus_gui.core.untrusted import MalformedError, toml_tables

_MODES = {"append": Mode.APPEND, "full": Mode.FULL, "snapshot": Mode.FULL}
_UPLOAD_METHODS = {"builtin": UploadMethod.BUILTIN, "azcli": UploadMethod.AZCLI}
_NOTHING_STARTED = "Nothing was started."
LONGEST = 1_000_000
"""characters of a configuration: real ones have some thousand"""
MOST_ENTRIES = 2_000
"""keys of a configuration: real ones have some dozen, and each unknown one is compared with all that are known"""


_SECRETS = frozenset(CREDENTIALS) - {"azure_account_name", "azure_account_url"}
"""The credential keys that do not say where something is."""


def load(
    path: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    local_journal: Path | None = None,
    now: datetime | None = None,
) -> Config:
    """Read a configuration file.

    ``environ`` is the fallback for credentials, and for a SAS token the operating system's credential store, asked again each time;
    ``local_journal`` the journal file to use in place of the one that the file names; ``now`` (aware) the moment that a SAS is judged
    at.  ``path`` and ``local_journal`` may be relative to the working directory.  Raises :class:`ConfigError` with every fault of the
    file; no fault, warning or error repeats a secret.
    """
    file = _absolute(path)
    keychain.forget_answers()
    return loads(read_text(file), file, environ=environ, local_journal=local_journal, now=now)


def loads(
    text: str,
    file: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    local_journal: Path | None = None,
    now: datetime | None = None,
    kept: Callable[[str], str] | None = None,
) -> Config:
    """As :func:`load`, of a text that is or will be the content of ``file``."""
    checked = check(text, file, environ=environ, local_journal=local_journal, now=now, kept=kept)
    if checked.config is None:
        raise _error(checked.file, checked.faults)
    return checked.config


def not_asked(entry: str) -> str:
    """In the place of the credential store, for what needs no credential."""
    del entry
    return ""


def load_without_credentials(path: Path) -> Config:
    """As :func:`load`, for what only has to know what a file is about: the operating system's credential store is not asked.

    What is wrong with credentials is not a fault here, so perhaps no connection can be made with the result.
    """
    file = _absolute(path)
    checked = check(read_text(file), file, kept=not_asked)
    if checked.config is None:
        raise _error(checked.file, checked.faults)
    return checked.config


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that may be faulty, as far as it can be understood.  ``config`` is None if there is a fault.

    ``sites``, ``central`` and ``cloud`` (the cloud journal) are those that could be resolved, whatever is wrong elsewhere;
    ``warnings`` are listed in addition to faults.  ``locked``: the keys, each with its modality, of passwords that a certificate's file needs; empty,
    unless somebody looked at the files.
    """

    file: Path
    config: Config | None = None
    layout: Layout = Layout.NESTED
    modalities: tuple[str, ...] = ()
    sites: Mapping[str, Site] = field(default_factory=dict[str, Site])
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
    central: Place | None = None
    cloud: Place | None = None
    exclude: Exclude = field(default_factory=Exclude)
    report: ReportSettings = field(default_factory=ReportSettings)
    locked: frozenset[tuple[str, str]] = frozenset()


def check(
    text: str,
    file: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    local_journal: Path | None = None,
    now: datetime | None = None,
    kept: Callable[[str], str] | None = None,
) -> Checked:
    """As :func:`loads`, for a text that is being written: never raises :class:`ConfigError`, a faulty text is an answer too.

    ``kept`` answers in place of the operating system's credential store.  With :func:`not_asked`, faults of credentials do not count.
    """
    file = _absolute(file)
    try:
        raw = parse(text, file)
    except ConfigError as error:
        return Checked(file, faults=error.faults)
    layout = detect_layout(raw)
    findings = Findings(key_lines(text))
    reading = Reading(raw, layout, findings)
    check_unread(reading)
    places = Places(reading, file.parent, environ, kept or keychain.read, now or datetime.now(UTC))

    modalities = _modalities(reading)
    sites = _sites(reading, places, modalities)
    central = places.central()
    journal = _journal(reading, places, central, file, local_journal)
    method = reading.value("upload_method").choice(_UPLOAD_METHODS, UploadMethod.BUILTIN)
    if method is UploadMethod.AZCLI and central is not None and central.kind is PlaceKind.FOLDER:
        reading.value("upload_method").warn(f"{SCRIPTS_NEED_AZURE} {BY_THE_PROGRAM}")
    mode = reading.value("mode").choice(_MODES, Mode.APPEND)
    page_size, threads = reading.value("page_size").number(1000), reading.value("threads").number(8)
    patience = reading.value("patience").number(PATIENCE_MINUTES)
    exclude, limit = _exclude(reading.value("exclude")), _limit(reading.value("limit"))
    order = _order(reading.value("order"), modalities)
    cluster = _cluster(reading.value("cluster"))
    rules_file, rules_off = read_rules(reading, file.parent)
    report = read_report(reading, file.parent, environ)
    check_sites(reading, sites, central)

    warnings = tuple(findings.warnings)
    cloud = journal.cloud if journal else None
    faults = tuple(fault for fault in findings.in_order() if kept is not not_asked or fault.key.rpartition(".")[2] not in _SECRETS)
    if faults or central is None or journal is None:
        return Checked(file, None, layout, modalities, sites, faults, warnings, central, cloud, exclude, report)
    config = Config(
        file=file,
        layout=layout,
        modalities=modalities,
        mode=mode,
        page_size=page_size,
        threads=threads,
        patience_minutes=patience,
        limit=limit,
        order=order,
        cluster=cluster,
        upload_method=method,
        journal=journal,
        central=central,
        sites=sites,
        warnings=warnings,
        exclude=exclude,
        rules_file=rules_file,
        rules_off=rules_off,
        report=report,
    )
    return Checked(file, config, layout, modalities, sites, (), warnings, central, cloud, exclude, report)


def read_text(file: Path) -> str:
    """The file's text without a byte order mark.  Raises :class:`ConfigError` if it cannot be read.

    Encodings: :func:`~chorus_gui.core.text_files.text_of`.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no configuration file “{file}”.",
            meaning=_NOTHING_STARTED,
            remedy="Use -c to name another file, or create one with “chorus-upload config-help --output config.toml”.",
        ) from error
    except OSError as error:
        why, remedy = refusal(error, file, "Check that it is a file, and that you are allowed to read it.", reading=True)
        raise ConfigError(f"Could not read the configuration file “{file}”: {why}.", meaning=_NOTHING_STARTED, remedy=remedy) from error
    try:
        return text_of(data)
    except NotTextError as error:
        remedy = "Save it again with the encoding “UTF-8”. To create one, use “chorus-upload config-help --output FILE”."
        fault = Fault(file.name, f"The file cannot be read as text: {error}.", remedy, line=error.line)
        raise _error(file, [fault]) from error


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _error(file: Path, faults: Sequence[Fault]) -> ConfigError:
    count = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
    return ConfigError(
        f"The configuration file “{file.name}” has {count}.",
        faults,
        meaning=_NOTHING_STARTED,
        remedy="Fix what is listed here, in the file or on the Configuration page.",
    )


def parse(text: str, file: Path, *, what: str = "configuration") -> Tables:
    """The file as tables.  ``what`` it is, for people.  Raises :class:`ConfigError` with one fault, line and column, for a syntax error."""
    try:
        if len(text) > LONGEST:
            raise MalformedError("a long text")
        tables = toml_tables(text)
        if _entries(tables) > MOST_ENTRIES:
            raise MalformedError("many entries")
        return tables
    except MalformedError as error:
        problem = f"This is not a {what}: it is too long, or has too many keys, too many levels or a number that is too large."
        remedy = "Choose another file, or create one with “chorus-upload config-help”." if what == "configuration" else "Name another file."
        raise _error(file, [Fault(file.name, problem, remedy)]) from error
    except tomllib.TOMLDecodeError as error:
        message = redact(str(error))
        where = re.search(r" \((?:at line (\d+), column (\d+)|at end of document)\)$", message)
        lines = text.removesuffix("\n").split("\n")  # as TOML counts them
        line = int(where[1]) if where and where[1] else max(len(lines), 1)
        at = f" at column {where[2]}" if where and where[2] else ""
        problem = f"The file is not valid TOML{at}: {message[: where.start()] if where else message}."
        remedy = "Write texts in quotes, tables in [brackets], and every key only once."
        if odd := odd_character(lines[line - 1]) if line <= len(lines) else None:
            problem = f"The file is not valid TOML at column {odd.column}: there is {odd.what}."
            remedy = odd.remedy
        elif line <= len(lines) and "\\" in lines[line - 1]:
            remedy = "Write “/” between folders, on Windows too, or put the path in single quotes."
        raise _error(file, [Fault(file.name, problem, remedy, line=line)]) from error


def _entries(tables: Mapping[str, object]) -> int:
    """Keys and elements of lists, at all levels."""
    count, level = 0, [tables]
    while level:
        one = level.pop()
        values = list(one.values())
        while values:
            value = values.pop()
            count += 1
            if isinstance(value, dict):
                level.append(cast("dict[str, object]", value))
            elif isinstance(value, list):
                values.extend(cast("list[object]", value))
    return count


def _modalities(reading: Reading) -> tuple[str, ...]:
    """The modalities in the order in which they are shown."""
    value = reading.value("modalities")
    names = [name.strip() for name in value.text().split(",") if name.strip()]
    for name in names:
        if name not in MODALITIES:
            valid = "Use " + ", ".join(MODALITIES[:-1]) + f" or {MODALITIES[-1]}, in exactly this spelling."
            value.fault(f"{quote(name)} is not a modality.", valid, nearest(name, MODALITIES))
    if not names and isinstance(value.raw, str):
        value.fault("There is no modality.", "Write for example “OMOP,Images,Waveforms”, or remove the key.")
    if not names:
        names = ["OMOP", "Images", "Waveforms"]
    if reading.layout is Layout.NESTED:
        names.append("Metadata")
    return tuple(name for name in MODALITIES if name in names)


def _exclude(value: Value) -> Exclude:
    """The patterns; a fault for each that cannot work, and for what is one pattern but was probably meant as several."""
    kept: list[str] = []
    if isinstance(value.raw, str) and ";" in value.raw:
        problem = "Semicolons do not separate patterns, so the files that it names would be uploaded."
        value.fault(problem, "Write commas between them. For a semicolon in a name, write “?”.")
    if isinstance(value.raw, list) and any("," in text for text in value.texts()):
        problem = "A text of the list has a comma, and is one pattern, so the files that it names would be uploaded."
        value.fault(problem, 'Write each pattern in its own quotes, such as [".DS_Store", "*.tmp"]. For a comma in a name, write “?”.')
    for pattern in value.texts():
        try:
            kept += Exclude.parse([pattern]).patterns
        except PatternError as error:
            value.fault(error.summary, error.remedy)
    return Exclude(tuple(dict.fromkeys(kept)))


def _limit(value: Value) -> Timetable:
    """The bandwidth limit."""
    text = value.text()
    try:
        return parse_limit(text) if text.strip() else FREE
    except UsageError as error:
        value.fault(error.summary, error.remedy)
        return FREE


def _order(value: Value, modalities: Sequence[str]) -> tuple[str, ...]:
    """The modalities in the order in which they are uploaded; empty if the file does not say."""
    text = value.text()
    try:
        return upload_order(text, modalities) if text.strip() else ()
    except UsageError as error:
        value.fault(error.summary, error.remedy)
        return ()


def _cluster(value: Value) -> str:
    """The address of a cluster, "" for none."""
    try:
        return cluster_address(value.text())
    except UsageError as error:
        value.fault(error.summary, error.remedy)
        return ""


def _sites(reading: Reading, places: Places, modalities: tuple[str, ...]) -> dict[str, Site]:
    """The site of every modality that could be resolved; the others have a fault."""
    sites: dict[str, Site] = {}
    for modality in modalities:
        place = places.site(modality)
        versioned = reading.value("site.versioned", modality)
        per_patient = reading.value("site.omop_per_patient", modality)
        value = reading.value("site.pattern", modality)
        is_per_patient = per_patient.flag()
        pattern = _pattern(reading.layout, value, modality, is_per_patient)
        if versioned.flag() and pattern and not pattern.has_version:
            versioned.warn("“versioned” has no effect, because the pattern has no {version}.")
        if place and pattern:
            mapped = reading.layout is Layout.NESTED or value.given or (modality == "OMOP" and is_per_patient)
            sites[modality] = Site(modality, place, pattern, versioned.flag(), is_per_patient, mapped)
    return sites


def _pattern(layout: Layout, value: Value, modality: str, per_patient: bool) -> Pattern | None:
    default = FLAT_DEFAULTS[modality] if layout is Layout.FLAT else DEFAULTS[modality]
    text = value.text() if value.given else OMOP_PER_PATIENT if modality == "OMOP" and per_patient else default
    if not text:
        return None  # not a text, which is a fault already
    try:
        return Pattern.parse(text)
    except PatternError as error:
        value.fault(error.summary, error.remedy)
        return None


def _journal(reading: Reading, places: Places, central: Place | None, file: Path, local_journal: Path | None) -> JournalPlaces | None:
    """The local journal, and the cloud journal.

    A flat file that names a file instead of a blob, and no local path, means that file itself, as the 2024 tool does.  ``file`` is the
    configuration, which a check-out must not replace.
    """
    value = reading.value("journal.path")
    local_value = reading.value("journal.local")
    method = reading.value("journal.upload_method").choice(_UPLOAD_METHODS, UploadMethod.BUILTIN)
    cloud = places.journal()
    if cloud is None:
        if not value.given and (central is None or central.kind is not PlaceKind.FOLDER):
            value.missing("The journal's path is missing.", "Write for example “az://container/journal.db”.")
            return None
        if value.given:
            return None  # a fault already
    text = local_value.text()
    if local_journal is not None:
        local = _absolute(local_journal)
    elif text:
        local = places.local_journal(local_value, text)
    elif cloud is not None and cloud.folder is not None and reading.layout is Layout.FLAT:
        local = places.local_journal(value, cloud.text)
    else:
        name = "journal.db" if cloud is None else cloud.folder.name if cloud.folder else cloud.prefix.rpartition("/")[2]
        local = places.local_journal(local_value, name)
    if os.path.normcase(os.path.abspath(local)) == os.path.normcase(os.path.abspath(file)):  # no drive is asked, which could not answer
        local_value.fault("The local journal would be this configuration file itself.", "Name another file, such as “journal.db”.")
    if cloud is not None and cloud.folder is not None and os.path.normcase(cloud.folder) == os.path.normcase(local):
        cloud = None
    return JournalPlaces(local, cloud, method)
