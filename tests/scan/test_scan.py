"""Whose each file is: modalities, unmatched, several roots, and what a scan refuses to believe."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from platforms import cases_differ
from scan.siteworld import Memory, folder_place, make_config, put, run_scan, sources_of
from sitetree import UNMATCHED, snapshot, write_snapshot

from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import Cancelled, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Tally
from chorus_gui.core.pattern import DEFAULTS, FLAT_DEFAULTS
from chorus_gui.core.scan import scan as scanning
from chorus_gui.core.scan.scan import scan
from chorus_gui.core.storage import folder


@pytest.mark.parametrize("which", [1, 2])
def test_the_golden_snapshot_is_seen_whole(tmp_path: Path, which: int) -> None:
    write_snapshot(tmp_path, which)
    memory, summary = run_scan(make_config(tmp_path))
    assert memory.unmatched_paths == UNMATCHED
    assert {root for root, _ in memory.strays} == {str(tmp_path)}
    seen = {path: file for files in memory.seen.values() for path, file in files.items()}
    assert seen.keys() == snapshot(which).keys() - UNMATCHED
    for path, file in seen.items():
        leaf = snapshot(which)[path]
        assert file.size == leaf.size
        assert file.mtime_us == math.floor((tmp_path / path).stat().st_mtime * 1e6)
        assert file.patient_id == (path.split("/")[0] if path.startswith("1") else None)
        assert file.version is None
    assert memory.paths("OMOP") == {"OMOP/person.csv", "OMOP/measurement.csv", "OMOP/vocab/concept.csv"}
    assert not cases_differ() or "1000002/waveforms/lower.dat" in memory.paths("Waveforms")
    assert not memory.problems
    assert not summary.unread
    assert summary.by_modality == {
        name: Tally(len(memory.seen[name]), sum(file.size for file in memory.seen[name].values())) for name in MODALITIES
    }


def test_a_flat_configuration_takes_any_patient_folder(tmp_path: Path) -> None:
    write_snapshot(tmp_path, 1)
    memory, _ = run_scan(make_config(tmp_path, patterns=FLAT_DEFAULTS))
    assert memory.seen["Waveforms"]["bad-id!/Waveforms/x.dat"].patient_id == "bad-id!"
    assert memory.unmatched_paths == UNMATCHED - {"bad-id!/Waveforms/x.dat"}


def test_strange_names_come_exactly_as_they_are(tmp_path: Path) -> None:
    names = [
        "two  words",
        "100%25",
        "a&b",
        "wow!",
        "quo'te",
        "e\u0301 decomposed",
        "é composed",
        "日本",
        "😀",
        "^caret",
        " leading",
        *([] if os.name == "nt" else ["line\nfeed", " blank ", 'say "hello"', "a|b", "a:b"]),
    ]
    paths = {f"1/Waveforms/{name}/{name}.dat" for name in names}
    put(tmp_path, *paths)
    memory, _ = run_scan(make_config(tmp_path))
    assert memory.paths("Waveforms") == paths
    assert not memory.problems


def test_paths_of_more_than_300_characters(tmp_path: Path) -> None:
    path = "1/Images/" + "/".join(["d" * 60] * 5) + "/slice.dcm"
    assert len(path) > 300
    put(tmp_path, path)
    assert run_scan(make_config(tmp_path))[0].paths("Images") == {path}


def test_versions_and_numbers_are_read_off_the_path(tmp_path: Path) -> None:
    put(tmp_path, "20250101000000/0012/a/x.dat", "20250101000000/12a/a/y.dat")
    memory, _ = run_scan(make_config(tmp_path, patterns={"Waveforms": "{version}/{patient_id:d}/a/{filepath}"}))
    (file,) = memory.seen["Waveforms"].values()
    assert (file.path, file.patient_id, file.version) == ("20250101000000/0012/a/x.dat", "12", "20250101000000")
    assert memory.unmatched_paths == {"20250101000000/12a/a/y.dat"}


def test_a_pattern_whose_filepath_shares_a_segment_is_matched_file_by_file(tmp_path: Path) -> None:
    put(tmp_path, "1/wave_a.dat", "1/image_b.dcm", "1/wave_c/d.dat", "1/other.txt")
    memory, summary = run_scan(
        make_config(tmp_path, patterns={"Images": "{patient_id:w}/image_{filepath}", "Waveforms": "{patient_id:w}/wave_{filepath}"})
    )
    assert memory.paths("Images") == {"1/image_b.dcm"}
    assert memory.paths("Waveforms") == {"1/wave_a.dat", "1/wave_c/d.dat"}
    assert memory.unmatched_paths == {"1/other.txt"}
    assert summary.by_modality["Waveforms"] == Tally(2, 2)
    memory, _ = run_scan(
        make_config(tmp_path, patterns={"Images": "{patient_id:w}/image_{filepath}", "Waveforms": "{patient_id:w}/wave_{filepath}"}),
        ["Images"],
    )
    assert memory.seen.keys() == {"Images"}
    assert memory.unmatched_paths == {"1/other.txt"}


def test_a_folder_that_two_patterns_take_goes_to_the_first_and_is_told_once(tmp_path: Path) -> None:
    put(tmp_path, "OMOP/Images/x.csv", "OMOP/Images/a/y.csv", "OMOP/Images/b/z.csv", "1/Images/s.dcm")
    memory, summary = run_scan(make_config(tmp_path))
    assert memory.paths("OMOP") == {"OMOP/Images/x.csv", "OMOP/Images/a/y.csv", "OMOP/Images/b/z.csv"}
    assert memory.paths("Images") == {"1/Images/s.dcm"}
    (problem,) = memory.problems
    assert (problem.path, problem.modalities, problem.covers) == ("OMOP/Images", ("Images",), True)
    assert summary.unread == (("Images", "OMOP/Images"),)
    memory, _ = run_scan(make_config(tmp_path), ["Images"])
    assert memory.paths("Images") == {"1/Images/s.dcm"}
    assert [problem.modalities for problem in memory.problems] == [("Images",)]


def test_a_file_that_two_patterns_take(tmp_path: Path) -> None:
    put(tmp_path, "ab_1.dat", "a_2.dat")
    memory, _ = run_scan(make_config(tmp_path, patterns={"Images": "ab{filepath}", "Waveforms": "a{filepath}"}))
    assert memory.paths("Images") == {"ab_1.dat"}
    assert memory.paths("Waveforms") == {"a_2.dat"}
    (problem,) = memory.problems
    assert (problem.path, problem.modalities, problem.covers) == ("ab_1.dat", ("Waveforms",), False)


def test_one_modality_alone_lists_nothing_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path, 1)
    listed: list[str] = []
    listing = folder._list
    monkeypatch.setattr(
        folder, "_list", lambda root, visit, halt, *, whole: listed.append(visit.path) or listing(root, visit, halt, whole=whole)
    )
    memory, summary = run_scan(make_config(tmp_path), ["OMOP"])
    assert memory.seen.keys() == {"OMOP"}
    assert set(listed) == {"", "OMOP", "OMOP/vocab", "bad-id!", "bad-id!/Waveforms"}
    assert memory.unmatched_paths == {"README.txt", "bad-id!/Waveforms/x.dat"}
    assert summary.by_modality.keys() == {"OMOP"}


def test_a_modality_whose_folder_is_gone_beside_others_is_read_as_empty(tmp_path: Path) -> None:
    put(tmp_path, "1/Waveforms/a.dat")
    _, summary = run_scan(make_config(tmp_path), ["OMOP"])
    assert not summary.unread
    assert summary.by_modality == {"OMOP": Tally()}


def test_two_roots_are_walked_one_after_the_other(tmp_path: Path) -> None:
    put(tmp_path / "a", "OMOP/person.csv", "stray.txt")
    put(tmp_path / "b", "1/Images/s.dcm", "other.txt")
    config = make_config(tmp_path / "a", roots={"Images": tmp_path / "b"})
    memory, _ = run_scan(config)
    assert memory.paths("OMOP") == {"OMOP/person.csv"}
    assert memory.paths("Images") == {"1/Images/s.dcm"}
    assert {(root, file.name) for root, file in memory.strays} == {(str(tmp_path / "a"), "stray.txt"), (str(tmp_path / "b"), "other.txt")}


def test_equal_roots_written_differently_are_walked_once(tmp_path: Path) -> None:
    put(tmp_path / "a", "OMOP/person.csv", "1/Images/s.dcm", "stray.txt")
    (tmp_path / "b").mkdir()
    memory, _ = run_scan(make_config(tmp_path / "a", roots={"Images": tmp_path / "b" / ".." / "a"}))
    assert memory.paths("Images") == {"1/Images/s.dcm"}
    assert len(memory.strays) == 1


def test_a_root_inside_another_is_not_unmatched_there(tmp_path: Path) -> None:
    put(tmp_path, "OMOP/person.csv", "stray.txt", "pacs archive/1/Images/s.dcm", "pacs archive/note.txt")
    memory, _ = run_scan(make_config(tmp_path, roots={"Images": tmp_path / "pacs archive"}))
    assert memory.paths("Images") == {"1/Images/s.dcm"}
    assert {(root, file.name) for root, file in memory.strays} == {
        (str(tmp_path), "stray.txt"),
        (str(tmp_path / "pacs archive"), "note.txt"),
    }
    memory, _ = run_scan(make_config(tmp_path, roots={"Images": tmp_path / "pacs archive"}), ["OMOP"])
    assert memory.unmatched_paths == {"stray.txt"}


@pytest.mark.parametrize(
    "make", [lambda root: None, lambda root: root.mkdir(), lambda root: (root / "1" / "Waveforms").mkdir(parents=True)]
)
def test_a_root_that_is_missing_or_has_no_file_covers_everything_in_it(tmp_path: Path, make: object) -> None:
    root = tmp_path / "share"
    make(root)  # pyright: ignore[reportCallIssue]
    put(tmp_path / "b", "1/Images/s.dcm")
    memory, summary = run_scan(make_config(root, roots={"Images": tmp_path / "b"}))
    (problem,) = memory.problems
    assert (problem.path, problem.covers) == ("", True)
    assert set(problem.modalities) == {"OMOP", "Waveforms", "Metadata"}
    assert "share" in problem.cause
    assert problem.remedy
    assert set(summary.unread) == {("OMOP", ""), ("Waveforms", ""), ("Metadata", "")}
    assert memory.paths("Images") == {"1/Images/s.dcm"}


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    put(tmp_path, "site")
    memory, summary = run_scan(make_config(tmp_path / "site"), ["OMOP"])
    assert summary.unread == (("OMOP", ""),)
    assert memory.problems[0].covers


def test_a_root_with_nothing_but_the_tools_own_files_counts_as_empty(tmp_path: Path) -> None:
    put(tmp_path, "journal.db", "config.toml")
    _, summary = run_scan(make_config(tmp_path, journal=tmp_path / "journal.db", file=tmp_path / "config.toml"), ["OMOP"])
    assert summary.unread == (("OMOP", ""),)


def test_what_belongs_to_the_tools_is_never_unmatched(tmp_path: Path) -> None:
    put(
        tmp_path,
        "OMOP/person.csv",
        "journal.db",
        "journal.db-journal",
        "journal.db.backups/1.db",
        ".journal.db.inuse.json",
        "config.toml",
        "journal.db_20240101120000/journal.db",
        "central store/20250101000000/OMOP/person.csv",
        "left out/x.txt",
        "journal.dat",
        "sub/journal.db_20240101120000/journal.db",
    )
    config = make_config(tmp_path, journal=tmp_path / "journal.db", file=tmp_path / "config.toml", central=tmp_path / "central store")
    memory = Memory()
    scan(config, ["OMOP"], memory, JobContext(), sources_of(config), ignore=[tmp_path / "left out"])
    assert memory.paths("OMOP") == {"OMOP/person.csv"}
    # "sub" may be a patient: another modality's, and not listed
    assert memory.unmatched_paths == {"journal.dat"}


def test_litter_is_no_modality_even_where_a_pattern_takes_everything(tmp_path: Path) -> None:
    put(tmp_path, "journal.db_20240101120000/journal.db", "a/b.csv", "journal.db_2024/c.csv")
    memory, _ = run_scan(make_config(tmp_path, patterns={"OMOP": "{filepath}"}))
    assert memory.paths("OMOP") == {"a/b.csv", "journal.db_2024/c.csv"}


@pytest.mark.parametrize("pattern", ["OMOP/{filepath}", "{filepath}", "{patient_id:w}/{filepath}"])
def test_side_files_are_invisible_whatever_a_pattern_takes(pattern: str, tmp_path: Path) -> None:
    put(
        tmp_path,
        "OMOP/person.csv",
        "journal.db",
        "journal.db.chorus/holds.json",
        "journal.db.chorus/verified/20250101000000.json",
        "shared/j.db.locked",
        "shared/j.db.chorus/receipts/x.json",
        "other.db.chorus/mine.csv",
    )
    config = make_config(tmp_path, patterns={"OMOP": pattern}, journal=tmp_path / "journal.db")
    config = replace(config, journal=replace(config.journal, cloud=folder_place(tmp_path / "shared" / "j.db")))
    memory, _ = run_scan(config, ["OMOP"])
    told = memory.paths("OMOP") | memory.unmatched_paths
    assert {path for path in told if "journal.db.chorus" in path or "j.db.chorus" in path} == set()
    assert "other.db.chorus/mine.csv" in told  # a folder of the site's own is not hidden
    if pattern == "OMOP/{filepath}":
        assert memory.unmatched_paths == {"other.db.chorus/mine.csv"}


def test_batches_reach_the_sink_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_BATCH", 3)
    put(tmp_path, *(f"{patient}/Images/{n}" for patient in range(5) for n in range(2)), *(f"stray {n}" for n in range(7)), "OMOP/a")
    memory, summary = run_scan(make_config(tmp_path))
    assert len(memory.paths("Images")) == 10
    assert summary.unmatched == 7
    assert memory.paths("OMOP") == {"OMOP/a"}


def test_progress_counts_files_and_bytes(tmp_path: Path) -> None:
    put(tmp_path, "OMOP/a", "OMOP/b", content=b"12345")
    ctx = JobContext()
    run_scan(make_config(tmp_path), ctx=ctx)
    snapshot = ctx.progress.snapshot()
    assert snapshot.phase == "scan"
    assert (snapshot.by_modality["OMOP"].files, snapshot.by_modality["OMOP"].bytes) == (2, 10)
    assert snapshot.by_modality["Images"].files == 0


def test_cancelled_in_the_middle(tmp_path: Path) -> None:
    put(tmp_path, *(f"{patient}/Images/x" for patient in range(50)))
    ctx = JobContext()
    seen: list[int] = []

    class Sink(Memory):
        def unmatched(self, root: str, files: object) -> None:
            raise AssertionError

    memory = Sink()
    add = ctx.progress.add

    def cancel_at_ten(modality: str, files: int = 0, size: int = 0, failed: int = 0) -> None:
        add(modality, files, size, failed)
        seen.append(files)
        if len(seen) == 10:
            ctx.cancel()

    ctx.progress.add = cancel_at_ten
    config = make_config(tmp_path)
    with pytest.raises(Cancelled):
        scan(config, ["Images"], memory, ctx, sources_of(config))
    assert len(seen) == 10


def test_requests_that_make_no_sense(tmp_path: Path) -> None:
    config = make_config(tmp_path, patterns={"OMOP": DEFAULTS["OMOP"]})
    with pytest.raises(UsageError, match="Waveforms"):
        run_scan(config, ["Waveforms"])
    nowhere = replace(config.sites["OMOP"], place=Place(PlaceKind.FOLDER, ""))
    with pytest.raises(UsageError, match="not available"):
        run_scan(replace(config, sites={"OMOP": nowhere}))
