"""The faults: what each does to a submission, and what the table says about it."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import check_store
from azure_server import certificate
from faultproxy import Fault, Request, service_error
from trial import Trial, Verdict
from uplink import Uplink

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 31\r\nConnection: close\r\n\r\n<html><body>Sign in</body></html"[:-1]
SENDING = ("PutBlob", "PutBlock", "PutBlockList")


class NotHereError(Exception):
    """The fault cannot be made on this computer; the text says why."""


@dataclass(frozen=True)
class Scene:
    """A fault.  ``name`` and ``happens`` are cells of the table in docs/reliability.md."""

    name: str
    happens: str
    play: Callable[[Trial], Verdict]
    quick: bool = True
    """short enough for the tests"""


SCENES: list[Scene] = []


def scene(name: str, happens: str, *, quick: bool = True) -> Callable[[Callable[[Trial], Verdict]], Callable[[Trial], Verdict]]:
    """Add a scene to the table."""

    def add(play: Callable[[Trial], Verdict]) -> Callable[[Trial], Verdict]:
        SCENES.append(Scene(name, happens, play, quick))
        return play

    return add


def _hit(trial: Trial, fault: Callable[[Request, int], Fault | None]) -> Verdict:
    """A fault of the network during a submission."""
    verdict = Verdict()
    trial.proxy.rule = fault
    trial.look(verdict, trial.run())
    return trial.finish(verdict)


def each(number: int, kinds: tuple[str, ...], fault: Fault) -> Callable[[Request, int], Fault | None]:
    """Every so many requests of these kinds (none: of any)."""
    count = 0

    def rule(request: Request, _: int) -> Fault | None:
        nonlocal count
        if kinds and request.kind not in kinds:
            return None
        count += 1
        return fault if count % number == 0 else None

    return rule


# --- the process ------------------------------------------------------------------------------------------------------


@scene("the program is killed, or the power fails", "The same command continues. Large files continue after their last part.")
def killed(trial: Trial) -> Verdict:
    verdict = Verdict()
    for _ in range(trial.chance.randint(1, 3)):
        trial.look(verdict, trial.kill_during(trial.start()))
        trial.proxy.log.clear()
    verdict.statuses = [status for status in verdict.statuses if status >= 0]
    return trial.finish(verdict)


@scene(
    "the program is asked to stop (Ctrl-C, a log-off, a closed terminal)",
    "It stops at the next file or part, records what arrived, and checks in.",
    quick=False,
)
def stopped(trial: Trial) -> Verdict:
    verdict = Verdict()
    ended = trial.kill_during(trial.start(), trial.chance.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
    trial.look(verdict, ended)
    if ended.status not in (0, 130):
        verdict.problems.append(f"stopped with exit status {ended.status}: {ended.said[-400:]}")
    return trial.finish(verdict)


@scene("nobody reads the output (a pipe to `head`)", "The command is completed. Its exit status does not change.")
def no_reader(trial: Trial) -> Verdict:
    verdict = Verdict()
    reading, writing = os.pipe()
    os.close(reading)
    process = trial.start(out=writing)
    os.close(writing)
    ended = trial.wait(process)
    trial.look(verdict, ended)
    if ended.status:
        verdict.problems.append(f"exit status {ended.status}: {ended.said[-400:]}")
    return trial.finish(verdict)


# --- disks and limits --------------------------------------------------------------------------------------------------


@contextmanager
def _small_disk(folder: Path, size_kb: int) -> Generator[Path]:
    """A disk of that size at ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        raise NotHereError("it needs the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@scene("the disk of the program's own files is full", "The command stops before it sends anything, or continues without the review.")
def own_disk(trial: Trial) -> Verdict:
    verdict = Verdict()
    with _small_disk(trial.base / "small", trial.chance.choice((16, 64, 128, 200, 300, 400))) as disk:
        trial.look(verdict, trial.run(env={"CHORUS_UPLOAD_HOME": str(disk)}))
    return trial.finish(verdict)


@scene("the disk of the journal is full", "The last change is undone as a whole, and the command stops.")
def journal_disk(trial: Trial) -> Verdict:
    verdict = Verdict()
    saved = trial.base / "saved.db"
    with _small_disk(trial.journal.parent, trial.chance.choice((48, 80, 120, 200, 300))):
        trial.look(verdict, trial.run())
        if trial.journal.exists():
            saved.write_bytes(trial.journal.read_bytes())
    if saved.exists():  # room was made on the disk
        trial.journal.write_bytes(saved.read_bytes())
    return trial.finish(verdict)


@scene(
    "the disk for temporary files is full", "The copy of the journal in the version's folder is missing until the next upload.", quick=False
)
def temporary_disk(trial: Trial) -> Verdict:
    verdict = Verdict()
    with _small_disk(trial.base / "tmp", 4) as disk:
        (disk / "full").write_bytes(b"")
        with suppress(OSError), (disk / "full").open("wb") as out:
            out.write(b"x" * 100_000)
        trial.look(verdict, trial.run(env={"TMPDIR": str(disk)}))
    return trial.finish(verdict)


@scene("the central store is a folder, and its disk is full", "The command stops. Nothing half-written is visible.")
def store_disk(trial: Trial) -> Verdict:
    verdict = Verdict()
    central = trial.base / "central"
    trial.write_config(central=central.as_posix())

    def read() -> dict[str, check_store.Blob]:
        files = check_store.read_site(central) if central.is_dir() else {}
        return {path: check_store.Blob(size, md5, None) for path, (size, md5) in files.items() if not path.startswith(".")}

    kept = trial.base / "kept"
    with _small_disk(central, trial.chance.choice((200, 2_000, 12_000, 20_000))):
        trial.look(verdict, trial.run(), read())
        subprocess.run(["cp", "-a", str(central), str(kept)], check=True)
    subprocess.run(["cp", "-a", f"{kept}/.", str(central)], check=True)  # room was made
    return trial.finish(verdict, read)


@scene("few files may be open, or few threads may run", "The command uses what it gets, or stops and says which limit it is.", quick=False)
def few_handles(trial: Trial) -> Verdict:
    verdict = Verdict()
    handles = trial.chance.choice((16, 24, 32, 64))
    trial.look(verdict, trial.run(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))))
    return trial.finish(verdict)


