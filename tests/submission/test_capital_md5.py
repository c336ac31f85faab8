"""An MD5 in capitals, as some tools write it, is the same MD5 to every step."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.journal.v1 import V1
from chorus_gui.core.journal.v2 import V2
from chorus_gui.core.model import Level
from chorus_gui.core.submission.verification import verify_versions
from chorus_gui.core.submission.work import Selection
from chorus_gui.core.transfer.verify import VerifyResult


def make_journal(path: Path, schema: type[Schema]) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in schema.statements:
            db.execute(statement)


def capitals(world: World, schema: type[Schema]) -> None:
    with closing(sqlite3.connect(world.journal)) as db, db:
        db.execute(f"UPDATE {schema.table} SET MD5 = upper(MD5)")
        assert db.execute(f"SELECT count(*) FROM {schema.table} WHERE MD5 GLOB '*[A-F]*'").fetchone()[0]


@pytest.mark.parametrize("schema", [V1, V2])
def test_review_verification_and_upload_agree(tmp_path: Path, schema: type[Schema]) -> None:
    world = World(tmp_path)
    make_journal(world.journal, schema)
    world.put("1/Images/a.dcm", "sent", mtime=1_700_000_000)
    world.run(version="v1")
    world.put("1/Images/b.dcm", "recorded")
    world.run("record", version="v1")
    before = {row.path: row.file_id for row in world.rows(active=True)}
    capitals(world, schema)

    world.put("1/Images/a.dcm", "sent", mtime=1_700_000_100)
    (change,) = world.changes()
    assert (change.kind.value, change.note) == ("moved", "")

    with world.working() as work:
        verdicts = list(verify_versions(work, world.store, Selection("v1"), reread=True))
    assert [(verdict.result, verdict.level) for verdict in verdicts] == [(VerifyResult.OK, Level.REREAD)]

    log = world.upload()
    assert (log.failures, (log.sent + log.copied).files) == ([], 1)
    rows = world.rows(active=True)
    assert {row.path: row.file_id for row in rows} == before, "a row that has an MD5 is marked, not replaced"
    assert all(row.uploaded for row in rows)
