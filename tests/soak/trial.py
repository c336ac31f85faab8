"""One submission that a fault hits: a site, a container behind the fault proxy, the program in a process of its own, and what is true afterwards."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import check_store
from faultproxy import Proxy

from chorus_gui.app.demo.azurite import Azurite

SMALL, LARGE = 60, (9_000_000, 17_000_000)
"""How many small files a site has, and the sizes of its large ones, in bytes."""
ROUNDS = 4
"""The same command, at most so often, has to finish the work."""
TIMEOUT = 600
_TIME = re.compile(r"\b[0-9]{2}:[0-9]{2}:[0-9]{2}\b")
_WAIT = re.compile(r"(The [a-z ]+ has (not answered|refused|been busy)|“[^”]*” has had no answer|Another program has used) .*")
BUG = re.compile(r"Traceback|program error|Exception ignored")


@dataclass
class Ended:
    """How a command ended.  ``said`` is its standard error, ``seconds`` its wall time."""

    status: int
    said: str
    seconds: float

    @property
    def sentence(self) -> str:
        """What a person read last that was not progress."""
        told = [line.strip() for line in self.said.splitlines() if re.match(r"\s*(Error|Warning): ", line)]
        return told[-1].removeprefix("Error: ").removeprefix("Warning: ") if told else ""

    @property
    def waits(self) -> list[str]:
        """What a person read about what was waited for, each sentence once, without its times."""
        found = [_TIME.sub("…", wait[0]) for line in self.said.splitlines() if (wait := _WAIT.search(line)) is not None]
        return list(dict.fromkeys(found))


@dataclass
class Verdict:
    """What a trial showed.  ``lost``: entries of the journal or files of the site; ``false``: rows that the store does not have so."""

    statuses: list[int] = field(default_factory=list)
    sentence: str = ""
    lost: int = 0
    false: int = 0
    again: int = 0
    """bytes that were sent more often than once"""
    waits: list[str] = field(default_factory=list[str])
    """what a person read while something was waited for"""
    measured: str = ""
    """what a scene of its own measured"""
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was lost, false or unfinished."""
        return not (self.lost or self.false or self.problems)


