"""What the window remembers from one start to the next: an INI file in the user's own folder.  Nothing in it is secret."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from chorus_gui.app import site_list
from chorus_gui.app.folders import settings_folder
from chorus_gui.app.site_list import Listed
from chorus_gui.core.errors import UsageError
from chorus_gui.core.limit import Limit
from chorus_gui.core.timetable import FREE, Timetable, at_most, parse_limit

THEMES = ("system", "light", "dark", "contrast")


class Settings:
    """The remembered settings, by name and type.  If the file cannot be read or written, nothing stops: the defaults apply."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or settings_folder() / "window.ini"
        self._store = QSettings(str(self.file), QSettings.Format.IniFormat)
        self._sites_file = self.file.with_name(site_list.list_file().name)
        self._sites: tuple[Listed, ...] | None = None

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
    def sites(self) -> tuple[Listed, ...]:
        """Configuration files that were open, the latest first."""
        if self._sites is None:
            found = site_list.read(self._sites_file)
            if found is None:  # earlier versions kept them with the other settings
                found = tuple(Listed(Path(line)) for line in self.text("recents").split("\n") if line)
            self._sites = found
        return self._sites

    def remember(self, file: Path) -> None:
        """It is open now."""
        self.keep_sites(site_list.opened(self.sites, file, time.time_ns() // 1000))

    def keep_sites(self, sites: tuple[Listed, ...]) -> tuple[Listed, ...]:
        """Keep this list; the list."""
        self._sites = sites
        site_list.write(self._sites_file, sites)
        self.put("recents", None)
        return sites

    @property
    def theme(self) -> str:
        """ "system", "light", "dark" or "contrast"."""
        theme = self.text("theme", "system")
        return theme if theme in THEMES else "system"

    @property
    def limit(self) -> Timetable | None:
        """The bandwidth limit that was chosen in the window; None: none was."""
        text, number = self.text("limit"), self.number("limit")
        if number is not None:  # bytes a second, of an earlier version
            return at_most(int(number)) if number > 0 else None
        try:
            return parse_limit(text) if text else None
        except UsageError:
            return None

    def use_limit(self, limit: Limit, configured: Timetable | None = None) -> None:
        """Another limit in the configuration replaces what was chosen; without one, what was chosen is remembered.  None: it is not known."""
        if configured not in (None, limit.configured):
            limit.configure(configured, reset=True)
        if limit.configured == FREE and not limit.chosen and self.limit is not None:
            limit.set(self.limit)

    def choose_limit(self, limit: Limit, chosen: Timetable) -> None:
        """The person chooses a limit.  If the configuration has one, that one applies again at the next start."""
        if limit.configured == FREE:
            self.put("limit", chosen.text)
        limit.set(chosen)

    def marked_test(self, file: Path) -> bool | None:
        """Whether the person said that this configuration is a test setup; None: not said."""
        return {"test": True, "central": False}.get(self.text(f"stores/{_key(file)}"))

    def mark_test(self, file: Path, test: bool | None) -> None:
        """The person says so."""
        self.put(f"stores/{_key(file)}", None if test is None else "test" if test else "central")


def _key(file: Path) -> str:
    """A path as a key of an INI file, where "/" makes groups."""
    return str(file).replace("/", "|").replace("\\", "|")
