"""The messages above the changes, where there is little space for them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from chorus_gui.core.model import Grade
from chorus_gui.ui.pages.review_notices import FOLD, Notices, NoticeView

FILTERED = NoticeView(Grade.INFO, "The table shows only one folder.", "Show all changes", pinned=True)
WARNING = NoticeView(Grade.WARNING, "A folder could not be read.")
HELD = NoticeView(Grade.INFO, "One change is held back.")


@pytest.fixture
def notices(qapp: QApplication) -> Notices:
    made = Notices()
    made.set_compact(compact=True)
    made.show_notices([HELD, FILTERED, WARNING], busy=False)
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowExposed(made)
    return made


def texts(notices: Notices) -> list[str]:
    return [one.text() for one in notices.findChildren(QLabel) if one.isVisible()]


def fold(notices: Notices) -> QPushButton:
    (found,) = [one for one in notices.findChildren(QPushButton, FOLD) if one.isVisible()]
    return found


def test_what_the_table_shows_is_never_behind_another_message(notices: Notices) -> None:
    assert texts(notices) == [FILTERED.text, WARNING.text]
    assert fold(notices).text() == "Show 1 more message"


def test_the_focus_stays_on_the_button_that_was_used(notices: Notices) -> None:
    button = fold(notices)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    QApplication.processEvents()  # new widgets are shown by an event
    assert texts(notices) == [FILTERED.text, WARNING.text, HELD.text]
    assert fold(notices).text() == "Show fewer"
    assert notices.focusWidget() is fold(notices)


def test_another_size_of_the_window_leaves_the_messages_as_they_are(notices: Notices) -> None:
    before = fold(notices)
    notices.set_compact(compact=True)
    assert fold(notices) is before


def test_without_a_message_nothing_is_there(qapp: QApplication) -> None:
    made = Notices()
    made.show_notices([], busy=False)
    assert made.isHidden()
