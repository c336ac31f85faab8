"""A site that follows the consortium's rules, so that each test breaks exactly one of them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

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
DAY = "2024-02-01"
CT = "1.2.840.10008.5.1.4.1.1.2"


def header(table: str) -> str:
    """The header of a table."""
    return ",".join(column.name for column in tables()[table]) + "\n"


def line(table: str, **cells: object) -> str:
    """A line of a table, with values that break no rule where none is given."""
    out: list[str] = []
    for column in tables()[table]:
        plain = {"integer": "1", "date": DAY, "datetime": f"{DAY} 08:00:00", "float": "1.5"}.get(column.type, "")
        value = cells.get(column.name, plain if column.required or column.type == "datetime" else "")
        text = str(value)
        out.append(f'"{text}"' if "," in text or "\n" in text else text)
    return ",".join(out) + "\n"


def table(name: str, *lines: Mapping[str, object]) -> str:
    """A table with these lines."""
    return header(name) + "".join(line(name, **cells) for cells in lines)


def image(patient: str, accession: str, **changed: Any) -> bytes:
    """A small CT image that breaks no rule, made by pydicom; None as a value removes an element."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = changed.pop("syntax", ExplicitVRLittleEndian)
    values: dict[str, Any] = {
        "SOPClassUID": CT, "SOPInstanceUID": "1.2.3.4", "StudyInstanceUID": f"1.2.{patient}.{accession}", "SeriesInstanceUID": f"1.2.{patient}.{accession}.1",
        "PatientID": patient, "PatientName": "", "AccessionNumber": accession, "Modality": "CT", "InstanceNumber": 1, "StudyDate": DAY.replace("-", ""),
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "PatientIdentityRemoved": "YES", "Rows": 4, "Columns": 4, "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelData": bytes(32),
    } | changed  # fmt: skip
    for name, value in values.items():
        if value is not None:
            setattr(data, name, value)
    if "PixelData" in data:
        data["PixelData"].VR = "OW"
    out = io.BytesIO()
    pydicom.dcmwrite(out, data, enforce_file_format=True)
    return out.getvalue()


class Site:
    """A site in a folder, with its configuration.  Keep what the constructor writes free of findings."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root = base / "site"
        for name in tables():
            self.put(f"OMOP/{name}.csv", header(name))
        people: list[dict[str, object]] = [
            {"person_id": one, "year_of_birth": 1970, "gender_source_value": "M", "race_source_value": "x", "ethnicity_source_value": "y"}
            for one in PATIENTS
        ]
        self.put("OMOP/person.csv", table("person", *people))
        visits = [{"visit_occurrence_id": number, "person_id": one} for number, one in enumerate(PATIENTS, 1)]
        self.put("OMOP/visit_occurrence.csv", table("visit_occurrence", *visits))
        procedures = [
            {"procedure_occurrence_id": 1, "person_id": 1001, "procedure_concept_id": 4180938},
            {"procedure_occurrence_id": 2, "person_id": 1001, "procedure_concept_id": 4141651},
        ]
        self.put("OMOP/procedure_occurrence.csv", table("procedure_occurrence", *procedures))
        self.put("Metadata/READINESS.md", "- [x] 1a\n")
        self.put("Metadata/SUBMISSION.md", "Hospital: Demo\nDate shift code: 0\n2 patients with 2 recordings\n")
        self.put("Metadata/Telemetry_mapping.csv", MAPPING)
        for patient in PATIENTS:
            self.put(f"{patient}/Images/CT/{patient}1/3001/1.dcm", image(patient, f"{patient}1"))
            session = f"90{patient}"
            hea = f"{session} 1 250 4 08:00:00 01/02/2024\n{session}.dat 16 200/mV 16 0 0 0 0 II\n"
            self.put(f"{patient}/Waveforms/Telemetry/{session}/{session}.hea", hea)
            self.put(f"{patient}/Waveforms/Telemetry/{session}/{session}.dat", b"\0" * 8)
            self.put(f"{patient}/Waveforms/Telemetry/{session}/{session}n.csv", "time,HR\n1,80\n")

    def put(self, path: str, content: str | bytes = "x") -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        for folder in (self.root / parent for parent in Path(path).parents):
            if folder != self.root and folder.name not in os.listdir(folder.parent):
                pytest.skip("this disk takes the folder's name for another one that differs in case only")
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

    def found(
        self, deepest: Pass = Pass.AT_ONCE, keys: str = "", patterns: str = "", modalities: Sequence[str] = ()
    ) -> dict[str, list[Group]]:
        """Rule → groups of a pass."""
        out: dict[str, list[Group]] = {}
        for group in self.check(deepest, keys, modalities, patterns).groups:
            out.setdefault(group.rule.id, []).append(group)
        return out
