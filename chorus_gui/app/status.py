"""The exit statuses: one table for every command, in the README too."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from chorus_gui.core.errors import (
    AccessError,
    ChorusError,
    ComputerError,
    CustodyError,
    JournalError,
    Silence,
    SourceError,
    StoreError,
    StoreFullError,
)
from chorus_gui.core.job import Outcome, OutcomeKind


class Status(IntEnum):
    """How a command ended, for schedulers.  The value is the process's exit status."""

    DONE = 0
    FAULTY = 1
    """done, but some files failed, differ or have problems"""
    NOT_STARTED = 2
    """could not start, or the input is not valid"""
    STOPPED = 3
    """stopped on the way (network, token, disk); the same command continues"""
    DECISION = 4
    """needs a decision by a person"""
    CRASHED = 70
    """a program error"""
    INTERRUPTED = 130


def status_of(outcome: Outcome[Any], *, begun: bool = False, faulty: bool = False, unchecked: bool = False) -> Status:
    """The status of an outcome.

    ``begun``: something was, or may have been, changed; ``faulty``: some files failed or differ; ``unchecked``: some could not be
    checked, and the same command may find out.
    """
    match outcome.kind:
        case OutcomeKind.DONE:
            return Status.FAULTY if faulty else Status.STOPPED if unchecked else Status.DONE
        case OutcomeKind.CANCELLED:
            return Status.INTERRUPTED
        case OutcomeKind.CRASHED:
            return Status.CRASHED
        case OutcomeKind.FAILED:
            return of_error(outcome.error, begun=begun)


def of_error(error: ChorusError | None, *, begun: bool = False) -> Status:
    """The status of an error.

    After an outage the command can always be repeated: nothing was wrong with the request.  After a refused token, a full disk or a
    journal that cannot be written it can be repeated only if it had begun; otherwise it could not start.
    """
    if error is None:
        return Status.CRASHED
    if error.needs_decision:
        return Status.DECISION
    if error.retryable or error.silence is Silence.STOPPED:  # it was waited for
        return Status.STOPPED
    if begun and isinstance(error, (AccessError, StoreFullError, StoreError, SourceError, JournalError, CustodyError, ComputerError)):
        return Status.STOPPED
    return Status.NOT_STARTED
