"""A hospital with two computers, each with its own data folder and local journal, that take turns on one cloud journal."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faces import ONE, OUTCOMES, Ended
from world import World

from chorus_gui.app.status import Status
from chorus_gui.cli.main import main
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.review.hold_list import HoldList, parse
from chorus_gui.core.storage.local import LocalStore

TWO = "1002/Images/b.dcm"
WAVE = "1001/Waveforms/a.dat"
TABLE = "OMOP/person.csv"
BLOB = "journal.db"
FLAT = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
journaling_mode = "append"
[journal]
path = "{journal}"
local_path = "journal.db"
[central_path]
path = "{central}"
[site_path.default]
path = "{site}"
"""
LIST = f"{BLOB}.chorus/holds.json"
WHY = "Consent withdrawn, see ticket 4711"


class Computer:
    """Somebody's computer: the site, the central store and the cloud journal are the same for everybody."""

    def __init__(self, base: Path, name: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.name, self.home = name, base / f"{name} home"
        self.world = World(base / name, more=f'[journal.source]\npath = "{(base / "share" / BLOB).as_posix()}"')
        text = self.world.file.read_text("utf-8").replace(self.world.site.as_posix(), (base / "site").as_posix())
        self.world.file.write_text(text.replace(self.world.central.as_posix(), (base / "central").as_posix()), "utf-8")
        self._patch, self._capsys = patch, capsys

    def sit_down(self) -> None:
        """What follows happens at this computer."""
        self._patch.setenv("CHORUS_UPLOAD_HOME", str(self.home))
        self._patch.setenv("LOGNAME", self.name)

    def run(self, words: str, status: int = 0) -> Ended:
        self.sit_down()
        self._capsys.readouterr()
        ended = main(["-c", str(self.world.file), *shlex.split(words)])
        read = self._capsys.readouterr()
        assert ended == status, (ended, read.out, read.err)
        return Ended(OUTCOMES.get(Status(ended), OutcomeKind.FAILED), read.err, read.out, ended)

    def json(self, words: str, status: int = 0) -> Any:
        return json.loads(self.run(f"{words} --json", status).out)

    def flat(self) -> None:
        """The configuration of the 2024 tool: another layout, and a journal in format 1."""
        config = self.world.config
        assert config.journal.cloud is not None
        self.world.file.write_text(
            FLAT.format(journal=config.journal.cloud.text, central=self.world.config.central.text, site=config.sites["OMOP"].place.text),
            "utf-8",
        )

    def held(self) -> set[str]:
        return {hold["path"] or hold["patient_id"] for hold in self.json("hold list")["holds"]}


@dataclass
class Hospital:
    anna: Computer
    bernd: Computer
    share: LocalStore
    central: LocalStore
    site: Path

    def in_store(self) -> set[str]:
        return {blob.path.partition("/")[2] for blob in self.central.list() if not blob.path.endswith(("journal.db", "submission.json"))}

    def shared(self) -> HoldList:
        return parse(b"".join(self.share.read(LIST)))


def make_hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hospital:
    """The places, and a site of four files."""
    for folder in ("site", "central", "share"):
        (tmp_path / folder).mkdir()
    anna, bernd = (Computer(tmp_path, name, monkeypatch, capsys) for name in ("anna", "bernd"))
    for path, content in ((TABLE, "id\n1\n"), (ONE, "image"), (WAVE, "wave"), (TWO, "other image")):
        file = tmp_path / "site" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return Hospital(anna, bernd, LocalStore(tmp_path / "share"), LocalStore(tmp_path / "central"), tmp_path / "site")
