"""A key that nothing reads, on the Configuration page: shown at the key that it was meant to be, and corrected there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QScrollArea, QWidget
from pytestqt.qtbot import QtBot
from uiworld import settle

from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.model import Layout
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.configuration_fields import KeyRow, ModalitiesField, Said
from chorus_gui.ui.pages.configuration_findings import FindingCard
from chorus_gui.ui.session import Session

MISPLACED = """\
[configuration]
jounaling_mode = "full"
journaling_mode = "append"
upload_metod = "azcli"

[central_path]
path = "store"

[site_path.default]
path = "site"
supported_modalities = "OMOP"

[journal]
path = "journals/journal.db"
"""


@pytest.fixture
def page(qtbot: QtBot, session: Session, tmp_path: Path) -> Iterator[ConfigurationPage]:
    file = tmp_path / "config.toml"
    file.write_text(MISPLACED, "utf-8")
    made = ConfigurationPage(Services(session.reader, session.pager, session.settings))
    qtbot.addWidget(made)
    made.intent.connect(session.do)
    session.changed.connect(made.render)
    made.resize(1200, 800)
    made.show()
    session.open(file)
    checked(qtbot, session, made)
    yield made
    session.changed.disconnect(made.render)
    made.hide()


def checked(qtbot: QtBot, session: Session, page: ConfigurationPage) -> None:
    """Until the text is checked."""
    settle(qtbot, session)
    qtbot.waitUntil(lambda: page._checked is not None and not page._timer.isActive(), timeout=20_000)
    settle(qtbot, session)


def row(page: ConfigurationPage, meaning: str) -> KeyRow:
    """Made, if it is in a part of the form that is made later."""
    page._reveal((meaning, DEFAULT))
    return page.form.rows[(meaning, DEFAULT)]


def test_it_is_shown_at_the_key_that_it_was_meant_to_be(qtbot: QtBot, session: Session, page: ConfigurationPage) -> None:
    """The fields showed their defaults, and nothing said that the file has other values where nobody reads them."""
    said = row(page, "modalities").fault
    assert (
        "“supported_modalities” has no effect below [site_path.default], so modalities that you did not choose could be submitted." in said
    )
    assert "Move it below [configuration], or remove it." in said
    cards = [one.accessibleName() for one in page.panel.findChildren(FindingCard) if not one.isHidden()]
    assert any("Modalities  (line 11)" in one for one in cards), cards
    assert "“upload_metod” is not the name of a key" in row(page, "upload_method").fault
    assert page.panel.findChildren(QScrollArea)[0].horizontalScrollBar().maximum() == 0
    assert sum("(" in page.tabs.tabText(at) for at in range(page.tabs.count())) >= 1


@pytest.mark.parametrize(
    ("meaning", "button", "value"), [("modalities", "Move to [configuration]", "OMOP"), ("upload_method", "Use “upload_method”", "azcli")]
)
def test_its_button_corrects_it(qtbot: QtBot, session: Session, page: ConfigurationPage, meaning: str, button: str, value: str) -> None:
    made = row(page, meaning)
    assert made.fix.isVisibleTo(page)
    assert made.fix.text() == button
    made.fix.click()
    checked(qtbot, session, page)
    assert made.fault == ""
    assert page._draft is not None
    assert page._draft.own((meaning, DEFAULT)) == value


def test_of_two_a_person_chooses(page: ConfigurationPage) -> None:
    made = row(page, "mode")
    assert "Keep the right one there, and remove this one." in made.fault
    assert not made.fix.isVisibleTo(page)


def test_the_modalities_are_those_of_the_file_while_the_page_cannot_be_edited(qtbot: QtBot) -> None:
    """All boxes were checked, if the values were shown while the file was being read."""
    around, field = QWidget(), ModalitiesField()
    field.setParent(around)
    qtbot.addWidget(around)
    around.setEnabled(False)
    for layout, always in ((Layout.FLAT, []), (Layout.NESTED, ["Metadata"])):
        field.show_layout(layout)
        field.show_value(Said("OMOP", "OMOP"))
        assert [name for name, box in field.boxes.items() if box.isChecked()] == ["OMOP", *always]
