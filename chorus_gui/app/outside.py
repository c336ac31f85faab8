"""Files of the journal whose modality the configuration does not include: no upload, verification or repair takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chorus_gui.app.words import agree, files
from chorus_gui.core.config.model import Config
from chorus_gui.core.model import Tally

if TYPE_CHECKING:
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.model import VersionCount


def pending_outside(config: Config, counts: Sequence[VersionCount]) -> tuple[tuple[str, Tally], ...]:
    """What is recorded and not uploaded, by modality."""
    found: dict[str, Tally] = {}
    for count in counts:
        if count.pending and count.modality not in config.modalities:
            found[count.modality] = found.get(count.modality, Tally()) + Tally(count.pending, count.pending_bytes)
    return tuple(sorted(found.items()))


def wrong_outside(journal: Journal, config: Config) -> tuple[tuple[str, int], ...]:
    """How many uploaded files are known to be missing or different in the central store, by modality."""
    from chorus_gui.app.verified import wrong_rows

    found = Counter(row.modality for row, _, _ in wrong_rows(journal, config) if row.modality not in config.modalities)
    return tuple(sorted(found.items()))


def pending_sentence(modality: str, count: int) -> str:
    """That recorded files of a modality are not uploaded, and what helps."""
    are, them = agree(count, "is", "are"), agree(count, "it", "them")
    return (
        f"{files(count)} of {modality} {are} recorded and not uploaded: the configuration does not include {modality}. "
        f"To upload {them}, add {modality} to “supported_modalities” in the configuration."
    )


def wrong_sentence(modality: str, count: int) -> str:
    """That a repair does not look at wrong files of a modality, and what helps."""
    are, it, them = agree(count, "is", "are"), agree(count, "it", "they"), agree(count, "it", "them")
    return (
        f"{files(count)} of {modality} {are} known to be missing or different in the central store. The configuration does not include "
        f"{modality}, so {it} {agree(count, 'is', 'are')} not compared, and not uploaded again. To upload {them} again, add {modality} to "
        "“supported_modalities” in the configuration, then run “chorus-upload file repair”."
    )
