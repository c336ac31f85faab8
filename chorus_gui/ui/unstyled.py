"""Widgets are put together without the style sheet.

With one, Qt looks at a widget and everything in it again each time that one of the layouts around it gets a parent: the window took 1.5 to 2 s of
processor time on a slow computer, and takes 0.8 s without.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from PySide6.QtWidgets import QApplication


@contextmanager
def unstyled() -> Generator[None]:
    """Put many widgets together in this block: the style sheet is set again after it, unless the block has set another one."""
    application = QApplication.instance()
    sheet = application.styleSheet() if isinstance(application, QApplication) else ""
    if isinstance(application, QApplication) and sheet:
        application.setStyleSheet("")
    try:
        yield
    finally:
        if isinstance(application, QApplication) and sheet and not application.styleSheet():
            application.setStyleSheet(sheet)
