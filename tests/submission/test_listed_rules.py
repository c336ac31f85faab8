"""How a person may write the path of a file that the journal has: what is in quotes, and what only looks so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.model import Row
from chorus_gui.core.submission.listed import find_rows

HAS = ["1/Images/a.dcm", "'x", 'x"', "it's", "y'", "", "z"]


def of(path: str) -> Row:
    return Row(HAS.index(path), "Images", path, None, 1, 1, "m", 1, None, None, "v1")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("1/Images/a.dcm", "1/Images/a.dcm"),
        ('"1/Images/a.dcm"', "1/Images/a.dcm"),
        ("'1/Images/a.dcm'", "1/Images/a.dcm"),
        (" '1/Images/a.dcm' ", "1/Images/a.dcm"),
        ("'1\\Images\\a.dcm'", "1/Images/a.dcm"),
        ("./1/Images/a.dcm", "1/Images/a.dcm"),
        ("\"1/Images/a.dcm'", None),
        ("'1/Images/a.dcm", None),
        ("z1/Images/a.dcmz", None),
        ("'x", "'x"),
        ("it's", "it's"),
        ("'it's'", "it's"),
        ("'yz", None),
        ("'", None),
        (" ", None),
        ("zz", None),
    ],
)
def test_which_file_a_text_means(tmp_path: Path, text: str, path: str | None) -> None:
    """Quotes are those at both ends, and alike.  A name that begins with one is a name."""
    there = [name for name in HAS if name]

    def find(paths: Iterable[str]) -> list[Row]:
        return [of(one) for one in paths if one in there]

    rows, missing = find_rows(find, World(tmp_path).config, [text])
    assert [row.path for row in rows] == ([] if path is None else [path])
    assert list(missing) == ([text] if path is None else [])
