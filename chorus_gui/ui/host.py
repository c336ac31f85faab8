"""What an action of the window needs from its session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from chorus_gui.app.signin import Login
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext
from chorus_gui.ui.state import JobKind, SessionState

T = TypeVar("T")


class Host(Protocol):
    """What an action needs from the session: the state and changes to it, jobs, and questions to the person."""

    @property
    def state(self) -> SessionState:
        """What is on screen."""
        ...

    @property
    def login(self) -> Login:
        """The process's one sign-in."""
        ...

    def workspace(self) -> Workspace:
        """The open configuration's.  Raises :class:`ConfigError` if none is usable."""
        ...

    def update(self, **fields: Any) -> None:
        """Change the state."""
        ...

    def open(self, file: Path, *, demo: bool | None = None) -> None:
        """Open a configuration file."""
        ...

    def start(
        self,
        kind: JobKind,
        title: str,
        step: Callable[[JobContext], T],
        done: Callable[[T], str] | None = None,
        *,
        cancellable: bool = True,
        key: str | None = None,
    ) -> None:
        """Run a step as a job; ``done`` turns its value (a run: the run, if it succeeded) into a sentence."""
        ...

    def show_page(self, name: str, topic: str = "") -> None:
        """Bring a page to the front."""
        ...

    def when_read(self, then: Callable[[], None]) -> None:
        """Call ``then`` when nothing is being read."""
        ...

    def show_sides(self, file: Path, sides: Any) -> None:
        """Ask the person to decide between a file and the cloud journal."""
        ...

    def ask_set_aside(self, again: tuple[str, ...]) -> None:
        """Ask the person whether to set the local journal aside.  ``again``: sentences about the files that are uploaded again."""
        ...

    def show_script(self, tool: str) -> None:
        """Ask the person about a script, or a list."""
        ...
