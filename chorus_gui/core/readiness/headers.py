"""What the workers of the deeper passes do: the headers of images, and the recordings of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.readiness import images, recordings
from chorus_gui.core.readiness.at_once import TRIES
from chorus_gui.core.readiness.memory import Seen, Verdict
from chorus_gui.core.readiness.reading import read_range
from chorus_gui.core.storage.base import Source

INSIDE, OUTSIDE = "inside", "outside"


class Task(NamedTuple):
    """Files to check together: some images, or the recordings of a folder."""

    modality: str
    folder: str
    files: tuple[Seen, ...]


class Result(NamedTuple):
    """The verdict on one file, or on a folder of recordings (``file`` is its first header, ``inside`` its files)."""

    file: Seen
    verdict: Verdict
    inside: tuple[Seen, ...] = ()


def mark_of(inside: Sequence[Seen]) -> Seen:
    """A folder of recordings as one file: its size and time change when any of its files does."""
    text = "\n".join(f"{file.path}:{file.size}:{file.mtime_us}" for file in sorted(inside))
    first = min(file.path for file in inside if file.path.lower().endswith((".hea", ".edf", ".bdf")))
    digest = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:7], "big")
    return Seen("Waveforms", first, inside[0].patient, len(inside), digest)


class Recipe(NamedTuple):
    """What a worker needs; a value."""

    sources: Mapping[str, Source]
    key: bytes
    stays: Mapping[str, tuple[tuple[int, int], ...]]
    labels: frozenset[str] | None
    thorough: bool


class Checker(Worker[Task, Result, None]):
    """Checks images and recordings."""

    def __init__(self, recipe: Recipe, place: Place[None]) -> None:
        self._given = recipe
        self._ctx = place.ctx

    def run(self, task: Task) -> Iterable[Result]:
        """As :meth:`Worker.run`."""
        if task.modality == "Waveforms":
            yield self._session(task)
            return
        for file in task.files:
            self._ctx.checkpoint()
            yield Result(file, self._image(file))

    def _image(self, file: Seen) -> Verdict:
        source = self._given.sources["Images"]
        try:
            said = images.check_image(
                images.where(file.path, file.patient),
                file.size,
                lambda length, at: read_range(source, file.path, length, at),
                deep=self._given.thorough,
                key=self._given.key,
            )
        except TRIES as error:
            return Verdict((), (), error.what)
        return Verdict(said.findings, (said.study, said.series, self._inside(file.patient, said.day)), said.unchecked)

    def _inside(self, patient: str | None, day: int) -> str:
        """If a day is within a visit of the patient, give or take one day; "" if that is not known."""
        stays = self._given.stays.get(patient or "")
        if not stays or not day:
            return ""
        return INSIDE if any(start - 1 <= day <= end + 1 for start, end in stays) else OUTSIDE

    def _session(self, task: Task) -> Result:
        self._ctx.checkpoint()
        source, mark = self._given.sources["Waveforms"], mark_of(task.files)
        below = {file.path.rpartition("/")[2]: file for file in task.files}
        session = recordings.Session(task.folder, mark.patient or "", {name: file.size for name, file in below.items()}, self._given.labels)
        try:
            findings, day = recordings.check_session(session, lambda name, length: read_range(source, below[name].path, length))
        except TRIES as error:
            return Result(mark, Verdict((), (), error.what))
        return Result(mark, Verdict(tuple(findings), ("", "", self._inside(mark.patient, day))), task.files)
