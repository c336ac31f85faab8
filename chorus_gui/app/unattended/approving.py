"""A policy in the place of the person who approves a review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from chorus_gui.app.review import Review, Reviewing
from chorus_gui.app.unattended import quiet
from chorus_gui.app.unattended.policy import About, Broken, ModalityFacts, Policy, ReviewFacts, decide, is_quiet
from chorus_gui.app.words import agree, plural
from chorus_gui.core.errors import NotAllowedError
from chorus_gui.core.model import Change, ChangeKind, Tally
from chorus_gui.core.review.values import Query

EXAMPLES = 3
"""How many files are named for each broken rule."""
KINDS = {
    About.PROBLEMS: (ChangeKind.PROBLEM,),
    About.UNMATCHED: (ChangeKind.UNMATCHED,),
    About.DELETED: (ChangeKind.DELETED,),
    About.UPDATED: (ChangeKind.UPDATED,),
    About.UPLOAD: (ChangeKind.ADDED, ChangeKind.UPDATED),
}


class ByPolicy(Reviewing):
    """Approves what a policy allows; ``shown`` shows the review.  Afterwards, ``broken`` has the rules that it breaks."""

    def __init__(self, policy: Policy, shown: Reviewing) -> None:
        self.policy = policy.approving
        self._policy = policy
        self._shown = shown
        self.broken: tuple[Broken, ...] = ()

    def show(self, review: Review) -> None:
        """See :meth:`Reviewing.show`."""
        self._shown.show(review)

    def begin(self) -> None:
        """Raises :class:`NotAllowedError` if a rule forbids a run now, whatever a scan will find."""
        self._refuse(tuple(is_quiet(self._policy, quiet.now())))

    def check(self, review: Review) -> None:
        """Raises :class:`NotAllowedError` with all rules that the review breaks."""
        broken = decide(replace(facts_of(review), now=quiet.now()), self._policy)
        self._refuse(tuple(one._replace(examples=examples(review, one)) for one in broken))

    def _refuse(self, broken: tuple[Broken, ...]) -> None:
        self.broken = broken
        if broken:
            remedy = "Check the changes. If they are right, approve them yourself with “chorus-upload submit”, or change the policy."
            if all(one.about is About.NOTHING for one in broken):  # no change is the reason
                remedy = "Start it at another time, submit yourself with “chorus-upload submit”, or change the policy."
            raise NotAllowedError(
                f"The policy “{self._policy.name}” does not approve this submission: {plural(len(broken), 'rule')} {agree(len(broken), 'is', 'are')} not met.",
                [_with_examples(one) for one in broken],
                meaning="Nothing was recorded or uploaded.",
                remedy=remedy,
            )

    def confirm(self, review: Review) -> None:
        """:meth:`check` has approved the review."""


def facts_of(review: Review) -> ReviewFacts:
    """What a policy judges of a review.  Held-back changes are not part of it."""
    to_do, deleted, pending = review.to_do_by_modality(), review.deleted(), dict[str, Tally]()
    for _, modality, tally in review.along.parts:
        pending[modality] = pending.get(modality, Tally()) + tally
    facts: dict[str, ModalityFacts] = {}
    for modality in {**deleted, **to_do, **pending}:
        kinds = to_do.get(modality, {})
        gone, entries = deleted.get(modality, (0, 0))
        updated = kinds.get(ChangeKind.UPDATED, Tally())
        upload = kinds.get(ChangeKind.ADDED, Tally()) + updated + pending.get(modality, Tally())
        facts[modality] = ModalityFacts(gone, updated.files, entries, upload, modality in review.many_deletions)
    summary, unsure = review.summary, len(review.unsure_patients())
    return ReviewFacts(
        facts,
        problems=summary.total(ChangeKind.PROBLEM).files,
        leaks=len(review.leak_kinds),
        unmatched=summary.total(ChangeKind.UNMATCHED).files,
        possibly_not_data=summary.litter.files,
        patients_gone=len(review.lost_patients()) + unsure,
        patients_unsure=unsure,
    )


def examples(review: Review, broken: Broken) -> tuple[str, ...]:
    """Some of the files that a broken rule is about: the largest of those to upload, otherwise the first."""
    return tuple(islice(_paths(review, broken), EXAMPLES))


def _paths(review: Review, broken: Broken) -> Iterator[str]:
    modalities = (broken.modality,) if broken.modality else ()
    if broken.about is About.NOTHING:
        return
    if broken.about is About.LEAKS:
        yield from (f"{rule}: {path}" for rule, path in review.leak_kinds if path)
        return
    if broken.about is About.PATIENTS:
        lost = [*review.lost_patients(), *review.unsure_patients()][:EXAMPLES]
        for patient in lost:
            each = Query(kinds=(ChangeKind.DELETED,), patient=patient, excluded=False, limit=-(-EXAMPLES // len(lost)))
            yield from _named(review.changes(each))
    elif broken.about is About.NOT_DATA:
        yield from _named(review.changes(Query(litter=True, excluded=False, limit=EXAMPLES)))
    elif broken.about is About.UPLOAD:
        largest = Query(kinds=KINDS[About.UPLOAD], modalities=modalities, excluded=False, order="size", descending=True, limit=EXAMPLES)
        waiting = review.largest_pending(modalities or tuple(modality for _, modality, _ in review.along.parts), EXAMPLES)
        found = [(change.bytes, _name(change)) for change in review.changes(largest)]
        found += [(file.size, f"{file.modality}: {file.path}") for file in waiting]
        yield from (name for _, name in sorted(found, key=lambda one: -one[0]))
    else:
        only = Query(kinds=KINDS[broken.about], modalities=modalities, excluded=False, once=broken.about is About.DELETED, limit=EXAMPLES)
        yield from _named(review.changes(only))


def _named(changes: Iterator[Change]) -> Iterator[str]:
    return (_name(change) for change in changes)


def _name(change: Change) -> str:
    if not change.path:
        return change.note  # a whole site folder
    return f"{change.modality}: {change.path}" if change.modality else change.path


def _with_examples(broken: Broken) -> str:
    named = "".join(f"\n      {example}" for example in broken.examples)
    return f"{broken.rule}: {broken.text}{named}"
