"""What the window remembers from one start to the next: an INI file in the user's own folder.  Nothing in it is secret."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from chorus_gui.app.folders import settings_folder

RECENTS = 8
THEMES = ("system", "light", "dark")


class Settings:
    """The remembered settings, by name and type.  If the file cannot be read or written, nothing stops: the defaults apply."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or settings_folder() / "window.ini"
        self._store = QSettings(str(self.file), QSettings.Format.IniFormat)

    def sync(self) -> None:
        """Write what has changed."""
        self._store.sync()

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self._store.value(name, default)
        return value if isinstance(value, str) else default

    def number(self, name: str) -> float | None:
        """A number, None if there is none."""
        try:
            return float(self.text(name))
        except ValueError:
            return None

    def blob(self, name: str) -> QByteArray:
        """What a widget's ``saveState`` or ``saveGeometry`` returned."""
        value = self._store.value(name)
        return value if isinstance(value, QByteArray) else QByteArray()

    def put(self, name: str, value: str | float | QByteArray | None) -> None:
        """Remember a value; None forgets it."""
        if value is None:
            self._store.remove(name)
        else:
            self._store.setValue(name, value if isinstance(value, QByteArray) else str(value))

    @property
    def recents(self) -> tuple[Path, ...]:
        """Configuration files that were open, the latest first."""
        return tuple(Path(line) for line in self.text("recents").split("\n") if line)

    def remember(self, file: Path) -> None:
        """It is open now."""
        self._put_recents([file, *(other for other in self.recents if other != file)])

    def forget(self, file: Path) -> None:
        """Take it out of the recent ones."""
        self._put_recents([other for other in self.recents if other != file])

    def _put_recents(self, files: list[Path]) -> None:
        self.put("recents", "\n".join(str(file) for file in files[:RECENTS]))

    @property
    def theme(self) -> str:
        """ "system", "light" or "dark"."""
        theme = self.text("theme", "system")
        return theme if theme in THEMES else "system"

    @property
    def limit(self) -> int | None:
        """Bytes a second, or None."""
        limit = self.number("limit")
        return int(limit) if limit and limit > 0 else None

    def marked_test(self, file: Path) -> bool | None:
        """Whether the person said that this configuration is a test setup; None: not said."""
        return {"test": True, "central": False}.get(self.text(f"stores/{_key(file)}"))

    def mark_test(self, file: Path, test: bool | None) -> None:
        """The person says so."""
        self.put(f"stores/{_key(file)}", None if test is None else "test" if test else "central")


def _key(file: Path) -> str:
    """A path as a key of an INI file, where "/" makes groups."""
    return str(file).replace("/", "|").replace("\\", "|")
