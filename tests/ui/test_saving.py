"""No file that the window writes for a person replaces what a submission needs, or is put where the next submission would upload it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.app.charts import Chart
from chorus_gui.core.review.values import Query
from chorus_gui.ui import intents, readiness_intents, saving_intents
from chorus_gui.ui.actions import table
from chorus_gui.ui.session import Session

SAVES: dict[type[intents.Intent], Callable[[Path], intents.Intent]] = {
    intents.ExportHolds: intents.ExportHolds,
    intents.ExportChanges: lambda file: intents.ExportChanges(file, Query()),
    intents.ExportVerify: intents.ExportVerify,
    intents.ExportFailures: intents.ExportFailures,
    intents.ExportFileList: intents.ExportFileList,
    intents.GenerateScript: intents.GenerateScript,
    intents.SupportBundle: intents.SupportBundle,
    readiness_intents.ExportReadiness: readiness_intents.ExportReadiness,
    saving_intents.ExportChart: lambda file: saving_intents.ExportChart(Chart("growth", (), (), "files"), file),
    saving_intents.SavePicture: lambda file: saving_intents.SavePicture(b"picture", file),
    saving_intents.SaveReceipt: lambda file: saving_intents.SaveReceipt(file.parent / "receipt.json", file),
    saving_intents.DownloadFile: lambda file: saving_intents.DownloadFile("v1/OMOP/person.csv", file),
}
READ = {intents.ImportHolds}
"""Those that read a file."""


def test_every_intent_that_writes_a_file_for_a_person_is_tried(session: Session) -> None:
    named = {
        kind
        for kind in table(session)
        if "file" in kind.__annotations__ or issubclass(kind, (intents.ExportFileList, intents.GenerateScript))
    }
    saves = {kind for kind in named if kind.__name__.startswith(("Export", "Generate", "Save", "Support", "Download"))}
    assert saves - {intents.SaveConfig} - READ == set(SAVES)


CASES = [(kind, name) for kind in SAVES for name in ("journal.db", "config.toml", "site/1001/Images/new.csv")]
CASES.remove((saving_intents.DownloadFile, "site/1001/Images/new.csv"))  # a file of the site can be brought back


@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_nothing_that_is_needed_is_replaced(kind: type[intents.Intent], name: str, qtbot: QtBot, session: Session, world: World) -> None:
    world.run(version="v1")
    session.open(world.file)
    settle(qtbot, session)
    file = world.base / name
    before = file.read_bytes() if file.exists() else None
    session.do(SAVES[kind](file))
    settle(qtbot, session)
    assert (file.read_bytes() if file.exists() else None) == before
    said = session.state.messages[-1].text
    assert "Name another file." in said, said
