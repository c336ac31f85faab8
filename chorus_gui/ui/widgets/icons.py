"""Icons, painted: one grid (24 units), one stroke, the theme's colours, any size and resolution without a file or an SVG plug-in.

A drawing is a list of strokes: ``M x y``, ``L x y``, ``C x y x y x y``, ``Z``; ``O x y r`` is a circle, ``R x y w h r`` a rectangle with
round corners, ``. x y`` a dot.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPixmapCache

from chorus_gui.ui import theme

STROKE = 1.7
_SIZES = (16, 20, 24)

_DRAWINGS = {
    "overview": "R 3.5 3.5 7 7 1.5 R 13.5 3.5 7 7 1.5 R 3.5 13.5 7 7 1.5 R 13.5 13.5 7 7 1.5",
    "configuration": "M 4 7 L 13 7 M 18 7 L 20 7 O 15.5 7 2.3 M 4 17 L 6 17 M 11 17 L 20 17 O 8.5 17 2.3",
    "review": "M 4 6 L 5.5 7.5 L 8 4.5 M 11 6 L 20 6 M 4 12.5 L 5.5 14 L 8 11 M 11 12.5 L 20 12.5 M 4 19 L 5.5 20.5 L 8 17.5 M 11 19 L 20 19",
    "upload": "M 12 15 L 12 4 M 7.5 8.5 L 12 4 L 16.5 8.5 M 4 15 L 4 18.5 C 4 19.6 4.9 20.5 6 20.5 L 18 20.5 C 19.1 20.5 20 19.6 20 18.5 L 20 15",
    "download": "M 12 4 L 12 15 M 7.5 10.5 L 12 15 L 16.5 10.5 M 4 15 L 4 18.5 C 4 19.6 4.9 20.5 6 20.5 L 18 20.5 C 19.1 20.5 20 19.6 20 18.5 L 20 15",
    "verify": "M 12 3 L 19.5 6 L 19.5 11.5 C 19.5 16 16.5 19.5 12 21 C 7.5 19.5 4.5 16 4.5 11.5 L 4.5 6 Z M 8.5 12 L 11 14.5 L 15.5 9.5",
    "history": "O 12 12 8.5 M 12 7 L 12 12 L 15.5 14",
    "log": "R 4.5 3.5 15 17 2 M 8 8 L 16 8 M 8 12 L 16 12 M 8 16 L 13 16",
    "doctor": "M 3 12 L 7.5 12 L 10 5.5 L 14 18.5 L 16.5 12 L 21 12",
    "folder": "M 3.5 18 L 3.5 6.5 C 3.5 5.7 4.2 5 5 5 L 9.5 5 L 11.5 7.5 L 19 7.5 C 19.8 7.5 20.5 8.2 20.5 9 L 20.5 18 C 20.5 18.8 19.8 19.5 19 19.5 L 5 19.5 C 4.2 19.5 3.5 18.8 3.5 18 Z",
    "file": "M 6 3.5 L 14 3.5 L 18.5 8 L 18.5 20.5 L 6 20.5 Z M 14 3.5 L 14 8 L 18.5 8",
    "lock": "R 5 10.5 14 10 2 M 8 10.5 L 8 7.5 C 8 5.3 9.8 3.5 12 3.5 C 14.2 3.5 16 5.3 16 7.5 L 16 10.5",
    "unlock": "R 5 10.5 14 10 2 M 8 10.5 L 8 7.5 C 8 5.3 9.8 3.5 12 3.5 C 13.7 3.5 15.2 4.6 15.8 6.1",
    "key": "O 8 15.5 4 M 11 12.7 L 19.5 4.5 M 16 8 L 18.5 10.5",
    "play": "M 7.5 4.5 L 19 12 L 7.5 19.5 Z",
    "pause": "M 8.5 5 L 8.5 19 M 15.5 5 L 15.5 19",
    "cancel": "O 12 12 8.5 M 9 9 L 15 15 M 15 9 L 9 15",
    "close": "M 6.5 6.5 L 17.5 17.5 M 17.5 6.5 L 6.5 17.5",
    "check": "M 5 12.5 L 10 17.5 L 19 7",
    "good": "O 12 12 8.5 M 8 12.2 L 11 15.2 L 16 9.5",
    "warning": "M 12 4 L 21 19.5 L 3 19.5 Z M 12 10 L 12 14 . 12 16.8",
    "bad": "O 12 12 8.5 M 12 7.5 L 12 13 . 12 16",
    "info": "O 12 12 8.5 M 12 11 L 12 16.5 . 12 7.8",
    "search": "O 10.5 10.5 6 M 15 15 L 20 20",
    "refresh": "M 19.5 12 C 19.5 16.1 16.1 19.5 12 19.5 C 7.9 19.5 4.5 16.1 4.5 12 C 4.5 7.9 7.9 4.5 12 4.5 C 14.5 4.5 16.7 5.7 18 7.5 M 18.5 3.5 L 18.5 8 L 14 8",
    "arrow": "M 5 12 L 19 12 M 13 6 L 19 12 L 13 18",
    "person": "O 12 8 4 M 4.5 20.5 C 4.5 16.5 7.8 14.5 12 14.5 C 16.2 14.5 19.5 16.5 19.5 20.5",
    "copy": "R 8.5 8.5 12 12 2 M 15.5 8.5 L 15.5 5.5 C 15.5 4.4 14.6 3.5 13.5 3.5 L 5.5 3.5 C 4.4 3.5 3.5 4.4 3.5 5.5 L 3.5 13.5 C 3.5 14.6 4.4 15.5 5.5 15.5 L 8.5 15.5",
    "opened": "M 6 9.5 L 12 15.5 L 18 9.5",
    "closed": "M 9.5 6 L 15.5 12 L 9.5 18",
    "plus": "M 12 5 L 12 19 M 5 12 L 19 12",
    "minus": "M 5 12 L 19 12",
    "hold": "O 12 12 8.5 M 6 18 L 18 6",
    "undo": "M 8.5 5 L 4.5 9 L 8.5 13 M 4.5 9 L 14 9 C 17.3 9 19.5 11.2 19.5 14 C 19.5 16.8 17.3 19 14 19 L 9 19",
    "save": "M 5 3.5 L 16 3.5 L 20.5 8 L 20.5 19 C 20.5 19.8 19.8 20.5 19 20.5 L 5 20.5 C 4.2 20.5 3.5 19.8 3.5 19 L 3.5 5 C 3.5 4.2 4.2 3.5 5 3.5 Z M 8 3.5 L 8 8.5 L 15 8.5 M 7.5 20.5 L 7.5 13.5 L 16.5 13.5 L 16.5 20.5",
    "receipt": "M 5.5 3.5 L 18.5 3.5 L 18.5 20.5 L 16 18.8 L 14 20.5 L 12 18.8 L 10 20.5 L 8 18.8 L 5.5 20.5 Z M 9 8 L 15 8 M 9 12 L 15 12",
    "people": "O 9 8.5 3.5 M 2.5 19.5 C 2.5 16 5.4 14.5 9 14.5 C 12.6 14.5 15.5 16 15.5 19.5 M 15.5 5.3 C 17 5.7 18 7 18 8.5 C 18 10 17 11.3 15.5 11.7 M 18 14.9 C 20.2 15.5 21.5 17 21.5 19.5",
    "cloud": "M 7 18.5 C 4.5 18.5 2.5 16.7 2.5 14.3 C 2.5 12.1 4.2 10.3 6.4 10.1 C 7 7.3 9.3 5.5 12 5.5 C 15.2 5.5 17.7 7.9 17.9 11 C 20 11.2 21.5 12.8 21.5 14.8 C 21.5 16.9 19.8 18.5 17.7 18.5 Z",
    "table": "R 3.5 4.5 17 15 2 M 3.5 9.5 L 20.5 9.5 M 3.5 14.5 L 20.5 14.5 M 10 9.5 L 10 19.5",
    "image": "R 3.5 4.5 17 15 2 O 8.5 9.5 1.5 M 4 17.5 L 9.5 13 L 13 16 L 16 13.5 L 20 17",
    "eye": "M 2.5 12 C 5 7.5 8.2 5.5 12 5.5 C 15.8 5.5 19 7.5 21.5 12 C 19 16.5 15.8 18.5 12 18.5 C 8.2 18.5 5 16.5 2.5 12 Z O 12 12 3",
    "ready": "R 4.5 4.5 15 16 2 M 9 3 L 15 3 L 15 6 L 9 6 Z M 8.5 13 L 11 15.5 L 15.5 10.5",
    "eye_off": "M 2.5 12 C 5 7.5 8.2 5.5 12 5.5 C 15.8 5.5 19 7.5 21.5 12 C 19 16.5 15.8 18.5 12 18.5 C 8.2 18.5 5 16.5 2.5 12 Z O 12 12 3 M 4.5 20 L 19.5 4",
    "wave": "M 2.5 12 L 7 12 L 9 7 L 11.5 17 L 14 9.5 L 15.5 12 L 21.5 12",
}  # fmt: skip

MODALITY_ICONS = {"OMOP": "table", "Images": "image", "Waveforms": "wave", "Metadata": "file"}


def names() -> tuple[str, ...]:
    """What can be drawn."""
    return tuple(_DRAWINGS)


def icon(name: str, colour: str | None = None, gap: int = 0) -> QIcon:
    """An icon in ``colour`` (the theme's text), fainter where it is disabled, with an empty ``gap`` at its right.

    Made again when the theme changes.
    """
    now = theme.current()
    normal = QColor(colour or now.text)
    faint = theme.mix(now.text, now.window, 0.6)  # a disabled button has the ground of any other
    out = QIcon()
    for size in (16,) if gap else _SIZES:
        for ratio in (1, 1.5, 2):
            out.addPixmap(pixmap(name, size, normal, ratio, gap), QIcon.Mode.Normal)
            out.addPixmap(pixmap(name, size, faint, ratio, gap), QIcon.Mode.Disabled)
    return out


def pixmap(name: str, size: int, colour: QColor | str, ratio: float = 1.0, gap: int = 0) -> QPixmap:
    """The drawing, ``size`` device-independent pixels high (and ``gap`` more wide), for a screen of that pixel ratio.

    Painted once: states come often, and thirty pixmaps an icon take 5 ms of the screen's thread.
    """
    key = f"chorus {name} {size} {QColor(colour).name()} {ratio} {gap}"
    out = QPixmap()
    if QPixmapCache.find(key, out):
        return out
    out = QPixmap(round((size + gap) * ratio), round(size * ratio))
    out.setDevicePixelRatio(ratio)
    out.fill(Qt.GlobalColor.transparent)
    painter = QPainter(out)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 24, size / 24)
    paint(painter, name, QColor(colour))
    painter.end()
    QPixmapCache.insert(key, out)
    return out


def paint(painter: QPainter, name: str, colour: QColor) -> None:
    """Draw on the 24 units that the painter has."""
    painter.setPen(QPen(colour, STROKE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    path, dots = _path(_DRAWINGS[name])
    painter.drawPath(path)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    for dot in dots:
        painter.drawEllipse(dot, STROKE * 0.65, STROKE * 0.65)


@cache
def _path(drawing: str) -> tuple[QPainterPath, list[QPointF]]:
    path, dots = QPainterPath(), list[QPointF]()
    words = iter(drawing.split())

    def number() -> float:
        return float(next(words))

    def point() -> QPointF:
        return QPointF(number(), number())

    for word in words:
        match word:
            case "M":
                path.moveTo(point())
            case "L":
                path.lineTo(point())
            case "C":
                path.cubicTo(point(), point(), point())
            case "Z":
                path.closeSubpath()
            case "O":
                path.addEllipse(point(), radius := number(), radius)
            case "R":
                box = QRectF(number(), number(), number(), number())
                path.addRoundedRect(box, radius := number(), radius)
            case ".":
                dots.append(point())
            case _:
                raise ValueError(f"no stroke: {word}")
    return path, dots


SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
"""Sides of the program's icon in pixels: what Windows shows at 100 % to 200 %, and in large views."""
_BY_PIXEL = 32
"""Up to this size the icon is drawn on whole pixels: lines between pixels would be blurred."""


def program_icon() -> QIcon:
    """The program's own icon: an arrow into the store, white on the accent."""
    out = QIcon()
    for size in SIZES:
        drawn = QPixmap(size, size)
        drawn.fill(Qt.GlobalColor.transparent)
        painter = QPainter(drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.LIGHT.accent))
        painter.drawRoundedRect(QRectF(0, 0, size, size), size * 0.2, size * 0.2)
        if size <= _BY_PIXEL:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            for rectangle in _arrow(size):
                painter.fillRect(*rectangle, QColor("white"))
        else:
            painter.translate(size * 0.14, size * 0.14)
            painter.scale(size * 0.72 / 24, size * 0.72 / 24)
            paint(painter, "upload", QColor("white"))
        painter.end()
        out.addPixmap(drawn)
    return out


def _arrow(size: int) -> list[tuple[int, int, int, int]]:
    """The arrow and the line below it as rectangles (x, y, width, height) of whole pixels, symmetric in a square of an even side."""
    middle, thick = size // 2, max(1, size // 16)
    head, top, base = size // 4, size * 3 // 16, size * 12 // 16
    rows = [(middle - thick - at, top + at, 2 * (thick + at), 1) for at in range(head)]
    stem = (middle - thick, top + head, 2 * thick, base - 2 * thick + 1 - top - head)
    return [*rows, stem, (middle - size * 5 // 16, base - thick + 1, 2 * (size * 5 // 16), 2 * thick)]
