"""A lane of reads out of a bucket of Google: one request for each file, whose answer has all that is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import unquote
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from azure_server import Server, reply
from gcsserver import GcsServer, gcs_place
from readlanes import brought

from chorus_gui.core.storage.gcs.source import GcsSource
from chorus_gui.core.storage.read_lane import read_lane_of
from chorus_gui.core.storage.whole import Whole

KEPT = ("content-range", "content-type", "last-modified", "x-goog-")


class Google:
    """The test server, with the one header that it lacks: how often an object's properties were changed, as Google says it with its bytes.

    It counts the requests for an object: for its bytes, and for its properties.
    """

    def __init__(self, gcs: GcsServer) -> None:
        self.changed: set[str] = set()
        self.bytes, self.properties = Counter[str](), Counter[str]()
        self._inner = gcs.url
        self._server = Server(self._answer)
        self.url, self.close = self._server.url, self._server.close

    def _answer(self, handler: Any) -> None:
        path, _, query = handler.path.partition("?")
        key, media = unquote(path.partition("/o/")[2]), "alt=media" in query
        wanted = {"Range": handler.headers["Range"]} if "Range" in handler.headers else {}
        with build_opener(ProxyHandler({})).open(Request(f"{self._inner}{handler.path}", headers=wanted)) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower().startswith(KEPT)}
            if media:
                headers["X-Goog-Metageneration"] = "2" if key in self.changed else "1"
            (self.bytes if media else self.properties)[key] += 1
            reply(answer.status, answer.read(), **headers)(handler)


@pytest.fixture
def google(gcs: GcsServer) -> Iterator[Google]:
    made = Google(gcs)
    yield made
    made.close()


def test_each_file_takes_one_request_and_has_the_time_that_google_says(gcs: GcsServer, google: Google) -> None:
    bucket = gcs.bucket()
    files = {f"{number:02}/Images/ä.dcm": bytes([number]) * (number + 1) for number in range(30)}
    for path, data in files.items():
        gcs.put(bucket, f"p/{path}", data)
    with closing(GcsSource(gcs_place(google.url, bucket, "p", keys=gcs.keys))) as source:
        lane = read_lane_of(source)
        assert lane is not None
        found = brought(lane, [*files], 100)
        assert lane.alive
        lane.close()
        assert (google.properties, google.bytes) == (Counter(), Counter(f"p/{path}" for path in files))
        said = {path: source.stat(path) for path in files}
    assert found == {path: Whole(said[path], data, said[path]) for path, data in files.items()}


def test_the_time_of_an_object_whose_properties_were_changed_is_in_another_answer(gcs: GcsServer, google: Google) -> None:
    bucket = gcs.bucket()
    for name in ("a", "b", "c"):
        gcs.put(bucket, name, name.encode())
    google.changed.add("b")
    with closing(GcsSource(gcs_place(google.url, bucket, keys=gcs.keys))) as source:
        lane = read_lane_of(source)
        assert lane is not None
        found = brought(lane, ["a", "b", "c"], 2)
        assert [name for name, whole in found.items() if whole is None] == ["b"]
        assert lane.alive, "the others are as good as before"
        lane.close()
        stat, whole = source.stat("b"), source.read_whole("b", 2)
    assert whole == Whole(stat, b"b", stat), "the way of all other files"
