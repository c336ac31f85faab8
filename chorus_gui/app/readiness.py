"""The readiness check: does the site look like what the consortium asks for?  It needs no journal, no token and no store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.words import duration, files, size
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.findings import to_data
from chorus_gui.core.rules import RuleSet

__all__ = ["Reading", "check", "rules_of", "to_data"]

SECONDS_PER_FILE, BYTES_PER_SECOND = 0.005, 60e6
"""For the estimate: a share in a hospital's network."""

if TYPE_CHECKING:
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.readiness.deep import Estimate
    from chorus_gui.core.readiness.findings import Readiness


def rules_of(config: Config, file: Path | None = None) -> RuleSet:
    """The rules of a configuration, or those of ``file`` in their place.  Raises :class:`ConfigError`."""
    from chorus_gui.core.config.rule_keys import chosen

    return chosen(file or config.rules_file, config.rules_off)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass is going to read: ``text`` in sentences, about how many seconds that takes, and if it is read from a cloud."""

    text: str
    seconds: float
    in_cloud: bool


def check(
    workspace: Workspace,
    ctx: JobContext,
    deepest: Pass = Pass.AT_ONCE,
    modalities: Sequence[str] = (),
    rules: RuleSet | None = None,
    before: Callable[[Reading], None] | None = None,
) -> Readiness:
    """Scan the site and check it.  No ``modalities``: all that are configured.  ``rules`` None: the configuration's.  ``before`` gets what
    a deeper pass is going to read; None: the person sees it as a line.

    Nothing of the site or the journal is changed.  Leaks are remembered on this computer: what sends files asks for them.  Raises what
    a scan raises for the whole site, :class:`ConfigError`, :class:`Cancelled`.
    """
    from chorus_gui.core.submission.site_check import SiteCheck
    from chorus_gui.core.submission.work import choose_modalities

    chosen = choose_modalities(workspace.config, modalities)
    on_estimate = _estimate_listener(workspace, chosen, before)
    return SiteCheck(workspace.config, workspace.sources(), ctx, deepest, rules, on_estimate).run(chosen)[1]


def _estimate_listener(
    workspace: Workspace, modalities: Sequence[str], before: Callable[[Reading], None] | None
) -> Callable[[Estimate], None]:
    def on_estimate(estimate: Estimate) -> None:
        reading = reading_of(workspace.config, estimate, modalities)
        if before is not None:
            before(reading)
        else:
            workspace.person.say(reading.text)

    return on_estimate


def reading_of(config: Config, estimate: Estimate, modalities: Sequence[str]) -> Reading:
    """What a pass is going to read."""
    seconds = estimate.files * SECONDS_PER_FILE + estimate.bytes / BYTES_PER_SECOND
    text = f"To read: {size(estimate.bytes)} of {files(estimate.files)}, about {duration(seconds)}."
    in_cloud = any(config.sites[name].place.folder is None for name in modalities)
    if in_cloud:
        text += f" The site is in the cloud, so its provider may charge for {size(estimate.bytes)} of outgoing data."
    return Reading(text, seconds, in_cloud)
