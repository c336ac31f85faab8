"""A site that follows the consortium's rules, so that each test breaks exactly one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chorus_gui.app.readiness import check
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.load import loads
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.readiness.findings import Group, Readiness
from chorus_gui.core.readiness.omop import tables
from chorus_gui.core.rules import Pass

PATIENTS = ("1001", "1002")
IMAGE = "{}/Images/CT/2001/3001/{}.dcm"
MAPPING = "signal_id,standardized_label,sampling_rate,units\nII,MDC_ECG_LEAD_II,250,mV\n"
QUIET = {"K2", "O16"}


def header(table: str) -> str:
    """The header of a table."""
    return ",".join(column.name for column in tables()[table]) + "\n"


class Site:
    """A site in a folder, with its configuration.  Keep what the constructor writes free of findings."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root = base / "site"
        for table in tables():
            self.put(f"OMOP/{table}.csv", header(table))
        blank = "," * (len(tables()["person"]) - 5)
        self.put("OMOP/person.csv", header("person") + "".join(f"{one},8507,1970,,,,0,0{blank[2:]}\n" for one in PATIENTS))
        self.put("Metadata/READINESS.md", "- [x] 1a\n")
        self.put("Metadata/SUBMISSION.md", "Hospital: Demo\nDate shift code: 0\n")
        self.put("Metadata/Telemetry_mapping.csv", MAPPING)
        for patient in PATIENTS:
            self.put(f"{patient}/Images/CT/{patient}1/3001/1.dcm", "x")
            session = f"90{patient}"
            self.put(
                f"{patient}/Waveforms/Telemetry/{session}/{session}.hea",
                f"{session} 1 250 4 08:00:00 01/02/2024\n{session}.dat 16 200/mV 16 0 0 0 0 II\n",
            )
            self.put(f"{patient}/Waveforms/Telemetry/{session}/{session}.dat", b"\0" * 8)
            self.put(f"{patient}/Waveforms/Telemetry/{session}/{session}n.csv", "time,HR\n1,80\n")

    def put(self, path: str, content: str | bytes = "x") -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def remove(self, path: str) -> None:
        """Remove a file."""
        (self.root / path).unlink()

    def config(self, keys: str = "", *, patterns: str = "") -> Config:
        """The configuration: nested, with all modalities."""
        base = self.base.as_posix()
        text = (
            f'[configuration]\nsupported_modalities = "OMOP,Images,Waveforms,Metadata"\n{keys}\n[journal.local]\npath = "{base}/journal.db"\n'
            f'[central_path]\npath = "{base}/store"\n[site_path.default]\npath = "{base}/site"\n{patterns}'
        )
        return loads(text, self.base / "config.toml", environ={})

    def check(self, deepest: Pass = Pass.AT_ONCE, keys: str = "", modalities: Sequence[str] = (), patterns: str = "") -> Readiness:
        """Run a pass."""
        with Workspace(self.config(keys, patterns=patterns)) as workspace:
            return check(workspace, JobContext(), deepest, modalities)

    def found(self, deepest: Pass = Pass.AT_ONCE, keys: str = "", patterns: str = "") -> dict[str, list[Group]]:
        """Rule → groups of a pass."""
        out: dict[str, list[Group]] = {}
        for group in self.check(deepest, keys, patterns=patterns).groups:
            out.setdefault(group.rule.id, []).append(group)
        return out
