"""Which files a script sends together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from scriptworld import NASTY, ScriptWorld

from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Row
from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool
from chorus_gui.core.scripts.plan import Plan, ScriptGroup, plan

VERSION = "20260101000000"
here_is_posix = pytest.mark.skipif(os.name == "nt", reason="looks at this system's folders for a POSIX script")


def row(path: str, number: int = 1, *, modality: str = "", version: str = VERSION, size: int = 3) -> Row:
    modality = modality or path.split("/")[0 if path.startswith("OMOP") else 1].capitalize()
    modality = "OMOP" if modality == "Omop" else modality
    return Row(number, modality, path, None, size, 1, "0" * 32, 1, None, None, version)


def arrange(
    world: ScriptWorld, paths: tuple[str, ...], tool: Tool = Tool.AZCLI, target: Target = Target.POSIX, *, one: bool = False
) -> Plan:
    rows = [row(path, number) for number, path in enumerate(paths, 1)]
    return plan(world.config, rows, ScriptOptions(tool, target, ("chorus-upload",), one_by_one=one))


def groups(made: Plan) -> list[ScriptGroup]:
    return [group for page in made.pages for group in page.groups]


@here_is_posix
class TestFoldersForAz:
    def test_a_folder_whose_files_all_wait_goes_with_one_call(self, tmp_path: Path) -> None:
        files = ("P1/Images/a", "P1/Images/b", "P1/Images/sub/c", "P2/Images/d", "P2/Images/e")
        world = ScriptWorld(tmp_path, files=files, page_size=3)
        made = groups(arrange(world, files))
        assert [(g.folder, g.target, len(g.files), g.whole) for g in made] == [
            ("P1", f"{VERSION}/P1", 3, True),
            ("P2", f"{VERSION}/P2", 2, True),
        ]

    def test_a_file_that_does_not_wait_keeps_its_folder_from_it(self, tmp_path: Path) -> None:
        files = ("P1/Images/a", "P1/Images/b", "P1/Images/sub/c", "P1/Images/sub/d")
        world = ScriptWorld(tmp_path, files=(*files, "P1/Images/held back"))
        made = groups(arrange(world, files))
        assert [(g.folder, g.single, len(g.files)) for g in made] == [
            ("P1/Images", True, 1),
            ("P1/Images", True, 1),
            ("P1/Images/sub", False, 2),
        ]

    def test_a_folder_that_gets_another_name_is_sent_by_itself(self, tmp_path: Path) -> None:
        files = ("P1/waveforms/a", "P1/waveforms/b")
        made = groups(arrange(ScriptWorld(tmp_path, files=files), files))
        assert [(g.folder, g.target) for g in made] == [("P1/waveforms", f"{VERSION}/P1/Waveforms")]

    def test_a_linked_folder_is_not_taken_for_a_part_of_its_parent(self, tmp_path: Path) -> None:
        world = ScriptWorld(tmp_path, files=("P1/Images/a", "P1/Images/b"))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "c").write_bytes(b"c")
        (elsewhere / "d").write_bytes(b"d")
        (world.site / "P1/Waveforms").symlink_to(elsewhere)
        made = groups(arrange(world, ("P1/Images/a", "P1/Images/b", "P1/Waveforms/c", "P1/Waveforms/d")))
        assert [g.folder for g in made] == ["P1/Images", "P1/Waveforms"]

    def test_a_file_that_is_gone_keeps_its_folder_from_it(self, tmp_path: Path) -> None:
        world = ScriptWorld(tmp_path, files=("P1/Images/a", "P1/Images/b"))
        made = groups(arrange(world, ("P1/Images/a", "P1/Images/b", "P1/Images/gone")))
        assert [g.single for g in made] == [True] * 3

    def test_one_folder_with_more_files_than_a_page_is_still_one_call(self, tmp_path: Path) -> None:
        files = tuple(f"P1/Images/{number}" for number in range(9))
        made = arrange(ScriptWorld(tmp_path, files=files, page_size=4), files)
        assert [(page.first, page.last) for page in made.pages] == [(1, 9)]

    def test_versions_are_not_mixed(self, tmp_path: Path) -> None:
        world = ScriptWorld(tmp_path, files=("P1/Images/a", "P1/Images/b"))
        rows = [row("P1/Images/a", 1), row("P1/Images/b", 2, version="20260202000000")]
        made = plan(world.config, rows, ScriptOptions(Tool.AZCLI, Target.POSIX, ("x",)))
        assert [(g.single, g.target) for g in groups(made)] == [(True, f"{VERSION}/P1/Images"), (True, "20260202000000/P1/Images")]

    def test_every_file_goes_exactly_once(self, tmp_path: Path) -> None:
        world = ScriptWorld(tmp_path)
        made = arrange(world, NASTY)
        assert sorted(f.row.path for g in groups(made) for f in g.files) == sorted(NASTY)
        assert made.files == len(NASTY)
        assert [page.first for page in made.pages][1:] == [page.last + 1 for page in made.pages][:-1]


def test_azcopy_takes_what_keeps_its_path_in_one_list(tmp_path: Path) -> None:
    files = ("OMOP/a", "P1/Images/b", "P1/waveforms/c", "P2/waveforms/d")
    made = arrange(ScriptWorld(tmp_path, files=files), files, Tool.AZCOPY)
    assert [(g.folder, g.target, g.names()) for g in groups(made)] == [
        ("", VERSION, ["OMOP/a", "P1/Images/b"]),
        ("P1/waveforms", f"{VERSION}/P1/Waveforms", ["c"]),
        ("P2/waveforms", f"{VERSION}/P2/Waveforms", ["d"]),
    ]


def test_pages_have_page_size_files(tmp_path: Path) -> None:
    files = tuple(f"P1/Images/{number}" for number in range(12))
    made = arrange(ScriptWorld(tmp_path, files=files, page_size=5), files, Tool.AZCOPY)
    assert [(page.number, page.first, page.last) for page in made.pages] == [(1, 1, 5), (2, 6, 10), (3, 11, 12)]


def test_names_that_no_script_can_carry_are_left_out_and_said(tmp_path: Path) -> None:
    world = ScriptWorld(tmp_path, files=("OMOP/a",))
    posix = arrange(world, ("OMOP/a", "OMOP/b\nc", "OMOP/d\\e", "OMOP/\udcff"), one=True)
    assert [path for path, _ in posix.left_out] == ["OMOP/b\nc", "OMOP/d\\e", "OMOP/\udcff"]
    windows = arrange(world, ("OMOP/a", 'OMOP/say "x"', "elsewhere/x"), target=Target.WINDOWS)
    assert dict(windows.left_out) == {
        'OMOP/say "x"': "Windows does not allow the character '\"' in a name.",
        "elsewhere/x": dict(windows.left_out)["elsewhere/x"],
    }
    assert windows.files == 1


def test_azcopy_gets_no_star_and_no_broken_escape_outside_of_a_list(tmp_path: Path) -> None:
    files = ("P1/Images/a", "P1/Images/st*r", "P1/Images/50% off", "P*/waveforms/b", "P%/waveforms/c")
    world = ScriptWorld(tmp_path, files=("P1/Images/a",))
    world.file.write_text(world.file.read_text("utf-8") + '[site_path.Waveforms]\npattern = "{patient_id}/Waveforms/{filepath}"\n', "utf-8")
    for one, calls in ((True, 3), (False, 1)):
        made = arrange(world, files, Tool.AZCOPY, one=one)
        assert [path for path, _ in made.left_out] == ["P*/waveforms/b", "P%/waveforms/c"]
        assert [(g.folder, g.single) for g in groups(made)] == [("", False)] * calls


def test_az_does_not_read_from_the_cloud_and_says_who_does(tmp_path: Path) -> None:
    world = ScriptWorld(tmp_path, files=("OMOP/a",))
    bucket = Place(PlaceKind.S3, "s3://bucket/site", None, "bucket", "site")
    config = replace(world.config, sites={"OMOP": replace(world.config.sites["OMOP"], place=bucket)})
    with pytest.raises(UsageError, match="azcopy"):
        plan(config, [row("OMOP/a")], ScriptOptions(Tool.AZCLI, Target.POSIX, ("x",)))
    made = plan(config, [row("OMOP/a")], ScriptOptions(Tool.AZCOPY, Target.POSIX, ("x",)))
    assert made.files == 1
