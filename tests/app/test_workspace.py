"""A workspace opens each place once, closes it when the last user leaves, and shares one sign-in."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure_ways import SCOPE, Way, login_by
from faces import FILES, Asked, CommandLine, Window, fill, uploaded
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import StoreError, StoreUnavailableError, UsageError
from chorus_gui.core.storage.azure.login import Login
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.open import open_source, open_store
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.ui import intents
from chorus_gui.ui.session import Session

THREADS = 8


class Places:
    """Counts what is opened and closed, and with which sign-in.  ``slow``: opening takes a moment, as a real service does."""

    def __init__(self, patch: pytest.MonkeyPatch, *, slow: float = 0.0, fails: Exception | None = None) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.logins: list[Login | None] = []
        self.fails = fails
        self.close_fails: Exception | None = None
        self._slow = slow
        patch.setattr("chorus_gui.core.storage.open.open_store", self._opening("store", open_store))
        patch.setattr("chorus_gui.core.storage.open.open_source", self._opening("source", open_source))

    def _opening(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def opening(place: Place, *, login: Login | None = None) -> Any:
            if self.fails is not None:
                raise self.fails
            time.sleep(self._slow)
            name = f"{kind} {Path(place.text).name}"
            self.opened.append(name)
            self.logins.append(login)
            made = real(place, login=login)
            made_close = made.close

            def close() -> None:
                made_close()
                self.closed.append(name)
                if self.close_fails is not None:
                    raise self.close_fails

            made.close = close
            return made

        return opening


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two places of the site, a central store, and a cloud journal."""
    (tmp_path / "share").mkdir()
    (tmp_path / "waves").mkdir()
    more = f'[site_path.Waveforms]\npath = "{(tmp_path / "waves").as_posix()}"\n[journal.source]\npath = "{(tmp_path / "share" / "journal.db").as_posix()}"'
    world = fill(World(tmp_path / "world", more=more))
    (tmp_path / "waves" / "1001").mkdir()
    (world.site / "1001" / "Waveforms").rename(tmp_path / "waves" / "1001" / "Waveforms")
    return world


ALL = ["source site", "source waves", "store central", "store share"]


def use(workspace: Workspace) -> None:
    """Ask for everything."""
    workspace.store()
    workspace.home()
    for modality in workspace.config.modalities:
        workspace.sources()[modality]


@pytest.mark.parametrize("threads", [1, THREADS])
def test_each_place_is_opened_once_and_closed_at_the_end(threads: int, world: World, monkeypatch) -> None:
    places = Places(monkeypatch, slow=0.02)
    workspace = Workspace(world.config)
    with ThreadPoolExecutor(threads) as pool:
        for turn in (1, 2, 3):  # a block may begin again
            barrier = threading.Barrier(threads)

            def one(_: int, barrier: threading.Barrier = barrier) -> None:
                with workspace:
                    barrier.wait(60)
                    use(workspace)
                    use(workspace)

            with workspace:
                list(pool.map(one, range(threads)))
                assert sorted(places.opened) == sorted(ALL * turn)
                assert len(places.closed) == len(ALL) * (turn - 1), "somebody holds it still"
            assert sorted(places.closed) == sorted(ALL * turn)


def test_all_get_the_same_one(world: World, monkeypatch) -> None:
    with Workspace(world.config) as workspace, ThreadPoolExecutor(THREADS) as pool:
        assert len({id(store) for store in pool.map(lambda _: workspace.store(), range(40))}) == 1
        assert len({id(home) for home in pool.map(lambda _: workspace.home(), range(40))}) == 1
        assert workspace.sources()["OMOP"] is workspace.sources()["Images"], "one folder is one source"
        assert workspace.sources()["OMOP"] is not workspace.sources()["Waveforms"]


def test_only_what_is_asked_for_is_opened(world: World, monkeypatch) -> None:
    places = Places(monkeypatch)
    with Workspace(world.config) as workspace:
        workspace.sources()["Waveforms"]
    assert places.opened == places.closed == ["source waves"]


def test_the_last_of_several_blocks_closes(world: World, monkeypatch) -> None:
    places = Places(monkeypatch)
    workspace = Workspace(world.config)
    with workspace:
        workspace.store()
        with workspace, workspace:
            workspace.home()
        assert places.closed == []
        workspace.store()
    assert places.closed == ["store share", "store central"]
    assert places.opened == ["store central", "store share"]


