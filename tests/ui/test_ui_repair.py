"""The Verify page after a failed verification: what differs is on top, and one button uploads it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.core.model import Grade
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.verification import RESULT
from chorus_gui.ui.pages.verify import VerifyPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, world: World) -> Iterator[MainWindow]:
    made = MainWindow(Session(Settings(tmp_path / "window.ini")))
    made.resize(1280, 800)
    made.show()
    made.session.open(world.file)
    settle(qtbot, made.session)
    yield made
    with qtbot.waitSignal(made.closed, timeout=20_000):
        made._stop()
    made.deleteLater()
    made.session.deleteLater()


def test_what_differs_is_on_top_and_is_uploaded_again(qtbot: QtBot, window: MainWindow, world: World) -> None:
    for name in ("a", "b", "c"):
        world.put(f"1001/Images/{name}.dcm", name)
    world.run(version="v1")
    blob = next(world.central.rglob("c.dcm"))
    blob.unlink()
    window.do(intents.Refresh())
    settle(qtbot, window.session)
    run_job(qtbot, window.session, intents.Verify("v1"))
    window.do(intents.ShowPage("verify"))
    page = window.page("verify")
    assert isinstance(page, VerifyPage)
    qtbot.waitUntil(lambda: page.model.index(0, RESULT).data() == "missing", timeout=10_000)
    qtbot.waitUntil(page.repair.isVisible, timeout=10_000)
    assert page.repair.text().replace("&", "") == "Upload 1 file again"
    assert page.repair.isEnabled()
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        page.repair.click()
    settle(qtbot, window.session)
    assert blob.is_file()
    assert window.state.last is not None
    assert window.state.last.grade is Grade.GOOD
    qtbot.waitUntil(lambda: not page.repair.isVisible(), timeout=10_000)
