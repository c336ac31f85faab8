"""What the command line needs: what the program needs, as the other pyproject.toml says it, without Qt."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

WINDOW = {"pyside6-essentials"}


class Dependencies(MetadataHookInterface):
    """Hatchling calls it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what pyproject.toml leaves open."""
        project = tomllib.loads((Path(self.root).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
        named = ((re.split(r"[^\w.-]", text)[0].lower(), text) for text in project["dependencies"])
        metadata["dependencies"] = [text for name, text in named if name not in WINDOW]
        metadata["optional-dependencies"] = project["optional-dependencies"]
