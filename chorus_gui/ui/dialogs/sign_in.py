"""Sign in with Microsoft on another device or in another browser: a link, a code, and how long it lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QFrame, QWidget

from chorus_gui.app.signin import DeviceCode
from chorus_gui.core.model import Grade
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import Dialog

TICK_MS = 1000


def now() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)


def open_link(url: str) -> None:
    """In the person's browser."""
    QDesktopServices.openUrl(QUrl(url))


class SignInDialog(Dialog):
    """Shows the code.  It closes by itself when the job that needs it has ended; closing it cancels nothing."""

    def __init__(
        self, parent: QWidget | None, code: DeviceCode, clock: Callable[[], datetime] = now, browse: Callable[[str], None] = open_link
    ) -> None:
        super().__init__(parent, "Sign in with Microsoft")
        self.setWindowModality(Qt.WindowModality.NonModal)  # the job can still be cancelled
        self.setMinimumWidth(480)
        self._code, self._clock = code, clock
        self.code = label(code.code, "title", selectable=True)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        self.code.setFont(font)
        self.code.setAccessibleName(f"Code: {' '.join(code.code)}")
        self.copy = button("&Copy code", "Copy the code to the clipboard", icon="copy")
        self.copy.clicked.connect(self._copy)
        self.open_page = button("&Open page", f"Open {code.url} in your browser", primary=True)
        self.open_page.clicked.connect(lambda: browse(code.url))
        self.link = label(code.url, "strong", selectable=True)
        self.link.setAccessibleName(f"Page: {code.url}")
        self.left = label("", "muted", wrap=True)
        close = button("Close", "Close this window; the job still waits until you sign in or the code expires (Esc)")
        close.clicked.connect(self.reject)
        box = QFrame()
        box.setProperty("card", "true")
        box.setLayout(row(self.code, None, self.copy, margins=(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)))
        steps = (
            label("Sign in with Microsoft", "heading"),
            label("1.  Open this page, here or on another device:"),
            row(self.link, None, self.open_page),
            label("2.  Enter this code:"),
            box,
            label("3.  Sign in with the account that the central team knows. Then the job continues.", wrap=True),
            self.left,
            label("Never enter a code that somebody else sent you.", "muted", wrap=True),
            None,
        )
        self.compose(column(*steps, space=SPACE + 4), row(None, close))
        self.open_page.setDefault(True)
        self.open_page.setFocus()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._timer.start()
        self.tick()

    @property
    def expired(self) -> bool:
        """The code is no longer valid."""
        return self._clock() >= self._code.expires

    def tick(self) -> None:
        """How long the code is still valid."""
        seconds = int((self._code.expires - self._clock()).total_seconds())
        if self.expired:
            self._timer.stop()
            self.left.setText("The code has expired. Start the job again to get a new one.")
            set_grade(self.left, Grade.BAD)
            for control in (self.copy, self.open_page):
                control.setEnabled(False)
            return
        self.left.setText(f"The code is valid for {seconds // 60}:{seconds % 60:02d} minutes.")
        set_grade(self.left, Grade.WARNING if seconds < 120 else None)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code.code)
        self.copy.setText("Copied")
