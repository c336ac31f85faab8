"""Anybody who can write the journal chooses its paths and versions: no script does anything else with them than the built-in upload.

Bash scripts are run; batch files are read by :mod:`cmdworld`, and by a real cmd in ``test_script_wine.py``.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import pytest
from cmdworld import arguments, run_batch
from scriptworld import VERSION, ScriptWorld

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import AccessError, SourceUnreadableError, UsageError
from chorus_gui.core.model import Row
from chorus_gui.core.scripts import batch, shell
from chorus_gui.core.scripts.generate import Script, make_script, save
from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Target, Tool
from chorus_gui.core.scripts.text import only_quoted
from chorus_gui.core.shown import unquoted
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.names import outside

SECRET = "CANARY"
HOSTILE = (
    '1" & echo PWNED & rem "', "1\r\necho PWNED", "1\necho PWNED", "1\rtouch PWNED", "$(touch PWNED)", "`touch PWNED`", "'; touch PWNED; '",
    '"; touch PWNED; "', "$HOME", "${IFS}", "%PATH%", "%%PATH%%", "%PATH", "!PATH!", "^&echo PWNED", "a&echo PWNED", "a|b", "a>PWNED", "a<b",
    "a(b)", "../../x", "..", ".", "", "a//b", "/etc/passwd", "C:/Windows/x", "C:x", "C:\\x", "\\\\srv\\share", "a\\", "a\\\"", "-x", "--help",
    "@/etc/passwd", "@file", "a\x1ab", "a\0b", "\x1b[31m", "\x7f", "a\u0085b", "a\u2028b", "\u202efoo", "\udcff", "~", "~root", "*", "?", "[a]",
    "{a,b}", "#x", ";x", "a b", " a", "a ", "\ta", "%41", "%25", "%", "é", "日本", "😀", "con", "nul.txt", "a.", "=x", "a=b", "x" * 2000,
)  # fmt: skip


def rows() -> list[Row]:
    """Every hostile value in every column that is a text."""
    made: list[Row] = []
    good = (VERSION, "OMOP", "OMOP/person.csv", "0" * 32)
    for value in HOSTILE:
        for version, modality, path, md5 in (
            (value, *good[1:]), (f"{VERSION}/{value}", *good[1:]), (VERSION, value, "OMOP/a.csv", good[3]), (VERSION, "OMOP", value, good[3]),
            (VERSION, "OMOP", f"OMOP/{value}", good[3]), (VERSION, "OMOP", f"OMOP/{value}/x.csv", good[3]), (*good[:3], value),
            (VERSION, "Images", f"{value}/Images/x.dcm", good[3]),
        ):  # fmt: skip
            made.append(Row(len(made) + 1, modality, path, None, 3, 1, md5, 1, None, None, version))
    return made


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return ScriptWorld(tmp_path, files=("OMOP/person.csv",), central="az://cont").config


def made_for(config: Config, tool: Tool, target: Target, made: list[Row], *, program: tuple[str, ...] = ("chorus",)) -> Script:
    options = ScriptOptions(tool, target, program, "upload", SecretMode.ENV, one_by_one=True)
    return make_script(config, made, options)


def carried(config: Config, script: Script, made: list[Row]) -> list[Row]:
    """The rows that the script uploads.  The others have a reason each."""
    left = iter(script.left_out)
    assert all(re.search(r"[.!]$", why) for _, why in script.left_out)
    assert script.files + len(script.left_out) == len(made)
    out: list[Row] = []
    pending = next(left, None)
    for row in made:
        if pending is not None and pending[0] == row.path:
            pending = next(left, None)
        else:
            out.append(row)
    return out


STUB = """#!{python}
import json, os, sys
with open(os.environ["LOG"], "a") as log:
    log.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
