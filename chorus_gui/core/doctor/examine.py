"""All the checks, in the order in which a person would make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chorus_gui.core.config.load import load
from chorus_gui.core.doctor import computer, configuration, credentials, journal, leftovers, site, store
from chorus_gui.core.doctor.model import Case, Check, Finding, Severity
from chorus_gui.core.errors import ChorusError, ConfigError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.azure.login import Login

CHECKS: tuple[tuple[str, Check], ...] = (
    ("Configuration", configuration.check_file),
    ("Site", site.check_folders),
    ("Site", store.check_sources),
    ("Journal", journal.check_file),
    ("Journal", journal.check_rows),
    ("Credentials", credentials.check_expiry),
    ("Central store", store.check_central),
    ("Cloud journal", store.check_journal),
    ("Clock", computer.check_year),
    ("Clock", journal.check_clock),
    ("This computer", computer.check_space),
    ("This computer", computer.check_long_paths),
    ("Leftovers", leftovers.check_reviews),
    ("Leftovers", leftovers.check_copies),
)


def examine(file: Path, ctx: JobContext, login: Login | None = None) -> list[Finding]:
    """Look at everything that the configuration ``file`` is about.  Raises ``Cancelled`` alone: a check that fails is a finding."""
    try:
        config = load(file)
    except ConfigError:
        config = None
    case = Case(file, config, ctx, login)
    ctx.progress.begin("examine")
    out: list[Finding] = []
    for subject, check in CHECKS:
        ctx.checkpoint()
        ctx.progress.note(subject)
        try:
            out += check(case)
        except ChorusError as error:
            out.append(Finding(Severity.BAD, subject, error.what, error.meaning, error.remedy))
        except OSError as error:
            out.append(Finding(Severity.BAD, subject, f"It could not be looked at: {error}.", remedy="Look whether the disk can be read."))
    return out


def healthy(found: Iterable[Finding]) -> bool:
    """Nothing is bad."""
    return all(finding.severity is not Severity.BAD for finding in found)


def grouped(found: Sequence[Finding]) -> dict[Severity, list[Finding]]:
    """The worst first; severities that nothing has are left out."""
    return {severity: group for severity in Severity if (group := [f for f in found if f.severity is severity])}


def to_text(found: Sequence[Finding], *, examples: bool = True) -> str:
    """For people.  Without ``examples`` no path of a patient's file is in it."""
    headings = {Severity.BAD: "What has to be mended", Severity.WARNING: "What wants to be looked at", Severity.GOOD: "What is well"}
    lines: list[str] = []
    for severity, group in grouped(found).items():
        lines += [headings[severity], "-" * len(headings[severity])]
        for finding in group:
            lines.append(f"{finding.subject}: {finding.what}")
            lines += [f"    {text}" for text in (finding.why, finding.remedy) if text]
            lines += [f"      {example}" for example in (finding.examples if examples else ())]
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def to_data(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "severity": f.severity.value,
            "subject": f.subject,
            "what": f.what,
            "why": f.why,
            "remedy": f.remedy,
            "examples": list(f.examples),
        }
        for f in found
    ]
