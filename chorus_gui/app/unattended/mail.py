"""Send a mail about a run through the site's own mail server."""

from __future__ import annotations

import smtplib
import socket
import ssl
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipts import from_json, to_text
from chorus_gui.app.unattended.notifying import mail_lines
from chorus_gui.app.unattended.run_report import RunReport
from chorus_gui.core.config import hosts, keychain
from chorus_gui.core.config.model import MailSettings, SmtpSecurity
from chorus_gui.core.errors import ChorusError, UsageError

TIMEOUT_S = 30.0
"""How long the mail server may take for one answer."""
LONGEST = 500_000
"""Characters of receipts that a mail has."""


class MailError(ChorusError):
    """A mail could not be sent."""


def send(settings: MailSettings, report: RunReport, known: Iterable[str]) -> None:
    """Send the mail about a run.  Raises :class:`ChorusError`; no error has the password."""
    hosts.admit_server(settings.server)
    _deliver(settings, message(settings, report, known), password_of(settings))


def message(settings: MailSettings, report: RunReport, known: Iterable[str]) -> EmailMessage:
    """The mail: numbers, and with ``details`` the receipts of the run."""
    mail = EmailMessage()
    mail["Subject"] = _plain(f"CHoRUS Upload on {report.host}: {report.headline}")
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=settings.sender.partition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    parts = ["\n".join(mail_lines(report, known))]
    if settings.details:
        parts += _receipts(report)
    body = "\n\n".join(parts)[:LONGEST]
    mail.set_content(body.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    return mail


def _receipts(report: RunReport) -> list[str]:
    texts: list[str] = []
    for name in (step.receipt for step in report.steps if step.receipt):
        with suppress(OSError, ValueError, UsageError):
            texts.append(to_text(from_json((receipts_folder() / name).with_suffix(".json").read_text("utf-8"))))
    return texts


def _plain(text: str) -> str:
    """For a header: one line without control characters."""
    return "".join(char for char in text if unicodedata.category(char)[0] != "C")[:200]


def password_of(settings: MailSettings) -> str:
    """That of the file or the environment, otherwise that of the credential store; "" without a user."""
    if not settings.user:
        return ""
    password = settings.password.reveal() or keychain.read(settings.entry)
    if not password:
        raise MailError(
            f"There is no password for “{settings.user}” at the mail server “{settings.server}”.",
            remedy="Keep it with “chorus-upload credential set --place report”, or set CHORUS_UPLOAD_SMTP_PASSWORD.",
        )
    return password


def _deliver(settings: MailSettings, mail: EmailMessage, password: str) -> None:
    where = f"the mail server “{settings.server}” (port {settings.port})"
    try:
        with _connected(settings) as server:
            if settings.security is SmtpSecurity.STARTTLS:
                server.starttls(context=ssl.create_default_context())
            if settings.user:
                server.login(settings.user, password)
            refused = server.send_message(mail, settings.sender, list(settings.to))
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or "it is not trusted"
        raise MailError(
            f"The certificate of {where} is not valid: {why}.",
            meaning="Nothing was sent.",
            remedy="Ask your IT department for the right name and certificate.",
        ) from error
    except smtplib.SMTPAuthenticationError as error:
        raise MailError(
            f"{_capital(where)} does not accept the user or the password (code {error.smtp_code}).",
            remedy="Check smtp_user, and keep the password again.",
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailError(
            f"{_capital(where)} does not offer what the configuration asks for: encryption (STARTTLS), or signing in.",
            meaning="Nothing was sent.",
            remedy="Check smtp_port and smtp_security, or ask your IT department.",
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise MailError(f"{_capital(where)} refuses every receiver.", remedy="Check mail_to.") from error
    except smtplib.SMTPResponseException as error:
        raise MailError(f"{_capital(where)} refused the mail (code {error.smtp_code}).", remedy="Ask your IT department.") from error
    except (smtplib.SMTPException, ssl.SSLError, OSError, UnicodeError) as error:
        why = _why(error)
        raise MailError(f"Could not send through {where}: {why}.", remedy="Check smtp_server, smtp_port and smtp_security.") from error
    if refused:
        raise MailError(f"{_capital(where)} refuses {len(refused):,} of {len(settings.to):,} receivers.", remedy="Check mail_to.")


def _connected(settings: MailSettings) -> smtplib.SMTP:
    name = socket.gethostname().encode("ascii", "ignore").decode() or "localhost"
    if settings.security is SmtpSecurity.TLS:
        return smtplib.SMTP_SSL(settings.server, settings.port, name, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(settings.server, settings.port, name, timeout=TIMEOUT_S)


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it did not answer in time"
        case socket.gaierror():
            return "its name is not known in this network"
        case ssl.SSLError():
            return "no secure connection is possible"
        case smtplib.SMTPServerDisconnected():
            return "it ended the connection"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return type(error).__name__


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
