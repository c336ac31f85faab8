"""Run by the custody kill test: check out, record, check in, with a store that takes a moment before and after each call.

Each step is announced on the standard output before it begins.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from custodyworld import ctx, entry, person

from chorus_gui.core.config.credentials import Account, AccountKey
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Entry
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.open import open_store

MOMENT = 0.02
SLOW = ("put", "head", "read", "copy", "delete", "stage_block", "commit_blocks")


def store_at(where: str, key: str) -> Store:
    """ "folder:PATH", or "azure:ACCOUNT-URL ACCOUNT CONTAINER" with the account's key."""
    kind, _, rest = where.partition(":")
    if kind == "folder":
        return open_store(Place(PlaceKind.FOLDER, rest, Path(rest)))
    url, account, container = rest.split(" ")
    return open_store(Place(PlaceKind.AZURE, f"az://{container}", None, container, "", AccountKey(key), Account(account, url)))


class Slow:
    """A store whose calls take a moment before they do their work, and one before they answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name not in SLOW:
            return real

        def slowly(*args: Any, **options: Any) -> Any:
            time.sleep(MOMENT)
            answer = real(*args, **options)
            time.sleep(MOMENT)
            return answer

        return slowly


def say(*words: str) -> None:
    print(*words, flush=True)


def slow_entries(turn: str) -> Iterator[Entry]:
    for number in range(4):
        time.sleep(MOMENT)
        yield entry(f"{turn}-{number}.dcm")


def main() -> None:
    where, key, folder, first = sys.argv[1:]
    home = person(Slow(store_at(where, key)), Path(folder), readable=where.startswith("folder"))  # type: ignore[arg-type]
    for turn in range(int(first), int(first) + 3):
        say("checkout", str(turn))
        checkout(home, ctx())
        say("work", str(turn))
        with Journal.open(home.local) as journal:
            journal.commit(slow_entries(str(turn)))
        say("checkin", str(turn))
        checkin(home, ctx())
        say("done", str(turn))
    say("end", first)


if __name__ == "__main__":
    main()
