"""Two small charts, painted: stacked bars (files of each version) and a line over time (throughput)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from chorus_gui.ui import theme, words
from chorus_gui.ui.shown import plain_text

_MARGIN = 8
_MOST_BARS = 40
_FEWEST_POINTS = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its name, and its parts in the order of the chart's series."""

    name: str
    parts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All parts."""
        return sum(self.parts)


class BarChart(QWidget):
    """Stacked bars with a legend; the newest at the right.  The last forty fit."""

    def __init__(self, name: str, series: Sequence[str] = (), write: Callable[[int], str] = words.number) -> None:
        super().__init__()
        self._series = tuple(series)
        self._bars: tuple[Bar, ...] = ()
        self._write = write
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_bars(self, series: Sequence[str], bars: Sequence[Bar]) -> None:
        """Show these; the chart says their totals to a screen reader."""
        self._series, self._bars = tuple(series), tuple(bars)[-_MOST_BARS:]
        self.setAccessibleDescription(", ".join(f"{bar.name}: {self._write(bar.total)}" for bar in self._bars))
        self.update()

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(360, 180)

    def minimumSizeHint(self) -> QSize:
        """The smallest that can be read."""
        return QSize(160, 130)

    def _left(self) -> float:
        """Where the bars begin; pixels."""
        return _MARGIN + 6 + max((QFontMetrics(self.font()).horizontalAdvance(self._write(bar.total)) for bar in self._bars), default=0)

    def legend(self) -> list[tuple[QPointF, str]]:
        """The names of the series, each with its top left corner: next to the one before, or on another line."""
        metrics, left = QFontMetrics(self.font()), self._left()
        out, x, y = list[tuple[QPointF, str]](), left, 4.0
        for name in self._series if self._bars else ():
            width = 15 + metrics.horizontalAdvance(name)
            if x > left and x + width > self.width() - _MARGIN:
                x, y = left, y + metrics.height() + 2
            out.append((QPointF(x, y), name))
            x += width + 16
        return out

    def _plot(self) -> QRectF:
        text, left = QFontMetrics(self.font()).height(), self._left()
        top = max((place.y() for place, _ in self.legend()), default=4.0) + text + 6
        return QRectF(left, top, self.width() - _MARGIN - left, self.height() - top - text - 12)

    def _boxes(self) -> list[QRectF]:
        plot, count = self._plot(), max(len(self._bars), 1)
        step = min(plot.width() / count, 90.0)
        width = min(step * 0.62, 44.0)
        return [QRectF(plot.left() + step * (n + 0.5) - width / 2, plot.top(), width, plot.height()) for n in range(len(self._bars))]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Legend, scale, bars, names."""
        del event
        now = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self.font())
        plot, top = self._plot(), max((bar.total for bar in self._bars), default=0) or 1
        for number, (place, name) in enumerate(self.legend()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(now.series[number % len(now.series)]))
            painter.drawRoundedRect(QRectF(place.x(), place.y() + metrics.height() / 2 - 5, 10, 10), 2, 2)
            painter.setPen(QColor(now.muted))
            painter.drawText(QPointF(place.x() + 15, place.y() + metrics.ascent()), name)
        if not self._bars:
            painter.setPen(QColor(now.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No files yet")
            return
        painter.setPen(QPen(QColor(now.border), 1))
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - plot.height() * share
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        painter.setPen(QColor(now.muted))
        for share in (0.0, 1.0):
            text = self._write(round(top * share))
            y = plot.bottom() - plot.height() * share
            painter.drawText(QPointF(plot.left() - 6 - metrics.horizontalAdvance(text), y + metrics.ascent() / 2 - 1), text)
        free = 0.0
        for bar, box in zip(self._bars, self._boxes(), strict=True):
            bottom = plot.bottom()
            for number, part in enumerate(bar.parts):
                height = plot.height() * part / top
                painter.fillRect(QRectF(box.left(), bottom - height, box.width(), height), QColor(now.series[number % len(now.series)]))
                bottom -= height
            slot = plot.width() / len(self._bars) - 8
            name = metrics.elidedText(bar.name, Qt.TextElideMode.ElideLeft, int(slot)) if slot >= 36 else bar.name
            width = metrics.horizontalAdvance(name)
            left = box.center().x() - width / 2
            if left >= free and left + width <= self.width():
                painter.setPen(QColor(now.muted))
                painter.drawText(QPointF(left, plot.bottom() + metrics.ascent() + 4), name)
                free = left + width + 8
        painter.end()

    def event(self, event: QEvent) -> bool:
        """The tooltip of the bar under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            for bar, box in zip(self._bars, self._boxes(), strict=True):
                if box.adjusted(-4, 0, 4, 0).contains(QPointF(event.pos())):
                    parts = [f"{name}: {self._write(part)}" for name, part in zip(self._series, bar.parts, strict=True) if part]
                    QToolTip.showText(event.globalPos(), plain_text("\n".join([bar.name, *parts])), self)
                    return True
            QToolTip.hideText()
            return True
        return super().event(event)


class LineChart(QWidget):
    """Values over time, the newest at the right: one value for each equal step of time.  It begins with space for sixty."""

    def __init__(self, name: str, write: Callable[[float], str], points: int = 240) -> None:
        super().__init__()
        self._points = points
        self._values: list[float] = []
        self._write = write
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def add(self, value: float) -> None:
        """The next value; the oldest is dropped."""
        self._values = [*self._values[-self._points + 1 :], value]
        self.update()

    def clear(self) -> None:
        """Start again."""
        self._values = []
        self.update()

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(360, 140)

    def minimumSizeHint(self) -> QSize:
        """The smallest that can be read."""
        return QSize(200, 90)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A filled line under its highest value."""
        del event
        now = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self.font())
        plot = QRectF(_MARGIN, metrics.height() + 8, self.width() - 2 * _MARGIN, self.height() - metrics.height() - 8 - _MARGIN)
        top = max(self._values, default=0.0) or 1.0
        painter.setPen(QPen(QColor(now.border), 1))
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - plot.height() * share
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        painter.setPen(QColor(now.muted))
        highest = self._write(max(self._values, default=0.0))
        painter.drawText(QPointF(plot.left(), 4 + metrics.ascent()), f"Highest: {highest}" if self._values else "")
        if len(self._values) >= 2:
            step = plot.width() / (max(len(self._values), min(self._points, _FEWEST_POINTS)) - 1)
            left = plot.right() - step * (len(self._values) - 1)
            line = [QPointF(left + step * n, plot.bottom() - plot.height() * value / top) for n, value in enumerate(self._values)]
            ground = QColor(now.accent)
            ground.setAlphaF(0.15)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawPolygon(QPolygonF([QPointF(left, plot.bottom()), *line, QPointF(plot.right(), plot.bottom())]))
            painter.setPen(QPen(QColor(now.accent), 2))
            painter.drawPolyline(QPolygonF(line))
        painter.end()
