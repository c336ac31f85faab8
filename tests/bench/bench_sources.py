"""How fast a site in S3 is listed and delivered: ``python3 dev.py bench sources``.

The endpoint is ``blobsink.rs``, which is bucket and central store, and checks the signature of each request to the bucket.

The first table: a canned listing of a million keys, read by the program's source for S3 (every folder of it) and by a lean client, which
reads the same pages one after the other over ``http.client`` and makes a tuple of each key.  The second table: the command line of this program,
from its start to a journal that is checked in, and rclone copy the same objects from the bucket to the store, in turns.  After each run names, sizes
and MD5s in the store are compared with those of the bucket.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import http.client
import os
import shutil
import statistics
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_plus, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_upload import ACCOUNT, CONTAINER, FILES_A_PATIENT, RCLONE, TOKEN, Endpoint, Job, Site, compare, forget
from costs import Cost, Set, median, timed
from s3server import KEY_ID, KEYS, SECRET, s3_place
from sink import sink

REGION = "us-east-1"
CONTENT_BYTES = 4 << 20
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
path = "s3://{bucket}"
[site_path.default.auth]
aws_access_key_id = "{key}"
aws_secret_access_key = "{secret}"
aws_endpoint_url = "{endpoint}"
"""


# --- a million keys --------------------------------------------------------------------------------------------------------


def lean(url: str, bucket: str) -> int:
    """The pages one after the other over one connection: each key, size, time and ETag as a value; how many."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection(host)
    day, key = "", b""
    count, token = 0, ""
    while True:
        now = datetime.now(UTC)
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        if stamp[:8] != day:
            day, key = stamp[:8], b"AWS4" + SECRET.encode()
            for part in (day, REGION, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
        query = "encoding-type=url&list-type=2&max-keys=1000"
        query = f"continuation-token={quote(token, safe='~')}&{query}" if token else query
        nothing = hashlib.sha256(b"").hexdigest()
        names = "host;x-amz-content-sha256;x-amz-date"
        request = f"GET\n/{bucket}\n{query}\nhost:{host}\nx-amz-content-sha256:{nothing}\nx-amz-date:{stamp}\n\n{names}\n{nothing}"
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        authorization = f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={signature}"
        headers = {"x-amz-content-sha256": nothing, "x-amz-date": stamp, "Authorization": authorization}
        connection.request("GET", f"/{bucket}?{query}", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"The endpoint refused the lean listing: {answer.status} {answer.read()!r}")
        root = ET.fromstring(answer.read())
        space = root.tag.partition("}")[0] + "}"
        found = [
            (
                unquote_plus(one.findtext(f"{space}Key", "")),
                int(one.findtext(f"{space}Size", "")),
                int(datetime.fromisoformat(one.findtext(f"{space}LastModified", "")).timestamp()),
                one.findtext(f"{space}ETag", "").strip('"'),
            )
            for one in root.iterfind(f"{space}Contents")
        ]
        count += len(found)
        token = root.findtext(f"{space}NextContinuationToken", "")
        if not token:
            return count


def walk(url: str, bucket: str) -> int:
    """Every folder of the program's own source; how many files."""
    from chorus_gui.core.storage.base import FolderChoice
    from chorus_gui.core.storage.s3.source import S3Source

    source = S3Source(s3_place(url, bucket, keys=KEYS))
    every = FolderChoice(descend=True, files=True)
    return sum(len(folder.files) for folder in source.folders(lambda _: every, lambda: None))


LISTINGS = {"lean": lean, "ours": walk}


# --- from the bucket to the store --------------------------------------------------------------------------------------------


class Site3(NamedTuple):
    """A bucket: its name, and the MD5s of its objects by their keys."""

    bucket: str
    files: Set
    md5s: dict[str, str]


def make_bucket(files: Set, content: bytes, *, canned: bool = False) -> tuple[Site3, str]:
    """The bucket and its description for the endpoint.  ``canned``: only to be listed, so no MD5 is computed."""
    name, parts = f"site-{files.name}", int(canned)
    sums = {} if canned else {_key(number): md5 for number, md5 in enumerate(_md5s(files, content))}
    lines = [f"{name} {files.files} {files.size} {parts}"]
    if not parts:
        lines += sums.values()
    return Site3(name, files, sums), "\n".join(lines)


