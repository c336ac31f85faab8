"""The exit status of every command in every situation, and the table of them in the README."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, ctx, journal_bytes, opened_home, person
from faces import FILES, ONE, VERSION, CommandLine, after, contexts, path_of, receipts, uploaded
from platforms import same_place
from world import World

from chorus_gui.app import holds, leaks
from chorus_gui.app.exports import export_holds
from chorus_gui.app.status import Status, of_error, status_of
from chorus_gui.app.workspace import Workspace
from chorus_gui.cli.main import main
from chorus_gui.core import errors
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.errors import AccessError, ChorusError, Fault, StoreFullError, StoreUnavailableError
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.storage.local import LocalStore

README = Path(__file__).resolve().parents[2] / "README.md"
LEAK = "1001/Images/dicom_unprocessed/7.dcm"
MANY = 110
"""Files that are a large part of a modality."""


@dataclass
class Scene:
    """What a situation is made with."""

    world: World
    patch: pytest.MonkeyPatch
    made: list[JobContext] = field(default_factory=list)

    @property
    def share(self) -> LocalStore:
        """Where the cloud journal is kept."""
        return LocalStore(self.world.base / "share")


# --- situations: each is made by a function -----------------------------------------------------------------------------


def fresh(scene: Scene) -> None:
    """Nothing was done yet."""


def recorded(scene: Scene) -> None:
    scene.world.run("record", version=VERSION)


def submitted(scene: Scene) -> None:
    scene.world.run("submit", version=VERSION)


def in_the_cloud(scene: Scene) -> None:
    """The journal is kept on a share; everything is recorded, and it is checked in."""
    (scene.world.base / "share").mkdir()
    text = scene.world.file.read_text("utf-8")
    place = (scene.world.base / "share" / BLOB).as_posix()
    scene.world.file.write_text(f'{text}[journal.source]\npath = "{place}"\n', "utf-8")
    recorded(scene)


def checked_out(scene: Scene) -> None:
    in_the_cloud(scene)
    with opened_home(scene.world.config) as home:
        checkout(home, ctx())


def held_by_bob(scene: Scene) -> None:
    in_the_cloud(scene)
    checkout(person(scene.share, scene.world.base / "bob", "Bob", "PC-2"), ctx())


def held_back(scene: Scene) -> None:
    fresh(scene)
    with Workspace(scene.world.config) as workspace:
        holds.add(workspace, ctx(), holds.About((ONE,)), "consent withdrawn")


def exported_holds(scene: Scene) -> None:
    held_back(scene)
    with Workspace(scene.world.config) as workspace:
        export_holds(workspace, scene.world.base / "holds.toml")


def sent(scene: Scene) -> None:
    """A submission that left a receipt."""
    fresh(scene)
    assert main(["-c", str(scene.world.file), "submit", "--yes"]) == Status.DONE


def verified(scene: Scene) -> None:
    submitted(scene)
    assert main(["-c", str(scene.world.file), "file", "verify"]) == Status.DONE


def checked(scene: Scene) -> None:
    """A pass of the readiness check ran, and found something."""
    leaked(scene)
    assert main(["-c", str(scene.world.file), "readiness"]) == Status.FAULTY


def leaked(scene: Scene) -> None:
    """A file of a folder that no de-identification has seen; a scan found it."""
    scene.world.put(LEAK, "leak")
    scene.world.review()


def leaked_recorded(scene: Scene) -> None:
    scene.world.put(LEAK, "leak")
    (scene.world.base / "leaked.txt").write_text(f"{LEAK}\n", "utf-8")
    recorded(scene)


def leaked_accepted(scene: Scene) -> None:
    leaked(scene)
    leaks.accept(scene.world.config, "P1", [], "a phantom")


def _policy(text: str, before: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def ruled(scene: Scene) -> None:
        before(scene)
        (scene.world.base / "p.toml").write_text(text, "utf-8")

    ruled.__name__ = f"policy_{before.__name__}"
    return ruled


def scheduled(scene: Scene) -> None:
    """There is a schedule “nightly”, and nobody to ask."""
    from chorus_gui.app.schedule import schedulers
    from chorus_gui.app.schedule.plan import Schedule, System

    _policy("", fresh)(scene)
    scene.patch.setattr(schedulers, "here", lambda: System.SYSTEMD)
    scene.patch.setattr(schedulers, "ask_program", lambda words: (0, ""))
    scene.patch.setenv("XDG_CONFIG_HOME", str(scene.world.base / "xdg"))
    schedulers.Systemd().install(Schedule("nightly", ("chorus-upload",), "c.toml", "p.toml", "22:30"))
    nobody(scene)


def _no_scheduler(scene: Scene) -> None:
    from chorus_gui.app.schedule import schedulers

    _policy("", fresh)(scene)
    scene.patch.setattr(schedulers, "here", lambda: None)


def _telling(works: bool) -> Callable[[Scene], None]:
    def notifying(scene: Scene) -> None:
        program = scene.world.base / "tell.py"
        program.write_text(f"raise SystemExit({int(not works)})", "utf-8")
        text = scene.world.file.read_text("utf-8")
        scene.world.file.write_text(f"{text}\n[report]\nhook = {json.dumps([sys.executable, program.as_posix()])}\n", "utf-8")

    notifying.__name__ = f"telling_{works}"
    return notifying


def bad_holds(scene: Scene) -> None:
    """Somebody wrote something else in the place of the shared list."""
    fresh(scene)
    folder = scene.world.journal.with_name("journal.db.chorus")
    folder.mkdir()
    (folder / "holds.json").write_bytes(b"not a list")


def conflict(scene: Scene) -> None:
    """Checked out here, and somebody put another journal into the cloud."""
    checked_out(scene)
    scene.world.put("1009/Images/new.dcm", "new")
    scene.world.run("record", version="v2")
    scene.share.put(BLOB, journal_bytes("theirs.dcm"))


def no_bytes(scene: Scene) -> None:
    """A broken upload of another program left nothing of the cloud's journal."""
    in_the_cloud(scene)
    nobody(scene)
    scene.share.put(BLOB, b"")


