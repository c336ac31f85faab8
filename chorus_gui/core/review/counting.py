"""What one change is, for every number that a person sees.

A change is one line of the review, but where both lines of a renamed file are counted, they are one change.

“Where” is a filter, and in it one patient, one folder or one part of the sentence: a list that shows only the old name counts it, and
so does a patient whose file became another patient's.  Of two lines that are one change, the line of the new name is the one that counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SIZE = "coalesce(size, old_size)"
"""SQL: the size of a line's file."""


def again(where: str, same: str = "1") -> str:
    """SQL: a line of ``change AS line`` that ``where`` finds does not count, because ``where`` also finds the new name of its file.

    ``same``: what else must be true of the line of the new name, to which names without “line.” refer.  The values of ``where`` and
    ``same`` are needed once more.
    """
    other = f"EXISTS (SELECT 1 FROM change WHERE id = line.pair AND ({where}) AND ({same}))"
    return f"CASE WHEN line.kind = 'deleted' AND line.pair IS NOT NULL THEN {other} ELSE 0 END"  # CASE: looked up for few lines


def groups(
    group: str, of_group: Sequence[Any], where: str, values: Sequence[Any], counts: Mapping[str, str], more: Mapping[str, str]
) -> tuple[str, list[Any]]:
    """A table for FROM with a line for each group (``grp``) of what ``where`` finds, and the values of this SQL.

    ``lines`` and ``again`` are how many lines it has, and how many of them do not count.  ``counts`` are sums of lines that count (name → SQL
    of a line); ``more`` are other aggregates, over all lines.
    """
    sums = ", ".join(f"coalesce(sum({sql}), 0) AS {name}" for name, sql in counts.items())
    others = "".join(f", {sql} AS {name}" for name, sql in more.items())
    old = f"SELECT *, {group} AS grp FROM change WHERE kind = 'deleted' AND pair IS NOT NULL AND ({where})"
    return (
        "(SELECT every.grp, lines, coalesce(again, 0) AS again, "
        + ", ".join(f"every.{name} - coalesce(twice.{name}, 0) AS {name}" for name in counts)
        + "".join(f", {name}" for name in more)
        + f" FROM (SELECT {group} AS grp, count(*) AS lines, {sums}{others} FROM change WHERE {where} GROUP BY 1) AS every "
        f"LEFT JOIN (SELECT grp, count(*) AS again, {sums} FROM ({old}) AS line WHERE {again(where, f'{group} IS line.grp')} GROUP BY 1) AS twice "
        "ON twice.grp IS every.grp)",
        [*of_group, *values, *of_group, *values, *values, *of_group],
    )
