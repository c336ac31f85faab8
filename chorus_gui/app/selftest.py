"""Whether this program works on this computer: for IT departments, and for every build before it is released.

A check does what a submission would do and examines the result.  The user's own files are not used: the caller of
:func:`run_checks` has set ``CHORUS_UPLOAD_HOME`` to a folder of the test's own (:func:`own_home`).
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import ssl
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui import __version__
from chorus_gui.app.words import files
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.job import JobContext
from chorus_gui.core.redact import redact

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.app.workspace import Workspace

VERDICT = "self-test.json"
RESOURCES = (
    "config/config-template.toml.j2",
    "receipt/receipt.html",
    "scripts/azcli.bat.j2",
    "scripts/azcopy.bat.j2",
    "icons/chorus-upload.ico",
)
SQLITE_LEAST = (3, 35)
"""The oldest version that the tests have run with; every build contains a newer one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.  ``told`` is what was found, or what was wrong; it contains no secret."""

    name: str
    ok: bool
    told: str
    seconds: float


def attempt(name: str, check: Callable[[], str]) -> Check:
    """Run a check: what it returns is its result; any error is a failure with the reason."""
    began = time.perf_counter()
    try:
        ok, told = True, check()
    except Exception as error:  # noqa: BLE001 - a self-test reports everything and continues
        ok, told = False, f"{type(error).__name__}: {error}"
    return Check(name, ok, redact(told), round(time.perf_counter() - began, 3))


@contextmanager
def own_home(folder: Path) -> Generator[None]:
    """The program's own folders are in ``folder`` until the end: a self-test leaves nothing in the user's."""
    before = os.environ.get("CHORUS_UPLOAD_HOME")
    os.environ["CHORUS_UPLOAD_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CHORUS_UPLOAD_HOME"]
        else:
            os.environ["CHORUS_UPLOAD_HOME"] = before


def user_folders() -> str:
    """The user's real folders can be written.  Call it before :func:`own_home`."""
    from chorus_gui.app.portable import check_own_home
    from chorus_gui.core import private
    from chorus_gui.core.folders import data_folder, log_folder, settings_folder

    check_own_home()
    folders = {data_folder(), log_folder(), settings_folder()}
    for folder in folders:
        with private.tried(private.beside(folder / "self-test")):
            pass
    return " · ".join(sorted(str(folder) for folder in folders))


def run_checks(folder: Path) -> list[Check]:
    """All checks that need no window; a demo site stays in ``folder`` (which must not have one yet), to look at."""
    return [
        attempt("resources", _resources),
        attempt("tls", _tls),
        attempt("credential store", _keychain),
        attempt("sqlite", lambda: _sqlite(folder)),
        attempt("lock", lambda: _lock(folder)),
        attempt("cloud libraries", _cloud),
        attempt("submission", lambda: _submission(folder)),
    ]


def _resources() -> str:
    from chorus_gui.core.folders import guide, resource, resources

    missing = [name for name in RESOURCES if not resource(name).is_file()]
    if not guide().is_file():
        missing.append(guide().name)
    if missing:
        raise ChorusError(f"Not found: {', '.join(missing)}.", remedy="Install CHoRUS Upload again.")
    return f"{len(RESOURCES) + 1} files in {resources()}"


def _tls() -> str:
    """TLS against the operating system's trust store, as the program does it."""
    import truststore

    from chorus_gui.core.storage.http.trust import trust_store_name

    truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.platform == "win32":
        count = sum(len(ssl.enum_certificates(store)) for store in ("ROOT", "CA"))
    else:
        context = ssl.create_default_context()
        paths = ssl.get_default_verify_paths()
        count = context.cert_store_stats()["x509_ca"] or (len(os.listdir(paths.capath)) if paths.capath else 0)
    if not count:
        raise ChorusError(f"There is no certificate authority in {trust_store_name()}.", remedy="Ask your IT department to check it.")
    return f"{ssl.OPENSSL_VERSION}; {count} certificates in {trust_store_name()}"


def _keychain() -> str:
    """The operating system's credential store; if a computer has none or forbids it, tokens stay in the file."""
    from chorus_gui.core.config import keychain

    backend = keychain.backend()
    if sys.platform in ("win32", "darwin") and backend.endswith(".fail"):
        raise ChorusError(
            f"Could not use {keychain.title()} ({backend}): a part of the program is missing.", remedy="Install CHoRUS Upload again."
        )
    entry = f"self-test/{os.getpid()}"
    try:
        keychain.write(entry, "sig=self-test")
        keychain.delete(entry)
    except keychain.KeychainError as error:
        return f"none available: {error.what} SAS tokens stay in the configuration file."
    return f"{keychain.title()}: a test entry was stored and removed"


