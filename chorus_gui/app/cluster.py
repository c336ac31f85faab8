"""The workers of a cluster for the commands of a workspace, and what such a worker opens on its own computer."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui import __version__
from chorus_gui.app.words import plural
from chorus_gui.core.cluster.messages import Asked
from chorus_gui.core.errors import ChorusError, ClusterError, SourceError
from chorus_gui.core.job import AtWork

if TYPE_CHECKING:
    from chorus_gui.app.run import Run
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.cluster.head import Cluster, Patience
    from chorus_gui.core.storage.base import FileEntry, Source

CONFIG_VARIABLE = "CHORUS_UPLOAD_CONFIG"
"""The environment variable of a worker with the path of its configuration file; without it, the path is that of the program."""

_log = logging.getLogger("chorus")

SOURCES = "sources"
STORE = "store"

_PROBE_BYTES = 64 * 1024 * 1024
"""A file of at most this size is the probe, if there is one among the first."""
_PROBE_FOLDERS = 200
"""Folders that are looked into for a small one."""


def use_cluster(active: Run) -> None:
    """If the configuration names a cluster, let its workers do the rest of this run.

    Raises :class:`UsageError` if it cannot be used, :class:`ClusterError` if it cannot be reached.
    """
    workspace = active.workspace
    if not workspace.config.cluster or active.cluster is not None:
        return
    cluster = open_cluster(workspace, active.ctx.checkpoint)
    active.ends.callback(cluster.close)
    active.cluster, workers = cluster, cluster.workers
    active.ctx.progress.staffed(lambda: at_work(cluster))
    workspace.person.say(f"{plural(len(workers), 'worker')} of the cluster at {workspace.config.cluster} will do the work.")
    for worker in cluster.left_out:
        active.warn(f"A worker of the cluster is left out: {worker.name}. {worker.why}")


def open_cluster(workspace: Workspace, checkpoint: Callable[[], None], patience: Patience | None = None) -> Cluster:
    """Connect to the cluster of the workspace; the caller closes it.  Raises as :func:`use_cluster`."""
    from chorus_gui.core.cluster.head import Cluster, Patience, Site
    from chorus_gui.core.config.cluster_address import require_dask

    require_dask()
    asked = Asked(__version__, workspace.store().url, probe_files(workspace, checkpoint))
    site = Site(str(workspace.config.file), open_places, asked, name_of)
    alone = workspace.config.patience_minutes * 60.0
    cluster = Cluster(workspace.config.cluster, site, patience or Patience(alone=alone))
    cluster.open(checkpoint)
    return cluster


def at_work(cluster: Cluster) -> tuple[AtWork, ...]:
    """The workers of a cluster now, those that are left out last."""
    return tuple(AtWork(one.name, one.threads, one.files, one.why) for one in (*cluster.workers, *cluster.left_out))


def name_of(value: object) -> Hashable | None:
    """How stores and sources travel: by these names."""
    from chorus_gui.core.storage.open import Sources
    from chorus_gui.core.storage.retrying import RetryingStore

    if isinstance(value, Sources):
        return SOURCES
    return (STORE, value.url) if isinstance(value, RetryingStore) else None


def probe_files(workspace: Workspace, checkpoint: Callable[[], None]) -> dict[str, tuple[str, int, int, str] | None]:
    """For each modality a file of the site with its MD5; None where there is none, or none that can be read."""
    from chorus_gui.core.scan.digest import BLOCK, digest

    buffer = bytearray(BLOCK)
    known: dict[str, tuple[str, int, int, str] | None] = {}
    found: dict[str, tuple[str, int, int, str] | None] = {}
    sources = workspace.sources()
    for modality in sources:
        found[modality] = None
        try:
            source = sources[modality]
            if source.url not in known:
                known[source.url] = None
                if (first := _first_file(source, checkpoint)) is not None:
                    path, file = first
                    md5, _ = digest(source, _Seen(modality, path, file.size, file.mtime_us), checkpoint, buffer)
                    known[source.url] = (path, file.size, file.mtime_us, md5)
            found[modality] = known[source.url]
        except ChorusError as error:  # the scan, or the upload, says what is wrong with this place or file
            _log.info("no file of %s can be read for the workers to compare: %s", modality, error)
    return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file, as :func:`digest` needs it."""

    modality: str
    path: str
    size: int
    mtime_us: int


def _first_file(source: Source, checkpoint: Callable[[], None]) -> tuple[str, FileEntry] | None:
    """A file of a source, small if the first folders have a small one."""
    from chorus_gui.core.storage.base import FolderChoice

    best: tuple[str, FileEntry] | None = None
    for number, folder in enumerate(source.folders(lambda _: FolderChoice(descend=True, files=True), checkpoint)):
        for file in folder.files:
            if best is None or file.size < best[1].size:
                best = (f"{folder.path}/{file.name}" if folder.path else file.name), file
        if best is not None and (best[1].size <= _PROBE_BYTES or number >= _PROBE_FOLDERS):
            break
    return best


# --- on a worker ------------------------------------------------------------------------------------------------------

_once = threading.Lock()
_certified = False


def open_places(file: str) -> OwnPlaces:
    """The places of a worker, from the configuration that its environment names, otherwise from ``file``.  Raises :class:`ChorusError`."""
    return OwnPlaces(Path(os.environ.get(CONFIG_VARIABLE) or file))


class OwnPlaces:
    """Stores and sources of a worker's own configuration, as :class:`~chorus_gui.core.cluster.messages.Places`."""

    def __init__(self, file: Path) -> None:
        global _certified
        from chorus_gui.app.configuration import load, use_system_certificates
        from chorus_gui.app.workspace import Workspace

        if not file.is_file():
            raise ClusterError(
                f"This worker has no configuration file {file}.",
                remedy=f"Put it there, or set {CONFIG_VARIABLE} for the worker.",
            )
        self._workspace = Workspace(load(file))
        with _once:
            if not _certified:
                use_system_certificates(self._workspace.config)
                _certified = True
        self._workspace.__enter__()

    @property
    def threads(self) -> int:
        """As the configuration says."""
        return self._workspace.config.threads

    def find(self, name: Hashable) -> object:
        """The store or the sources.  Raises :class:`ClusterError` for a store that the configuration does not name."""
        if name == SOURCES:
            return self._workspace.sources()
        store = self._workspace.store()
        if name != (STORE, store.url):
            raise ClusterError(
                f"The configuration of this worker names another central store: {store.url}.",
                remedy="Give all workers the configuration of this site.",
            )
        return store

    def check(self, asked: Asked) -> None:
        """Raise :class:`ChorusError` unless this is the same site, and the same store, which answers."""
        from chorus_gui.core.scan.digest import BLOCK, digest
        from chorus_gui.core.storage.retrying import NOTHING

        sources = self._workspace.sources()
        for modality, probe in asked.files.items():
            if probe is None:
                continue
            if modality not in sources:
                raise ChorusError(f"Its configuration has no site folder for {modality}.")
            path, size, mtime_us, md5 = probe
            seen = _Seen(modality, path, size, mtime_us)
            try:
                found, _ = digest(sources[modality], seen, lambda: None, bytearray(BLOCK))
            except SourceError as error:
                raise ChorusError(f"It does not see the same site as this computer. {error.what}") from error
            if found != md5:
                raise ChorusError(f"It does not see the same site as this computer: “{path}” has another content there.")
        self.find((STORE, asked.store))
        self._workspace.store().head(NOTHING)

    def close(self) -> None:
        """Close what was opened."""
        self._workspace.__exit__(None, None, None)
