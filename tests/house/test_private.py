"""What names patients, or holds a secret, is readable by its owner alone; nothing is written through somebody else's link."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faces import fill
from givencontent import Given
from world import World

from chorus_gui.app.doctor.examine import examine
from chorus_gui.core import private
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.one_file import fetch_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="on Windows the folder's rights decide")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.lstat().st_mode & 0o077 and not path.is_symlink()]


def run(base: Path, *arguments: str) -> None:
    code = "import os, sys; os.umask(0o022); from chorus_gui.cli.main import entry; sys.argv = ['chorus-upload', *sys.argv[1:]]; entry()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=base, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_a_submission_leaves_is_private(tmp_path: Path) -> None:
    world = fill(World(tmp_path / "site-one"))
    run(tmp_path, "-c", str(world.file), "submit", "--yes", "--version", "v1")
    run(tmp_path, "-c", str(world.file), "file", "list", "--uploaded", "--output-file", str(tmp_path / "list.txt"))
    run(tmp_path, "-c", str(world.file), "remote", "download", "-r", "v1", str(tmp_path / "down"))
    site = set((tmp_path / "site-one" / "site").rglob("*")) | {world.site, world.central, world.base, world.file}
    shared = [name for name in open_to_others(tmp_path) if tmp_path / name not in site]
    assert shared == []
    assert (tmp_path / "list.txt").read_text().count("\n") == 4


def test_what_the_core_makes_is_private_in_any_process(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with Journal.open(journal, create=True):
        pass
    backups.keep(journal)
    with Journal.open(journal) as opened:
        opened.snapshot(tmp_path / "copy.db")
    store = LocalStore(tmp_path / "store", create=True)
    store.put("v1/OMOP/a.csv", b"x", md5=md5_of(b"x").digest())
    store.write("v1/OMOP/b.csv", Given(b"y"))
    blob = store.head("v1/OMOP/a.csv")
    assert blob is not None
    fetch_file(store, blob, tmp_path / "fetched.csv", JobContext())
    assert [name for name in open_to_others(tmp_path) if ".inuse" not in name and not name.endswith("lock")] == []


def test_a_store_whose_folder_a_group_may_write_is_shared_with_that_group_alone(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o770)
    store = LocalStore(root)
    store.put("v1/a.csv", b"x", md5=md5_of(b"x").digest())
    assert stat.S_IMODE((root / "v1" / "a.csv").stat().st_mode) == 0o660
    assert stat.S_IMODE((root / "v1").stat().st_mode) == 0o770


def test_a_journal_that_colleagues_share_stays_shared_when_it_is_replaced(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with Journal.open(journal, create=True):
        pass
    journal.chmod(0o660)
    kept = backups.keep(journal)
    assert kept is not None
    backups.restore(journal, kept)
    assert stat.S_IMODE(journal.stat().st_mode) == 0o660


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    with pytest.raises(FileExistsError):
        private.create(link)
    private.write(link, b"new")
    assert not link.is_symlink()
    assert victim.read_text() == "precious"
    note = tmp_path / ".journal.db.inuse.json"
    note.symlink_to(victim)
    with Journal.open(tmp_path / "journal.db", create=True):
        pass
    store = LocalStore(tmp_path / "store", create=True)
    store.put("a", b"x", md5=md5_of(b"x").digest())
    blob = store.head("a")
    assert blob is not None
    target = tmp_path / "a"
    target.symlink_to(victim)
    (tmp_path / f".a.{os.getpid()}.part").symlink_to(victim)
    fetch_file(store, blob, target, JobContext())
    assert not target.is_symlink()
    assert victim.read_text() == "precious"


def test_the_link_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "list.txt"
    link.symlink_to(victim)
    monkeypatch.setattr(os, "getuid", lambda: link.lstat().st_uid + 1)
    if link.lstat().st_uid == 0:
        real = Path.lstat
        monkeypatch.setattr(Path, "lstat", lambda self: os.stat_result([*real(self)[:4], 77, *real(self)[5:10]]))
    with pytest.raises(OSError, match="another user"), private.named(link):
        pass
    assert victim.read_text() == "precious"


def test_the_doctor_names_what_others_may_read(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    with Journal.open(world.journal, create=True):
        pass
    world.file.write_text(world.file.read_text() + '[unused]\nnote = "sig=abc"\n')
    for file in (world.file, world.journal):
        file.chmod(0o644)
    found = [one for one in examine(world.file, JobContext()) if one.subject == "Files"]
    assert len(found) == 1
    assert set(found[0].examples) == {str(world.file), str(world.journal)}
    assert "chmod" in found[0].remedy
    for file in (world.file, world.journal):
        file.chmod(0o600)
    assert not [one for one in examine(world.file, JobContext()) if one.subject == "Files"]