@pytest.mark.parametrize("ask", ["store", "sources", "home"])
def test_it_is_used_inside_its_block(ask: str, world: World) -> None:
    workspace = Workspace(world.config)
    with pytest.raises(RuntimeError):
        getattr(workspace, ask)()
    with workspace:
        getattr(workspace, ask)()
    with pytest.raises(RuntimeError):
        getattr(workspace, ask)()


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), UsageError("not here")], ids=lambda error: type(error).__name__)
def test_a_place_that_was_away_is_tried_again(error: StoreError | UsageError, world: World, monkeypatch) -> None:
    places = Places(monkeypatch, fails=error)
    with Workspace(world.config) as workspace:
        assert workspace.store_if_reachable() is None
        for ask in (workspace.store, workspace.home, lambda: workspace.sources()["OMOP"]):
            with pytest.raises(type(error)):
                ask()
        places.fails = None
        use(workspace)
        assert workspace.store_if_reachable() is workspace.store()
    assert sorted(places.opened) == sorted(places.closed) == sorted(["source site", "source waves", "store central", "store share"])


@pytest.mark.parametrize("error", [OSError("lost"), StoreUnavailableError("away"), RuntimeError("a bug")], ids=lambda e: type(e).__name__)
def test_a_place_that_cannot_be_closed_keeps_none_of_the_others_open(error: Exception, world: World, monkeypatch) -> None:
    places = Places(monkeypatch)
    places.close_fails = error
    with Workspace(world.config) as workspace:
        use(workspace)
    assert sorted(places.closed) == ALL


def test_a_run_that_failed_closes_everything(world: World, cli: CommandLine, monkeypatch) -> None:
    places = Places(monkeypatch)
    for words in ("submit --yes", "submit --yes --version ../x", "file verify", "remote list", "journal status", "file upload"):
        cli.run(words)
        assert sorted(places.opened) == sorted(places.closed), words
    assert len(places.opened) > 6


# --- one sign-in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, login_by(Way("t"))], ids=["nobody", "somebody"])
def test_everything_gets_the_same_sign_in(given: Login | None, world: World, monkeypatch) -> None:
    places = Places(monkeypatch)
    with Workspace(world.config, given) as workspace:
        use(workspace)
    assert len(places.logins) == len(ALL)
    assert {id(login) for login in places.logins} == {id(given)}


def test_the_looks_of_a_window_open_nothing_new(world: World, window: Window, qtbot: QtBot, monkeypatch) -> None:
    places = Places(monkeypatch)
    session = window.session
    window.open()
    assert places.opened == ["store share"]
    for _ in range(5):  # five minutes each
        session._timer.timeout.emit()
        settle(qtbot, session)
    window.run(intents.CheckOut())
    window.scan_and("submit", Asked(version="v1"))
    window.verify("v1")
    window.upload()
    session.do(intents.Refresh())
    settle(qtbot, session)
    assert uploaded(world) == FILES
    first = len(places.opened)
    assert sorted(set(places.opened)) == ALL
    session.do(intents.CloseConfig())
    assert sorted(places.opened) == sorted(places.closed)
    assert first <= 2 * len(ALL), "Refresh reads the file again, and makes another workspace"
    assert {id(login) for login in places.logins} == {id(session.login)}


def test_a_job_goes_on_in_its_workspace_when_another_file_is_opened(
    world: World, window: Window, qtbot: QtBot, tmp_path: Path, monkeypatch
) -> None:
    places = Places(monkeypatch)
    world.run("record", version="v1")
    session = window.session
    window.open()
    started, go_on = threading.Event(), threading.Event()
    real = LocalStore.put

    def put(store: LocalStore, path: str, *given: Any, **options: Any) -> Any:
        started.set()
        assert go_on.wait(20)
        return real(store, path, *given, **options)

    monkeypatch.setattr(LocalStore, "put", put)
    session.do(intents.UploadPending())
    qtbot.waitUntil(started.is_set, timeout=20_000)
    other = fill(World(tmp_path / "other"))
    with qtbot.waitSignal(session.ended, timeout=20_000):
        session.open(other.file)
        go_on.set()
    settle(qtbot, session)
    assert uploaded(world) == FILES
    assert session.state.config_file == other.file
    assert sorted(places.opened) == sorted(places.closed)


