"""Path patterns as one regular expression."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.errors import PatternError
from chorus_gui.core.pattern import DEFAULTS, FLAT_DEFAULTS, OMOP_PER_PATIENT, Match, Pattern


@pytest.mark.parametrize(
    ("pattern", "path", "match"),
    [
        (DEFAULTS["Waveforms"], "1000002/waveforms/lower.dat", Match("1000002", None, "lower.dat")),
        (DEFAULTS["Waveforms"], "1/Waveforms/a/b/c/deep.dat", Match("1", None, "a/b/c/deep.dat")),
        (DEFAULTS["Waveforms"], "1/Waveforms/with space & 100%.dat", Match("1", None, "with space & 100%.dat")),
        (DEFAULTS["Waveforms"], "1/Waveforms/new\nline.dat", Match("1", None, "new\nline.dat")),
        (DEFAULTS["Waveforms"], "bad-id!/Waveforms/x.dat", None),
        (FLAT_DEFAULTS["Waveforms"], "bad-id!/Waveforms/x.dat", Match("bad-id!", None, "x.dat")),
        (DEFAULTS["Waveforms"], "1/Waveforms/", None),
        (DEFAULTS["Waveforms"], "1/Notes/x.dat", None),
        (DEFAULTS["Waveforms"], "x/1/Waveforms/x.dat", None),
        (DEFAULTS["Waveforms"], "1/Waveforms", None),
        (DEFAULTS["OMOP"], "OMOP/vocab/concept.csv", Match(None, None, "vocab/concept.csv")),
        (OMOP_PER_PATIENT, "7/omop/person.csv", Match("7", None, "person.csv")),
        ("{patient_id:d}/Images/{filepath}", "0012/Images/a.dcm", Match("12", None, "a.dcm")),
        ("{patient_id:d}/Images/{filepath}", "000/Images/a.dcm", Match("0", None, "a.dcm")),
        ("{patient_id:d}/Images/{filepath}", "12a/Images/a.dcm", None),
        ("{patient_id:w}/Images/{filepath}", "0012/Images/a.dcm", Match("0012", None, "a.dcm")),
        ("{version:w}/{patient_id:w}/Images/{filepath}", "2024_05/7/Images/a", Match("7", "2024_05", "a")),
        ("Person{patient_id:w}/i.m+g/{filepath}", "person7/I.M+G/a", Match("7", None, "a")),
        ("Person{patient_id:w}/i.m+g/{filepath}", "person7/IxM+G/a", None),
        ("{patient_id}_{filepath}", "a_b_c/d", Match("a", None, "b_c/d")),
        ("{filepath}", "any/thing", Match(None, None, "any/thing")),
    ],
)
def test_match(pattern: str, path: str, match: Match | None) -> None:
    assert Pattern.parse(pattern).match(path) == match


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("{patient_id:w}\\Images\\{filepath}", "has a backslash"),
        ("{patient_id:w}/Images", "no “{filepath}”"),
        ("{patient_id:w}/{filepath}/Images", "has more after"),
        ("{filepath}/{patient_id}", "has more after"),
        ("{patientid}/{filepath}", "Did you mean “{patient_id}”?"),
        ("{xyz}/{filepath}", "unknown variable “{xyz}”"),
        ("{patient_id:x}/{filepath}", "unknown type “:x”"),
        ("{patient_id}/{patient_id}/{filepath}", "twice"),
        ("{patient_id/{filepath}", "unpaired"),
        ("patient_id}/{filepath}", "unpaired"),
        ("{filepath:w}", "has a type for “{filepath}”"),
        ("/OMOP/{filepath}", "a part that is empty, “.” or “..”"),
        ("OMOP//{filepath}", "a part that is empty, “.” or “..”"),
        ("../OMOP/{filepath}", "a part that is empty, “.” or “..”"),
        ("./{filepath}", "a part that is empty, “.” or “..”"),
        ("D:/site/{filepath}", "has a drive"),
        (" OMOP/{filepath}", "begins or ends with a space"),
        ("OMOP\t/{filepath}", "control character"),
    ],
)
def test_patterns_that_cannot_work(text: str, words: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern.parse(text)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_what_a_pattern_says_about_folders() -> None:
    pattern = Pattern.parse("{version:d}/{patient_id:w}/Images/{filepath}")
    assert (pattern.has_version, pattern.has_patient, pattern.whole_folders) == (True, True, True)
    assert all(pattern.may_lead_to(folder) for folder in ("", "2024", "2024/7", "2024/7/images", "2024/7/Images/a/b"))
    assert not any(pattern.may_lead_to(folder) for folder in ("x", "2024/bad-id!", "2024/7/Notes", "2024/7/Notes/a"))
    assert [pattern.in_fixed_part(f) for f in ("", "2024/7/Images", "2024/7/Images/a", "x")] == [True, True, False, False]
    assert not Pattern.parse("Images/img_{filepath}").whole_folders
    assert Pattern.parse("{filepath}").segments == ()


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/{}\\:\0"), min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and name not in (".", "..") and all(ord(c) >= 32 for c in name)
)
WORDS = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
DIGITS = st.from_regex(r"[0-9]{1,8}", fullmatch=True)
FILES = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(fixed=NAMES, version=WORDS, patient=DIGITS, file=FILES, kind=st.sampled_from(["", ":w", ":d"]))
def test_a_path_made_from_a_pattern_matches_it_with_the_same_parts(fixed: str, version: str, patient: str, file: str, kind: str) -> None:
    pattern = Pattern.parse(f"{fixed}/{{version:w}}/P{{patient_id{kind}}}/{{filepath}}")
    folder = f"{fixed}/{version}/p{patient}"
    expected = (patient.lstrip("0") or "0") if kind == ":d" else patient
    assert pattern.match(f"{folder}/{file}") == Match(expected, version, file)
    for depth in range(folder.count("/") + 2):
        assert pattern.may_lead_to("/".join(folder.split("/")[:depth]))


@given(path=st.lists(st.sampled_from(["a", "b1", "Images", "images", "12", "bad-id!", "x y"]), min_size=1, max_size=5).map("/".join))
def test_no_folder_of_a_file_that_matches_is_ever_pruned(path: str) -> None:
    for text in (
        "{patient_id:w}/Images/{filepath}",
        "{patient_id:d}/{filepath}",
        "a/{filepath}",
        "Images/b{filepath}",
        "{patient_id}{filepath}",
    ):
        pattern = Pattern.parse(text)
        folder = path.rpartition("/")[0]
        if pattern.match(path):
            parts = folder.split("/") if folder else []
            assert all(pattern.may_lead_to("/".join(parts[:depth])) for depth in range(len(parts) + 1))


def test_two_variables_in_one_part_take_no_longer_for_a_long_path() -> None:
    pattern = Pattern.parse("{patient_id:w}{version:w}q/{filepath}")
    began = time.process_time()
    for length in (255, 256, 4_096, 100_000):
        assert pattern.match("a" * length + "/x") is None
        pattern.may_lead_to("a" * length)
    assert time.process_time() - began < 1.0
    assert pattern.match("12q/x") is not None
