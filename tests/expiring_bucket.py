"""A bucket whose access key expires in the middle of an upload."""

from __future__ import annotations

import threading
from typing import Any

from azure_server import Server, reply

FILES = [f"{number:02}/Images/a.dcm" for number in range(8)]


class Bucket:
    """Takes the keys with the ID OLD for some objects, then only those with the ID NEW."""

    def __init__(self, reads: int) -> None:
        self.left, self.refused = reads, threading.Event()
        self.server = Server(self.answer)

    def answer(self, handler: Any) -> None:
        entries = "".join(
            f"<Contents><Key>p/{key}</Key><LastModified>2025-01-01T10:00:00Z</LastModified><ETag>e</ETag><Size>4</Size></Contents>"
            for key in FILES
        )
        if "list-type" in handler.path:
            return reply(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())(handler)
        self.left -= handler.command == "GET"
        if "Credential=OLD/" in handler.headers["Authorization"] and self.left < 0:
            self.refused.set()
            return reply(400, b"<Error><Code>ExpiredToken</Code><Message>m</Message></Error>", x_amz_request_id="r")(handler)
        facts: dict[str, Any] = {"ETag": '"e"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT"}
        if handler.command == "HEAD":
            return reply(200, b"data", **facts)(handler)
        return reply(206, b"data", Content_Range="bytes 0-3/4", **facts)(handler)
