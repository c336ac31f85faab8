"""The leak book: every file in which a check found patient data that must not be sent, and what a person accepted.

One database for each journal, of this user alone.  It names paths, rules and reasons, never a value.  A leak of a file stays in it until
a check of at least the same depth reads the file and no longer finds it.  So a file that changed since is not taken for a clean one.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from chorus_gui.core import private
from chorus_gui.core.computer import computer_fault, is_damaged
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ChorusError, ReviewError
from chorus_gui.core.folders import data_folder, remove_file, replace_file, user_at_host
from chorus_gui.core.own_database import own_database
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness import forgotten
from chorus_gui.core.readiness.checking import Checking, place
from chorus_gui.core.readiness.findings import FileState
from chorus_gui.core.readiness.leak_marks import ANY, Mark
from chorus_gui.core.readiness.leak_tables import FROM_1, SCHEMA
from chorus_gui.core.readiness.pass_runs import PassRun, from_text, to_text
from chorus_gui.core.readiness.snapshots import Snapshot

FORMAT = 4
"""2: what is accepted names the subject, and has an id of its own.  3: a table's columns.  4: what is missing, and marks."""
BOOKS = "leaks-*.db"
"""Names of books in the folder."""
BATCH = 1000
MOST_UNCHECKED = 1000
"""Places that could not be checked; if there are more, no earlier leak is taken back."""
_COLUMNS = "rule, modality, path, about, size, mtime_us, reason, accepted_by, at_us, coalesce(withdrawn_by, ''), coalesce(withdrawn_us, 0)"
_ACCEPTED = (
    "SELECT 1 FROM accepted a WHERE (a.modality, a.path, a.rule, a.about) = (l.modality, l.path, l.rule, l.about) "
    "AND (a.size, a.mtime_us) = ({size}, {mtime_us}) AND a.withdrawn_us IS NULL"
)


class Leak(NamedTuple):
    """A leak of a file: which rule, about what, the size and time that the file had, and the pass that found it."""

    rule: str
    modality: str
    path: str
    about: str
    size: int
    mtime_us: int
    deepest: Pass

    @property
    def state(self) -> FileState:
        """The file as it was."""
        return FileState(self.modality, self.path, self.size, self.mtime_us)


class Accepted(NamedTuple):
    """A leak that a person accepted, for exactly this file and subject.  ``withdrawn_us`` 0: it still holds."""

    rule: str
    modality: str
    path: str
    about: str
    size: int
    mtime_us: int
    reason: str
    by: str
    at_us: int
    withdrawn_by: str = ""
    withdrawn_us: int = 0


