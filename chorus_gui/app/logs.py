"""Log files: one for each program, rotating, without secrets."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler

from chorus_gui.core.errors import ChorusError, ComputerError, NotReadyError
from chorus_gui.core.folders import log_folder
from chorus_gui.core.redact import RedactingFilter

_BYTES, _FILES = 2_000_000, 5
_NOISY = ("azure", "urllib3", "msal")


def log_to_file(name: str, *, verbose: bool = False) -> logging.Handler | None:
    """Write the process's log to ``name`` in the log folder, from now on; None if that is impossible, which is not an error.

    A handler that an earlier call made is replaced.  Without a file, also after a purge, nothing is logged: Python would print it
    on the terminal.
    """
    logger = logging.getLogger()
    for old in [handler for handler in logger.handlers if isinstance(handler, _Handler)]:
        logger.removeHandler(old)
        old.close()
    if not any(isinstance(handler, _Nowhere) for handler in logger.handlers):
        logger.addHandler(_Nowhere())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        handler = _Handler(log_folder() / name, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", delay=True)
    except (OSError, ComputerError):
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter())
    logger.addHandler(handler)
    logging.getLogger("chorus").setLevel(logging.DEBUG if verbose else logging.INFO)
    return handler


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Write an expected failure to the log: its text, and a line for each of its causes.

    Support staff read this.  Where in the program it happened is for developers: a traceback follows only if the log is verbose.
    """
    chain, cause = [error], error.__cause__
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__
    texts = [f"{type(one).__name__}: {' '.join(str(one).split())}" for one in chain[1:]]
    sentence = ChorusError.__str__(error) if isinstance(error, NotReadyError) else error  # it names files of patients
    message = "\n".join([f"{what}: {sentence} ({type(error).__name__})", *(f"  because of {text}" for text in texts)])
    logger.error("%s", message, exc_info=error if logger.isEnabledFor(logging.DEBUG) else None)


class _Handler(RotatingFileHandler):
    """A handler that :func:`log_to_file` made."""


class _Nowhere(logging.NullHandler):
    """Replaces the log file where none can be written, and after a purge.  It writes nothing."""
