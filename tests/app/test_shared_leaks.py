"""An acceptance of a leak counts for everybody, and so does its withdrawal: two computers take turns on one cloud journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faces import receipts
from hospital import Computer, Hospital

from chorus_gui.app.leaks import listing, refresh
from chorus_gui.app.status import Status
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.custody.beside import LARGEST
from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.readiness.accepted_list import NAME, AcceptedList, parse
from chorus_gui.core.readiness.leaks import Accepted
from chorus_gui.core.storage.local import LocalStore

LEAK = "1001/Images/dicom_unprocessed/7.dcm"
OTHER = "1001/Images/dicom_unprocessed/8.dcm"
LIST = f"journal.db.chorus/{NAME}"
WHY = "An empty phantom scan"
ACCEPT = f"leak accept --rule P1 --reason '{WHY}'"


@pytest.fixture
def leaky(hospital: Hospital) -> Hospital:
    """Both computers scanned a site with two files that have a leak."""
    for path in (LEAK, OTHER):
        file = hospital.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    for computer in (hospital.anna, hospital.bernd):
        computer.run("scan")
    return hospital


def open_leaks(computer: Computer) -> int:
    """How many leaks nobody accepted, as this computer knows after it read the shared list."""
    computer.sit_down()
    with Workspace(computer.world.config) as workspace:
        refresh(workspace, JobContext())
    with listing(computer.world.config) as found:
        return len(list(found.open))


def accepted(computer: Computer) -> dict[str, tuple[str, bool]]:
    """Path → who accepted it, and if that still holds."""
    found = computer.json("leak list --all", Status.FAULTY if open_leaks(computer) else 0)["accepted"]
    return {one["path"]: (one["by"].partition("@")[0], not one["withdrawn_us"]) for one in found}


def test_what_anna_accepts_bernd_can_send(leaky: Hospital) -> None:
    leaky.bernd.run("submit --yes", Status.DECISION)
    leaky.anna.run(ACCEPT)
    assert accepted(leaky.bernd) == {LEAK: ("anna", True), OTHER: ("anna", True)}
    leaky.bernd.run("submit --yes")
    assert {LEAK, OTHER} <= leaky.in_store()
    assert {(one.path, one.by.partition("@")[0], one.reason) for one in receipts()[-1].accepted} == {
        (LEAK, "anna", WHY),
        (OTHER, "anna", WHY),
    }


def test_what_bernd_withdraws_anna_does_not_send(leaky: Hospital) -> None:
    leaky.anna.run(ACCEPT)
    leaky.bernd.run(f"leak withdraw --rule P1 --file {LEAK}")
    said = leaky.anna.run("submit --yes", Status.DECISION)
    assert LEAK in said.said
    assert OTHER not in said.said
    assert leaky.in_store() == set()
    assert accepted(leaky.anna) == {LEAK: ("anna", False), OTHER: ("anna", True)}
    leaky.anna.run(ACCEPT)  # a person decides again
    leaky.bernd.run("submit --yes")
    assert {LEAK, OTHER} <= leaky.in_store()


@pytest.mark.parametrize("way", ["file upload", "file repair", "remote upload -r {site}/1001 extra", "submit --yes"])
def test_every_way_reads_the_list_first(way: str, leaky: Hospital) -> None:
    leaky.anna.run(ACCEPT)
    leaky.anna.run("journal update" if way != "file repair" else "submit --yes")
    for path in ("7.dcm", "8.dcm"):
        for blob in list(leaky.central.list()):
            if blob.path.endswith(path):
                leaky.central.delete(blob.path)
    leaky.bernd.run("leak withdraw --rule P1")
    leaky.anna.run(way.format(site=leaky.site.as_posix()), Status.DECISION)
    assert not {path for path in leaky.in_store() if path.endswith(("7.dcm", "8.dcm"))}


def test_a_file_that_is_no_longer_accepted_while_files_are_sent_is_not_sent(leaky: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.submission.held.AGAIN_S", 0.0)
    monkeypatch.setattr("chorus_gui.core.submission.held.HeldNow.__init__.__defaults__", (0.0,))
    text = leaky.anna.world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1")
    leaky.anna.world.file.write_text(text, "utf-8")
    leaky.anna.run(ACCEPT)
    real, withdrawn = LocalStore.put, [False]

    def put(store: LocalStore, path: str, *given: Any, **options: Any) -> Any:
        if not withdrawn[0] and ".chorus" not in path and path.endswith((".csv", ".dcm", ".dat")):
            withdrawn[0] = True
            shared = parse(b"".join(leaky.share.read(LIST)))
            ended = {key: {**entry, "withdrawals": [{"by": "bernd", "at_us": 5}]} for key, entry in shared.entries.items()}
            real(leaky.share, LIST, AcceptedList(ended).dump())
        return real(store, path, *given, **options)

    monkeypatch.setattr(LocalStore, "put", put)
    said = leaky.anna.run("submit --yes")
    assert withdrawn[0]
    assert len(leaky.in_store() & {LEAK, OTHER}) < 2
    assert "no longer accepted" in said.said
    assert all(not still for _, still in accepted(leaky.anna).values())


@pytest.fixture
def offline(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Whether the place of the side files can be reached."""
    away = [False]
    for method in ("put", "head", "read"):
        real = getattr(LocalStore, method)

        def call(store: LocalStore, path: str, *given: Any, real: Any = real, **options: Any) -> Any:
            if away[0] and ".chorus/" in path:
                raise StoreUnavailableError("No connection to the share.", remedy="Check the network.")
            return real(store, path, *given, **options)

        monkeypatch.setattr(LocalStore, method, call)
    return lambda on: away.__setitem__(0, on)


