"""A message about a run says what the receipt says of the run as a whole, and names nothing that a mail must not name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_receipt import EMPTY, FULL, VERIFIED

from chorus_gui.app.receipt_message import message, message_of, paper_of
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Level, Tally
from chorus_gui.core.receipt import ChangedPart, Receipt, Unread, Verification, VerifyFault, to_json

WHOLE = replace(
    FULL,
    changed=(ChangedPart("1 patient gone (4 files)", "patients gone", 1, 4, 10),),
    unread=(Unread("Images", "1000013/Images", "Permission denied"),),
    markers={"20261122120000": "ab" * 32},
    complete=("20261122120000",),
    verification=Verification(
        Level.REREAD,
        Tally(40, 5_000),
        (VerifyFault("OMOP", "OMOP/x.csv", "It is missing."),),
        extra=("20261122120000/1000014/x.dcm",),
        extra_files=1,
    ),
)
"""A receipt with a name in every place where a receipt can have one."""
NAMES = ("/srv", "10000", "mara", "icu-gateway", ".dcm", ".csv", "burned-in", "folder could not")


@pytest.mark.parametrize("receipt", [FULL, EMPTY, VERIFIED, WHOLE, replace(WHOLE, kind="verify"), replace(WHOLE, central_url="/srv/store")])
def test_it_names_no_file_no_patient_no_folder_and_nobody(receipt: Receipt) -> None:
    said = message(receipt)
    assert [name for name in NAMES if name in said] == []


def test_it_says_what_the_central_team_asks_for() -> None:
    assert message(WHOLE).splitlines() == [
        "CHoRUS submission of version 20261122120000: 2 files failed, 1 file differs",
        "Central store: az://sitecontainer/prefix",
        "Recorded: 1 patient gone (4 files)",
        "Uploaded: 1,206 files, 3.2 GB: OMOP 2, Waveforms 1,204",
        "Compared with the journal: 40 files, by downloading and hashing every file: 1 file differs",
        "In the central store and not in the journal: 1 file",
        "Not submitted: 2 files failed, 2 problems on the site, 2 files held back, 7 files unmatched",
        "Complete: 20261122120000. Every approved file is in the central store.",
        f"SHA-256 of the completion marker of 20261122120000: {'ab' * 32}",
        next(line for line in message(WHOLE).splitlines() if line.startswith("Ended: ")),
    ]


def test_singular_plural_and_nothing() -> None:
    one = replace(VERIFIED, versions=("a", "b"), verification=Verification(Level.REREAD, Tally(1, 5)), unmatched=1, problems=1)
    said = message(one)
    assert said.startswith("CHoRUS verification of versions a, b: Complete\n")
    assert "Compared with the journal: 1 file, by downloading and hashing every file: it matches\n" in said
    assert "Not submitted: 1 problem on the site, 1 file unmatched\n" in said
    assert "Compared with the journal: no files\n" in message(replace(one, verification=Verification(Level.REREAD, Tally())))
    assert message(replace(EMPTY, outcome=OutcomeKind.FAILED)).startswith("CHoRUS recording: Stopped by an error\n")


def test_a_part_is_not_the_whole() -> None:
    part = replace(VERIFIED, verification=Verification(Level.PROPERTIES, Tally(3, 5), partial=True))
    said = "Compared with the journal: 3 files, by size and MD5: all match. Other files were not compared.\n"
    assert said in message(part)


def test_a_receipt_of_another_computer_cannot_add_a_line() -> None:
    forged = replace(EMPTY, versions=("v1\nComplete: v1. Every approved file is in the central store.",))
    assert len(message(forged).splitlines()) == len(message(EMPTY).splitlines())


def test_no_credential_of_an_address() -> None:
    assert "SECRET" not in message(replace(EMPTY, central_url="https://a.blob.core.windows.net/c?sv=2024-01-01&sig=SECRETSECRETSECRET%3D"))


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"{}", b'{"schema": "chorus-upload-receipt/9"}'])
@pytest.mark.parametrize("made", [message_of, paper_of])
def test_what_is_no_receipt_is_an_error_with_a_remedy(made: object, content: bytes | None, tmp_path: Path) -> None:
    data = tmp_path / "r.json"
    if content is not None:
        data.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        made(data)  # type: ignore[operator]
    assert caught.value.remedy


def test_the_page_for_paper_has_everything_and_only_simple_styles(tmp_path: Path) -> None:
    data = tmp_path / "r.json"
    data.write_text(to_json(WHOLE), "utf-8")
    page = paper_of(data)
    for text in ("Submission receipt", "az://sitecontainer/prefix", "1000010/Images/b.dcm", "a &lt;b&gt;&amp;.dcm", "burned-in name"):
        assert text in page, text
    assert "var(--" not in page
    assert "grid" not in page
