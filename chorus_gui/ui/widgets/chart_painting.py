"""How a chart is painted: in any theme, on a widget or a picture.  Series differ by pattern as well as by colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetrics, QPainter, QPen, QPolygonF

from chorus_gui.ui import words
from chorus_gui.ui.theme import Theme

_MARGIN = 10
_WIDEST = 44.0
_STEPS = 4
"""lines of the scale above 0, at most"""
_DOTS = 60
"""a line with more places has no dots"""
_PATTERNS = (
    Qt.BrushStyle.SolidPattern,
    Qt.BrushStyle.BDiagPattern,
    Qt.BrushStyle.CrossPattern,
    Qt.BrushStyle.FDiagPattern,
    Qt.BrushStyle.Dense4Pattern,
    Qt.BrushStyle.DiagCrossPattern,
)
"""a pattern for each series, over its colour"""


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the axis: its short name, its full name, and a value for each series."""

    name: str
    full: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What to draw: bars (the values of a place on top of each other), or a line of the first series.  ``write`` makes a text of a value."""

    series: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    write: Callable[[int], str] = words.number
    as_line: bool = False


def scale(highest: int) -> tuple[int, ...]:
    """Round values for the lines of a scale, from 0 to one that is not below ``highest``."""
    step = 1
    while step * _STEPS < highest:
        digit = int(str(step)[0])
        step = step * 5 // 2 if digit == 2 else step * 2
    return tuple(range(0, max(highest, 1) + step, step))[: max(-(-highest // step), 1) + 1]


class Plot:
    """Where everything is in ``area``."""

    def __init__(self, drawing: Drawing, area: QRectF, metrics: QFontMetrics) -> None:
        self.drawing, self.area, self.metrics = drawing, area, metrics
        self.scale = scale(max((sum(place.values) for place in drawing.places), default=0))
        left = _MARGIN + 6 + max(metrics.horizontalAdvance(drawing.write(value)) for value in self.scale)
        self.left = area.left() + left
        self.legend = self._legend()
        text = metrics.height()
        top = (self.legend[-1][0].y() + text if self.legend else area.top()) + text / 2 + 4
        self.box = QRectF(self.left, top, area.right() - _MARGIN - self.left, max(area.bottom() - top - text - 10, 10.0))

    def _legend(self) -> list[tuple[QPointF, str]]:
        """The names of the series with their top left corners; nothing for a single series."""
        out, x, y = list[tuple[QPointF, str]](), self.left, self.area.top() + 4
        for name in self.drawing.series if len(self.drawing.series) > 1 and self.drawing.places else ():
            width = 18 + self.metrics.horizontalAdvance(name)
            if x > self.left and x + width > self.area.right() - _MARGIN:
                x, y = self.left, y + self.metrics.height() + 2
            out.append((QPointF(x, y), name))
            x += width + 16
        return out

    def height(self, value: float) -> float:
        """Of a value; pixels."""
        return self.box.height() * value / self.scale[-1]

    def slot(self, number: int) -> QRectF:
        """The space of a place."""
        step = self.box.width() / max(len(self.drawing.places), 1)
        return QRectF(self.box.left() + step * number, self.box.top(), step, self.box.height())

    def place_at(self, point: QPointF) -> int:
        """The number of the place there; -1 for none."""
        count = len(self.drawing.places)
        if not count or not self.box.left() <= point.x() <= self.box.right():
            return -1
        return min(int((point.x() - self.box.left()) / self.box.width() * count), count - 1)


def paint(painter: QPainter, plot: Plot, theme: Theme, chosen: int = -1) -> None:
    """Legend, scale, values, names; the ``chosen`` place has a frame."""
    if not plot.drawing.places:
        return
    _paint_scale(painter, plot, theme)
    if plot.drawing.as_line:
        _paint_line(painter, plot, theme)
    else:
        _paint_bars(painter, plot, theme)
    if 0 <= chosen < len(plot.drawing.places):
        painter.setPen(QPen(QColor(theme.text), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        width = max(min(plot.slot(chosen).width() - 2, _WIDEST + 12), 4.0)
        middle = plot.slot(chosen).center().x()
        painter.drawRoundedRect(QRectF(middle - width / 2, plot.box.top() - 3, width, plot.box.height() + 6), 3, 3)
    _paint_names(painter, plot, theme)
    metrics = plot.metrics
    for number, (place, name) in enumerate(plot.legend):
        _fill(painter, QRectF(place.x(), place.y() + metrics.height() / 2 - 6, 12, 12), number, theme)
        painter.setPen(QColor(theme.text))
        painter.drawText(QPointF(place.x() + 18, place.y() + metrics.ascent()), name)


def _paint_scale(painter: QPainter, plot: Plot, theme: Theme) -> None:
    for value in plot.scale:
        y = plot.box.bottom() - plot.height(value)
        painter.setPen(QPen(QColor(theme.border), 1, Qt.PenStyle.SolidLine if value == 0 else Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(plot.box.left(), y), QPointF(plot.box.right(), y))
        text = plot.drawing.write(value)
        painter.setPen(QColor(theme.muted))
        painter.drawText(QPointF(plot.box.left() - 6 - plot.metrics.horizontalAdvance(text), y + plot.metrics.ascent() / 2 - 1), text)


def _fill(painter: QPainter, box: QRectF, series: int, theme: Theme) -> None:
    """A box in the colour of a series, with its pattern."""
    colour = QColor(theme.series[series % len(theme.series)])
    painter.fillRect(box, colour)
    pattern = _PATTERNS[series % len(_PATTERNS)]
    if pattern is not Qt.BrushStyle.SolidPattern:
        painter.fillRect(box, QBrush(QColor(theme.surface), pattern))
    painter.setPen(QPen(QColor(theme.text if theme.outlined else colour), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)


def _paint_bars(painter: QPainter, plot: Plot, theme: Theme) -> None:
    for number, place in enumerate(plot.drawing.places):
        slot = plot.slot(number)
        width = max(min(slot.width() * 0.62, _WIDEST), 1.0)
        bottom = plot.box.bottom()
        for series, value in enumerate(place.values):
            if value > 0:
                height = plot.height(value)
                _fill(painter, QRectF(slot.center().x() - width / 2, bottom - height, width, height), series, theme)
                bottom -= height


def _paint_line(painter: QPainter, plot: Plot, theme: Theme) -> None:
    bottom = plot.box.bottom()
    points = [
        QPointF(plot.slot(number).center().x(), bottom - plot.height(place.values[0])) for number, place in enumerate(plot.drawing.places)
    ]
    ground = QColor(theme.accent)
    ground.setAlphaF(0.15)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawPolygon(QPolygonF([QPointF(points[0].x(), bottom), *points, QPointF(points[-1].x(), bottom)]))
    painter.setPen(QPen(QColor(theme.accent), 2))
    painter.drawPolyline(QPolygonF(points))
    painter.setBrush(QColor(theme.accent))
    painter.setPen(Qt.PenStyle.NoPen)
    for point in points if len(points) <= _DOTS else ():
        painter.drawEllipse(point, 4, 4)


def _paint_names(painter: QPainter, plot: Plot, theme: Theme) -> None:
    painter.setPen(QColor(theme.muted))
    free = plot.area.left()
    for number, place in enumerate(_named(plot)):
        width = plot.metrics.horizontalAdvance(place)
        left = min(max(plot.slot(number).center().x() - width / 2, plot.area.left()), plot.area.right() - width - 2.0)
        if place and left >= free:
            painter.drawText(QPointF(left, plot.box.bottom() + plot.metrics.ascent() + 4), place)
            free = left + width + 12


def _named(plot: Plot) -> Sequence[str]:
    """The names of the places; a name that is longer than a third of the chart is shortened."""
    longest = int(plot.area.width() / 3)
    return [plot.metrics.elidedText(place.name, Qt.TextElideMode.ElideMiddle, longest) for place in plot.drawing.places]
