"""Join two copies of a JSON value that several computers write, without a clock and without an order: for the lists that colleagues share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

GROWING = frozenset(("releases", "withdrawals"))
"""Fields with a list of which nothing is ever removed."""
text = json.JSONEncoder(sort_keys=True, allow_nan=False).encode
"""A JSON value as text; equal for equal values."""


def joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Field by field: all of both lists that grow, otherwise the greater of two texts.  Commutative, associative, idempotent."""
    if one is other or text(one) == text(other):
        return dict(one)
    out = dict(one)
    for name, value in other.items():
        if name in GROWING:
            out[name] = union(out.get(name), value)
        else:
            out[name] = max(out[name], value, key=text) if name in out else value
    return out


def union(one: Any, other: Any) -> list[Any]:
    """The elements of both, each once.  What is not a list is kept as one element, which means nothing; None is an empty list."""
    found: dict[str, Any] = {}
    for part in (one, other):
        for element in cast("list[Any]", part) if isinstance(part, list) else [] if part is None else [{"not_a_list": part}]:
            found[text(element)] = element
    return [found[key] for key in sorted(found)]
