"""Scan the site, and run a pass of the readiness check on what the scan sees: one walk for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from chorus_gui.core.config.model import Config
from chorus_gui.core.custody.beside import SideFiles, beside_local
from chorus_gui.core.errors import Cancelled, ComputerError, ReviewError, SideFileError, SideFileUnreadableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Mode
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness import leak_marks
from chorus_gui.core.readiness.deep import Deep, Estimate
from chorus_gui.core.readiness.findings import Readiness
from chorus_gui.core.readiness.leaks import LeakBook
from chorus_gui.core.readiness.memory import Memory, memory_path
from chorus_gui.core.readiness.watch import Both, Listener, Watch
from chorus_gui.core.rules import RuleSet
from chorus_gui.core.scan.scan import ScanSummary, scan
from chorus_gui.core.storage.base import Source
from chorus_gui.core.submission.work import executor_of


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """A pass of a site.  ``rules`` None: those of the configuration.  ``on_estimate`` gets what a deeper pass is going to read, before it begins."""

    config: Config
    sources: Mapping[str, Source]
    ctx: JobContext
    deepest: Pass = Pass.AT_ONCE
    rules: RuleSet | None = None
    on_estimate: Callable[[Estimate], None] | None = None

    def run(self, modalities: Sequence[str], sink: Listener | None = None) -> tuple[ScanSummary, Readiness]:
        """Scan these modalities for ``sink``, and check them.  The leaks go into the book that decides what may be sent.

        Raises what a scan raises for the whole site, :class:`ConfigError`, :class:`ReviewError` for a damaged book, :class:`Cancelled`.
        """
        try:
            return self._run(modalities, sink)
        finally:
            keep_marks(self.config, self.ctx)

    def _run(self, modalities: Sequence[str], sink: Listener | None) -> tuple[ScanSummary, Readiness]:
        config, ctx = self.config, self.ctx
        with LeakBook(config.journal.local) as book, ExitStack() as stack:
            book.belong_to(config)
            checking = stack.enter_context(book.checking())
            watch = Watch(config, self.rules, self.deepest, checking)
            listener: Listener = Both(checking, watch)
            listener = Both(sink, listener) if sink is not None else listener
            memory: Memory | None = None
            if self.deepest is not Pass.AT_ONCE:
                memory = stack.enter_context(Memory(memory_path(config.journal.local), watch.rules.stamp))
                listener = Both(listener, memory)
            seen = scan(config, tuple(modalities), listener, ctx, self.sources)
            begin = watch.finish(self.sources, modalities, ctx)
            if memory is None:
                return seen, watch.result(modalities, begin.read, begin.unchecked)
            checking.deepest = self.deepest
            deep = Deep(watch.paths, begin, memory, self.sources, ctx, self.deepest, checking, append=config.mode is Mode.APPEND)
            if self.on_estimate is not None:
                self.on_estimate(deep.estimate(modalities))
            deep.run(modalities, executor_of(config))
            return seen, watch.result(modalities, deep.read, [*begin.unchecked, *deep.unchecked], deep.remembered)


def keep_marks(config: Config, ctx: JobContext) -> None:
    """Write next to the journal on this computer how many files have a leak, for other users and for this one after they clear their data.

    It is also written next to a cloud journal by what sends files.  A place that cannot be written is only that: the leak book has it all.
    """
    with suppress(SideFileError, ReviewError, ComputerError, Cancelled), LeakBook(config.journal.local) as book:
        share_marks(beside_local(config.journal.local), book, ctx)


def share_marks(beside: SideFiles, book: LeakBook, ctx: JobContext) -> None:
    """Read the marks next to a journal, and add what this book can say.  Raises :class:`SideFileError`, ``Cancelled``."""

    def merge(data: bytes | None) -> bytes | None:
        shared = leak_marks.parse(data) if data is not None else []
        everything = book.learn_marks(shared)
        return None if leak_marks.newest(shared) == leak_marks.newest(everything) else leak_marks.dump(everything)

    try:
        beside.update(leak_marks.NAME, merge, ctx)
    except SideFileUnreadableError:
        book.learn_marks([leak_marks.Mark(leak_marks.ANY, Pass.THOROUGH, 1, 1, "")])  # unless a thorough pass was complete here
        raise
