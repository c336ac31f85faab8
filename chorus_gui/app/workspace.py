"""One person's session on one configuration: sign-in, open stores and sources, custody, holds, and messages to the person."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from chorus_gui.core.config.model import Config, Place
from chorus_gui.core.errors import StoreError, UsageError

if TYPE_CHECKING:
    from chorus_gui.core.config.credentials import Credentials
    from chorus_gui.core.custody.beside import SideFiles
    from chorus_gui.core.custody.cloud_journal import CloudJournal
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.review.holds import Holds
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.storage.azure.login import Login
    from chorus_gui.core.storage.base import Source, Store
    from chorus_gui.core.storage.open import Sources
    from chorus_gui.core.storage.outage import Outage
    from chorus_gui.core.storage.renewal import Renewal

SECONDS_PER_MINUTE = 60.0
_log = logging.getLogger("chorus")


class Person:
    """The person that a workspace talks to.  This one ignores messages: they are in the log and in what a command returns."""

    def say(self, text: str) -> None:
        """Receives a sentence while a command runs, on the command's thread."""

    def warn(self, text: str) -> None:
        """As :meth:`say`, for a warning."""
        self.say(text)

    def progress(self, ctx: JobContext) -> AbstractContextManager[None]:
        """Shows the counters of ``ctx`` while the block runs."""
        del ctx
        return nullcontext()


