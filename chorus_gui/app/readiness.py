"""The readiness check: does the site look like what the consortium asks for?  It needs no journal, no token and no store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.rules import Pass, RuleSet

if TYPE_CHECKING:
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.readiness.findings import Readiness

MOST_UNCHECKED = 20
"""Files that a result names of those that could not be checked; the rest is a number."""


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
    from chorus_gui.core.readiness.at_once import check_beginning
    from chorus_gui.core.readiness.findings import Found, Readiness, Unchecked
    from chorus_gui.core.readiness.paths import Paths
    from chorus_gui.core.scan.scan import scan
    from chorus_gui.core.submission.work import choose_modalities

    began = time.perf_counter()
    config, sources = workspace.config, workspace.sources()
    rules = rules or rules_of(config)
    chosen = choose_modalities(config, modalities)
    found = Found(rules, deepest)
    paths = Paths(found, config.sites)
    scan(config, chosen, paths, ctx, sources)
    begin = check_beginning(paths, sources, chosen, ctx)
    unchecked = [Unchecked(problem.path, problem.cause) for problem in paths.problems] + begin.unchecked
    return Readiness(
        rules,
        deepest,
        tuple(chosen),
        tuple(found.groups()),
        paths.files_seen,
        begin.read,
        0,
        tuple(unchecked[:MOST_UNCHECKED]),
        len(unchecked),
        time.perf_counter() - began,
    )
