"""The configuration file."""

from __future__ import annotations

from collections.abc import Iterator

from chorus_gui.app.doctor.model import Case
from chorus_gui.core.config.load import load
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.model import Finding, Grade

SUBJECT = "Configuration"


def check_file(case: Case) -> Iterator[Finding]:
    """Every problem and every warning of it."""
    try:
        config = load(case.file)
    except ConfigError as error:
        why = "Without a valid configuration, nothing can be submitted."
        if not error.faults:
            yield Finding(Grade.BAD, SUBJECT, error.what, why, error.remedy)
        for fault in error.faults:
            where = f"{fault.key} (line {fault.line})" if fault.line else fault.key
            hint = f" Did you mean “{fault.suggestion}”?" if fault.suggestion else ""
            yield Finding(Grade.BAD, SUBJECT, f"{where}: {fault.problem}{hint}", why, fault.remedy)
        return
    for warning in config.warnings:
        yield Finding(
            Grade.WARNING,
            SUBJECT,
            warning,
            "The file is valid, but this setting probably does not do what you expect.",
            "Correct it on the Configuration page.",
        )
    if not config.warnings:
        yield Finding(Grade.GOOD, SUBJECT, f"{case.file.name} is valid.")
