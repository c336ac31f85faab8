"""Keep the computer from going to sleep while a job works.

Asked for on the job's own thread, for on Windows the wish belongs to the thread that uttered it, and elsewhere it may take a moment.
The screen may go dark all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

_log = logging.getLogger("chorus.awake")
Awake = Callable[[], AbstractContextManager[Any]]


def system() -> AbstractContextManager[Any]:
    """The system's own means, whichever it has; loaded when a job first asks for it."""
    from wakepy import keep

    def failed(result: Any) -> None:
        reasons = "; ".join(f"{method.method_name}: {method.failure_reason}" for method in result.list_methods() if method.failure_reason)
        _log.info("the computer may go to sleep during this job: %s", reasons.replace("\n", " "))

    return keep.running(on_fail=failed)


@contextmanager
def awake(inhibit: Awake = system) -> Generator[None]:
    """Keep the computer awake for the block.  That it cannot be done is a line in the log and nothing else."""
    with ExitStack() as stack:
        try:
            stack.enter_context(inhibit())
        except Exception as error:  # noqa: BLE001 - whatever a desktop answers, the job goes on
            _log.info("the computer may go to sleep during this job: %s", error)
        yield
        try:
            stack.close()
        except Exception as error:  # noqa: BLE001 - the job is done
            _log.info("the computer may not go to sleep by itself: %s", error)
