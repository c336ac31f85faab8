"""Names and headers as Azure wants them.  Names are keys: nothing is trimmed, folded or normalised, only refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from chorus_gui.core.errors import BlobNameError
from chorus_gui.core.storage.names import PATH_CHARS as MAX_CHARS
from chorus_gui.core.storage.names import check_path, is_plain, name_error

MAX_SEGMENTS = 254

# Control characters are "not allowed" in the service's naming rules; U+FFFE and U+FFFF are not characters at all.
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_SPELLED_AS_IT_IS = re.compile("[A-Za-z0-9_.~/-]*")
_METADATA_SAFE = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")


def units(text: str) -> int:
    """The length as the service counts it, in UTF-16 units."""
    return len(text) + (0 if text.isascii() else sum(character > "\uffff" for character in text))


def check(path: str, prefix: str = "") -> None:
    """Raise :class:`BlobNameError` for a path that the service cannot hold under exactly that name.

    Beyond what no store takes: a backslash, which the service stores as "/", so that two names would be one; control characters,
    which its naming rules do not allow; bytes that are not valid text.  ``prefix`` counts for the length.
    """
    if is_plain(path, len(prefix)):
        return
    check_path(path)
    if not path.isascii():
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "replace").decode("utf-8")
            raise name_error(shown, "It has bytes that are not valid text.") from None
    if (length := units(prefix) + units(path)) > MAX_CHARS:
        raise name_error(path, f"With the store's folder it has {length:,} characters; the limit is {MAX_CHARS:,}.")
    if "\\" in path:
        raise name_error(path, "It has a backslash, and Azure turns that into “/”.")
    if _REFUSED.search(path):
        raise name_error(_REFUSED.sub("\ufffd", path), "It has a control character, and Azure does not allow that.")
    if (depth := prefix.count("/") + path.count("/") + 1) > MAX_SEGMENTS:
        raise name_error(path, f"It has {depth} levels of folders; the limit is {MAX_SEGMENTS}.")


def doubtful(name: str) -> bool:
    """A part of the name ends in a dot.  The service's rules say to avoid that, and some of its front ends drop the dot."""
    return name.endswith(".") or "./" in name


def dropped_dot(name: str) -> BlobNameError:
    """The error for a name that the service did not keep."""
    return name_error(name, "A part of it ends in a dot, and Azure dropped that dot.")


def is_folder(metadata: Mapping[str, str] | None) -> bool:
    """A blob that an account or a program keeps in the place of a folder.  Keys and this value have no case: programs in Go write “Hdi_isfolder”."""
    return bool(metadata) and any(key.lower() == "hdi_isfolder" and value.strip().lower() == "true" for key, value in metadata.items())


def url_path(name: str) -> str:
    """The name as a URL spells it."""
    return name if _SPELLED_AS_IT_IS.fullmatch(name) else quote(name, safe="~/")


def to_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as headers can carry it: percent-encoded where a value is not plain ASCII."""
    out: dict[str, str] = {}
    for key, value in metadata.items():
        inner_spaces = " " if value == value.strip() else ""
        out[key] = quote(value, safe=_METADATA_SAFE + inner_spaces)
    return out


def from_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """The inverse of :func:`to_headers`.  Keys are case-insensitive in the service; here they are lower-case."""
    return {key.lower(): unquote(value) for key, value in metadata.items()} if metadata else {}