@scene("a database viewer holds the journal", "The command waits up to 15 minutes, and says so.")
def viewer(trial: Trial) -> Verdict:
    verdict = Verdict()
    process = trial.start()
    while process.poll() is None and not any(row.uploaded for row in trial.rows()):
        time.sleep(0.05)
    db = sqlite3.connect(f"{trial.journal.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    with suppress(sqlite3.Error):
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    timer = threading.Timer(trial.chance.uniform(3, 20), db.close)
    timer.start()
    ended = trial.wait(process)
    timer.join()
    trial.look(verdict, ended)
    if ended.status:
        verdict.problems.append(f"exit status {ended.status}: {ended.said[-400:]}")
    return trial.finish(verdict)


# --- the site ----------------------------------------------------------------------------------------------------------


@scene(
    "files of the site change or vanish while it is submitted",
    "Those files are reported, not sent. The next submission sends what is there then.",
)
def site_changes(trial: Trial) -> Verdict:
    verdict = Verdict()
    files = sorted(file for file in trial.site.rglob("*") if file.is_file() and file.stat().st_size < 10_000 and "OMOP" not in file.parts)
    process = trial.start()
    while process.poll() is None and not trial.proxy.log:
        time.sleep(0.01)
    for file in trial.chance.sample(files, 12):
        match trial.chance.randrange(3):
            case 0:
                file.unlink(missing_ok=True)
            case 1:
                file.write_bytes(trial.chance.randbytes(500))
            case _:
                file.unlink(missing_ok=True)
                file.mkdir()
                (file / "inside.dat").write_bytes(trial.chance.randbytes(500))
        time.sleep(trial.chance.uniform(0, 0.1))
    trial.look(verdict, trial.wait(process))
    return trial.finish(verdict)


# --- a slow line --------------------------------------------------------------------------------------------------------


def slow_line(trial: Trial, mbit: float, sizes: tuple[int, ...], threads: int = 8) -> Verdict:
    """Large files over a line of so many Mbit/s that all connections share, with TLS."""
    verdict = Verdict()
    for file in trial.site.rglob("*"):
        if file.is_file():
            file.unlink()
    for number, size in enumerate(sizes):
        trial.put(f"1000/Waveforms/large{number}.dat", trial.chance.randbytes(size))
    file = certificate(trial.base)
    line = Uplink(trial.direct, mbit * 125_000, file)
    try:
        trial.url = f"https://127.0.0.1:{line.port}/{trial.azurite.account}"
        trial.env["REQUESTS_CA_BUNDLE"] = str(file)
        trial.write_config()
        trial.file.write_text(trial.file.read_text("utf-8").replace("num_threads = 4", f"num_threads = {threads}"), "utf-8")
        ended = trial.run()
        trial.look(verdict, ended)
        ideal, size = sum(sizes) / (mbit * 125_000), sum(sizes)
        more = line.received / size - 1
        verdict.measured = f"{mbit:g} Mbit/s: {ended.seconds:.0f} s of {ideal:.0f} s at best, {more * 100:.1f} % more bytes than the files, {line.cut} connections cut"
        print(f"        {verdict.measured}", flush=True)
        if ended.status:
            verdict.problems.append(f"exit status {ended.status}: {ended.said[-400:]}")
        if more > 0.02:
            verdict.problems.append(f"sent {line.received:,} bytes for {size:,}")
        return trial.finish(verdict)
    finally:
        line.close()


@scene("the uplink is slow (4 Mbit/s, 8 threads, 2 files of 20 MB)", "The files arrive. Almost nothing is sent twice.", quick=False)
def slow_uplink(trial: Trial) -> Verdict:
    return slow_line(trial, 4, (20_000_000, 20_000_000))


@scene("the uplink is very slow (1 Mbit/s, 8 threads)", "The files arrive. Almost nothing is sent twice.", quick=False)
def very_slow_uplink(trial: Trial) -> Verdict:
    return slow_line(trial, 1, (9_000_000, 3_000_000))


# --- the network -------------------------------------------------------------------------------------------------------


@scene("the network is gone for a while", "The command waits up to 15 minutes for the store, and says so.")
def network_gone(trial: Trial) -> Verdict:
    verdict = Verdict()
    process = trial.start()
    wanted = trial.chance.randrange(4, 90)  # a store that never answered is a wrong address
    while process.poll() is None and len(trial.proxy.log) < wanted:
        time.sleep(0.01)
    trial.proxy.down()
    time.sleep(trial.chance.uniform(2, 25))
    trial.proxy.start()
    ended = trial.wait(process)
    trial.look(verdict, ended)
    if ended.status:
        verdict.problems.append(f"exit status {ended.status} after a short outage: {ended.said[-400:]}")
    return trial.finish(verdict)


@scene(
    "the service is busy (503 with Retry-After, 429, 500)",
    "The request is sent again, after the time that the service asked for.",
    quick=False,
)
def busy(trial: Trial) -> Verdict:
    status, code = trial.chance.choice(((503, "ServerBusy"), (429, "TooManyRequests"), (500, "InternalError")))
    return _hit(trial, each(trial.chance.randint(4, 9), (), service_error(status, code, Retry_After="1")))


@scene(
    "connections break before, in the middle of, or after a request",
    "The request is sent again. What arrived is recognised and not sent twice.",
    quick=False,
)
def broken(trial: Trial) -> Verdict:
    fault: Fault = trial.chance.choice((("reset",), ("reset_mid", 3000), ("lost",), ("trunc_head", 20), ("fin",)))
    return _hit(trial, each(trial.chance.randint(5, 11), (), fault))


@scene("a commit is delivered twice, or its answer is lost", "The program looks what is there, and records it.")
def doubled(trial: Trial) -> Verdict:
    fault: Fault = trial.chance.choice((("dup",), ("dup_first",), ("lost",)))
    return _hit(trial, each(1 if fault[0] != "lost" else 2, ("PutBlockList",), fault))


@scene("bytes are damaged on the way", "The service refuses them by their MD5, and they are sent again.", quick=False)
def damaged(trial: Trial) -> Verdict:
    return _hit(trial, each(trial.chance.randint(3, 6), ("PutBlob", "PutBlock"), ("flip", trial.chance.randrange(5000))))


@scene(
    "a sign-in page answers for a while in place of Azure",
    "Nothing counts as sent. The command waits until the store answers again.",
)
def sign_in_page(trial: Trial) -> Verdict:
    verdict = Verdict()
    process = trial.start()
    wanted = trial.chance.randrange(5, 60)
    while process.poll() is None and len(trial.proxy.log) < wanted:
        time.sleep(0.01)
    trial.proxy.rule = lambda request, number: ("raw", PAGE)
    time.sleep(trial.chance.uniform(1, 6))
    trial.proxy.rule = lambda request, number: None
    trial.look(verdict, trial.wait(process))
    return trial.finish(verdict)


@scene(
    "the store refuses the credential in the middle (403)",
    "The command waits for another one, at most as long as the configuration says (here 1 minute), and stops with status 3. The same command continues.",
    quick=False,
)
def refused(trial: Trial) -> Verdict:
    verdict = Verdict()
    trial.write_config(patience=1)
    process = trial.start()
    wanted = trial.chance.randrange(5, 60)
    while process.poll() is None and len(trial.proxy.log) < wanted:
        time.sleep(0.01)
    trial.proxy.rule = lambda request, number: service_error(403, "AuthenticationFailed")
    ended = trial.wait(process)
    trial.look(verdict, ended)
    if ended.status not in (0, 3):
        verdict.problems.append(f"exit status {ended.status}: {ended.said[-400:]}")
    return trial.finish(verdict)


@scene(
    "a SAS token ends in the middle, and a new one is saved in config.toml",
    "All requests wait, and continue with the new token within seconds.",
)
def new_token(trial: Trial) -> Verdict:
    verdict = Verdict()
    old, new = trial.token(1), trial.token(2)
    mark = old.rpartition("sig=")[2]
    trial.write_config(token=old)
    process = trial.start()
    wanted = trial.chance.randrange(8, 60)
    while process.poll() is None and len(trial.proxy.log) < wanted:
        time.sleep(0.01)
    hit = threading.Event()

    def rule(request: Request, _: int) -> Fault | None:
        if mark not in request.query:
            return None
        hit.set()
        return service_error(403, "AuthenticationFailed")

    trial.proxy.rule = rule
    while process.poll() is None and not hit.wait(0.1):
        pass
    time.sleep(trial.chance.uniform(1, 5))
    trial.write_config(token=new)
    ended = trial.wait(process)
    trial.look(verdict, ended)
    if ended.status:
        verdict.problems.append(f"exit status {ended.status}: {ended.said[-400:]}")
    trial.write_config()
    return trial.finish(verdict)


def _custody(trial: Trial) -> dict[str, Callable[[Request], bool]]:
    """The steps with the cloud journal → the request that each begins with."""
    journal = f"/{trial.azurite.account}/{trial.container}/journal.db"
    return {
        "reading the journal": lambda request: request.kind in ("Get", "Head") and request.path == journal,
        "the lock": lambda request: request.kind == "PutBlob" and request.path == f"{journal}.locked",
        "the copy of the journal": lambda request: request.kind in SENDING and "/v1/" in request.path and "journal" in request.path,
        "the check-in": lambda request: request.kind in SENDING and request.path == journal,
        "the unlocking": lambda request: request.kind == "Delete" and request.path == f"{journal}.locked",
        "the files beside the journal": lambda request: request.kind in (*SENDING, "Get") and request.path.startswith(f"{journal}.chorus"),
    }


@scene(
    "the network is gone at each step with the cloud journal: reading, lock, copy, check-in, unlocking, the shared files",
    "Each step waits for the store, and the command is completed.",
)
def custody_gone(trial: Trial) -> Verdict:
    verdict = Verdict()
    trial.look(verdict, trial.run())
    for number, (step, begins) in enumerate(_custody(trial).items()):
        trial.put(f"1000/Images/step{number}.dat", trial.chance.randbytes(500))
        until = [0.0]
        seconds = trial.chance.uniform(7, 14)

        def rule(
            request: Request, _: int, begins: Callable[[Request], bool] = begins, until: list[float] = until, seconds: float = seconds
        ) -> Fault | None:
            if not until[0] and begins(request):
                until[0] = time.monotonic() + seconds
            return ("reset",) if time.monotonic() < until[0] else None

        trial.proxy.rule = rule
        ended = trial.run()
        trial.look(verdict, ended)
        if ended.status:
            verdict.problems.append(f"{step}: exit status {ended.status}: {ended.said[-400:]}")
        if not until[0]:
            verdict.problems.append(f"{step}: no request of this step was seen")
    return trial.finish(verdict)
