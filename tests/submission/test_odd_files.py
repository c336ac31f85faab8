"""One odd file never stops a site: the rest is submitted, it is one finding in every run, and its remedy works."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from azure_places import service
from commands import Run, printed, without_progress
from platforms import cases_differ
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.review.diff import LOST


def a_site(base: Path, mode: str) -> World:
    world = World(base, mode=mode)
    world.put("OMOP/person.csv", "id")
    world.put("1/Images/a.dcm", "a")
    world.put("1/Waveforms/w.dat", "w")
    return world


def thrice(world: World, run: Run, *words: str) -> list[tuple[int, str]]:
    """Three submissions, the first with a new file, which arrives whatever else there is; what changes from run to run is taken out."""
    world.put("2/Images/new.dcm", "new")
    ended = [run(world, "submit", "--yes", "--allow-deletions", *words) for _ in range(3)]
    assert any(file.name == "new.dcm" for file in world.central.rglob("*")), ended[0][1]
    assert all(status in (0, 1) for status, _ in ended), ended
    world.check_truth()
    ended = [(status, without_progress(text)) for status, text in ended]
    return [(status, re.sub(r"\d{14}|Receipt: .*|\d{4}-\d\d-\d\d \S+|\d+(\.\d+)? s\b", "…", text)) for status, text in ended]


def one_finding(ended: list[tuple[int, str]], path: str) -> str:
    """The second and the third run say the same, and that about one file; its line."""
    assert ended[1] == ended[2]
    assert ended[1][0] == 1
    assert "Traceback" not in ended[1][1]
    (line,) = [line for line in ended[1][1].splitlines() if re.search(rf"(^|[\s“]){re.escape(path)}($|[\s”])", line)]
    return line


YEAR = 31_556_952
TIMES = {
    "before 1970": -1,
    "a file time of Windows that is 0": -11_644_473_600,
    "year 1": -62_135_596_800,
    "before year 1": -80_000_000_000,
    "after nanoseconds end": 9_223_372_037,
    "year 9999": 253_402_300_799,
    "year 10000": 253_402_300_800,
    "the last that a journal holds": 9_223_372_036_854,
    "the first that it does not": 9_223_372_036_856,
    "year 4443146": 140_150_000_000_000,
    "as far as it goes": 2**62,
    "as far back as it goes": -(2**62),
}


def _keeps(file: Path, moment: int) -> bool:
    try:
        os.utime(file, (0, moment))
    except (OSError, OverflowError, ValueError):
        return False
    return file.stat().st_mtime == moment


@pytest.fixture
def anytime(tmp_path: Path) -> Path:
    """A folder on a file system that keeps any time."""
    probe = tmp_path / "probe"
    probe.touch()
    if _keeps(probe, 140_150_000_000_000):
        return tmp_path
    shared = Path("/dev/shm") / f"test-{uuid.uuid4().hex}"
    try:
        shared.mkdir()
        (shared / "probe").touch()
    except OSError:
        pytest.skip("no file system here keeps such times")
    return shared


PLACES = ("1/Images/odd.dcm", "OMOP/odd.csv", "odd/Waveforms/a/b/c.dat", "unmatched.txt")
MODES = ("full", "append")
BEFORE = ("new", "recorded", "uploaded")


def _some(*axes: Iterable[str]) -> list[Any]:
    """Every combination; those in which the values of all axes do not come in turn take minutes, and are left out of the fast loop."""
    turns = {tuple(values[number % len(values)] for values in map(list, axes)) for number in range(max(len(list(axis)) for axis in axes))}
    return [pytest.param(*found, id=", ".join(found), marks=() if found in turns else pytest.mark.slow) for found in product(*axes)]


@pytest.mark.parametrize(("when", "place", "before"), _some(TIMES, PLACES, BEFORE))
def test_a_file_with_an_absurd_time(anytime: Path, run: Run, when: str, place: str, before: str) -> None:
    moment = TIMES[when]
    try:
        world = a_site(anytime / "w", "full")
        file = world.put(place, "odd")
        if before != "new":
            run(world, *(("journal", "update") if before == "recorded" else ("submit", "--yes")))
        if not _keeps(file, moment):
            pytest.skip("the system does not take this time")
        ended = thrice(world, run)
        if place == "unmatched.txt" or abs(moment) < 2**63 / 1e6:
            assert [status for status, _ in ended] == [0, 0, 0]
            assert place == "unmatched.txt" or place in world.active()
        else:
            assert "touch" in one_finding(ended, place)
            assert (place in world.active()) is (before != "new")  # nothing was deleted on a hunch
            os.utime(file)  # touch FILE
            assert run(world, "submit", "--yes")[0] == 0
            assert world.active()[place].uploaded
        for words in (("scan",), ("file", "verify")):
            assert run(world, *words)[0] in (0, 1)
    finally:
        if anytime.parent == Path("/dev/shm"):
            shutil.rmtree(anytime)


PATH = "3/Images/S"


def _folder(world: World) -> None:
    (world.site / PATH).unlink()
    world.put(f"{PATH}/IM1", "in")


def _file(world: World) -> None:
    shutil.rmtree(world.site / PATH)
    world.put(PATH, "file")


def _empty_folder(world: World) -> None:
    (world.site / PATH).unlink()
    (world.site / PATH).mkdir()


def _vanished(world: World) -> None:
    (world.site / PATH).unlink()


def _whole_folder(world: World) -> None:
    shutil.rmtree(world.site / "3")


def _changed(world: World) -> None:
    world.put(PATH, "another content")


def _touched(world: World) -> None:
    os.utime(world.site / PATH, (0, 1_800_000_000))


def _same_size_and_time(world: World) -> None:
    stat = (world.site / PATH).stat()
    (world.site / PATH).write_text("eno")
    os.utime(world.site / PATH, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _dead_link(world: World) -> None:
    (world.site / PATH).unlink()
    (world.site / PATH).symlink_to(world.base / "nowhere")


def _pipe(world: World) -> None:
    (world.site / PATH).unlink()
    os.mkfifo(world.site / PATH)


BECAME = {
    "a folder": _folder,
    "an empty folder": _empty_folder,
    "gone": _vanished,
    "gone with its folder": _whole_folder,
    "another content": _changed,
    "another time": _touched,
    "another content of equal size and time": _same_size_and_time,
    "a link to nowhere": _dead_link,
    "a pipe": _pipe,
}


@pytest.mark.skipif(os.name == "nt", reason="pipes and links")
@pytest.mark.parametrize(("became", "before", "mode"), _some(BECAME, BEFORE[1:2], MODES) + _some(BECAME, BEFORE[2:], MODES[::-1]))
def test_a_recorded_file_that_became_something_else(tmp_path: Path, run: Run, became: str, before: str, mode: str) -> None:
    world = a_site(tmp_path / "w", mode)
    world.put(PATH, "one")
    assert run(world, *(("journal", "update") if before == "recorded" else ("submit", "--yes")))[0] == 0
    BECAME[became](world)
    if before == "recorded":
        status, text = run(world, "file", "upload")  # without a scan it can only fail, and says what to do
        assert status == (1 if "time" not in became or mode else 0)
        assert "can again" in text or "the scan reads this file" in text
    ended = thrice(world, run)
    if ended[1][0]:
        line = one_finding(ended, PATH)
        if became == "another content of equal size and time":
            assert before == "recorded"  # once uploaded, only a scan that reads it finds it
            status, _ = run(world, "submit", "--yes", "--hash")
            assert status == 0
        elif became in ("a link to nowhere", "a pipe"):
            assert "emove" in line
            (world.site / PATH).unlink()
            if mode == "append" and before == "recorded":
                assert LOST in one_finding(thrice(world, run), PATH)
                assert run(world, "file", "mark_as_deleted", "--file", PATH)[0] == 0
        else:
            assert (mode, before) == ("append", "recorded")
            assert LOST in line
            status, _ = run(world, "file", "mark_as_deleted", "--file", PATH)
            assert status == 0
        ended = [run(world, "submit", "--yes") for _ in range(2)]
    assert ended[-1][0] == 0, ended[-1][1]
    assert "Nothing to do" in ended[-1][1]
    if mode == "full" and not (world.site / PATH).is_file():
        assert PATH not in world.active()
    world.check_truth()


@pytest.mark.parametrize("mode", ["full", "append"])
@pytest.mark.parametrize("before", ["recorded", "uploaded"])
def test_a_folder_that_became_a_file(tmp_path: Path, run: Run, before: str, mode: str) -> None:
    world = a_site(tmp_path / "w", mode)
    world.put(f"{PATH}/IM1", "one")
    assert run(world, *(("journal", "update") if before == "recorded" else ("submit", "--yes")))[0] == 0
    _file(world)
    ended = thrice(world, run)
    assert world.active()[PATH].uploaded
    if (mode, before) == ("append", "recorded"):
        assert LOST in one_finding(ended, f"{PATH}/IM1")
        assert run(world, "file", "mark_as_deleted", "--file", f"{PATH}/IM1")[0] == 0
    assert run(world, "submit", "--yes")[0] == 0


ROWS = {
    "no file name": "FILENAME = ''",
    "a file name of dots": "FILENAME = '..'",
    "a file name with a line break": "FILENAME = 'a' || char(10) || 'b'",
    "a time that is text": "SRC_MODTIME_us = 'x'",
    "a time beyond all": "SRC_MODTIME_us = 1e300",
    "a negative time": "SRC_MODTIME_us = -9223372036854775808",
    "a negative size": "SIZE = -1",
    "a size that is text": "SIZE = 'x'",
    "no MD5": "MD5 = ''",
    "an ETag": "MD5 = 'd41d8cd98f00b204e9800998ecf8427e-2'",
    "no patient": "PERSON_ID = NULL",
    "a patient that is text": "PERSON_ID = 'x'",
    "a folder that is missing": "SRC_PATH_ID = 99",
    "a modality that is missing": "MODALITY_ID = 99",
    "a version that is missing": "VERSION_ID = 99",
    "an empty part": "SRC_PATH_ID = (SELECT id FROM srcpaths WHERE SRC_PATH = '1//Images')",
    "a path above the site": "SRC_PATH_ID = (SELECT id FROM srcpaths WHERE SRC_PATH = '../x')",
    "a version that is no folder": "VERSION_ID = (SELECT id FROM versions WHERE VERSION = '..')",
}


@pytest.mark.parametrize(("row", "before", "mode"), _some(ROWS, BEFORE[1:], MODES))
def test_a_journal_row_with_odd_values(tmp_path: Path, run: Run, row: str, before: str, mode: str) -> None:
    world = a_site(tmp_path / "w", mode)
    world.put(PATH, "one")
    assert run(world, *(("journal", "update") if before == "recorded" else ("submit", "--yes")))[0] == 0
    with closing(sqlite3.connect(world.journal, isolation_level=None)) as db:
        db.execute("INSERT INTO srcpaths (SRC_PATH) VALUES ('1//Images'), ('../x')")
        db.execute("INSERT INTO versions (VERSION) VALUES ('..')")
        db.execute(f"UPDATE journal_v2 SET {ROWS[row]} WHERE FILENAME = 'S'")
    world.put("2/Images/new.dcm", "new")
    ended = [run(world, "submit", "--yes", "--allow-deletions") for _ in range(3)]
    assert [status for status, _ in ended if status not in (0, 1)] == []
    assert any(file.name == "new.dcm" for file in world.central.rglob("*"))
    if ended[2][0]:
        _status, text = run(world, "file", "list", "--json")
        (left,) = [line["path"] for line in printed(text)]
        assert "mark_as_deleted" in ended[2][1]
        assert run(world, "file", "mark_as_deleted", "--file", left)[0] == 0
        assert run(world, "submit", "--yes")[0] == 0
        assert "Nothing to do" in run(world, "submit", "--yes")[1]


CLOUD = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
[journal]
journaling_mode = "{mode}"
{journal}
[journal.local]
path = "journal.db"
[central_path]
path = "{central}"
{central_auth}
[site_path.default]
path = "{site}"
{site_auth}
"""
AUTH = """\
[{table}]
azure_account_name = "{account}"
azure_account_url = "{url}"
azure_account_key = "{key}"
"""
CLOUD_NAMES = {
    "an empty part": "1/Images//b.dcm",
    "an empty part at the patient": "1//Images/b.dcm",
    "an empty first part": "/4/Images/c.dcm",
    "only an empty part": "//",
    "an empty last part": "1/Images/full/",
    "a line break": "1/Images/a\nb.dcm",
}
MARKERS = {
    "1": {"hdi_isfolder": "true"},
    "1/Images": {"Hdi_isfolder": "true"},
    "1/Images/Study": {"HDI_ISFOLDER": "TRUE"},
    "1/Images/Series/": {},
    "1/Images/Old_$folder$": {},
}


