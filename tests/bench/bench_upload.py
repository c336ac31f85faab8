"""How fast a site is delivered, against the tools that a site could use instead: ``python3 dev.py bench upload``.

The command line of this program, rclone, AzCopy and the plain SDK upload the same files to the same endpoint in turns: from the start of the
process to its end, so ours includes scanning, hashing, proofs and the journal.  Directly and behind a terminator of TLS, and with a time added
to each request that stands for the way to a distant region.  After each run the store is listed, and names, sizes and MD5s are compared
with the site.

The second table extrapolates: how long eight million files of 100 kB take.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from costs import ROOT, Cost, Set, median, spelled, timed
from sink import sink, terminator

RCLONE = ROOT / ".cache" / "rclone" / "bin" / "rclone"
AZCOPY = ROOT / ".cache" / "azcopy" / "node_modules" / "@azure-tools" / "azcopy-linux" / "dist" / "bin" / "azcopy_linux_amd64"
ACCOUNT, CONTAINER = "acct", "box"
TOKEN = "sv=2024-11-04&sp=rcwdl&sr=c&se=2099-01-01T00%3A00%3A00Z&sig=eA%3D%3D"
FILES_A_PATIENT = 50
SDK_THREADS = 16
DAYS_FILES, DAYS_SIZE, DAYS_DELAYS = 8_000_000, 100_000, (20, 60)
CONFIG = """\
[configuration]
supported_modalities = "Images"
[journal]
journaling_mode = "full"
[journal.source]
path = "{base}/share/journal.db"
[journal.local]
path = "{base}/journal.db"
[central_path]
path = "az://{container}/"
[central_path.auth]
auth_mode = "sas"
azure_account_name = "{account}"
azure_account_url = "{url}"
azure_sas_token = "{token}"
[site_path.default]
path = "{site}"
"""


@dataclass(frozen=True)
class Endpoint:
    """Where the files go: the account's URL, the SAS token, the container, the authority that vouches for its TLS (or None)."""

    url: str
    token: str
    container: str
    trusted: Path | None = None

    @property
    def container_url(self) -> str:
        return f"{self.url}/{self.container}?{self.token}"


