"""Files that a person requests, as values that the window's intents and the command line share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileListRequest:
    """The paths that are pending (or, with ``uploaded``, the uploaded ones), one per line; at most ``max_files``.

    ``version`` None and ``modalities`` empty: all of them.
    """

    file: Path
    version: str | None = None
    modalities: tuple[str, ...] = ()
    uploaded: bool = False
    max_files: int | None = None
    null: bool = False
    """each path ends with a zero byte, in place of a line break"""
    absolute: bool = False
    """whole paths on the site, in place of paths as in the journal"""


@dataclass(frozen=True, slots=True)
class ScriptRequest:
    """A script that uploads pending files.  ``tool``: "azcli" or "azcopy".

    ``version`` None and ``modalities`` empty: all of it.  ``target``: "windows", "posix", or "" for this system; ``secret``: where
    the script gets its SAS token or key, "env", "ask" or "inline".
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