def uploaded_locally(scene: Scene) -> None:
    """Files were uploaded since the check-out: a set-aside means that they are uploaded again."""
    checked_out(scene)
    scene.world.put("1009/Images/new.dcm", "new")
    scene.world.run("submit", version="v2")
    nobody(scene)


def conflict_on_the_way(scene: Scene) -> None:
    in_the_cloud(scene)
    after(scene.patch, "put", 1, lambda: scene.share.put(BLOB, journal_bytes("theirs.dcm")))


def no_check_in(scene: Scene) -> None:
    """The share goes away before the journal is checked in."""
    in_the_cloud(scene)
    real = LocalStore.put

    def put(store: LocalStore, path: str, *given: object, **options: object) -> object:
        if path == BLOB:
            raise StoreUnavailableError("The share does not answer.")
        return real(store, path, *given, **options)  # type: ignore[arg-type]

    scene.patch.setattr(LocalStore, "put", put)


def share_gone_during_the_scan(scene: Scene) -> None:
    """The network goes away after the check-out, and before anything was sent."""
    in_the_cloud(scene)
    from chorus_gui.core.submission import site_check

    real = site_check.scan

    def scan(*given: object, **options: object) -> object:
        for name in ("put", "head", "delete", "list"):
            scene.patch.setattr(LocalStore, name, _raising(StoreUnavailableError("The share does not answer.")))
        return real(*given, **options)  # type: ignore[arg-type]

    scene.patch.setattr(site_check, "scan", scan)


def share_gone(scene: Scene) -> None:
    in_the_cloud(scene)
    (scene.world.base / "share").rename(scene.world.base / "away")


def one_gone(scene: Scene) -> None:
    recorded(scene)
    (scene.world.site / ONE).unlink()


def one_differs(scene: Scene) -> None:
    submitted(scene)
    path_of(scene.world).write_bytes(b"spoil")


def unread(scene: Scene) -> None:
    """Nobody may look into a folder of the site."""
    real, folder = os.scandir, scene.world.site / "1001"

    def refuse(path: str = ".") -> object:
        if same_place(path, folder):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    scene.patch.setattr(os, "scandir", refuse)


def damaged(scene: Scene) -> None:
    submitted(scene)
    with scene.world.journal.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)


def mixed(scene: Scene) -> None:
    """Two programs wrote into it that do not agree about its tables."""
    submitted(scene)
    with closing(sqlite3.connect(scene.world.journal)) as db:
        db.execute("CREATE TABLE journal (x)")


def no_store(scene: Scene) -> None:
    scene.world.central.rename(scene.world.base / "away")


def no_store_recorded(scene: Scene) -> None:
    recorded(scene)
    no_store(scene)


def no_store_submitted(scene: Scene) -> None:
    submitted(scene)
    no_store(scene)


def no_site(scene: Scene) -> None:
    scene.world.site.rename(scene.world.base / "away")


def many_deleted(scene: Scene) -> None:
    for number in range(MANY):
        scene.world.put(f"2/Images/{number}.dcm", str(number))
    submitted(scene)
    for file in (scene.world.site / "2/Images").iterdir():
        file.unlink()


def nobody(scene: Scene) -> None:
    scene.patch.setattr("sys.stdin", io.StringIO())


def nobody_submitted(scene: Scene) -> None:
    submitted(scene)
    nobody(scene)


def nobody_held(scene: Scene) -> None:
    held_by_bob(scene)
    nobody(scene)


def no_file(scene: Scene) -> None:
    scene.world.file.unlink()


def faulty_file(scene: Scene) -> None:
    scene.world.file.write_text("[configuration]\npage_size = 'x'\n", "utf-8")


def by_scripts(scene: Scene) -> None:
    text = scene.world.file.read_text("utf-8").replace("[central_path]", '[central_path]\nupload_method = "azcli"')
    recorded(scene)
    scene.world.file.write_text(text, "utf-8")


