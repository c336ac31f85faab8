"""A store that guards markers is otherwise the store itself: whatever is asked of it goes on as it is, and what it cannot remove it explains."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memorystore import MemoryStore

from chorus_gui.core.errors import AccessError, BlobNotFoundError, UsageError
from chorus_gui.core.storage.base import IF_ABSENT, BlobInfo, Condition, StoreLimits
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.submission.guard import TOGETHER, GuardedStore, Proofs, remove_marker
from chorus_gui.core.submission.marker import marker_path

MD5 = md5_of(b"abc").digest()
ONLY = Condition(etag="e7")
NOTE = {"by": "anna"}


class Content:
    """Three bytes."""

    size = 3

    def md5(self) -> bytes:
        return MD5

    def chunks(self) -> list[bytes]:
        return [b"abc"]


CONTENT: Any = Content()


class Inner:
    """A store that writes down what it is asked, and answers with its own values."""

    url = "memory://inner"
    limits = StoreLimits(put_bytes=11, block_bytes=7)

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def head(self, path: str) -> None:
        """There is no marker, and nothing else."""
        self.asked.append(("head", (path,), {}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*values: Any, **options: Any) -> Any:
            self.asked.append((name, values, options))
            return BlobInfo("v1/a", 3, None, "e1") if name in ("put", "write", "commit_blocks", "copy") else f"the answer of {name}"

        return call


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("put", ("v1/a", b"abc"), {"md5": MD5, "metadata": NOTE, "condition": ONLY}),
    ("put", ("v1/a", b"abc"), {"md5": MD5, "metadata": None, "condition": IF_ABSENT}),
    ("write", ("v1/a", CONTENT), {"metadata": NOTE, "condition": ONLY}),
    ("stage_block", ("v1/a", "1", b"abc"), {"md5": MD5}),
    ("commit_blocks", ("v1/a", ["1"]), {"md5": MD5, "metadata": NOTE, "condition": ONLY}),
    ("copy", ("v1/a", "v1/b"), {"condition": ONLY}),
    ("delete", ("v1/a",), {"condition": ONLY}),
    ("list_staged", ("v1/a",), {}),
    ("head", ("v1/a",), {}),
    ("list", ("v1/",), {}),
    ("pages", ("v1/", "after"), {}),
    ("list_folders", ("v1/",), {}),
    ("level", ("v1/", "after"), {}),
    ("read", ("v1/a",), {"offset": 1, "length": 2, "etag": "e7"}),
    ("close", (), {}),
]


@pytest.mark.parametrize(("name", "values", "options"), CALLS, ids=[f"{number} {call[0]}" for number, call in enumerate(CALLS)])
def test_what_is_asked_of_a_guarded_store_goes_on_as_it_is(name: str, values: tuple[Any, ...], options: dict[str, Any]) -> None:
    """A lost condition would overwrite what somebody else wrote, a lost MD5 would let damaged bytes pass."""
    inner: Any = Inner()
    answer = getattr(GuardedStore(inner), name)(*values, **options)
    assert inner.asked[-1] == (name, values, options)
    assert answer == (None if name in ("stage_block", "delete", "close", "head") else getattr(Inner(), name)(*values, **options))


def test_a_guarded_store_has_the_address_and_the_limits_of_the_store() -> None:
    inner: Any = Inner()
    guard = GuardedStore(inner)
    assert (guard.url, guard.limits) == (inner.url, inner.limits)


@pytest.mark.parametrize(
    ("write", "proved"),
    [
        pytest.param(lambda guard: guard.put("v1/a", b"abc", md5=MD5), True, id="in one request"),
        pytest.param(lambda guard: guard.put("v1/a", b"abc"), False, id="in one request without an MD5"),
        pytest.param(lambda guard: guard.write("v1/a", CONTENT), True, id="as it is read"),
        pytest.param(lambda guard: guard.commit_blocks("v1/a", ["1"], md5=MD5), True, id="in blocks"),
        pytest.param(lambda guard: guard.copy("v1/b", "v1/a"), False, id="a copy in the store"),
    ],
)
def test_what_was_written_under_its_md5_is_proved(write: Callable[[GuardedStore], BlobInfo], proved: bool) -> None:
    inner: Any = Inner()
    guard = GuardedStore(inner)
    assert guard.proofs.md5_of(write(guard)) == (MD5.hex() if proved else None)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_guard_in_another_process_knows_what_was_removed_already(tmp_path: Path, by_hand: bool) -> None:
    """Otherwise each process would ask for the marker again, and a person's upload could write one."""
    guard = GuardedStore(LocalStore(tmp_path, create=True), by_hand=by_hand)
    guard.open("v1")
    there: GuardedStore = pickle.loads(pickle.dumps(guard))
    assert there.changed == {"v1"}
    if by_hand:
        with pytest.raises(UsageError):
            there.put(marker_path("v2"), b"x")
    else:
        there.put(marker_path("v2"), b"x")


@pytest.mark.parametrize("files", [TOGETHER - 1, TOGETHER, TOGETHER + 1, 2 * TOGETHER + 1])
def test_however_many_files_were_written_each_is_proved(files: int) -> None:
    proofs, infos = Proofs(), [BlobInfo(f"v1/{number}", 3, None, f"e{number}") for number in range(files)]
    for info in infos:
        proofs.keep(info, MD5)
    assert proofs.of(infos) == {info.path: MD5.hex() for info in infos}
    assert proofs.md5_of(infos[-1]) == proofs.md5_of(infos[0]) == MD5.hex()
    proofs.close()


@pytest.mark.parametrize(("code", "explained"), [("AuthorizationPermissionMismatch", True), ("AuthenticationFailed", False), ("", False)])
def test_that_a_token_may_not_delete_is_explained(code: str, explained: bool) -> None:
    """A token that ended, or one of another store, is what it is."""
    store = MemoryStore()
    store.put(marker_path("v1"), b'{"schema": "chorus-upload-submission/1"}')
    error = AccessError("The service refuses.", remedy="Ask.", code=code)
    store.fail_next("delete", error)
    with pytest.raises(AccessError) as raised:
        remove_marker(store, "v1")
    if explained:
        assert "permission “delete”" in raised.value.meaning
        assert "Nothing in the version was changed" in raised.value.meaning
        assert "new version" in raised.value.remedy
        assert (raised.value.what, raised.value.code) == (error.what, code)
    else:
        assert raised.value is error


def test_what_somebody_else_removed_is_an_error_only_for_whoever_asked_for_it() -> None:
    store = MemoryStore()
    store.put(marker_path("v1"), b'{"schema": "chorus-upload-submission/1"}')
    guard = GuardedStore(store)
    guard.delete(marker_path("v1"))
    for path in ("v1/a", marker_path("v2")):
        with pytest.raises(BlobNotFoundError):
            guard.delete(path)
