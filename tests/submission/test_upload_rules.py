"""The rules behind an upload: what is held back, what verifications left, which files are sent, verified and sent again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.errors import (
    SourceChangedError,
    SourceError,
    SourceVanishedError,
    UsageError,
)
from chorus_gui.core.model import Action, Entry, Item
from chorus_gui.core.pattern import Pattern
from chorus_gui.core.review.values import Hold
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.submission import held as held_module
from chorus_gui.core.submission.held import HeldNow, patient_of, patients
from chorus_gui.core.submission.repair import check_still_the_file
from chorus_gui.core.submission.upload import crowded_places, places_of
from chorus_gui.core.submission.verification import unexplained, verify_versions
from chorus_gui.core.submission.verified import VersionCheck, WrongFile, merged, without
from chorus_gui.core.submission.work import Part, Selection, choose_modalities, pending_rows

# --- what is held back now ------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("modality", "path", "column", "patient"),
    [
        pytest.param("Images", "0012/Images/a.dcm", 12, "0012", id="the path names it with its zeros"),
        pytest.param("Images", "elsewhere.dcm", 12, "12", id="a path that matches no pattern: the journal's column"),
        pytest.param("OMOP", "OMOP/person.csv", None, None, id="a table belongs to nobody"),
        pytest.param("Unknown", "0012/Images/a.dcm", "7", "7", id="a modality that is not configured"),
        pytest.param("Unknown", "0012/Images/a.dcm", None, None, id="and nothing in the column"),
    ],
)
def test_whose_file_it_is(world: World, modality: str, path: str, column: object, patient: str | None) -> None:
    assert patient_of(world.config, modality, path, column) == patient
    of_many = patients(world.config)
    assert [of_many(modality, path, column) for _ in range(2)] == [patient, patient]


def test_whose_files_they_are_is_asked_folder_by_folder(world: World) -> None:
    of_many = patients(world.config)
    paths = ["1/Images/a", "1/Images/b", "2/Images/a", "1/Images/x/c", "elsewhere", "1/Images/d"]
    assert [of_many("Images", path, 9) for path in paths] == ["1", "1", "2", "1", "9", "1"]
    assert of_many("Waveforms", "1/Images/a", 8) == "8", "another modality has another pattern"
    assert of_many("Images", "1/Images/a", None) == "1"


def hold(path: str = "", patient: str = "", modality: str = "Images") -> Hold:
    return Hold(modality if path else "", path, patient, "why", "anna", 1)


class Reading:
    """The holds of this moment; counts how often they are read."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        self.holds, self.reads = list(holds), 0

    def __call__(self) -> list[Hold]:
        self.reads += 1
        return self.holds


def test_a_hold_of_the_file_counts_before_one_of_its_patient(world: World) -> None:
    of_file, of_patient = hold("1/Images/a"), hold(patient="1")
    now = HeldNow(world.config, [of_patient, of_file], list)
    assert now
    assert now.of("Images", "1/Images/a") is of_file
    assert now.of("Images", "1/Images/b") is of_patient
    assert now.of("Images", "001/Images/b") is of_patient, "leading zeros do not make another patient"
    assert now.of("Waveforms", "1/Images/a", "2") is None
    assert now.of("Images", "2/Images/a", "1") is None, "the path names the patient, not the column"
    assert now.of("OMOP", "OMOP/person.csv", "1") is of_patient, "the column does where the path names nobody"
    assert not HeldNow(world.config, [], list)
    assert HeldNow(world.config, [of_file], list)
    assert HeldNow(world.config, [of_patient], list)


