"""Run by the test of a month: ``chorus-upload`` at a given moment, killed by its own hand when it has sent some files."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from clock import Clock

from chorus_gui.cli.main import main
from chorus_gui.core.storage.local import LocalStore

at, most, *arguments = sys.argv[1:]
real, sent = LocalStore.put, 0


def put(self, path, *given, **options):
    global sent
    if "journal.db" not in path:
        sent += 1
        if sent > int(most):
            os.kill(os.getpid(), signal.SIGKILL)
    return real(self, path, *given, **options)


class Plain:
    """Sets attributes for good."""

    setattr = staticmethod(setattr)


LocalStore.put = put  # type: ignore[method-assign]
Clock(datetime.fromisoformat(at)).install(Plain)
raise SystemExit(main(arguments, own_process=False))
