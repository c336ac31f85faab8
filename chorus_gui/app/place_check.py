"""“Check”: can the place of the site, or of a modality, be read as it is entered now, and what do the patterns match there?  Nothing is changed.

One look: the first page of a listing in a cloud, some files of a folder.  It is a question of a moment, so that it can be asked while a
person fills in the form; the doctor and a scan look at more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app import sampling
from chorus_gui.app.draft import Draft
from chorus_gui.app.place_choice import choice
from chorus_gui.app.words import agree, plural
from chorus_gui.core.config.hosts import Host, unconfirmed, untrusted
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.load import Checked, check
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.sending import unless_cancelled

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login
    from chorus_gui.core.storage.looked import Looked

EXAMPLES = 3
"""Paths that are shown for each sentence."""
SAMPLE = sampling.Extent(files=1000, seconds=3.0, siblings=50)


@dataclass(slots=True)
class _Seen:
    """What was seen of a place.  ``whole``: there is nothing more."""

    files: int = 0
    whole: bool = True
    matched: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """modality → the first paths that its pattern matches"""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    unmatched: list[str] = field(default_factory=list[str])


def check_place(draft: Draft, modality: str, ctx: JobContext, login: Login | None = None) -> tuple[Finding, ...]:
    """What is right or wrong with the place of ``modality`` (:data:`DEFAULT`: the site), the worst first.

    Raises ``Cancelled`` soon after ``ctx`` was, also in the middle of a request, and :class:`UntrustedHostError` for a server that the person has to confirm first;
    nothing else that is expected.
    """
    checked = check(draft.text, draft.file)
    wrong = [
        fault for fault in checked.faults if (where := draft.where(fault.key)) and where[0].startswith("site.") and where[1] == modality
    ]
    modalities = _modalities(draft, checked, modality)
    if wrong or not modalities:
        return tuple(Finding(Grade.BAD, "", fault.problem, remedy=fault.remedy) for fault in wrong) or (_nothing(checked, modality),)
    place = checked.sites[modalities[0]].place
    if hosts := unconfirmed([place]):
        raise untrusted(Host(hosts[0]), place.kind, site=True)
    if place.kind is PlaceKind.FOLDER:
        found, seen = _sampled(checked, modalities, place, ctx)
    else:
        looked = unless_cancelled(lambda: _look(place, login), lambda _: None)
        found, seen = _connection(looked.findings), _seen(checked, modalities, looked)
    if seen is not None and seen.files:
        found += _matches(checked, modalities, seen)
    order = list(Grade)
    return tuple(sorted(found, key=lambda one: order.index(one.grade)))


def _modalities(draft: Draft, checked: Checked, modality: str) -> tuple[str, ...]:
    """Those in this place that can be read: of the site all that have no place of their own."""
    if modality != DEFAULT:
        return (modality,) if modality in checked.sites else ()
    return tuple(name for name in checked.sites if choice(draft, name).shared)


def _nothing(checked: Checked, modality: str) -> Finding:
    faults = [fault for fault in checked.faults if fault.key in ("", checked.file.name) or fault.key.startswith("site_path")]
    if faults:
        return Finding(Grade.BAD, "", faults[0].problem, remedy=faults[0].remedy)
    if modality != DEFAULT:
        return Finding(
            Grade.BAD, "", f"{modality} is not one of the modalities that this site submits.", remedy="Select it under “Modalities”."
        )
    what = "Every modality has a place of its own, so nothing is read from this one."
    return Finding(Grade.WARNING, "", what, remedy="Check the places of the modalities below.")


def _look(place: Place, login: Login | None) -> Looked:
    from chorus_gui.app.doctor.places import look_at

    return look_at(place, login)


def _connection(findings: Sequence[Finding]) -> list[Finding]:
    """What was found, with everything that is right in one sentence after the other."""
    good = " ".join(one.what for one in findings if one.grade is Grade.GOOD)
    rest = [one for one in findings if one.grade is not Grade.GOOD]
    return [*rest, *([Finding(Grade.GOOD, "", good)] if good else [])]


def _seen(checked: Checked, modalities: tuple[str, ...], looked: Looked) -> _Seen | None:
    if looked.page is None:
        return None
    seen = _Seen(whole=not looked.page.more)
    for name in looked.page.names:
        example = sampling.explain(checked, name, modalities)
        if not example.left_out:
            seen.files += 1
            _take(seen, name, example.modality)
    return seen


def _take(seen: _Seen, path: str, modality: str) -> None:
    examples = seen.matched.setdefault(modality, []) if modality else seen.unmatched
    if modality:
        seen.counts[modality] = seen.counts.get(modality, 0) + 1
    if len(examples) < EXAMPLES:
        examples.append(path)


def _sampled(checked: Checked, modalities: tuple[str, ...], place: Place, ctx: JobContext) -> tuple[list[Finding], _Seen | None]:
    found: list[Finding] = []
    if place.kind is PlaceKind.FOLDER:
        from chorus_gui.app.doctor.places import folder_finding

        found.append(folder_finding(os.fspath(place.folder or Path()), write=False))
        if found[0].grade is not Grade.GOOD:
            return found, None
    sample = sampling.sample(replace(checked, sites={name: checked.sites[name] for name in modalities}), ctx, extent=SAMPLE)
    found += [Finding(Grade.BAD, "", problem) for problem in sample.problems]
    if sample.unread:
        remedy = "Check the permissions of the folder and of the files in it."
        found.append(Finding(Grade.WARNING, "", sampling.unreadable(sample), remedy=remedy, examples=tuple(sample.unread[:EXAMPLES])))
    seen = _Seen(sample.files, sample.complete)
    seen.counts = {name: count for name, count in sample.matched.items() if count}
    seen.matched = {name: [one.path for one in sample.examples.get(name, [])[:EXAMPLES]] for name in seen.counts}
    seen.unmatched = [one.path for one in sample.examples.get("", [])[:EXAMPLES]]
    return found, seen


def _matches(checked: Checked, modalities: tuple[str, ...], seen: _Seen) -> list[Finding]:
    """How many of the files match each pattern; what matches none."""
    of = f"of {plural(seen.files, 'file')}" if seen.whole else f"of the first {plural(seen.files, 'file')}"
    found: list[Finding] = []
    for name in modalities:
        count = seen.counts.get(name, 0)
        if count:
            what = f"{count:,} {of} {agree(count, 'matches', 'match')} the pattern of {name}."
            found.append(Finding(Grade.GOOD, "", what, examples=tuple(seen.matched[name])))
        elif len(modalities) == 1 or seen.whole:
            pattern = checked.sites[name].pattern.text
            what = f"None {of} matches the pattern “{pattern}” of {name}."
            why = "A file that matches no pattern is not uploaded."
            grade = Grade.WARNING if len(modalities) == 1 else Grade.INFO
            found.append(Finding(grade, "", what, why, "Check the folder in the path, and the pattern.", tuple(seen.unmatched)))
    left = seen.files - sum(seen.counts.values())
    if left and seen.counts:
        what = f"{left:,} {of} {agree(left, 'matches', 'match')} no pattern, so {agree(left, 'it is', 'they are')} not uploaded."
        found.append(Finding(Grade.INFO, "", what, examples=tuple(seen.unmatched)))
    elif left and not any(one.grade is Grade.WARNING for one in found):
        what = f"None {of} matches a pattern."
        found.append(Finding(Grade.WARNING, "", what, "", "Check the folder in the path, and the patterns.", tuple(seen.unmatched)))
    return found
