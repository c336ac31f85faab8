"""XML that a service sent, read strictly: an element at a time, in bounds, without document types and entities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from chorus_gui.core.untrusted import MalformedError

_DEEPEST = 12
_PIECE = 256 * 1024
_LONGEST_TAG = 4 * _PIECE
"""A tag is kept until it ends."""
Ended = Callable[[list[str], str, dict[str, str]], None]
"""Called with the names of an element and of those around it, its text after the last element in it, and its attributes."""


def read_elements(body: bytes, root: str, end: Ended) -> None:
    """Call ``end`` for each element that ends.  ``root``: the name of the outermost one.

    Raises :class:`~chorus_gui.core.untrusted.MalformedError` for everything else, and what ``end`` raises of that class.
    """
    path: list[str] = []
    text: list[str] = []
    attributes: list[dict[str, str]] = []

    def started(name: str, given: dict[str, str]) -> None:
        if (not path and name != root) or len(path) >= _DEEPEST:
            raise MalformedError("not the element that was asked for, or too deep")
        path.append(name)
        attributes.append(given)
        text.clear()

    def ended(_name: str) -> None:
        end(path, "".join(text), attributes.pop())
        path.pop()
        text.clear()

    def forbidden(*_declaration: Any) -> None:
        raise MalformedError("a document type")

    parser = expat.ParserCreate("utf-8")  # whatever the text says about itself
    parser.buffer_text = True
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = forbidden
    try:
        for start in range(0, max(len(body), 1), _PIECE):
            end_of_piece = start + _PIECE
            parser.Parse(body[start:end_of_piece], end_of_piece >= len(body))
            if end_of_piece - parser.CurrentByteIndex > _LONGEST_TAG and end_of_piece < len(body):
                raise MalformedError("a tag without end")
    except MalformedError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # ValueError: of names that are encoded
        raise MalformedError(type(error).__name__) from None
