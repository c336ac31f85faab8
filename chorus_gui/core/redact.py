"""The one place that knows what a secret looks like.

Every text that a person may see or keep (log lines, reports, command history, exception texts) goes through :func:`redact`.
"""

from __future__ import annotations

import logging
import re

from chorus_gui.core.shown import unhidden

MASK = "••••"
_RECORD = re.compile(r"(\n)(?=\d{4}-\d\d)")

_SPACE = r"(?:[\s\u200b-\u200f\u2060\ufeff]|%(?:25)*+20)*+"
_EQUALS = r"(?:[=\uff1d]|%(?:25)*+3d|\\u003d|\\x3d|&#(?:61|x3d);?|&equals;)"
_QUOTE = r"\\*+[\"']?+"
_SIG = (
    r"(?:(?<![A-Za-z])|%(?:25)*+(?:26|3f)|\\(?:[abefnrtv0]|x[0-9a-f]{2}|u[0-9a-f]{4}))"
    r"(?:s|%(?:25)*+[57]3)(?:i|%(?:25)*+[46]9)(?:g|%(?:25)*+[46]7)"
)
"""The name of a signature, percent-encoded or not; also after "\\n" and the like."""

_PERCENT_QUOTE = rf"(?:%(?:25)*+22|{_QUOTE})"
_AWS_NAME = r"(?:secret[_ -]?access[_ -]?key|(?:session|security|bearer|access|refresh)[_ -]?token|client[_ -]?secret)"
"""Names of secrets as AWS's tools, services and headers write them: SecretAccessKey, secret_access_key, x-amz-security-token."""

_SECRETS = (
    # a SAS signature, in a URL or alone, with "=" as URLs, JSON or HTML can write it
    re.compile(rf"(?i)({_SIG}{_EQUALS})[^&\s\"'<>,;)]+"),
    # the same in quotes, in JSON or Python, after a colon or a space; long enough not to be a word
    re.compile(rf"(?i)({_SIG}{_QUOTE}{_SPACE}(?:{_EQUALS}|[:,]){_SPACE}{_QUOTE}{_SPACE})[A-Za-z0-9+/%_=-]{{16,}}"),
    # connection strings and TOML or JSON assignments of credentials
    re.compile(rf"(?i)((?:AccountKey|SharedAccessSignature){_QUOTE}{_SPACE}{_EQUALS}{_SPACE}{_QUOTE})[^;\s\"']+"),
    re.compile(rf"(?i)((?:AccountKey|SharedAccessSignature){_QUOTE}{_SPACE}[:,]{_SPACE}{_QUOTE})[A-Za-z0-9+/%_=?&.-]{{16,}}"),
    re.compile(
        r"(?i)((?:azure_)?(?:sas_token|(?:account|storage)_key|storage_connection_string|connection_string)\\*+[\"']?\s*+[:=]\s*+)"
        r"(\"[^\"]*\"|'[^']*'|[^\s,}]+)"
    ),
    re.compile(r"(?i)((?:secret[_-]?access[_-]?key|(?:session|security)[_-]?token)\\*+[\"']?\s*+[:=]\s*+)(\"[^\"]*\"|'[^']*'|[^\s,}]+)"),
    # the same in XML, percent-encoded, or after a space; long enough not to be a word
    re.compile(
        rf"(?i)({_AWS_NAME}{_PERCENT_QUOTE}(?:{_SPACE}(?:{_EQUALS}|[:,>]|%(?:25)*+3a){_SPACE}|\s++){_PERCENT_QUOTE})"
        r"[A-Za-z0-9+/%_=.~\\-]{20,}"
    ),
    re.compile(r"(?i)((?:smtp|certificate)_password\\*+[\"']?\s*+[:=]\s*+)(\"[^\"]*\"|'[^']*'|[^\s,}]+)"),
    # private keys, as PEM writes them
    re.compile(r"(-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----)(?:(?!-----END)[\s\S])++"),
    # what Google's files and services write: tokens by how they begin
    re.compile(r"(?i)((?:google_)?hmac_secret\\*+[\"']?\s*+[:=]\s*+)(\"[^\"]*\"|'[^']*'|[^\s,}]+)"),
    re.compile(r"(?i)(\bassertion(?:=|%3d|[\"']\s*+:\s*+[\"']))[A-Za-z0-9._%-]{20,}"),
    re.compile(r"()\b(?:ya29\.[A-Za-z0-9._-]{10,}|1//0[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{10,})"),
    # HTTP authorization headers
    re.compile(r"(?i)(authorization\\*+[\"']?\s*+[:=]\s*+\\*+[\"']?(?:bearer|sharedkey(?:lite)?|aws4-hmac-sha256)\s++)[^\s\"',}]+"),
    re.compile(r"(?i)(\bbearer\s++)[A-Za-z0-9\-._~+/]{20,}=*"),
    re.compile(r"(?i)((?:x-amz-signature|x-amz-credential|x-amz-security-token|signature)=)[^&\s\"'<>]+"),
    # JSON web tokens, wherever they stand
    re.compile(r"()\beyJ[A-Za-z0-9_-]{10,800}+\.[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]*+"),
)


def redact(text: str) -> str:
    """The text with every secret in it replaced by dots.

    Each kind is looked for in the text as it is: a secret that reaches into another one's name must not hide it.
    """
    spans = sorted((found.end(1), found.end()) for expression in _SECRETS for found in expression.finditer(text))
    if not spans:
        return text
    parts: list[str] = []
    shown = 0
    for start, end in spans:
        if start >= shown:
            parts += (text[shown:start], MASK)
        shown = max(shown, end)
    return "".join([*parts, text[shown:]])


class RedactingFilter(logging.Filter):
    """Put on every log handler: messages, arguments and tracebacks leave without secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; always keep it."""
        record.msg = _logged(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = _logged(logging.Formatter().formatException(record.exc_info))
        elif record.exc_text:
            record.exc_text = _logged(record.exc_text)
        if record.stack_info:
            record.stack_info = _logged(record.stack_info)
        return True


def _logged(text: str) -> str:
    """Without secrets and control characters; no line of it can be taken for a record of its own."""
    return _RECORD.sub(r"\1  ", unhidden(redact(text)))