def _raising(error: Exception) -> Callable[..., object]:
    def broken(*given: object, **options: object) -> object:
        raise error

    return broken


def refused_at_once(scene: Scene) -> None:
    """The store is opened, and refuses the credential."""
    scene.patch.setattr("chorus_gui.core.storage.open.open_store", _raising(AccessError("The token has expired.")))


def refused_at_once_recorded(scene: Scene) -> None:
    recorded(scene)
    refused_at_once(scene)


def break_later(patch: pytest.MonkeyPatch, error: ChorusError, method: str, calls: int) -> None:
    """The store answers ``calls`` calls of a method, then no more; one that is gone answers nothing else either."""

    def broken() -> None:
        if isinstance(error, StoreUnavailableError):
            patch.setattr(LocalStore, "head", _raising(error))
        raise error

    after(patch, method, calls, broken)


def _later(error: ChorusError, method: str, calls: int) -> Callable[[Scene], None]:
    def later(scene: Scene) -> None:
        (recorded if method == "put" else submitted)(scene)
        text = scene.world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1")
        scene.world.file.write_text(text, "utf-8")
        break_later(scene.patch, error, method, calls)

    later.__name__ = f"{type(error).__name__}_after_{calls}"
    return later


def _many_later(error: ChorusError) -> Callable[[Scene], None]:
    """As :func:`_later`, with more files than the store is tried for."""

    def later(scene: Scene) -> None:
        for number in range(30):
            scene.world.put(f"3/Images/{number}.dcm", str(number))
        _later(error, "put", 2)(scene)

    later.__name__ = f"many_{type(error).__name__}"
    return later


def _cancelled(method: str, calls: int) -> Callable[[Scene], None]:
    def cancelled(scene: Scene) -> None:
        (recorded if method == "put" else submitted)(scene)
        contexts(scene.patch, scene.made)
        after(scene.patch, method, calls, lambda: scene.made[-1].cancel())

    cancelled.__name__ = f"cancelled_in_{method}"
    return cancelled


GONE = StoreUnavailableError("The store does not answer.")
REFUSED = AccessError("The token is no longer valid.")
FULL = StoreFullError("The disk is full.")

# --- the table ----------------------------------------------------------------------------------------------------------

INSTALL = "schedule install --policy {base}/p.toml"
BY_POLICY = "submit --policy {base}/p.toml"
NEEDS_A_FILE = (
    "submit --yes",
    "journal update",
    "scan",
    "journal list",
    "journal check",
    "journal undo --version v1",
    "journal upgrade",
    "journal restore",
    "journal recover --yes",
    "journal status",
    "journal checkout",
    "journal checkin",
    "journal unlock --yes",
    "journal adopt --yes --local-journal x",
    "journal set-aside",
    "file list",
    "file upload",
    "file verify",
    "file repair",
    f"file mark_as_deleted --file {ONE}",
    f"file mark_as_uploaded_local --upload-datetime now --file {ONE}",
    f"file mark_as_uploaded_central --upload-datetime now --file {ONE}",
    "remote list",
    "remote upload a b",
    "remote download a b",
    "remote delete --yes a",
    "history",
    "report list",
    "report test",
    "schedule install --policy x",
    "status",
    "doctor",
    "readiness",
    "leak list",
    "leak accept --rule P1 --reason x",
    "leak withdraw --rule P1",
    "credential list",
    "credential move",
    "credential set",
    "credential delete",
    "script checkout",
    "script checkin",
    "script ready --file-list {site}/OMOP/person.csv",
    "script sas",
)
"""Every command that works on a configuration."""

Row = tuple[Status, Callable[[Scene], None], str]

