"""A page as a PDF file, without a printer and without a browser."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import QAbstractTextDocumentLayout, QFont, QPageLayout, QPageSize, QPainter, QPalette, QPdfWriter, QTextDocument

MARGIN_MM = 16.0
DOTS = 96
"""Dots of each inch in which the page is laid out; lines and letters are drawn as such at any size."""
POINTS = 9.5
FOOT = 26
"""Dots at the foot of a sheet, for the number of the page"""


def pdf(html: str, title: str) -> bytes:
    """The page on sheets of A4.  Safe in any thread, once there is an application: fonts come from it."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setCreator("CHoRUS Upload")
    writer.setResolution(DOTS)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(MARGIN_MM, MARGIN_MM, MARGIN_MM, MARGIN_MM), QPageLayout.Unit.Millimeter)
    draw(document(html, QSizeF(writer.width(), writer.height() - FOOT)), writer, title)
    del writer  # it writes the end of the file
    return bytes(buffer.data().data())


def draw(made: QTextDocument, writer: QPdfWriter, title: str) -> None:
    """Every sheet; if there are several, each says what it belongs to."""
    painter, size, sheets = QPainter(writer), made.pageSize(), made.pageCount()
    context: Any = QAbstractTextDocumentLayout.PaintContext()  # its fields are not in the stubs
    context.palette.setColor(QPalette.ColorRole.Text, Qt.GlobalColor.black)  # paper is white, also in a dark window
    for number in range(sheets):
        if number:
            writer.newPage()
        context.clip = QRectF(0, number * size.height(), size.width(), size.height())
        painter.save()
        painter.translate(0, -number * size.height())
        painter.setClipRect(context.clip)
        made.documentLayout().draw(painter, context)
        painter.restore()
        if sheets > 1:
            foot = QRectF(0, size.height(), size.width(), FOOT)
            painter.drawText(foot, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, foot_line(title, number + 1, sheets))
    painter.end()


def foot_line(title: str, sheet: int, sheets: int) -> str:
    """What is at the foot of a sheet: loose sheets can be put together again."""
    return f"{title} · page {sheet} of {sheets}"


def document(html: str, page: QSizeF) -> QTextDocument:
    """The page laid out on sheets of this size, in dots."""
    made, font = QTextDocument(), QFont()
    font.setPointSizeF(POINTS)
    made.setDocumentMargin(0)
    made.setDefaultFont(font)
    made.setHtml(html)
    made.setPageSize(page)
    return made
