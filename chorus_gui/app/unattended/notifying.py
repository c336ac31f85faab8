"""Tell people how an unattended run ended: a program of the site (the hook) and a mail.  What fails here is only a warning."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from chorus_gui.app.unattended.run_report import COLUMNS, HEADINGS, RunReport, facts, recorded
from chorus_gui.core.config.model import Config, ReportSettings
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.redact import redact

_log = logging.getLogger("chorus")
_SECRET_VARIABLES = re.compile(
    r"(?i)^(AZURE_|AWS_|GOOGLE_|CHORUS_UPLOAD_SMTP)|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|CONNECTION_STRING"
    r"|(^|_)SAS(_|$)|(API|ACCESS|ACCOUNT|PRIVATE|STORAGE)_?KEY"
)
_BY_CMD = (".bat", ".cmd")
"""Windows runs these with cmd, whose rules for arguments nobody can quote for; they read the environment."""
OUTPUT = 500
"""Characters of a hook's output that the log has if it fails."""
PRINTED = 100_000_000
"""Bytes that a hook may print: they are kept in a temporary file until it ends."""
LOOK_S = 0.2
"""Seconds between two looks at how much a hook has printed."""


def notify(config: Config, report: RunReport, file: Path) -> list[str]:
    """Start the hook and send the mail, if this end is one that is reported.  Sentences about what did not work.

    ``file`` is the report's JSON.  Raises nothing that can be expected.
    """
    return notify_anyway(config, report, file) if report.result.value in config.report.when else []


def notify_anyway(config: Config, report: RunReport, file: Path) -> list[str]:
    """As :func:`notify`, whatever the end."""
    settings = config.report
    warnings: list[str] = []
    if settings.hook:
        warnings += _warning(f"The program “{settings.hook[0]}” failed", _hook(settings, report, file, config.file.parent))
    if settings.mail is not None:
        from chorus_gui.app.unattended.mail import send

        try:
            send(settings.mail, report, known_names(config, file))
        except ChorusError as error:
            warnings += _warning("The mail about this run was not sent", str(error))
    return warnings


def check_messages(config: Config) -> None:
    """Raise :class:`ChorusError` if the mail server would be refused at night: nobody has confirmed it, or a policy forbids it."""
    from chorus_gui.core.config.hosts import admit_server

    if config.report.mail is not None:
        admit_server(config.report.mail.server)


def _warning(what: str, why: str) -> list[str]:
    if not why:
        return []
    text = f"{what}. {redact(why)}"
    _log.warning("%s", text)
    return [text]


def known_names(config: Config, file: Path) -> frozenset[str]:
    """Names that a mail may have, whatever it hides: places of the configuration and the report's own."""
    places = [*(place.place.text for place in config.places()), str(config.journal.local), str(config.file), str(file)]
    return frozenset([*places, str(file.with_suffix(".html")), config.file.name, *(report_name(name) for name in places)])


def report_name(text: str) -> str:
    """A path as sentences may also have it."""
    return text.replace("\\", "/")


# --- the hook --------------------------------------------------------------------------------------------------------------


def _hook(settings: ReportSettings, report: RunReport, file: Path, folder: Path) -> str:
    """Start the hook in the folder of the configuration and wait for it; why it failed, or ""."""
    status = "" if report.status is None else str(report.status)
    by_cmd = sys.platform == "win32" and settings.hook[0].lower().endswith(_BY_CMD)
    command = [*settings.hook] if by_cmd else [*settings.hook, str(file), status]
    given = {"CHORUS_REPORT": str(file), "CHORUS_STATUS": status, "CHORUS_RESULT": report.result.value}
    try:
        with tempfile.TemporaryFile() as output:
            return _started(command, {**_harmless(os.environ), **given}, settings.hook_seconds, output.fileno(), folder)
    except (OSError, ValueError) as error:
        return f"It could not be started: {getattr(error, 'strerror', None) or error}."


