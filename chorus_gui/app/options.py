"""The options of commands, as values that the window and the command line share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from chorus_gui.core.model import Mode
from chorus_gui.core.submission.work import WHOLE, Part, Selection

__all__ = ["WHOLE", "Part", "Selection", "SubmitOptions", "params_text", "selection_of"]


def params_text(options: Iterable[tuple[str, Any]]) -> str:
    """Options as they are typed, for the journal's history: "--version 20250101000000 --amend".

    None, False and "" are left out; True is an option without a value; a tuple is written with commas.
    """
    parts: list[str] = []
    for name, value in options:
        if value is True:
            parts.append(f"--{name}")
        elif isinstance(value, tuple):
            parts += [f"--{name} {','.join(map(str, value))}"] if value else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        elif value not in (None, False, ""):
            parts.append(f"--{name} {value}")
    return " ".join(parts)


def selection_of(params: str) -> Selection | None:
    """The pending files that a command of the history could upload, from its options; None: it left them for later."""
    words = params.split()
    found = {name: value for name, value in zip(words, [*words, ""][1:], strict=True) if name.startswith("--")}
    if "--without-pending" in found:
        return None
    modalities, most = found.get("--modalities", ""), found.get("--max-num-files", "")
    return Selection(
        found.get("--version") or None, tuple(filter(None, modalities.split(","))), int(most) if most.isascii() and most.isdigit() else None
    )


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """What is scanned, and where it goes.

    ``modalities`` empty: all.  ``mode`` None: the configuration's.  ``version`` None: a new one, or with ``amend`` the last one.
    ``allow_deletions``: a person confirmed that a large part of a modality was deleted.  ``pending`` False: pending files are
    left for later; otherwise those of the chosen modalities (and version, if one is named) are part of the approval.  ``hashed``: the
    share (0 to 1) of the files of equal size and time whose content is compared with the journal, too.  ``require_ready``: the quick pass
    of the readiness check follows the scan, and what the central team rejects stops the submission.
    """

    version: str | None = None
    amend: bool = False
    modalities: tuple[str, ...] = ()
    mode: Mode | None = None
    allow_deletions: bool = False
    pending: bool = True
    hashed: float = 0.0
    require_ready: bool = False

    @property
    def params(self) -> str:
        """As typed."""
        return params_text(
            (
                ("version", self.version),
                ("amend", self.amend),
                ("modalities", self.modalities),
                ("mode", self.mode.value if self.mode else None),
                ("allow-deletions", self.allow_deletions),
                ("without-pending", not self.pending),
                ("hash", bool(self.hashed)),
                ("require", "ready" if self.require_ready else None),
                ("sample", f"{self.hashed:.4%}" if 0 < self.hashed < 1 else None),
            )
        )

    def pending_in(self, version: str) -> str | None:
        """The version whose pending files belong to the submission of ``version``; None: every version."""
        return version if self.version is not None or self.amend else None

    def scanned(self) -> dict[str, Any]:
        """The options of the scan, as JSON values: kept with the review."""
        return {"modalities": list(self.modalities), "mode": self.mode.value if self.mode else None}

    def with_scan(self, kept: dict[str, Any]) -> SubmitOptions:
        """The same options for a review whose scan had the options ``kept`` (:meth:`scanned`)."""
        mode = kept.get("mode")
        return replace(self, modalities=tuple(kept.get("modalities") or ()), mode=Mode(mode) if mode else None)
