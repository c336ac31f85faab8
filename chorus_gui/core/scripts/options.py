"""What a person chooses about a script."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum


class Tool(Enum):
    """Which of Microsoft's tools sends."""

    AZCLI = "azcli"
    AZCOPY = "azcopy"


class Target(Enum):
    """Where the script runs: cmd on Windows, bash elsewhere."""

    WINDOWS = "windows"
    POSIX = "posix"

    @classmethod
    def here(cls) -> Target:
        """This system's."""
        return cls.WINDOWS if os.name == "nt" else cls.POSIX


class SecretMode(Enum):
    """Where the script has its secret from.

    ENV: an environment variable, and the script stops where it is not set.  ASK: the variable, else the person is asked.
    INLINE: it is written into the script.
    """

    ENV = "env"
    ASK = "ask"
    INLINE = "inline"


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """``name`` is the script's file name without its ending; the folder of its lists is called so.  ``program`` is the console
    program as words.  ``verify_tls`` False writes AZURE_CLI_DISABLE_CONNECTION_VERIFICATION into it.
    """

    tool: Tool
    target: Target
    program: tuple[str, ...]
    name: str = "upload"
    secret: SecretMode = SecretMode.ASK
    one_by_one: bool = False
    verify_tls: bool = True
