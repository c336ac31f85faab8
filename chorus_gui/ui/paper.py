"""A page as a PDF file, without a printer and without a browser."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QSizeF
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPdfWriter, QTextDocument

MARGIN_MM = 16.0
DOTS = 96
"""Dots of each inch in which the page is laid out; lines and letters are drawn as such at any size."""
POINTS = 9.5


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
    document(html, QSizeF(writer.width(), writer.height())).print_(writer)
    del writer  # it writes the end of the file
    return bytes(buffer.data().data())


def document(html: str, page: QSizeF) -> QTextDocument:
    """The page laid out on sheets of this size, in dots."""
    made, font = QTextDocument(), QFont()
    font.setPointSizeF(POINTS)
    made.setDocumentMargin(0)
    made.setDefaultFont(font)
    made.setHtml(html)
    made.setPageSize(page)
    return made
