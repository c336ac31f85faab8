"""After a check-in: what cloud journal, lock, local journal and this computer's note mean together, and what the next command does.

Anna checked in what she had uploaded.  Then something happens, and she gives the next command.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from custodyworld import (
    BLOB,
    LOCK,
    blob_bytes,
    checked_in,
    checkout,
    cloud_names,
    ctx,
    names,
    names_in,
    person,
    record,
    record_uploaded,
    uploaded,
)
from memorystore import MemoryStore
from old_tools import Tool2024, ToolPresent

from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.session import session
from chorus_gui.core.custody.state import look
from chorus_gui.core.errors import ChorusError

CONFIG = """\
[configuration]
supported_modalities = "OMOP"
[journal.source]
path = "share/journal.db"
[journal.local]
path = "anna/journal.db"
[central_path]
path = "central"
[site_path.default]
path = "site"
"""


class After:
    """Anna after her check-in.  ``stays``: she kept the journal checked out."""

    def __init__(self, folder: Path, *, stays: bool = False) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.store.put(BLOB, uploaded("base"))
        self.anna = person(self.store, folder / "anna")
        self.ben = person(self.store, folder / "ben", "Ben", "PC-2")
        checkout(self.anna, ctx())
        record_uploaded(self.anna.local, "new")
        checkin(self.anna, ctx(), keep_checked_out=stays)

    def config(self) -> Config:
        for name in ("site", "central", "share"):
            (self.folder / name).mkdir()
        (self.folder / "config.toml").write_text(CONFIG, "utf-8")
        return load(self.folder / "config.toml", environ={})

    def cloud(self) -> set[str] | None:
        """The files in the cloud journal, also in one that is in another tool's lock."""
        data = blob_bytes(self.store, LOCK)
        return set(names_in(data)) if data else None if (found := cloud_names(self.store)) is None else set(found)

    def local(self) -> set[str] | None:
        return names(self.anna.local) if self.anna.local.exists() else None

    def kept(self) -> set[str]:
        """The files in every journal that is left somewhere."""
        copies = [names(file) for file in self.folder.rglob("*.db") if file.stat().st_size]
        return set().union(self.cloud() or set(), *copies)


def same(_: After) -> None:
    """Nothing happened to it."""


def tool(kind: type[ToolPresent | Tool2024]) -> Callable[[After], None]:
    return lambda after: kind(after.store, after.folder / "theirs" / "journal.db").checkout()


CLOUD: dict[str, Callable[[After], object]] = {
    "same": same,
    "a colleague's later one": lambda after: checked_in(after.ben, "ben"),
    "an older one": lambda after: after.store.put(BLOB, uploaded("base")),
    "empty": lambda after: after.store.put(BLOB, b""),
    "gone": lambda after: after.store.delete(BLOB),
}
HOLDER: dict[str, Callable[[After], object]] = {
    "nobody": same,
    "Ben": lambda after: checkout(after.ben, ctx()),
    "the current tool": tool(ToolPresent),
    "the tool of 2024": tool(Tool2024),
}
LOCAL: dict[str, Callable[[After], object]] = {
    "same": same,
    "more": lambda after: record_uploaded(after.anna.local, "more"),
    "gone": lambda after: after.anna.local.unlink(),
}
NOTE: dict[str, Callable[[After], object]] = {"there": same, "lost": lambda after: after.anna.memory_file.unlink()}


def check_out(after: After, home: CloudJournal) -> str:
    return " ".join(checkout(home, ctx()).notes)


def check_in(after: After, home: CloudJournal) -> str:
    return " ".join(checkin(home, ctx()).notes)


def upload(after: After, home: CloudJournal) -> str:
    """A command that writes, and checks the journal out and in if Anna does not hold it."""
    with session(after.config(), home, ctx(), purpose="file upload", wait=0.0) as work:
        record(work.journal, "work")
    return " ".join(work.notes)