def _in_the_cloud(world: World, azurite: Azurite, mode: str, *, site: str = "", central: str = "") -> None:
    def auth(table: str) -> str:
        return AUTH.format(table=table, account=azurite.account, url=azurite.url, key=azurite.key)

    world.file.write_text(
        CLOUD.format(
            mode=mode,
            journal=f'[journal.source]\npath = "az://{central.partition("/")[0]}/cloud.db"\n{auth("journal.source.auth")}'
            if central
            else "",
            central=f"az://{central}" if central else world.central.as_posix(),
            site=f"az://{site}" if site else world.site.as_posix(),
            central_auth=auth("central_path.auth") if central else "",
            site_auth=auth("site_path.default.auth") if site else "",
        ),
        "utf-8",
    )


@pytest.mark.parametrize(("case", "mode"), _some(CLOUD_NAMES, MODES))
def test_a_blob_of_the_site_with_an_odd_name(azurite: Azurite, tmp_path: Path, run: Run, case: str, mode: str) -> None:
    name = CLOUD_NAMES[case]
    world = World(tmp_path)
    container = f"site-{uuid.uuid4().hex}"
    _in_the_cloud(world, azurite, mode, site=container)
    with service(azurite) as account:
        client = account.create_container(container)
        for blob in ("OMOP/person.csv", "1/Images/a.dcm", "1/Images/Study/x.dcm", name):
            client.upload_blob(blob, b"content")
        for blob, metadata in MARKERS.items():
            client.upload_blob(blob, b"", metadata=metadata)
        ended = [run(world, "submit", "--yes") for _ in range(3)]
        assert {row.path for row in world.active().values()} - {name} == {"OMOP/person.csv", "1/Images/a.dcm", "1/Images/Study/x.dcm"}
        assert [status for status, _ in ended] == [1, 1, 1]
        assert "Rename the blob" in ended[2][1]
        assert "1 problem on the site" in ended[2][1]
        client.delete_blob(name)
        assert run(world, "submit", "--yes", "--allow-deletions")[0] == 0


