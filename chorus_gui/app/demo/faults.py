"""The demo site with something wrong for each rule that is checked: for tests, screenshots and a look at what a finding says."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from chorus_gui.core.readiness.omop import tables

Break = Callable[[Path, Path], object]
"""Gets the site and the folder of one patient."""


def make_faults(root: Path) -> None:
    """Break every rule once on a site that :func:`~chorus_gui.app.demo.make_site` wrote.  What is written is drawn or fixed: of nobody."""
    patient = min(path for path in root.iterdir() if path.name.isdigit())
    for break_rule in FAULTS.values():
        break_rule(root, patient)


def _put(path: str, content: str | bytes = "demo\n") -> Break:
    """Write a file; “P/” at the beginning is the patient's folder."""

    def write(root: Path, patient: Path) -> None:
        file = patient / path[2:] if path.startswith("P/") else root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def _remove(path: str) -> Break:
    return lambda root, _: (root / path).unlink()


def _lines(table: str, *lines: dict[str, object]) -> Break:
    """Lines at the end of a table, in the order of its columns."""

    def write(root: Path, patient: Path) -> None:
        del patient
        file = root / "OMOP" / f"{table}.csv"
        before = file.read_text("utf-8-sig")
        names = before.partition("\n")[0].split(",")
        file.write_text(before + "".join(",".join(str(line.get(name, "")) for name in names) + "\n" for line in lines), "utf-8")

    return write


def _byte_order_mark(root: Path, patient: Path) -> None:
    del patient
    file = root / "OMOP" / "condition_occurrence.csv"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())


def _raw(table: str, content: bytes) -> Break:
    """Bytes at the end of a table."""

    def write(root: Path, patient: Path) -> None:
        del patient
        file = root / "OMOP" / f"{table}.csv"
        file.write_bytes(file.read_bytes() + content)

    return write


def _image(series: str, **tags: str) -> Break:
    """A copy of an image in a series of its own, with other values of the same tags, or with more tags."""

    def write(root: Path, patient: Path) -> None:
        del root
        first = min((patient / "Images" / "CT").rglob("*.dcm"))
        data = _with_tags(first.read_bytes(), {_NUMBERS[name]: value for name, value in tags.items()})
        file = first.parent.parent / series / "1.dcm"
        file.parent.mkdir()
        file.write_bytes(data)

    return write


_NUMBERS = {
    "PatientID": (0x0010, 0x0020, b"LO"), "PatientName": (0x0010, 0x0010, b"PN"), "AccessionNumber": (0x0008, 0x0050, b"SH"),
    "Modality": (0x0008, 0x0060, b"CS"), "InstanceNumber": (0x0020, 0x0013, b"IS"), "BurnedInAnnotation": (0x0028, 0x0301, b"CS"),
    "PatientIdentityRemoved": (0x0012, 0x0062, b"CS"), "InstitutionName": (0x0008, 0x0080, b"LO"), "PatientAge": (0x0010, 0x1010, b"AS"),
    "StudyDate": (0x0008, 0x0020, b"DA"), "Private": (0x0029, 0x0010, b"LO"), "Curve": (0x5000, 0x0005, b"US"), "SeriesInstanceUID": (0x0020, 0x000E, b"UI"),
}  # fmt: skip


def _with_tags(data: bytes, values: dict[tuple[int, int, bytes], str]) -> bytes:
    """A DICOM file (explicit VR, little endian, as the demo site writes it) with these elements, in the order of their numbers."""
    start = 132 + 12 + int(struct.unpack_from("<I", data, 140)[0])
    elements: dict[tuple[int, int], bytes] = {}
    at = start
    while at < len(data):
        group, number, kind = struct.unpack_from("<HH2s", data, at)
        long = kind in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        size = struct.unpack_from("<I", data, at + 8)[0] + 12 if long else struct.unpack_from("<H", data, at + 6)[0] + 8
        elements[group, number] = data[at : at + size]
        at += size
    for (group, number, kind), text in values.items():
        value = text.encode("ascii") + (b"\0" if kind == b"UI" else b" ") * (len(text) % 2)
        elements[group, number] = struct.pack("<HH2sH", group, number, kind, len(value)) + value
    return data[:start] + b"".join(elements[key] for key in sorted(elements))


