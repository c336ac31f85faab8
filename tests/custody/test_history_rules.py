"""The rules behind a warning of lost history: which journal has more, where copies are looked for, what a person's yes means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from custodyworld import ctx, journal_bytes, record, record_uploaded

from chorus_gui.core.custody import history_check
from chorus_gui.core.custody.history_check import (
    Around,
    Known,
    LessHistoryError,
    fuller,
    has_more,
    kept_copies,
    known,
    less,
    others,
    require,
)
from chorus_gui.core.errors import JournalError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = timedelta(days=1)

# --- which history is fuller ----------------------------------------------------------------------------------------------


def of(uploaded: int = 0, *versions: str, **other: Any) -> Known:
    return Known("a journal", uploaded, versions=versions, **other)


@pytest.mark.parametrize(
    ("other", "used", "more"),
    [
        pytest.param(of(6), of(5), True, id="more uploaded entries"),
        pytest.param(of(5), of(5), False, id="as many"),
        pytest.param(of(4), of(5), False, id="fewer"),
        pytest.param(of(1, "v1", "v2"), of(9, "v1"), True, id="a version that the used one lacks, whatever the counts"),
        pytest.param(of(5, "v1"), of(5, "v1", "v2"), False, id="a version less"),
        pytest.param(of(5, "v1", "v2"), of(5, "v2", "v1"), False, id="the same versions"),
        pytest.param(of(5, files=9), of(5, files=1), False, id="current files alone say nothing: recorded ones can be undone"),
        pytest.param(of(0, evidence=True), of(1), False, id="a trace of a journal is not more than a journal"),
        pytest.param(of(0, evidence=True), of(0, blank=True), True, id="a trace of a journal is more than none"),
        pytest.param(of(0, files=1), of(0, blank=True), True, id="current files are more than none"),
        pytest.param(of(1), of(0, blank=True), True, id="an uploaded entry is more than none"),
        pytest.param(of(0), of(0, blank=True), False, id="an empty journal is not"),
        pytest.param(of(0, "v1"), of(0, blank=True), False, id="a version without files is not"),
    ],
)
def test_which_of_two_journals_has_history_that_the_other_lacks(other: Known, used: Known, more: bool) -> None:
    assert has_more(other, used) is more
    assert (less(used, [other]) is other) is more


def test_the_fullest_copy_is_named_and_of_equal_ones_one_that_can_be_taken(tmp_path: Path) -> None:
    file, blob = tmp_path / "copy.db", "v1/journal.db"
    used = of(1)
    copies = [of(7, files=3), of(9, files=2), of(9, files=4), of(9, files=4, file=file), of(9, files=4)]
    assert less(used, copies) is copies[3]
    assert less(used, [of(9, files=4), of(9, files=4, blob=blob)]).can_be_taken  # type: ignore[union-attr]
    assert less(used, [*copies, of(10)]).uploaded == 10  # type: ignore[union-attr]
    assert less(used, [of(9, files=4, file=file), of(9, files=5)]).files == 5  # type: ignore[union-attr]
    assert less(used, []) is None


@pytest.mark.parametrize(
    ("journal", "said"),
    [
        (of(0, evidence=True), "a journal shows that there was another journal."),
        (of(3, evidence=True), "a journal has 3 uploaded entries and 0 current files."),
        (of(0, evidence=True, files=2), "a journal has 0 uploaded entries and 2 current files."),
        (of(1, files=1), "a journal has 1 uploaded entry and 1 current file."),
        (of(0, blank=True, problem="It is damaged."), "a journal cannot be used. It is damaged."),
        (of(0, blank=True), "a journal is empty."),
        (of(0, blank=True, missing=True), "a journal is missing."),
        (
            of(1200, "v1", "v2", files=1100, at=AT),
            "a journal (2026-01-02 03:04 UTC) has 1,200 uploaded entries and 1,100 current files. Its last version is v2.",
        ),
    ],
)
def test_what_people_read_of_a_journal(journal: Known, said: str) -> None:
    assert journal.describe() == said


def only_commands(file: Path) -> None:
    with Journal.open(file, create=True) as journal:
        journal.begin_command("journal update", "", common="", src_paths={}, dest=None)


def closed_only(file: Path) -> None:
    record_uploaded(file, "a.dcm")
    with Journal.open(file) as journal:
        journal.commit([Entry(Action.CLOSE, old_id=next(journal.rows()).file_id)])


@pytest.mark.parametrize(
    ("make", "uploaded", "files", "blank", "usable"),
    [
        pytest.param(lambda file: None, 0, 0, True, False, id="missing"),
        pytest.param(lambda file: file.write_bytes(b""), 0, 0, True, False, id="zero bytes"),
        pytest.param(lambda file: file.write_bytes(b"no journal at all" * 99), 0, 0, True, False, id="damaged"),
        pytest.param(lambda file: file.write_bytes(journal_bytes()), 0, 0, True, False, id="without entries"),
        pytest.param(only_commands, 0, 0, False, True, id="only a command: somebody worked with it"),
        pytest.param(lambda file: record(file, "a.dcm", "b.dcm"), 0, 2, False, True, id="recorded"),
        pytest.param(lambda file: record_uploaded(file, "a.dcm"), 1, 1, False, True, id="uploaded"),
        pytest.param(closed_only, 1, 0, False, True, id="uploaded, then deleted: it was uploaded"),
    ],
)
def test_what_a_file_is_as_a_journal(tmp_path: Path, make: Any, uploaded: int, files: int, blank: bool, usable: bool) -> None:
    file = tmp_path / "journal.db"
    make(file)
    found = known("It", file)
    assert (found.uploaded, found.files, found.blank, found.can_be_taken) == (uploaded, files, blank, usable)
    assert found.missing is not file.exists()
    assert bool(found.problem) is (file.exists() and file.read_bytes()[:9] == b"no journa")
    assert str(file) not in found.problem
    assert found.versions == (("20250101000000",) if uploaded else ())
    if file.exists() and file.stat().st_size:
        assert found.size == file.stat().st_size
    if file.exists():
        assert known("It", file, AT).at == AT
        assert found.at is not None
        assert abs(found.at.timestamp() - file.stat().st_mtime) < 1e-3


def test_the_kept_copies_are_those_that_can_be_opened_and_are_newer(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    record_uploaded(journal, "a.dcm")
    backups.keep(journal)
    (backups.folder(journal) / "journal.20260101-000000-000000.db").write_bytes(b"damaged" * 200)
    (copy,) = kept_copies(journal)
    assert (copy.uploaded, copy.file) == (1, next(found.path for found in backups.listing(journal) if found.readable))
    assert str(copy.file.name) in copy.where if copy.file else False
    assert copy.at is not None
    assert list(kept_copies(journal, copy.at - DAY)) == [copy]
    assert list(kept_copies(journal, copy.at)) == []


class Elsewhere:
    """Copies in the central store; counts how often somebody asks."""

    def __init__(self, *copies: Known) -> None:
        self.copies = copies
        self.asked = 0

    def __call__(self, used: Known, ctx: JobContext) -> Sequence[Known]:
        self.asked += 1
        return self.copies


def remember(file: Path, journal: Known, *, accepted: datetime | None = None) -> None:
    history_check.remember(file, journal)
    if accepted is not None:
        values = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps({**values, "accepted": accepted.isoformat()}), "utf-8")


COPY = Known("a copy in the central store", 9, versions=("v1", "v2"), at=AT, blob="v2/journal.db")
USED = Known("the journal", 5, versions=("v1",))


@pytest.mark.parametrize(
    ("used", "memory", "changes", "accepted", "asked", "counts"),
    [
        pytest.param(USED, None, {}, None, True, True, id="nothing is remembered: the central store is asked"),
        pytest.param(USED, USED, {}, None, False, False, id="the journal is the one that was used last: nobody is asked"),
        pytest.param(USED, replace(USED, uploaded=6), {}, None, True, True, id="it was fuller before"),
        pytest.param(USED, replace(USED, uploaded=4), {}, None, False, False, id="it grew since"),
        pytest.param(USED, USED, {"unseen": True}, None, True, True, id="it is another version of it"),
        pytest.param(USED, USED, {"unseen": True, "away": True}, None, False, False, id="somebody else works on it"),
        pytest.param(USED, None, {"away": True}, None, False, False, id="also if nothing is remembered"),
        pytest.param(of(0, blank=True), USED, {"away": True}, None, True, True, id="a blank journal is always doubtful"),
        pytest.param(USED, replace(USED, uploaded=6), {}, AT - DAY, True, True, id="a copy from after a person's yes"),
        pytest.param(USED, replace(USED, uploaded=6), {}, AT, True, False, id="a copy from before a person's yes"),
        pytest.param(
            replace(USED, versions=("v3",)),
            replace(USED, versions=("v3",)),
            {"unseen": True},
            None,
            True,
            False,
            id="a copy of another journal",
        ),
        pytest.param(replace(USED, versions=("v3",)), None, {}, None, True, True, id="which counts if nothing is remembered"),
    ],
)
def test_when_the_central_store_is_asked_for_copies_and_which_of_them_count(
    tmp_path: Path, used: Known, memory: Known | None, changes: dict[str, Any], accepted: datetime | None, asked: bool, counts: bool
) -> None:
    file, elsewhere = tmp_path / "history.json", Elsewhere(COPY)
    if memory is not None:
        remember(file, memory, accepted=accepted)
    found = list(others(used, Around(tmp_path / "journal.db", file, elsewhere, **changes), ctx()))
    assert bool(elsewhere.asked) is asked
    assert (COPY in found) is counts


def test_a_copy_with_the_same_versions_continues_the_journal_too(tmp_path: Path) -> None:
    remember(tmp_path / "history.json", USED)
    same, none = replace(COPY, versions=USED.versions), replace(COPY, versions=())
    around = Around(tmp_path / "journal.db", tmp_path / "history.json", Elsewhere(same, none), unseen=True)
    found = list(others(USED, around, ctx()))
    assert same in found
    assert none not in found, "one that lacks a version is another journal's"


def test_a_copy_without_a_time_counts_after_a_yes(tmp_path: Path) -> None:
    remember(tmp_path / "history.json", replace(USED, uploaded=6), accepted=AT)
    timeless = replace(COPY, at=None)
    assert timeless in list(others(USED, Around(tmp_path / "journal.db", tmp_path / "history.json", Elsewhere(timeless)), ctx()))


@pytest.mark.parametrize("memory", [USED, replace(USED, uploaded=6), None])
def test_kept_copies_are_opened_only_if_they_can_show_something(tmp_path: Path, memory: Known | None) -> None:
    journal = tmp_path / "journal.db"
    record_uploaded(journal, *"abcdefg")
    backups.keep(journal)
    if memory is not None:
        remember(tmp_path / "history.json", memory)
    found = [other.where for other in others(USED, Around(journal, tmp_path / "history.json"), ctx())]
    assert any("kept copy" in where for where in found) is (memory is not USED)
    assert ("The journal that this computer last used" in found) is (memory is not None)


def test_of_what_is_fuller_one_that_can_be_recovered_is_named(tmp_path: Path) -> None:
    """What is only remembered cannot be used; a copy that has as much can."""
    memory = tmp_path / "history.json"
    remember(memory, replace(USED, uploaded=9))
    around = Around(tmp_path / "journal.db", memory, Elsewhere(COPY))
    found = fuller(USED, around, ctx())
    assert found is not None
    assert found.blob == COPY.blob
    remember(memory, replace(USED, uploaded=9, files=4))
    found = fuller(USED, around, ctx())
    assert found is not None
    assert found.blob == COPY.blob, "also if it has fewer current files: an upload is what is never undone"
    found = fuller(USED, replace(around, elsewhere=Elsewhere(replace(COPY, uploaded=8))), ctx())
    assert found is not None
    assert (found.uploaded, found.can_be_taken) == (9, False), "a copy that has less does not stand for it"
    trace = Known("a lock", 9, evidence=True)
    assert trace in list(others(USED, replace(around, traces=(trace,)), ctx()))


def test_a_yes_is_remembered_with_its_time_and_a_later_use_keeps_it(tmp_path: Path) -> None:
    memory = tmp_path / "history.json"
    remember(memory, replace(USED, uploaded=6))
    around = Around(tmp_path / "journal.db", memory)
    with pytest.raises(LessHistoryError) as raised:
        require(USED, around, ctx())
    assert (raised.value.used.uploaded, raised.value.known.uploaded) == (5, 6)
    assert history_check.remembered(memory).uploaded == 6, "a no changes nothing"  # type: ignore[union-attr]
    before = datetime.now(UTC)
    require(USED, around, ctx(), accept=True)
    now = history_check.remembered(memory)
    assert now is not None
    assert now.accepted is not None
    assert before <= now.accepted <= datetime.now(UTC)
    require(USED, around, ctx())  # nobody is asked again
    history_check.remember(memory, replace(USED, uploaded=7, files=3, size=99))
    again = history_check.remembered(memory)
    assert again is not None
    assert (again.accepted, again.uploaded, again.files, again.size, again.versions) == (now.accepted, 7, 3, 99, ("v1",))


def test_a_yes_that_was_not_needed_is_not_remembered(tmp_path: Path) -> None:
    memory = tmp_path / "history.json"
    remember(memory, USED)
    require(USED, Around(tmp_path / "journal.db", memory), ctx(), accept=True)
    assert history_check.remembered(memory).accepted is None  # type: ignore[union-attr]


def test_a_journal_that_cannot_be_used_is_not_accepted_as_less_history(tmp_path: Path) -> None:
    """Whoever opens it says what is wrong with it; without a yes, the fuller copy is named first."""
    memory = tmp_path / "history.json"
    remember(memory, USED)
    damaged = of(0, blank=True, problem="It is damaged.")
    require(damaged, Around(tmp_path / "journal.db", memory), ctx(), accept=True)
    assert history_check.remembered(memory).accepted is None  # type: ignore[union-attr]
    with pytest.raises(LessHistoryError):
        require(damaged, Around(tmp_path / "journal.db", memory), ctx())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"uploaded": "x"}', "\0"])
def test_a_note_about_the_history_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.json").write_text(text)
    assert history_check.remembered(tmp_path / "history.json") is None
    history_check.remember(tmp_path / "missing" / "history.json", USED)  # and one that cannot be written stops nothing


@pytest.mark.parametrize("kept", [True, False])
def test_only_a_kept_copy_can_be_named_in_a_restore(tmp_path: Path, kept: bool) -> None:
    file = tmp_path / ("journal.db.backups" if kept else "elsewhere") / "copy.db"
    said = str(LessHistoryError(USED, of(9, file=file)))
    assert ("journal restore copy.db" in said) is kept
    assert "journal recover" in said
    assert "journal restore" not in str(LessHistoryError(USED, COPY))


def test_kept_copies_that_cannot_be_listed_do_not_stop_what_a_person_accepts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> None:
        raise JournalError("The folder cannot be read.")

    monkeypatch.setattr(backups, "newest", refused)
    file = tmp_path / "history.json"
    history_check.remember(file, USED, accepted=tmp_path / "journal.db")
    found = history_check.remembered(file)
    assert found is not None
    assert found.accepted is not None


@pytest.mark.parametrize("trace", [Known("a lock", evidence=True), of(0, blank=True, problem="It is damaged.")], ids=["a trace", "damaged"])
def test_a_trace_without_known_content_lacks_nothing_that_is_known(trace: Known) -> None:
    assert LessHistoryError(USED, trace).lost == ""
