"""What counts as proof that a file arrived: an answer of the store that describes exactly the bytes that were sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memorystore import MemoryStore
from sending import md5_hex

from chorus_gui.core.errors import ChecksumError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level
from chorus_gui.core.storage.base import BlobInfo, StoreLimits
from chorus_gui.core.transfer.one import send_one

SMALL, LARGE = 80, 1030
Answer = Callable[[BlobInfo], BlobInfo]


class Answering(MemoryStore):
    """Stores what it gets, and answers something else."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(limits=StoreLimits(put_bytes=100, block_bytes=50))
        self.answer = answer

    def put(self, path: str, data: Any, **options: Any) -> BlobInfo:
        return self.answer(super().put(path, data, **options))

    def commit_blocks(self, path: str, block_ids: Any, **options: Any) -> BlobInfo:
        return self.answer(super().commit_blocks(path, block_ids, **options))


WRONG: dict[str, Answer] = {
    "another MD5": lambda info: replace(info, md5=md5_hex(b"other")),
    "a byte more": lambda info: replace(info, size=info.size + 1),
    "a byte less": lambda info: replace(info, size=info.size - 1),
    "nothing": lambda info: replace(info, size=0, md5=None),
    "another MD5, as it looked afterwards": lambda info: replace(info, md5=md5_hex(b"other"), looked_up=True),
}


@pytest.fixture(params=[SMALL, LARGE], ids=["in one request", "in blocks"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "a.dcm"
    made.write_bytes(os.urandom(request.param))
    return made


@pytest.mark.parametrize("answer", WRONG)
def test_a_store_that_confirms_other_bytes_has_not_confirmed_the_file(file: Path, answer: str) -> None:
    with pytest.raises(ChecksumError, match="confirmed other bytes"):
        send_one(Answering(WRONG[answer]), "v/a.dcm", file, JobContext())


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (lambda info: info, Level.TRANSPORT),
        (lambda info: replace(info, md5=None), Level.TRANSPORT),
        (lambda info: replace(info, looked_up=True), Level.PROPERTIES),
        (lambda info: replace(info, looked_up=True, md5=None), Level.REREAD),
    ],
    ids=["acknowledged", "acknowledged, MD5 not repeated", "answer lost, size and MD5 seen", "answer lost, content read"],
)
def test_a_proof_says_how_it_is_known(file: Path, answer: Answer, level: Level) -> None:
    proof = send_one(Answering(answer), "v/a.dcm", file, JobContext())
    assert (proof.level, proof.md5) == (level, md5_hex(file.read_bytes()))