@dataclass
class Site:
    """The files of a set on the disk: paths with their MD5s."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict[str, str])


Client = Callable[["Job"], Cost]


@dataclass(frozen=True)
class Job:
    """One upload: this site to this endpoint, below ``version``; ``scratch`` is an empty folder for what the client writes."""

    site: Site
    endpoint: Endpoint
    version: str
    scratch: Path
    delay: int


# --- the clients ----------------------------------------------------------------------------------------------------------


def ours(job: Job) -> Cost:
    """The command line, from an empty journal to a journal that is checked in."""
    (job.scratch / "share").mkdir()
    file = job.scratch / "config.toml"
    end = job.endpoint
    file.write_text(
        CONFIG.format(
            base=job.scratch, site=job.site.folder, container=end.container, account=ACCOUNT, url=end.url, token=end.token.replace('"', "")
        ),
        "utf-8",
    )
    file.chmod(0o600)
    home = {"CHORUS_UPLOAD_HOME": str(job.scratch / "home")}
    host = urlsplit(end.url).hostname or ""
    run = [sys.executable, "-m", "chorus_gui.cli", "--trust-host", host, "-c", str(file)]
    return timed([*run, "submit", "--yes", "--version", job.version], job.scratch, home, trusted=end.trusted, secret=end.token)


def rclone(job: Job) -> Cost:
    """``rclone copy``, with as many transfers as are useful here."""
    transfers = ["--transfers", "64", "--checkers", "16"] if job.delay else ["--transfers", "16"]
    target = f":azureblob:{job.endpoint.container}/{job.version}/"
    env = {"RCLONE_CONFIG": str(job.scratch / "none.conf"), "RCLONE_AZUREBLOB_SAS_URL": job.endpoint.container_url}
    (job.scratch / "none.conf").touch()
    return timed(
        [str(RCLONE), "copy", str(job.site.folder), target, *transfers, "--azureblob-no-check-container"],
        job.scratch,
        env,
        trusted=job.endpoint.trusted,
        secret=job.endpoint.token,
    )


def azcopy(job: Job) -> Cost:
    """``azcopy copy --put-md5``, which is what makes it keep the MD5 as the others do."""
    end = job.endpoint
    target = f"{end.url}/{end.container}/{job.version}?{end.token}"
    env = {"AZCOPY_LOG_LOCATION": str(job.scratch), "AZCOPY_JOB_PLAN_LOCATION": str(job.scratch / "plans"), "AZCOPY_DISABLE_SYSLOG": "true"}
    options = ["--recursive", "--put-md5", "--from-to=LocalBlob", "--check-length=true", "--skip-version-check", "--log-level=NONE"]
    return timed([str(AZCOPY), "copy", f"{job.site.folder}/*", target, *options], job.scratch, env, trusted=end.trusted, secret=end.token)


def sdk(job: Job) -> Cost:
    """A short script over azure-storage-blob, with threads."""
    end = job.endpoint
    return timed(
        [
            sys.executable,
            str(Path(__file__).resolve()),
            "--plain-sdk",
            str(job.site.folder),
            end.url,
            end.container,
            end.token,
            job.version,
        ],
        job.scratch,
        {},
        trusted=end.trusted,
        secret=end.token,
    )


def plain_sdk(folder: str, url: str, container: str, token: str, version: str) -> None:
    """What :func:`sdk` runs."""
    from concurrent.futures import ThreadPoolExecutor

    from azure.storage.blob import ContainerClient, ContentSettings

    client = ContainerClient(url, container, credential=token)
    root = Path(folder)

    def send(path: Path) -> None:
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "md5").digest()
            file.seek(0)
            client.upload_blob(
                f"{version}/{path.relative_to(root).as_posix()}",
                file,
                overwrite=True,
                validate_content=True,
                content_settings=ContentSettings(content_md5=bytearray(whole)),
            )

    with ThreadPoolExecutor(SDK_THREADS) as pool:
        list(pool.map(send, [path for path in root.rglob("*") if path.is_file()]))


CLIENTS: dict[str, Client] = {"ours": ours, "rclone": rclone, "azcopy": azcopy, "sdk": sdk}


# --- sites and stores ------------------------------------------------------------------------------------------------------


def make_site(folder: Path, files: Set) -> Site:
    """Files with content of their own, in folders of patients."""
    site = Site(folder)
    base = os.urandom(min(files.size, 1 << 22))
    for number in range(files.files):
        path = f"{1_000_000 + number // FILES_A_PATIENT}/Images/series/{number % FILES_A_PATIENT:04}.dcm"
        file = folder / path
        if number % FILES_A_PATIENT == 0:
            file.parent.mkdir(parents=True)
        whole, left = hashlib.md5(usedforsecurity=False), files.size
        with file.open("wb") as out:
            head = number.to_bytes(8, "big")
            while left:
                piece = (head + base[8:])[:left]
                out.write(piece)
                whole.update(piece)
                left -= len(piece)
        site.files[path] = whole.hexdigest()
    return site


def compare(job: Job, files: Set) -> None:
    """Exit if the store does not have exactly the site's files, with their sizes and MD5s."""
    from azure.storage.blob import ContainerClient

    trusted: dict[str, Any] = {"connection_verify": str(job.endpoint.trusted)} if job.endpoint.trusted else {}
    client: Any = ContainerClient(job.endpoint.url, job.endpoint.container, credential=job.endpoint.token, **trusted)
    found: dict[str, tuple[int, str]] = {}
    for blob in client.list_blobs(name_starts_with=f"{job.version}/"):
        md5 = blob.content_settings.content_md5
        found[blob.name.removeprefix(f"{job.version}/")] = (blob.size, bytes(md5).hex() if md5 else "")
    for own in ("journal.db", "submission.json"):
        found.pop(own, None)
    expected = {path: (files.size, md5) for path, md5 in job.site.files.items()}
    if found != expected:
        wrong = sorted(path for path in found.keys() | expected.keys() if found.get(path) != expected.get(path))
        sys.exit(f"{len(wrong)} files differ between site and store. The first is “{wrong[0]}”.")


