"""What travels between the program and the workers of a cluster.

Everything is packed here, so that no log shows it, and nothing travels that should not: a store or a source travels as its name, which
the worker's own configuration explains, and a secret is an error.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from chorus_gui.core.config.credentials import Secret
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.model import Failure
from chorus_gui.core.redact import redact
from chorus_gui.core.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Sealed:
    """Packed values, which print as their name."""

    name: str
    data: bytes

    def __repr__(self) -> str:
        return f"<{self.name}>"


NameOf = Callable[[object], Hashable | None]
"""The name by which a store or a source travels; None: it is a plain value."""


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, name_of: NameOf) -> None:
        super().__init__(file, protocol=5)
        self._name_of = name_of

    def persistent_id(self, obj: Any) -> Hashable | None:
        if isinstance(obj, (Secret, Place)):
            raise pickle.PicklingError("credentials never travel to a worker")
        return self._name_of(obj)


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, find: Callable[[Hashable], object]) -> None:
        super().__init__(file)
        self._find = find

    def persistent_load(self, pid: Any) -> object:
        return self._find(pid)


def _no_name(value: object) -> None:
    del value


def pack(name: str, value: object, name_of: NameOf = _no_name) -> Sealed:
    """The value, packed.  Raises for a secret, and for what cannot travel."""
    file = io.BytesIO()
    _Packer(file, name_of).dump(value)
    return Sealed(name, file.getvalue())


def unpack(sealed: Sealed, find: Callable[[Hashable], object] | None = None) -> Any:
    """The value.  ``find`` gives the store or the source that has a name here."""
    file = io.BytesIO(sealed.data)
    # from the cluster, which docs/cluster.md says is trusted
    return (pickle.Unpickler(file) if find is None else _Unpacker(file, find)).load()  # noqa: S301


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worker has to show before it gets work.

    ``version``: of the program; ``store``: the address of the central store; ``files``: for each modality a file of the site, as
    (path, bytes, time in µs, MD5), None where the site has no file.
    """

    version: str
    store: str
    files: Mapping[str, tuple[str, int, int, str] | None]


@runtime_checkable
class Places(Protocol):
    """The stores and sources of a worker, from its own configuration."""

    @property
    def threads(self) -> int:
        """Files that are sent at the same time here."""
        ...

    def find(self, name: Hashable) -> object:
        """The store or source with this name."""
        ...

    def check(self, asked: Asked) -> None:
        """Raise :class:`ChorusError` if this worker sees another site, or does not reach the central store."""
        ...

    def close(self) -> None:
        """Close what was opened."""
        ...


Opener = Callable[[str], Places]
"""Opens the places of the configuration with this path.  A function of a module, so that it travels by name."""


@dataclass(frozen=True, slots=True)
class Control:
    """What the person asked for.  ``rate``: bytes a second for this worker, None for no limit."""

    cancelled: bool = False
    paused: bool = False
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks for a worker.  ``attempt`` is another number each time that they are sent somewhere."""

    job: str
    attempt: int
    opener: Opener
    file: str
    recipe: Sealed
    tasks: Sequence[tuple[int, Any]]
    control: Control
    orphan_s: float
    """seconds without a word from the program after which a worker stops"""


@dataclass(frozen=True, slots=True)
class Report:
    """How far a batch is: for each modality files, bytes and failures; the files in flight; what it waits for."""

    counts: Mapping[str, tuple[int, int, int]]
    active: Sequence[tuple[str, str, int, int]] = ()
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a batch: its results so far, the error that stopped it, or that it was ``stopped`` on request."""

    results: Sequence[Any]
    report: Report
    error: BaseException | None = None
    stopped: bool = False


def without_secrets(value: Any) -> Any:
    """A result or an error whose texts for people show no secret, whatever the service wrote into them."""
    if isinstance(value, Failure):
        return replace(value, cause=redact(value.cause), remedy=redact(value.remedy))
    if isinstance(value, ChorusError):
        value.args = tuple(redact(part) if isinstance(part, str) else part for part in value.args)
        fields: dict[str, Any] = value.__dict__
        fields.update({name: redact(part) for name, part in fields.items() if isinstance(part, str)})
    return value
