"""The changes of a review as a tree of patients and folders, a level at a time, added up in SQL.

A folder that has nothing but one folder is shown together with it, so a level never has a single way down.
"""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.core.review.counting import SIZE, groups
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import HELD_SUMS, PATIENT, Branch, Query, TreeLevel

_COUNTS = {"bytes": SIZE, **HELD_SUMS}
_KINDS = {
    "n_added": "sum(kind = 'added' AND pair IS NULL)",
    "n_updated": "sum(kind = 'updated')",
    "n_deleted": "sum(kind = 'deleted' AND pair IS NULL)",
    "n_to": "sum(kind = 'added' AND pair IS NOT NULL)",
    "n_from": "sum(kind = 'deleted' AND pair IS NOT NULL)",
    "n_moved": "sum(kind = 'moved')",
    "n_restored": "sum(kind = 'restored')",
    "n_problem": "sum(kind = 'problem')",
    "n_unmatched": "sum(kind = 'unmatched')",
}
NUMBERS = "lines - again, bytes, holdable, held, n_added, n_updated, n_deleted, again, n_to - again, n_from - again, n_moved, n_restored, n_problem, n_unmatched"
"""SQL: the numbers of a :class:`TreeNode`, in the order of :meth:`TreeLevel.add`."""

SORTS = {"name": "grp", "files": "lines - again", "bytes": "bytes", "held": "held"}
"""What a level can be sorted by: name → SQL.  Where these are equal, the name decides."""

_FOLDER = "rtrim(path, replace(path, '/', ''))"
"""SQL: the folder of a path with its "/"; "" if it has none."""


def level(staging: Staging, query: Query, branch: Branch | None, order: str = "name", *, descending: bool = False) -> TreeLevel:
    """What ``query`` finds directly below a part of the tree; None: the patients."""
    found = TreeLevel(branch)
    by = f"{SORTS[order]}{' DESC' if descending else ''}, grp"
    if branch is None:
        table, values = groups(PATIENT, (), *query.where(), _COUNTS, _KINDS)
        for patient, *numbers in staging.db.execute(f"SELECT grp, {NUMBERS} FROM {table} ORDER BY {by}", values):
            found.add(patient, numbers, leaf=False)
        return found
    where, values = replace(query, branch=branch).where()
    lowest, highest = staging.db.execute(f"SELECT min({_FOLDER}), max({_FOLDER}) FROM change WHERE {where}", values).fetchone()
    if lowest is None:
        return found
    base = _common(lowest, highest)
    rest = "substr(path, length(?) + 1)"
    name = f"substr({rest}, 1, instr({rest}, '/'))"
    ends = {"low": f"min({_FOLDER})", "high": f"max({_FOLDER})"}
    table, bound = groups(name, (base, base), where, values, _COUNTS, {**_KINDS, **ends})
    for name, *numbers, low, high in staging.db.execute(f"SELECT grp, {NUMBERS}, low, high FROM {table} ORDER BY {by}", bound):
        if name:
            found.add(_common(low, high), numbers, leaf=low == high)
        else:
            found.add(base, numbers, leaf=True, direct=lowest != highest or not base)
    return found


def _common(low: str, high: str) -> str:
    """The folder that has both, and so everything between them in the order of their bytes."""
    length = next((n for n, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), min(len(low), len(high)))
    return low[: low.rfind("/", 0, length) + 1]
