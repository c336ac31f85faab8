"""Names are keys: each command on each odd name acts on exactly the blob that ``remote list`` prints."""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure_places import service
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.cli.main import main
from chorus_gui.core.remote import plan_download
from chorus_gui.core.storage.fits import Folder

CONFIG = """\
[configuration]
supported_modalities = "OMOP"
[journal]
journaling_mode = "full"
[journal.source]
path = "az://{container}/apart/journal.db"
[journal.source.auth]
azure_account_name = "{account}"
azure_account_url = "{url}"
azure_account_key = "{key}"
[journal.local]
path = "journal.db"
[central_path]
path = "az://{container}/site1"
[central_path.auth]
azure_account_name = "{account}"
azure_account_url = "{url}"
azure_account_key = "{key}"
[site_path.default]
path = "site"
"""

NFC = unicodedata.normalize("NFC", "v/caf\xe9.dat")
NFD = unicodedata.normalize("NFD", NFC)

NAMES = {
    "brackets": ("v/IM[1].dcm", "v/IM1.dcm"),
    "star": ("v/a*.dcm", "v/ab.dcm", "v/abc.dcm"),
    "question mark": ("v/a?.txt", "v/ab.txt"),
    "negated class": ("v/[!a].x", "v/b.x"),
    "open bracket": ("v/[a", "v/a"),
    "percent": ("v/a%20b", "v/a b"),
    "double percent": ("v/a%2520b", "v/a%20b"),
    "hash": ("v/a#b", "v/a"),
    "query": ("v/a?b=1&c", "v/a"),
    "space at the end": ("v/s.dat ", "v/s.dat"),
    "space at the beginning": (" v/s.dat", "v/s.dat"),
    "dot at the end": ("v/d.dat.", "v/d.dat"),
    "hyphen": ("-r", "r"),
    "option": ("--yes", "yes"),
    "empty part": ("v/a//b.dat", "v/a/b.dat"),
    "two empty parts": ("v/a///b.dat", "v/a//b.dat", "v/a/b.dat"),
    "empty first part": ("/v/a.dat", "v/a.dat"),
    "empty last part": ("v/e/", "v/e", "v/e/f"),
    "NFC": (NFC, NFD),
    "NFD": (NFD, NFC),
    "capital letters": ("v/A.DAT", "v/a.dat"),
    "blob and folder": ("v/both", "v/both/x.dat"),
    "quotation marks": ('v/"q".dat', "v/q.dat"),
    "in quotation marks": ('"v/q.dat"', "v/q.dat"),
    "semicolon and plus": ("v/a;b+c", "v/a;b c"),
    "apostrophe": ("v/o'neill", "v/oneill"),
    "emoji": ("v/\U0001f600.dat", "v/.dat"),
    "right to left": ("v/a\u202egnp.exe", "v/agnp.exe"),
    "line break": ("v/a\nb", "v/ab", "v/a"),
    "tab": ("v/a\tb", "v/ab"),
    "ampersand": ("v/a&b<c>", "v/a"),
}
"""A name, and others that a careless reader could take for it."""


