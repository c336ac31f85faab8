"""The readiness check: does the site look like what the consortium asks for?  It needs no journal, no token and no store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.readiness.findings import to_data
from chorus_gui.core.rules import Pass, RuleSet

__all__ = ["check", "rules_of", "to_data"]

SECONDS_PER_FILE, BYTES_PER_SECOND = 0.005, 60e6
"""For the estimate: a share in a hospital's network."""

if TYPE_CHECKING:
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.readiness.deep import Deep
    from chorus_gui.core.readiness.findings import Readiness


def rules_of(config: Config, file: Path | None = None) -> RuleSet:
    """The rules of a configuration, or those of ``file`` in their place.  Raises :class:`ConfigError`."""
    from chorus_gui.core.config.rule_keys import chosen

    return chosen(file or config.rules_file, config.rules_off)


def check(
    workspace: Workspace, ctx: JobContext, deepest: Pass = Pass.AT_ONCE, modalities: Sequence[str] = (), rules: RuleSet | None = None
) -> Readiness:
    """Scan the site and check it.  No ``modalities``: all that are configured.  ``rules`` None: the configuration's.

    Nothing of the site or the journal is changed.  Raises what a scan raises for the whole site, :class:`ConfigError`, :class:`Cancelled`.
    """
    from chorus_gui.core.readiness.deep import Deep
    from chorus_gui.core.readiness.memory import Memory, memory_path
    from chorus_gui.core.readiness.watch import Both, Watch
    from chorus_gui.core.scan.scan import scan
    from chorus_gui.core.submission.work import choose_modalities, executor_of

    config, sources = workspace.config, workspace.sources()
    chosen = choose_modalities(config, modalities)
    watch = Watch(config, rules, deepest)
    if deepest is Pass.AT_ONCE:
        scan(config, chosen, watch, ctx, sources)
        begin = watch.finish(sources, chosen, ctx)
        return watch.result(chosen, begin.read, begin.unchecked)
    with Memory(memory_path(config.journal.local), watch.rules.stamp) as memory:
        scan(config, chosen, Both(watch, memory), ctx, sources)
        begin = watch.finish(sources, chosen, ctx)
        deep = Deep(watch.paths, begin, memory, sources, ctx, deepest)
        _tell(workspace, deep, chosen)
        deep.run(chosen, executor_of(config))
    return watch.result(chosen, deep.read, [*begin.unchecked, *deep.unchecked], deep.remembered)


def _tell(workspace: Workspace, deep: Deep, modalities: Sequence[str]) -> None:
    """What the pass is going to read, before it begins."""
    from chorus_gui.app.words import duration, files, size

    estimate = deep.estimate(modalities)
    seconds = estimate.files * SECONDS_PER_FILE + estimate.bytes / BYTES_PER_SECOND
    workspace.person.say(f"To read: {size(estimate.bytes)} of {files(estimate.files)}, about {duration(seconds)}.")
    if any(workspace.config.sites[name].place.folder is None for name in modalities):
        workspace.person.say(f"The site is in the cloud, so its provider may charge for {size(estimate.bytes)} of outgoing data.")
