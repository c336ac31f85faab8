"""Patterns of what is left out: any text is a pattern or is refused, and a pattern of a name means what it means in a shell."""

from __future__ import annotations

import fnmatch
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chorus_gui.core.errors import PatternError
from chorus_gui.core.exclude import Exclude

PIECES = st.lists(st.sampled_from([*"ab.]-!^[*?&|~\\/ ", "[!", "[]", "[^", "[a-z]", "[z-a]", "**", "&&", "--"]), max_size=8).map("".join)
NAMES = st.text("ab.]-!^[&|~ z\n", min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(PIECES | st.text(max_size=8), NAMES)
def test_any_text_is_a_pattern_or_is_refused(pattern: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            exclude = Exclude.parse([pattern])
        except PatternError:
            return
        exclude.covers(f"1/Images/{name}")
        exclude.folder(name)


@settings(max_examples=400, deadline=None)
@given(PIECES.filter(lambda text: "/" not in text and "\\" not in text and text.strip() == text), NAMES)
def test_a_pattern_of_a_name_means_what_it_means_in_a_shell(pattern: str, name: str) -> None:
    try:
        exclude = Exclude.parse([pattern])
    except PatternError:
        return
    if not exclude:
        return
    assert exclude.file(name) == fnmatch.fnmatchcase(name.lower(), pattern.lower())
    assert exclude.file(f"1/Images/{name}") == exclude.file(name)


@pytest.mark.parametrize(("pattern", "path", "found"), [
    ("[!a]b", "1/xb", True), ("[!a]b", "1/ab", False), ("x[!a]b", "x/b", False), ("x?b", "x/b", False), ("x*b", "x/b", False),
    ("[z-a]", "z", False), ("[!]", "[!]", True), ("a[", "a[", True), ("[a&&b]", "&", True),
])  # fmt: skip
def test_sets_of_characters(pattern: str, path: str, found: bool) -> None:
    assert Exclude.parse([pattern]).file(path) is found