def forget(endpoint: Endpoint, port: int | None) -> None:
    """The own endpoint forgets everything."""
    if port is not None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("DELETE", "/__stats")
        connection.getresponse().read()
        connection.close()


# --- measuring and printing ---------------------------------------------------------------------------------------------------


@dataclass
class Bench:
    """What all measurements share."""

    args: argparse.Namespace
    folder: Path
    runs: int = 0

    def measure(self, site: Site, files: Set, endpoint: Endpoint, delay: int, port: int | None) -> dict[str, list[Cost]]:
        """The costs of each client; they take turns."""
        costs: dict[str, list[Cost]] = {name: [] for name in self.args.clients}
        for number in range(self.args.rounds):
            for name in self.args.clients:
                if number >= self.args.other_rounds and name not in ("ours", "rclone"):
                    continue
                self.runs += 1
                scratch = self.folder / f"run{self.runs}"
                scratch.mkdir()
                job = Job(site, endpoint, f"bench{self.runs:04}", scratch, delay)
                costs[name].append(CLIENTS[name](job))
                compare(job, files)
                forget(endpoint, port)
                shutil.rmtree(scratch)
        return costs

    @contextlib.contextmanager
    def endpoint(self, delay: int, *, tls: bool) -> Iterator[tuple[Endpoint, int | None]]:
        """The given endpoint, or one on this computer."""
        if self.args.endpoint:
            yield Endpoint(self.args.endpoint.rstrip("/"), self.args.sas, self.args.container), None
            return
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(sink(self.folder, delay))
            if tls:
                secure, file = stack.enter_context(terminator(self.folder, port))
                yield Endpoint(f"https://127.0.0.1:{secure}/{ACCOUNT}", TOKEN, CONTAINER, file), port
            else:
                yield Endpoint(f"http://127.0.0.1:{port}/{ACCOUNT}", TOKEN, CONTAINER), port


def rows(files: Set, way: str, costs: Mapping[str, Sequence[Cost]]) -> Iterator[str]:
    """Lines of the table for one set and one way to the store."""
    per, unit = (files.files / 1000, "ms/file") if files.size < 1_000_000 else (files.bytes / 1e9, "s/GB")
    for name, found in costs.items():
        if found:
            ratio = median(found, "wall") / median(costs["ours"], "wall") if costs.get("ours") else 0.0
            yield (
                f"| {files!s:18} | {way:13} | {name:6} | {median(found, 'wall'):8.2f} | {ratio:6.2f} | {median(found, 'cpu'):8.2f} "
                f"| {median(found, 'cpu') / per:7.3f} {unit:7} | {median(found, 'memory') / 1e6:7.0f} |"
            )


HEAD = """\
| files              | way           | client | seconds  | ÷ ours | CPU s    | CPU of each     | MB      |
|--------------------|---------------|--------|---------:|-------:|---------:|----------------:|--------:|"""


