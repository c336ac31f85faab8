"""The tables of the leak book (:mod:`.leaks`), and how a book of format 1 gets them."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS leak (modality TEXT, path TEXT, rule TEXT, about TEXT, pass INTEGER, size INTEGER, mtime_us INTEGER, run INTEGER,
    PRIMARY KEY (modality, path, rule, about, pass)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accepted (id INTEGER PRIMARY KEY, modality TEXT, path TEXT, rule TEXT, size INTEGER, mtime_us INTEGER,
    reason TEXT, accepted_by TEXT, at_us INTEGER, withdrawn_by TEXT, withdrawn_us INTEGER, about TEXT, uid TEXT);
CREATE TABLE IF NOT EXISTS counted (path TEXT PRIMARY KEY, size INTEGER, mtime_us INTEGER, lines INTEGER, patients INTEGER,
    columns TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (path TEXT PRIMARY KEY, size INTEGER, mtime_us INTEGER, lines INTEGER, patients INTEGER,
    columns TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS accepted_path ON accepted (modality, path, rule);
CREATE TABLE IF NOT EXISTS run (pass INTEGER PRIMARY KEY, ended_us INTEGER, result TEXT);
"""
_ONLY_SUBJECT = (
    "SELECT min(l.about) FROM leak l WHERE (l.modality, l.path, l.rule) = (accepted.modality, accepted.path, accepted.rule) "
    "HAVING count(DISTINCT l.about) = 1"
)
FROM_1 = (
    "ALTER TABLE accepted ADD COLUMN about TEXT",
    "ALTER TABLE accepted ADD COLUMN uid TEXT",
    "UPDATE accepted SET uid = lower(hex(randomblob(8)))",
    f"UPDATE accepted SET about = ({_ONLY_SUBJECT})",
    "UPDATE accepted SET about = '', withdrawn_by = '', withdrawn_us = strftime('%s', 'now') * 1000000 WHERE about IS NULL AND withdrawn_us IS NULL",
    "UPDATE accepted SET about = '' WHERE about IS NULL",
)
"""Format 1 did not say which subject was accepted.  It is the only one that the file has; otherwise a person is asked again."""
