"""Files that the store's service reads from the site's service: which ones it is asked for, when it is no longer asked, what counts as a proof."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from memorystore import MemoryStore
from sending import md5_hex

from chorus_gui.core.errors import ChecksumError, SourceChangedError, StoreUnavailableError
from chorus_gui.core.model import Item, Level
from chorus_gui.core.storage.base import BlobInfo, SourceStat
from chorus_gui.core.storage.by_service import FETCH_BYTES, Borrower, CannotFetchError, Lent
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.transfer.by_service import ByService

MD5, OTHER = md5_hex(b"content"), md5_hex(b"other")
ITEM = Item(1, "Images", "1/Images/a.dcm", "v1/1/Images/a.dcm", 7, 1000, None)


class Cloud(FolderSource):
    """A source whose files another service can read."""

    def __init__(self, root: Path, lent: Lent | None) -> None:
        super().__init__(root)
        self.file = lent

    def lent(self, path: str, to: Borrower) -> Lent | None:
        return self.file


class Service(MemoryStore):
    """A store that answers as a test says: with a blob, or with an error."""

    def __init__(self, *, fetches: bool = True) -> None:
        super().__init__()
        self.borrower = Borrower() if fetches else None
        self.answers: list[BlobInfo | Exception] = []
        self.asked = 0

    def fetch(self, path: str, lent: Lent) -> BlobInfo:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else BlobInfo(path, 7, MD5, f"e{self.asked}")
        if isinstance(answer, Exception):
            raise answer
        return answer


LENT = Lent("https://site.example/a", SourceStat(7, 1000), bytes.fromhex(MD5))


@pytest.fixture
def source(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path, LENT)


@pytest.mark.parametrize(
    ("item", "fetches", "lent", "asked"),
    [
        pytest.param(ITEM, True, LENT, True, id="a file that another service can read"),
        pytest.param(ITEM, False, LENT, False, id="the store's service reads from nobody"),
        pytest.param(ITEM, True, None, False, id="nobody else can read the file"),
        pytest.param(replace(ITEM, md5=MD5), True, LENT, True, id="its MD5 is the recorded one"),
        pytest.param(replace(ITEM, md5=OTHER), True, LENT, False, id="its MD5 is another one: only the bytes show which one is wrong"),
        pytest.param(replace(ITEM, replaces=""), True, LENT, False, id="only if there is no such blob"),
        pytest.param(replace(ITEM, replaces="e"), True, LENT, False, id="only in the place of another blob"),
    ],
)
def test_which_files_the_service_is_asked_for(source: Cloud, item: Item, fetches: bool, lent: Lent | None, asked: bool) -> None:
    store, source.file = Service(fetches=fetches), lent
    assert (ByService(store).send(item, source) is not None) is asked
    assert store.asked == asked


@pytest.mark.parametrize(("size", "asked"), [(FETCH_BYTES, True), (FETCH_BYTES + 1, False)])
def test_a_file_that_is_too_large_for_one_request_goes_another_way(source: Cloud, size: int, asked: bool) -> None:
    store = Service()
    store.answers = [BlobInfo(ITEM.store_path, size, MD5, "e")]
    source.file = replace(LENT, stat=SourceStat(size, 1000))
    assert (ByService(store).send(replace(ITEM, size=size), source) is not None) is asked


@pytest.mark.parametrize("stat", [SourceStat(8, 1000), SourceStat(7, 1001)], ids=["size", "time"])
def test_a_file_that_is_not_the_approved_one_is_not_copied(source: Cloud, stat: SourceStat) -> None:
    store, source.file = Service(), replace(LENT, stat=stat)
    with pytest.raises(SourceChangedError):
        ByService(store).send(ITEM, source)
    assert store.asked == 0


def test_the_proof_of_a_copy_says_that_nothing_passed_through_this_computer(source: Cloud) -> None:
    store, began = Service(), time.perf_counter()
    proof = ByService(store).send(ITEM, source)
    took = time.perf_counter() - began
    assert proof is not None
    assert (proof.item, proof.md5, proof.etag, proof.level, proof.fetched) == (ITEM, MD5, "e1", Level.TRANSPORT, True)
    assert (proof.sent_bytes, proof.reused_bytes) == (0, 0)
    assert proof.upload_seconds is not None
    assert 0 <= proof.upload_seconds <= took


@pytest.mark.parametrize("answer", [BlobInfo("v1/a", 8, MD5, "e"), BlobInfo("v1/a", 7, OTHER, "e")], ids=["size", "MD5"])
def test_a_copy_of_other_bytes_is_no_proof(source: Cloud, answer: BlobInfo) -> None:
    store = Service()
    store.answers = [answer]
    with pytest.raises(ChecksumError):
        ByService(store).send(ITEM, source)


NO, BUSY, COPY = CannotFetchError("It does not copy."), CannotFetchError("Later.", code="ServerBusy"), None


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param([NO] * 5, 3, id="three refusals in a row: it is no longer asked"),
        pytest.param([NO, NO, COPY, NO, NO, COPY], 6, id="a copy in between: refusals are counted from the beginning"),
        pytest.param([NO, NO, COPY, NO, NO, NO, COPY], 6, id="and three in a row are three"),
        pytest.param([BUSY] * 6, 6, id="a service that is busy says nothing about copies"),
        pytest.param([NO, BUSY, NO, BUSY, NO, COPY], 5, id="nor does it in between"),
    ],
)
def test_a_service_that_does_not_copy_is_asked_a_few_times_only(source: Cloud, answers: list[CannotFetchError | None], asked: int) -> None:
    """Each refusal costs a request; the file goes another way."""
    store = Service()
    ways = ByService(store)
    copied = BlobInfo(ITEM.store_path, 7, MD5, "e")
    store.answers = [answer or copied for answer in answers]
    sent = [ways.send(ITEM, source) is not None for _ in answers]
    assert store.asked == asked
    assert sent == [answer is COPY and number < asked for number, answer in enumerate(answers)]


def test_what_every_write_would_meet_is_raised(source: Cloud) -> None:
    store = Service()
    store.answers = [StoreUnavailableError("It does not answer.")]
    with pytest.raises(StoreUnavailableError):
        ByService(store).send(ITEM, source)
