"""The changes of a review as a tree of patients and folders, a level at a time, added up in SQL.

A folder that has nothing but one folder is shown together with it, so a level never has a single way down.
"""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import CAN_BE_HELD, PATIENT, Branch, Query, TreeLevel

_TO, _FROM = "sum(kind = 'added' AND pair IS NOT NULL)", "sum(kind = 'deleted' AND pair IS NOT NULL)"
SUMS = (
    f"count(*), coalesce(sum(coalesce(size, old_size)), 0), coalesce(sum({CAN_BE_HELD} AND NOT excluded), 0), sum(excluded), "
    "sum(kind = 'added' AND pair IS NULL), sum(kind = 'updated'), sum(kind = 'deleted' AND pair IS NULL), "
    f"{_TO}, {_FROM}, "
    "sum(kind = 'moved'), sum(kind = 'restored'), sum(kind = 'problem'), sum(kind = 'unmatched')"
)
"""SQL: the numbers of a :class:`TreeNode`, in the order of :meth:`TreeLevel.add`."""

SORTS = {
    "name": "1",
    "files": f"count(*) - min({_TO}, {_FROM})",
    "bytes": "coalesce(sum(coalesce(size, old_size)), 0)",
    "held": "sum(excluded)",
}
"""What a level can be sorted by: name → SQL.  Where these are equal, the name decides."""

_FOLDER = "rtrim(path, replace(path, '/', ''))"
"""SQL: the folder of a path with its "/"; "" if it has none."""


def level(staging: Staging, query: Query, branch: Branch | None, order: str = "name", *, descending: bool = False) -> TreeLevel:
    """What ``query`` finds directly below a part of the tree; None: the patients."""
    found = TreeLevel(branch)
    by = f"{SORTS[order]}{' DESC' if descending else ''}, 1"
    if branch is None:
        where, values = query.where()
        for patient, *numbers in staging.db.execute(f"SELECT {PATIENT}, {SUMS} FROM change WHERE {where} GROUP BY 1 ORDER BY {by}", values):
            found.add(patient, numbers, leaf=False)
        return found
    where, values = replace(query, branch=branch).where()
    lowest, highest = staging.db.execute(f"SELECT min({_FOLDER}), max({_FOLDER}) FROM change WHERE {where}", values).fetchone()
    if lowest is None:
        return found
    base = _common(lowest, highest)
    rest = "substr(path, length(?) + 1)"
    rows = staging.db.execute(
        f"SELECT substr({rest}, 1, instr({rest}, '/')), {SUMS}, min({_FOLDER}), max({_FOLDER}) FROM change WHERE {where} "
        f"GROUP BY 1 ORDER BY {by}",
        (base, base, *values),
    )
    for name, *numbers, low, high in rows:
        if name:
            found.add(_common(low, high), numbers, leaf=low == high)
        else:
            found.add(base, numbers, leaf=True, direct=lowest != highest or not base)
    return found


def _common(low: str, high: str) -> str:
    """The folder that has both, and so everything between them in the order of their bytes."""
    length = next((n for n, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), min(len(low), len(high)))
    return low[: low.rfind("/", 0, length) + 1]
