"""The classes of input that somebody else writes: seeds, and a function that does with an input what the program does.

A check raises nothing but the program's own errors; anything else is a fault.  CANARY is a secret that no output may hold.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure_server import Server, reply
from foreign_answers import CALLS, ERRORS, FOREIGN, LISTS
from foreign_answers import HEADERS as ODD_HEADERS
from mutants import ODD, TEXTS, json_texts
from odd_journals import cases, make
from stored_values import STORED

from chorus_gui.app.answers import container_of
from chorus_gui.app.credentials import paste, sas_facts
from chorus_gui.app.support import config_text
from chorus_gui.cli.report import Report
from chorus_gui.core.config import keychain, secrets
from chorus_gui.core.config.load import check, loads
from chorus_gui.core.config.model import AuthMode, Credentials, Place, PlaceKind, Secret
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.model import Failure, Item
from chorus_gui.core.pattern import Pattern
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.names import check_path

CANARY = "UzNjcjN0S0VZeHhDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUlk="
DATA = Path(__file__).parent.parent / "data"
Check = Callable[[Any, Path], None]


@dataclass(frozen=True)
class InputClass:
    """``check`` gets an input and an empty folder.  Inputs that are no text are taken from the seeds, unchanged or with other bytes."""

    name: str
    seeds: Sequence[Any]
    check: Check


def must(held: bool, what: str) -> None:
    """A promise that an input broke."""
    if not held:
        raise AssertionError(what)


def no_secret(text: str) -> None:
    must(CANARY.rstrip("=") not in text, "a secret is in the output")


def texts_of(error: ChorusError) -> str:
    """Everything of an error that a person may see."""
    return "\n".join(
        map(str, (error, error.what, error.meaning, error.remedy, getattr(error, "code", ""), getattr(error, "request_id", "")))
    )


@contextmanager
def told() -> Iterator[None]:
    """The program's own error ends what is inside; it must hold no secret."""
    try:
        yield
    except ChorusError as error:
        no_secret(texts_of(error))


# --- configurations, patterns, credentials --------------------------------------------------------------------------------------

CONFIGS = [
    *(file.read_text("utf-8") for file in sorted((DATA / "configs").glob("*.toml"))),
    *TEXTS,
    "a=" + "[" * 2000,
    "\n".join(f"k{n} = 1" for n in range(3_000)),
    '[journal.local]\npath = "' + "j" * 300 + '"',
    "[configuration]\npage_size = 0x" + "f" * 5000,
    f'[central_path]\npath = "az://c"\nazure_account_key = "{CANARY}"\nazure_account_name = "x"',
    "[journal]\njournaling_mode = 7\n[[central_path]]",
]


def config(text: str, folder: Path) -> None:
    began = time.process_time()
    checked = check(text, folder / "config.toml", environ={}, kept=lambda name: "")
    no_secret(" ".join([*map(str, checked.faults), *checked.warnings]))
    with told():
        loads(text, folder / "config.toml", environ={}, kept=lambda name: "")
    must(time.process_time() - began < 10, "a configuration takes more than 10 s")


PATTERNS = [
    "OMOP/{filepath}",
    "{patient_id:w}/Images/{filepath}",
    "{patient_id:w}{version:w}q/{filepath}",
    "{patient_id:d}-{version}x{filepath}",
    "{",
    "{x}",
    "a//{filepath}",
]
PATHS = ("a" * 16_384 + "/x", "12/Images/a.dcm", "é" * 300, "a/" * 2000 + "b")


def pattern(text: str, folder: Path) -> None:
    del folder
    parsed = Pattern.parse(text)
    began = time.process_time()
    for path in PATHS:
        parsed.match(path)
        parsed.may_lead_to(path)
    must(time.process_time() - began < 2, "a pattern takes more than 2 s")


CREDENTIALS = [
    "sv=2024-11-04&sp=rcwl&se=2030-01-01T00:00:00Z&sr=c&sig=" + CANARY,
    "https://x.blob.core.windows.net/site?sv=2024&se=9999-12-31T23:59:59-10:00&sig=" + CANARY,
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + CANARY + ";EndpointSuffix=core.windows.net",
    CANARY,
    "http://127.0.0.1:10000/x",
    "https://[::1",
    "https://x.blob.[33mt/site?sv=2024&sig=" + CANARY,
    "https://x:99999999/",
    "?se=0001-01-01T00:00:00+10:00&st=10000-01-01&spr=&sip=1-2-3&sig=x",
]


