"""A receipt says what happened, to people and programs alike, and nothing that could harm."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from chorus_gui.app.receipts import headline, save, to_html, to_text
from chorus_gui.app.words import duration, size
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import ChangeKind, Failure, Item, Level, Tally
from chorus_gui.core.receipt import HeldBack, Receipt, Verification, VerifyFault, from_json, to_json

ITEM = Item(7, "Images", "1000009/Images/a <b>&.dcm", "20261122120000/1000009/Images/a <b>&.dcm", 2048, 1_700_000_000_000_000, None)
FULL = Receipt(
    kind="submission",
    site="/srv/site",
    central_url="az://sitecontainer/prefix",
    journal="/srv/journal.db",
    versions=("20261122120000",),
    started_us=1_795_348_800_000_000,
    ended_us=1_795_348_925_400_000,
    user="mara",
    host="icu-gateway",
    app_version="0.1.0",
    by_modality={
        "Waveforms": {ChangeKind.ADDED: Tally(1204, 3_200_000_000), ChangeKind.DELETED: Tally(4, 10)},
        "OMOP": {ChangeKind.UPDATED: Tally(2, 900_000)},
        "Images": {ChangeKind.MOVED: Tally(3, 30), ChangeKind.RESTORED: Tally(1, 5)},
    },
    uploaded={"Waveforms": Tally(1204, 3_200_000_000), "OMOP": Tally(2, 900_000)},
    sent_files=1206,
    sent_bytes=3_100_900_000,
    reused_bytes=100_000_000,
    proofs={Level.TRANSPORT: 1200, Level.REREAD: 6},
    failures=(
        Failure(ITEM, "SourceChangedError", "The file changed since it was approved.", "Scan again.", 1),
        Failure(replace(ITEM, path="1000010/Images/b.dcm"), "SourceChangedError", "The file changed since it was approved.", "Scan again."),
    ),
    held_back=(
        HeldBack("Images", "1000011/Images/c.dcm", "burned-in name"),
        HeldBack("Images", "1000012/Images/d.dcm", "burned-in name"),
    ),
    problems=2,
    unmatched=7,
    diff_hash="9f2c" * 16,
    notes=("One folder could not be read; nothing below it was marked as deleted.",),
)
EMPTY = Receipt("record", "/srv/site", "D:/central", "/srv/journal.db", (), 0, 0, "mara", "host", "0.1.0")
VERIFIED = replace(
    EMPTY, kind="verify", verification=Verification(Level.REREAD, Tally(40, 5_000), (VerifyFault("OMOP", "OMOP/x.csv", "It is missing."),))
)


class Page(HTMLParser):
    """What a browser would see: the text, and the tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("receipt", [FULL, EMPTY, VERIFIED, replace(FULL, outcome=OutcomeKind.CANCELLED)])
def test_json_comes_back_as_it_was(receipt: Receipt) -> None:
    text = to_json(receipt)
    assert from_json(text) == receipt
    assert json.loads(text)["schema"] == "chorus-upload-receipt/1"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "chorus-upload-receipt/2"}', '{"schema": "chorus-upload-receipt/1"}'])
def test_what_is_no_receipt_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="not a receipt"):
        from_json(text)


def test_the_json_has_the_keys_that_programs_rely_on() -> None:
    data = json.loads(to_json(FULL))
    assert data["by_modality"]["Waveforms"]["added"] == {"files": 1204, "bytes": 3_200_000_000}
    assert data["proofs"] == {"transport": 1200, "reread": 6}
    assert data["outcome"] == "done"
    assert data["failures"][0]["item"]["path"] == ITEM.path
    assert data["held_back"][0] == {"modality": "Images", "path": "1000011/Images/c.dcm", "reason": "burned-in name"}


@pytest.mark.parametrize("receipt", [FULL, EMPTY, VERIFIED])
def test_the_page_is_whole_fetches_nothing_and_is_well_formed(receipt: Receipt) -> None:
    page = Page(to_html(receipt))
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "b"}
    assert not [attrs for _, attrs in page.tags if {"src", "href", "onclick"} & attrs.keys()]
    assert "url(" not in to_html(receipt)


def test_the_page_says_what_happened() -> None:
    text = " ".join(Page(to_html(FULL)).text.split())
    for part in (
        "2 files failed",
        "20261122120000",
        "az://sitecontainer/prefix",
        "mara on icu-gateway",
        "1,206 files, 3.2 GB; 100.0 MB of it had been sent by an interrupted upload",
        "3.2 GB",
        "2 min 5 s",
    ):
        assert part in text
    assert "Images: 1000009/Images/a <b>&.dcm" in text, "escaped, so that it reads as it is"
    assert text.count("The file changed since it was approved.") == 1, "one cause, one heading"
    assert "Images, 2 files: burned-in name" in text


def test_only_failures_name_patients() -> None:
    for text in (to_html(FULL), to_text(FULL)):
        assert "1000009" in text
        assert "1000011" not in text
        assert "1000012" not in text


def test_modalities_stand_in_their_order_with_a_total() -> None:
    lines = to_text(FULL).splitlines()
    first = [line.split()[0] for line in lines if line.startswith(("OMOP ", "Images ", "Waveforms ", "Total "))]
    assert first == ["OMOP", "Images", "Waveforms", "Total"]
    total = next(line for line in lines if line.startswith("Total"))
    assert total.split() == ["Total", "1,204", "2", "0", "3", "1", "4", "1,206", "(3.2", "GB)"]


@pytest.mark.parametrize("receipt", [FULL, EMPTY, VERIFIED])
def test_the_plain_text_fits_a_terminal(receipt: Receipt) -> None:
    assert max(len(line) for line in to_text(receipt).splitlines()) <= 80


@pytest.mark.parametrize(
    ("receipt", "words", "clean"),
    [
        (EMPTY, "Complete", True),
        (FULL, "2 files failed", False),
        (VERIFIED, "1 file differs", False),
        (replace(EMPTY, outcome=OutcomeKind.CANCELLED), "Stopped on request", False),
        (replace(FULL, outcome=OutcomeKind.FAILED), "Stopped by an error, 2 files failed", False),
    ],
)
def test_the_headline_is_true(receipt: Receipt, words: str, clean: bool) -> None:
    assert (headline(receipt), receipt.clean) == (words, clean)


def test_saving_keeps_both_forms_private_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    first, second = save(FULL, folder), save(FULL, folder)
    assert first != second
    assert first.name == "20261122T120205Z_submission_20261122120000.html"
    assert from_json(first.with_suffix(".json").read_text("utf-8")) == FULL
    assert first.read_text("utf-8") == to_html(FULL)
    assert len(list(folder.iterdir())) == 4
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_named_version_cannot_lead_the_file_elsewhere(tmp_path: Path) -> None:
    saved = save(replace(EMPTY, versions=("../../März 2026",)), tmp_path)
    assert saved.parent == tmp_path
    assert saved.name == "19700101T000000Z_record_.._.._M_rz_2026.html"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (3_200_000_000, "3.2 GB"),
        (2_500 * 10**12, "2,500.0 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "0.1 s"),
        (0.44, "0.4 s"),
        (4.6, "5 s"),
        (59.4, "59 s"),
        (125.4, "2 min 5 s"),
        (3599.7, "1 h 0 min"),
        (12_000, "3 h 20 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