def days(bench: Bench) -> None:
    """How long eight million files of 100 kB take: from the difference between a small and a larger number of them."""
    few, many = (Set("days", count, DAYS_SIZE) for count in ((300, 1500) if bench.args.quick else (1000, 5000)))
    print(f"\nDays to deliver {DAYS_FILES:,} files of {spelled(DAYS_SIZE)} ({DAYS_FILES * DAYS_SIZE / 1e9:,.0f} GB), start-up apart\n")
    names = [name for name in bench.args.clients if name != "sdk"]
    print(f"| added to each request | {' | '.join(f'{name:>6}' for name in names)} |\n|----|{'|'.join('-------:' for _ in names)}|")
    sites = {files: make_site(bench.folder / f"days{files.files}", files) for files in (few, many)}
    for delay in DAYS_DELAYS:
        with bench.endpoint(delay, tls=False) as (endpoint, port):
            walls = {files: bench.measure(site, files, endpoint, delay, port) for files, site in sites.items()}
        cells: list[str] = []
        for name in names:
            seconds = median(walls[many][name], "wall") - median(walls[few][name], "wall")
            cells.append(f"{seconds / (many.files - few.files) * DAYS_FILES / 86400:6.2f}")
        print(f"| {delay} ms | {' | '.join(cells)} |", flush=True)


def chosen(args: argparse.Namespace) -> list[Set]:
    small = 200_000 if args.long else 2_000 if args.quick else 20_000
    part = 10 if args.quick else 1
    all_of = [
        Set("small", small, 4096),
        Set("medium", 3_000 // part, 1_000_000),
        Set("large", 2 if args.quick else 8, 400_000_000 // (part // 2 or 1)),
    ]
    return [files for files in all_of if files.name in args.sets]


def main() -> None:
    """Measure, and print the tables while they grow."""
    if sys.argv[1:2] == ["--plain-sdk"]:
        plain_sdk(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the files, and one round")
    parser.add_argument("--long", action="store_true", help="200,000 small files instead of 20,000")
    parser.add_argument("--rounds", type=int, help="of which the median counts (5)")
    parser.add_argument("--other-rounds", type=int, default=3, help="of AzCopy and the SDK, which take long")
    parser.add_argument("--sets", nargs="+", default=["small", "medium", "large"], choices=["small", "medium", "large"])
    parser.add_argument("--clients", nargs="+", default=list(CLIENTS), choices=list(CLIENTS))
    parser.add_argument("--delays", nargs="+", type=int, default=[0, 20, 100], help="milliseconds that are added to each request")
    parser.add_argument("--ways", nargs="+", default=["plain", "tls"], choices=["plain", "tls"])
    parser.add_argument("--no-days", action="store_true", help="leave out the second table")
    parser.add_argument("--only-days", action="store_true", help="print the second table alone")
    parser.add_argument("--folder", type=Path, help="where the files are made for the time of the run")
    parser.add_argument("--endpoint", help="the URL of an account, in place of an endpoint on this computer; it has to answer --sas")
    parser.add_argument("--container", default=CONTAINER)
    parser.add_argument("--sas", default=os.environ.get("AZURE_SAS_TOKEN", TOKEN))
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 5)
    if not args.endpoint and shutil.which("rustc") is None:
        sys.exit("The endpoint of this benchmark is built with rustc. Install it, or name another --endpoint.")
    AZCOPY.chmod(0o755)  # npm installs it without permission to run
    if args.endpoint:
        args.delays, args.ways = [0], ["tls" if args.endpoint.startswith("https:") else "plain"]
    with tempfile.TemporaryDirectory(prefix="chorus-bench-", dir=args.folder) as name:
        bench = Bench(args, Path(name).resolve())
        if not args.only_days:
            print(f"Medians of {args.rounds} rounds; {os.cpu_count()} cores\n\n{HEAD}", flush=True)
            for files in chosen(args):
                site = make_site(bench.folder / files.name, files)
                for delay in args.delays:
                    for way in args.ways:
                        with bench.endpoint(delay, tls=way == "tls") as (endpoint, port):
                            costs = bench.measure(site, files, endpoint, delay, port)
                        for row in rows(files, f"{way}, {delay} ms", costs):
                            print(row, flush=True)
                shutil.rmtree(site.folder)
        if not args.no_days and not args.endpoint:
            days(bench)


if __name__ == "__main__":
    main()