def _key(number: int) -> str:
    return f"{1_000_000 + number // FILES_A_PATIENT}/Images/series/{number % FILES_A_PATIENT:04}.dcm"


def _md5s(files: Set, content: bytes) -> Iterator[str]:
    for number in range(files.files):
        first = (number.to_bytes(8, "big") + content[8:])[: files.size]
        whole, left = hashlib.md5(first, usedforsecurity=False), files.size - len(first)
        while left:
            whole.update(content[:left])
            left -= min(left, len(content))
        yield whole.hexdigest()


def ours(site: Site3, job: Job, url: str) -> Cost:
    """The command line, from an empty journal to a journal that is checked in."""
    (job.scratch / "share").mkdir()
    file = job.scratch / "config.toml"
    text = CONFIG.format(
        base=job.scratch,
        container=job.endpoint.container,
        account=ACCOUNT,
        url=job.endpoint.url,
        token=job.endpoint.token,
        bucket=site.bucket,
        key=KEY_ID,
        secret=SECRET,
        endpoint=url,
    )
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    run = [sys.executable, "-m", "chorus_gui.cli", "--trust-host", "127.0.0.1", "-c", str(file)]
    return timed([*run, "submit", "--yes", "--version", job.version], job.scratch, {"CHORUS_UPLOAD_HOME": str(job.scratch / "home")})


def rclone(site: Site3, job: Job, url: str) -> Cost:
    """``rclone copy`` with its fastest way to list, and without the request for each object that asks for its own time."""
    (job.scratch / "none.conf").touch()
    env = {
        "RCLONE_CONFIG": str(job.scratch / "none.conf"),
        "RCLONE_AZUREBLOB_SAS_URL": job.endpoint.container_url,
        "RCLONE_S3_PROVIDER": "AWS",
        "RCLONE_S3_ACCESS_KEY_ID": KEY_ID,
        "RCLONE_S3_SECRET_ACCESS_KEY": SECRET,
        "RCLONE_S3_REGION": REGION,
        "RCLONE_S3_ENDPOINT": url,
        "RCLONE_S3_FORCE_PATH_STYLE": "true",
    }
    options = ["--transfers", "16", "--checkers", "16", "--fast-list", "--use-server-modtime", "--azureblob-no-check-container"]
    target = f":azureblob:{job.endpoint.container}/{job.version}/"
    return timed([str(RCLONE), "copy", f":s3:{site.bucket}", target, *options], job.scratch, env)


CLIENTS = {"ours": ours, "rclone": rclone}


# --- measuring and printing ---------------------------------------------------------------------------------------------------


