"""What a person asks to have written, as values that the window's intents and the command line share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileListRequest:
    """The paths that are pending (or, with ``uploaded``, that were uploaded), one a line; at most ``max_files``.

    ``version`` None and ``modalities`` empty: all of them.
    """

    file: Path
    version: str | None = None
    modalities: tuple[str, ...] = ()
    uploaded: bool = False
    max_files: int | None = None


@dataclass(frozen=True, slots=True)
class ScriptRequest:
    """A script that sends what is pending.  ``tool``: "azcli" or "azcopy".

    ``version`` None and ``modalities`` empty: all of it.  ``target``: "windows", "posix", or "" for this system; ``secret``: where
    the script has its SAS token or key from, "env", "ask" or "inline".
    """

    file: Path
    tool: str = "azcli"
    version: str | None = None
    modalities: tuple[str, ...] = ()
    max_files: int | None = None
    target: str = ""
    secret: str = "ask"  # noqa: S105 - a way to ask for one
    one_by_one: bool = False
    verify_tls: bool = True
