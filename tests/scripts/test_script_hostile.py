"""Anybody who can write the journal chooses its paths and versions: no script does anything else with them than the built-in upload.

Bash scripts are run; batch files are read by :mod:`cmdworld`, and by a real cmd in ``test_script_wine.py``.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cmdworld import arguments, run_batch
from hostile_rows import GOOD, PLACES, carried, check_bash, check_batch, config_with, made_for, row_with, rows, run_bash
from scriptworld import ScriptWorld

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import AccessError, SourceUnreadableError, UsageError
from chorus_gui.core.scripts import batch, shell
from chorus_gui.core.scripts.options import Target, Tool
from chorus_gui.core.scripts.text import only_quoted
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.names import outside

SECRET = "CANARY"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return ScriptWorld(tmp_path, files=("OMOP/person.csv",), central="az://cont").config


@pytest.mark.skipif(os.name == "nt", reason="runs bash")
@pytest.mark.parametrize("tool", list(Tool))
def test_bash_scripts_run_with_hostile_values_in_every_column(config: Config, tmp_path: Path, tool: Tool) -> None:
    made = rows()
    script = made_for(config, tool, Target.POSIX, made)
    calls = run_bash(script, tmp_path, {"AZURE_SAS_TOKEN": SECRET})
    assert sum(call[0] != "chorus" for call in calls) > len(carried(script, made))
    check_bash(config, script, made, calls)


@pytest.mark.parametrize("tool", list(Tool))
def test_batch_files_run_nothing_but_their_own_commands(config: Config, tool: Tool) -> None:
    made = rows()
    script = made_for(config, tool, Target.WINDOWS, made)
    assert carried(script, made)
    check_batch(config, script, made, tool)


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("tool", list(Tool))
def test_no_path_of_a_script_leaves_the_site(config: Config, tool: Tool, target: Target) -> None:
    made = rows()
    script = made_for(config, tool, target, made)
    for row in carried(script, made):
        assert outside(row.path, windows=target is Target.WINDOWS) == ""
        blob = config.store_path(row.modality, row.path, row.version)
        assert not {"", ".", ".."} & set(blob.split("/"))
        assert not blob.startswith(("-", "@"))
    assert {"OMOP/../../x", "/etc/passwd", "../../x", "OMOP//etc/passwd"} <= {path for path, _ in script.left_out}


BASH = shutil.which("bash")


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a&b", "a b", "%PATH%", "a^b", "$(x)", "a\x1ab", "a'b", "x;y", "a|b", "a\udce9b"])
@pytest.mark.parametrize(("tool", "target"), list(itertools.product(Tool, Target)))
def test_hostile_values_of_the_configuration_are_quoted_or_refused(config: Config, tool: Tool, target: Target, value: str) -> None:
    """An attacker sends a configuration: names and addresses in it run nothing either."""
    for place in PLACES:
        try:
            script = made_for(config_with(config, place, value), tool, target, [row_with("md5", GOOD[3])])
        except (UsageError, AccessError):
            continue
        if target is Target.WINDOWS:
            ran = run_batch(script.text, {"AZURE_SAS_TOKEN": SECRET, "PATH": "x"})
            assert ran.injected == []
            assert {call[0].lower() for call in ran.calls} <= {"az", "azcopy", "chorus"}
        else:
            if BASH is None:
                pytest.skip("no bash here")
            checked = subprocess.run([BASH, "-n"], input=script.text.encode(), capture_output=True, check=False)
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
