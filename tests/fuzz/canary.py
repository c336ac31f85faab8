"""What the classes of input have in common: a secret that no output may hold, and promises that an input can break."""

from __future__ import annotations

import socket
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chorus_gui.core.errors import ChorusError

CANARY = "UzNjcjN0S0VZeHhDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUllDQU5BUlk="
POLL = 0.001
"""A server notices after so many seconds that it is closed."""
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


def plain(text: str) -> None:
    must(
        not any(
            (ord(char) < 32 and char not in "\n\t")
            or 0x7F <= ord(char) < 0xA0
            or char in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
            for char in text
        ),
        "a control character is shown",
    )


def bundle(config: Path | None, folder: Path) -> None:
    """The support bundle with everything that a person can have in it holds no secret."""
    from chorus_gui.app.support import write_bundle
    from chorus_gui.core.job import JobContext

    class Hurried(JobContext):
        def sleep(self, seconds: float) -> None:
            self.checkpoint()

    file = folder / "bundle.zip"
    with offline():
        write_bundle(file, config, Hurried(), with_paths=True)
    with zipfile.ZipFile(file) as packed:
        for name in packed.namelist():
            must(
                CANARY.rstrip("=") not in packed.read(name).decode("utf-8", "surrogatepass"), f"a secret is in {name} of the support bundle"
            )


@contextmanager
def offline() -> Iterator[None]:
    """No name leads to an address."""

    def nowhere(host: Any, *args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "there is no network in this test")

    real, socket.getaddrinfo = socket.getaddrinfo, nowhere
    try:
        yield
    finally:
        socket.getaddrinfo = real
