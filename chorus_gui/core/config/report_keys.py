"""The ``[report]`` table: who gets a message when an unattended run ends, and how."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from chorus_gui.core.config.credentials import Origin, Secret
from chorus_gui.core.config.hosts import Host
from chorus_gui.core.config.keys import RESULTS, nearest
from chorus_gui.core.config.model import MailSettings, ReportSettings, SmtpSecurity
from chorus_gui.core.config.reading import Reading, Value, quote

PASSWORD_VARIABLE = "CHORUS_UPLOAD_SMTP_PASSWORD"  # noqa: S105 - the name of a variable
LONGEST_S = 3600
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?", re.ASCII)


def read_report(reading: Reading, base: Path, environ: Mapping[str, str]) -> ReportSettings:
    """Who gets a message; faults for what cannot be used.  The credential store is not asked: that is done when a mail is sent.

    ``base`` is the configuration file's folder, where a relative path of the hook begins: a scheduler starts it in any folder.
    """
    seconds = reading.value("report.hook_seconds")
    limit = seconds.number(60)
    if limit > LONGEST_S:
        seconds.fault(f"The number is too large; the largest is {LONGEST_S:,}.", "Write a smaller one, for example 60.")
    hook = _hook(reading.value("report.hook").texts(), base)
    return ReportSettings(_when(reading.value("report.when")), hook, float(limit), _mail(reading, environ))


def _hook(words: tuple[str, ...], base: Path) -> tuple[str, ...]:
    """A program and its arguments.  A name without a folder is looked up by the system."""
    if not words or os.path.basename(words[0]) == words[0]:
        return words
    return (os.path.normpath(base / words[0]), *words[1:])


def _when(value: Value) -> tuple[str, ...]:
    if not value.given:
        return RESULTS
    names = value.texts()
    for name in names:
        if name not in RESULTS:
            value.fault(f"{quote(name)} is not valid.", "Use done, stopped or failed, separated by commas.", nearest(name, RESULTS))
    return tuple(name for name in RESULTS if name in names)


def _mail(reading: Reading, environ: Mapping[str, str]) -> MailSettings | None:
    """None: no mail is sent."""
    to, server = reading.value("report.mail_to"), reading.value("report.smtp_server")
    sender, user, password = (reading.value(f"report.{name}") for name in ("mail_from", "smtp_user", "smtp_password"))
    security = reading.value("report.smtp_security").choice({one.value: one for one in SmtpSecurity}, SmtpSecurity.STARTTLS)
    details = reading.value("report.mail_details").choice({"counts": False, "receipt": True}, default=False)
    port = reading.value("report.smtp_port").number(security.port)
    addresses = _addresses(to)
    writer = _addresses(sender)
    if len(writer) > 1:
        sender.fault("There can be only one sender.", "Write for example “chorus@hospital.org”.")
    text = server.text()
    host = Host.of_name(text) if text else None
    if text and host is None:
        server.fault(f"{quote(text)} is not the name of a server.", "Write for example “mail.hospital.org”.")
    if to.given and not server.given:
        to.fault("There is no mail server.", "Add smtp_server, for example “mail.hospital.org”.")
    if password.given:
        password.warn("The password can be read in this file. Run “chorus-upload credential set --place report”, and remove the key here.")
    if port > 65535:
        reading.value("report.smtp_port").fault(f"{port} is not a port.", "Write a number up to 65535, for example 587.")
    if host is not None and user.given and security is SmtpSecurity.NONE and not host.is_loopback:
        user.fault("Without encryption, everybody on the network could read the password.", "Set smtp_security to “starttls” or “tls”.")
    secret = password.text() or environ.get(PASSWORD_VARIABLE, "").strip()
    origin = Origin.FILE if password.text() else Origin.ENVIRONMENT
    if host is None or not addresses:
        return None
    return MailSettings(addresses, (writer or addresses)[0], host.name, port, security, user.text(), Secret(secret), details, origin)


def _addresses(value: Value) -> tuple[str, ...]:
    found = value.texts()
    for address in found:
        if not _ADDRESS.fullmatch(address):
            value.fault(f"{quote(address)} is not a mail address.", "Write for example “data@hospital.org”.")
    return found
