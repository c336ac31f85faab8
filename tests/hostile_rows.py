"""Entries that anybody who can write the journal may make, the scripts that are made of them, and what those scripts call."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from cmdworld import run_batch
from scriptworld import VERSION

from chorus_gui.core.config.model import Config
from chorus_gui.core.model import Row
from chorus_gui.core.scripts.generate import Script, make_script, save
from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Target, Tool
from chorus_gui.core.shown import unquoted

HOSTILE = (
    '1" & echo PWNED & rem "', "1\r\necho PWNED", "1\necho PWNED", "1\rtouch PWNED", "$(touch PWNED)", "`touch PWNED`", "'; touch PWNED; '",
    '"; touch PWNED; "', "$HOME", "${IFS}", "%PATH%", "%%PATH%%", "%PATH", "!PATH!", "^&echo PWNED", "a&echo PWNED", "a|b", "a>PWNED", "a<b",
    "a(b)", "../../x", "..", ".", "", "a//b", "/etc/passwd", "C:/Windows/x", "C:x", "C:\\x", "\\\\srv\\share", "a\\", "a\\\"", "-x", "--help",
    "@/etc/passwd", "@file", "a\x1ab", "a\0b", "\x1b[31m", "\x7f", "a\u0085b", "a\u2028b", "\u202efoo", "\udcff", "~", "~root", "*", "?", "[a]",
    "{a,b}", "#x", ";x", "a b", " a", "a ", "\ta", "%41", "%25", "%", "é", "日本", "😀", "con", "nul.txt", "a.", "=x", "a=b", "x" * 2000,
    "%~dp0", "%0", "%*", "%1", "%CMDCMDLINE%", "%PATH:~0,1%", "%%F%%", "^^^", "a^", "!!", "a!b^!c", "%=ExitCode%", "a,b", "a;b", "a\tb",
)  # fmt: skip
"""Values that a shell, a tool or a disk could take for something else."""
GOOD = (VERSION, "OMOP", "OMOP/person.csv", "0" * 32)
COLUMNS = ("version", "folder of a version", "modality", "path", "name", "folder", "md5", "patient")
PLACES = ("container", "prefix", "account", "host", "journal", "configuration")


def row_with(column: str, value: str, number: int = 1) -> Row:
    """An entry with this value in a column, the rest of it as it should be."""
    version, modality, path, md5 = {
        "version": (value, *GOOD[1:]),
        "folder of a version": (f"{VERSION}/{value}", *GOOD[1:]),
        "modality": (VERSION, value, "OMOP/a.csv", GOOD[3]),
        "path": (VERSION, "OMOP", value, GOOD[3]),
        "name": (VERSION, "OMOP", f"OMOP/{value}", GOOD[3]),
        "folder": (VERSION, "OMOP", f"OMOP/{value}/x.csv", GOOD[3]),
        "md5": (*GOOD[:3], value),
        "patient": (VERSION, "Images", f"{value}/Images/x.dcm", GOOD[3]),
    }[column]
    return Row(number, modality, path, None, 3, 1, md5, 1, None, None, version)


def rows() -> list[Row]:
    """Every hostile value in every column that is a text."""
    pairs = [(column, value) for value in HOSTILE for column in COLUMNS]
    return [row_with(column, value, number) for number, (column, value) in enumerate(pairs, 1)]


def config_with(config: Config, place: str, value: str) -> Config:
    """The configuration with this value where an attacker who sends one can put it."""
    given = config.central.account
    return {
        "container": lambda: replace(config, central=replace(config.central, container=value)),
        "prefix": lambda: replace(config, central=replace(config.central, prefix=value.strip("/"))),
        "account": lambda: replace(config, central=replace(config.central, account=replace(given, name=value))),
        "host": lambda: replace(
            config,
            central=replace(config.central, account=replace(given, url=f"https://stmary.blob.core.windows.net/{value}")),
        ),
        "journal": lambda: replace(config, journal=replace(config.journal, local=Path(f"/x/{value}.db"))),
        "configuration": lambda: replace(config, file=Path(f"/x/{value}.toml")),
    }[place]()


def made_for(config: Config, tool: Tool, target: Target, made: list[Row], *, program: tuple[str, ...] = ("chorus",)) -> Script:
    """A script that takes the credential from the environment."""
    return make_script(config, made, ScriptOptions(tool, target, program, "upload", SecretMode.ENV, one_by_one=True))


def carried(script: Script, made: list[Row]) -> list[Row]:
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


STUB = """#!/bin/sh
printf '%s\\0' "$#" "${0##*/}" "$@" >> "$LOG"
"""
"""A stand-in for a tool: writes down how it was called."""


def run_bash(script: Script, folder: Path, environment: dict[str, str]) -> list[list[str]]:
    """Run a script in an empty folder, where nothing but the programs' stand-ins is found; what it called."""
    tools, home, log = folder / "tools", folder / "run", folder / "log"
    tools.mkdir()
    home.mkdir()
    for name in ("az", "azcopy", "chorus"):
        (tools / name).write_text(STUB)
        (tools / name).chmod(0o755)
    file = home / "upload.sh"
    save(script, file)
    before = {found.name for found in home.rglob("*")}
    given = {"PATH": f"{tools}:/usr/bin:/bin", "LOG": str(log), "HOME": str(folder), **environment}
    done = subprocess.run(["bash", str(file)], cwd=home, env=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {found.name for found in home.rglob("*")} == before
    return calls_in(log.read_bytes())


def calls_in(log: bytes) -> list[list[str]]:
    """What the stand-ins wrote down: the number of arguments, the tool, the arguments."""
    words = [os.fsdecode(word) for word in log.split(b"\0")[:-1]]
    calls: list[list[str]] = []
    while words:
        end = int(words[0]) + 2
        calls.append(words[1:end])
        words = words[end:]
    return calls


def _blob(config: Config, path: str) -> str:
    """What the tool is told for a path below the central store."""
    return f"{config.central.prefix}/{path}" if config.central.prefix else path


def check_bash(config: Config, script: Script, made: list[Row], calls: list[list[str]]) -> None:
    """It calls the tool with the names of these rows, exactly, and nothing but the tool and our program."""
    sent = carried(script, made)
    az = any(call[0] == "az" for call in calls)
    site = str(config.sites["OMOP"].place.folder)
    if az:
        found = [(call[call.index("--file") + 1], call[call.index("--name") + 1]) for call in calls if call[0] == "az" and "--file" in call]
        copies = {(str(config.journal.local), _blob(config, f"{row.version}/{config.journal.local.name}")) for row in sent}
        wanted = [(f"{site}/{row.path}", _blob(config, config.store_path(row.modality, row.path, row.version))) for row in sent]
        assert found[: len(wanted)] == wanted
        assert set(found[len(wanted) :]) == copies
    listed = [line for name, text in script.lists.items() if re.fullmatch(r"\d+\.txt", name) for line in text.splitlines()]
    assert [unquoted(line) for line in listed] == [row.path for row in sent]
    assert {call[0] for call in calls} <= {"az" if az else "azcopy", "chorus"}


def check_batch(config: Config, script: Script, made: list[Row], tool: Tool) -> None:
    """As :func:`check_bash`, for a batch file and what cmd makes of it by its documented rules."""
    sent = carried(script, made)
    ran = run_batch(script.text, {"AZURE_SAS_TOKEN": "t", "PATH": 'C:\\x" & echo PWNED', "HOME": "h"})
    assert ran.injected == []
    assert {call[0].lower() for call in ran.calls} <= {"az" if tool is Tool.AZCLI else "azcopy", "chorus"}
    if tool is Tool.AZCLI:
        calls = [call for call in ran.calls if "--file" in call]
        found = [(call[call.index("--file") + 1], call[call.index("--name") + 1]) for call in calls]
        root = str(config.sites["OMOP"].place.folder).replace("/", "\\")
        wanted = [
            (root + "\\" + row.path.replace("/", "\\"), _blob(config, config.store_path(row.modality, row.path, row.version)))
            for row in sent
        ]
        assert [(file.removeprefix("\\\\?\\"), name) for file, name in found[: len(wanted)]] == wanted
        lengths = [len(call) for call in calls]
        assert not lengths or max(lengths) - min(lengths) in (0, 2)  # no value became two words; 2 more: with an MD5
    assert {PureWindowsPath(row.path).drive for row in sent} <= {""}
