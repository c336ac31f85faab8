"""What a person can do about files that failed, as their remedies say: mark them as deleted, or release them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chorus_gui.app.workspace import Workspace

if TYPE_CHECKING:
    from chorus_gui.core.model import Failure

MARK = "“file mark_as_deleted”"
RELEASE = "“hold release”"
"""What the remedy of a failure says if that can help."""


def to_mark(failures: Sequence[Failure]) -> list[Failure]:
    """Those that a person may mark as deleted."""
    return [failure for failure in failures if MARK in failure.remedy]


def to_release(failures: Sequence[Failure]) -> list[Failure]:
    """Those that a person may release."""
    return [failure for failure in failures if RELEASE in failure.remedy]


def release(workspace: Workspace, files: Sequence[tuple[str, str]]) -> None:
    """Release what holds back these files (modality, path): the file itself, and its patient as a whole."""
    from chorus_gui.core.review.hold_list import target_of
    from chorus_gui.core.submission.held import HeldNow

    with workspace.holds() as kept:
        for _ in range(2):  # a file can be held back by itself, and with its patient
            held = HeldNow(workspace.config, kept.all(), tuple)
            kept.remove({target_of(hold) for modality, path in files if (hold := held.of(modality, path)) is not None})