def credential(text: str, folder: Path) -> None:
    del folder
    secrets.clean_sas(text)
    secrets.split_account_url(text)
    no_secret(secrets.account_url_problem(text) if CANARY not in text else "")
    secrets.account_of_url(text)
    secrets.connection_parts(text)
    sas_facts(text)
    paste(text)
    container_of(text)
    no_secret(" ".join(secrets.SasInfo.parse(text).scope_sentences("rcwl")))


# --- journals, rows ----------------------------------------------------------------------------------------------------------------

JOURNALS: list[Any] = [(schema, name, ()) for schema in (1, 2) for name in cases(schema)]
JOURNALS += [(schema, "", ((offset, value),)) for schema in (1, 2) for offset in range(16, 112, 7) for value in (0, 0xE9)]


def journal(value: Any, folder: Path) -> None:
    from journal_readers import READERS

    schema, name, flips = value
    for reader in READERS:
        path = folder / f"{reader.__name__}.db"
        make(schema, cases(schema).get(name, lambda path: None), path)
        data = bytearray(path.read_bytes())
        for offset, byte in flips:
            data[offset % len(data)] = byte % 256
        path.write_bytes(data)
        with told():
            reader(path)


ROWS = [
    "OMOP/../../outside/secret.txt",
    "../secret.txt",
    "/etc/hostname",
    "C:/Windows/x",
    "a\\..\\b",
    "OMOP/./x",
    "",
    "OMOP//x",
    "a\0b",
    "caf\udce9",
    "x" * 5000,
    "OMOP/person.csv",
]


def row(path: str, folder: Path) -> None:
    site, outside = folder / "site", folder / "outside"
    (site / "OMOP").mkdir(parents=True, exist_ok=True)
    outside.mkdir(exist_ok=True)
    (outside / "secret.txt").write_text(CANARY)
    (folder / "secret.txt").write_text(CANARY)
    source = FolderSource(site)
    for windows in (False, True):
        with told():
            check_path(path, windows=windows)
    with told():
        reader = source.open(path)
        buffer = bytearray(200)
        count = reader.readinto(buffer) or 0
        reader.close()
        no_secret(bytes(buffer[:count]).decode("latin-1"))
    with told():
        source.stat(path)
        must(os.path.realpath(site / path).startswith(os.path.realpath(site) + os.sep), "a file outside the site was found")


# --- stored values -----------------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [(name, text) for name, stored in STORED.items() if not stored.toml for text in json_texts(stored.good)]
VALUES += [("custody memory", text) for text in (*TEXTS, 'phase = "held"\nlocal = true', 'phase = "held"\nsent_size = "x"', "phase = 1")]
VALUES += [("keyring", answer) for answer in ODD]


def stored(value: Any, folder: Path) -> None:
    name, text = value
    if name != "keyring":
        STORED[name].read(text, folder)
        return
    import keyring

    real = keyring.get_password
    keyring.get_password = lambda service, user: text
    keychain.forget_answers()
    try:
        answer = keychain.read("x/c")
        must(isinstance(answer, str), "an answer that is no text")
    finally:
        keyring.get_password = real
        keychain.forget_answers()


# --- answers of a server -----------------------------------------------------------------------------------------------------------

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
    server = Server(reply(status, body.encode("utf-8", "surrogatepass"), **headers))
    try:
        store = server.store()
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
                    zip(CALLS, (200, 206, 304, 400, 401, 403, 404, 409, 412, 429, 503), strict=True)]  # fmt: skip
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

    server = Server(send)
    token = Secret(f"sv=2024-11-04&sp=rcwdl&se=2030-01-01T00:00:00Z&sr=c&sig={CANARY.replace('=', '%3D')}")
    place = Place(PlaceKind.AZURE, "az://box", None, "box", "", Credentials(AuthMode.SAS, "acct", server.url, sas_token=token))
    try:
        with closing(AzureStore(place)) as store:
            try:
                CALLS[call](store)
            except ChorusError as error:
                no_secret(texts_of(error))
                _plain(texts_of(error))
    finally:
        server.close()


# --- names on a terminal and in the window, secrets -------------------------------------------------------------------------------

