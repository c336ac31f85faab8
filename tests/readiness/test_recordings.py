"""Recordings: WFDB headers byte by byte against their signal files, EDF headers, and no value in any result."""

from __future__ import annotations

import pytest

from chorus_gui.core.readiness.recordings import Session, check_session, parse

CANARY = "QXCANARY7"
HEA = "9 2 250 10 08:00:00.5 01/02/2024\n9.dat 16 200(0)/mV 16 0 0 0 0 II\n9.dat 16 200/mV 16 0 0 0 0 Pleth wave\n"
GOOD = {"9.hea": HEA.encode(), "9.dat": bytes(40)}


def found(files: dict[str, bytes], labels: frozenset[str] | None = None, patient: str = "1001") -> set[tuple[str, str]]:
    session = Session("1001/Waveforms/Telemetry/9", patient, {name: len(data) for name, data in files.items()}, labels)
    findings, _ = check_session(session, lambda name, length: files[name][:length])
    assert CANARY not in repr(findings)
    return {(finding.rule, finding.about) for finding in findings}


MASTER = b"9/3 2 250 20 08:00:00 01/02/2024\n9_layout 0\n9_0001 10\n9_0002 10\n"
PARTS = {
    "9.hea": MASTER,
    "9_layout.hea": b"9_layout 2 250 0\n~ 0 200/mV 16 0 0 0 0 II\n~ 0 200/mV 16 0 0 0 0 V\n",
    "9_0001.hea": b"9_0001 2 250 10\n9_0001.dat 212 200/mV 12 0 0 0 0 II\n9_0001.dat 212 200/mV 12 0 0 0 0 V\n",
    "9_0001.dat": bytes(30),
    "9_0002.hea": b"9_0002 1 250 10\n9_0002.dat 80+8 200/mV 8 0 0 0 0 II\n",
    "9_0002.dat": bytes(18),
}


def test_records_that_are_right_stay_silent() -> None:
    assert found(GOOD) == set()
    assert found(PARTS) == set()
    assert found({**GOOD, "9n.csv": b"time\n"}, frozenset(("II", "Pleth wave"))) == set()
    assert found({"9.hea": b"#a comment\n\n9 1 250 4 8:0:0 1/2/2024\r\n9.dat 516 200 16\r\n", "9.dat": b"abc"}) == set(), "compressed"
    assert found({"9.hea": b"9 1 250 3 8:0:0 1/2/2024\n9.dat 310 200 10\n", "9.dat": bytes(4)}) == set()
    assert found({"9.edf": b"0       " + b"X X X X".ljust(80) + b"Startdate".ljust(168)}) == set()
    assert found({"9.edf": b"0       " + b"1001 F 02-MAY-1951 X".ljust(80) + bytes(168)}) == set()
    assert found({"9.h5": b"\x89HDF"}) == set()


@pytest.mark.parametrize(
    ("rule", "about", "files"),
    [
        ("W8", "the header cannot be read", {"9.hea": b"not a header\n"}),
        ("W8", "the header cannot be read", {"9.hea": b""}),
        ("W8", "the header cannot be read", {"9.hea": b"\xff\xfe" + bytes(100)}),
        ("W8", "the record has another name than its file", {**GOOD, "9.hea": HEA.replace("9 2", "8 2").encode()}),
        ("W8", "a signal file is missing", {"9.hea": HEA.encode()}),
        ("W8", "the signal file is empty", {**GOOD, "9.dat": b""}),
        ("W8", "the signal file is shorter than its header says", {**GOOD, "9.dat": bytes(36)}),
        ("W8", "the signal file is longer than its header says", {**GOOD, "9.dat": bytes(44)}),
        ("W8", "no header names this signal file", {**GOOD, "9_0003.dat": bytes(4)}),
        ("W8", "a signal file with a folder in its name", {"9.hea": b"9 1 250 4 8:0:0 1/2/2024\nrec\\9.dat 16 200 16\n"}),
        ("W8", "it has fewer lines than it says", {**GOOD, "9.hea": HEA.replace("9 2", "9 3").encode()}),
        ("W8", "it has no samples", {**GOOD, "9.hea": HEA.replace("250 10", "250 0").encode()}),
        ("W8", "its sampling rate is not above 0", {**GOOD, "9.hea": HEA.replace(" 250 ", " 0 ").encode()}),
        ("W8", "the header of a segment is missing", {name: data for name, data in PARTS.items() if name != "9_0002.hea"}),
        ("W8", "its segments have another number of samples", {**PARTS, "9.hea": MASTER.replace(b"250 20", b"250 21")}),
        ("W8", "the EDF header is incomplete", {"9.edf": b"0       X"}),
        ("W9", "", {**GOOD, "9.hea": HEA.replace(" 01/02/2024", "").encode()}),
        ("W9", "", {**GOOD, "9.hea": HEA.replace("01/02/2024", "31/02/2024").encode()}),
        ("W7", "a comment", {**GOOD, "9.hea": HEA.encode() + f"# Patient Name: {CANARY}\n".encode()}),
        ("W7", "a comment", {**GOOD, "9.hea": HEA.encode() + f"#<location>: {CANARY}\n".encode()}),
        ("W7", "the patient field of EDF", {"9.edf": b"0       " + f"X F X {CANARY}".encode().ljust(80) + bytes(168)}),
        ("W7", "the patient field of EDF", {"9.bdf": b"\xffBIOSEMI" + f"{CANARY}".encode().ljust(80) + bytes(168)}),
    ],
)
def test_what_breaks_a_rule_is_found(rule: str, about: str, files: dict[str, bytes]) -> None:
    assert (rule, about) in found(files)


def test_a_signal_that_the_mapping_does_not_have_is_found() -> None:
    assert found(GOOD, frozenset(("II",))) == {("M6", "")}
    assert found(GOOD, None) == set(), "without a mapping file, M3 says so"


def test_a_comment_that_names_nobody_is_fine() -> None:
    for comment in ("# Age: 61  Sex: F", "# Name: unknown", "# name: xxxx", "#<name>: 1001", "# Location: none", "# made by a converter"):
        assert found({**GOOD, "9.hea": HEA.encode() + comment.encode() + b"\n"}) == set(), comment


def test_any_bytes_are_a_record_or_none() -> None:
    for text in ("", "\n", "a", "a b", "a 1e9", "a/b 1", "a/2 1 250\n", "9 1\n9.dat x", "9 1 nan\n", "9 -1", "9/99999999999 1", "\0" * 9):
        parse(text)
