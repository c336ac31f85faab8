"""From a configured place to the store or source there.  Each kind is imported only when it is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from chorus_gui.core.config.credentials import AuthMode, AwsKeys, Credentials, GoogleKeys
from chorus_gui.core.config.hosts import admit
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import ChorusError, UsageError
from chorus_gui.core.storage.base import Source, Store

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login

_NAMES = {PlaceKind.S3: "Amazon S3", PlaceKind.GCS: "Google Cloud Storage"}


def open_store(place: Place, *, create_folder: bool = False, login: Login | None = None) -> Store:
    """The store at ``place``.  ``create_folder``: a folder that does not exist yet is made.

    ``login`` is the process's sign-in with a Microsoft account, used if the place's credentials say so; None: nobody is asked.  The caller
    closes the store.  Raises :class:`~chorus_gui.core.errors.StoreError`; :class:`UsageError` for a kind of place that cannot be
    a store.
    """
    if place.kind is PlaceKind.AZURE:
        from chorus_gui.core.storage.azure.store import AzureStore

        return AzureStore(place, login=login)
    if place.kind is PlaceKind.FOLDER and place.folder is not None:
        from chorus_gui.core.storage.local import LocalStore

        return LocalStore(place.folder, create=create_folder)
    raise _unavailable(place, "a central store")


def open_source(place: Place, *, login: Login | None = None) -> Source:
    """The source at ``place``, a site's root.  ``login`` and errors as for :func:`open_store`; the caller closes the source."""
    if place.kind is PlaceKind.AZURE:
        from chorus_gui.core.storage.azure.source import AzureSource

        return AzureSource(place, login=login)
    if place.kind is PlaceKind.S3:
        from chorus_gui.core.storage.s3.source import S3Source

        return S3Source(place)
    if place.kind is PlaceKind.GCS:
        return _google(place)
    admit(place)
    if place.kind is PlaceKind.FOLDER and place.folder is not None:
        from chorus_gui.core.storage.folder import FolderSource

        return FolderSource(place.folder)
    raise _unavailable(place, "a site's folder")


def renew(opened: Store | Source, credentials: Credentials) -> None:
    """Use other credentials for every request to a place in a cloud from now on.  Raises :class:`~chorus_gui.core.errors.StoreError` for some
    that cannot work.
    """
    from chorus_gui.core.storage.azure.source import AzureSource
    from chorus_gui.core.storage.azure.store import AzureStore

    if isinstance(opened, (AzureStore, AzureSource)):
        opened.renew(credentials)
    elif isinstance(credentials, (AwsKeys, GoogleKeys)):
        _renew_bucket(opened, credentials)


def _google(place: Place) -> Source:
    if isinstance(place.credentials, GoogleKeys) and place.credentials.mode is AuthMode.KEY:
        from chorus_gui.core.storage.gcs.hmac_keys import s3_place
        from chorus_gui.core.storage.s3.source import S3Source

        return S3Source(s3_place(place, place.credentials))
    from chorus_gui.core.storage.gcs.source import GcsSource

    return GcsSource(place)


def _renew_bucket(opened: Store | Source, credentials: AwsKeys | GoogleKeys) -> None:
    if isinstance(credentials, GoogleKeys) and credentials.mode is not AuthMode.KEY:
        from chorus_gui.core.storage.gcs.source import GcsSource

        if isinstance(opened, GcsSource):
            opened.renew(credentials)
        return
    from chorus_gui.core.storage.s3.source import S3Source

    if isinstance(opened, S3Source):
        opened.renew(credentials.s3 if isinstance(credentials, GoogleKeys) else credentials)


class Sources(Mapping[str, Source]):
    """The site's roots, by modality.  Each place is opened once, when it is first asked for; modalities of one place share it.

    Safe to use from many threads.  Asking raises what ``open_source`` raises; ``KeyError`` for a modality that is not configured.
    """

    def __init__(self, config: Config, open_source: Callable[[Place], Source]) -> None:
        self._sites = config.sites
        self._open_source = open_source
        self._opened: dict[str, Source] = {}
        self._by_modality: dict[str, Source] = {}  # asked for every file
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the same places."""
        found: dict[str, Source | ChorusError] = {}
        for modality in self:
            try:
                found[modality] = self[modality]
            except ChorusError as error:  # raised there when the modality is asked for
                found[modality] = error
        return OpenedSources, (found,)

    def __getitem__(self, modality: str) -> Source:
        found = self._by_modality.get(modality)
        if found is None:
            found = self._by_modality[modality] = self.at(self._sites[modality].place)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)

    def at(self, place: Place) -> Source:
        """The source of a place, a modality's or another."""
        found = self._opened.get(place.text)
        if found is None:
            with self._lock:
                found = self._opened.get(place.text)
                if found is None:
                    found = self._opened[place.text] = self._open_source(place)
        return found

    def close(self) -> None:
        """Close what was opened.  Asking afterwards opens it again."""
        with self._lock:
            opened, self._opened, self._by_modality = self._opened, {}, {}
        with ExitStack() as stack:
            for source in opened.values():
                stack.callback(source.close)


class OpenedSources(Mapping[str, Source]):
    """Sources by modality, of which some could not be opened: asking for one of these raises why."""

    def __init__(self, found: Mapping[str, Source | ChorusError]) -> None:
        self._found = found

    def __getitem__(self, modality: str) -> Source:
        found = self._found[modality]
        if isinstance(found, ChorusError):
            raise found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _unavailable(place: Place, role: str) -> UsageError:
    name = _NAMES.get(place.kind, "This kind of address")
    return UsageError(
        f"{name} as {role} is not available yet.",
        meaning=f"“{place.text}” cannot be used.",
        remedy="Use a folder, or a container in Azure (“az://container/folder”)."
        if role == "a central store"
        else "Use a folder, a container in Azure (“az://container/folder”), or a bucket in Amazon S3 (“s3://bucket/folder”) or "
        "Google Cloud Storage (“gs://bucket/folder”).",
    )
