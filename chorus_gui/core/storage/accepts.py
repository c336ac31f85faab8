"""Which names the central store takes, before anything is sent to it."""

from __future__ import annotations

import os
from collections.abc import Callable

from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import BlobNameError
from chorus_gui.core.storage.names import check_path, is_plain

WINDOWS = os.name == "nt"


def refusal(place: Place) -> Callable[[str], str]:
    """A function that says why the store at ``place`` cannot hold a path, as a sentence; "" if it can, as far as its name shows."""
    if place.kind is PlaceKind.AZURE:
        from chorus_gui.core.storage.azure.names import check

        prefix = f"{place.prefix}/" if place.prefix else ""

        def check_name(path: str) -> None:
            check(path, prefix)
    else:

        def check_name(path: str) -> None:
            check_path(path, windows=WINDOWS)

    above = len(place.prefix)

    def refuse(path: str) -> str:
        if is_plain(path, above):
            return ""
        try:
            check_name(path)
        except BlobNameError as error:
            return error.meaning
        return ""

    return refuse
