"""Try the hook and the mail of ``[report]``, before a night needs them."""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.app.status import Status
from chorus_gui.app.unattended import run_report
from chorus_gui.app.unattended.notifying import notify_anyway
from chorus_gui.app.words import plural
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import UsageError
from chorus_gui.core.private import make_folder, write

NAME = "test"
"""The file name of the report; each test replaces the one before it."""


def notify_of_test(config: Config) -> tuple[list[str], list[str]]:
    """Send a test to the hook and by mail: what was done, and what did not work, as sentences.

    Raises :class:`UsageError` if the configuration names no receiver, or the report cannot be written.
    """
    settings = config.report
    if not settings.hook and settings.mail is None:
        raise UsageError(
            "The configuration names no program and no mail address for messages.",
            remedy="Fill in “hook”, or “mail_to” and “smtp_server”, in [report] of the configuration.",
        )
    begun = run_report.begun(config.file, config.file)
    report = replace(begun.ended(Status.DONE), headline="This is a test. Nothing was submitted.", policy_file="")
    file = run_report.reports_folder() / NAME / f"{NAME}.json"
    try:
        make_folder(file.parent)
        write(file, run_report.to_json(report).encode())
        write(file.with_suffix(".html"), run_report.to_html(report).encode())
    except OSError as error:
        raise UsageError(
            f"Could not write {file}: {error.strerror}.", remedy="Make space on the disk, or check the folder's permissions."
        ) from error
    warnings = notify_anyway(config, report, file)
    done: list[str] = []
    if settings.hook and not any(settings.hook[0] in warning for warning in warnings):
        done.append(f"The program “{settings.hook[0]}” was started.")
    if settings.mail is not None and not any(warning.startswith("The mail") for warning in warnings):
        done.append(f"A mail was sent to {plural(len(settings.mail.to), 'receiver')} through {settings.mail.server}.")
    return done, warnings
