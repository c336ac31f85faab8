"""Which modality is uploaded first."""

from __future__ import annotations

from collections.abc import Sequence

from chorus_gui.core.config.keys import nearest
from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import MODALITIES


def upload_order(text: str, modalities: Sequence[str]) -> tuple[str, ...]:
    """All ``modalities``, with those first that ``text`` names: "Waveforms,OMOP".  Raises :class:`UsageError`."""
    known = {name.lower(): name for name in MODALITIES}
    first: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        found = known.get(name.lower())
        if found is None:
            guess = nearest(name, MODALITIES)
            maybe = f" Did you mean “{guess}”?" if guess else ""
            raise UsageError(
                f"The upload order has “{name}”, which is not a modality.{maybe}",
                remedy=f"Write modalities, separated by commas. Example: “{','.join(MODALITIES[:3])}”.",
            )
        if found in first:
            raise UsageError(f"The upload order has “{found}” twice.", remedy="Write each modality once. Those that are missing come last.")
        first.append(found)
    return tuple([name for name in first if name in modalities] + [name for name in modalities if name not in first])
