"""A chart of values, one place of it chosen: a tooltip and a frame say which.  Its values are read with the keyboard in the table below it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QBuffer, QEvent, QIODevice, QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from chorus_gui.ui import theme
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.widgets.chart_painting import Drawing, Place, Plot, paint

_PICTURE = QSize(1000, 480)
_SCALE = 2


class ValueChart(QWidget):
    """Bars, or a line, of all places; the newest at the right.  ``chosen``: the place that was selected with the mouse."""

    chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._drawing = Drawing()
        self._at = -1
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_drawing(self, drawing: Drawing) -> None:
        """Show this; a screen reader says how many values there are, and the last one."""
        self._drawing, self._at = drawing, -1
        self.setAccessibleDescription(f"The last value: {self.text_of(-1, ', ')}. The table has all values." if drawing.places else "")
        self.update()

    def choose(self, number: int) -> None:
        """Draw a frame around a place; -1 for none."""
        if number != self._at:
            self._at = number
            self.update()

    @property
    def places(self) -> Sequence[Place]:
        """What is drawn."""
        return self._drawing.places

    def plot(self) -> Plot:
        """Where the places are."""
        return Plot(self._drawing, QRectF(self.rect()), QFontMetrics(self.font()))

    def text_of(self, number: int, between: str = "\n") -> str:
        """A place in words: its name, its values, and their sum if there are several."""
        place, drawing = self._drawing.places[number], self._drawing
        lines = [f"{name}: {drawing.write(value)}" for name, value in zip(drawing.series, place.values, strict=True) if value]
        if len(drawing.series) > 1:
            lines.append(f"All: {drawing.write(sum(place.values))}")
        return between.join([place.full, *(lines or [drawing.write(0)])])

    def picture(self, title: str) -> bytes:
        """The chart as a PNG file with its title, in light colours for a document."""
        image = QImage(_PICTURE * _SCALE, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(_SCALE)
        image.fill(QColor(theme.LIGHT.surface))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        heading = self.font()
        heading.setBold(True)
        height = QFontMetrics(heading).height()
        painter.setFont(heading)
        painter.setPen(QColor(theme.LIGHT.text))
        painter.drawText(QPointF(16, 12 + QFontMetrics(heading).ascent()), title)
        painter.setFont(font)
        area = QRectF(8, height + 20, _PICTURE.width() - 16, _PICTURE.height() - height - 28)
        paint(painter, Plot(self._drawing, area, QFontMetrics(font)), theme.LIGHT)
        painter.end()
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs want bytes for the format
        return bytes(buffer.data().data())

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(640, 260)

    def minimumSizeHint(self) -> QSize:
        """The smallest that can be read."""
        return QSize(260, 140)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the place below the mouse."""
        number = self.plot().place_at(event.position())
        if number >= 0:
            self.chosen.emit(number)

    def event(self, event: QEvent) -> bool:
        """The tooltip of the place below the mouse."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            number = self.plot().place_at(QPointF(event.pos()))
            if number >= 0:
                QToolTip.showText(event.globalPos(), plain_text(self.text_of(number)), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The chart in the colours of the window."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint(painter, self.plot(), theme.current(), self._at)
        painter.end()
