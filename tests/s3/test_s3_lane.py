"""A lane of reads whose bucket is in another region than the one that is asked first: the next lane asks there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from azure_server import Reply, Server, reply
from readlanes import brought
from s3server import s3_place

from chorus_gui.core.config.model import S3Settings
from chorus_gui.core.storage.read_lane import read_lane_of
from chorus_gui.core.storage.s3.source import S3Source

HERE = "eu-west-1"
FILES = {f"{number}.dcm": bytes([number]) * 100 for number in range(8)}
ANSWER: dict[str, Any] = {"ETag": '"e"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT"}
BODY = b"<?xml version='1.0'?><Error><Code>Any</Code><Message>m</Message><Region>eu-west-1</Region></Error>"
ELSEWHERE = {
    "a redirect": reply(301, b"", x_amz_bucket_region=HERE),
    "a temporary redirect": reply(307, b"", x_amz_bucket_region=HERE, Location="https://evil.example/"),
    "a signature for another region": reply(400, BODY),
    "no permission there": reply(403, b"", x_amz_bucket_region=HERE),
}


@pytest.fixture
def bucket() -> Iterator[Callable[[Reply], Server]]:
    """A bucket in :data:`HERE`; whoever asks for another region gets the reply."""
    servers: list[Server] = []

    def made(elsewhere: Reply) -> Server:
        def answer(handler: Any) -> None:
            data = FILES[handler.path.rpartition("/")[2]]
            here = f"/{HERE}/s3/" in handler.headers["Authorization"]
            (reply(206, data, Content_Range=f"bytes 0-99/{len(data)}", **ANSWER) if here else elsewhere)(handler)

        servers.append(Server(answer))
        return servers[-1]

    yield made
    for server in servers:
        server.close()


@pytest.mark.parametrize("how", ELSEWHERE)
def test_the_next_lane_asks_in_the_region_of_the_bucket(bucket: Callable[[Reply], Server], how: str) -> None:
    server = bucket(ELSEWHERE[how])
    with closing(S3Source(s3_place(server.url, "box", "site", s3=S3Settings(region="us-east-1")))) as source:
        first = read_lane_of(source)
        assert first is not None
        lost = brought(first, [*FILES], 101)
        assert lost
        assert set(lost.values()) == {None}, "the way of all other files reads them"
        assert not first.alive, "nothing more is asked for in the wrong region"
        first.close()
        second = read_lane_of(source)
        assert second is not None
        asked = len(server.seen)
        found = brought(second, [*FILES], 101)
        second.close()
    assert {path: whole and whole.data for path, whole in found.items()} == FILES
    assert len(server.seen) == asked + len(FILES), "one request for each"


def test_a_refusal_that_names_no_region_ends_no_lane(bucket: Callable[[Reply], Server]) -> None:
    server = bucket(reply(403, b"<Error><Code>AccessDenied</Code></Error>"))
    with closing(S3Source(s3_place(server.url, "box", "site", s3=S3Settings(region="us-east-1")))) as source:
        lane = read_lane_of(source)
        assert lane is not None
        assert brought(lane, [*FILES], 101) == dict.fromkeys(FILES)
        assert lane.alive
        lane.close()