TABLE: list[Row] = [
    # done
    *((Status.DONE, fresh, words) for words in ("usage", "config-help", "json-schema", "--help", "--version", "file --help")),
    *((Status.DONE, fresh, words) for words in ("submit --yes", "journal update", "journal update --dry-run", "file list --changes")),
    *((Status.DONE, fresh, words) for words in ("scan", "scan --hash", "purge --yes", "support-bundle {base}/bundle.zip")),
    *((Status.DONE, fresh, words) for words in ("clear-data --yes", "clear-data --reviews --logs --yes")),
    *((Status.NOT_STARTED, fresh, f"export {words} --output-file {{base}}/e.csv") for words in ("verification", "readiness", "failed")),
    (Status.DONE, fresh, "export changes --output-file {base}/e.csv"),
    (Status.DONE, submitted, "export changes --kind added --kind deleted --output-file {base}/e.csv --json"),
    (Status.NOT_STARTED, fresh, "export changes --output-file {base}/no/e.csv"),
    (Status.DONE, sent, "export failed --output-file {base}/e.csv"),
    (Status.DONE, sent, "export failed --output-file {base}/e.csv --json"),
    (Status.NOT_STARTED, sent, "export failed --output-file {base}/no/e.csv"),
    (Status.DONE, verified, "export verification --output-file {base}/e.csv --json"),
    (Status.DONE, verified, "export verification --result missing --output-file {base}/e.json"),
    (Status.NOT_STARTED, verified, "export verification --output-file {base}/no/e.csv"),
    (Status.DONE, checked, "export readiness --output-file {base}/e.csv --json"),
    (Status.DONE, checked, "export readiness --output-file {base}/e.html"),
    (Status.DONE, fresh, "export chart --name patients --output-file {base}/e.csv"),
    (Status.DONE, sent, "export chart --name speed --output-file {base}/e.csv --json"),
    (Status.NOT_STARTED, sent, "export chart --name growth --output-file {base}/no/e.csv"),
    (Status.NOT_STARTED, sent, "export chart --name nothing --output-file {base}/e.csv"),
    (Status.DONE, sent, "export message"),
    (Status.DONE, sent, "export message --output-file {base}/e.txt --json"),
    (Status.NOT_STARTED, sent, "export message --output-file {base}/no/e.txt"),
    (Status.NOT_STARTED, fresh, "export message"),
    (Status.NOT_STARTED, sent, "export message --version none"),
    (Status.DONE, fresh, "remote list"),
    (Status.DONE, fresh, "credential list"),
    *(
        (Status.DONE, fresh, words)
        for words in (f"hold add --file {ONE} --reason x", "hold add --patient 1001 --reason x", "hold list", "hold list --all")
    ),
    (Status.DONE, held_back, f"hold release --file {ONE}"),
    (Status.DONE, held_back, "hold export --output-file {base}/holds.toml"),
    (Status.NOT_STARTED, held_back, "hold export --output-file {base}/no/holds.toml"),
    (Status.DONE, exported_holds, "hold import {base}/holds.toml"),
    (Status.NOT_STARTED, fresh, "hold import {base}/config.toml"),
    (Status.DONE, held_back, "submit --yes"),
    (Status.NOT_STARTED, fresh, f"hold release --file {ONE}"),
    (Status.NOT_STARTED, fresh, "hold add --file nowhere --reason x"),
    (Status.FAULTY, bad_holds, "hold list"),
    (Status.STOPPED, bad_holds, f"hold add --file {ONE} --reason x"),
    *((Status.DONE, recorded, words) for words in ("file list", "file upload", "journal undo --version v1", "journal update")),
    (Status.DONE, recorded, "script ready --file-list {listed}"),
    (Status.DONE, recorded, "file list --output-file {base}/list.txt --output-type list"),
    *(
        (Status.DONE, submitted, words)
        for words in ("journal list", "journal check", "history", "status", "journal restore", "file list --uploaded")
    ),
    *((Status.DONE, submitted, words) for words in ("file verify", "file verify --all --reread", "submit --yes", "file upload", "doctor")),
    (Status.DONE, submitted, f"file mark_as_deleted --file {ONE}"),
    (Status.DONE, submitted, f"file mark_as_uploaded_local --upload-datetime now --file {ONE}"),
    (Status.DONE, submitted, "remote upload -r {site}/OMOP extra"),
    (Status.DONE, submitted, "remote download -r v1 {base}/got"),
    (Status.DONE, submitted, "remote delete -r --yes v1"),
    (Status.DONE, in_the_cloud, "journal status"),
    (Status.DONE, in_the_cloud, "journal recover"),
    (Status.DONE, in_the_cloud, "journal checkout"),
    (Status.DONE, in_the_cloud, "script checkout"),
    (Status.DONE, in_the_cloud, "submit --yes"),
    (Status.DONE, checked_out, "journal checkin"),
    (Status.DONE, checked_out, "script checkin"),
    (Status.DONE, checked_out, "journal set-aside"),
    (Status.DONE, checked_out, "file upload"),
    (Status.DONE, held_by_bob, "journal unlock --yes"),
    (Status.DONE, held_by_bob, "journal list"),
    *((Status.DONE, _policy("", situation), BY_POLICY) for situation in (fresh, recorded, submitted, in_the_cloud, checked_out, held_back)),
    (Status.FAULTY, _policy("problems = 1", unread), BY_POLICY),
    *(
        (Status.DONE, scheduled, words)
        for words in ("schedule show", "schedule remove --yes", "schedule install --policy {base}/p.toml --yes")
    ),
    *((Status.DONE, _policy("", fresh), f"{INSTALL} --print --system {system}") for system in ("windows", "systemd", "launchd")),
    *(
        (Status.NOT_STARTED, scheduled, f"{INSTALL} {wrong}")
        for wrong in ("--time 25:00", "--days never", "--name ../x", "--system systemd")
    ),
    (Status.NOT_STARTED, scheduled, "schedule remove --name other --yes"),
    (Status.NOT_STARTED, _policy("nothing = 1", fresh), INSTALL),
    (Status.NOT_STARTED, _no_scheduler, INSTALL),
    (Status.DONE, _no_scheduler, "schedule show"),
    *((Status.DECISION, scheduled, words) for words in (INSTALL, "schedule remove")),
    (Status.DONE, fresh, "sites"),
    (Status.DONE, submitted, "sites --json"),
    (Status.DONE, fresh, "report list"),
    (Status.DONE, submitted, "report list --json"),
    (Status.DONE, _telling(True), "report test"),
    (Status.FAULTY, _telling(False), "report test"),
    (Status.NOT_STARTED, fresh, "report test"),
    (Status.NOT_STARTED, nobody, "credential set --place report"),
    (Status.NOT_STARTED, fresh, "credential delete --place report"),
    (Status.NOT_STARTED, fresh, BY_POLICY),
    (Status.NOT_STARTED, _policy("nothing = 1", fresh), BY_POLICY),
    (Status.NOT_STARTED, _policy('modalities = ["Metadata"]', fresh), f"{BY_POLICY} --modalities Images"),
    (Status.NOT_STARTED, _policy("", fresh), f"{BY_POLICY} --yes"),
    (Status.NOT_STARTED, _policy("", fresh), f"{BY_POLICY} --allow-deletions"),
    *((Status.NOT_STARTED, _policy("", situation), BY_POLICY) for situation in (no_file, faulty_file, by_scripts, refused_at_once)),
    *((Status.STOPPED, _policy("", situation), BY_POLICY) for situation in (no_store, share_gone, no_check_in)),
    *((Status.STOPPED, _policy("", _later(error, "put", 2)), BY_POLICY) for error in (GONE, REFUSED, FULL)),
    *(
        (Status.DECISION, _policy("", situation), BY_POLICY)
        for situation in (unread, many_deleted, held_by_bob, conflict, no_bytes, damaged)
    ),
    (Status.DECISION, _policy("[upload]\nfiles = 3", fresh), BY_POLICY),
    (Status.INTERRUPTED, _policy("", _cancelled("put", 1)), BY_POLICY),
    *((Status.DECISION, leaked, words) for words in ("submit --yes", "submit --yes --require ready", "submit --yes --json")),
    *((Status.DECISION, leaked_recorded, words) for words in ("file upload", "submit --yes", "remote upload -r {site}/1001 extra")),
    (Status.FAULTY, leaked_recorded, "script ready --file-list {base}/leaked.txt"),
    (Status.DECISION, _policy("leaks = 9", leaked), BY_POLICY),
    (Status.DONE, leaked, "journal update"),
    (Status.DONE, leaked, "scan"),
    *((Status.FAULTY, leaked, words) for words in ("leak list", "leak list --all --json")),
    (Status.DONE, fresh, "leak list"),
    (Status.DONE, leaked, "leak accept --rule P1 --reason x"),
    (Status.DONE, leaked, f"leak accept --rule P1 --file {LEAK} --reason x --json"),
    *(
        (Status.NOT_STARTED, leaked, f"leak accept --rule {rest}")
        for rest in ("P1", "P1 --reason ''", "P2 --reason x", "O1 --reason x", "P1 --file no --reason x")
    ),
    (Status.NOT_STARTED, leaked, "leak withdraw --rule P1"),
    *(
        (Status.DONE, leaked_accepted, words)
        for words in ("submit --yes", "leak list --all", "leak withdraw --rule P1", f"leak withdraw --rule P1 --file {LEAK}")
    ),
    (Status.NOT_STARTED, leaked_accepted, "leak withdraw --rule P1 --file no"),
    (Status.DECISION, fresh, "submit --yes --require ready"),
    (Status.NOT_STARTED, fresh, "submit --yes --require nothing"),
    # some files failed, differ, or were found faulty
    (Status.FAULTY, one_gone, "file upload"),
    (Status.FAULTY, one_gone, "script ready --file-list {listed}"),
    (Status.DONE, one_differs, "file repair"),
    (Status.DONE, submitted, "file repair --all --reread"),
    (Status.FAULTY, one_differs, "file verify"),
    (Status.FAULTY, one_differs, "file verify --reread --json"),
    (Status.FAULTY, one_differs, "file verify --all --output-file {base}/found.csv"),
    *((Status.FAULTY, unread, words) for words in ("submit --yes", "journal update", "journal update --dry-run", "file list --changes")),
    (Status.FAULTY, unread, "export changes --output-file {base}/e.csv"),
    (Status.FAULTY, damaged, "journal check"),
    (Status.FAULTY, submitted, "file mark_as_deleted --file nothing"),
    (Status.FAULTY, recorded, f"file mark_as_uploaded_local --upload-datetime now --file {ONE}"),
    (Status.FAULTY, recorded, f"file mark_as_uploaded_central --upload-datetime now --file v1/{ONE}"),
    (Status.FAULTY, no_store, "doctor"),
    (Status.FAULTY, damaged, "doctor"),
    (Status.DONE, fresh, "readiness --list-rules"),
    (Status.FAULTY, fresh, "readiness"),
    (Status.FAULTY, fresh, "readiness --json"),
    (Status.STOPPED, no_site, "readiness"),
    (Status.NOT_STARTED, fresh, "readiness --modalities Nothing"),
    (Status.NOT_STARTED, fresh, "readiness --rules {base}/nothing"),
    (Status.FAULTY, faulty_file, "doctor"),
    # it could not start
    *((Status.NOT_STARTED, no_file, words) for words in NEEDS_A_FILE),
    *((Status.NOT_STARTED, faulty_file, words) for words in NEEDS_A_FILE if not words.startswith(("doctor", "credential"))),
    *((Status.NOT_STARTED, fresh, words) for words in ("", "nothing", "journal", "file", "remote", "credential", "script", "--nothing")),
    (Status.NOT_STARTED, fresh, "submit --mode sideways"),
    (Status.NOT_STARTED, fresh, "file upload --max-num-files 0"),
    (Status.NOT_STARTED, fresh, "file upload --max-num-files many"),
    *(
        (Status.NOT_STARTED, recorded, f"{words} --limit '4 Mb/s'")
        for words in ("file upload", "submit --yes", "file verify", "file repair")
    ),
    (Status.NOT_STARTED, fresh, "remote upload --limit 4 {base}/config.toml x"),
    (Status.DONE, recorded, "file upload --limit '4 MB/s on workdays 8-18, free otherwise'"),
    (Status.DONE, submitted, "file verify --reread --limit off"),
    (Status.NOT_STARTED, fresh, "submit --yes --version ../x"),
    (Status.NOT_STARTED, fresh, "submit --yes --amend"),
    (Status.NOT_STARTED, fresh, "journal list"),
    (Status.NOT_STARTED, fresh, "file verify"),
    (Status.NOT_STARTED, fresh, "remote upload one"),
    (Status.NOT_STARTED, fresh, "remote upload {base}/nothing x"),
    (Status.NOT_STARTED, fresh, "remote download nothing {base}/x"),
    (Status.NOT_STARTED, fresh, "remote delete --yes nothing"),
    (Status.NOT_STARTED, fresh, "journal status"),
    (Status.NOT_STARTED, fresh, "journal checkout"),
    (Status.NOT_STARTED, fresh, "script sas"),
    (Status.NOT_STARTED, fresh, "script sas --modality Nothing"),
    *((Status.NOT_STARTED, fresh, f"script sas --hours {hours}") for hours in ("nan", "inf", "-1", "0", "1e300", "x")),
    (Status.NOT_STARTED, fresh, "self-test {site}/OMOP/person.csv"),
    (Status.NOT_STARTED, recorded, "file verify --newest x"),
    (Status.NOT_STARTED, recorded, f"file mark_as_uploaded_local --upload-datetime 20269999999999 --file {ONE}"),
    (Status.NOT_STARTED, fresh, "script ready --file-list {base}/nothing"),
    (Status.NOT_STARTED, fresh, "demo {site}"),
    (Status.NOT_STARTED, fresh, "demo {site}/OMOP/person.csv"),
    (Status.NOT_STARTED, fresh, "credential move"),
    *(
        (Status.NOT_STARTED, recorded, f"{words} --version nothing")
        for words in ("file list", "file upload", "file verify", "journal list", "journal undo", "submit --yes --amend")
    ),
    *(
        (Status.NOT_STARTED, recorded, f"{words} --modalities Nothing")
        for words in ("file list", "file upload", "file verify", "journal list", "journal update", "submit --yes", "file list --changes")
    ),
    (Status.NOT_STARTED, submitted, "journal undo --version v1"),
    (Status.NOT_STARTED, submitted, "journal upgrade"),
    (Status.NOT_STARTED, submitted, "journal restore nothing"),
    (Status.NOT_STARTED, submitted, "file mark_as_deleted --file-list {base}/nothing"),
    (Status.NOT_STARTED, submitted, f"file mark_as_uploaded_local --upload-datetime yesterday --file {ONE}"),
    (Status.NOT_STARTED, recorded, "file list --output-file {base}/no/such/folder/list.txt --output-type list"),
    (Status.NOT_STARTED, submitted, "file verify --output-file {base}/no/such/folder/found.csv"),
    (Status.NOT_STARTED, by_scripts, "file upload"),
    (Status.NOT_STARTED, by_scripts, "submit --yes"),
    *((Status.DECISION, damaged, words) for words in ("file upload", "submit --yes", "journal undo --version v1")),
    *((Status.NOT_STARTED, refused_at_once, words) for words in ("submit --yes", "remote list", "remote upload {base}/config.toml x")),
    *((Status.NOT_STARTED, refused_at_once_recorded, words) for words in ("file upload", "file verify")),
    (Status.NOT_STARTED, in_the_cloud, "journal checkin"),
    (Status.NOT_STARTED, held_by_bob, "submit --yes"),
    (Status.NOT_STARTED, held_by_bob, "file upload"),
    (Status.NOT_STARTED, held_by_bob, "journal checkout"),
    # it stopped on the way, or the network is away
    *((Status.STOPPED, _later(error, "put", 2), words) for error in (GONE, REFUSED, FULL) for words in ("file upload", "submit --yes")),
    *((Status.STOPPED, _many_later(error), words) for error in (GONE, REFUSED, FULL) for words in ("file upload", "submit --yes")),
    *((Status.STOPPED, _later(error, "put", 2), "remote upload -r {site} extra") for error in (GONE, REFUSED, FULL)),
    *((Status.STOPPED, _later(error, "read", 2), "remote download -r v1 {base}/got") for error in (GONE, REFUSED)),
    *((Status.STOPPED, _later(error, "delete", 2), "remote delete -r --yes v1") for error in (GONE, REFUSED)),
    *((Status.STOPPED, _later(error, "head", 2), "file verify") for error in (GONE, REFUSED)),
    (Status.STOPPED, _later(REFUSED, "read", 2), "file verify --reread"),
    *((Status.STOPPED, no_store, words) for words in ("submit --yes", "remote list", "remote upload {base}/config.toml x")),
    (Status.STOPPED, no_store_recorded, "file upload"),
    (Status.STOPPED, no_store_recorded, f"file mark_as_uploaded_local --upload-datetime now --file {ONE}"),
    (Status.STOPPED, no_store_submitted, "file verify"),
    (Status.STOPPED, no_store_submitted, "remote delete -r --yes v1"),
    *(
        (Status.STOPPED, share_gone, words)
        for words in ("journal status", "journal checkout", "file upload", "journal list", "submit --yes")
    ),
    (Status.STOPPED, no_check_in, "file upload"),
    (Status.STOPPED, no_check_in, "submit --yes"),
    (Status.STOPPED, no_check_in, "journal undo --version v1"),
    (Status.STOPPED, share_gone_during_the_scan, "submit --yes"),
    (Status.STOPPED, share_gone_during_the_scan, "journal update"),
    # a person has to decide
    *((Status.DECISION, many_deleted, words) for words in ("submit --yes", "journal update")),
    *((Status.DECISION, nobody, words) for words in ("submit", "submit --json", "purge", "clear-data")),
    (Status.DECISION, nobody_submitted, "remote delete -r v1"),
    (Status.DECISION, nobody_held, "journal unlock"),
    (Status.DECISION, nobody_held, "journal adopt --local-journal {base}/journal.db"),
    *((Status.DECISION, conflict, words) for words in ("journal checkin", "file upload", "submit --yes")),
    (Status.DECISION, conflict_on_the_way, "file upload"),
    *((Status.DECISION, no_bytes, words) for words in ("journal checkout", "submit --yes", "journal update", "file upload", "file verify")),
    (Status.DECISION, no_bytes, "journal recover"),
    (Status.DECISION, uploaded_locally, "journal set-aside"),
    (Status.DONE, uploaded_locally, "journal set-aside --yes"),
    (Status.DONE, no_bytes, "journal recover --yes"),
    (Status.DONE, no_bytes, "submit --yes --accept-less-history"),
    # interrupted
    (Status.INTERRUPTED, _cancelled("put", 1), "file upload"),
    (Status.INTERRUPTED, _cancelled("put", 1), "submit --yes"),
    (Status.INTERRUPTED, _cancelled("put", 1), "remote upload -r {site} extra"),
    (Status.INTERRUPTED, _cancelled("head", 1), "file verify"),
    (Status.INTERRUPTED, _cancelled("delete", 1), "remote delete -r --yes v1"),
]


