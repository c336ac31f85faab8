"""The classes of input that somebody else writes: seeds, and a function that does with an input what the program does.

A check raises nothing but the program's own errors; anything else is a fault.
"""

from __future__ import annotations

import importlib
import sys

from canary import CANARY, InputClass, no_secret, texts_of

MODULES = (
    "config",
    "journal",
    "paths",
    "scripts",
    "stored",
    "policy",
    "answers",
    "bucket",
    "google",
    "inventory",
    "signin",
    "names",
    "secrets",
    "readiness",
)


def classes(*, older: bool = False) -> tuple[InputClass, ...]:
    """All classes.  ``older``: leave out those that another version of the program cannot run."""
    found: list[InputClass] = []
    for name in MODULES:
        try:
            found += importlib.import_module(f"classes_{name}").CLASSES
        except ImportError as error:
            if not older:
                raise
            print(f"{name}: cannot be run on this version: {error}", file=sys.stderr)
    return tuple(found)


__all__ = ["CANARY", "InputClass", "classes", "no_secret", "texts_of"]
