"""Upload files again that are missing or different in the store, to where their rows say they are.

The journal is not changed: its rows say what was uploaded and when, and after the repair that is true again.  So only the content that
a row records may be sent.  A file that has changed since is a failure, and the next submission takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

from chorus_gui.core.errors import (
    ChorusError,
    ContentChangedError,
    PatternError,
    ReviewError,
    SourceChangedError,
    SourceError,
    SourceVanishedError,
)
from chorus_gui.core.model import Failure, Item, Proof, Tally, sums
from chorus_gui.core.review.values import Hold
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission import leak_gate
from chorus_gui.core.submission.guard import guarded
from chorus_gui.core.submission.upload import crowded_places, doubled_rows, no_place, two_at_one_place
from chorus_gui.core.submission.work import Work
from chorus_gui.core.transfer.checks import READ_AGAIN, failure_of
from chorus_gui.core.transfer.transfer import transfer
from chorus_gui.core.transfer.verify import Verdict, VerifyResult


def repair(work: Work, store: Store, wrong: Iterable[Verdict]) -> Iterator[Verdict]:
    """Send the files of these verdicts; each verdict again: OK where the file was uploaded and confirmed, otherwise as it was.

    What could not be sent is in ``work.log.failures``.  Raises :class:`LeakError` before anything is sent; as :func:`~chorus_gui.core.transfer.transfer.transfer`.
    """
    order = work.config.in_order(work.config.modalities)
    wrong = sorted(wrong, key=lambda verdict: order.index(verdict.row.modality) if verdict.row.modality in order else len(order))
    waiting, store = {verdict.row.file_id: verdict for verdict in wrong}, guarded(store)
    rows = (verdict.row for verdict in waiting.values())
    leak_gate.refuse(
        work, (leak_gate.of_row(row) for row in rows if not work.stays(row.modality, row.path, row.patient_id)), "Nothing was repaired."
    )
    for version in sorted({verdict.row.version for verdict in waiting.values()}):
        store.open(version)
    work.ctx.progress.begin("upload", sums((v.row.modality, Tally(1, v.row.size)) for v in waiting.values()))
    stray = doubled_rows(work.journal)
    crowded = crowded_places(work, {verdict.row.version for verdict in waiting.values()}, stray)
    refused: list[Verdict] = []

    def items() -> Iterator[Item]:
        for verdict in waiting.values():
            row = verdict.row
            try:
                item = Item.of_row(row, work.config.store_path(row.modality, row.path, row.version))
                if hash(item.store_path) in crowded or row.file_id in stray:
                    raise two_at_one_place()
                if work.is_held(row.modality, row.path, row.patient_id):
                    raise _held(work.log.held[row.modality, row.path])
                if work.config.exclude.covers(row.path):
                    raise _left_out()
                check_still_the_file(work, item)
            except ChorusError as error:
                if error.fatal or not isinstance(error, (PatternError, SourceError, ReviewError)):
                    raise
                work.log.fail(failure_of(Item.of_row(row, ""), no_place(error) if isinstance(error, PatternError) else error))
                work.ctx.progress.add(row.modality, failed=1)
                refused.append(verdict)
                continue
            yield item

    with closing(transfer(items(), work.sources, store, work.ctx, work.bulk)) as results:
        for result in results:
            verdict = waiting[result.item.key]
            if isinstance(result, Proof):
                store.learn([result])
                work.log.prove(result, verdict.row.version)
                yield replace(
                    verdict, result=VerifyResult.OK, level=result.level, store_path=result.item.store_path, detail="Uploaded again."
                )
            else:
                work.log.fail(_explained(work, result))
                yield verdict
    yield from refused


def _held(hold: Hold) -> ReviewError:
    return ReviewError(
        f"{hold.held_by or 'Somebody'} holds it back: {hold.reason}.",
        remedy="If it may be uploaded after all, release it (“hold release”), then repair again.",
    )


def _left_out() -> ReviewError:
    return ReviewError(
        "“exclude” in the configuration leaves it out now.",
        remedy="To upload it again, change “exclude”, then repair again. Otherwise mark it as deleted (“file mark_as_deleted”).",
    )


def check_still_the_file(work: Work, item: Item) -> None:
    """Raise :class:`SourceError` unless the site has the file with the size and time that the journal recorded."""
    try:
        now = work.sources[item.modality].stat(item.path)
    except SourceVanishedError as error:
        raise SourceVanishedError(
            f"“{item.path}” is no longer on the site, so it cannot be uploaded again.",
            remedy="Put the file back on the site, then repair again. If it was deleted on purpose, mark it as deleted with “file mark_as_deleted”.",
        ) from error
    if now.size != item.size:
        how = f"it has {now.size:,} bytes, and {item.size:,} were uploaded"
    elif now.mtime_us != item.mtime_us:
        how = "it has another time"
    else:
        return
    raise SourceChangedError(
        f"“{item.path}” has changed on the site since it was uploaded: {how}.",
        remedy="Submit: the file is compared, and uploaded with its present content.",
    )


def _explained(work: Work, failure: Failure) -> Failure:
    """A failed upload, explained for a repair if the file has changed meanwhile."""
    if failure.kind not in (ContentChangedError.__name__, SourceChangedError.__name__, SourceVanishedError.__name__):
        return failure
    try:
        check_still_the_file(work, failure.item)
    except SourceError as error:
        return replace(failure_of(failure.item, error), attempts=failure.attempts)
    return replace(
        failure,
        kind=ContentChangedError.__name__,
        cause=f"“{failure.item.path}” has changed on the site since it was uploaded: it has other content, but the same size and time.",
        remedy=f"Find out which content is right. To submit the present content, {READ_AGAIN}.",
    )
