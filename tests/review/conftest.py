"""What the tests of this folder share."""

from __future__ import annotations

from commands import run

__all__ = ["run"]
