"""A submission policy: what it decides, as a table, and how its file is read."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from chorus_gui.app.unattended.policy import EVERY, After, Amount, ModalityFacts, Policy, ReviewFacts, Share, decide
from chorus_gui.app.unattended.policy_file import EXAMPLES, read_policy_file
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.model import Tally
from chorus_gui.core.timetable import parse_hours

NOTHING = ReviewFacts()
BARE = Policy("bare")


def images(**facts: object) -> ReviewFacts:
    return ReviewFacts({"Images": ModalityFacts(**facts)})  # type: ignore[arg-type]


def deletions(**share: Share) -> Policy:
    return Policy("d", deletions={EVERY: Share(files=0), **share})


GONE_3 = images(deleted=3, entries=100)
MANY = images(deleted=300, entries=1000, guarded=True)
ANY = {EVERY: Share()}

QUIET = Policy("quiet", quiet_hours=parse_hours("workdays 8-18"), quiet_text="workdays 8-18")


def at(day: int, hour: int) -> datetime:
    """A time on a day of the week from 0, Monday."""
    return datetime(2026, 11, 23 + day, hour)  # noqa: DTZ001 - local


TABLE: list[tuple[str, ReviewFacts, Policy, list[str]]] = [
    ("nothing changed", NOTHING, BARE, []),
    ("files were added", images(upload=Tally(10**6, 10**15)), BARE, []),
    ("a problem", ReviewFacts(problems=1), BARE, ["problems"]),
    ("a problem, one is allowed", ReviewFacts(problems=1), Policy("p", problems=1), []),
    ("two problems, one is allowed", ReviewFacts(problems=2), Policy("p", problems=1), ["problems"]),
    ("a patient is gone", ReviewFacts(patients_gone=1), BARE, ["patients_gone"]),
    ("a patient is gone, one is allowed", ReviewFacts(patients_gone=1), Policy("p", patients_gone=1), []),
    ("unmatched files do not matter", ReviewFacts(unmatched=99), BARE, []),
    ("unmatched files are limited", ReviewFacts(unmatched=3), Policy("p", unmatched=2), ["unmatched"]),
    ("possibly not data does not matter", ReviewFacts(possibly_not_data=99), BARE, []),
    ("possibly not data is limited", ReviewFacts(possibly_not_data=1), Policy("p", possibly_not_data=0), ["possibly_not_data"]),
    ("a leak of patient data", ReviewFacts(leaks=1), BARE, ["leaks"]),
    ("leaks, as many as allowed", ReviewFacts(leaks=2), Policy("p", leaks=2), []),
    ("leaks, one more", ReviewFacts(leaks=3), Policy("p", leaks=2), ["leaks"]),
    ("deletions, nothing about them", GONE_3, BARE, ["deletions.files"]),
    ("deletions as many as allowed", GONE_3, deletions(**{EVERY: Share(files=3)}), []),
    ("one deletion more", GONE_3, deletions(**{EVERY: Share(files=2)}), ["deletions.files"]),
    ("deletions as large a share as allowed", GONE_3, deletions(**{EVERY: Share(percent=3)}), []),
    ("a larger share", GONE_3, deletions(**{EVERY: Share(percent=2.9)}), ["deletions.percent"]),
    ("both limits count", GONE_3, deletions(**{EVERY: Share(1, 1)}), ["deletions.files", "deletions.percent"]),
    ("one of both is enough to stop", GONE_3, deletions(**{EVERY: Share(5, 1)}), ["deletions.percent"]),
    ("the modality's own limit is wider", GONE_3, deletions(Images=Share(files=3)), []),
    ("the modality's own limit is narrower", GONE_3, deletions(**{EVERY: Share(files=9)}, Images=Share(files=1)), ["deletions.Images.files"]),
    ("another modality's limit does not count", GONE_3, deletions(OMOP=Share(files=9)), ["deletions.files"]),
    ("deleted without entries is all of them", images(deleted=1), deletions(**{EVERY: Share(percent=99)}), ["deletions.percent"]),
    ("no deletion is no share", images(entries=0), deletions(**{EVERY: Share(percent=0)}), []),
    ("above the guard: the rule alone", MANY, Policy("p", deletions=ANY), ["deletions.allow_many"]),
    ("above the guard: the permission alone", MANY, Policy("p", allow_many=True), ["deletions.files"]),
    ("above the guard: neither", MANY, BARE, ["deletions.files", "deletions.allow_many"]),
    ("above the guard: both", MANY, Policy("p", deletions=ANY, allow_many=True), []),
    ("the permission widens no limit", MANY, Policy("p", deletions={EVERY: Share(files=299)}, allow_many=True), ["deletions.files"]),
    ("updates do not matter", images(updated=100, entries=100), BARE, []),
    ("updates are limited", images(updated=11, entries=100), Policy("p", updates={EVERY: Share(percent=10)}), ["updates.percent"]),
    ("updates of one modality", images(updated=11, entries=100), Policy("p", updates={"Images": Share(10)}), ["updates.Images.files"]),
    ("as many files to upload as allowed", images(upload=Tally(5, 50)), Policy("p", total=Amount(5, 50)), []),
    ("too many files to upload", images(upload=Tally(6, 50)), Policy("p", total=Amount(5, 50)), ["upload.files"]),
    ("too many bytes to upload", images(upload=Tally(5, 51)), Policy("p", total=Amount(5, 50)), ["upload.bytes"]),
    ("too many of one modality", images(upload=Tally(6, 9)), Policy("p", upload={"Images": Amount(files=5)}), ["upload.Images.files"]),
    ("too many of another modality", images(upload=Tally(6, 9)), Policy("p", upload={"OMOP": Amount(files=5)}), []),
    ("outside the quiet hours", ReviewFacts(now=at(5, 18)), QUIET, []),
    ("in the quiet hours", ReviewFacts(now=at(4, 12)), QUIET, ["quiet_hours"]),
    ("they begin", ReviewFacts(now=at(4, 8)), QUIET, ["quiet_hours"]),
    ("they end", ReviewFacts(now=at(4, 18)), QUIET, []),
    ("another day", ReviewFacts(now=at(5, 12)), QUIET, []),
    (
        "the sum of the modalities counts",
        ReviewFacts({"OMOP": ModalityFacts(upload=Tally(3, 3)), "Images": ModalityFacts(upload=Tally(3, 3))}),
        Policy("p", total=Amount(files=5)),
        ["upload.files"],
    ),
    ("a modality that the policy is not for", images(upload=Tally(1, 1)), Policy("p", modalities=("OMOP",)), ["modalities"]),
    (
        "everything at once, in the order of the documentation",
        ReviewFacts({"Images": ModalityFacts(300, 5, 1000, Tally(6, 60), guarded=True)}, 1, 5, 2, 3, 4),
        Policy("p", unmatched=0, possibly_not_data=0, updates={EVERY: Share(0)}, total=Amount(1, 1)),
        [
            "problems", "leaks", "patients_gone", "unmatched", "possibly_not_data", "deletions.files", "deletions.allow_many", "updates.files", "upload.files",
            "upload.bytes",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "policy", "broken"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_decided(facts: ReviewFacts, policy: Policy, broken: list[str]) -> None:
    found = decide(facts, policy)
    assert [one.rule for one in found] == broken
    for one in found:
        assert one.found > one.allowed
        assert one.text.endswith((".", "”."))
        assert any(char.isdigit() for char in one.text)


def read(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "nightly.toml"
    file.write_text(text, "utf-8")
    return read_policy_file(file)


def test_a_file_with_every_key(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        """
        name = "Nightly submissions"
        modalities = ["Images", "OMOP"]
        pending = false
        problems = 1
        patients_gone = 2
        unmatched = 3
        possibly_not_data = 4
        quiet_hours = "Mon-Fri 8-18, weekends"
        [deletions]
        files = 5
        percent = 2.5
        allow_many = true
        [deletions.Images]
        percent = "10 %"
        [updates]
        percent = 20
        [upload]
        files = 1000
        bytes = "1.5 TB"
        [upload.Images]
        bytes = 7
        [after]
        verify = true
        reread = "1,5 %"
        repair = true
        check_in = true
        """,
    )
    assert (policy.name, policy.modalities, policy.pending) == ("Nightly submissions", ("OMOP", "Images"), False)
    assert (policy.problems, policy.patients_gone, policy.unmatched, policy.possibly_not_data) == (1, 2, 3, 4)
    assert policy.deletions == {EVERY: Share(5, 2.5), "Images": Share(None, 10.0)}
    assert policy.allow_many
    assert policy.updates == {EVERY: Share(None, 20.0)}
    assert (policy.total, policy.upload) == (Amount(1000, 1_500_000_000_000), {"Images": Amount(None, 7)})
    assert policy.after == After(verify=True, reread=0.015, repair=True, check_in=True)
    assert len(policy.sha256) == 64
    assert policy.quiet_hours == parse_hours("workdays 8-18") + parse_hours("weekends")


def test_an_empty_file_allows_no_deletion_and_no_problem(tmp_path: Path) -> None:
    policy = read(tmp_path, "")
    assert policy == Policy("nightly", policy.sha256)
    assert decide(GONE_3, policy)
    assert decide(ReviewFacts(problems=1), policy)
    assert not decide(images(upload=Tally(1, 1)), policy)


@pytest.mark.parametrize(
    ("text", "key", "line", "says"),
    [
        ("deletion = 1", "deletion", 1, "[deletions]"),
        ("nonsense = 1", "nonsense", 1, "The keys of a policy are"),
        ("[deletions]\nfile = 1", "deletions.file", 2, "files = 100"),
        ("[deletions.Imags]\nfiles = 1", "deletions.Imags", 1, "Images"),
        ("[deletions.Images]\nallow_many = true", "deletions.Images.allow_many", 2, "files, percent"),
        ("[deletions.Images]", "deletions.Images", 1, "files = 100"),
        ("deletions = 3", "deletions", 1, "[deletions]"),
        ("[deletions]\npercent = 101", "deletions.percent", 2, "percent = 2"),
        ("[deletions]\npercent = nan", "deletions.percent", 2, "percent = 2"),
        ("[deletions]\npercent = inf", "deletions.percent", 2, "percent = 2"),
        ("[deletions]\nfiles = -1", "deletions.files", 2, "files = 100"),
        ("[deletions]\nfiles = true", "deletions.files", 2, "files = 100"),
        ("[deletions]\nfiles = 1.5", "deletions.files", 2, "files = 100"),
        ("[upload]\nbytes = \"500 GiB\"", "upload.bytes", 2, "500 GB"),
        ("[upload]\nbytes = \"much\"", "upload.bytes", 2, "500 GB"),
        ("modalities = []", "modalities", 1, 'modalities = ["OMOP", "Images"]'),
        ("modalities = \"OMOP\"", "modalities", 1, 'modalities = ["OMOP", "Images"]'),
        ("modalities = [\"CT\"]", "modalities", 1, "OMOP, Images, Waveforms"),
        ("modalities = [[1]]", "modalities", 1, "OMOP, Images, Waveforms"),
        ("quiet_hours = \"at night\"", "quiet_hours", 1, "workdays 8-18"),
        ("quiet_hours = \"8-8\"", "quiet_hours", 1, "begins and ends at the same time"),
        ("quiet_hours = \"\"", "quiet_hours", 1, "workdays 8-18"),
        ("quiet_hours = 8", "quiet_hours", 1, "workdays 8-18"),
        ("problems = \"no\"", "problems", 1, "problems = 0"),
        ("pending = 1", "pending", 1, "pending = true"),
        ("name = \"a\\nb\"", "name", 1, "Nightly"),
        ("name = \"\"", "name", 1, "Nightly"),
        ("[after]\nrepair = true", "after.repair", 2, "verify = true"),
        ("[after]\nreread = 5", "after.reread", 2, "verify = true"),
        ("[after]\nverify = 1", "after.verify", 2, "verify = true"),
        ("x = \"\"\"", "nightly.toml", 1, "TOML"),
    ],
)  # fmt: skip
def test_a_problem_names_its_key_and_shows_how_to_write_it(tmp_path: Path, text: str, key: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [(key, line)]
    said = str(caught.value)
    assert says in said
    assert said.startswith("The policy “nightly.toml” has 1 problem. Nothing was started.")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has 3 problems") as caught:
        read(tmp_path, "problems = -1\npatience = 3\n[upload]\nbytes = -7")
    assert [fault.key for fault in caught.value.faults] == ["problems", "patience", "upload.bytes"]


def test_every_example_is_valid(tmp_path: Path) -> None:
    top = [
        EXAMPLES[key] for key in ("name", "modalities", "pending", "problems", "leaks", "patients_gone", "unmatched", "possibly_not_data")
    ]
    below = [
        "[deletions]",
        "files",
        "percent",
        "allow_many",
        "[updates]",
        "files",
        "[upload]",
        "files",
        "bytes",
        "[after]",
        "verify",
        "reread",
    ]
    read(tmp_path, "\n".join([*top, *(EXAMPLES.get(key, key) for key in [*below, "repair", "check_in"])]))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"x" * 200_000, b"[" * 5000, b"a = 99999999999999999999999"])
def test_a_file_that_is_not_a_policy_is_refused_with_a_sentence(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "p.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=r"The policy “p\.toml” has 1 problem") as caught:
        read_policy_file(file)
    assert "config" not in str(caught.value).lower()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no policy: “.*none\.toml”"):
        read_policy_file(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="Could not read the policy"):
        read_policy_file(tmp_path)


def test_the_name_of_the_file_is_the_name_and_its_bytes_are_the_hash(tmp_path: Path) -> None:
    first, second = read(tmp_path, "problems = 0"), read(tmp_path, "problems = 1")
    assert first.name == second.name == "nightly"
    assert first.sha256 != second.sha256


JUST_TOO_MUCH = {
    "percent": (images(updated=2_000_001, entries=10**8), Policy("p", updates={EVERY: Share(percent=2)})),
    "percent, one of very many": (images(deleted=20_000_000_001, entries=10**12), Policy("p", deletions={EVERY: Share(percent=2)})),
    "percent with many digits": (images(updated=12_345_678, entries=10**8), Policy("p", updates={EVERY: Share(percent=12.345677)})),
    "bytes": (images(upload=Tally(1, 500_000_000_001)), Policy("p", total=Amount(bytes=500_000_000_000))),
    "bytes of a modality": (images(upload=Tally(1, 1_000_049)), Policy("p", upload={"Images": Amount(bytes=1_000_001)})),
    "bytes, few": (images(upload=Tally(1, 1000)), Policy("p", total=Amount(bytes=999))),
}


@pytest.mark.parametrize(("facts", "policy"), JUST_TOO_MUCH.values(), ids=list(JUST_TOO_MUCH))
def test_a_rule_that_is_just_broken_shows_two_different_numbers(facts: ReviewFacts, policy: Policy) -> None:
    [broken] = decide(facts, policy)
    found, allowed = broken.text.split(" The policy allows at most ")
    number = re.search(r"\(([0-9.]+ %)\)\.$", found) or re.match(r"([0-9.,]+ (?:bytes|[kMGT]?B))", found)
    assert number is not None, found
    assert number[1] != allowed.removesuffix("."), broken.text
    if number[1].endswith("%"):
        assert float(number[1].split()[0]) > float(allowed.split()[0]), broken.text