class Trial:
    """A new site, container and computer, all below ``base``."""

    def __init__(self, base: Path, azurite: Azurite, chance: random.Random, *, cloud_journal: bool = True) -> None:
        self.base = base
        self.azurite = azurite
        self.chance = chance
        self.site = base / "site"
        self.journal = base / "journal" / "journal.db"
        self.journal.parent.mkdir(parents=True)
        self.container = f"soak{uuid.uuid4().hex}"  # not from the seed: one service serves many trials
        azurite.create_container(self.container)
        host, _, port = azurite.url.rsplit("/", 1)[0].rpartition(":")
        self.proxy = Proxy(int(port))
        self.direct = int(port)
        self.url = f"{host}:{self.proxy.port}/{azurite.account}"
        self.file = base / "config.toml"
        self.env = {**os.environ, "CHORUS_UPLOAD_HOME": str(base / "home"), "PYTHONUNBUFFERED": "1"}
        self.source = f'[site_path.default]\npath = "{self.site.as_posix()}"\n'
        """the lines of the configuration that say where the site is"""
        self._write_site()
        self.write_config(cloud_journal=cloud_journal)

    def _write_site(self) -> None:
        for number in range(SMALL):
            kind = ("Images", "Waveforms")[number % 2]
            self.put(f"{1000 + number % 7}/{kind}/f{number:03d}.dat", self.chance.randbytes(self.chance.randrange(1, 9000)))
        for number, size in enumerate(LARGE):
            self.put(f"1000/Waveforms/large{number}.dat", self.chance.randbytes(size))
        self.put("OMOP/person.csv", b"person_id\n1\n")

    def put(self, path: str, content: bytes) -> None:
        """Write a file of the site."""
        file = self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def write_config(self, *, cloud_journal: bool = True, central: str = "", token: str = "", patience: int = 15) -> None:
        """``central``: a folder as central store, instead of the container; ``token``: a SAS token instead of the key."""
        secret = f'azure_sas_token = "{token}"' if token else f'azure_account_key = "{self.azurite.key}"'
        auth = f'azure_account_name = "{self.azurite.account}"\nazure_account_url = "{self.url}"\n{secret}\n'
        text = f"[configuration]\npage_size = 20\nnum_threads = 4\npatience_minutes = {patience}\n"
        text += '[journal]\njournaling_mode = "full"\n'
        if cloud_journal and not central:
            text += f'[journal.source]\npath = "az://{self.container}/journal.db"\n[journal.source.auth]\n{auth}'
        text += f'[journal.local]\npath = "{self.journal.as_posix()}"\n'
        text += f'[central_path]\npath = "{central or f"az://{self.container}"}"\n' + ("" if central else f"[central_path.auth]\n{auth}")
        text += self.source
        self.file.write_text(text, "utf-8")

    def token(self, hours: float) -> str:
        """A SAS token for the container."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        now = datetime.now(UTC)
        return generate_container_sas(
            self.azurite.account,
            self.container,
            account_key=self.azurite.key,
            permission=ContainerSasPermissions.from_string("racwdl"),
            start=now - timedelta(hours=1),
            expiry=now + timedelta(hours=hours),
        )

    # --- the program ------------------------------------------------------------------------------------------------

    def start(
        self, *command: str, env: Mapping[str, str] | None = None, before: Callable[[], None] | None = None, out: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start a command; ``before`` runs in the new process (POSIX)."""
        words = [sys.executable, "-m", "chorus_gui.cli", "-c", str(self.file), *(command or ("submit", "--yes", "--version", "v1"))]
        return subprocess.Popen(
            words, env={**self.env, **(env or {})}, preexec_fn=before, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True,
            errors="replace", cwd=self.base,
        )  # fmt: skip

    def wait(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for its end."""
        began = time.monotonic()
        try:
            _, said = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            said += f"\nError: it did not end within {TIMEOUT} s"
        return Ended(process.returncode, said or "", time.monotonic() - began)

    def run(self, *command: str, env: Mapping[str, str] | None = None, before: Callable[[], None] | None = None) -> Ended:
        """Run a command to its end."""
        return self.wait(self.start(*command, env=env, before=before))

    def kill_during(self, process: subprocess.Popen[str], number: int = signal.SIGKILL) -> Ended:
        """Strike at a random moment between the first request and the end."""
        while process.poll() is None and not self.proxy.log:
            time.sleep(0.01)
        time.sleep(self.chance.uniform(0, 2.5))
        if process.poll() is None:
            process.send_signal(number)
        return self.wait(process)

    # --- what is true -----------------------------------------------------------------------------------------------

    def rows(self) -> list[check_store.Row]:
        """The open rows of the local journal, as far as there is one."""
        return check_store.read_rows(self.journal) if self.journal.exists() and self.journal.stat().st_size else []

    def blobs(self) -> dict[str, check_store.Blob]:
        """What the container holds, read past the proxy."""
        return check_store.read_blobs(self.azurite.url, self.azurite.account, self.azurite.key, self.container, "")

    def look(self, verdict: Verdict, ended: Ended, blobs: Mapping[str, check_store.Blob] | None = None) -> None:
        """Note what must hold after every command, also one that a fault ended."""
        verdict.statuses.append(ended.status)
        verdict.sentence = verdict.sentence or ended.sentence
        verdict.waits += [wait for wait in ended.waits if wait not in verdict.waits]
        if ended.status == 70 or BUG.search(ended.said):
            verdict.problems.append(f"exit status {ended.status}: {ended.said.strip()[-600:]}")
        found = check_store.compare(self.rows(), dict(self.blobs() if blobs is None else blobs), None)
        verdict.false += found["false"] + found["double"]

    def finish(self, verdict: Verdict, read: Callable[[], dict[str, check_store.Blob]] | None = None) -> Verdict:
        """The fault is over: the same command finishes the work, and everything of the site is in journal and store."""
        before = {row.path for row in self.rows() if row.uploaded}
        self.proxy.rule = lambda request, number: None
        blobs = read or self.blobs
        for _ in range(ROUNDS):
            ended = self.run()
            self.look(verdict, ended, blobs())
            if ended.status == 0:
                break
        else:
            verdict.problems.append(f"not finished after {ROUNDS} runs: {ended.said.strip()[-600:]}")
        rows = self.rows()
        site = check_store.read_site(self.site)
        found = check_store.compare(rows, blobs(), site)
        gone = before - {row.path for row in rows if row.uploaded}
        verdict.lost += found["lost"] + len(gone & site.keys())  # a file that was deleted at the site has no entry any longer
        verdict.problems += [f"lost: {path}" for path in found.get("lost_files", [])]
        if self.journal.with_name("journal.db.locked").exists() or f"{self.journal.name}.locked" in blobs():
            verdict.problems.append("the lock is still in the cloud")
        return verdict

    def sent(self) -> int:
        """Bytes of files that the program sent so far."""
        kinds = ("PutBlob", "PutBlock")
        return sum(
            entry["length"]
            for entry in self.proxy.log
            if entry["kind"] in kinds and "/v1/" in entry["path"] and "journal.db" not in entry["path"]
        )

    def size(self) -> int:
        """Bytes of the site."""
        return sum(file.stat().st_size for file in self.site.rglob("*") if file.is_file())

    def close(self) -> None:
        """End the proxy."""
        self.proxy.close()


def sequence_of(values: Sequence[int]) -> str:
    """Exit statuses as a person reads them: "3, then 0"."""
    return ", then ".join(str(value) for value in dict.fromkeys(values))
