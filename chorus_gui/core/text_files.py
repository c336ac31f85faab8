"""Texts that people write or redirect: configurations, lists, policies, in the encodings that their programs save."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class NotTextError(ValueError):
    """Bytes that are not a text in a known encoding.  Its text is a clause ("it is not encoded in UTF-8"); ``line`` counts from 1."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.line = line


def text_of(data: bytes) -> str:
    """The text without its byte order mark: UTF-8, or UTF-16 or UTF-32 with a mark, as the ``>`` of Windows PowerShell writes it.

    Without a mark, UTF-16 cannot be told from other bytes for certain, and is refused.  Raises :class:`NotTextError`.
    """
    mark, encoding = next(((mark, encoding) for mark, encoding in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    data = data[len(mark) :]
    if not mark and b"\0" in data:
        raise NotTextError("it has zero bytes, as a text in UTF-16 without a byte order mark", data.count(b"\n", 0, data.index(b"\0")) + 1)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        said = "UTF-8" if encoding == "utf-8" else f"{encoding[:6].upper()}, as its first bytes say"
        raise NotTextError(f"it is not encoded in {said}", data.count(b"\n", 0, error.start) + 1) from error
