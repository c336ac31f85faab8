"""The contact sheet: one image of each series of the review, suspects first, on screen and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from readinessworld import Site, image
from uiworld import a_session, run_job, settle

from chorus_gui.app.contact_sheet import sheet
from chorus_gui.core.errors import ReviewError
from chorus_gui.core.job import JobContext
from chorus_gui.core.passes import Pass
from chorus_gui.ui import intents, readiness_intents
from chorus_gui.ui.dialogs.contact_sheet import ContactSheetDialog
from chorus_gui.ui.session import Session

PATTERN = bytes(range(256)) * 2
"""8-bit grey values that can be found again in a file"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    grey = {"Rows": 16, "Columns": 32, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": PATTERN}
    for number in range(1, 4):
        made.put(f"1001/Images/CT/10011/3002/{number}.dcm", image("1001", "10011", InstanceNumber=number, **grey))
    made.put("1002/Images/CT/10021/3003/1.dcm", image("1002", "10021", BurnedInAnnotation="YES", **grey))
    made.put("1002/Images/CT/10021/3004/1.dcm", image("1002", "10021", PhotometricInterpretation="RGB", SamplesPerPixel=3))
    (tmp_path / "store").mkdir()
    return made


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path, site: Site) -> Iterator[Session]:
    base = tmp_path.as_posix()
    file = tmp_path / "config.toml"
    file.write_text(
        f'[configuration]\nsupported_modalities = "OMOP,Images,Waveforms,Metadata"\n[journal.local]\npath = "{base}/journal.db"\n'
        f'[central_path]\npath = "{base}/store"\n[site_path.default]\npath = "{base}/site"\n',
        "utf-8",
    )
    with a_session(qtbot, tmp_path) as session:
        session.open(file)
        settle(qtbot, session)
        yield session


def test_one_of_each_series_the_suspects_first(qtbot: QtBot, session: Session, site: Site) -> None:
    with pytest.raises(ReviewError):
        sheet(site.config(), JobContext())
    run_job(qtbot, session, readiness_intents.CheckSite(Pass.QUICK))
    run_job(qtbot, session, intents.Scan())
    found = sheet(site.config(), JobContext(), seed=1)
    assert found.of == 7
    folders = [one.path.rpartition("/")[0] for one in found.images]
    assert len(folders) == len(set(folders)) == 5
    assert found.images[0].suspect
    assert found.images[0].path == "1002/Images/CT/10021/3003/1.dcm"


def test_the_dialog_shows_them_and_saves_nothing(qtbot: QtBot, session: Session, site: Site, tmp_path: Path) -> None:
    run_job(qtbot, session, intents.Scan())
    asked: list[str] = []
    assert session.state.config is not None
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    dialog = ContactSheetDialog(None, session.reader, session.state.config, None, asked.append)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.list.count() == 4 and len(dialog._hidden) == 1, timeout=20_000)
    assert "4 images of 7" in dialog.said.text()
    assert "1 image cannot be shown: the picture is in colour" in dialog.said.text()
    qtbot.waitUntil(lambda: not dialog._pixmap.isNull(), timeout=20_000)
    dialog.list.setCurrentRow(2)
    path = dialog.list.currentItem().toolTip()
    qtbot.waitUntil(lambda: path in dialog.path.text(), timeout=20_000)
    for made in (dialog.list, dialog.view, dialog.again, dialog.review, dialog.close_button):
        assert made.accessibleName()
    dialog.review.click()
    assert asked == [path]
    after = {file for file in tmp_path.rglob("*") if file.is_file()}
    assert {file for file in after - before if file.suffix not in (".lock", ".db-journal", ".db-wal", ".db-shm")} == set()
    for file in after:
        if not file.is_relative_to(tmp_path / "site"):
            assert PATTERN[:64] not in file.read_bytes(), file


def test_it_opens_from_the_page(qtbot: QtBot, session: Session) -> None:
    from chorus_gui.ui.main_window import MainWindow
    from chorus_gui.ui.pages.readiness import ReadinessPage

    window = MainWindow(session)
    qtbot.addWidget(window)
    page = window.page("readiness")
    assert isinstance(page, ReadinessPage)
    assert not page.look.isEnabled()
    assert "Scan the site first" in page.look.toolTip()
    run_job(qtbot, session, intents.Scan())
    assert page.look.isEnabled()
    page.look.click()
    dialog = page.findChild(ContactSheetDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.list.count() > 0, timeout=20_000)
    dialog.accept()


def test_a_picture_never_stays_below_the_path_of_another_image(qtbot: QtBot, session: Session, site: Site, tmp_path: Path) -> None:
    """The large picture can take long, and the file can be gone by then: until it is there, the small one is shown, and the page says why."""
    run_job(qtbot, session, intents.Scan())
    assert session.state.config is not None
    asked: list[str] = []
    dialog = ContactSheetDialog(None, session.reader, session.state.config, None, asked.append)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.list.count() == 4, timeout=20_000)
    rows = {dialog.list.item(row).icon().availableSizes()[0].width(): row for row in range(4)}
    dialog.list.setCurrentRow(rows[32])
    qtbot.waitUntil(lambda: dialog._pixmap.width() == 32, timeout=20_000)
    other = dialog.list.item(rows[4])
    (tmp_path / "site" / other.toolTip()).unlink()
    dialog.list.setCurrentRow(rows[4])
    assert dialog._pixmap.width() == 4
    qtbot.waitUntil(lambda: "only the small picture can be shown" in dialog.path.text(), timeout=20_000)
    assert dialog.path.text().startswith(other.toolTip())
    assert dialog._pixmap.width() == 4
    dialog._draw()
    assert dialog._pixmap.isNull()
    assert not dialog.path.text()


KEPT: list[ContactSheetDialog] = []


def test_a_dialog_that_has_closed_can_be_registered_with_the_tests(qtbot: QtBot, session: Session, site: Site) -> None:
    run_job(qtbot, session, intents.Scan())
    assert session.state.config is not None
    dialog = ContactSheetDialog(None, session.reader, session.state.config, None, lambda path: None)
    KEPT.append(dialog)  # as a cycle of references does
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.close()