class Asking(FolderSource):
    """A site in Azure, played by a folder: who opens it asks the sign-in for a token, who looks too."""

    folder: Path

    def __init__(self, place: Place, *, login: Login | None) -> None:
        super().__init__(self.folder)
        self._login = login
        self._ask()

    def _ask(self) -> None:
        assert self._login is not None
        self._login.get_token(SCOPE)

    def open(self, path: str, offset: int = 0, *, version: str = "") -> Any:
        self._ask()
        return super().open(path, offset, version=version)

    def read_whole(self, path: str, most: int) -> Any:
        self._ask()
        return super().read_whole(path, most)


class AskingStore(LocalStore):
    """The same for the central store."""

    folder: Path

    def __init__(self, place: Place, *, login: Login | None) -> None:
        super().__init__(self.folder)
        self._login = login

    def clock_skew(self) -> float | None:
        return None

    def head(self, path: str) -> Any:
        assert self._login is not None
        self._login.get_token(SCOPE)
        return super().head(path)


@pytest.fixture
def azure(world: World, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Site, central store and journal in Azure, all with a Microsoft login; the answer is the one way to sign in."""
    importlib.import_module("chorus_gui.core.storage.azure.probe")  # otherwise it could be imported now, and keep the other class
    world.put("1001/Waveforms/a.dat", "wave")
    monkeypatch.setattr(Asking, "folder", world.site, raising=False)
    monkeypatch.setattr(AskingStore, "folder", world.central, raising=False)
    monkeypatch.setattr("chorus_gui.core.storage.azure.source.AzureSource", Asking)
    monkeypatch.setattr("chorus_gui.core.storage.azure.store.AzureStore", AskingStore)
    auth = 'azure_account_name = "acct"\nauth_mode = "login"\n'
    parts = [
        '[configuration]\nsupported_modalities = "OMOP,Images,Waveforms"\nnum_threads = 4\n[journal.local]\npath = "journal.db"\n',
        f'[journal.source]\npath = "az://box/journal.db"\n[journal.source.auth]\n{auth}',
        f'[central_path]\npath = "az://box"\n[central_path.auth]\n{auth}',
        f'[site_path.default]\npath = "az://site"\n[site_path.default.auth]\n{auth}',
    ]
    world.file.write_text("".join(parts), "utf-8")
    assert {place.kind for place in _places(world.config)} == {PlaceKind.AZURE}
    return Way("token")


def _places(config: Config) -> list[Place]:
    assert config.journal.cloud is not None
    return [config.central, config.journal.cloud, *(site.place for site in config.sites.values())]


def test_a_person_at_the_window_signs_in_once(azure: Way, world: World, session: Session, qtbot: QtBot) -> None:
    session.login = login_by(azure)
    window = Window(world, qtbot, session)
    window.open()
    assert len(azure.asked) == 1, "the first look at the journal"
    for _ in range(3):
        session._timer.timeout.emit()
        settle(qtbot, session)
    window.run(intents.CheckOut())
    window.scan_and("submit", Asked(version="v1"))
    window.upload()
    window.verify("v1")
    window.run(intents.CheckIn())
    window.run(intents.TestConnection())
    assert uploaded(world) == FILES
    assert len(azure.asked) == 1


@pytest.mark.parametrize("words", ["submit --yes", "journal update", "journal update --dry-run"])
def test_a_person_at_the_terminal_signs_in_once_for_a_command(azure: Way, words: str, cli: CommandLine, monkeypatch) -> None:
    made: list[Login] = []

    def login(**options: Any) -> Login:
        made.append(login_by(azure))
        return made[-1]

    monkeypatch.setattr("chorus_gui.app.signin.login", login)
    ended = cli.run(words)
    assert ended.status == 0, ended
    assert len(made) == 1
    assert len(azure.asked) == 1


def test_a_journal_in_the_stores_container_is_called_the_store_when_nothing_answers(tmp_path: Path) -> None:
    """They answer, or do not, together: a person who uploads must not read about the journal's place."""
    file = tmp_path / "config.toml"
    auth = "azure_account_name = 'acct'\nazure_account_key = 'c2VjcmV0'\n"
    file.write_text(
        f"[journal.local]\npath = 'j.db'\n[journal.source]\npath = 'az://box/journal.db'\n[journal.source.auth]\n{auth}"
        f"[central_path]\npath = 'az://box/'\n[central_path.auth]\n{auth}[site_path.default]\npath = '{tmp_path.as_posix()}'\n",
        "utf-8",
    )
    with Workspace(load(file, environ={})) as workspace:
        home, store = workspace.cloud_journal(), workspace.store()
        assert isinstance(home.store, RetryingStore)
        assert isinstance(store, RetryingStore)
        assert home.store.outage is store.outage
        assert store.outage.name == "The central store"