SIDE_BY_SIDE = {
    "a file and a folder": ("1/Images/S", ("1/Images/S/IM1", "1/Images/S/deep/er/IM2")),
    "a file and a folder far above": ("1/Images/S", ("1/Images/S/a/b/c/d",)),
    "a file that is a patient's folder": ("OMOP/1", ("OMOP/1/a/b.csv",)),
    "an empty file": ("1/Images/empty", ("1/Images/empty/IM1",)),
}


@pytest.mark.parametrize(("case", "mode"), _some(SIDE_BY_SIDE, MODES))
def test_a_blob_that_is_a_folder_too_and_a_folder_as_central_store(
    azurite: Azurite, tmp_path: Path, run: Run, case: str, mode: str
) -> None:
    odd, others = SIDE_BY_SIDE[case]
    world = World(tmp_path)
    container = f"site-{uuid.uuid4().hex}"
    _in_the_cloud(world, azurite, mode, site=container)
    with service(azurite) as account:
        client = account.create_container(container)
        for blob in ("OMOP/person.csv", "1/Images/a.dcm", odd, *others):
            client.upload_blob(blob, b"" if "empty" in blob else b"content")
        assert "A folder has the same name" in run(world, "scan")[1]
        status, text = run(world, "submit", "--yes", "--version", "v1")
        assert status == 1
        assert "A folder has the same name" in text
        assert "another version" in text
        assert set(world.active()) == {"OMOP/person.csv", "1/Images/a.dcm", *others}, "the rest is submitted"
        assert run(world, "submit", "--yes", "--version", "v2")[0] == 0, "the remedy works"
        assert world.active()[odd].version == "v2"
        assert "Nothing to do" in run(world, "submit", "--yes")[1]
        assert run(world, "file", "verify", "--all", "--reread")[0] == 0
        world.check_truth()


