"""All checks, in the order in which a person would make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.doctor import computer, configuration, credentials, journal, leftovers, places, proxy, site, submission
from chorus_gui.app.doctor.model import Case, Check
from chorus_gui.app.words import plural
from chorus_gui.core.config.load import load
from chorus_gui.core.errors import ChorusError, ConfigError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.shown import one_line

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login

CHECKS: tuple[tuple[str, Check], ...] = (
    ("Configuration", configuration.check_file),
    ("Site", places.check_sources),
    ("Site", site.check_folders),
    ("Site", site.check_online_only),
    ("Journal", journal.check_file),
    ("Journal", journal.check_history),
    ("Journal", journal.check_rows),
    ("Submission", submission.check_status),
    ("Receipts", submission.check_receipts),
    ("Credentials", credentials.check_expiry),
    ("Credentials", credentials.check_rights),
    ("Central store", places.check_central),
    ("Cloud journal", places.check_journal),
    ("Clock", computer.check_year),
    ("Clock", journal.check_clock),
    ("This computer", computer.check_space),
    ("This computer", computer.check_long_paths),
    ("This computer", proxy.check_proxy_choice),
    ("This computer", computer.check_policy),
    ("This computer", computer.check_private_files),
    ("Leftovers", leftovers.check_reviews),
    ("Leftovers", leftovers.check_copies),
)


def examine(file: Path, ctx: JobContext, login: Login | None = None) -> list[Finding]:
    """Check everything that the configuration ``file`` names.  Raises only ``Cancelled``: a check that fails is a finding."""
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
            out.append(Finding(Grade.BAD, subject, error.what, error.meaning, error.remedy))
        except OSError as error:
            out.append(Finding(Grade.BAD, subject, f"Could not be checked: {error}.", remedy="Check that the disk can be read."))
    return out


def healthy(found: Iterable[Finding]) -> bool:
    """There is no problem."""
    return all(finding.grade is not Grade.BAD for finding in found)


HEADINGS = {Grade.BAD: "Problems", Grade.WARNING: "Warnings", Grade.INFO: "Information", Grade.GOOD: "OK"}
"""Of the groups that :func:`grouped` makes."""


def grouped(found: Sequence[Finding]) -> dict[Grade, list[Finding]]:
    """The worst first; grades without findings are left out."""
    return {grade: group for grade in Grade if (group := [f for f in found if f.grade is grade])}


def to_text(found: Sequence[Finding], *, examples: bool = True) -> str:
    """For people.  Without ``examples`` no path of a patient's file is in it."""
    lines: list[str] = []
    for severity, group in grouped(found).items():
        lines += [HEADINGS[severity], "-" * len(HEADINGS[severity])]
        for finding in group:
            lines.append(one_line(f"{finding.subject}: {finding.what}"))
            lines += [f"    {one_line(text)}" for text in (finding.why, finding.remedy) if text]
            lines += [f"      {one_line(example)}" for example in (finding.examples if examples else ())]
        lines.append("")
    problems = sum(finding.grade is Grade.BAD for finding in found)
    lines.append(f"{plural(problems, 'problem')} to fix." if problems else "No problems.")
    return "\n".join(lines)


def to_data(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "severity": f.grade.value,
            "subject": f.subject,
            "what": f.what,
            "why": f.why,
            "remedy": f.remedy,
            "examples": list(f.examples),
        }
        for f in found
    ]