class Workspace:
    """What the commands of one person on one configuration share.  Use it as a context manager; safe for many threads.

    Each store and source is opened once, when it is first needed, and closed when the last ``with`` block ends.  A block may
    begin again later, and inside another one: the window holds the workspace while a configuration is open, and each job holds
    it until it ends.  ``login`` is the process's one sign-in (None: nobody is asked).  ``custody`` False: the local journal is
    used directly, and nothing is checked out or in.  ``common`` are the options that a history line begins with.
    """

    def __init__(
        self, config: Config, login: Login | None = None, person: Person | None = None, *, custody: bool = True, common: str = ""
    ) -> None:
        self.config = config
        self.common = common or f"--config {config.file}"
        self.login = login
        self.person = person or Person()
        self.custody = custody
        self.accept_less = False
        """the person accepted a journal with less history than another copy"""
        self._lock = threading.RLock()
        self._users = 0
        self._closers: list[Callable[[], None]] = []
        self._store: Store | None = None
        self._outages: dict[tuple[str, ...], Outage] = {}
        self._renewals: list[Renewal] = []
        self.credentials: dict[str, Credentials] = {}
        """those that were found while a job ran, by the place's name in the configuration"""
        self._sources: Sources | None = None
        self._home: CloudJournal | None = None
        self._side_files: SideFiles | None = None

    def __enter__(self) -> Workspace:
        with self._lock:
            self._users += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            closers, self._closers = self._closers, []
            self._store = self._sources = self._home = None
            self._renewals.clear()
        for close in reversed(closers):
            try:
                close()
            except Exception:  # noqa: BLE001 - the work is done, and the others must be closed too
                _log.exception("could not close a place")

    def _check_open(self) -> None:
        if not self._users:
            raise RuntimeError("a workspace is used inside its with block")

    # --- what is opened once ----------------------------------------------------------------------------------------

    def store(self) -> Store:
        """The central store.  Raises :class:`StoreError`; :class:`UsageError` for a place that cannot be one."""
        with self._lock:
            self._check_open()
            if self._store is None:
                self._store = self._open_store(self.config.central, "The central store", "central")
            return self._store

    def store_if_reachable(self) -> Store | None:
        """The central store for a step that can do without it; None if it cannot be opened."""
        try:
            return self.store()
        except (StoreError, UsageError) as error:
            _log.warning("could not open the central store: %s", error)
            return None

    def sources(self) -> Sources:
        """The site's sources by modality; each place is opened when it is first asked for.  Raises as :meth:`store`, then."""
        from chorus_gui.core.storage.open import Sources

        with self._lock:
            self._check_open()
            if self._sources is None:
                self._sources = Sources(self.config, self._open_source)
                self._closers.append(self._sources.close)
            return self._sources

    def home(self) -> CloudJournal | None:
        """Where the cloud journal is kept; None if the journal is only on this computer.  Raises as :meth:`store`."""
        return self._opened_home() if self.custody and self.config.journal.cloud is not None else None

    def _opened_home(self) -> CloudJournal:
        from chorus_gui.app.known import elsewhere
        from chorus_gui.core.custody.cloud_journal import cloud_journal, journal_parent, need

        with self._lock:
            self._check_open()
            if self._home is None and (place := self.config.journal.cloud) is not None:
                found = cloud_journal(self.config, self._open_store(journal_parent(place)[0], "The place of the cloud journal", "journal"))
                self._home = replace(found, elsewhere=partial(elsewhere, self))
            home = need(self._home)
            if home.accept_less is not self.accept_less:
                home = self._home = replace(home, accept_less=self.accept_less)
            return home

    def side_files(self) -> SideFiles:
        """The side files next to the journal: next to the cloud journal, if there is one, also without ``custody``.

        Nothing is opened or asked for until they are read or written, so this raises nothing.
        """
        from chorus_gui.core.custody.beside import beside, beside_local

        with self._lock:
            if self._side_files is None:
                cloud = self.config.journal.cloud
                self._side_files = beside_local(self.config.journal.local) if cloud is None else beside(self._opened_home, cloud.text)
            return self._side_files

    def cloud_journal(self) -> CloudJournal:
        """As :meth:`home`; raises :class:`CustodyError` if the journal is only on this computer."""
        from chorus_gui.core.custody.cloud_journal import need

        return need(self.home())

    def _open_store(self, place: Place, name: str, where: str) -> Store:
        from chorus_gui.core.storage.open import open_store
        from chorus_gui.core.storage.retrying import RetryingStore

        store = open_store(place, login=self.login)
        self._closers.append(store.close)
        return RetryingStore(store, self._outage(place, name), self._renewal(place, name, (where, store)))

    def _open_source(self, place: Place) -> Source:
        from chorus_gui.app.renewal import site_of
        from chorus_gui.core.config.model import PlaceKind
        from chorus_gui.core.storage.open import open_source
        from chorus_gui.core.storage.retrying_source import RetryingSource

        bucket = place.kind in (PlaceKind.S3, PlaceKind.GCS)
        kind = "The site folder" if place.folder is not None else "The site's bucket" if bucket else "The site's container"
        name = f"{kind} “{place.text}”"
        source = open_source(place, login=self.login)
        return RetryingSource(source, self._outage(place, name), self._renewal(place, name, (site_of(self.config, place), source)))

    def _renewal(self, place: Place, name: str, opened: tuple[str, Store | Source]) -> Renewal | None:
        """What waits for another credential of a place in a cloud; ``opened`` has the place's name in the configuration."""
        from chorus_gui.app.renewal import renewed
        from chorus_gui.core.config.model import PlaceKind
        from chorus_gui.core.storage.renewal import Renewal

        if place.kind is PlaceKind.FOLDER:
            return None
        how = renewed(self.config, place, opened, self.login, self._renewed)
        renewal = Renewal(name, how, patience=self.config.patience_minutes * SECONDS_PER_MINUTE)
        self._renewals.append(renewal)
        return renewal

    def _renewed(self, where: str, credentials: Credentials) -> None:
        """Another credential was found for one place: the others may have one, too, and none should use an old one any longer."""
        self.credentials[where] = credentials
        for renewal in (*self._renewals,):
            renewal.look()

    def try_credentials(self) -> None:
        """Look for other credentials now, and try those that were refused: a person did something about them."""
        for renewal in (*self._renewals,):
            renewal.try_soon()

    def _outage(self, place: Place, name: str) -> Outage:
        """What is known of the place's answers: places in one container or folder share it, and so do all commands."""
        from chorus_gui.core.storage.outage import Outage

        key = _key(place)
        name = "The central store" if key == _key(self.config.central) else name  # whichever of them is asked first
        with self._lock:
            return self._outages.setdefault(key, Outage(name, patience=self.config.patience_minutes * SECONDS_PER_MINUTE))

    # --- what is opened for a moment --------------------------------------------------------------------------------

    @contextmanager
    def local_journal(self) -> Generator[Journal]:
        """The local journal file, read-only, wherever the journal is checked out.  Raises :class:`JournalError`."""
        from chorus_gui.core.journal.store import Journal

        with Journal.open(self.config.journal.local, readonly=True) as journal:
            yield journal

    @contextmanager
    def staged(self) -> Generator[Staging]:
        """The review, which waits for approval.  Raises :class:`StaleReviewError` if there is none."""
        from chorus_gui.core.review.staging import Staging, staging_path

        with Staging.open(staging_path(self.config.journal.local)) as staging:
            yield staging

    @contextmanager
    def holds(self) -> Generator[Holds]:
        """The changes that are held back from the submissions of this journal."""
        from chorus_gui.core.review.holds import Holds

        with Holds(self.config.journal.local) as holds:
            yield holds


def _key(place: Place) -> tuple[str, ...]:
    """The same for places that answer, or do not, together."""
    return (place.kind.value, place.account.url or place.account.name, place.container or place.text)
