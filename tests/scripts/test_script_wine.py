"""Batch files under a real cmd: Wine's, in a chroot that CHORUS_WINE_CHROOT names (default: where the Windows build keeps it).

Stand-ins for az, AzCopy and our own program write down their arguments exactly.  Wine refuses ``chcp 65001``, so what it makes of
other than ASCII names (it reads UTF-8 as code page 437) is turned back here; that a real Windows does not is not shown by this.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_rows import GOOD, HOSTILE, PLACES, config_with, made_for, row_with
from scriptworld import NASTY, ScriptWorld

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Row
from chorus_gui.core.scripts.generate import Script, make_script, save
from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool
from chorus_gui.core.submission.work import Selection, pending_rows

CHROOT = Path(os.environ.get("CHORUS_WINE_CHROOT", "/var/cache/chorus-wine"))
PYTHON = "Z:\\opt\\winpy\\python.exe"
SAS = "sv=2025&sp=rcwl&sig=ab%2Fcd%3D"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROOT / "opt" / "winpy" / "python.exe").exists() or not hasattr(os, "geteuid") or os.geteuid() != 0,
        reason=f"there is no Wine with a Windows Python in {CHROOT} (CHORUS_WINE_CHROOT), or we are not root",
    ),
]

RECORD = """\
import json, os, sys
name, *words = sys.argv[1:]
log = os.environ["CHORUS_TEST_LOG"]
with open(log, "a", encoding="utf-8", errors="surrogatepass") as out:
    secrets = {key: os.environ[key] for key in ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_KEY") if os.environ.get(key)}
    out.write(json.dumps([name, words, secrets]) + "\\n")
calls = sum(1 for _ in open(log, encoding="utf-8"))
done = os.path.join(os.path.dirname(log), "done")
if name == "chorus" and "ready" in words:
    listed = words[words.index("--file-list") + 1]
    marked = open(done).read().split() if os.path.exists(done) else []
    sys.exit(10 if os.path.basename(listed) in marked else 0)
if name == "chorus" and "mark_as_uploaded_local" in words:
    open(done, "a").write(os.path.basename(words[-1]) + "\\n")
if name == "chorus" and "sas" in words:
    print("sv=1&sig=signed%3D")
sys.exit(9 if str(calls) == os.environ.get("CHORUS_TEST_FAIL_AT") else 0)
"""
WRAPPER = '@echo off\r\n"{python}" "%~dp0record.py" {name} %*\r\n'
UNSHARE = 'R=$1; shift; mount --make-rprivate /; mount -t proc proc "$R/proc"; mount --bind /dev "$R/dev"; exec chroot "$R" "$@"'
ENTER = 'cd "$1"; shift; export WINEARCH=win64 WINEDEBUG=-all "WINEDLLOVERRIDES=mscoree=;mshtml=;winedbg.exe=d" HOME=/root "$2"; xvfb-run -a wine cmd /c "$1"; s=$?; wineserver -w; exit $s'

Call = tuple[str, list[str], dict[str, str]]


def ascii_again(text: str) -> str:
    return text.encode("cp437").decode("utf-8") if not text.isascii() else text


class Wine:
    """A folder in the chroot with the stand-ins, and a site whose paths are Windows paths."""

    def __init__(self, world: ScriptWorld) -> None:
        self.inside = f"/tmp/{uuid.uuid4().hex}"
        self.folder = CHROOT / self.inside.lstrip("/")
        self.folder.mkdir(parents=True)
        (self.folder / "record.py").write_text(RECORD, newline="\n")
        for name in ("az", "azcopy"):
            (self.folder / f"{name}.cmd").write_text(WRAPPER.format(python=PYTHON, name=name), newline="")
        self.world = world
        self.windows = "Z:" + self.inside.replace("/", "\\")

    def script(self, tool: Tool, *, one_by_one: bool = False) -> str:
        """Generate for Windows, into the folder; the file's name."""
        config = on_windows(self.world.config)
        with Journal.open(self.world.journal, readonly=True) as journal:
            rows = list(pending_rows(config, journal, Selection(), lambda *_: False))
            return self.script_of(config, rows, tool, one_by_one=one_by_one)[0]

    def script_of(self, config: Config, made: list[Row], tool: Tool, *, one_by_one: bool = True) -> tuple[str, Script]:
        """Generate from these entries, into the folder; the file's name, and what is in it."""
        program = (PYTHON, self.windows + "\\record.py", "chorus")
        options = ScriptOptions(tool, Target.WINDOWS, program, "send 100% (1)", one_by_one=one_by_one)
        script = make_script(config, made, options)
        file = self.folder / f"{script.name}.bat"
        for old in (file, self.folder / "done"):
            old.unlink(missing_ok=True)
        save(script, file)
        return file.name, script

    def run(self, name: str, *environment: str) -> tuple[int, str, list[Call]]:
        """Status, output, and what was called."""
        log = self.folder / "log.txt"
        log.unlink(missing_ok=True)
        (self.folder / "run.cmd").write_text('@"%~dp0' + name.replace("%", "%%") + '"\r\n', newline="")
        words = ["env", f"CHORUS_TEST_LOG={self.windows}\\log.txt", f"AZURE_SAS_TOKEN=?{SAS}", *environment]
        words += [f"WINEPATH={self.windows}", "sh", "-c", ENTER, "sh", self.inside, "run.cmd", "LANG=C.UTF-8"]
        command = ["unshare", "-m", "--pid", "--fork", "--kill-child", "sh", "-c", UNSHARE, "sh", str(CHROOT), *words]
        result = subprocess.run(command, capture_output=True, timeout=500, check=False, stdin=subprocess.DEVNULL)
        calls = [tuple(json.loads(line)) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
        said = result.stdout.decode("utf-8", "replace") + result.stderr.decode("utf-8", "replace")
        return result.returncode, said, [(n, [ascii_again(w) for w in words], s) for n, words, s in calls]


def on_windows(config: Config) -> Config:
    """The same configuration, the site on a Windows drive."""
    sites = {
        name: replace(site, place=replace(site.place, text="D:/the site's %20 (folder) & more")) for name, site in config.sites.items()
    }
    return replace(config, sites=sites)


@pytest.fixture
def wine(tmp_path: Path) -> Iterator[Wine]:
    world = ScriptWorld(tmp_path, page_size=7)
    world.record()
    made = Wine(world)
    yield made
    shutil.rmtree(made.folder)


def options_of(words: list[str]) -> dict[str, str]:
    return {word: value for word, value in itertools.pairwise(words) if word.startswith("--")}


def expected(world: ScriptWorld) -> set[tuple[str, str]]:
    """(file on Windows, blob) of everything that waits."""
    out: set[tuple[str, str]] = set()
    for row in world.rows():
        file = "D:\\the site's %20 (folder) & more\\" + row.path.replace("/", "\\")
        blob = "site 50%/" + world.config.store_path(row.modality, row.path, row.version)
        out.add(("\\\\?\\" + file if len(file) >= 240 else file, blob))
    return out


def test_az_gets_every_name_exactly(wine: Wine) -> None:
    name = wine.script(Tool.AZCLI, one_by_one=True)
    status, said, calls = wine.run(name)
    assert status == 0, said
    sent = [options_of(words) for tool, words, _ in calls if tool == "az" and words[:3] == ["storage", "blob", "upload"]]
    journal = sent.pop()
    assert {(one["--file"], one["--name"]) for one in sent} == expected(wine.world)
    assert journal["--name"] == "site 50%/20260101000000/journal.db"
    assert all(secrets == {"AZURE_STORAGE_SAS_TOKEN": SAS} for tool, words, secrets in calls if words[:1] == ["storage"])
    assert f"[{len(NASTY)}/{len(NASTY)}]" in said
    marks = [words[-1].rpartition("\\")[2] for tool, words, _ in calls if "mark_as_uploaded_local" in words]
    assert marks == ["0001.txt", "0002.txt"]
    assert all(words[1] == str(wine.world.file) for tool, words, _ in calls if tool == "chorus")


def test_azcopy_gets_its_lists_and_addresses_exactly(wine: Wine) -> None:
    name = wine.script(Tool.AZCOPY)
    status, said, calls = wine.run(name)
    assert status == 0, said
    sent = [words for tool, words, _ in calls if tool == "azcopy" and words[0] == "copy"]
    assert all(words[2].endswith("?" + SAS) for words in sent)
    first = sent[0]
    assert first[1] == "D:\\the site's %20 (folder) & more"
    assert first[2].startswith("https://choruspilotstorage.blob.core.windows.net/cont/site%2050%25/20260101000000?")
    assert f"--list-of-files={wine.windows}\\send 100% (1).files\\0001-1.txt" in first


def sent_by(calls: list[Call]) -> list[tuple[str, str]]:
    """(file, blob) of what az was called to upload."""
    words = [options_of(words) for tool, words, _ in calls if tool == "az" and words[:3] == ["storage", "blob", "upload"]]
    return [(one["--file"], one["--name"]) for one in words]


HARMLESS = ("%PATH%", "!PATH!", "^&echo PWNED", "a&echo PWNED", "$(touch PWNED)", "%~dp0", "^^^", "%%F%%", "a;b")
"""Hostile values that a name on Windows can have."""


def ran_a_command(said: str) -> bool:
    """A line of the output is what “echo PWNED” writes, and not a name in a line of the script."""
    return any(line.strip(' "') == "PWNED" for line in said.splitlines())


def shown_by_wine(text: str) -> bool:
    """Wine's cmd and the stand-ins hand such a text on as it is: see the beginning of this file for those that they do not."""
    return text.isascii()


@pytest.mark.parametrize("column", ["version", "folder of a version", "name", "folder", "patient"])
def test_hostile_values_of_a_journal_run_nothing(wine: Wine, column: str) -> None:
    """A real cmd calls az with the exact names of the entries that the script carries, and runs no command of theirs."""
    config = on_windows(wine.world.config)
    made = [row_with(column, value, number) for number, value in enumerate(HOSTILE, 1) if shown_by_wine(value)]
    name, script = wine.script_of(config, made, Tool.AZCLI)
    kept = [row for row in made if made_for(config, Tool.AZCLI, Target.WINDOWS, [row]).files]
    assert len(kept) == script.files
    if column != "patient":  # of those the pattern allows few
        assert {row.file_id for row in kept} >= {number for number, value in enumerate(HOSTILE, 1) if value in HARMLESS}
    before = {file.name for file in wine.folder.rglob("*")}
    status, said, calls = wine.run(name)
    assert status == 0, said[-3000:]
    assert {tool for tool, _, _ in calls} == {"az", "chorus"}
    root = "D:\\the site's %20 (folder) & more\\"
    wanted: list[tuple[str, str]] = []
    for row in kept:
        file = root + row.path.replace("/", "\\")
        blob = "site 50%/" + config.store_path(row.modality, row.path, row.version)
        wanted.append(("\\\\?\\" + file if len(file) >= 240 else file, blob))
    assert sent_by(calls)[: len(wanted)] == wanted
    assert {blob for _, blob in sent_by(calls)[len(wanted) :]} == {f"site 50%/{row.version}/journal.db" for row in kept}
    assert {file.name for file in wine.folder.rglob("*")} - before <= {"log.txt", "run.cmd", "done"}
    assert not ran_a_command(said)


@pytest.mark.parametrize("place", PLACES)
def test_hostile_values_of_a_configuration_run_nothing(wine: Wine, place: str) -> None:
    """Container, folder, account, server, journal and file of a configuration that arrives by mail."""
    tried = 0
    for value in ("%PATH%&echo PWNED", "!x!^&b", 'x" & echo PWNED & rem "', "x%0y", "x\r\necho PWNED"):
        config = config_with(on_windows(wine.world.config), place, value)
        try:
            name, _ = wine.script_of(config, [row_with("md5", GOOD[3])], Tool.AZCLI)
        except ChorusError:
            continue
        tried += 1
        status, said, calls = wine.run(name)
        assert status == 0, said[-2000:]
        assert {tool for tool, _, _ in calls} == {"az", "chorus"}
        assert len(sent_by(calls)) == 2
        assert not ran_a_command(said)
        assert not list(wine.folder.rglob("PWNED*"))
        if place == "prefix":
            assert sent_by(calls)[0][1].startswith(f"{value}/")
        if place == "configuration":
            assert {words[1] for tool, words, _ in calls if tool == "chorus"} == {str(config.file)}
    assert tried == (3 if place in ("prefix", "journal", "configuration") else 0)


def test_a_failure_stops_it_and_the_next_run_goes_on(wine: Wine) -> None:
    name = wine.script(Tool.AZCLI, one_by_one=True)
    status, said, calls = wine.run(name, "CHORUS_TEST_FAIL_AT=13")  # the second file of the second page
    assert status == 1, said
    assert "STOPPED" in said
    assert len(calls) == 13
    status, said, calls = wine.run(name)
    assert status == 0, said
    sent = [words for tool, words, _ in calls if tool == "az" and words[:3] == ["storage", "blob", "upload"]]
    assert len(sent) == len(NASTY) - 7 + 1  # the second page, and the journal's copy


def test_a_signed_sas_comes_through(tmp_path: Path) -> None:
    auth = 'auth_mode = "sas"\nazure_account_name = "choruspilotstorage"\nazure_account_key = "a2V5"'
    world = ScriptWorld(tmp_path, auth, page_size=100, files=("OMOP/a.csv",))
    world.record()
    made = Wine(world)
    try:
        name = made.script(Tool.AZCOPY)
        status, said, calls = made.run(name)
        assert status == 0, said
        assert [words[2].rpartition("?")[2] for tool, words, _ in calls if tool == "azcopy" and words[0] == "copy"] == [
            "sv=1&sig=signed%3D"
        ] * 2
        assert not list(made.folder.glob("*/sas.txt"))
    finally:
        shutil.rmtree(made.folder)
