"""Scan the site, and run a pass of the readiness check on what the scan sees: one walk for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Mode
from chorus_gui.core.passes import Pass
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
    """A pass of a site.  ``rules`` None: those of the configuration.  ``tell`` gets what a deeper pass is going to read, before it begins."""

    config: Config
    sources: Mapping[str, Source]
    ctx: JobContext
    deepest: Pass = Pass.AT_ONCE
    rules: RuleSet | None = None
    tell: Callable[[Estimate], None] | None = None

    def run(self, modalities: Sequence[str], sink: Listener | None = None) -> tuple[ScanSummary, Readiness]:
        """Scan these modalities for ``sink``, and check them.  The leaks go into the book that decides what may be sent.

        Raises what a scan raises for the whole site, :class:`ConfigError`, :class:`ReviewError` for a damaged book, :class:`Cancelled`.
        """
        config, ctx = self.config, self.ctx
        with LeakBook(config.journal.local) as book, book.checking() as checking, ExitStack() as stack:
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
            if self.tell is not None:
                self.tell(deep.estimate(modalities))
            deep.run(modalities, executor_of(config))
            return seen, watch.result(modalities, deep.read, [*begin.unchecked, *deep.unchecked], deep.remembered)
