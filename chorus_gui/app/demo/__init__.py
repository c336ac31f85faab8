"""The demo site, and a folder as central store: for the first five minutes.

Tables, images and waveforms have the formats of real ones (OMOP CSV, DICOM, WFDB), and the same seed gives the same bytes, names
and times.  The data are of nobody: every value is drawn at random.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chorus_gui.app.demo import dicom, tables, waveforms

FIRST_PATIENT = 1000001
SLICES = 4
RECORDS = 2
SESSIONS = 10
"""Session numbers of one patient: person_id times this, and the next ones."""
_EPOCH = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)

_READINESS = """# Readiness

- [x] 1a. Encounters: all stays in intensive care
- [x] 1b. Sessions by type: telemetry only
- [x] 1c. Date shift: one offset for each patient
- [x] 1d. Known issues: none
- [x] 2a. Names: person_id and session_id only
- [x] 2b. Raw data with times
- [x] 2c. Code: not part of the submission
- [x] 3a. Variables
- [x] 3b. Units
- [x] 3c. Decoding: WFDB format 16
- [x] 3d. Sample number
- [x] 3e. Wall-clock time: base time and date in the header
- [x] 3f. Uniform intervals
"""
_SUBMISSION = """# Submission

Hospital: Riverside General (the demo site of CHoRUS Upload, not a real hospital)
Contact: data.coordinator@riverside.example
Date shift: no dates were shifted (code 0), because every value is drawn at random
Known issues: none
Sent: {patients} patients with {recordings} recordings

