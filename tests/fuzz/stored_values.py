"""What is stored on a disk or a share and read back: each with a good value, and a function that reads whatever lies there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from chorus_gui.app.receipts import headline, to_html, to_text
from chorus_gui.core.custody import local_state
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote, read_note
from chorus_gui.core.custody.state import judge
from chorus_gui.core.journal.lock import Holder, WriterLock
from chorus_gui.core.model import Failure, Item, Level, Tally
from chorus_gui.core.receipt import HeldBack, Receipt, Verification, VerifyFault, from_json, to_json
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.local import LocalStore

RECEIPT = Receipt(
    "submission",
    "site",
    "az://c/x",
    "journal.db",
    ("v1",),
    1_700_000_000_000_000,
    1_700_000_001_000_000,
    "ann",
    "pc",
    "1.0",
    uploaded={"OMOP": Tally(1, 2)},
    proofs={Level.TRANSPORT: 1},
    failures=(Failure(Item(1, "OMOP", "a.csv", "v1/OMOP/a.csv", 1, 2), "SourceError", "gone", "look"),),
    held_back=(HeldBack("OMOP", "b.csv", "why"),),
    verification=Verification(Level.PROPERTIES, Tally(1, 1), (VerifyFault("OMOP", "a", "missing"),)),
    notes=("a note",),
)
NOTE = LockNote("ann", "pc", "2026-01-01T00:00:00+00:00", "1.0", "etag", "token")


@dataclass(frozen=True)
class Stored:
    """``good`` is what the program writes; ``read`` takes a text that lies in its place, in an empty folder."""

    good: Any
    read: Callable[[str, Path], None]
    toml: bool = False

    def text(self, value: Any) -> str | None:
        """A value as it would lie there; None where the format cannot hold it."""
        try:
            return tomli_w.dumps(value) if self.toml else json.dumps(value)
        except (TypeError, ValueError, AttributeError):
            return None


def _receipt(text: str, folder: Path) -> None:
    del folder
    receipt = from_json(text)
    to_json(receipt)
    to_text(receipt)
    to_html(receipt)
    headline(receipt)
    assert receipt.seconds is not None


def _memory(text: str, folder: Path) -> None:
    file = folder / "memory.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    memory = local_state.load(file)
    state = judge(None, BlobInfo("journal.db.locked", 0, None, "e", 1), NOTE, memory)
    state.describe()
    assert state.local is None or isinstance(state.local, Path)
    memory.base_of(folder)


def _lock(text: str, folder: Path) -> None:
    store = LocalStore(folder)
    (folder / "journal.db.locked").write_bytes(text.encode("utf-8", "surrogatepass"))
    home = CloudJournal(store, "journal.db", folder / "j.db", "az://c/j", folder / "m.toml", readable_lock=True)
    lock = store.head("journal.db.locked")
    assert lock is not None
    state = judge(None, lock, read_note(home, lock), LocalState())
    state.describe()
    assert state.since is None or state.since.tzinfo is not None


def _holder(text: str, folder: Path) -> None:
    (folder / ".journal.db.inuse.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    holder = WriterLock(folder / "journal.db").holder()
    assert holder is None or isinstance(holder.user, str)
    str(holder)


_MEMORY = {**asdict(LocalState(Phase.HELD, local="/j.db", token="t", lock_etag="e", journal_etag="j")), "phase": "held"}
STORED: dict[str, Stored] = {
    "receipt": Stored(json.loads(to_json(RECEIPT)), _receipt),
    "custody memory": Stored(_MEMORY, _memory, toml=True),
    "lock note": Stored(asdict(NOTE), _lock),
    "writer's note": Stored(asdict(Holder("ann", "pc", 1, "x", "y", "2026")), _holder),
}