class Bench:
    """What both tables share: the endpoint, the buckets, a folder."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self._args, self._folder, self._runs = args, folder, 0
        content = hashlib.shake_128(b"bench").digest(CONTENT_BYTES)
        self._listed, first = make_bucket(Set("listed", args.keys, 4096), content, canned=True)
        made = [make_bucket(files, content) for files in _sets(args)]
        self._sites = [site for site, _ in made]
        (folder / "buckets").write_text("\n".join([first, *(text for _, text in made)]), "ascii")
        (folder / "content").write_bytes(content)

    @property
    def described(self) -> tuple[Path, Path]:
        """What the endpoint reads."""
        return self._folder / "buckets", self._folder / "content"

    def listings(self, url: str) -> None:
        """The first table."""
        costs: dict[str, list[Cost]] = {name: [] for name in LISTINGS}
        for number in range(self._args.rounds):
            for name in _turn(list(LISTINGS), number):
                scratch = self._scratch()
                command = [sys.executable, str(Path(__file__).resolve()), "--list", name, url, self._listed.bucket, str(self._args.keys)]
                costs[name].append(timed(command, scratch, {"PYTHONPATH": os.pathsep.join(sys.path)}))
        print(f"Listing {self._args.keys:,} keys\n\n| client | seconds | ÷ lean | CPU s | ÷ lean | MB | seconds, least to most |")
        print("|---|--:|--:|--:|--:|--:|---|")
        for name, found in costs.items():
            walls, cpus = _ratio(found, costs["lean"], "wall"), _ratio(found, costs["lean"], "cpu")
            print(
                f"| {name} | {median(found, 'wall'):.2f} | {walls:.2f} | {median(found, 'cpu'):.2f} | {cpus:.2f} "
                f"| {max(cost.memory for cost in found) / 1e6:.0f} | {_spread(found)} |",
                flush=True,
            )

    def deliveries(self, url: str, port: int) -> None:
        """The second table."""
        endpoint = Endpoint(f"{url}/{ACCOUNT}", TOKEN, CONTAINER)
        print(
            "\nFrom the bucket to the store\n\n| objects | client | seconds | ÷ ours | CPU s | CPU ÷ ours | MB | seconds, least to most |"
        )
        print("|---|---|--:|--:|--:|--:|--:|---|")
        for site in self._sites:
            costs: dict[str, list[Cost]] = {name: [] for name in CLIENTS}
            for number in range(self._args.rounds):
                for name in _turn(list(CLIENTS), number):
                    scratch = self._scratch()
                    job = Job(Site(scratch, site.md5s), endpoint, f"bench{self._runs:04}", scratch, 0)
                    costs[name].append(CLIENTS[name](site, job, url))
                    compare(job, site.files)
                    forget(endpoint, port)
                    shutil.rmtree(scratch)
            for name, found in costs.items():
                walls, cpus = _ratio(found, costs["ours"], "wall"), _ratio(found, costs["ours"], "cpu")
                print(
                    f"| {site.files} | {name} | {median(found, 'wall'):.2f} | {walls:.2f} | {median(found, 'cpu'):.2f} | {cpus:.2f} "
                    f"| {max(cost.memory for cost in found) / 1e6:.0f} | {_spread(found)} |",
                    flush=True,
                )

    def _scratch(self) -> Path:
        self._runs += 1
        scratch = self._folder / f"run{self._runs}"
        scratch.mkdir()
        return scratch


def _turn(names: list[str], number: int) -> list[str]:
    """Whoever was first is last in the next round."""
    return names if number % 2 == 0 else names[::-1]


def _ratio(found: Sequence[Cost], measure: Sequence[Cost], what: str) -> float:
    """The median of the ratios of each round: what disturbs one round disturbs both clients."""
    return statistics.median(getattr(one, what) / getattr(other, what) for one, other in zip(found, measure, strict=True))


def _spread(found: Sequence[Cost]) -> str:
    return f"{min(cost.wall for cost in found):.2f} to {max(cost.wall for cost in found):.2f}"


def _sets(args: argparse.Namespace) -> list[Set]:
    part = 10 if args.quick else 1
    return [files for files in (Set("small", 5_000 // part, 4096), Set("large", 4, 256_000_000 // part)) if files.name in args.sets]


def main() -> None:
    """Measure, and print the tables."""
    if sys.argv[1:2] == ["--list"]:
        name, url, bucket, keys = sys.argv[2:]
        if (found := LISTINGS[name](url, bucket)) != int(keys):
            sys.exit(f"{found:,} keys were listed, and there are {int(keys):,}.")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, and one round")
    parser.add_argument("--rounds", type=int, help="of which the median counts (5)")
    parser.add_argument("--keys", type=int, help="in the listing (1,000,000)")
    parser.add_argument("--sets", nargs="*", default=["small", "large"], choices=["small", "large"])
    parser.add_argument(
        "--delay", type=int, default=0, help="milliseconds that the endpoint adds to each request, as a distant service does"
    )
    parser.add_argument("--no-listing", action="store_true", help="leave out the first table")
    parser.add_argument("--folder", type=Path, help="where the program's own files are for the time of the run")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 5)
    args.keys = args.keys or (100_000 if args.quick else 1_000_000)
    if shutil.which("rustc") is None:
        sys.exit("The endpoint of this benchmark is built with rustc. Install it.")
    with tempfile.TemporaryDirectory(prefix="chorus-bench-", dir=args.folder) as name, contextlib.ExitStack() as stack:
        folder = Path(name).resolve()
        bench = Bench(args, folder)
        port = stack.enter_context(sink(folder, args.delay, buckets=bench.described))
        waiting = f"{os.getloadavg()[0]:.1f} programs waited for them at the start" if hasattr(os, "getloadavg") else ""
        print(
            f"Medians of {args.rounds} rounds in turns; {os.cpu_count()} cores; {waiting}; {args.delay} ms for each request\n", flush=True
        )
        if not args.no_listing:
            bench.listings(f"http://127.0.0.1:{port}")
        bench.deliveries(f"http://127.0.0.1:{port}", port)


if __name__ == "__main__":
    main()