def _sqlite(folder: Path) -> str:
    if sqlite3.sqlite_version_info < SQLITE_LEAST:
        raise ChorusError(f"SQLite {sqlite3.sqlite_version} is too old.", remedy="Install a newer Python.")
    db = sqlite3.connect(folder / "self-test.db")
    try:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        db.execute("CREATE TABLE t (x)")
        db.execute("INSERT INTO t VALUES (1)")
        db.commit()
        found = db.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        db.close()
    if found != "ok":
        raise ChorusError(f"SQLite reported a new database as damaged: {found}.")
    return f"SQLite {sqlite3.sqlite_version}, {mode}"


def _lock(folder: Path) -> str:
    """A locked file cannot be locked again."""
    import filelock

    file = folder / "self-test.lock"
    with filelock.FileLock(file):
        try:
            filelock.FileLock(file, timeout=0).acquire()
        except filelock.Timeout:
            return "a locked file cannot be locked again"
    raise ChorusError("File locks do not work in this folder.", meaning="Two programs could write to one journal at the same time.")


def _cloud() -> str:
    """The libraries load, and make a client and a signature; nothing is sent."""
    from importlib import import_module

    from azure.storage.blob import BlobServiceClient, generate_container_sas

    import_module("azure.identity")
    import_module("cryptography.hazmat.primitives.serialization.pkcs12")  # a certificate that signs in
    for name in ("google.oauth2.service_account", "google.oauth2.credentials", "google.auth.compute_engine", "google.auth.identity_pool"):
        import_module(name)  # what signs in to Google
    key = "c2VsZi10ZXN0"
    BlobServiceClient("https://self-test.invalid", credential={"account_name": "self", "account_key": key}).close()
    if "sig=" not in generate_container_sas("self", "test", account_key=key, permission="r", expiry="2000-01-01T00:00:00Z"):
        raise ChorusError("Could not create a signature.")
    return "azure-storage-blob and azure-identity load"


def _submission(folder: Path) -> str:
    """Two submissions of the demo site to a folder, with the program's own commands, and every byte read again."""
    from chorus_gui.app import demo
    from chorus_gui.app.options import Selection
    from chorus_gui.app.verify import Comparison, verify
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.load import load

    site = folder / "site"
    demo.make_site(site)
    workspace = Workspace(load(demo.write_config(folder, folder / "central-store", site), environ={}))
    first = _submit(workspace)
    demo.change_site(site)
    second = _submit(workspace)
    done = verify(workspace, JobContext(), Selection(), Comparison(reread=True))
    _raise(done)
    total = sum(done.value.counts.values())
    if done.value.bad_total or not total:
        raise ChorusError(f"{done.value.bad_total} of {total} files in the central store differ from the uploaded files.")
    return f"submitted {first} and {second} changes; read {total} files again, and all match"


def _submit(workspace: Workspace) -> int:
    """One submission; how many changes were recorded."""
    from chorus_gui.app.options import SubmitOptions
    from chorus_gui.app.review import Reviewing
    from chorus_gui.app.submit import submit

    done = submit(workspace, JobContext(), SubmitOptions(), Reviewing())
    _raise(done)
    if done.log.failures:
        raise ChorusError(f"{files(len(done.log.failures))} not uploaded. {done.log.failures[0].cause}")
    if done.receipt is None:
        raise ChorusError(" ".join(("Could not save a receipt.", *done.notes)))
    return sum(tally.files for kinds in done.log.entered.values() for tally in kinds.values())


def _raise(done: Done[Any]) -> None:
    if done.outcome.error is not None:
        raise done.outcome.error
    if not done.ok:
        raise ChorusError(f"A command of the program failed: {done.outcome.report}")


def verdict(checks: Sequence[Check]) -> str:
    """JSON: ``ok``, facts about this program and this computer, and every check."""
    return json.dumps(
        {
            "ok": all(check.ok for check in checks),
            "program": f"CHoRUS Upload {__version__}",
            "frozen": bool(getattr(sys, "frozen", False)),
            "python": platform.python_version(),
            "system": platform.platform(),
            "checks": [asdict(check) for check in checks],
        },
        indent=2,
        ensure_ascii=False,
    )