def read(after: After, home: CloudJournal) -> str:
    """A command that only reads; it says which journal it reads if that is not the cloud journal as Anna knows it."""
    with session(after.config(), home, ctx(), purpose="file list", write=False) as work:
        found = "+".join(sorted(names(work.journal))) if work.journal.exists() else "nothing"
    return " ".join([found, *work.notes])


COMMANDS = (check_out, check_in, upload, read)
DONE = ""
NOT_OUT = "not checked out here"
UNSAVED = "has changes that were never checked in"
LESS = "has less history than another copy"
BEN = "locked by Ben on PC-2"
THEIRS = "checked out with another tool"


@dataclass(frozen=True)
class Case:
    """What happened, the state that it is, and for each command a part of what is said; :data:`DONE`: nothing, it is done.

    A sentence with “!” before it refuses: nothing in the cloud and no local file is changed.
    """

    state: str
    check_out: str
    check_in: str
    upload: str
    read: str
    cloud: str = "same"
    holder: str = "nobody"
    local: str = "same"
    note: str = "there"
    stays: bool = False

    def arrange(self, folder: Path) -> After:
        after = After(folder, stays=self.stays)
        CLOUD[self.cloud](after)
        HOLDER[self.holder](after)
        LOCAL[self.local](after)
        NOTE[self.note](after)
        return after