| modality | what it holds |
|---|---|
| OMOP | one CSV file per table, all patients |
| Images | chest CT, one folder per accession and series |
| Waveforms | telemetry: ECG lead II and plethysmogram, 125 Hz, WFDB format 16; a session_id belongs to one visit |
"""
_MAPPING = """signal_id,standardized_label,sampling_rate,units
II,MDC_ECG_LEAD_II,125,mV
PLETH,MDC_PULS_OXIM_PLETH,125,NU
"""
_DICTIONARY = """column,table,meaning
person_id,all,patient ID; the name of the patient's folder
measurement_concept_id,measurement,what was measured (OMOP standard concept)
value_as_number,measurement,the value in the unit of unit_concept_id
"""


def make_site(root: Path, *, seed: int = 0, patients: int = 6) -> None:
    """Write a site of ``patients`` (at least one) to ``root``: about eight files and half a megabyte per patient.

    It follows the consortium's rules: the readiness check finds nothing in it.  :mod:`~chorus_gui.app.demo.faults` breaks them.
    """
    people = [_person(FIRST_PATIENT + index, seed) for index in range(patients)]
    for name, text in tables.all_tables(people, random.Random(f"{seed} tables")).items():
        _write(root / "OMOP" / name, text.encode(), _EPOCH)
    _describe(root, len(people), _EPOCH)
    _write(root / "Metadata" / "READINESS.md", _READINESS.encode(), _EPOCH)
    _write(root / "Metadata" / "Telemetry_mapping.csv", _MAPPING.encode(), _EPOCH)
    _write(root / "Metadata" / "data_dictionary.csv", _DICTIONARY.encode(), _EPOCH)
    for person in people:
        _write_patient(root, person, seed)


def change_site(root: Path) -> None:
    """Change the site as in one day.

    A patient is added (also to person.csv and the description, which are updated by it); one waveform header gets another time, one image is renamed,
    another deleted.
    """
    patients = sorted(int(path.name) for path in root.iterdir() if path.name.isdigit())
    first, last = root / str(patients[0]), root / str(patients[-1])
    person = _person(patients[-1] + 1, 0)
    _write_patient(root, person, 0)
    table = root / "OMOP" / "person.csv"
    _write(table, table.read_bytes() + tables.person_row(person).encode(), _EPOCH + timedelta(days=1))
    _describe(root, len(patients) + 1, _EPOCH + timedelta(days=1))
    touched = min((first / "Waveforms").rglob("*.hea"))
    later = touched.stat().st_mtime_ns + 3600 * 10**9
    os.utime(touched, ns=(later, later))
    images = sorted((first / "Images").rglob("*.dcm"))
    images[-1].rename(images[-1].with_name(images[-1].stem.zfill(3) + ".dcm"))
    min((last / "Images").rglob("*.dcm")).unlink()


def write_config(root: Path, central: Path | str, site: Path, auth: Mapping[str, str] | None = None) -> Path:
    """A configuration in ``root`` (nested layout): this site, the folder ``central`` as central store, and the journal next to it.

    With ``auth`` (the keys of an ``auth`` table) ``central`` is a container, "az://name", and the journal is in it too.
    """
    import tomli_w

    config: dict[str, dict[str, Any]] = {
        "configuration": {"supported_modalities": "OMOP,Images,Waveforms,Metadata", "page_size": 1000, "num_threads": 4},
        "journal": {"journaling_mode": "full", "local": {"path": str(root / "journal.db")}},
        "central_path": {"path": str(central), "upload_method": "builtin"},
        "site_path": {
            "default": {"path": str(site)},
            "OMOP": {"pattern": "OMOP/{filepath}"},
            "Images": {"pattern": "{patient_id:w}/Images/{filepath}"},
            "Waveforms": {"pattern": "{patient_id:w}/Waveforms/{filepath}"},
            "Metadata": {"pattern": "Metadata/{filepath}"},
        },
    }
    root.mkdir(parents=True, exist_ok=True)
    if auth is None:
        Path(central).mkdir(parents=True, exist_ok=True)
    else:
        config["central_path"] |= {"path": f"{central}/demo", "auth": dict(auth)}
        config["journal"]["source"] = {"path": f"{central}/journal.db", "auth": dict(auth)}
    file = root / "config.toml"
    file.write_text(tomli_w.dumps(config), "utf-8")
    return file


def make(folder: Path | None) -> Path:
    """Make the demo site with a folder as central store, in ``folder`` (None: a new one); its configuration file."""
    base = folder or Path(tempfile.mkdtemp(prefix="chorus-upload-demo-"))
    config = base / "config.toml"
    if not config.exists():
        make_site(base / "site")
        write_config(base, base / "central-store", base / "site")
    return config


def _describe(root: Path, patients: int, at: datetime) -> None:
    _write(root / "Metadata" / "SUBMISSION.md", _SUBMISSION.format(patients=patients, recordings=RECORDS * patients).encode(), at)


def _person(person_id: int, seed: int) -> tables.Person:
    rng = random.Random(f"{seed} {person_id}")
    admitted = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(300 * 1440))
    return tables.Person(person_id, rng.choice("FM"), rng.randrange(1938, 2004), admitted, rng.randrange(2, 9))


def _write_patient(root: Path, person: tables.Person, seed: int) -> None:
    for place, content, at in patient_files(person, seed):
        _write(root / place, content, at)


def patient_files(person: tables.Person, seed: int) -> list[tuple[str, bytes, datetime]]:
    """Images and waveforms of one patient, as if they arrived on the day after admission: path below the site, content, time."""
    rng = random.Random(f"{seed} {person.person_id} files")
    arrived = person.admitted + timedelta(days=1)
    series, session = rng.randrange(10_000, 99_999), SESSIONS * person.person_id
    scan = dicom.Study(str(person.person_id), person.sex, person.admitted, rng)
    files: list[tuple[str, bytes, datetime]] = []
    for number in range(1, SLICES + 1):
        place = f"{person.person_id}/Images/CT/{scan.accession}/{series}/{number}.dcm"
        files.append((place, dicom.ct_slice(scan, number, SLICES), arrived + timedelta(seconds=number)))
    for number in range(RECORDS):
        name = str(session + number)
        header, samples = waveforms.record(name, person.admitted + timedelta(hours=1 + number), rng)
        place = f"{person.person_id}/Waveforms/Telemetry/{name}/{name}"
        files.append((f"{place}.hea", header.encode("ascii"), arrived + timedelta(hours=number)))
        files.append((f"{place}.dat", samples, arrived + timedelta(hours=number)))
    return files


def _write(file: Path, content: bytes, at: datetime) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (at.timestamp(), at.timestamp()))
