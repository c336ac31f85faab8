"""What the leak book keeps so that no leak is forgotten: files that are missing or renamed, which pass looked when, and marks of other books.

The functions work on the connection of a :class:`~chorus_gui.core.readiness.leaks.LeakBook`; their errors are SQLite's.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.own_database import own_database
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.checking import Checking, place
from chorus_gui.core.readiness.leak_marks import ANY, NOT_READ, Mark, newest, restored, stored

SCHEMA = """
CREATE TABLE IF NOT EXISTS gone (modality TEXT, path TEXT, rule TEXT, about TEXT, pass INTEGER, size INTEGER, mtime_us INTEGER, run INTEGER,
    named INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (modality, path, rule, about, pass)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS looked (rule TEXT, pass INTEGER, at_us INTEGER, PRIMARY KEY (rule, pass)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (rule TEXT, pass INTEGER, files INTEGER, at_us INTEGER, book TEXT, PRIMARY KEY (rule, pass)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS self (book TEXT, site TEXT)
"""
"""``gone``: leaks of files that a scan did not see, which count again when a file is back, or has the same size and time under another name
(``named`` 0: a pass has read the files of these names since).  ``looked``: when a pass last checked the whole site for a rule.  ``mark``: what other
books said.  ``self``: the name of this book, and of the site that it is about."""
_DEEP = "pass > 0"
_NEEDS = f"CASE WHEN {{0}}modality = 'Images' AND {{0}}pass = {Pass.QUICK.rank} THEN {Pass.THOROUGH.rank} ELSE {{0}}pass END"
"""The pass that finds a leak again, as SQL.  The quick pass reads one image of a series, so only the thorough pass says something about a certain one."""


def book_of(db: sqlite3.Connection) -> str:
    """The name of this book: a random one."""
    row = db.execute("SELECT book FROM self").fetchone()
    if row is None:
        row = (secrets.token_hex(8),)
        db.execute("INSERT INTO self VALUES (?, '')", row)
    return row[0]


def belong_to(db: sqlite3.Connection, site: str, others: Iterable[Path]) -> None:
    """This book is about the site of this name.  A new one learns what other books (``others``) of this user say about the same site.

    So a journal under another name, or a copy of it, does not begin without leaks.
    """
    book_of(db)
    if db.execute("SELECT site FROM self").fetchone() != ("",):
        return
    for other in others:
        with suppress(sqlite3.Error), closing(own_database(other, timeout=1)) as found:
            if found.execute("SELECT site FROM self").fetchone() == (site,):
                learn(db, [*(mark for mark in statements(found) if mark.files), *unanswered(found)])
    db.execute("UPDATE self SET site = ?", (site,))


def site_of(config: Config) -> str:
    """The name of a site: a digest of where its files are."""
    places = sorted(f"{modality}: {site.place.text}" for modality, site in config.sites.items())
    return hashlib.sha256("\n".join(places).encode("utf-8", "surrogatepass")).hexdigest()[:16]


# --- files that are missing, renamed or back ----------------------------------------------------------------------------


def prepare(db: sqlite3.Connection, made: Checking) -> None:
    """What a check has to look for."""
    cursor = db.cursor()
    made.places = frozenset(place(*one) for one in cursor.execute("SELECT DISTINCT modality, path FROM gone"))
    states = f"SELECT modality, size, mtime_us FROM leak WHERE {_DEEP} UNION SELECT modality, size, mtime_us FROM gone"
    made.states = frozenset(cursor.execute(states))
    made.marks = newest(restored(cursor.execute("SELECT rule, pass, files, at_us, book FROM mark")))


def keep_missing(db: sqlite3.Connection, where: str, given: tuple[object, ...]) -> None:
    """Before leaks of files that are missing are taken back: keep those that a scan alone does not find again."""
    db.execute(
        "INSERT OR REPLACE INTO gone (modality, path, rule, about, pass, size, mtime_us, run) "
        f"SELECT modality, path, rule, about, pass, size, mtime_us, run FROM leak WHERE {_DEEP} AND (modality, path) IN "
        f"(SELECT modality, path FROM missing) AND {where}",
        given,
    )


def bring_back(db: sqlite3.Connection, made: Checking, run: int) -> None:
    """Leaks of files that are back, and of files that have the size and time of one that is missing.

    A pass that was as deep as the one that found the leak has read them, and says itself what it found.
    """
    db.execute("CREATE TEMP TABLE IF NOT EXISTS candidate (modality TEXT, path TEXT, size INTEGER, mtime_us INTEGER)")
    db.execute("DELETE FROM candidate")
    db.executemany("INSERT INTO candidate VALUES (?, ?, ?, ?)", made.candidates())
    rank, rules = made.deepest.rank, json.dumps(sorted(made.rules))
    read = f"({_NEEDS} <= :rank AND {{0}}rule IN (SELECT value FROM json_each(:rules)))"
    given = {"rank": rank, "rules": rules, "run": run}
    there = "(modality, path) IN (SELECT modality, path FROM candidate)"
    db.execute(
        "INSERT OR IGNORE INTO leak SELECT modality, path, rule, about, pass, size, mtime_us, :run FROM gone "
        f"WHERE {there} AND NOT {read.format('')}",
        given,
    )
    db.execute(
        "INSERT OR IGNORE INTO leak SELECT c.modality, c.path, g.rule, g.about, g.pass, c.size, c.mtime_us, :run FROM candidate c JOIN "
        f"(SELECT DISTINCT modality, size, mtime_us, rule, about, pass FROM gone WHERE named AND NOT {read.format('')}) g "
        "USING (modality, size, mtime_us)",
        given,
    )
    db.execute(f"DELETE FROM gone WHERE {there}")
    if made.whole and not made.unchecked:
        db.execute(f"UPDATE gone SET named = 0 WHERE {read.format('')}", given)


# --- marks --------------------------------------------------------------------------------------------------------------


def looked(db: sqlite3.Connection, made: Checking) -> None:
    """A check of the whole site is complete: it answers the marks that were known when it began.

    An image that could not be read counts as one with a leak of each rule that a mark is about.
    """
    if not made.whole or any(one.path not in made.stuck for one in made.unchecked):
        return
    if made.unchecked and made.deepest is not Pass.THOROUGH:
        return
    now = {(rule, deepest) for rule in (*made.rules, ANY) for deepest in Pass if deepest.rank <= made.deepest.rank}
    before = {(rule, rank): at for rule, rank, at in db.execute("SELECT rule, pass, at_us FROM looked")}
    for rule, deepest in now:
        mark = made.marks.get((rule, deepest))
        at = max(made.began_us, before.get((rule, deepest.rank), 0), mark.at_us + 1 if mark else 0)  # a clock can be ahead
        db.execute("INSERT OR REPLACE INTO looked VALUES (?, ?, ?)", (rule, deepest.rank, at))
        if mark is not None and mark.files and mark.book != book_of(db) and made.modality_of.get(rule) in ("Images", "all"):
            stuck = [(*made.stuck[one.path][:2], rule, NOT_READ, made.deepest.rank, *made.stuck[one.path][2:], 0) for one in made.unchecked]
            db.executemany("INSERT OR IGNORE INTO leak VALUES (?, ?, ?, ?, ?, ?, ?, ?)", stuck)


def learn(db: sqlite3.Connection, marks: Iterable[Mark]) -> list[Mark]:
    """Remember what other books said, and add what this one can say about it; everything that counts then."""
    known = newest((*restored(db.execute("SELECT rule, pass, files, at_us, book FROM mark")), *marks))
    at = {(rule, rank): us for rule, rank, us in db.execute("SELECT rule, pass, at_us FROM looked")}
    open_keys = {
        mark.key
        for mark in known.values()
        if mark.files and mark.book != book_of(db) and at.get((mark.rule, mark.deepest.rank), 0) < mark.at_us
    }
    mine = [mark for mark in statements(db) if mark.key not in open_keys and (mark.files or mark.key in known)]
    everything = newest((*known.values(), *mine))
    lines = [*stored(everything.values())]
    if sorted(lines) != db.execute("SELECT rule, pass, files, at_us, book FROM mark ORDER BY rule, pass, files, at_us, book").fetchall():
        db.execute("DELETE FROM mark")  # only then: each change waits for the disk, and this is asked many times
        db.executemany("INSERT INTO mark VALUES (?, ?, ?, ?, ?)", lines)
    return list(everything.values())


def statements(db: sqlite3.Connection) -> list[Mark]:
    """What this book can say: of how many files it knows a leak, by rule and by the pass that would find it again."""
    passes, book = list(Pass), book_of(db)
    at = {(rule, rank): us for rule, rank, us in db.execute("SELECT rule, pass, at_us FROM looked")}
    out = {key: Mark(key[0], passes[key[1]], 0, us, book) for key, us in at.items()}
    counted = f"SELECT rule, {_NEEDS.format('')} AS needs, count(DISTINCT modality || '/' || path), max(run) FROM leak GROUP BY rule, needs"
    for rule, rank, files, run in db.execute(counted):
        out[rule, rank] = Mark(rule, passes[rank], files, max(run // 1000, at.get((rule, rank), 0)), book)
    return list(out.values())


def unanswered(db: sqlite3.Connection) -> list[Mark]:
    """Marks of other books that no check here has answered, if this book does not know as many files itself."""
    book = book_of(db)
    rows = db.execute(
        "SELECT rule, pass, files, at_us, book FROM mark m WHERE files > 0 AND book <> ? AND NOT EXISTS "
        "(SELECT 1 FROM looked l WHERE (l.rule, l.pass) = (m.rule, m.pass) AND l.at_us >= m.at_us)",
        (book,),
    )
    mine = {mark.key: mark.files for mark in statements(db)}
    return [mark for mark in restored(rows) if mine.get(mark.key, 0) < mark.files]