def _name(row: Row) -> str:
    status, situation, words = row
    return f"{int(status)}-{situation.__name__}-{words or 'nothing'}"


@pytest.mark.parametrize(("status", "situation", "words"), TABLE, ids=map(_name, TABLE))
def test_the_status(status: Status, situation: Callable[[Scene], None], words: str, cli: CommandLine, world: World, monkeypatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.chdir(world.base)
    situation(Scene(world, monkeypatch))
    listed = world.base / "listed.txt"
    listed.write_text(f"{ONE}\nOMOP/person.csv\n", "utf-8")
    ended = cli.run(words.format(base=world.base.as_posix(), site=world.site.as_posix(), listed=listed.as_posix()))
    assert ended.status == status, ended
    if status not in (Status.DONE, Status.FAULTY):
        assert "Error: " in ended.said or "Interrupted" in ended.said


def test_every_command_is_in_the_table() -> None:
    """A new command gets its rows."""
    from chorus_gui.cli.main import build_parser

    def names(parser: object, before: str = "") -> set[str]:
        found: set[str] = set()
        for action in parser._actions:  # type: ignore[attr-defined]
            if isinstance(choices := action.choices, dict):
                for name, below in choices.items():
                    found |= names(below, f"{before}{name} ") or {f"{before}{name}"}
        return found

    used = {words for _, _, words in TABLE}
    missing = {name for name in names(build_parser()) if not any(f"{words} ".startswith(f"{name} ") for words in used)}
    assert missing - {"self-test"} == set()  # it is tried with every build


# --- a fault of the program ---------------------------------------------------------------------------------------------

BROKEN = {
    "file upload": "chorus_gui.core.submission.upload.upload_pending",
    "submit --yes": "chorus_gui.core.submission.submit.submit",
    "journal update": "chorus_gui.core.submission.submit.record",
    "journal undo --version v1": "chorus_gui.core.journal.store.Journal.undo",
    f"file mark_as_deleted --file {ONE}": "chorus_gui.core.submission.mark.mark_as_deleted",
    f"file mark_as_uploaded_local --upload-datetime now --file {ONE}": "chorus_gui.core.submission.mark.mark_as_uploaded",
    "file verify": "chorus_gui.core.submission.verification.verify_versions",
}
LOOKING = {
    "journal list": "chorus_gui.core.journal.store.Journal.counts",
    "journal check": "chorus_gui.core.journal.store.Journal.verify_file",
    "history": "chorus_gui.core.journal.store.Journal.history",
    "file list": "chorus_gui.app.exports.listed",
    "journal update --dry-run": "chorus_gui.core.submission.review_site.review_site",
    "journal status": "chorus_gui.core.custody.recover.recover",
    "journal checkout": "chorus_gui.core.custody.checkout.checkout",
    "journal restore": "chorus_gui.core.journal.backups.listing",
    "remote list": "chorus_gui.core.remote.listing",
    "remote upload x y": "chorus_gui.core.remote.to_upload",
    "remote download x y": "chorus_gui.core.remote.plan_download",
    "credential list": "chorus_gui.app.credential_store.place_credentials",
    "doctor": "chorus_gui.app.doctor.examine.examine",
    "config-help": "chorus_gui.app.configuration.template",
    "script sas": "chorus_gui.app.scripts.sas",
}
"""The same, of commands that leave no receipt."""


@pytest.mark.parametrize("words", [*BROKEN, *LOOKING])
def test_a_fault_of_the_program_is_70_and_can_be_reported(words: str, cli: CommandLine, world: World, monkeypatch) -> None:
    scene = Scene(world, monkeypatch)
    in_the_cloud(scene)
    before = len(receipts())
    monkeypatch.setattr({**BROKEN, **LOOKING}[words], _raising(RuntimeError("https://x.blob/y?sv=1&sig=verysecret%3D")))
    ended = cli.run(words)
    assert ended.status == Status.CRASHED, ended
    assert "This is a program error of CHoRUS Upload" in ended.said
    assert "RuntimeError" in ended.said
    assert "verysecret" not in ended.said
    assert len(receipts()) - before == (words in BROKEN)
    if words in BROKEN:
        assert receipts()[-1].outcome is OutcomeKind.CRASHED
    assert scene.share.head(LOCK) is None
    with opened_home(world.config) as home:
        assert look(home).state is State.FREE


# --- the same command continues -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["file upload", "submit --yes --version v1"])
@pytest.mark.parametrize("error", [GONE, REFUSED, FULL], ids=lambda error: type(error).__name__)
def test_what_stopped_is_continued_by_the_same_command(words: str, error: ChorusError, cli: CommandLine, world: World, monkeypatch) -> None:
    scene = Scene(world, monkeypatch)
    in_the_cloud(scene)
    text = world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1")
    world.file.write_text(text, "utf-8")
    with monkeypatch.context() as patch:
        break_later(patch, error, "put", 2)
        assert cli.run(words).status == Status.STOPPED
    assert uploaded(world) == 2
    assert cli.run(words).status == Status.DONE
    assert uploaded(world) == FILES


# --- errors and outcomes ------------------------------------------------------------------------------------------------


def every_error() -> list[type[ChorusError]]:
    """The classes of :mod:`chorus_gui.core.errors`."""
    return [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ChorusError)]