NAMES = [
    "\x1b]0;pwned\x07",
    "\x9b31mx",
    "a\b\b",
    "a\rError: fake",
    "a\nError: fake",
    "\u202egpj.exe",
    "\u2028x",
    "caf\udce9",
    "\x7f",
    '"a"',
    " a",
    "-rf",
    "=1+1",
    "sig=abcdef.csv",
    "AccountKey=zzz.csv",
    "Bearer abcdefghijklmnopqrstuvwxyz.csv",
    "<img src='p.png'><h1>All files verified</h1>.csv",
    "<b>x</b>",
    "&lt;b&gt;",
]


def _plain(text: str) -> None:
    must(
        not any(
            (ord(char) < 32 and char not in "\n\t")
            or 0x7F <= ord(char) < 0xA0
            or char in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
            for char in text
        ),
        "a control character is shown",
    )


def name(text: str, folder: Path) -> None:
    out = io.StringIO()
    Report(out=out, err=out).say(f"failed: {text}")
    must(out.getvalue().count("\n") == 1, "a name is a line of its own")
    Report(out=out, err=out).error(ChorusError(f"The file {text} failed."))
    _plain(out.getvalue())
    raw = io.BytesIO()
    wrapped = io.TextIOWrapper(raw, "utf-8", errors="backslashreplace")
    Report(as_json=True, out=wrapped).json([{"path": text}])
    wrapped.flush()
    _plain(raw.getvalue().decode())
    must(json.loads(raw.getvalue()) == [{"path": text}], "a name in JSON is not exact")
    if text and "\0" not in text:
        from chorus_gui.core.submission.mark import read_list

        raw = io.BytesIO()
        wrapped = io.TextIOWrapper(raw, "utf-8", newline="\n", errors="backslashreplace")
        report = Report(out=wrapped)
        getattr(report, "name", report.say)(text)
        wrapped.flush()
        (folder / "list.txt").write_bytes(raw.getvalue())
        must(read_list(folder / "list.txt") == [text], "a list cannot be read again")


def qt(text: str, folder: Path) -> None:
    del folder
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtGui import Qt as Gui

    from chorus_gui.ui.models.failures import FailuresModel

    global _application
    _application = _application or QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    model = FailuresModel()
    model.show_failures([Failure(Item(1, "OMOP", text, "v/" + text, 1, 1), "SourceError", f"about {text}", "look")])
    group = model.index(0, 0)
    for cell in (group, model.index(0, 0, group), model.index(0, 1, group)):
        for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.DisplayRole):
            shown = model.data(cell, role)
            if isinstance(shown, str) and role == Qt.ItemDataRole.ToolTipRole:
                must(not Gui.mightBeRichText(shown), "Qt takes a name for HTML")
            _plain(shown or "")


_application: Any = None
_KEYS = ("azure_account_key", "azure_sas_token", "azure_connection_string")
LEAKS = [
    *(f'[central_path]\n{key} = "{CANARY}"\n' for key in _KEYS),
    f"azure_account_key =\n   {CANARY}",
    f'azure_account_key = """\n{CANARY}\n"""\n[[[',
    f'azure_account_key = [\n   ["{CANARY}"],\n[[[',
    f"https://x.blob.core.windows.net/c?sv=1&sig={CANARY}",
    f"az://site/x?sv=1%26sig%3D{CANARY}",
    f"AccountName=x;AccountKey={CANARY}",
    f"Authorization: Bearer {CANARY}",
    "AccountKey" + " " * 100_000,
]


def leak(text: str, folder: Path) -> None:
    began = time.process_time()
    redacted = redact(text)
    must(time.process_time() - began < 2, "redaction takes more than 2 s")
    if text in LEAKS and "\n" not in text:
        no_secret(redacted)
    file = folder / "config.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    if "\n" in text and any(key in text for key in _KEYS):
        no_secret(config_text(file))


CLASSES: tuple[InputClass, ...] = (
    InputClass("config.toml, both layouts", CONFIGS, config),
    InputClass("patterns", PATTERNS, pattern),
    InputClass("SAS, URL, connection strings", CREDENTIALS, credential),
    InputClass("journals", JOURNALS, journal),
    InputClass("entries with paths", ROWS, row),
    InputClass("receipts, custody memory, lock notes, staged index, keyring", VALUES, stored),
    InputClass("answers of a server", ANSWERS, answer),
    InputClass("foreign answers to each request", FOREIGN_ANSWERS, foreign_answer),
    InputClass("names on a terminal, in JSON and in lists", NAMES, name),
    InputClass("names in the window", NAMES, qt),
    InputClass("secrets in logs and in the support bundle", LEAKS, leak),
)
__all__ = ["CANARY", "CLASSES", "InputClass", "no_secret", "texts_of"]
