"""Configurations and lists as people's programs write them: every encoding with a mark, line ends, quotes, and paths of every form."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from world import World

from chorus_gui.app.status import Status
from chorus_gui.cli.main import main
from chorus_gui.core.config.load import load, read_text
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import ConfigError, UsageError
from chorus_gui.core.journal.queries import active_by_paths
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.shown import quoted
from chorus_gui.core.submission.listed import find_rows, read_list
from chorus_gui.core.text_files import NotTextError, text_of

ENCODINGS = {
    "UTF-8": "utf-8",
    "UTF-8 with a mark": "utf-8-sig",
    "UTF-16": "utf-16",  # Python writes a mark
    "UTF-32": "utf-32",
}
ENDS = {"LF": "\n", "CR LF": "\r\n"}
PATH = "1000001/Images/IM000001"
NAMES = ["IM1", "Zürich 100 %", "a b", "naïve [1] & co", "名前", "tab\there", '"quoted"', " lead", "trail ", "a\\b", "x\ny", "#1", "-rf"]


def marked(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.put(PATH, "image")
    world.put("1000001/Images/IM000002", "another")
    world.run("submit", version="v1")
    return world


def current(world: World) -> set[str]:
    return {row.path for row in world.rows(active=True)}


def mark(world: World, line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    listed = world.base / "list.txt"
    listed.write_text(line + "\n", "utf-8")
    status = main(["-c", str(world.file), "file", "mark_as_deleted", "--file-list", str(listed)])
    return status, capsys.readouterr().err


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_a_configuration_is_read_in_every_encoding_with_a_mark(world: World, encoding: str, end: str) -> None:
    text = world.file.read_text("utf-8") + "# für Zürich\n"
    world.file.write_bytes(marked(text.replace("\n", end), encoding))
    assert load(world.file, environ={}).journal.local == world.journal


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_a_list_is_read_in_every_encoding_with_a_mark(tmp_path: Path, encoding: str, end: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes(marked("".join(quoted(name) + end for name in NAMES), encoding))
    assert read_list(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_list_comes_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(quoted(name) + "\n", "utf-8", newline="")
    assert read_list(listed) == [name]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_refused_with_the_reason(world: World, encoding: str) -> None:
    listed = world.base / "list.txt"
    listed.write_bytes(f"{PATH}\r\n".encode(encoding))
    with pytest.raises(UsageError, match=r"UTF-16 without a byte order mark.*UTF-8"):
        read_list(listed)
    world.file.write_bytes(world.file.read_text("utf-8").encode(encoding))
    with pytest.raises(ConfigError, match=r"UTF-16 without a byte order mark.*UTF-8"):
        read_text(world.file)


@pytest.mark.parametrize("data", [b"a\nb\xff\n", b"\xff\xfea", b"\xef\xbb\xbf\xff", b"\xff\xfe\x00\x00\x00\x00\x11\x00"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(NotTextError):
        text_of(data)


def forms(world: World) -> dict[str, str]:
    """The same file, as people write it."""
    full = f"{world.site.as_posix()}/{PATH}"
    return {
        "quotes": f'"{PATH}"',
        "single quotes": f"'{PATH}'",
        "./": f"./{PATH}",
        "././": f"././{PATH}",
        ".\\": ".\\" + PATH.replace("/", "\\"),
        "backslashes": PATH.replace("/", "\\"),
        "absolute": full,
        "absolute in quotes": f'"{full}"',
        "absolute in single quotes": f"'{full}'",
        "blanks around": f"  {PATH}  ",
    }


FORMS = (
    "quotes", "single quotes", "./", "././", ".\\", "backslashes", "absolute", "absolute in quotes", "absolute in single quotes", "blanks around",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_file_is_found_however_it_is_written(world: World, capsys: pytest.CaptureFixture[str], form: str) -> None:
    status, err = mark(world, forms(world)[form], capsys)
    assert (status, err) == (Status.DONE, "")
    assert current(world) == {"1000001/Images/IM000002"}


@pytest.mark.parametrize("folder", ["new site", "table", "u1234", "rest", "x"])
@pytest.mark.parametrize("form", ['"{}"', "{}", '  "{}"'])
def test_a_path_that_explorer_copied_is_found(world: World, folder: str, form: str) -> None:
    """Its backslashes may look like those of a quoted name: “C:\\new” has a line break then."""
    file = world.base / "list.txt"
    root = f"D:\\{folder}"
    file.write_text(form.format(f"{root}\\{PATH}".replace("/", "\\")) + "\r\n", "utf-8", newline="")
    (text,) = read_list(file)
    site = SimpleNamespace(place=SimpleNamespace(folder=root))
    config = SimpleNamespace(sites={"Images": site})
    with Journal.open(world.journal, readonly=True) as journal:
        rows, missing = find_rows(lambda paths: active_by_paths(journal, paths), cast("Config", config), [text])
    assert ([row.path for row in rows], missing) == ([PATH], {})


def test_a_path_outside_the_site_is_refused_with_the_site_s_folder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    outside = os.path.abspath(world.base / "elsewhere" / PATH)
    status, err = mark(world, outside, capsys)
    assert status == Status.FAULTY
    assert f"It is not below the site's folder “{world.site}”" in err
    assert PATH in current(world)


def test_an_absolute_path_that_is_not_in_the_journal_names_the_path_that_was_looked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    status, err = mark(world, f"{world.site.as_posix()}/1000009/Images/none", capsys)
    assert status == Status.FAULTY
    assert "In the journal, its path would be “1000009/Images/none”." in err


def test_a_name_that_exists_letter_by_letter_means_only_that_file(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    if os.name == "nt":
        pytest.skip("Windows cannot hold these names")
    world.put("1000001/Images/'IM000002'", "quoted")
    world.put("1000001/Images/a\\b", "backslash")
    world.put("1000001/Images/a/b", "folder")
    world.run("submit", version="v2")
    for path in ("1000001/Images/'IM000002'", "1000001/Images/a\\b"):
        before = current(world)
        status, _ = mark(world, quoted(path), capsys)
        assert (status, before - current(world)) == (Status.DONE, {path})


def test_the_answer_in_json_has_the_unknown_names_as_they_were_written(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    listed = world.base / "list.txt"
    listed.write_text("./none\n", "utf-8")
    main(["-c", str(world.file), "file", "mark_as_deleted", "--file-list", str(listed), "--json"])
    assert json.loads(capsys.readouterr().out)["unknown"] == ["./none"]


@pytest.mark.parametrize("line", ["{}", "./{}", '"{}"'])
def test_a_path_that_two_modalities_have_means_both_however_it_is_written(
    world: World, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    with closing(sqlite3.connect(world.journal)) as db, db:  # as another tool recorded it
        db.execute("INSERT INTO modalities (MODALITY) VALUES ('Waveforms')")
        columns = [row[1] for row in db.execute("PRAGMA table_info(journal_v2)")][1:]  # without the row's number
        others = ["(SELECT id FROM modalities WHERE MODALITY = 'Waveforms')" if name == "MODALITY_ID" else name for name in columns]
        db.execute(f"INSERT INTO journal_v2 ({', '.join(columns)}) SELECT {', '.join(others)} FROM journal_v2 WHERE FILENAME = 'IM000001'")
    before = len(world.rows(active=True))
    status, err = mark(world, line.format(PATH), capsys)
    assert (status, err) == (Status.DONE, "")
    assert len(world.rows(active=True)) == before - 2


@pytest.mark.parametrize("null", [(), ("-0",)])
def test_a_list_of_whole_paths_names_each_modality_s_own_folder_and_is_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], null: tuple[str, ...]
) -> None:
    """As the other tools write it: a site's own script needs no configuration to find the files."""
    tables = tmp_path / "tables"
    world = World(tmp_path, more=f'[site_path.OMOP]\npath = "{tables.as_posix()}"\n')
    names = ["plain", "a b", "100 %", *([] if os.name == "nt" else ["x\ny", "a\\b", '"q"', " lead"])]
    for name in names:
        world.put(f"1/Images/{name}", name)
    (tables / "OMOP").mkdir(parents=True)
    (tables / "OMOP/person.csv").write_text("id")
    listed = tmp_path / "list.txt"

    def run(*words: str) -> str:
        assert main(["-c", str(world.file), *words]) == Status.DONE
        return capsys.readouterr().out

    run("journal", "update", "--version", "v1")
    found = json.loads(run("file", "list", "--json"))
    run("file", "list", "--absolute", *null, "--output-file", str(listed))
    whole = read_list(listed, null=bool(null))
    assert sorted(whole) == sorted(line["source"] for line in found)
    assert all(Path(path).is_file() for path in whole)
    assert len(whole) == len(names) + 1
    assert run("file", "list", "--absolute").splitlines()[0].strip('"').startswith(str(tmp_path))
    run("file", "upload")
    assert all((world.central / line["store_path"]).is_file() for line in found)
    assert {(line["version"], line["modality"]) for line in found} == {("v1", "Images"), ("v1", "OMOP")}
    run("file", "mark_as_deleted", "--file-list", str(listed), *null)
    assert not current(world)


def test_a_whole_path_in_the_cloud_is_its_address(tmp_path: Path) -> None:
    place = Place(PlaceKind.AZURE, "az://site/data/", container="site", prefix="data")
    assert place.full("1/Images/a.dcm") == "az://site/data/1/Images/a.dcm"
    sites = {"Images": SimpleNamespace(place=place)}
    config = cast("Config", SimpleNamespace(sites=sites))
    asked: list[list[str]] = []
    find_rows(lambda paths: asked.append(list(paths)) or [], config, ["az://site/data/1/Images/a.dcm"])
    assert "1/Images/a.dcm" in asked[1]
