"""What must not be uploaded at this moment, because somebody holds it back: asked for every file, immediately before it is sent or given to a worker of a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from chorus_gui.core.config.model import Config
from chorus_gui.core.review.hold_list import same_patient
from chorus_gui.core.review.values import Hold

AGAIN_S = 60.0
"""How old what is known may become while files are sent, in seconds."""


def patient_of(config: Config, modality: str, path: str, patient_id: object) -> str | None:
    """The patient that a path names: “0012”, where the journal's own column, ``patient_id``, has 12.  That is used where the path names nobody."""
    site = config.sites.get(modality)
    match = site.pattern.match(path) if site is not None else None
    if match is not None and match.patient_id is not None:
        return match.patient_id
    return None if patient_id is None else str(patient_id)


def patients(config: Config) -> Callable[[str, str, object], str | None]:
    """:func:`patient_of` for many files.  Where all files of a folder are of one patient, the folder's first file is asked alone."""
    here: tuple[str, str] | None = None
    found: str | None = None

    def patient(modality: str, path: str, patient_id: object) -> str | None:
        nonlocal here, found
        folder = (modality, path[: path.rfind("/") + 1])
        if folder != here:
            site = config.sites.get(modality)
            found = patient_of(config, modality, path, None)
            here = folder if site is not None and site.pattern.whole_folders else None
        return str(patient_id) if found is None and patient_id is not None else found

    return patient


class HeldNow:
    """The holds in force.  A hold that was once seen stays in force for the whole run: what it kept back was not approved.

    ``read`` gives the holds that are in force now, from everybody; it is called at most every ``again`` seconds, by whoever asks.
    """

    def __init__(self, config: Config, holds: Iterable[Hold], read: Callable[[], Iterable[Hold]], again: float = AGAIN_S) -> None:
        self._config = config
        self._read = read
        self._again = again
        self._files: dict[tuple[str, str], Hold] = {}
        self._patients: dict[str, Hold] = {}
        self._lock = threading.Lock()
        self._read_at = time.monotonic()
        self._take(holds)

    def __bool__(self) -> bool:
        return bool(self._files or self._patients)

    def of(self, modality: str, path: str, patient_id: object = None) -> Hold | None:
        """What holds back this file, or None.

        ``patient_id`` is used where the path names no patient: a journal takes leading zeros away from its own column.
        """
        with self._lock:
            if time.monotonic() - self._read_at > self._again:
                self._take(self._read())
                self._read_at = time.monotonic()
            found = self._files.get((modality, path))
            if found is None and self._patients:
                patient = patient_of(self._config, modality, path, patient_id)
                found = self._patients.get(same_patient(patient)) if patient else None
            return found

    def _take(self, holds: Iterable[Hold]) -> None:
        for hold in holds:
            if hold.patient_id:
                self._patients[same_patient(hold.patient_id)] = hold
            else:
                self._files[hold.modality, hold.path] = hold
