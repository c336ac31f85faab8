"""The contact sheet: a sample of images, to look for names and numbers in the picture.  Nothing of it is written to a disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QListView, QListWidget, QListWidgetItem, QSplitter, QWidget

from chorus_gui.app.contact_sheet import SMALL, WHOLE, Sampled, Sheet, load, sheet, summary
from chorus_gui.app.signin import Login
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row
from chorus_gui.ui.widgets.dialogs import Dialog

THUMBNAIL = 150
LEAD = (
    "Look for names, numbers and dates in the pictures. A sample cannot show every image, and no program can. The pictures are only on this "
    "screen: nothing of them is saved."
)


class ContactSheetDialog(Dialog):
    """Thumbnails, and the chosen picture as large as there is space.  ``show_review`` gets the path of an image to be held back."""

    def __init__(
        self, parent: QWidget | None, reader: Reader, config: Config, login: Login | None, show_review: Callable[[str], None]
    ) -> None:
        super().__init__(parent, "Images")
        self._reader, self._config, self._login = reader, config, login
        self._sheet = Sheet((), 0)
        self._hidden: list[str] = []
        self._shown = 0
        self._pixmap = QPixmap()
        self.said = label("Drawing a sample…", "muted", wrap=True)
        self.said.setAccessibleName("What is shown")
        self.list = QListWidget()
        self.list.setAccessibleName("Images of the sample")
        self.list.setToolTip("Choose an image to see it large")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.list.setGridSize(QSize(THUMBNAIL + 16, THUMBNAIL + 40))
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setUniformItemSizes(True)
        self.list.currentItemChanged.connect(lambda *_: self._choose())
        self.view = QLabel()
        self.view.setAccessibleName("The chosen image")
        self.view.setFrameShape(QFrame.Shape.StyledPanel)
        self.view.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.view.setMinimumSize(260, 160)
        self.path = label("", "muted", wrap=True, selectable=True)
        self.again = button("&Another sample", "Draw other images", icon="refresh")
        self.review = button("Show in &Review", "Show this image in Review, where you can hold it back", icon="review")
        self.close_button = button("Close", "Close, and forget the pictures (Esc)", primary=True)
        self.again.clicked.connect(self._draw)
        self.review.clicked.connect(partial(self._show_review, show_review))
        self.close_button.clicked.connect(self.accept)
        right = QWidget()
        picture = column(self.view, self.path, space=SPACE, margins=(SPACE, 0, 0, 0))
        picture.setStretch(0, 1)
        right.setLayout(picture)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(right)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([440, 420])
        whole = column(
            label("Images of this submission", "heading"),
            label(LEAD, wrap=True),
            self.said,
            self.splitter,
            SPACE // 2,
            row(self.again, self.review, None, self.close_button),
            space=SPACE,
            margins=(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE),
        )
        whole.setStretch(3, 1)
        self.setLayout(whole)
        self.resize(900, 620)
        self._draw()

    def _draw(self) -> None:
        self._hidden, self._shown = [], 0
        self.list.clear()
        self.review.setEnabled(False)
        self._reader.ask(self, partial(sheet, self._config), self._drawn, channel="sheet")

    def _drawn(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is not OutcomeKind.DONE:
            self.said.setText(outcome.error.summary if outcome.error is not None else "The sample could not be drawn.")
            return
        self._sheet = outcome.value or Sheet((), 0)
        if not self._sheet.images:
            self.said.setText("The review has no new or updated images.")
        for number, image in enumerate(self._sheet.images):
            step = partial(load, self._config, self._login, image, SMALL)
            self._reader.ask(self, step, partial(self._loaded, image), channel=f"picture {number}")

    def _loaded(self, image: Sampled, outcome: Outcome[Any]) -> None:
        if image not in self._sheet.images:
            return
        found = outcome.value
        if outcome.kind is not OutcomeKind.DONE or found is None or found.why:
            self._hidden.append(found.why if found is not None else "It could not be read.")
        else:
            self._shown += 1
            pixmap = QPixmap.fromImage(_image(found.grey, found.width, found.height))
            name = image.path.rpartition("/")[2]
            item = QListWidgetItem(QIcon(pixmap), f"⚠ {name}" if image.suspect else name)
            item.setData(Qt.ItemDataRole.UserRole, image)
            item.setToolTip(plain_text(image.path))
            self.list.addItem(item)
            if self.list.count() == 1:
                self.list.setCurrentRow(0)
        self.said.setText(summary(self._sheet, self._shown, self._hidden))

    def _choose(self) -> None:
        item = self.list.currentItem()
        image = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        self.review.setEnabled(image is not None)
        self._pixmap = item.icon().pixmap(SMALL, SMALL) if item is not None else QPixmap()  # never another image's picture below this path
        self._fit()
        if image is None:
            self.path.setText("")
            return
        self.path.setText(f"{image.path}{' – the header says that it can have text in the picture' if image.suspect else ''}")
        step = partial(load, self._config, self._login, image, WHOLE)
        self._reader.ask(self, step, self._large, channel="large")

    def _large(self, outcome: Outcome[Any]) -> None:
        found = outcome.value
        if outcome.kind is OutcomeKind.DONE and found is not None and not found.why:
            self._pixmap = QPixmap.fromImage(_image(found.grey, found.width, found.height))
            self._fit()
        elif outcome.kind is not OutcomeKind.CANCELLED:
            why = found.why if found is not None else "It could not be read."
            self.path.setText(f"{self.path.text()} – only the small picture can be shown: {why[0].lower()}{why[1:]}")

    def _fit(self) -> None:
        if self._pixmap.isNull():
            self.view.clear()
            return
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        self.view.setPixmap(self._pixmap.scaled(self.view.size() - QSize(8, 8), keep, smooth))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The picture keeps its shape."""
        super().resizeEvent(event)
        self._fit()

    def _show_review(self, show: Callable[[str], None]) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.accept()
            show(item.data(Qt.ItemDataRole.UserRole).path)


def _image(grey: bytes, width: int, height: int) -> QImage:
    return QImage(grey, width, height, width, QImage.Format.Format_Grayscale8).copy()