RULES = {
    "nothing happened: she checks out and works, but there is nothing to check in": Case("free", DONE, "!" + NOT_OUT, DONE, "base+new"),
    "her note is lost: the two journals are equal, so nothing is in doubt": Case(
        "free", DONE, "!" + NOT_OUT, DONE, "base+new", note="lost"
    ),
    "her local file is gone: the cloud journal has all of it": Case("free", DONE, "!" + NOT_OUT, DONE, "base+new", local="gone"),
    "she worked on her local file without a check-out: that is never overwritten": Case(
        "free", "!" + UNSAVED, "!" + NOT_OUT, "!" + UNSAVED, "base+new Your local journal", local="more"
    ),
    "a colleague submitted since: his journal replaces hers": Case(
        "free", DONE, "!" + NOT_OUT, DONE, "base+ben+new", cloud="a colleague's later one"
    ),
    "a colleague submitted since, and she worked without a check-out": Case(
        "free",
        "!" + UNSAVED,
        "!" + NOT_OUT,
        "!" + UNSAVED,
        "base+ben+new Your local journal",
        cloud="a colleague's later one",
        local="more",
    ),
    "a colleague has it: only reading is possible": Case(
        "locked", "!" + BEN, "!" + BEN, "!" + BEN, f"base+new The journal is {BEN}", holder="Ben"
    ),
    "the current tool has it, in its lock": Case(
        "foreign", "!" + THEIRS, "!" + THEIRS, "!" + THEIRS, f"base+new The journal is {THEIRS}", holder="the current tool"
    ),
    "the tool of 2024 has it": Case(
        "foreign", "!" + THEIRS, "!" + THEIRS, "!" + THEIRS, f"base+new The journal is {THEIRS}", holder="the tool of 2024"
    ),
    "an older tool wrote an older journal over it: hers has more history": Case(
        "free", "!" + LESS, "!" + NOT_OUT, "!" + LESS, "base The journal has less history", cloud="an older one"
    ),
    "an older journal is there, and her note is lost: hers counts as not checked in": Case(
        "free", "!" + UNSAVED, "!" + NOT_OUT, "!" + UNSAVED, "base Your local journal", cloud="an older one", note="lost"
    ),
    "an older journal is there, and her local file is gone: the copy of the check-in has more history": Case(
        "free", "!" + LESS, "!" + NOT_OUT, "!" + LESS, "base The journal has less history", cloud="an older one", local="gone"
    ),
    "the cloud journal has zero bytes": Case("free", "!" + LESS, "!" + NOT_OUT, "!" + LESS, " The journal has less history", cloud="empty"),
    "the cloud journal was removed: her check-in puts it back": Case(
        "new", "was removed", "!" + NOT_OUT, "was removed", "base+new", cloud="gone"
    ),
    "the cloud journal was removed, and her note is lost: hers becomes the first": Case(
        "new", "no journal in the cloud yet", "!" + NOT_OUT, "no journal in the cloud yet", "base+new", cloud="gone", note="lost"
    ),
    "the cloud journal and her local file are gone: the copy of the check-in has more history": Case(
        "new", "!" + LESS, "!" + NOT_OUT, "!" + LESS, "nothing The journal has less history", cloud="gone", local="gone"
    ),
    "she kept it checked out: she continues, and checks in later": Case(
        "mine", "!You have the journal checked out", DONE, DONE, "base+new", stays=True
    ),
    "she kept it checked out and worked on": Case(
        "mine", "!You have the journal checked out", DONE, DONE, "base+more+new", stays=True, local="more"
    ),
    "she kept it checked out, and her local file is gone: nothing is checked in in its place": Case(
        "mine", "!You have the journal checked out", "!" + LESS, "!" + LESS, "base+new", stays=True, local="gone"
    ),
    "she kept it checked out, and her note is lost: the lock counts": Case(
        "locked",
        "!locked by Anna Å. on PC-1",
        "!locked by Anna Å. on PC-1",
        "!locked by Anna Å. on PC-1",
        "base+new",
        stays=True,
        note="lost",
    ),
    "she kept it checked out, and an older tool wrote an older journal": Case(
        "changed",
        "!" + LESS,
        "!Somebody changed the cloud journal",
        "!" + LESS,
        "base+new Somebody changed",
        stays=True,
        cloud="an older one",
    ),
    "she kept it checked out and worked on, and somebody wrote another journal": Case(
        "changed",
        "!Somebody changed the cloud journal",
        "!Somebody changed the cloud journal",
        "!Somebody changed the cloud journal",
        "base+more+new Somebody changed",
        stays=True,
        cloud="an older one",
        local="more",
    ),
    "she kept it checked out, and somebody removed the journal: a check-out starts again with hers": Case(
        "changed",
        "was removed",
        "!Somebody removed the cloud journal",
        "was removed",
        "base+new Somebody removed",
        stays=True,
        cloud="gone",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_the_next_command_does(rule: str, tmp_path: Path) -> None:
    case = RULES[rule]
    for command in COMMANDS:
        after = case.arrange(tmp_path / command.__name__)
        assert look(after.anna).state.value == case.state
        before = after.cloud(), after.local()
        expected = getattr(case, command.__name__)
        try:
            said, refused = command(after, after.anna), False
        except ChorusError as error:
            said, refused = f"{error.what} {error.meaning} {error.remedy}", bool(error.remedy)
        where = f"{command.__name__}: {said}"
        assert refused is expected.startswith("!"), where
        assert expected.lstrip("!") in said if expected else not said, where
        if refused or command is read:
            assert (after.cloud(), after.local()) == before, where
        elif command is upload and not case.stays:
            assert look(after.anna).state.value == "free", where
            assert after.cloud() == after.local() == {*(before[0] or before[1] or ()), "work"}, where


@pytest.mark.parametrize(
    ("cloud", "holder"), [*((cloud, "nobody") for cloud in CLOUD), *(("same", holder) for holder in HOLDER if holder != "nobody")]
)
def test_whatever_happened_no_command_loses_an_entry(cloud: str, holder: str, tmp_path: Path) -> None:
    """It is in the cloud journal, the local one, or a copy that is kept next to it.  The lock of somebody else stays."""
    for number, (local, note, command) in enumerate(itertools.product(LOCAL, NOTE, COMMANDS)):
        case = Case("", "", "", "", "", cloud=cloud, holder=holder, local=local, note=note)
        after = case.arrange(tmp_path / str(number))
        entries, lock = after.kept(), after.store.head(LOCK)
        with suppress(ChorusError):
            command(after, after.anna)
        assert after.kept() >= entries, f"{local}, {note}, {command.__name__}"
        if lock:
            assert after.store.head(LOCK) == lock, f"{local}, {note}, {command.__name__}"
