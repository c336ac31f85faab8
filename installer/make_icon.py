"""Paints the program's icon into ``resources/icons``, and the picture of the installer's last page next to this file:
``.venv/bin/python installer/make_icon.py``.

The drawing is the window's own (:func:`chorus_gui.ui.widgets.icons.program_icon`); both containers hold PNG pictures.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter

from chorus_gui.ui import theme
from chorus_gui.ui.widgets.icons import SIZES, program_icon

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "icons"
WIZARD = Path(__file__).resolve().parent / "wizard.bmp"
WIZARD_SIZE = (164, 314)  # pixels; NSIS scales it
ICNS_TYPES = {16: b"icp4", 32: b"icp5", 64: b"icp6", 128: b"ic07", 256: b"ic08"}


def png(size: int) -> bytes:
    """The icon at one size."""
    out = QBuffer()
    out.open(QIODevice.OpenModeFlag.WriteOnly)
    if not program_icon().pixmap(size, size).save(out, "PNG"):
        raise OSError(f"Qt cannot write a PNG picture of {size} pixels.")
    return bytes(out.data().data())


def ico(pictures: dict[int, bytes]) -> bytes:
    """A Windows icon: a directory of 16 bytes a picture, then the pictures.  A side of 256 is written as 0."""
    at = 6 + 16 * len(pictures)
    directory, body = struct.pack("<HHH", 0, 1, len(pictures)), b""
    for size, content in pictures.items():
        directory += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(content), at + len(body))
        body += content
    return directory + body


def icns(pictures: dict[int, bytes]) -> bytes:
    """A macOS icon: chunks of type, length, picture."""
    body = b"".join(ICNS_TYPES[size] + struct.pack(">I", 8 + len(content)) + content for size, content in pictures.items())
    return b"icns" + struct.pack(">I", 8 + len(body)) + body


def wizard() -> QImage:
    """The left side of the installer's last page: the icon on the window's own ground.  256 colours, as old bitmaps have."""
    width, height = WIZARD_SIZE
    picture = QImage(width, height, QImage.Format.Format_RGB32)
    picture.fill(QColor(theme.LIGHT.rail))
    painter = QPainter(picture)
    painter.drawPixmap((width - 64) // 2, 48, program_icon().pixmap(64, 64))
    painter.end()
    return picture.convertToFormat(QImage.Format.Format_Indexed8)


def main() -> None:
    """Write the files."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication([])
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "chorus-upload.ico").write_bytes(ico({size: png(size) for size in SIZES}))
    (FOLDER / "chorus-upload.icns").write_bytes(icns({size: png(size) for size in ICNS_TYPES}))
    if not wizard().save(str(WIZARD), "BMP"):
        raise OSError(f"Qt cannot write {WIZARD}.")
    application.quit()


if __name__ == "__main__":
    main()
