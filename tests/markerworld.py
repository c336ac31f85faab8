"""What a completion marker must be true to, checked without any of the program's own code for it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from world import World


def marker(world: World, version: str) -> dict[str, Any] | None:
    """The version's marker, None if there is none."""
    file = world.central / version / "submission.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else None


def root_of(files: dict[str, bytes]) -> str:
    """The root hash of files by their path below the version's folder."""
    lines = (
        path.encode() + b"\0" + str(len(data)).encode() + b"\0" + hashlib.md5(data).hexdigest().encode() + b"\n"
        for path, data in sorted(files.items(), key=lambda entry: entry[0].encode())
    )
    return hashlib.sha256(b"".join(lines)).hexdigest()


def copied_rows(journal: Path, version: str) -> list[tuple[str, str, int, str]]:
    """Modality, path, size and MD5 of the version's current entries in a journal of format 2."""
    with sqlite3.connect(f"file:{journal.as_posix()}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT m.MODALITY, CASE s.SRC_PATH WHEN '.' THEN '' ELSE s.SRC_PATH || '/' END || j.FILENAME, j.SIZE, j.MD5 FROM journal_v2 j "
            "JOIN modalities m ON m.id = j.MODALITY_ID JOIN srcpaths s ON s.id = j.SRC_PATH_ID JOIN versions v ON v.id = j.VERSION_ID "
            "WHERE v.VERSION = ? AND j.TIME_INVALID_us IS NULL",
            (version,),
        ).fetchall()
    db.close()
    return rows


def check_markers(world: World) -> list[str]:
    """Every marker in the store is true; the versions that have one."""
    marked = sorted(file.parent.name for file in world.central.glob("*/submission.json"))
    pending = {row.version for row in world.rows(active=True) if not row.uploaded} if world.journal.exists() else set()
    for version in marked:
        said = marker(world, version)
        assert said is not None
        assert version not in pending, f"{version} has a marker, and pending files"
        copy = world.central / version / said["journal"]["name"]
        assert hashlib.md5(copy.read_bytes()).hexdigest() == said["journal"]["md5"], f"{version}: another copy of the journal"
        files: dict[str, bytes] = {}
        counts: dict[str, dict[str, int]] = {}
        for modality, path, size, md5 in copied_rows(copy, version):
            place = world.config.store_path(modality, path, version)
            data = (world.central / place).read_bytes()
            assert (len(data), hashlib.md5(data).hexdigest()) == (size, md5), f"{version} has a marker, and {place} differs"
            files[place.removeprefix(f"{version}/")] = data
            count = counts.setdefault(modality, {"files": 0, "bytes": 0})
            count["files"] += 1
            count["bytes"] += size
        assert said["modalities"] == counts
        assert (said["files"], said["bytes"]) == (len(files), sum(map(len, files.values())))
        assert sum(said["verified"].values()) == len(files)
        assert said["root_sha256"] == root_of(files)
    return marked
