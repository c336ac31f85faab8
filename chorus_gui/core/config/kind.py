"""What the value of a key is."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a key takes, and so how a form shows it."""

    TEXT = "text"
    PATH = "path"
    """a folder, a file or ``az://…``: "/" between its parts"""
    NUMBER = "number"
    """a whole number from 1"""
    FLAG = "flag"
    CHOICE = "choice"
    MODALITIES = "modalities"
    PATTERN = "pattern"
    PATTERNS = "patterns"
    """a list of texts, or one text with commas"""
    REASONS = "reasons"
    """a list of texts, or one text with semicolons: each a name, a colon and a reason"""
    SECRET = "secret"  # noqa: S105 - the word, not one
    """never shown, never quoted in a message"""