def _started(command: list[str], environment: dict[str, str], seconds: float, output: int, folder: Path) -> str:
    process = subprocess.Popen(  # noqa: S603 - the site's own program, with its arguments as a list and no shell
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        start_new_session=sys.platform != "win32",
        close_fds=True,
    )
    try:
        code = _waited(process, seconds, output)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"It did not end within {seconds:.0f} seconds, and was stopped."
    except OverflowError:
        _end(process)
        return f"It printed more than {PRINTED // 1_000_000} MB, and was stopped."
    except BaseException:
        _end(process)
        raise
    if code == 0:
        return ""
    with suppress(OSError):
        os.lseek(output, max(0, os.lseek(output, 0, os.SEEK_END) - 4 * OUTPUT), os.SEEK_SET)
        said = os.read(output, 4 * OUTPUT).decode("utf-8", "replace")[-OUTPUT:]
        _log.warning("the hook said: %s", redact(said))
    return f"It ended with exit status {code}. The log has the end of its output."


def _waited(process: subprocess.Popen[bytes], seconds: float, output: int) -> int:
    """The exit status.  Raises :class:`subprocess.TimeoutExpired`, and :class:`OverflowError` for output that would fill the disk."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        try:
            return process.wait(max(0.0, min(left, LOOK_S)))
        except subprocess.TimeoutExpired:
            if os.fstat(output).st_size > PRINTED:
                raise OverflowError from None
            if left <= LOOK_S:
                raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a hook and what it started."""
    with suppress(OSError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what could be a credential."""
    return {name: value for name, value in environment.items() if not _SECRET_VARIABLES.search(name)}


# --- what a mail says ------------------------------------------------------------------------------------------------------

_QUOTED = re.compile(r"“([^”]*)”")
_COMMAND = re.compile(r"(chorus-upload|journal|file|credential|hold|submit|--)[ a-z-]*[a-z]")
HIDDEN = "…"


def without_names(text: str, known: Iterable[str]) -> str:
    """A sentence in which names from outside are hidden: what is in quotes, and what looks like a path or a name with digits.

    ``known`` names stay, and so do commands of this program.
    """
    names = sorted((name for name in known if len(name) > 3), key=len, reverse=True)
    kept: list[str] = []

    def keep(name: str) -> str:
        kept.append(name)
        return f"\0{len(kept) - 1}\0"

    for name in names:
        text = text.replace(name, keep(name)) if name in text else text
    text = _QUOTED.sub(
        lambda found: found[0] if _COMMAND.fullmatch(found[1]) or re.fullmatch("\0\\d+\0", found[1]) else f"“{HIDDEN}”", text
    )
    words = [HIDDEN if re.search(r"[/\\]|\.\w*[A-Za-z]\w*\b", word.strip(".,;:()")) else word for word in text.split(" ")]
    return re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], " ".join(words))


def mail_lines(report: RunReport, known: Iterable[str]) -> list[str]:
    """The body of a mail: counts and places, and no name of a file or a patient."""
    names = frozenset(known)
    lines = [report.headline, ""]
    lines += [f"{name + ':':<15}{value}" for name, value in facts(report) if name != "Policy"]
    if counts := recorded(report):
        said: dict[str, str] = dict(zip(COLUMNS, HEADINGS, strict=True))
        lines.append(f"{'Recorded:':<15}{', '.join(f'{count:,} {said[kind]}' for kind, count in counts.items())}")
    if report.policy is not None:
        lines.append(f"{'Policy:':<15}“{report.policy.name}”, SHA-256 {report.policy.sha256}")
    if report.error is not None:
        problem = " ".join(part for part in report.error if part)
        lines += ["", "What happened:", f"  {without_names(problem, names)}"]
    if report.rules:
        lines += ["", "Rules of the policy that are not met:", *(f"  {rule.rule}: {rule.text}" for rule in report.rules)]
    if report.steps:
        lines += ["", "Steps:", *(f"  {step.name}: exit status {step.status}" for step in report.steps)]
    return [*lines, "", "The report and the receipts on that computer name the files."]
