"""How deep a readiness check looks.  Apart from the rules, which take time to import: the command line names the passes when it starts."""

from __future__ import annotations

from enum import Enum


class Pass(Enum):
    """A round of checks; each one includes those before it."""

    AT_ONCE = "at-once"
    """names, sizes, and the first lines of tables"""
    QUICK = "quick"
    """one image of each series, each WFDB header, the beginning and the end of each table"""
    THOROUGH = "thorough"
    """every header, and every line of every table"""

    @property
    def rank(self) -> int:
        """0 for the shallowest."""
        return list(Pass).index(self)