def _cut(root: Path, patient: Path) -> None:
    del root
    file = min((patient / "Images" / "CT").rglob("*.dcm"))
    target = file.parent.parent / "90016" / "1.dcm"
    target.parent.mkdir()
    target.write_bytes(file.read_bytes()[:60_000])


def _two_series(root: Path, patient: Path) -> None:
    del root
    file = min((patient / "Images" / "CT").rglob("*.dcm"))
    changed = _with_tags(file.read_bytes(), {_NUMBERS["SeriesInstanceUID"]: "2.25.1", _NUMBERS["InstanceNumber"]: "9"})
    file.with_name("9.dcm").write_bytes(changed)


def _other_dates(root: Path, patient: Path) -> None:
    """The images of all patients but one are shifted differently from the tables."""
    for folder in root.iterdir():
        if folder.name.isdigit() and folder != patient:
            for file in (folder / "Images" / "CT").rglob("*.dcm"):
                file.write_bytes(_with_tags(file.read_bytes(), {_NUMBERS["StudyDate"]: "20200101"}))


def _empty_column(root: Path, patient: Path) -> None:
    """A column of person.csv without a value."""
    del patient
    file = root / "OMOP" / "person.csv"
    file.write_text(file.read_text("utf-8").replace("unknown,0", ",").replace("unknown", ""), "utf-8")


def _no_waveform_procedures(root: Path, patient: Path) -> None:
    del patient
    file = root / "OMOP" / "procedure_occurrence.csv"
    kept = [line for line in file.read_text("utf-8").splitlines(keepends=True) if ",4141651," not in line]
    file.write_text("".join(kept), "utf-8")


def _moved(name: str, content: str) -> Break:
    """A file of Metadata that is in a folder below it, with other text."""

    def write(root: Path, patient: Path) -> None:
        del patient
        (root / "Metadata" / name).unlink()
        file = root / "Metadata" / "old" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, "utf-8")

    return write


def _other_patient(root: Path, patient: Path) -> None:
    """A study of one patient in the folder of another."""
    other = sorted(path for path in root.iterdir() if path.name.isdigit())[1]
    file = min((patient / "Images" / "CT").rglob("*.dcm"))
    target = other / "Images" / "CT" / file.parent.parent.name / "90021" / "1.dcm"
    target.parent.mkdir(parents=True)
    target.write_bytes(_with_tags(file.read_bytes(), {_NUMBERS["PatientID"]: other.name, _NUMBERS["PatientName"]: other.name}))


def _columns(table: str, change: Callable[[list[str]], list[str]], ending: str = "\n") -> Break:
    return lambda root, _: (root / "OMOP" / f"{table}.csv").write_text(
        ",".join(change([c.name for c in tables()[table]])) + ending, "utf-8"
    )


_D = "2025-02-01"
_WHO: dict[str, object] = {"person_id": 1000001, "visit_occurrence_id": 500001}
_NOTE: dict[str, object] = {
    **_WHO,
    "note_date": _D,
    "note_type_concept_id": 1,
    "note_class_concept_id": 1,
    "encoding_concept_id": 1,
    "language_concept_id": 1,
}
_SEEN: dict[str, object] = {**_WHO, "observation_concept_id": 1, "observation_date": _D, "observation_type_concept_id": 1}
_HEA = "{0} 1 125 4 08:00:00 01/02/2025\n{0}.dat 16 200/mV 16 0 0 0 0 II\n"
_SESSION = "P/Waveforms/Telemetry/{0}/{0}"

