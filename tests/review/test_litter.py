"""Litter is flagged, exclude leaves out for good, and nothing that is recorded is deleted by a new pattern."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commands import Run, printed
from world import World

from chorus_gui.core.config.load import check, loads
from chorus_gui.core.errors import PatternError
from chorus_gui.core.exclude import Exclude
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.review.diff import LEFT_OUT
from chorus_gui.core.review.litter import maker
from chorus_gui.core.scan.scan import scan

LITTER = (
    ".DS_Store",
    "._IM000001",
    "Thumbs.db",
    "THUMBS.DB",
    "desktop.ini",
    "Desktop.ini",
    ".nfs000001",
    "IM2.part",
    "IM2.dcm.crdownload",
    ".fuse_hidden0001",
    ".snapshot/hourly.0/IM000001",
    "~snapshot/daily/IM000001",
    "@eaDir/IM000001/SYNOFILE_THUMB_S.jpg",
    "$RECYCLE.BIN/S-1/a",
    "System Volume Information/x",
    ".Trash-1000/files/a",
    "lost+found/#1",
    ".Spotlight-V100/x",
    ".fseventsd/0001",
    "#recycle/a.dcm",
    ".ipynb_checkpoints/a-checkpoint.csv",
    "__pycache__/a.pyc",
    "__MACOSX/a",
    "~$person.csv",
    ".~lock.person.csv#",
    "x.tmp",
    "x.BAK",
    "x.csv~",
)
DATA = (
    "IM000001",
    "a.dcm",
    "1.2.840.10008.1.2.1",
    "person.csv",
    "tmp",
    "part",
    "x.tmpl",
    "party.csv",
    "snapshot/a.dcm",
    "DS_Store",
    "a~b.dcm",
    "thumbs.db.dcm",
    "1_layout.hea",
    ".hidden.csv",
    "backup/a.csv",
)


def exclude(world: World, *patterns: str) -> None:
    text = world.file.read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("exclude")]
    lines.insert(1, f"exclude = {json.dumps(list(patterns))}")
    world.file.write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize("folder", ["OMOP/", "1/Images/", "1/Images/deep/er/", ""])
@pytest.mark.parametrize("name", [*LITTER, *DATA])
def test_the_table_knows_litter_from_data(folder: str, name: str) -> None:
    assert bool(maker(folder + name)) is (name in LITTER)


def test_the_review_flags_litter_and_sends_it_all_the_same(tmp_path: Path, run: Run) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    for name in (".DS_Store", "._a.dcm", ".snapshot/h/a.dcm"):
        world.put(f"1/Images/{name}", "x")
    world.put("OMOP/~$person.csv", "Anna")
    status, text = run(world, "scan")
    assert status == 0
    assert "4 files to upload are possibly not data" in text
    assert "possibly not data:\n" in text
    assert "1/Images/.snapshot/h/a.dcm  (Possibly not data: from a storage system" in text
    status, text = run(world, "journal", "update", "--dry-run", "--json")
    assert printed(text)["possibly_not_data"] == 4
    assert run(world, "submit", "--yes")[0] == 0
    assert len(world.active()) == 5  # a finding is enough: the program does not decide


PATTERNS = {
    "a name": ((".DS_Store",), {"1/Images/.DS_Store", "OMOP/.ds_store"}),
    "a wildcard": (("*.tmp", "~$*"), {"1/Images/x.TMP", "OMOP/~$person.csv"}),
    "a folder": (("@eaDir/",), {"1/Images/@eaDir/a", "1/Images/@EADIR/b"}),
    "a name that is a folder, too": (("@eaDir",), {"1/Images/@eaDir/a", "1/Images/@EADIR/b"}),
    "a path": (("1/Images/old/*",), {"1/Images/old/a.dcm"}),
    "any patient": (("*/Images/old",), {"1/Images/old/a.dcm", "2/Images/old/b.dcm"}),
    "any depth": (("**/old/b.dcm",), {"2/Images/old/b.dcm"}),
    "a set": (("[ab].dcm",), {"1/Images/old/a.dcm", "2/Images/old/b.dcm"}),
}
FILES = (
    "1/Images/.DS_Store", "OMOP/.ds_store", "1/Images/x.TMP", "OMOP/~$person.csv", "1/Images/@eaDir/a", "1/Images/@EADIR/b",
    "1/Images/old/a.dcm", "2/Images/old/b.dcm", "1/Images/IM1", "2/Waveforms/w.dat", "OMOP/person.csv",
)  # fmt: skip


@pytest.mark.parametrize("before", ["new", "recorded", "uploaded"])
@pytest.mark.parametrize("mode", ["full", "append"])
@pytest.mark.parametrize("case", PATTERNS)
def test_what_is_excluded_is_not_submitted_and_a_recorded_file_is_a_question(
    tmp_path: Path, run: Run, case: str, mode: str, before: str
) -> None:
    patterns, left_out = PATTERNS[case]
    world = World(tmp_path, mode=mode)
    for name in FILES:
        world.put(name, name)
    files = {file.relative_to(world.site).as_posix() for file in world.site.rglob("*") if file.is_file()}
    if files != set(FILES):  # capital letters make no difference here: the second spelling of a folder is the first one
        left_out = {path for path in files if path.casefold() in {name.casefold() for name in left_out}}
    if before != "new":
        assert run(world, *(("journal", "update") if before == "recorded" else ("submit", "--yes")))[0] == 0
    exclude(world, *patterns)
    world.put("2/Waveforms/new.dat", "new")
    ended = [run(world, "submit", "--yes", "--allow-deletions") for _ in range(2)]
    active = world.active()
    assert "2/Waveforms/new.dat" in active
    if before == "new":
        assert {status for status, _ in ended} == {0}
        assert set(active) == {*files, "2/Waveforms/new.dat"} - left_out
        assert f"Left out by “exclude” in the configuration ({', '.join(patterns)})" in ended[0][1]
        return
    assert set(active) == {*files, "2/Waveforms/new.dat"}  # nothing is marked as deleted by itself
    assert {path for path, row in active.items() if row.uploaded is None} == (left_out if before == "recorded" else set())
    assert {status for status, _ in ended} == {1}
    changes = [change for change in world.changes() if change.kind is ChangeKind.PROBLEM]
    assert {change.path for change in changes} == left_out
    assert all(change.note == LEFT_OUT and change.gone for change in changes)
    assert run(world, "file", "upload")[0] == 0  # what is left out is not sent in another way either
    assert {path for path, row in world.active().items() if row.uploaded is None} == (left_out if before == "recorded" else set())
    one, *rest = sorted(left_out)
    assert run(world, "hold", "add", "--file", one, "--reason", "keep its entry")[0] == 0
    for path in rest:
        assert run(world, "file", "mark_as_deleted", "--file", path)[0] == 0
    status, text = run(world, "submit", "--yes")
    assert (status, set(world.active())) == (0, {*files, "2/Waveforms/new.dat"} - set(rest)), text
    exclude(world, "nothing.of.this")
    assert run(world, "submit", "--yes")[0] == 0
    assert set(world.active()) == {*files, "2/Waveforms/new.dat"}


def test_an_excluded_folder_is_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    for name in ("1/Images/a.dcm", "1/Images/.snapshot/h/1/Images/a.dcm", ".snapshot/d/1/Images/a.dcm", "$RECYCLE.BIN/S/a"):
        world.put(name, "x")
    (world.site / ".snapshot/d/link").symlink_to(tmp_path / "nowhere")
    exclude(world, ".snapshot/", "$RECYCLE.BIN")
    with world.working() as work:
        asked: list[str] = []
        source = work.sources["Images"]
        walk = source.folders

        def folders(want, checkpoint, *more):
            def wanted(folder: str):
                choice = want(folder)
                if choice.descend:
                    asked.append(folder)
                return choice

            return walk(wanted, checkpoint, *more)

        monkeypatch.setattr(source, "folders", folders)
        sink: Any = type("Sink", (), {"files": lambda *_: None, "unmatched": lambda *_: None, "problem": lambda *_: None})()
        found = scan(work.config, ["Images"], sink, work.ctx, dict.fromkeys(work.config.sites, source))
    assert not [folder for folder in asked if "snapshot" in folder or "RECYCLE" in folder]
    assert found.left_out == (0, 3)
    assert (found.unmatched, found.problems) == (0, 0)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("value", ['"*.tmp, .DS_Store ,@eaDir/"', '["*.tmp", ".DS_Store", "@eaDir/"]'])
def test_both_layouts_and_both_spellings(tmp_path: Path, flat: bool, value: str) -> None:
    journal = 'local_path = "journal.db"' if flat else '[journal.local]\npath = "journal.db"'
    text = f'[configuration]\nexclude = {value}\n[journal]\n{journal}\n[central_path]\npath = "c"\n[site_path.default]\npath = "s"\n'
    assert loads(text, tmp_path / "config.toml", environ={}).exclude.patterns == ("*.tmp", ".DS_Store", "@eaDir/")


@pytest.mark.parametrize("value", ['"*"', '"**"', '"a\\\\b"', '"/a"', '"a//b"', '"../a"', "5", '["a", 5]', '"*/*"'])
def test_a_pattern_that_cannot_work_is_a_fault_of_its_key(tmp_path: Path, value: str) -> None:
    found = check(f"[configuration]\nexclude = {value}\n", tmp_path / "config.toml", environ={})
    assert "configuration.exclude" in [fault.key for fault in found.faults]


def test_a_changed_exclude_makes_a_review_stale(tmp_path: Path) -> None:
    from chorus_gui.core.review.diff import scanned_as

    world = World(tmp_path)
    before = scanned_as(world.config)
    exclude(world, "*.tmp")
    assert scanned_as(world.config) != before


def test_an_open_bracket_is_itself() -> None:
    assert Exclude.parse(["[a"]).file("x/[a")
    assert Exclude.parse(["[!a]b"]).file("cb")
    assert not Exclude.parse(["[!a]b"]).file("ab")
    with pytest.raises(PatternError):
        Exclude.parse(["***"])


def test_the_receipt_names_what_was_left_out(tmp_path: Path, run: Run) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.put("1/Images/x.tmp", "x")
    exclude(world, "*.tmp")
    status, text = run(world, "submit", "--yes", "--json")
    assert status == 0
    assert "Left out by “exclude” in the configuration (*.tmp): 1 file." in printed(text)["notes"]


def test_no_file_name_of_the_table_has_a_digit() -> None:
    """Names that differ in digits only are looked at once, for a million files."""
    table = tomllib.loads((Path(__file__).parents[2] / "resources" / "litter.toml").read_text("utf-8"))
    names = [name for group in table["litter"] for name in group["names"] if not name.endswith("/")]
    assert len(names) > 20
    assert not [name for name in names if any(char.isdigit() for char in name)]
