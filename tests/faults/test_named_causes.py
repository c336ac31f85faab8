"""The rule: an error names the thing that failed, and a step that helps."""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import requests
from azure_places import azure_place
from memorystore import MemoryStore
from urllib3.exceptions import ProtocolError
from world import World

from chorus_gui.core.config.credentials import AccountKey, AuthMode
from chorus_gui.core.config.load import load
from chorus_gui.core.config.odd_characters import odd_character
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.errors import (
    BlobNotFoundError,
    ChecksumError,
    ChorusError,
    ConfigError,
    JournalChangedError,
    JournalError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry, Level
from chorus_gui.core.storage.azure import client
from chorus_gui.core.storage.azure.answers import Access, Answer, Operation, explain
from chorus_gui.core.storage.azure.errors import translate
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import BlobInfo, StoreLimits

BY_KEY = Access("acct", "acct.blob.core.windows.net", "box", AuthMode.KEY)
WRITE = Operation("write", "a/b.txt", "w")


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_sqlite(sqlite3.SQLITE_FULL), "The disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (_sqlite(sqlite3.SQLITE_CANTOPEN), "it failed"),
    ],
    ids=str,
)
def test_a_copy_that_cannot_be_made_names_its_folder_not_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run()
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def fails(*_: object) -> None:
        raise error

    with Journal.open(world.journal) as journal:
        monkeypatch.setattr(opening.private, "take_place", fails)
        with pytest.raises(JournalError) as caught:
            journal.snapshot(folder / "copy.db")
    assert str(folder) in caught.value.what
    assert words in caught.value.what
    assert "intact" in caught.value.meaning
    assert caught.value.remedy


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be moved")
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_journal_that_was_taken_away_is_not_called_read_only(tmp_path: Path, how: str) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run()
    with Journal.open(world.journal) as journal:
        (row,) = journal.rows(active=True)
        journal.remove_never_uploaded_closed()  # the first change keeps a copy of the file
        world.journal.rename(tmp_path / "away.db")
        if how == "replaced":
            world.journal.write_bytes((tmp_path / "away.db").read_bytes())
        with pytest.raises(JournalChangedError, match="deleted, moved or replaced"):
            journal.commit([Entry(Action.CLOSE, old_id=row.file_id)])


class Committing(MemoryStore):
    """A store whose first commits go wrong."""

    def __init__(self, how: str, times: int) -> None:
        super().__init__(limits=StoreLimits(put_bytes=100, block_bytes=50))
        self.how, self.times = how, times
        self.parts: list[str] = []

    def stage_block(self, path: str, block_id: str, data: object, **options: object) -> None:  # type: ignore[override]
        self.parts.append(path)
        super().stage_block(path, block_id, data, **options)  # type: ignore[arg-type]

    def commit_blocks(self, path: str, block_ids: object, **options: object) -> BlobInfo:  # type: ignore[override]
        if self.times:
            self.times -= 1
            if self.how == "delivered twice":
                super().commit_blocks(path, block_ids, **options)  # type: ignore[arg-type]
            raise BlobNotFoundError("A part no longer waits.")
        return super().commit_blocks(path, block_ids, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("how", "level"), [("damaged list", Level.TRANSPORT), ("delivered twice", Level.PROPERTIES)])
def test_a_commit_that_went_wrong_once_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, level: Level) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda *_: 0.0)
    world = World(tmp_path)
    store = world.store = Committing(how, 1)
    world.put("1/Images/a.dcm", os.urandom(400))
    log = world.run(version="v1")
    assert not log.failures
    assert log.proofs == {level: 1}
    assert store.parts.count("v1/1/Images/a.dcm") == 8, "no part is sent twice"


def test_a_list_that_is_damaged_for_good_does_not_blame_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda *_: 0.0)
    world = World(tmp_path)
    world.store = Committing("damaged list", 1000)
    world.put("1/Images/a.dcm", os.urandom(400))
    (failure,) = world.run(version="v1").failures
    assert failure.kind == ChecksumError.__name__
    assert "The list of the parts" in failure.cause
    assert "All parts of the file have arrived" in failure.cause


# --- the texts of single answers and files --------------------------------------------------------------------------------


class Named(NamedTuple):
    """What a text must name (``cause``, ``about``, ``remedy``) and what it must not say."""

    cause: str
    about: str
    remedy: str
    never: str = ""


def _answer(**facts: Any) -> StoreError:
    return explain(Answer(request_id="r", **facts), BY_KEY, WRITE)


def _raised(error: BaseException) -> StoreError:
    return translate(error, BY_KEY, WRITE)


def _config(data: str | bytes) -> ConfigError:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        with pytest.raises(ConfigError) as caught:
            load(file, environ={})
    return caught.value


def _stalled(port: int) -> StoreError:
    """What is said of an upload that the other side does not take."""
    place = azure_place("acct", f"http://127.0.0.1:{port}/acct", AccountKey("a2V5"))
    with closing(AzureStore(place)) as store, pytest.raises(StoreError) as caught:
        store.put("a/b.txt", b"x" * 64_000_000)
    return caught.value


