"""The support bundle: what a helper needs to see, in one ZIP file.

It never contains a secret; and, unless the person says so, no patient ID and no path or name of a site's file: examples are left out,
and each message of a log is cut before the first word that could be a name.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import tomli_w

from chorus_gui import __version__
from chorus_gui.app.doctor.examine import examine, to_text
from chorus_gui.app.outputs import check_output
from chorus_gui.core import private
from chorus_gui.core.config.hosts import Host, is_account
from chorus_gui.core.config.keys import Key, Kind, dotted_keys
from chorus_gui.core.config.load import load, load_without_credentials
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.reading import detect_layout
from chorus_gui.core.errors import ConfigError, JournalError, UsageError
from chorus_gui.core.folders import log_folder
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import MODALITIES, Finding
from chorus_gui.core.redact import MASK, redact
from chorus_gui.core.refused import refusal
from chorus_gui.core.untrusted import toml_tables

LOG_BYTES = 2_000_000
"""The end of each log file."""
PACKAGES = (
    "PySide6-Essentials",
    "azure-storage-blob",
    "azure-identity",
    "azure-core",
    "msal",
    "cryptography",
    "botocore",
    "google-auth",
    "filelock",
    "jinja2",
    "truststore",
    "wakepy",
)
_TABLE = re.compile(r"\[\[?\s*([A-Za-z_.]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_]+)\s*=(?!=)")
_QUOTED = re.compile("“[^”]*”")
_CONTAINER = re.compile(r"[a-z0-9$-]{0,63}")
_LOOKS_SECRET = re.compile(r"(?=[A-Za-z0-9+/]*[0-9])(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])[A-Za-z0-9+/]{40,}={0,2}")
"""A key or a token that was pasted in place of a path."""
_FRAME = re.compile(r'^\s+File "([^"]*)", line (\d+), in (\S+)')
_LOGGED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ [A-Z]+ [\w.]+:) ?(.*)")
_ERROR = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Warning|Cancelled|Interrupt|Timeout))(?::|$)")
_COULD_BE_A_NAME = re.compile(r"[^A-Za-z,;:()-]|[a-z][A-Z]|\w[-(]")
CUT = "…"


def write_bundle(file: Path, config: Path | None, ctx: JobContext, *, with_paths: bool = False) -> tuple[str, ...]:
    """Write the bundle, for this user alone, completely or not at all; the names in it.  ``config`` is the open configuration file.

    Raises :class:`UsageError` if it cannot be written, would replace a file that is not a support bundle, or would be submitted.
    """
    if config is not None:
        with suppress(ConfigError):  # a configuration with problems is a reason for a bundle
            check_output(load_without_credentials(config), file)
    try:
        if file.is_file() and file.stat().st_size and not _is_bundle(file):
            raise UsageError(
                f"“{file}” exists already, and is not a support bundle.", meaning="It was not changed.", remedy="Name another file."
            )
        with (
            private.replacing(file) as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle,
        ):
            for name, text in _contents(config, ctx, with_paths):
                ctx.checkpoint()
                bundle.writestr(name, _LOOKS_SECRET.sub(MASK, redact(text)))
            names = tuple(bundle.namelist())
    except OSError as error:
        why, remedy = refusal(error, file, "Choose another folder.")
        raise UsageError(f"Could not write {file}: {why}.", remedy=remedy) from error
    return names


def _is_bundle(file: Path) -> bool:
    """A support bundle begins with ``about.txt``; the ZIP file of a site, or an Excel file, does not."""
    try:
        with zipfile.ZipFile(file) as found:
            return found.namelist()[:1] == ["about.txt"]
    except zipfile.BadZipFile:
        return False


def _contents(config: Path | None, ctx: JobContext, with_paths: bool) -> Iterator[tuple[str, str]]:
    yield "about.txt", about()
    if config is not None:
        yield "config.toml", config_text(config)
        yield "journal.txt", journal_text(config, with_paths=with_paths)
        yield "doctor.txt", to_text([_unquoted(found) for found in examine(config, ctx)], examples=with_paths)
    for log in sorted(log_folder().glob("*.log*")):
        lines = _tail(log)
        yield f"logs/{log.name}", "\n".join(lines if with_paths else without_names(lines))


def _unquoted(found: Finding) -> Finding:
    """A finding about the configuration file without what it quotes: anything can be pasted into any key."""
    return replace(found, what=_QUOTED.sub(f"“{CUT}”", found.what)) if found.subject == "Configuration" else found


def about() -> str:
    """Versions of the program, its libraries, and the system."""
    lines = [
        f"CHoRUS Upload {__version__}",
        f"Python {sys.version}",
        platform.platform(),
        f"installed program: {getattr(sys, 'frozen', False)}",
    ]
    for package in PACKAGES:
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return "\n".join(lines)


def config_text(file: Path) -> str:
    """The configuration as far as it is known to be harmless: keys of the program, and values of keys that cannot hold a secret.

    Of a file that is not valid TOML only the names of known keys and tables are shown, never other text.
    """
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return f"Could not be read: {type(error).__name__}"
    try:
        tables = toml_tables(text)
    except ValueError:
        return "\n".join(["# not valid TOML; only known names are shown", *_names(text)])
    layout = detect_layout(tables)
    return tomli_w.dumps(_harmless(tables, "", dotted_keys(layout)))


def _names(text: str) -> Iterator[str]:
    """The known tables and keys of a file that is not TOML, a line each, in their order."""
    dotted = {*dotted_keys(Layout.FLAT), *dotted_keys(Layout.NESTED)}
    keys = {name.rpartition(".")[2] for name in dotted}
    tables = {name.rpartition(".")[0] for name in dotted}
    tables |= {table.rpartition(".")[0] for table in tables}
    for line in text.splitlines():
        if (table := _TABLE.fullmatch(line.strip())) and table[1] in tables:
            yield f"[{table[1]}]"
        elif (key := _KEY.match(line)) and key[1] in keys:
            yield f"{key[1]} = {CUT}"


def _harmless(table: dict[str, Any], above: str, known: Mapping[str, Key]) -> dict[str, Any]:
    """The table with dots for every value that is not known to be harmless, and for every name that is not known."""
    out: dict[str, Any] = {}
    for number, (name, value) in enumerate(table.items(), 1):
        dotted = f"{above}.{name}" if above else name
        key = known.get(dotted)
        if key is None and not any(other.startswith(dotted + ".") for other in known):
            out[f"unknown {number}"] = CUT
        elif isinstance(value, dict):
            out[name] = _harmless(cast("dict[str, Any]", value), dotted, known)
        else:
            out[name] = _shown(key, value)
    return out


def _shown(key: Key | None, value: object) -> object:
    """The value of a known key, if it has the form that this key takes; otherwise dots."""
    if key is None or key.kind is Kind.SECRET:
        return MASK
    if isinstance(value, bool) or (isinstance(value, int) and key.kind is Kind.NUMBER):
        return value
    if not isinstance(value, str):
        return CUT
    name = key.meaning.rpartition(".")[2]
    if key.kind is Kind.CHOICE:
        return value if value in (*key.choices, "") else CUT
    if key.kind is Kind.MODALITIES:
        return value if all(part.strip() in MODALITIES for part in value.split(",")) else CUT
    if name == "azure_account_url":
        address = value.partition("?")[0]
        return address if Host.of_url(address) is not None else CUT
    if name == "azure_account_name":
        return value if is_account(value) else CUT
    if key.kind in (Kind.PATH, Kind.PATTERN):
        address = value.partition("?")[0] if "://" in value else value
        return address if redact(address) == address and not _LOOKS_SECRET.search(address) else CUT
    return value if _CONTAINER.fullmatch(value) else CUT


def journal_text(config: Path, *, with_paths: bool) -> str:
    """Counts, and what the check found."""
    try:
        local = load(config).journal.local
        with Journal.open(local, readonly=True) as journal:
            lines = [f"format {journal.schema}, {local.stat().st_size:,} bytes", ""]
            lines.append("version  modality  files  pending  replaced or deleted  last upload")
            lines += [f"{c.version}  {c.modality}  {c.active}  {c.pending}  {c.closed}  {c.last_upload or '-'}" for c in journal.counts()]
            for found in journal.check():
                lines += ["", found.text, *(f"  {example}" for example in (found.examples if with_paths else ()))]
    except ConfigError:
        return "The configuration has problems."
    except JournalError as error:
        return str(error) if with_paths else type(error).__name__
    return "\n".join(lines)


def without_names(lines: Iterable[str]) -> Iterator[str]:
    """A log's lines without what could name a patient or a file.

    Kept are time, level and source, the first words of a message, the places in the program of a traceback, and the kind of an error.
    """
    source_follows = False
    for line in lines:
        if logged := _LOGGED.match(line):
            yield f"{logged[1]} {first_words(logged[2])}"
        elif frame := _FRAME.match(line):
            yield f"  {Path(frame[1].replace(chr(92), '/')).name}:{frame[2]} in {frame[3]}"
        elif error := _ERROR.match(line):
            yield error[1]
        elif source_follows or line.startswith("Traceback "):
            yield line
        source_follows = _FRAME.match(line) is not None


def first_words(message: str) -> str:
    """A message up to the first word that could be a name: one with digits, dots, quotes, slashes, or after “patient”."""
    kept: list[str] = []
    for word in message.split():
        if _COULD_BE_A_NAME.search(word.removesuffix(".")):
            return " ".join([*kept, CUT])
        kept.append(word)
        if word.casefold().strip(",:;") == "patient":
            return " ".join([*kept, CUT])
    return " ".join(kept)


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(size - LOG_BYTES, 0))
            text = opened.read().decode("utf-8", "replace")
    except OSError as error:
        return [f"Could not be read: {type(error).__name__}"]
    lines = text.splitlines()
    return lines[1:] if size > LOG_BYTES else lines