@dataclass
class Container:
    base: Path
    client: Any
    capsys: pytest.CaptureFixture[str]

    def put(self, *names: str) -> None:
        for name in names:
            self.client.upload_blob(f"site1/{name}", f"content of {name!r}".encode(), overwrite=True)

    def names(self) -> set[str]:
        return {blob.name.removeprefix("site1/") for blob in self.client.list_blobs()}

    def run(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        status = main(["-c", str(self.base / "config.toml"), "remote", *words])
        out, err = self.capsys.readouterr()
        return status, out, err


@pytest.fixture
def container(azurite: Azurite, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    name = f"names-{uuid.uuid4().hex}"
    config = CONFIG.format(container=name, account=azurite.account, url=azurite.url, key=azurite.key)
    (tmp_path / "config.toml").write_text(config, "utf-8")
    with service(azurite) as client:
        yield Container(tmp_path, client.create_container(name), capsys)


def _as_listed(container: Container, name: str) -> str:
    """The name as the list of a person shows it."""
    _, out, _ = container.run("list", "-r")
    _, found, _ = container.run("list", "-r", "--json")
    paths = [line["path"] for line in json.loads(found)]
    assert name in paths
    line = out.split("\n")[2 + paths.index(name)]
    return line[: line.index("  ")] if not line.startswith('"') else line[: line.index('"  ') + 1]


@pytest.mark.parametrize("case", NAMES)
def test_each_command_means_the_listed_blob_and_no_other(container: Container, case: str) -> None:
    name, *others = NAMES[case]
    container.put(name, *others)
    for words in dict.fromkeys((name, _as_listed(container, name))):
        status, out, _ = container.run("list", "--json", "--", words)
        assert status == 0
        assert [(line["path"], line["folder"]) for line in json.loads(out)] == [(name, False)]

        got = container.base / "got.dat"
        status, out, err = container.run("download", "--json", "--overwrite", "--", words, str(got))
        assert status == 0, err
        assert [line["remote"] for line in json.loads(out)] == [name]
        assert got.read_text("utf-8") == f"content of {name!r}"

        status, out, err = container.run("delete", "--yes", "--json", "-r", "--", words)
        assert status == 0, err
        assert json.loads(out) == [name]
        assert container.names() == set(others)
        container.put(name)


@pytest.mark.parametrize("command", ["list", "download", "delete"])
@pytest.mark.parametrize("name", ["v/a//b.dat", "/v/a/b.dat", "v//a/b.dat", "//", "v/a///b.dat", "v/a/b.dat//"])
def test_an_empty_part_is_never_left_out(container: Container, name: str, command: str) -> None:
    container.put("v/a/b.dat")
    words = (name, str(container.base / "got")) if command == "download" else (name,)
    status, _, err = container.run(command, *(("--yes", "-r") if command == "delete" else ()), *words)
    assert status == 2
    assert "empty part" in err
    assert container.names() == {"v/a/b.dat"}
    assert not (container.base / "got").exists()


def test_a_pattern_takes_what_no_name_is_letter_by_letter(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    container.put("v/IM1.dcm", "v/IM2.dcm", "v/IM10.dcm", "w//x", "w//y", "w/x")
    status, out, _ = container.run("delete", "--yes", "--json", "v/IM[12].dcm")
    assert (status, json.loads(out)) == (0, ["v/IM1.dcm", "v/IM2.dcm"])
    status, out, _ = container.run("list", "--json", "w//*")
    assert [line["path"] for line in json.loads(out)] == ["w//x", "w//y"]
    status, out, _ = container.run("list", "--json", "w")
    assert [line["path"] for line in json.loads(out)] == ["w//", "w/x"]
    status, out, _ = container.run("delete", "v/*", "w//*")  # nobody is there to answer
    assert status == 4
    assert all(name in out for name in ("v/IM10.dcm", "w//x", "w//y"))
    assert container.names() == {"v/IM10.dcm", "w//x", "w//y", "w/x"}


UNFIT = {
    "empty part": "v/a//b.dat",
    "empty last part": "v/e/f/",
    "too long": f"v/{'n' * 256}",
    "too long in bytes": "v/" + "\xe9" * 200,
    "blob that is a folder, too": "v/both",
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_download_leaves_out_what_this_computer_cannot_hold_and_goes_on(container: Container, case: str) -> None:
    if case == "too long in bytes" and os.name == "nt":
        pytest.skip("Windows counts characters, and this name has few enough")
    name = UNFIT[case]
    container.put("v/first.dat", "v/both/x.dat", "v/z.dat", name, "v/" + "m" * 250)
    target = container.base / "got"
    target.mkdir()
    status, out, err = container.run("download", "-r", "--json", "v", str(target))
    assert status == 1
    found = {line["remote"]: line for line in json.loads(out)}
    assert set(found) == container.names()
    assert [line["remote"] for line in found.values() if line["error"]] == [name]
    for other in set(found) - {name}:
        assert (target / other).read_text("utf-8") == f"content of {other!r}"
    assert name in err
    assert "remote download NAME FILE" in err
    status, _, err = container.run("download", name, str(container.base / "alone.dat"))  # what the message says
    assert status == 0, err
    assert (container.base / "alone.dat").read_text("utf-8") == f"content of {name!r}"
    shutil.rmtree(target)
    target.mkdir()
    status, _, err = container.run("download", name, str(target))
    assert status == (0 if case in ("empty part", "blob that is a folder, too") else 2), err


def test_a_file_in_the_way_is_named_before_anything_is_fetched(container: Container) -> None:
    container.put("v/a/x.dat", "v/b/y.dat", "v/c.dat")
    target = container.base / "got"
    (target / "v/c.dat").mkdir(parents=True)
    (target / "v/a").write_text("in the way")
    status, _, err = container.run("download", "-r", "v", str(target))
    assert status == 1
    assert (target / "v/b/y.dat").is_file()
    assert (target / "v/a").read_text() == "in the way"
    assert "v/a/x.dat" in err
    assert "v/c.dat" in err


@pytest.mark.parametrize("name", ["CON", "nul.dcm", "a:b", "trailing.", "space ", "a*b", "com1.txt", 'q".dat', "x" * 256])
def test_names_of_windows_devices_are_refused_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.fits._WINDOWS", True)
    assert Folder(tmp_path).refuses(f"v/{name}")
    assert not Folder(tmp_path).refuses("v/plain.dcm")


@pytest.mark.parametrize(("folding", "same"), [((True, False), ("A.dat", "a.DAT")), ((False, True), (NFC[2:], NFD[2:]))])
def test_names_that_are_one_file_here_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folding: tuple[bool, bool], same
) -> None:
    from memorystore import MemoryStore

    from chorus_gui.core.job import JobContext

    monkeypatch.setattr("chorus_gui.core.storage.fits._try_out", lambda root: folding)
    store = MemoryStore()
    for name in (*same, "other"):
        store.put(f"v/{name}", b"x")
    plan = plan_download(store, ["v"], tmp_path, JobContext(), recursive=True, overwrite=False)
    assert [target.name for _, target in plan.files] == sorted((min(same), "other"))
    assert [one.remote for one in plan.refused] == [f"v/{max(same)}"]
    assert f"v/{min(same)}" in plan.refused[0].why


def test_what_the_target_folder_ignores_is_tried_out_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "Probe").touch()
    folds = os.path.exists(tmp_path / "probe")
    assert (Folder(tmp_path / "new/er").key("A") == Folder(tmp_path).key("a")) is folds
    assert {file.name for file in tmp_path.iterdir()} - {"home"} == {"Probe"}


def test_an_upload_refuses_names_of_its_own_and_sends_the_rest(container: Container) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    folder = container.base / "up"
    folder.mkdir()
    for name in ("plain", "back\\slash", "bell\x07", "-x", "[1]", "a%b#c"):
        (folder / name).write_text(name)
    status, out, err = container.run("upload", "--json", "-r", str(folder), "w")
    assert status == 1
    assert container.names() == {"w/up/plain", "w/up/-x", "w/up/[1]", "w/up/a%b#c"}
    assert {line["remote"] for line in json.loads(out) if line["error"]} == {"w/up/back\\slash", "w/up/bell\x07"}
    status, _, err = container.run("upload", str(folder / "back\\slash"), "w/backslash")
    assert status == 0, err
    for target in ("/w/x", "w//x", "w//"):
        status, _, err = container.run("upload", str(folder / "plain"), target)
        assert status == 2
        assert "empty part" in err
    assert len(container.names()) == 5


def test_the_cloud_journal_is_not_uploaded_over_in_any_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path)
    world.file.write_text(
        world.file.read_text("utf-8") + f'\n[journal.source]\npath = "{(world.central / "sub/cloud.db").as_posix()}"\n', "utf-8"
    )
    world.store.put("sub/cloud.db", b"journal")
    folder = tmp_path / "sub"
    folder.mkdir()
    for name in ("cloud.db", "cloud.db.locked", "cloud.db.chorus"):
        (folder / name).write_bytes(b"other")
        for words in (("-r", str(folder), "/"), (str(folder / name), "sub/"), (str(folder / name), f"sub/{name}")):
            assert main(["-c", str(world.file), "remote", "upload", "--overwrite", *words]) == 2, words
        (folder / name).unlink()
    assert b"".join(world.store.read("sub/cloud.db")) == b"journal"
