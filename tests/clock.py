"""A clock that tests set: wall time jumps from night to night, and goes on by itself in between."""

from __future__ import annotations

import dataclasses
import importlib
import time
from datetime import UTC, datetime, tzinfo
from typing import Any

from chorus_gui.core import untrusted

MODULES = (
    "chorus_gui.app.unattended.run_report",
    "chorus_gui.core.custody.checkout",
    "chorus_gui.core.custody.history_check",
    "chorus_gui.core.journal.backups",
    "chorus_gui.core.journal.history",
    "chorus_gui.core.journal.lock",
    "chorus_gui.core.review.approval",
)
"""Those that ask ``datetime`` for the time while a submission runs."""
_monotonic = time.monotonic


class Clock:
    """The time that the program sees."""

    def __init__(self, start: datetime) -> None:
        self.set(start)

    def set(self, now: datetime) -> None:
        """It is this moment now."""
        self._start, self._since = now.timestamp(), _monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return self._start + _monotonic() - self._since

    def install(self, patch: Any) -> None:
        """Make the program see this clock.  ``patch`` has a method ``setattr``, as pytest's monkeypatch."""
        clock = self

        class Ours(type):
            def __instancecheck__(cls, value: object) -> bool:
                return isinstance(value, datetime)

        class Now(datetime, metaclass=Ours):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.fromtimestamp(clock.time(), tz) if tz else datetime.fromtimestamp(clock.time(), UTC).replace(tzinfo=None)

        patch.setattr(time, "time", self.time)
        patch.setattr(time, "time_ns", lambda: int(self.time() * 1_000_000) * 1000)
        for name in MODULES:
            module = importlib.import_module(name)
            for kind in vars(module).values():
                if dataclasses.is_dataclass(kind):
                    untrusted._hints(kind)  # they are kept, and must not be of this clock for the tests that follow in this process
            patch.setattr(module, "datetime", Now)