WINDOWS_CANNOT = ("a:b", "a?b", "a*b", "a<b", 'a"b', "a|b", "a\\b", "é" * 90 + "tab\t")
WINDOWS_CAN = (
    "dot.",
    "space ",
    "con",
    "NUL.txt",
    "com1",
    "x/com2/y",
    ".hidden",
    "com10.dcm",
    "100%",
    "a&b",
    "a!b",
    "two  spaces",
    "n" * 200,
)
"""Also names that Explorer cannot open: the program uses the paths that take every name as it is."""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_windows_cannot_hold_and_a_folder_as_central_store(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site is on a share of another system."""
    monkeypatch.setattr("chorus_gui.core.storage.accepts.WINDOWS", True)
    world = a_site(tmp_path, "full")
    for name in (*WINDOWS_CANNOT, *WINDOWS_CAN):
        world.put(f"1/Images/{name}", name)
    ended = [run(world, "submit", "--yes") for _ in range(2)]
    assert [status for status, _ in ended] == [1, 1]
    assert ended[1][1].count("The central store cannot hold a file of this name") == len(WINDOWS_CANNOT)
    assert {path.removeprefix("1/Images/") for path in world.active()} - {"OMOP/person.csv", "a.dcm", "1/Waveforms/w.dat"} == set(
        WINDOWS_CAN
    )
    for name in WINDOWS_CANNOT:
        (world.site / "1/Images" / name).unlink()
    assert run(world, "submit", "--yes")[0] == 0


TWINS = {
    "files": ("1/Images/IM1.dcm", "1/Images/im1.DCM"),
    "folders": ("1/Images/Series/a.dcm", "1/Images/SERIES/b.dcm"),
    "a file and a folder": ("1/Images/study/b.dcm", "1/Images/STUDY"),
    "not ASCII": ("1/Images/Zürich.dcm", "1/Images/ZÜRICH.dcm"),
}


@pytest.mark.skipif(not cases_differ(), reason="capital letters are ignored here")
@pytest.mark.parametrize("case", TWINS)
def test_names_equal_but_for_case_and_a_central_store_that_ignores_it(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """As with a site on Linux, and a folder of Windows or a share as central store."""
    monkeypatch.setattr("chorus_gui.core.review.places.folder_ignores_case", lambda _: True)
    world = a_site(tmp_path, "full")
    for path in TWINS[case]:
        world.put(path, path)
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 1
    assert "1 problem on the site" in text
    sent = [path for path in TWINS[case] if path in world.active()]
    assert len(sent) == 1
    assert len(world.active()) == 4, "the rest is submitted"
    assert run(world, "submit", "--yes", "--version", "v2")[0] == 0
    assert len(world.active()) == 5
    world.check_truth()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["1/Images/back\\slash", "1/Images/bell\x07", "1/Images/" + "d" * 200 + "/" + "e" * 200 + "/" + "f" * 200])
def test_a_name_that_the_central_store_cannot_hold_is_a_finding_of_the_review(
    azurite: Azurite, tmp_path: Path, run: Run, name: str
) -> None:
    world = a_site(tmp_path, "full")
    container = f"central-{uuid.uuid4().hex}"
    prefix = "p" * 400 + "/" + "q" * 200
    _in_the_cloud(world, azurite, "full", central=f"{container}/{prefix}")
    with service(azurite) as account:
        account.create_container(container)
        world.put(name, "odd")
        ended = [run(world, "submit", "--yes") for _ in range(3)]
        assert [status for status, _ in ended] == [1, 1, 1], ended[0][1]
        assert "The central store cannot hold a file of this name" in ended[2][1]
        assert {row.path for row in world.active().values()} == {"OMOP/person.csv", "1/Images/a.dcm", "1/Waveforms/w.dat"}
        (world.site / name).rename(world.site / "1/Images/plain.dcm")
        assert run(world, "submit", "--yes")[0] == 0


def test_a_problem_belongs_to_the_patient_in_whose_folder_it_is(tmp_path: Path) -> None:
    from chorus_gui.core.pattern import Pattern

    images = Pattern.parse("{patient_id:w}/Images/{filepath}")
    assert [images.patient_in(path) for path in ("2004760", "2004760/Images", "2004760/Images/a/b.dcm", "a b", "2004760/Other/x", "")] == [
        "2004760",
        "2004760",
        "2004760",
        None,
        "2004760",
        None,
    ]
    assert Pattern.parse("v/{version}/{patient_id:d}/x-{filepath}").patient_in("v/1/0012") == "12"
    assert Pattern.parse("OMOP/{filepath}").patient_in("OMOP/person.csv") is None
