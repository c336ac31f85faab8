"""When a journal that has less history than another one is shown, and what is downloaded to know it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from custodyworld import BLOB, checked_in, ctx, entry, names, record_uploaded, uploaded
from memorystore import MemoryStore

from chorus_gui.core.custody import checkout as checkout_module
from chorus_gui.core.custody import history_check
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout, lost_history, shows_less
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.custody.unlock import set_aside, unlock
from chorus_gui.core.journal.store import Journal


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """The cloud journal is, or is not, too large to be downloaded only to show something."""
    if request.param:
        monkeypatch.setattr(checkout_module, "LARGE", 10)
    return bool(request.param)


def replaced(store: MemoryStore, anna: CloudJournal, *, smaller: bool) -> None:
    """Anna checked in; then another tool put a journal with less history there."""
    checked_in(anna, *(f"{number}.dcm" for number in range(400)))
    there = store.head(BLOB)
    assert there is not None
    data = uploaded("0.dcm")
    assert len(data) < there.size
    store.put(BLOB, data if smaller else data + bytes(there.size - len(data)))


def test_a_journal_that_became_smaller_is_downloaded_and_compared(shared: MemoryStore, anna: CloudJournal, large: bool) -> None:
    replaced(shared, anna, smaller=True)
    before = shared.calls["read"]
    less = shows_less(anna, look(anna, ctx()), ctx())
    assert less is not None
    assert (less.used.uploaded, less.known.uploaded) == (1, 400)
    assert shared.calls["read"] > before


def test_a_large_journal_that_did_not_become_smaller_is_not_downloaded_to_show_something(
    shared: MemoryStore, anna: CloudJournal, large: bool
) -> None:
    """The next command downloads it, and says what was lost."""
    replaced(shared, anna, smaller=False)
    before = shared.calls["read"]
    less = shows_less(anna, look(anna, ctx()), ctx())
    assert (less is None) is large
    assert (shared.calls["read"] == before) is large


def test_a_large_journal_that_is_the_one_of_the_last_time_is_not_downloaded(shared: MemoryStore, anna: CloudJournal, large: bool) -> None:
    """Also if this computer remembers that it was larger: it was compared then."""
    checked_in(anna, "one.dcm")
    memory = history_check.remembered(anna.history_file)
    assert memory is not None
    history_check.remember(anna.history_file, history_check.known("", anna.local), accepted=anna.local)
    before = shared.calls["read"]
    assert shows_less(anna, look(anna, ctx()), ctx()) is None
    if large:
        assert shared.calls["read"] == before


def test_what_is_checked_out_here_is_compared_without_a_download(shared: MemoryStore, anna: CloudJournal, large: bool) -> None:
    checked_in(anna, "one.dcm", "two.dcm")
    checkout(anna, ctx())
    anna.local.write_bytes(uploaded("one.dcm"))
    before = shared.calls["read"]
    state = look(anna, ctx())
    assert state.state is State.MINE
    less = shows_less(anna, state, ctx())
    assert less is not None
    assert (less.used.uploaded, less.known.uploaded) == (1, 2)
    assert shared.calls["read"] == before


def test_the_file_that_a_command_would_read_is_compared_and_no_other(shared: MemoryStore, anna: CloudJournal) -> None:
    checked_in(anna, "one.dcm")
    copy = anna.local.with_name("copy.db")
    record_uploaded(copy, "one.dcm", "two.dcm")
    before = shared.calls["read"]
    assert lost_history(anna, look(anna, ctx()), copy, ctx()) is None
    assert lost_history(anna, look(anna, ctx()), anna.local, ctx()) is None
    less = copy.with_name("less.db")
    record_uploaded(less, "zero.dcm")
    anna.local.write_bytes(copy.read_bytes())
    found = lost_history(anna, look(anna, ctx()), less, ctx())
    assert found is not None, "the local journal has more than the copy"
    assert found.known.uploaded == 2
    assert shared.calls["read"] == before


def test_after_a_journal_was_set_aside_the_cloud_journal_counts(shared: MemoryStore, anna: CloudJournal) -> None:
    """Whatever the file that the person set aside had: that was the decision."""
    shared.put(BLOB, uploaded("one.dcm"))
    checkout(anna, ctx())
    record_uploaded(anna.local, "two.dcm", "three.dcm")
    set_aside(anna, ctx())
    assert lost_history(anna, look(anna, ctx()), None, ctx()) is None
    checkout(anna, ctx())
    assert names(anna.local) == {"one.dcm"}


@pytest.mark.parametrize("accept", [False, True])
def test_a_site_without_any_journal_has_lost_nothing(store: MemoryStore, anna: CloudJournal, accept: bool) -> None:
    home = replace(anna, accept_less=accept)
    assert lost_history(home, look(home, ctx()), None, ctx()) is None


def test_two_journals_that_each_lack_something_are_compared_and_none_is_the_fuller_one(
    shared: MemoryStore, anna: CloudJournal, ben: CloudJournal
) -> None:
    """Anna's check-out was lost: Ben unlocked the journal, and submitted more than she did."""

    def sent(home: CloudJournal, version: str, *files: str) -> None:
        with Journal.open(home.local) as opened:
            opened.commit([replace(entry(name), version=version, uploaded="20250101000000") for name in files])

    checked_in(anna, "one.dcm")
    checkout(anna, ctx())
    sent(anna, "v2", "two.dcm")
    unlock(ben, ctx(), force=True)
    checkout(ben, ctx())
    sent(ben, "v3", "three.dcm", "four.dcm")
    checkin(ben, ctx())
    state = look(anna, ctx())
    assert state.state is State.CHANGED
    assert shows_less(anna, state, ctx()) is None, "the lost check-out is what she has to decide"
    found = lost_history(anna, state, None, ctx())
    assert found is not None
    assert "Only the first has version v3. Only the second has version v2." in found.meaning
    assert "fuller" not in f"{found.what} {found.remedy}"
    assert "less history than" not in found.what


@pytest.mark.parametrize("left", [None, b""], ids=["missing", "empty"])
def test_a_local_journal_that_is_gone_while_it_is_checked_out_is_what_is_missing(
    shared: MemoryStore, anna: CloudJournal, left: bytes | None
) -> None:
    """Not the cloud journal, which is there: the drive of the local file can be disconnected."""
    checked_in(anna, "one.dcm")
    checkout(anna, ctx())
    anna.local.unlink()
    if left is not None:
        anna.local.write_bytes(left)
    found = shows_less(anna, look(anna, ctx()), ctx())
    assert found is not None
    assert found.meaning.startswith(f"The local journal {anna.local}")
    assert anna.url not in found.meaning
