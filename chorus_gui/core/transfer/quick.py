"""Small files, sent in the thread that asks for them: read, hashed, and handed to a lane, whose answers are collected later.

Those of a site in a cloud come out of a lane, too, many at the same time.

It is the usual case alone.  Whatever is not as it should be (a file that changed, a source that waits, a store that refuses, or does not
answer) goes the way of every other file afterwards, which knows what to do: nothing is explained, repeated or waited for here.

Worker processes can do the reading, hashing and sending, if there are any (:mod:`~chorus_gui.core.transfer.processes`): the rules are the same.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from chorus_gui.core.errors import ChorusError, StoreUnavailableError
from chorus_gui.core.job import JobContext, Patience
from chorus_gui.core.model import Failure, Item, Proof
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.storage.digests import Digest, md5_of
from chorus_gui.core.storage.lane import LANE_BYTES, Lane, lane_of
from chorus_gui.core.storage.whole import Whole, whole_reader
from chorus_gui.core.transfer.checks import acknowledged, changed, check_content, check_unchanged, level_of
from chorus_gui.core.transfer.processes import Processes, task_of
from chorus_gui.core.transfer.reads import REST_S, Reads

SLOW_S = 0.001
"""Seconds for the bytes of one file, the median, from which threads that read at the same time are faster."""
LOOKS = 64
"""Files between two looks at that."""
AWAY = 32 * LOOKS
"""Files that go to threads after a slow look; then it is looked again."""
LEAST_RATE = 16 * LANE_BYTES
"""Bytes a second.  Under a lower limit whole files would leave in bursts; the others are sent in small pieces."""
LENT_BYTES = 8 * 1024 * 1024
"""Bytes of the files that worker processes have, at most; under a limit, no more than it allows in a second: a change of the limit reaches the others."""
_LOOK_S = 0.005
"""Seconds of a wait for one of two: the lane of this process, and the worker processes."""


READ_AHEAD = 64
"""Files that were read and wait for a connection to the store, at most."""


class _Read(NamedTuple):
    """A file that was read, and is right."""

    number: int
    item: Item
    data: bytes
    whole: Digest
    began: float


class _Sent(NamedTuple):
    item: Item
    md5: str
    began: float
    hashed: float


class Quick:
    """The quick way into ``store``; ``sources`` are by modality.  Used by one thread, and to be closed.

    Not ``possible``: no file goes this way.  ``processes`` do the work as soon as one of them is ready.
    """

    def __init__(
        self, sources: Mapping[str, Source], store: Store, ctx: JobContext, *, possible: bool = True, processes: Processes | None = None
    ) -> None:
        self._sources = sources
        self._readers: dict[str, Callable[[str, int], Whole]] = {}
        self._store = store
        self._ctx = ctx
        self._once = ctx.branch(patience=Patience.ONCE)
        self._reads = Reads(sources)
        self._asking = ""
        """the modality of the file that asked for room last"""
        self._read: deque[_Read] = deque()
        self._begins = True
        self._lane: Lane | None = lane_of(store) if possible else None
        self._possible = self._lane is not None
        self._sent: dict[int, _Sent] = {}
        self._processes = processes if self._possible else None
        self._lent: dict[int, Item] = {}
        """files that the processes have"""
        self._lent_bytes = 0
        if self._processes is not None:
            self._processes.begin(sources, store)
        self._unsure: set[int] = set()
        self._silent = False
        self._numbers = 0
        self._broke = 0.0
        self._away = 0
        self._looks: list[float] = []
        self._booked: tuple[int, int | None] = (-1, None)
        """the file that has its turn under the limit, and that limit"""
        self._due = 0.0

    @property
    def busy(self) -> bool:
        """Files are on their way, or their proofs were not collected."""
        return bool(self._sent or self._lent or self._reads or self._read)

    @property
    def answered(self) -> bool:
        """:meth:`results` has something at once."""
        lanes = (self._lane is not None and self._lane.answered) or self._reads.answered
        return lanes or (self._processes is not None and self._processes.answered)

    def takes(self, item: Item) -> bool:
        """It can go this way now: a small file, without a low limit or a condition, while nothing is wrong."""
        if not self._possible or item.size > LANE_BYTES or item.replaces is not None:
            return False
        if self._unsure or self._silent or (self._ctx.limit.rate or LEAST_RATE) < LEAST_RATE:
            return False
        if self._away:
            self._away -= 1
            return False
        return self._lends or (self._is_open() and self._reads.well(item.modality))

    def has_room(self, item: Item) -> bool:
        """This file can be sent, and it is its turn under the limit; False also if it has to go another way, see :attr:`alive`."""
        limit = self._ctx.limit
        if self._booked != (item.key, limit.rate):
            self._booked = item.key, limit.rate
            self._due = time.monotonic() + limit.reserve(item.size)
        self._asking = item.modality
        if self.held:
            return False
        if self._processes is not None and self._processes.ready:
            most = min(LENT_BYTES, limit.rate or LENT_BYTES)
            return self._processes.has_room() and (not self._lent or self._lent_bytes + item.size <= most)
        if self._lane is None:
            return False
        if self._reads.of(item.modality) is None:
            return self._lane.has_room()
        return len(self._read) < READ_AHEAD and self._reads.has_room(item.modality)

    @property
    def held(self) -> bool:
        """The next file waits for its turn under the limit."""
        return time.monotonic() < self._due

    @property
    def alive(self) -> bool:
        """It makes sense to wait for room for the file that asked for it last."""
        return self._lends or (self._lane is not None and self._lane.alive and self._reads.alive(self._asking))

    @property
    def _lends(self) -> bool:
        """The processes do the work now."""
        return self._processes is not None and self._processes.ready

    def send(self, item: Item) -> bool:
        """Read a file and begin to send it, when there is room; or have it done.  False: it has to go another way."""
        if self._processes is not None and self._processes.ready:
            self._numbers += 1
            self._lent[self._numbers] = item
            self._lent_bytes += item.size
            self._processes.give(task_of(self._numbers, item))
            return True
        lane = self._lane
        if lane is None:
            return False
        began = time.perf_counter()
        if self._reads.of(item.modality) is not None:
            self._numbers += 1
            self._reads.begin(self._numbers, item, began, self._once.does)
            return True
        try:
            before, data, after = self._once.does(self._reader(item.modality), item.path, item.size + 1)
            read = time.perf_counter()
            whole = _checked(item, Whole(before, data, after))
        except ChorusError:
            return False
        self._note_reading(read - began)
        self._numbers += 1
        self._begin(lane, _Read(self._numbers, item, data, whole, began))
        return True

    def _begin(self, lane: Lane, read: _Read) -> None:
        self._sent[read.number] = _Sent(read.item, read.whole.hexdigest(), read.began, time.perf_counter())
        lane.begin(read.number, read.item.store_path, read.data, read.whole.digest())

    def results(self, seconds: float) -> Iterator[Proof | Item]:
        """The proofs of the answers that have arrived; waits up to ``seconds`` for one.  An item has to go another way."""
        seconds = max(0.0, min(seconds, self._due - time.monotonic())) if self.held else seconds
        found: list[Proof | Item] = []
        if self._processes is not None:
            own = bool(self._sent or self._reads or self._read)
            found += self._from_processes(self._processes, min(seconds, _LOOK_S) if own else seconds)
            seconds = 0.0 if found or not own else min(seconds, _LOOK_S)
        if self._lane is not None:
            found += self._from_lanes(self._lane, seconds)
        counts: dict[str, list[int]] = {}
        for result in found:
            if isinstance(result, Proof):
                count = counts.setdefault(result.item.modality, [0, 0])
                count[0] += 1
                count[1] += result.item.size
        for modality, (files, size) in counts.items():
            self._ctx.progress.add(modality, files=files, size=size)
        yield from found

    def _from_lanes(self, lane: Lane, seconds: float) -> list[Proof | Item]:
        """What came out of the lanes; if nothing did, wait: a moment for each where both can have something."""
        if not self._reads and not self._read:
            return [*self._from_lane(lane, seconds)]
        found = [*self._from_lane(lane, 0), *self._from_reads(lane, 0)]
        if found or not seconds:
            return found
        if self._reads and not self._read:
            return [*self._from_reads(lane, min(seconds, _LOOK_S) if self._sent else seconds)]
        return [*self._from_lane(lane, min(seconds, _LOOK_S)), *self._from_reads(lane, 0)]

    def _from_reads(self, lane: Lane, seconds: float) -> Iterator[Item]:
        """Send what was read.  What cannot be had in this way, is not right, or cannot be sent goes another way."""
        for number, item, began, whole in self._reads.come(seconds):
            try:
                if whole is None:
                    yield item
                else:
                    self._read.append(_Read(number, item, whole.data, _checked(item, whole), began))
            except ChorusError:
                yield item
        while self._read and lane.alive and self._begins and lane.has_room():
            self._begin(lane, self._read.popleft())
        while self._read and not lane.alive:
            yield self._read.popleft().item

    def _from_lane(self, lane: Lane, seconds: float) -> Iterator[Proof | Item]:
        now = 0.0
        for key, blob in lane.answers(seconds):
            item, md5, began, hashed = self._sent.pop(key)
            if blob is None:
                yield item
                continue
            try:
                acknowledged(blob, item.size, md5)
            except ChorusError:
                yield item
                continue
            now = now or time.perf_counter()
            yield Proof(item, md5, blob.etag, level_of(blob), item.size, md5_seconds=hashed - began, upload_seconds=now - hashed)

    def _from_processes(self, processes: Processes, seconds: float) -> Iterator[Proof | Item]:
        answers = processes.answers(seconds)
        for number, md5, etag, level, md5_seconds, upload_seconds in answers.done:
            item = self._returned(number)
            yield Proof(item, md5, etag, level, item.size, md5_seconds=md5_seconds, upload_seconds=upload_seconds)
        for number in answers.other_way:
            yield self._returned(number)
        if answers.slow:
            self._away = AWAY

    def _returned(self, number: int) -> Item:
        item = self._lent.pop(number)
        self._lent_bytes -= item.size
        return item

    def finish_sent(self, seconds: float) -> Iterator[Proof | Item]:
        """Begin no more files until :meth:`resume`; the results of those on their way that are answered within ``seconds``.

        Files that are being read, or were, are sent afterwards.
        """
        self._begins = False
        if self._processes is not None:
            self._processes.hold()
        until = time.monotonic() + seconds
        while (self._sent or (self._lent and self._processes is not None and self._processes.moving)) and (
            left := until - time.monotonic()
        ) > 0:
            yield from self.results(left)

    def resume(self) -> None:
        """Continue after :meth:`finish_sent`."""
        self._begins = True
        if self._processes is not None:
            self._processes.resume()

    def doubt(self, item: Item) -> None:
        """This file goes another way; until it has arrived, nothing goes this way."""
        self._unsure.add(item.key)

    def trust(self, result: Proof | Failure) -> None:
        """The result of a file that went another way is there.  If the store did not answer, the next file has to show that it does."""
        self._unsure.discard(result.item.key)
        self._silent = isinstance(result, Failure) and result.kind == StoreUnavailableError.__name__

    def was_slow(self) -> bool:
        """Reading was slow since the last call: other files should be read by threads."""
        was, self._away = self._away > 0, 0
        return was

    def abandoned(self) -> list[int]:
        """The keys of the files on their way, whose results nobody gets."""
        items = [*(sent.item for sent in self._sent.values()), *(read.item for read in self._read), *self._reads.items]
        return [item.key for item in items]

    def close(self) -> None:
        """Close the connections.  Processes send nothing after this."""
        self._close_lane()
        if self._processes is not None:
            self._processes.finish()
            self._processes = None
        self._reads.close()

    def _close_lane(self) -> None:
        if self._lane is not None:
            self._lane.close()
            self._lane = None

    def _reader(self, modality: str) -> Callable[[str, int], Whole]:
        reader = self._readers.get(modality)
        if reader is None:
            reader = self._readers[modality] = whole_reader(self._sources[modality])
        return reader

    def _is_open(self) -> bool:
        """There is a lane that works; a broken one is replaced when everything that it sent is settled."""
        if self._lane is None:
            if time.monotonic() - self._broke < REST_S:
                return False
            self._lane = lane_of(self._store)
        elif not self._lane.alive and not (self._sent or self._reads or self._read):
            self._close_lane()
            self._broke = time.monotonic()
        return self._lane is not None and self._lane.alive

    def _note_reading(self, seconds: float) -> None:
        self._looks.append(seconds)
        if len(self._looks) == LOOKS:
            self._away = AWAY if sorted(self._looks)[LOOKS // 2] > SLOW_S else 0
            self._looks.clear()


def _checked(item: Item, found: Whole) -> Digest:
    """The MD5 of a file that is the approved one.  Raises :class:`ChorusError` for any other."""
    check_unchanged(found.before, item)
    check_unchanged(found.after, item)
    if len(found.data) != item.size:
        raise changed(item, f"{len(found.data):,} bytes were read")
    whole = md5_of(found.data)
    check_content(item, whole.hexdigest(), found.after)
    return whole