QUOTES = "Write straight quotation marks"
UNSEEN = "Delete this character, and write a plain space"

TEXTS: dict[str, tuple[Callable[[], ChorusError], Named]] = {
    "a refusal labelled gzip": (
        lambda: _raised(requests.exceptions.ContentDecodingError("not gzip")),
        Named("did not come from Azure", "acct.blob.core.windows.net", "Ask your IT department", "was lost"),
    ),
    "damaged in transit": (
        lambda: _answer(status=400, code="Md5Mismatch"),
        Named("differ from the bytes that were sent", "“a/b.txt”", "Run the same command again", "sent again"),
    ),
    "a part that is no longer there": (
        lambda: _answer(status=400, code="InvalidBlockList"),
        Named("no longer in the central store", "“a/b.txt”", ""),
    ),
    "write deadline": (
        lambda: _raised(requests.ConnectionError(ProtocolError("Connection aborted.", TimeoutError("The write operation timed out")))),
        Named("CHoRUS Upload closed the connection", "Sending to acct", "num_threads", "did not answer"),
    ),
    "connect deadline": (
        lambda: _raised(requests.ConnectTimeout()),
        Named("did not answer in time", "acct", "Check the network", "Sending"),
    ),
    "curved quotation marks": (
        lambda: _config("mode = “full”\n"),
        Named("column 8: there is a curved", "config.toml (line 1)", QUOTES, "Invalid"),
    ),
    "curved single marks": (lambda: _config("a = 1\nmode = ‘full’"), Named("column 8: there is a curved", "config.toml (line 2)", QUOTES)),
    "a curved mark at the end": (lambda: _config('mode = "full”\n'), Named("column 13: there is a curved", "line 1", QUOTES, "Illegal")),
    "guillemets": (lambda: _config("mode = «full»"), Named("a curved quotation mark («, U+00AB)", "line 1", QUOTES)),
    "a no-break space before a key": (
        lambda: _config('\u00a0mode = "full"\n'),
        Named("no-break space, U+00A0", "line 1", UNSEEN, "Invalid"),
    ),
    "a no-break space after a value": (lambda: _config('mode = "full"\u00a0\n'), Named("column 14", "line 1", UNSEEN)),
    "a zero-width space": (lambda: _config('mode\u200b = "full"\n'), Named("zero width space, U+200B", "line 1", UNSEEN)),
    "a mark in the middle": (lambda: _config("a = 1\n\ufeffb = 2\n"), Named("U+FEFF", "line 2", UNSEEN)),
    "a line separator": (lambda: _config("a = 1\u2028b = 2\n"), Named("line separator, U+2028", "line 1", UNSEEN)),
    "a wide equals sign": (lambda: _config('mode ＝ "full"'), Named("“＝” (U+FF1D)", "line 1", "plain keyboard")),
    "no quotes": (lambda: _config("mode = full"), Named("Invalid value", "line 1", "Write texts in quotes")),
    "a text in Latin-1": (lambda: _config("a = 1\n# für".encode("latin-1")), Named("not encoded in UTF-8", "line 2", "Save it again")),
    "UTF-16 without a mark": (
        lambda: _config('mode = "full"'.encode("utf-16-le")),
        Named("UTF-16 without a byte order mark", "line 1", "Save it again"),
    ),
    "UTF-16 that is cut off": (
        lambda: _config('mode = "full"'.encode("utf-16")[:-1]),
        Named("UTF-16, as its first bytes say", "line 1", "Save it again"),
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_names_cause_object_and_remedy(name: str) -> None:
    make, named = TEXTS[name]
    error = make()
    faults = error.faults if isinstance(error, ConfigError) else ()
    text = " ".join([error.what, error.meaning, *map(str, faults)])
    assert named.cause in text
    assert named.about in text
    assert named.remedy in " ".join([error.remedy, *(fault.remedy for fault in faults)])
    assert not named.never or named.never not in f"{text} {error.remedy}"


def test_curved_marks_within_quotes_and_comments_are_no_problem() -> None:
    text = "a = \"“x”\" # “comment”\nb = '\u00a0' \n"
    assert all(odd_character(line) is None for line in text.splitlines())
    assert "The file is not valid TOML at column" in str(_config(text + "c = no").faults[0])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_file_that_windows_tools_wrote_is_read_and_saved_as_utf_8(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes('# für\r\nmode = "full"\r\n'.encode(encoding))
    document = ConfigDocument.open(file)
    document.set("mode", "append")
    document.save()
    assert file.read_bytes().decode("utf-8-sig") == '# für\r\nmode = "append"\r\n'


@pytest.mark.skipif(os.name == "nt", reason="Windows takes what is sent into its own memory, and the deadline of the answer counts")
def test_an_upload_that_the_network_does_not_take_blames_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        error = _stalled(silent.getsockname()[1])
    assert isinstance(error, StoreUnavailableError)
    assert "CHoRUS Upload closed the connection" in error.what
    assert "num_threads" in error.remedy
