"""Keep the computer from going to sleep while a job works.

It is requested on the job's own thread, because on Windows a request belongs to the thread that made it, and elsewhere it may take a
moment.  The screen may still go dark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

_log = logging.getLogger("chorus.awake")
Awake = Callable[[], AbstractContextManager[Any]]


def system() -> AbstractContextManager[Any]:
    """The method of the operating system; loaded when a job first needs it."""
    from wakepy import keep

    def failed(result: Any) -> None:
        reasons = "; ".join(f"{method.method_name}: {method.failure_reason}" for method in result.list_methods() if method.failure_reason)
        _log.info("could not keep the computer awake during this job: %s", reasons.replace("\n", " "))

    return keep.running(on_fail=failed)


@contextmanager
def awake(inhibit: Awake = system) -> Generator[None]:
    """Keep the computer awake for the block.  If that fails, the log has a line about it, and the block runs anyway."""
    with ExitStack() as stack:
        try:
            stack.enter_context(inhibit())
        except Exception as error:  # noqa: BLE001 - whatever a desktop answers, the job continues
            _log.info("could not keep the computer awake during this job: %s", error)
        yield
        try:
            stack.close()
        except Exception as error:  # noqa: BLE001 - the job is done
            _log.info("could not let the computer sleep again: %s", error)
