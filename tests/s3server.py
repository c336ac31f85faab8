"""A server that speaks S3: moto, in a process of its own, and a hand that changes what is in its buckets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chorus_gui.core.config.credentials import Account, AwsKeys, Secret
from chorus_gui.core.config.model import Place, PlaceKind, S3Settings

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""Amazon's own examples."""
KEYS = AwsKeys(KEY_ID, Secret(SECRET))


_SERVE = (
    "import os, sys, threading\n"
    "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()\n"  # it ends with the tests, however they end
    "from moto.server import main\nmain(sys.argv[1:])"
)


def s3_place(url: str, bucket: str, prefix: str = "", *, keys: AwsKeys = KEYS, s3: S3Settings | None = None) -> Place:
    text = f"s3://{bucket}/{prefix}".rstrip("/")
    return Place(PlaceKind.S3, text, None, bucket, prefix, keys, Account(url=url), "", s3 or S3Settings())


@contextmanager
def kept_port() -> Iterator[int]:
    """A port for a server that starts in the block: until the server listens, nobody else on this computer gets it."""
    with socket.socket() as found:
        if sys.platform == "linux":  # elsewhere a second socket cannot be bound to it, or takes it over
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
        if sys.platform != "linux":
            found.close()
        yield port


@dataclass
class S3Server:
    """``client`` is botocore's, with every right."""

    url: str
    client: Any = field(repr=False)

    def bucket(self, **options: Any) -> str:
        """A new bucket; its name."""
        name = f"site-{uuid.uuid4().hex}"
        self.client.create_bucket(Bucket=name, **options)
        return name

    def put(self, bucket: str, key: str, data: bytes, **options: Any) -> Any:
        return self.client.put_object(Bucket=bucket, Key=key, Body=data, **options)

    def put_parts(self, bucket: str, key: str, *parts: bytes) -> None:
        """Multipart: all parts but the last need 5 MiB."""
        upload = self.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": self.client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"],
            }
            for number, part in enumerate(parts, 1)
        ]
        self.client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": done})


def client_of(url: str) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    return Session().create_client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, max_pool_connections=4),
    )


@contextmanager
def running(argv: list[str], port: int, folder: Path) -> Iterator[str]:
    """A server in a process; its URL once it takes connections."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONWARNINGS"))}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.PIPE, env=own, cwd=folder)
    try:
        until = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "server.log").read_text("utf-8", "replace")
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()


@contextmanager
def moto(folder: Path) -> Iterator[S3Server]:
    with kept_port() as port, running([sys.executable, "-c", _SERVE, "-H", "127.0.0.1", "-p", str(port)], port, folder) as url:
        client = client_of(url)
        try:
            yield S3Server(url, client)
        finally:
            client.close()