FAULTS: dict[str, Break] = {
    "L1": _put("P/Image/CT/1/1/1.dcm"),
    "L2": _put("P17/Waveforms/Telemetry/9001/9001.stp"),
    "L3": _put("P/Images/80447/52085/1000001_80447_52085_CT_1.dcm"),
    "L4": _put("P/Waveforms/36045/1000001_36045.stp"),
    "L5": _put("P/Notes/handover.txt", "Free text is not part of a submission: no pattern matches this folder.\n"),
    "L6": _put("P/Waveforms/Telemetry/9002/9002.stp", b""),
    "L7": _put("OMOP/Thumbs.db"),
    "L8": _put("OMOP/measurement.csv.gz"),
    "L9": _put("Metadata/notes, new.md"),
    "L10": _put("OMOP/parts/cost.csv", "cost_id\n"),
    "O1": _remove("OMOP/visit_detail.csv"),
    "O2": _put("OMOP/death__2.csv", "\t".join(column.name for column in tables()["death"]) + "\n"),
    "O4": _put("OMOP/visit_occurrence__2.csv", "visit_occurrence_id,person_id\n"),
    "O4B": _columns("note_nlp", lambda names: [name for name in names if name != "term_modifiers"]),
    "O5": _columns("observation_period", lambda names: [names[1], names[0], *names[2:]]),
    "O6": _lines("observation", {**_SEEN, "observation_id": 1, "observation_concept_id": ""}),
    "O7": _lines("observation", {**_SEEN, "observation_id": 2, "observation_concept_id": "12.0"}),
    "O8": _lines("observation", {**_SEEN, "observation_id": 3, "unit_source_value": "NULL"}),
    "O9": _byte_order_mark,
    "O10": _raw("condition_occurrence", b"98,1000001\n"),
    "O11": _raw("drug_exposure", b"\n(12 rows affected)\n"),
    "O12": _lines("observation", {**_SEEN, "observation_id": 4, "observation_date": "2/1/2025"}),
    "O13": _lines("visit_occurrence", {**_WHO, "visit_concept_id": 9201, "visit_start_date": _D, "visit_end_date": _D, "visit_type_concept_id": 1}),
    "O14": _lines("observation", {**_SEEN, "observation_id": 5, "person_id": 9}),
    "O15": _lines("visit_occurrence", {**_WHO, "visit_occurrence_id": 7, "visit_concept_id": 9201, "visit_start_date": _D, "visit_end_date": "2025-01-01", "visit_type_concept_id": 1}),
    "O16": _put("OMOP/specimen.csv", "specimen_id\n"),
    "O18": _empty_column,
    "O19": _lines("death", {"person_id": 1000001, "death_date": _D}),
    "P8": _lines(
        "device_exposure",
        {**_WHO, "device_exposure_id": 1, "device_concept_id": 1, "device_exposure_start_date": _D, "device_type_concept_id": 1, "unique_device_id": "demo"},
    ),
    "O20": _put("OMOP/person.xlsx"),
    "N1": _lines("note", {**_NOTE, "note_id": 1, "note_text": "demo text"}),
    "N2": _lines("note_nlp", {"note_nlp_id": 1, "note_id": 1, "snippet": "demo", "lexical_variant": "demo", "nlp_date": _D}),
    "N3": _put("OMOP/note_nlp__raw.csv", "note_nlp_id,note_id,lexical_variant,nlp_date,matched_text\n"),
    "N4": _put("OMOP/note__short.csv", "note_id,person_id\n"),
    "N5": _put("OMOP/note_2.csv", "note_id\n"),
    "N6": _lines("note_nlp", {"note_nlp_id": 2, "note_id": 77, "nlp_date": _D}),
    "N8": _lines("note", {**_NOTE, "note_id": 2, "note_source_value": "a title that has as many words as a sentence of a note"}),
    "I1": _put("P/Images/CT/90001/90001/1.dcm", "not an image\n"),
    "I2": _cut,
    "I3": _image("90003", PatientID="55501"),
    "I3B": _image("90004", PatientID=""),
    "I4": _image("90005", AccessionNumber="55502"),
    "I5": _image("90006", Modality="MR"),
    "I6": _two_series,
    "I7": _image("90007", InstanceNumber="77"),
    "I8": _put("P/Images/PT/90008/90008/1.dcm"),
    "I9": _image("90009", Modality="SR"),
    "I10": _image("90010", BurnedInAnnotation="YES"),
    "I11": _image("90011", PatientIdentityRemoved="NO"),
    "I15": _image("90012", PatientName="DEMO^NAME"),
    "I15B": _image("90013", InstitutionName="Demo hospital"),
    "I16": _image("90014", Private="DEMO"),
    "I17": _image("90015", Curve="  "),
    "I21": _other_patient,
    "W2": _put("P/Waveforms/EEG/a7/a7.stp"),
    "W3": _put("P/Waveforms/Telemetry/9003/1000001_9003.stp"),
    "W4": _put("P/Waveforms/Telemetry/9004/numerics.csv"),
    "W5": _put("P/Waveforms/Telemetry/9005/9005.xyz"),
    "W7": _put(_SESSION.format(9006) + ".hea", _HEA.format(9006) + "# Name: Demo Person\n"),
    "W8": _put(_SESSION.format(9007) + ".hea", _HEA.format(9007)),
    "W9": _put(_SESSION.format(9008) + ".hea", _HEA.format(9008).replace(" 01/02/2025", "")),
    "W15": _put("P/Waveforms/Telemetry/9009/9009.py"),
    "M1": _moved("READINESS.md", "- [ ] 1a. Encounters\n"),
    "M2": _moved("SUBMISSION.md", "Hospital: <name of the hospital>\n"),
    "M3": _remove("Metadata/Telemetry_mapping.csv"),
    "M4": _put("Metadata/EEG_mapping.csv", "signal_id,standardized_label,sampling_rate\nII,,0\n"),
    "M6": _put(_SESSION.format(9010) + ".hea", _HEA.format(9010).replace(" II", " III")),
    "M12": _put("Metadata/notes.md", "MRN 00000000\n"),
    "K1": _put("1999999/Waveforms/Telemetry/9011/9011.stp"),
    "K6": _put("Metadata/image_registry.csv", "file_id,proc_id,person_id,group_id,visit_id,src_file,trg_file\n1,1,1,1,1,,\n1,1,1,1,1,,\n"),
    "K12": _put("Metadata/times/registry.csv", "file_id,proc_id,person_id,group_id,visit_id,datetime,src_file,trg_file\n1,,,1,,2/1/2025,,\n"),
    "K7": _put("Metadata/more/image_registry.csv", "file_id,proc_id,person_id,group_id,visit_id,datetime,src_file,trg_file\n"),
    "K5": _no_waveform_procedures,
    "K2": _lines("person", {"person_id": 1888888, "gender_concept_id": 1, "year_of_birth": 1970, "race_concept_id": 0, "ethnicity_concept_id": 0}),
    "D1": _other_dates,
    "D2": _image("90017", StudyDate="20991231"),
    "D3": _lines("visit_occurrence", {**_WHO, "visit_occurrence_id": 8, "visit_concept_id": 1, "visit_start_date": "2012-01-01", "visit_end_date": "2012-01-01", "visit_type_concept_id": 1}),
    "D6": _lines("death", {"person_id": _WHO["person_id"], "death_date": "2001-01-01"}),
    "D5": _lines("observation", {**_SEEN, "observation_id": 6, "observation_date": "2025-02-30"}),
    "P1": _put("OMOP/image_map.csv", "a,b\n"),
    "P1B": _put("Metadata/patient_lookup.csv", "a,b\n"),
    "P2": _put("Metadata/PrivacyScanReport_demo.csv", "a,b\n"),
    "P3": _put("OMOP/LOCATION.csv", "location_id,zip\n"),
    "P6": _image("90018", PatientAge="093Y"),
    "P7": _lines("observation", {**_SEEN, "observation_id": 7, "value_as_string": "demo@site.example.org"}),
    "P9": _lines("person", {"person_id": 1888887, "gender_concept_id": 1, "year_of_birth": 1970, "race_concept_id": 0, "ethnicity_concept_id": 0, "person_source_value": "demo"}),
    "P10": _put("DEMO^NAME/demo.bin"),
}  # fmt: skip
"""Rule → what breaks it.  M4 breaks M5 too, M1 M7, M2 M8, M9 and M10.  L11 needs another configuration: a pattern with {version}."""
