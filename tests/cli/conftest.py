"""What the tests of commands share."""

from __future__ import annotations

from commands import run

__all__ = ["run"]