def an_error(kind: type[ChorusError]) -> ChorusError:
    try:
        return kind("It did not work.")
    except (TypeError, AttributeError):
        return kind("It did not work.", [Fault("key", "text")])  # type: ignore[call-arg]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[ChorusError], begun: bool) -> None:
    error = an_error(kind)
    status = of_error(error, begun=begun)
    if error.needs_decision:
        assert status is Status.DECISION
    elif error.retryable:
        assert status is Status.STOPPED
    elif not begun:
        assert status is Status.NOT_STARTED
    assert status_of(Outcome(OutcomeKind.FAILED, error=error), begun=begun) is status


@pytest.mark.parametrize(
    ("kind", "faulty", "status"),
    [
        (OutcomeKind.DONE, False, Status.DONE),
        (OutcomeKind.DONE, True, Status.FAULTY),
        (OutcomeKind.CANCELLED, True, Status.INTERRUPTED),
        (OutcomeKind.CRASHED, True, Status.CRASHED),
    ],
)
def test_every_outcome_has_a_status(kind: OutcomeKind, faulty: bool, status: Status) -> None:
    for begun in (False, True):
        assert status_of(Outcome(kind), begun=begun, faulty=faulty) is status


def test_the_readme_names_every_status() -> None:
    text = README.read_text("utf-8")
    section = text.partition("## On the command line")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+?) \|$", section, re.MULTILINE)
    assert [int(number) for number, _ in rows] == sorted(Status)
    assert all(len(meaning) > 3 for _, meaning in rows)
