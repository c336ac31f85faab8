"""What a command works on: the configuration, the journal, the store, and the line in the journal's history."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chorus_gui.cli.main import config_file
from chorus_gui.cli.report import Report
from chorus_gui.cli.sign_in import sign_in
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.custody.session import Session, session
from chorus_gui.core.errors import StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.open import Sources, open_source, open_store
from chorus_gui.core.submission.history import HistoryLine, in_history
from chorus_gui.core.submission.log import RunLog
from chorus_gui.core.submission.work import Work

WAIT_FOR_JOURNAL = 10.0
"""Seconds that a command waits for another one that works on the journal."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A configuration and its open journal."""

    config: Config
    journal: Journal


def load_config(args: argparse.Namespace, report: Report) -> Config:
    """The configuration; its warnings are said."""
    local = getattr(args, "local_journal", None)
    config = load(config_file(args), local_journal=Path(local) if local else None)
    for warning in config.warnings:
        report.warn(warning)
    believe_system(args, config)
    return config


def believe_system(args: argparse.Namespace, config: Config) -> None:
    """Verify TLS against the system's trust store, where a cloud is spoken to and this process is the program's own."""
    places = (config.central, config.journal.cloud, *(site.place for site in config.sites.values()))
    if getattr(args, "own_process", False) and any(place is not None and place.kind is PlaceKind.AZURE for place in places):
        from chorus_gui.core.storage.azure.trust import use_system_trust

        use_system_trust()  # not for a folder: what it imports tries a socket out


@contextmanager
def open_journal(
    args: argparse.Namespace, report: Report, ctx: JobContext, *, write: bool, create: bool = False, params: str = "", dest: bool = False
) -> Iterator[Workplace]:
    """Open the journal for one command; one that writes enters itself into the journal's history, without secrets."""
    config = load_config(args, report)
    name = command_name(args)
    with ExitStack() as stack:
        local = config.journal.local
        if getattr(args, "local_journal", None) is None:  # else that file is worked on, and nothing is checked out or in
            work = stack.enter_context(told_session(config, report, ctx, name, write=write))
            local = work.journal
        if create and not write and not local.exists():  # a look at a site whose journal has not begun
            local = Path(stack.enter_context(TemporaryDirectory())) / local.name
            Journal.open(local, create=True).close()
        journal = stack.enter_context(
            Journal.open(local, create=create and write, readonly=not write, wait=WAIT_FOR_JOURNAL, purpose=name, ctx=ctx)
        )
        if not write:
            yield Workplace(config, journal)
            return
        common = f"{'--verbose ' if args.verbose else ''}--config {args.config or 'config.toml'}"
        with in_history(journal, config, HistoryLine(name, params, common, dest)):
            yield Workplace(config, journal)


@contextmanager
def told_session(config: Config, report: Report, ctx: JobContext, purpose: str, *, write: bool) -> Iterator[Session]:
    """The journal checked out for one command, or the check-out that the user holds; what custody has to say is said."""
    told = 0
    with session(config, ctx, purpose=purpose, write=write, wait=WAIT_FOR_JOURNAL, sign_in=sign_in()) as work:
        for note in work.notes:
            report.note(note)
        told = len(work.notes)
        yield work
    for note in work.notes[told:]:
        report.note(note)


@contextmanager
def journal_file(args: argparse.Namespace, report: Report, ctx: JobContext) -> Iterator[Path]:
    """The journal's file for a command that replaces it as a whole, checked out where it lives in the cloud."""
    with told_session(load_config(args, report), report, ctx, command_name(args), write=True) as work:
        yield work.journal


@contextmanager
def working(place: Workplace, ctx: JobContext, log: RunLog | None = None) -> Iterator[Work]:
    """What the steps of a submission work on, with the site's sources, which are closed afterwards."""
    with closing(Sources(place.config, open_source)) as sources:
        yield Work(place.config, place.journal, ctx, sources, log or RunLog())


@contextmanager
def central_store(config: Config) -> Iterator[Store]:
    """The central store, closed afterwards."""
    with closing(open_store(config.central, sign_in=sign_in())) as store:
        yield store


@contextmanager
def optional_store(config: Config) -> Iterator[Store | None]:
    """The central store for looking only; None if it cannot be opened, for then nothing needs it."""
    try:
        store = open_store(config.central, sign_in=sign_in())
    except StoreError as error:
        logging.getLogger("chorus").warning("the central store was not looked at: %s", error)
        yield None
        return
    with closing(store):
        yield store


def command_name(args: argparse.Namespace) -> str:
    """ "journal update", as the history names it."""
    return " ".join(part for part in (args.command, getattr(args, "subcommand", None)) if part)


def params_text(args: argparse.Namespace, *names: str) -> str:
    """The options that were given, as they would be typed: "--version 20250101000000"."""
    parts: list[str] = []
    for name in names:
        value = getattr(args, name, None)
        option = "--" + name.replace("_", "-")
        if value is True:
            parts.append(option)
        elif value not in (None, False):
            parts.append(f"{option} {value}")
    return " ".join(parts)


def modality_list(args: argparse.Namespace) -> Sequence[str] | None:
    """The modalities of ``--modalities A,B``, or None."""
    text = getattr(args, "modalities", None)
    return [part.strip() for part in text.split(",") if part.strip()] if text else None