def book_path(journal: Path) -> Path:
    """Where the leaks of the site of this journal are kept."""
    key = hashlib.sha256(os.path.normcase(os.path.abspath(journal)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return data_folder("readiness") / f"leaks-{key}.db"


class LeakBook:
    """The book of one journal.  A connection belongs to the thread that opened it.  Raises :class:`ReviewError` if it is damaged."""

    def __init__(self, journal: Path, *, file: Path | None = None) -> None:
        self.path = file or book_path(journal)
        try:
            private.make(self.path)
            self._db = own_database(self.path, timeout=30)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(self.path, error) from error
        try:
            self._begin()
        except BaseException:
            self._db.close()
            raise

    def _begin(self) -> None:
        found = self._all("PRAGMA user_version")[0][0]
        if found > FORMAT:
            raise ReviewError(
                f"A newer CHoRUS Upload wrote this computer's list of leaks, “{self.path}”.",
                meaning="So it is not known which files must not be sent, and nothing was uploaded.",
                remedy="Install the newest CHoRUS Upload.",
            )
        if found == FORMAT:
            return
        with self._changing():
            for statement in (SCHEMA + forgotten.SCHEMA).split(";"):
                self._db.execute(statement)
            if "uid" not in {name for _, name, *_ in self._db.execute("PRAGMA table_info(accepted)")}:
                for statement in FROM_1:
                    self._db.execute(statement)
            for table in ("counted", "sent"):
                if "columns" not in {name for _, name, *_ in self._db.execute(f"PRAGMA table_info({table})")}:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN columns TEXT NOT NULL DEFAULT ''")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _all(self, statement: str, given: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._db.execute(statement, given).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def _each(self, statement: str, given: Sequence[Any] = ()) -> Iterator[Any]:
        """As :meth:`_all`, one by one: there can be a million."""
        try:
            yield from self._db.cursor().execute(statement, given)
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def __enter__(self) -> LeakBook:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _changing(self) -> Generator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise _unusable(self.path, error) from error
            raise

    # --- what checks found ------------------------------------------------------------------------------------------

    @contextmanager
    def checking(self) -> Generator[Checking]:
        """A check.  When the block ends, however it ends, what it found is in the book.  Only a complete one takes leaks back."""
        ((newest,),) = self._all("SELECT coalesce(max(run), 0) FROM leak")
        with closing(Checking(self._tables("sent"), self._tables("counted"), newest)) as made:
            paths = self._all("SELECT DISTINCT path FROM leak WHERE modality = 'Images' AND pass = ?", (Pass.QUICK.rank,))
            made.series = frozenset(path.rpartition("/")[0] for (path,) in paths)
            made.missing = {place(*one) for one in self._each("SELECT DISTINCT modality, path FROM leak")}
            forgotten.prepare(self._db, made)
            try:
                yield made
            finally:
                self._take(made)

    def _take(self, made: Checking) -> None:
        now = time.time_ns()
        with self._changing():
            (newest,) = self._db.execute("SELECT coalesce(max(run), 0) FROM leak").fetchone()
            run = max(now, newest + 1)  # a clock can be set back
            lines = ((*line, run) for line in made.found())
            self._db.executemany("INSERT OR REPLACE INTO leak VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lines)
            counted = ((path, *one) for path, one in made.counted.items())
            self._db.executemany("INSERT OR REPLACE INTO counted VALUES (?, ?, ?, ?, ?, ?)", counted)
            if made.result is None:
                return
            rank = made.deepest.rank
            if len(made.unchecked) <= MOST_UNCHECKED and not any(not one.path for one in made.unchecked):
                self._take_back(rank, made)
                forgotten.bring_back(self._db, made, run)
                forgotten.looked(self._db, made)
            number = max((one.number for one in self.runs()), default=0) + 1
            self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?)", (rank, now // 1000, to_text(made.result, number)))

    def _take_back(self, rank: int, made: Checking) -> None:
        """Leaks that this check did not find again, where and for what it looked.

        What another check found meanwhile stays, and so does the leak of an image that is as it was and was not read.  Every leak of a file that
        the scan did not see is taken back, whichever pass found it: what is not there is not sent.
        """
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS missing (modality TEXT, path TEXT, PRIMARY KEY (modality, path)) WITHOUT ROWID")
        self._db.execute("DELETE FROM missing")
        if made.missing:
            known = self._db.cursor().execute("SELECT DISTINCT modality, path FROM leak")
            self._db.executemany("INSERT INTO missing VALUES (?, ?)", (one for one in known if place(*one) in made.missing))
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS unread (path TEXT PRIMARY KEY, size INTEGER, mtime_us INTEGER) WITHOUT ROWID")
        self._db.execute("DELETE FROM unread")
        self._db.executemany("INSERT OR REPLACE INTO unread VALUES (?, ?, ?)", made.unread())
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS missed (path TEXT, below TEXT)")
        self._db.execute("DELETE FROM missed")
        self._db.executemany("INSERT INTO missed VALUES (?, ?)", ((one.path, f"{one.path}/") for one in made.unchecked))
        self._db.executemany("INSERT INTO missed VALUES (?, ?)", ((folder, f"{folder}/" if folder else "") for folder in made.folders))
        seen = (
            "run <= ? AND modality IN (SELECT value FROM json_each(?)) AND NOT EXISTS "
            "(SELECT 1 FROM missed m WHERE leak.path = m.path OR substr(leak.path, 1, length(m.below)) = m.below)"
        )
        within = (made.newest, json.dumps(made.modalities))
        forgotten.keep_missing(self._db, seen, within)
        self._db.execute(
            f"DELETE FROM leak WHERE {seen} AND ((modality, path) IN (SELECT modality, path FROM missing) OR (pass <= ? AND rule IN (SELECT value FROM json_each(?)) "
            "AND NOT (modality = 'Images' AND pass = ? AND EXISTS (SELECT 1 FROM unread u "
            "WHERE (u.path, u.size, u.mtime_us) = (leak.path, leak.size, leak.mtime_us)))))",
            (*within, rank, json.dumps(sorted(made.rules)), Pass.QUICK.rank),
        )

    # --- marks ------------------------------------------------------------------------------------------------------

    def learn_marks(self, marks: Iterable[Mark]) -> list[Mark]:
        """Remember what other books said; everything that counts then, with what this book says."""
        with self._changing():
            return forgotten.learn(self._db, marks)

    def belong_to(self, config: Config) -> None:
        """The book is about the site of this configuration: a new one learns from other books about the same site."""
        with self._changing():
            forgotten.belong_to(self._db, forgotten.site_of(config), (file for file in self.path.parent.glob(BOOKS) if file != self.path))

    def marks(self) -> list[Mark]:
        """Leaks that somebody found, and of which this book does not know the files."""
        with self._changing():
            return forgotten.unanswered(self._db)

    def statements(self) -> list[Mark]:
        """What is left of this book if its files are forgotten."""
        with self._changing():
            known = forgotten.statements(self._db)
            return [*(mark for mark in known if mark.files), *forgotten.unanswered(self._db)]

    # --- tables of the last submission ------------------------------------------------------------------------------

    def _tables(self, table: str) -> dict[str, Snapshot]:
        return {path: Snapshot(*one) for path, *one in self._all(f"SELECT * FROM {table}")}

    def submitted(self, tables: Iterable[FileState]) -> None:
        """These OMOP tables are in the central store.  What was counted of them is kept for the next comparison."""
        counted = self._tables("counted")
        lines: list[tuple[Any, ...]] = []
        for table in tables:
            known = counted.get(table.path)
            same = known is not None and (known.size, known.mtime_us) == (table.size, table.mtime_us)
            lines.append((table.path, *known) if same and known is not None else (table.path, table.size, table.mtime_us, None, None, ""))
        with self._changing():
            self._db.execute("DELETE FROM sent")
            self._db.executemany("INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?)", lines)

    def runs(self) -> list[PassRun]:
        """The last run of each pass, the shallowest first.  What cannot be read is left out."""
        kept = (from_text(*line) for line in self._all("SELECT pass, ended_us, result FROM run ORDER BY pass"))
        return [run for run in kept if run is not None]

    def __bool__(self) -> bool:
        """It has leaks, accepted or not."""
        return bool(self._all("SELECT 1 FROM leak LIMIT 1"))

    def places(self, most: int) -> set[tuple[str, str]] | None:
        """(modality, path) of every file with a leak, accepted or not; None if there are more than ``most``."""
        found = self._all("SELECT DISTINCT modality, path FROM leak LIMIT ?", (most + 1,))
        return set(found) if len(found) <= most else None

    def leaks(self, rules: Collection[str], *, accepted: bool = False) -> Iterator[Leak]:
        """The leaks of these rules that nobody accepted (``accepted``: all), by rule and path, as the files were when they were found."""
        passes = list(Pass)
        hidden = "" if accepted else f"AND NOT EXISTS ({_ACCEPTED.format(size='l.size', mtime_us='l.mtime_us')})"
        statement = (
            "SELECT rule, modality, path, about, size, mtime_us, max(pass) FROM leak l WHERE rule IN (SELECT value FROM json_each(?)) "
            f"{hidden} GROUP BY rule, modality, path, about ORDER BY rule, modality, path, about"
        )
        for rule, modality, path, about, size, at, rank in self._each(statement, (json.dumps(sorted(rules)),)):
            yield Leak(rule, modality, path, about, size, at, passes[rank])

    def count(self, rules: Collection[str]) -> dict[str, int]:
        """Rule → how many files have an open leak of it, as the files were when they were found; "" → how many have any."""
        where = (
            "FROM leak l WHERE rule IN (SELECT value FROM json_each(?)) "
            f"AND NOT EXISTS ({_ACCEPTED.format(size='l.size', mtime_us='l.mtime_us')})"
        )
        given = (json.dumps(sorted(rules)),)
        each = self._all(f"SELECT rule, count(*) FROM (SELECT DISTINCT rule, modality, path {where}) GROUP BY rule", given)
        ((total,),) = self._all(f"SELECT count(*) FROM (SELECT DISTINCT modality, path {where})", given)
        return {**dict(each), "": total}

    def of(self, file: FileState, rules: Collection[str]) -> tuple[list[Leak], list[Accepted]]:
        """The leaks of a file that is about to be sent, and those of them that a person accepted for the file as it is now."""
        passes, leaks, accepted = list(Pass), list[Leak](), list[Accepted]()
        rows = self._all(
            "SELECT rule, modality, path, about, size, mtime_us, pass FROM leak WHERE modality = ? AND path = ?", (file.modality, file.path)
        )
        if not rows:
            return leaks, accepted
        now = (file.size, file.mtime_us)
        allowed = {(one.rule, one.about): one for one in self.accepted(file.modality, file.path) if (one.size, one.mtime_us) == now}
        for rule, modality, path, about, size, at, rank in rows:
            leak = Leak(rule, modality, path, about, size, at, passes[rank])
            if (rule, about) in allowed:
                accepted.append(allowed[rule, about])
            elif leak.rule in rules:
                leaks.append(leak)
        return leaks, list(dict.fromkeys(accepted))

    # --- what people accepted ---------------------------------------------------------------------------------------

    def accepted(self, modality: str = "", path: str = "", *, withdrawn: bool = False) -> list[Accepted]:
        """What is accepted, for one file or for all; ``withdrawn``: what is no longer accepted, too."""
        parts, values = ["1"], list[str]()
        if path:
            parts, values = ["modality = ? AND path = ?"], [modality, path]
        if not withdrawn:
            parts.append("withdrawn_us IS NULL")
        rows = self._all(
            f"SELECT {_COLUMNS} FROM accepted WHERE {' AND '.join(parts)} ORDER BY rule, modality, path, id",
            values,
        )
        return [Accepted(*row) for row in rows]

    def accept(self, leaks: Iterable[Leak], reason: str, *, at_us: int = 0) -> int:
        """Accept these leaks of these files as they are, at ``at_us`` or now.  The caller checked the reason.  How many files."""
        who, now = user_at_host(), at_us or time.time_ns() // 1000
        files = set[tuple[str, str]]()
        with self._changing():
            for one in leaks:
                key = (one.modality, one.path, one.rule, one.about, one.size, one.mtime_us)
                there = "(modality, path, rule, about, size, mtime_us) = (?, ?, ?, ?, ?, ?) AND withdrawn_us IS NULL"
                if self._db.execute(f"SELECT 1 FROM accepted WHERE {there}", key).fetchone() is None:
                    self._db.execute(
                        "INSERT INTO accepted (modality, path, rule, about, size, mtime_us, reason, accepted_by, at_us, uid) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (*key, reason, who, now, secrets.token_hex(8)),
                    )
                    files.add((one.modality, one.path))
        return len(files)

    def learn(self, shared: Iterable[tuple[str, Accepted]]) -> list[tuple[str, Accepted]]:
        """Remember what colleagues accepted and withdrew, by id; everything that is known then.  What is withdrawn once stays so."""
        known = "SELECT withdrawn_us FROM accepted WHERE (uid, rule, modality, path, about, size, mtime_us) = (?, ?, ?, ?, ?, ?, ?)"
        with self._changing():
            for uid, one in shared:
                key = (uid, *one[:6])
                found = self._db.execute(known, key).fetchone()
                ended = (one.withdrawn_by, one.withdrawn_us) if one.withdrawn_us else (None, None)
                if found is None:
                    self._db.execute(
                        "INSERT INTO accepted (uid, rule, modality, path, about, size, mtime_us, reason, accepted_by, at_us, withdrawn_by, "
                        "withdrawn_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (*key, one.reason, one.by, one.at_us, *ended),
                    )
                elif found[0] is None and one.withdrawn_us:
                    self._db.execute("UPDATE accepted SET withdrawn_by = ?, withdrawn_us = ? WHERE uid = ?", (*ended, uid))
        return [(uid, Accepted(*row)) for uid, *row in self._all(f"SELECT uid, {_COLUMNS} FROM accepted ORDER BY id")]

    def accept_again(self, rule: str, withdrawn_us: int) -> int:
        """Accept what this person withdrew of a rule here at that time, with the earlier reason; how many files were not accepted.

        What this person had accepted counts from then; what a colleague had, is accepted by this person now.
        """
        who, now = user_at_host(), time.time_ns() // 1000
        there = {one[:6] for one in self.accepted()}
        ended = (
            one for one in self.accepted(withdrawn=True) if (one.rule, one.withdrawn_us, one.withdrawn_by) == (rule, withdrawn_us, who)
        )
        back = [one for one in ended if one[:6] not in there]
        self.learn(
            (secrets.token_hex(8), one._replace(by=who, at_us=one.at_us if one.by == who else now, withdrawn_by="", withdrawn_us=0))
            for one in back
        )
        return len({(one.modality, one.path) for one in back})

    def withdraw(self, rule: str, paths: Collection[str] = (), *, at_us: int = 0, now_us: int = 0) -> int:
        """Withdraw what is accepted of a rule, for all files or (``paths``) for these, or (``at_us``) what this person accepted here at that time; how many.

        ``now_us``: the time of the withdrawal, for :meth:`accept_again`.
        """
        who, now = user_at_host(), now_us or time.time_ns() // 1000
        chosen = " AND path IN (SELECT value FROM json_each(?))" if paths else ""
        given: tuple[object, ...] = (rule, json.dumps(sorted(paths))) if paths else (rule,)
        if at_us:
            chosen, given = f"{chosen} AND at_us = ? AND accepted_by = ?", (*given, at_us, who)
        where = f"WHERE rule = ? AND withdrawn_us IS NULL{chosen}"
        with self._changing():
            (count,) = self._db.execute(f"SELECT count(*) FROM (SELECT DISTINCT modality, path FROM accepted {where})", given).fetchone()
            self._db.execute(f"UPDATE accepted SET withdrawn_by = ?, withdrawn_us = ? {where}", (who, now, *given))
            return count


def forget(file: Path) -> bool:
    """Remove everything from a book that names a file; what is left are marks.  False: no file is left, because it knew no leak.

    Of a book that cannot be read only a thorough pass says what it knew.  Raises OSError, :class:`ReviewError`.
    """
    try:
        with LeakBook(file, file=file) as book:
            marks = book.statements()
    except ChorusError:
        marks = [Mark(ANY, Pass.THOROUGH, 1, time.time_ns() // 1000, "")]
    if not marks:
        return False
    new = file.with_name(f"{file.stem}.new")
    remove_file(new)
    with LeakBook(new, file=new) as book:
        book.learn_marks(marks)
    replace_file(new, file)
    return True


def _unusable(path: Path, error: OSError | sqlite3.Error) -> Exception:
    fault = computer_fault(error, path)
    if fault is not None and not is_damaged(error):
        return fault
    return ReviewError(
        f"This computer's list of leaks, “{path}”, is damaged.",
        meaning="So it is not known which files must not be sent, and nothing was uploaded.",
        remedy="Move the file away. Then run every pass again that you ran before, for example “chorus-upload readiness --pass thorough”: a scan "
        "alone finds fewer leaks. What was accepted must be accepted again.",
    )
