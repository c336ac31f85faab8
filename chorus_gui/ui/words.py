"""Numbers, sizes, dates and durations in the user's locale."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QDateTime, QLocale

from chorus_gui.core.model import Tally

_DASH = "–"


def number(value: int) -> str:
    """1204 → "1,204"."""
    return QLocale().toString(value)


def size(value: int) -> str:
    """Bytes, in powers of 1000 as disks are sold: "3.2 GB"."""
    return QLocale().formattedDataSize(value, 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def rate(bytes_per_second: float | None) -> str:
    """ "12.4 MB/s"."""
    return f"{size(int(bytes_per_second))}/s" if bytes_per_second else _DASH


def count_of(value: int, one: str, many: str = "") -> str:
    """ "1 file", "1,204 files"."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def files_and_size(tally: Tally) -> str:
    """ "1,204 files (3.2 GB)"."""
    return f"{count_of(tally.files, 'file')} ({size(tally.bytes)})"


def moment(us: int | None, *, seconds: bool = False) -> str:
    """Microseconds since 1970, UTC → date and time, local."""
    if us is None:
        return _DASH
    at = QDateTime.fromMSecsSinceEpoch(us // 1000)
    locale = QLocale()
    time_format = "HH:mm:ss" if seconds else "HH:mm"
    return f"{locale.toString(at.date(), QLocale.FormatType.ShortFormat)} {locale.toString(at.time(), time_format)}"


def at(when: datetime | None) -> str:
    """An aware datetime → date and time, local."""
    return moment(None if when is None else int(when.timestamp() * 1e6))


def stamp(text: str | None) -> str:
    """The journal's upload time (YYYYMMDDHHMMSS, UTC) → date and time, local; anything else as it is."""
    from datetime import UTC

    if not text:
        return _DASH
    try:
        return at(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return text


def duration(seconds: float | None) -> str:
    """ "3 s", "4 min 10 s", "2 h 5 min"."""
    if seconds is None:
        return _DASH
    whole = max(int(seconds + 0.5), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