def test_offline_it_is_kept_here_and_shared_with_the_next_command(leaky: Hospital, offline: Callable[[bool], None]) -> None:
    offline(True)
    said = leaky.anna.run(ACCEPT, Status.STOPPED)
    assert "No connection to the share" in said.said
    assert leaky.anna.json("leak list", Status.FAULTY)["trouble"]
    assert open_leaks(leaky.bernd) == 2
    offline(False)
    assert leaky.anna.json("leak list")["trouble"] is None
    assert accepted(leaky.bernd) == {LEAK: ("anna", True), OTHER: ("anna", True)}


def test_an_old_copy_accepts_nothing_again(leaky: Hospital, offline: Callable[[bool], None]) -> None:
    leaky.anna.run(ACCEPT)
    accepted(leaky.bernd)
    old = b"".join(leaky.share.read(LIST))
    leaky.bernd.run("leak withdraw --rule P1")
    leaky.share.put(LIST, old)
    leaky.anna.run("submit --yes")  # the old list says nothing of the withdrawal, and bernd's computer has not been asked
    leaky.bernd.run("leak list", Status.FAULTY)
    assert all(not still for _, still in accepted(leaky.anna).values())


BAD = {
    "garbage": b"\0\xff\x00garbage",
    "empty": b"",
    "other JSON": b'{"a": 1}',
    "a newer version": b'{"format": "chorus-accepted-leaks", "version": 99, "accepted": []}',
    "deep": b"[" * 200_000,
    "huge": b"x" * (LARGEST + 1),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_list_accepts_nothing_and_is_not_overwritten(bad: str, leaky: Hospital) -> None:
    leaky.anna.run(ACCEPT)
    leaky.share.put(LIST, BAD[bad])
    assert "accepted" in leaky.bernd.run("leak list", Status.FAULTY).said
    leaky.bernd.run("submit --yes", Status.DECISION)
    leaky.bernd.run(ACCEPT, Status.STOPPED)
    assert b"".join(leaky.share.read(LIST)) == BAD[bad]
    leaky.share.delete(LIST)
    assert accepted(leaky.anna) == {LEAK: ("anna", True), OTHER: ("anna", True)}


ONE = Accepted("P1", "Images", LEAK, "", 5, 7, "why", "anna", 3)
ENDED = ONE._replace(withdrawn_by="bernd", withdrawn_us=9)


def test_lists_are_joined_in_any_order() -> None:
    one, two, ended = (AcceptedList.of([given]) for given in (("a", ONE), ("b", ONE), ("a", ENDED)))
    assert one.join(ended).dump() == ended.join(one).dump() == one.join(ended).join(one).dump()
    assert dict(one.join(ended).accepted) == {"a": ENDED}
    assert dict(one.join(two).join(ended).accepted) == {"a": ENDED, "b": ONE}
    assert parse(one.join(two).dump()).dump() == one.join(two).dump()


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"size": "5"},
        {"size": True},
        {"path": None},
        {"rule": 1},
        {"reason": ""},
        {"reason": " \n\t"},
        {"mtime_us": 2**60},
        {"modality": "\ud800"},
    ],
)
def test_an_entry_that_is_not_understood_accepts_nothing_and_is_kept(change: dict[str, Any]) -> None:
    (entry,) = AcceptedList.of([("a", ONE)]).entries.values()
    read = parse(AcceptedList({"x": {**entry, **change, "of": "later"}}).dump())
    assert list(read.accepted) == []
    assert b'"of": "later"' in read.dump()


@pytest.mark.parametrize("note", [[{}], [5], "yes", {"by": "x"}, [{"by": 1, "at_us": -4}]])
def test_any_withdrawal_withdraws(note: object) -> None:
    (entry,) = AcceptedList.of([("a", ONE)]).entries.values()
    ((_, found),) = parse(AcceptedList({"x": {**entry, "withdrawals": note}}).dump()).accepted
    assert found.withdrawn_us > 0