def test_what_is_held_back_is_read_again_after_a_while_and_never_released(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hold kept back was not approved, so its release does not send it in this run."""
    clock = [100.0]
    monkeypatch.setattr(held_module.time, "monotonic", lambda: clock[0])
    read = Reading([hold("1/Images/b")])
    now = HeldNow(world.config, [hold("1/Images/a")], read, again=60)
    clock[0] += 60
    assert now.of("Images", "1/Images/b") is None
    assert read.reads == 0
    clock[0] += 0.1
    assert now.of("Images", "1/Images/b") is not None
    assert now.of("Images", "1/Images/a") is not None, "it was released meanwhile, and stays behind"
    assert read.reads == 1
    clock[0] += 60
    now.of("Images", "x")
    assert read.reads == 1, "a minute after the last time"
    clock[0] += 0.1
    now.of("Images", "x")
    assert read.reads == 2


# --- what verifications of a version found --------------------------------------------------------------------------------


def wrong(path: str, *, reread: bool = False) -> WrongFile:
    return WrongFile("Images", path, "missing", 3, "m", reread)


def checked(
    *files: WrongFile, at: int = 1, reread: bool = False, partial: bool = False, unchecked: int = 0, total: int | None = None
) -> VersionCheck:
    return VersionCheck(
        "v1", at, "anna", "PC", "1.0", reread, partial, 9, 90, unchecked, len(files) if total is None else total, tuple(files)
    )


A, B = wrong("a"), wrong("b")
READ = wrong("read", reread=True)


@pytest.mark.parametrize(
    ("old", "new", "right", "left"),
    [
        pytest.param(None, checked(A), (), ("a",), id="the first verification"),
        pytest.param(checked(A), checked(B, at=2), (), ("b",), id="a whole verification says it all"),
        pytest.param(checked(A), checked(A, at=2), (), ("a",), id="still wrong, named once"),
        pytest.param(checked(A), checked(B, at=2, partial=True), (), ("b", "a"), id="a part says nothing of the rest"),
        pytest.param(checked(A), checked(at=2, partial=True), (A.key,), (), id="a part that has the file, and finds it right"),
        pytest.param(checked(A), checked(at=2, unchecked=1), (), ("a",), id="what could not be checked may be that file"),
        pytest.param(checked(A), checked(at=2, unchecked=1), (A.key,), (), id="it was checked, and is right"),
        pytest.param(checked(READ), checked(at=2), (), ("read",), id="properties do not clear what reading found"),
        pytest.param(checked(READ), checked(at=2, reread=True), (), (), id="reading does"),
        pytest.param(checked(READ), checked(at=2), (READ.key,), (), id="it was uploaded again"),
        pytest.param(checked(A, READ), checked(B, at=2), (), ("b", "read"), id="each file by itself"),
    ],
)
def test_which_files_are_known_to_be_wrong_after_another_verification(
    old: VersionCheck | None, new: VersionCheck, right: tuple[tuple[str, str], ...], left: tuple[str, ...]
) -> None:
    found = merged(old, new, right)
    assert tuple(file.path for file in found.wrong) == left
    assert found.wrong_files == len(left)
    whole = not new.partial
    assert (found.ended_us, found.partial) == (new.ended_us if whole or new.wrong else 1, new.partial if whole or old is None else False)


@pytest.mark.parametrize(
    ("old", "new", "right", "count"),
    [
        pytest.param(checked(A), checked(B, total=100), (), 100, id="the new verification could not name them all"),
        pytest.param(checked(A, total=100), checked(at=2, partial=True), (A.key,), 99, id="one of them was uploaded again"),
        pytest.param(
            checked(A, total=100), checked(B, at=2, partial=True), (), 100, id="a part may have found one of those without a name"
        ),
        pytest.param(checked(A, total=2), checked(B, wrong("c"), at=2, partial=True), (), 3, id="but no fewer than have names now"),
        pytest.param(checked(A, total=100), checked(A, at=2, partial=True), (), 100, id="the same one is still wrong"),
        pytest.param(checked(A, total=100), checked(at=2, unchecked=1), (), 100, id="what could not be checked may be one of them"),
        pytest.param(checked(A, total=100), checked(at=2), (), 0, id="a whole verification found all of them right"),
        pytest.param(checked(READ, reread=True, total=100), checked(at=2), (), 100, id="properties do not clear what reading found"),
        pytest.param(checked(READ, reread=True, total=100), checked(at=2, reread=True), (), 0, id="reading does"),
    ],
)
def test_wrong_files_that_could_not_be_named_are_still_counted(
    old: VersionCheck, new: VersionCheck, right: tuple[tuple[str, str], ...], count: int
) -> None:
    assert merged(old, new, right).wrong_files == count


def test_a_file_that_is_right_now_is_no_longer_named_nor_counted() -> None:
    assert without(checked(A, B, total=100), {A.key}).wrong_files == 99
    assert without(checked(A, B), {A.key}).wrong == (B,)
    assert without(checked(A), {("OMOP", "a")}).wrong == (A,), "a file of another modality is another file"


# --- what may be uploaded again, and what is uploaded ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "mtime", "error", "says"),
    [
        ("one", 100, None, ""),
        ("longer", 100, SourceChangedError, "it has 6 bytes, and 3 were uploaded"),
        ("two", 200, SourceChangedError, "it has another time"),
        (None, 0, SourceVanishedError, "no longer on the site"),
    ],
)
def test_only_the_file_that_was_uploaded_is_uploaded_again(
    world: World, content: str | None, mtime: int, error: type[SourceError] | None, says: str
) -> None:
    path = "1/Images/a.dcm"
    world.put(path, "one", mtime=100)
    world.run(version="v1")
    sent = Item.of_row(world.active()[path], "")
    (world.site / path).unlink()
    if content is not None:
        world.put(path, content, mtime=mtime)
    else:
        (world.site / path).parent.mkdir(parents=True, exist_ok=True)
    with world.working() as work:
        if error is None:
            check_still_the_file(work, sent)
            return
        with pytest.raises(error, match=says) as raised:
            check_still_the_file(work, sent)
        assert raised.value.remedy


ALL = ("OMOP", "Images", "Waveforms", "Metadata")


@pytest.mark.parametrize(
    ("named", "chosen"),
    [
        (None, ALL),
        ([], ALL),
        (["images"], ("Images",)),
        (["WAVEFORMS", "omop", "OMOP"], ("OMOP", "Waveforms")),
        (["Images", "Unknown", "other"], None),
    ],
)
def test_which_modalities_are_meant(world: World, named: list[str] | None, chosen: tuple[str, ...] | None) -> None:
    if chosen is not None:
        assert choose_modalities(world.config, named) == chosen
        return
    with pytest.raises(UsageError, match="“Unknown, other”") as raised:
        choose_modalities(world.config, named)
    assert ", ".join(ALL) in raised.value.remedy


@pytest.mark.parametrize(
    ("which", "held", "paths"),
    [
        (Selection(), set(), ["OMOP/person.csv", "1/Images/a.dcm", "2/Images/b.dcm", "1/Waveforms/w.dat"]),
        (Selection("v2"), set(), ["2/Images/b.dcm"]),
        (Selection("v9"), set(), []),
        (Selection(modalities=("waveforms", "Images")), set(), ["1/Images/a.dcm", "2/Images/b.dcm", "1/Waveforms/w.dat"]),
        (Selection(max_files=2), set(), ["OMOP/person.csv", "1/Images/a.dcm"]),
        (Selection(max_files=0), set(), []),
        (Selection(max_files=2), {"OMOP/person.csv"}, ["1/Images/a.dcm", "2/Images/b.dcm"]),
    ],
)
def test_which_pending_files_an_upload_sends_and_in_which_order(world: World, which: Selection, held: set[str], paths: list[str]) -> None:
    for path in ("OMOP/person.csv", "1/Images/a.dcm", "1/Waveforms/w.dat"):
        world.put(path, path)
    world.run("record", version="v1")
    world.put("2/Images/b.dcm", "b")
    world.run("record", version="v2")
    with world.working() as work:
        found = pending_rows(work.config, work.journal, which, lambda modality, path, patient: path in held)
        assert [row.path for row in found] == paths


DIGITS = '[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n'


def test_two_entries_of_one_place_crowd_it(tmp_path: Path) -> None:
    world = World(tmp_path, more=DIGITS)
    with world.open() as journal:
        for path, version in (
            ("0012/Images/a", "v1"),
            ("12/Images/a", "v1"),
            ("0012/Images/b", "v1"),
            ("12/Images/b", "v2"),
            ("12/Images/c", "v1"),
        ):
            journal.commit([Entry(Action.ENTER, "Images", path, "12", 3, 1, "m" * 32, version)])
    with world.working() as work:
        ids = {row.path: row.file_id for row in work.journal.rows()}
        assert crowded_places(work, {"v1", "v2"}, set()) == {hash("v1/12/Images/a")}
        assert crowded_places(work, {"v2"}, set()) == set()
        assert crowded_places(work, {"v1"}, {ids["0012/Images/a"]}) == set(), "an entry that counts no longer takes no place"


PATTERNS = [
    "",
    DIGITS,
    '[site_path.Images]\npattern = "{patient_id:d}/Images/x{filepath}"\n',
    '[site_path.Images]\npattern = "{version}/{patient_id}/Images/{filepath}"\n',
    '[site_path.Images]\npattern = "{patient_id}-{version}/Images/{filepath}"\n',
    '[site_path.Images]\npattern = "{filepath}"\n',
]


@pytest.mark.parametrize("more", PATTERNS)
def test_a_place_is_the_same_if_the_pattern_is_asked_once_for_a_folder(tmp_path: Path, more: str) -> None:
    config = World(tmp_path, more=more).config
    folders = (
        "",
        "a/",
        "0012/Images/",
        "12/Images/",
        "12/Images/x/",
        "v1/12/Images/",
        "12-v1/Images/",
        "12/images/",
        f"{'1' * 300}-v/Images/",
    )
    names = ("b", "xc", "x", "", "\n", f"{'n' * 300}.dcm", "d.dcm")
    paths = [("Images", f"{folder}{name}") for folder in folders for name in names]
    paths += [(modality, path) for _, path in paths[:12] for modality in ("OMOP", "Unknown", "Images")]
    place_of = places_of(config, "v9")
    for modality, path in (*paths, *reversed(paths)):
        assert place_of(modality, path) == config.store_paths(modality, path, "v9")[0], (modality, path)


def test_the_pattern_is_asked_once_for_a_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = Pattern.match
    monkeypatch.setattr(Pattern, "match", lambda pattern, path: asked.append(path) or real(pattern, path))
    with world.open() as journal:
        journal.commit(Entry(Action.ENTER, "Images", f"{n // 100}/Images/{n}", "1", 3, 1, "m" * 32, "v1") for n in range(300))
    with world.working() as work:
        assert crowded_places(work, {"v1"}, set()) == set()
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("part", "paths"),
    [
        (Part(), {"OMOP/person.csv", "0012/Images/a.dcm", "2/Images/b.dcm", "2/Images/c.dcm"}),
        (Part(newest=2), {"2/Images/b.dcm", "2/Images/c.dcm"}),
        (Part(newest=9), {"OMOP/person.csv", "0012/Images/a.dcm", "2/Images/b.dcm", "2/Images/c.dcm"}),
        (Part(newest=0), set()),
        (Part(patients=frozenset({"2"})), {"2/Images/b.dcm", "2/Images/c.dcm"}),
        (Part(patients=frozenset({"0012"})), {"0012/Images/a.dcm"}),
        (Part(patients=frozenset({"12"})), {"0012/Images/a.dcm"}),
        (Part(patients=frozenset({"9"})), set()),
        (Part(patients=frozenset({"2"}), newest=1), {"2/Images/c.dcm"}),
        (Part(share=1.0), {"OMOP/person.csv", "0012/Images/a.dcm", "2/Images/b.dcm", "2/Images/c.dcm"}),
    ],
)
def test_which_part_of_the_uploaded_files_is_verified(world: World, part: Part, paths: set[str]) -> None:
    sent_in_three(world)
    assert bool(part) is (part not in (Part(), Part(share=1.0))), "all of the files are not a part"
    with world.working() as work:
        assert {verdict.row.path for verdict in verify_versions(work, world.store, Selection(), part=part)} == paths
        total = work.ctx.progress.snapshot().total
        assert (total.files, total.total_files) == (len(paths), len(paths))


@pytest.mark.parametrize(("share", "files"), [(0.01, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.51, 3)])
def test_a_share_of_the_files_is_at_least_one(world: World, share: float, files: int) -> None:
    sent_in_three(world)
    with world.working() as work:
        assert len(list(verify_versions(work, world.store, Selection(), part=Part(share=share)))) == files


def sent_in_three(world: World) -> None:
    """v1 to v3, sent one second after the other; and a file that is only recorded."""
    sent = {
        "OMOP/person.csv": ("OMOP", 1),
        "0012/Images/a.dcm": ("Images", 1),
        "2/Images/b.dcm": ("Images", 2),
        "2/Images/c.dcm": ("Images", 3),
    }
    with world.open() as journal:
        for path, (modality, number) in sent.items():
            data = path.encode()
            uploaded, patient = f"2026010100000{number}", path.split("/")[0].lstrip("0") if modality == "Images" else None
            entry = Entry(Action.ENTER, modality, path, patient, len(data), 1, md5_of(data).hexdigest(), f"v{number}", uploaded)
            journal.commit([entry])
            world.store.put(world.config.store_path(modality, path, f"v{number}"), data)
        journal.commit([Entry(Action.ENTER, "Images", "2/Images/recorded.dcm", "2", 3, 1, "0" * 32, "v4")])


@pytest.mark.parametrize(
    ("which", "files"),
    [(Selection(), 4), (Selection("v1"), 2), (Selection("v4"), 0), (Selection(modalities=("OMOP",)), 1), (Selection(max_files=3), 3)],
)
def test_what_is_verified_is_current_and_uploaded(world: World, which: Selection, files: int) -> None:
    sent_in_three(world)
    with world.working() as work:
        assert len(list(verify_versions(work, world.store, which))) == files
        if which.max_files is None:
            assert work.ctx.progress.snapshot().total.total_files == files


def test_which_blobs_no_entry_explains(world: World) -> None:
    """Deleted files are explained: their blobs stay.  The program's own files are, too."""
    world.put("1/Images/a.dcm", "a")
    world.put("1/Images/b.dcm", "b")
    world.run(version="v1")
    (world.site / "1/Images/b.dcm").unlink()
    world.put("1/Images/c.dcm", "c")
    world.run(version="v2")
    strange = ["v1/1/Images/x.dcm", "v1/1/Images/journal.db", "v1/1/Images/submission.json", "v2/1/Images/a.dcm"]
    for path in [*strange, "v1/.chorus-upload-123", "v1/1/Images/.chorus-upload-9", "v9/1/Images/a.dcm"]:
        (world.central / path).parent.mkdir(parents=True, exist_ok=True)
        (world.central / path).write_bytes(b"x")
    with world.working() as work:
        assert sorted(unexplained(work, world.store, Selection())) == sorted(strange)
        assert sorted(unexplained(work, world.store, Selection("v2"))) == ["v2/1/Images/a.dcm"]
        assert list(unexplained(work, world.store, Selection("v9"))) == []


def test_a_complete_version_that_got_more_entries_is_not_complete_although_none_of_them_can_be_sent(world: World) -> None:
    """Another tool recorded a file for it that the site does not have: the central team must not take the version for complete."""
    world.put("1/Images/a.dcm", "a")
    world.run(version="v1")
    marker = world.central / "v1/submission.json"
    assert marker.exists()
    with world.open() as journal:
        journal.commit([Entry(Action.ENTER, "Images", "1/Images/gone.dcm", "1", 3, 1, "0" * 32, "v1")])
    log = world.upload()
    assert [failure.item.path for failure in log.failures] == ["1/Images/gone.dcm"]
    assert not marker.exists()