"""


@pytest.mark.skipif(os.name == "nt", reason="runs bash")
@pytest.mark.parametrize("tool", list(Tool))
def test_bash_scripts_run_with_hostile_values_in_every_column(config: Config, tmp_path: Path, tool: Tool) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("az", "azcopy", "chorus"):
        (tools / name).write_text(STUB.format(python=sys.executable))
        (tools / name).chmod(0o755)
    made = rows()
    script = made_for(config, tool, Target.POSIX, made)
    sent = carried(config, script, made)
    file = tmp_path / "run" / "upload.sh"
    file.parent.mkdir()
    save(script, file)
    log = tmp_path / "log"
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "LOG": str(log), "AZURE_SAS_TOKEN": SECRET, "HOME": str(tmp_path)}
    done = subprocess.run(["bash", str(file)], cwd=file.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(found.name for found in file.parent.rglob("*") if "PWNED" in found.name) == []
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    site = str(config.sites["OMOP"].place.folder)
    if tool is Tool.AZCLI:
        found = [(call[call.index("--file") + 1], call[call.index("--name") + 1]) for call in calls if call[0] == "az" and "--file" in call]
        copies = {(str(config.journal.local), f"{row.version}/{config.journal.local.name}") for row in sent}
        wanted = [(f"{site}/{row.path}", config.store_path(row.modality, row.path, row.version)) for row in sent]
        assert found[: len(wanted)] == wanted
        assert set(found[len(wanted) :]) == copies
    listed = [line for name, text in script.lists.items() if re.fullmatch(r"\d+\.txt", name) for line in text.splitlines()]
    assert [unquoted(line) for line in listed] == [row.path for row in sent]
    assert {call[0] for call in calls} == {"az" if tool is Tool.AZCLI else "azcopy", "chorus"}


@pytest.mark.parametrize("tool", list(Tool))
def test_batch_files_run_nothing_but_their_own_commands(config: Config, tool: Tool) -> None:
    made = rows()
    script = made_for(config, tool, Target.WINDOWS, made)
    sent = carried(config, script, made)
    assert sent
    ran = run_batch(script.text, {"AZURE_SAS_TOKEN": SECRET, "PATH": 'C:\\x" & echo PWNED', "HOME": "h"})
    assert ran.injected == []
    programs = {call[0].lower() for call in ran.calls}
    assert programs == {"az" if tool is Tool.AZCLI else "azcopy", "chorus"}
    if tool is Tool.AZCLI:
        calls = [call for call in ran.calls if "--file" in call]
        found = [(call[call.index("--file") + 1], call[call.index("--name") + 1]) for call in calls]
        root = str(config.sites["OMOP"].place.folder).replace("/", "\\")
        wanted = [(root + "\\" + row.path.replace("/", "\\"), config.store_path(row.modality, row.path, row.version)) for row in sent]
        assert [(file.removeprefix("\\\\?\\"), name) for file, name in found[: len(wanted)]] == wanted
        assert {len(call) for call in calls} == {20, 22}  # no value became two words; 22: with an MD5
    assert {PureWindowsPath(row.path).drive for row in sent} == {""}


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("tool", list(Tool))
def test_no_path_of_a_script_leaves_the_site(config: Config, tool: Tool, target: Target) -> None:
    made = rows()
    script = made_for(config, tool, target, made)
    for row in carried(config, script, made):
        assert outside(row.path, windows=target is Target.WINDOWS) == ""
        blob = config.store_path(row.modality, row.path, row.version)
        assert not {"", ".", ".."} & set(blob.split("/"))
        assert not blob.startswith(("-", "@"))
    assert {"OMOP/../../x", "/etc/passwd", "../../x", "OMOP//etc/passwd"} <= {path for path, _ in script.left_out}


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a&b", "a b", "%PATH%", "a^b", "$(x)", "a\x1ab", "a'b", "x;y", "a|b"])
@pytest.mark.parametrize(("tool", "target"), list(itertools.product(Tool, Target)))
def test_hostile_values_of_the_configuration_are_quoted_or_refused(config: Config, tool: Tool, target: Target, value: str) -> None:
    """An attacker sends a configuration: names and addresses in it run nothing either."""
    given = config.central.credentials
    places = [
        replace(config, central=replace(config.central, container=value)),
        replace(config, central=replace(config.central, prefix=value)),
        replace(config, central=replace(config.central, credentials=replace(given, account_name=value))),
        replace(config, central=replace(config.central, credentials=replace(given, account_url=f"https://stmary.blob.core.windows.net/{value}"))),
        replace(config, journal=replace(config.journal, local=Path(f"/x/{value}.db"))),
        replace(config, file=Path(f"/x/{value}.toml")),
    ]  # fmt: skip
    row = Row(1, "OMOP", "OMOP/person.csv", None, 3, 1, "0" * 32, 1, None, None, VERSION)
    for hostile in places:
        try:
            script = made_for(hostile, tool, target, [row])
        except (UsageError, AccessError):
            continue
        if target is Target.WINDOWS:
            ran = run_batch(script.text, {"AZURE_SAS_TOKEN": SECRET, "PATH": "x"})
            assert ran.injected == []
            assert {call[0].lower() for call in ran.calls} <= {"az", "azcopy", "chorus"}
        else:
            checked = subprocess.run(["bash", "-n"], input=script.text, capture_output=True, text=True, check=False)
            assert checked.returncode == 0, checked.stderr


def test_what_is_not_quoted_never_reaches_a_script() -> None:
    with pytest.raises(TypeError, match="not quoted"):
        only_quoted('a"b')
    assert only_quoted("plain words") == "plain words"
    for quoting in (batch.CMD, shell.BASH):
        for bad in ("a\nb", "a\0b", "\udcff", "\x1a"):
            with pytest.raises(UsageError):
                quoting.value(bad)
            with pytest.raises(UsageError):
                quoting.words([bad])
    for bad in ('a"b', "a\\"):
        with pytest.raises(UsageError):
            batch.CMD.value(bad)
    with pytest.raises(UsageError) as caught:
        batch.CMD.value('sv=1&sig=CANARY"')
    assert "CANARY" not in str(caught.value)


def test_the_model_of_cmd_finds_what_an_unquoted_value_does() -> None:
    """What the older batch files had: the model is no use if it does not see it."""
    assert run_batch('set "N=1" & echo PWNED-BAT & rem "/x.dcm"').injected == ['& echo PWNED-BAT & rem "/x.dcm"']
    assert run_batch('set "N=1\r\necho-pwned\r\n"').calls == [["echo-pwned"], [""]]
    assert run_batch('set "F=a%%X%%b"\r\ncall az "%%F%%"', {"X": "y"}).calls == [["az", "a%X%b"]]
    assert run_batch('set "F=a^b"\r\ncall az "%%F%%"').calls == [["az", "a^b"]]
    assert arguments('az "a\\" b "c"') == ["az", 'a" b c']


HOSTILE_PATHS = (
    "",
    ".",
    "..",
    "/",
    "a/../b",
    "../x",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "/etc/hostname",
    "a/",
    "a\0b",
    "OMOP/../../outside/secret.txt",
)
WINDOWS_PATHS = ("C:/x", "C:x", "a/C:/x", "a:stream", "a\\b", "\\\\srv\\x", "\\x", "..\\x", "//srv/x", "\\\\?\\C:\\x")


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    (tmp_path / "site" / "OMOP").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("TOPSECRET")
    return FolderSource(tmp_path / "site")


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_source_reads_nothing_outside_its_folder(source: FolderSource, path: str) -> None:
    for read in (source.stat, source.open):
        with pytest.raises(SourceUnreadableError, match="is not a path of this site") as caught:
            read(path)
        assert "mark_as_deleted" in caught.value.remedy


@pytest.mark.parametrize("path", WINDOWS_PATHS)
def test_on_windows_a_part_names_no_drive_and_no_stream(path: str) -> None:
    assert outside(path, windows=True)
    assert outside("OMOP/a.csv", windows=True) == ""
    if not path.startswith("//"):
        assert outside(path, windows=False) == ""  # an ordinary name there
