"""What a server, or a proxy in its place, answers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from azure_places import azure_place
from azure_server import Server, reply
from canary import CANARY, POLL, InputClass, no_secret, plain, texts_of, told
from foreign_answers import CALLS, ERRORS, FOREIGN, LISTS
from foreign_answers import HEADERS as ODD_HEADERS

from chorus_gui.core.config.credentials import AccountKey, Sas
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.storage.azure.store import AzureStore

_XML = '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{}</Blobs><NextMarker/></EnumerationResults>'
BODIES = (
    "<html><body>Please sign in</body></html>",
    '{"error": "no"}',
    "",
    "<other/>",
    _XML.format("<Blob/>"),
    _XML.format("<Blob><Name></Name></Blob>"),
    _XML.format("<Blob><Name>a</Name><Properties><Content-Length></Content-Length></Properties></Blob>"),
    _XML.format(""),
    "<BlockList/>",
    "<BlockList><CommittedBlocks/><UncommittedBlocks><Block/></UncommittedBlocks></BlockList>",
    "<Error><Code>Fo\x1b[31mo</Code><Message>" + "Start [" * 500 + "</Message></Error>",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Date": "Fri, 27 Nov 2026 06:45:56"},
    {"Date": "Fri, 27 Nov 2026 06:45:56 -0000"},
    {"Date": "Fri, 27 Nov 99999999999999999999 06:45:56 GMT"},
    {"Retry-After": "\xb2"},
    {"Content-Range": "garbage"},
    {"ETag": "", "Last-Modified": "yesterday", "x-ms-meta-since": "9999-12-31T23:59:59-10:00"},
)
ANSWERS = [(status, number % len(HEADERS), body) for status in (200, 403, 404) for number, body in enumerate(BODIES)]
ANSWERS += [(status, number, BODIES[0]) for status in (200, 206, 400, 409) for number in range(len(HEADERS))]


def answer(value: Any, folder: Path) -> None:
    del folder
    status, number, body = value
    headers = {name.replace("-", "_"): text for name, text in HEADERS[number % len(HEADERS)].items()}
    server = Server(reply(status, body.encode("utf-8", "surrogatepass"), **headers), poll=POLL)
    try:
        place = server.place()
        store = AzureStore(replace(place, credentials=AccountKey(CANARY)))
        for ask in (
            lambda: list(zip(store.list(), range(50), strict=False)),
            lambda: store.head("a"),
            lambda: store.list_staged("a"),
            lambda: b"".join(store.read("a", etag="e")),
        ):
            with told():
                ask()
        store.close()
    finally:
        server.close()


def _as_text(body: bytes) -> str:
    return body.decode("latin-1")


FOREIGN_ANSWERS: list[Any] = [(call, 200, number, genuine, _as_text(body)) for call in CALLS for genuine in (False, True)
                              for number, (body, _) in enumerate(FOREIGN.values())]  # fmt: skip
FOREIGN_ANSWERS += [(call, 200, 0, True, _as_text(body)) for call in ("list", "list_folders", "list_staged") for body in LISTS.values()]
FOREIGN_ANSWERS += [(call, status, 0, True, _as_text(body)) for call in ("head", "list", "put", "read") for status in (403, 409, 500)
                    for body in ERRORS.values()]  # fmt: skip
FOREIGN_ANSWERS += [(call, status, number, True, "") for number in range(len(ODD_HEADERS)) for call, status in
                    zip(CALLS, (200, 206, 304, 400, 401, 403, 404, 409, 412, 429, 502, 503, 401), strict=True)]  # fmt: skip
FOREIGN_ANSWERS += [(call, status, 0, genuine, body) for call in CALLS for status in (200, 400, 403) for genuine in (False, True)
                    for body in ("REQUEST", "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>REQUEST</AuthenticationErrorDetail></Error>",
                                 "<Error><Code>InvalidUri</Code><Message>REQUEST</Message></Error>")]  # fmt: skip
"""Request, status, number of the headers, whether it says that it is Azure's, body.  REQUEST in it: what was asked, with the token."""


def foreign_answer(value: Any, folder: Path) -> None:
    del folder
    call, status, number, genuine, body = value
    headers: dict[str, Any] = {"x_ms_request_id": "r"} if genuine else {}
    headers |= ODD_HEADERS[number % len(ODD_HEADERS)]

    def send(handler: Any) -> None:
        asked = f"{handler.path} {dict(handler.headers)}"
        text = body.replace("REQUEST", asked)
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogatepass")
        reply(status, data, Content_Type="application/xml", **headers)(handler)

    server = Server(send, poll=POLL)
    token = Sas(f"sv=2024-11-04&sp=rcwdl&se=2030-01-01T00:00:00Z&sr=c&sig={CANARY.replace('=', '%3D')}")
    place = azure_place("acct", server.url, token)
    try:
        with closing(AzureStore(place)) as store:
            try:
                CALLS[call](store)
            except ChorusError as error:
                no_secret(texts_of(error))
                plain(texts_of(error))
    finally:
        server.close()


CLASSES = (
    InputClass("answers of a server", ANSWERS, answer),
    InputClass("foreign answers to each request", FOREIGN_ANSWERS, foreign_answer),
)
