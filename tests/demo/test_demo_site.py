"""The made-up site is the same each time, and what it holds is what it says: tables that agree, DICOM and WFDB that others read."""

from __future__ import annotations

import csv
import struct
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pydicom
import pydicom.config
import pytest

from chorus_gui.app.demo import change_site, make_site, write_config
from chorus_gui.app.demo.faults import FAULTS, make_faults
from chorus_gui.app.readiness import check
from chorus_gui.app.workspace import Workspace
from chorus_gui.cli.main import main
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Layout, PlaceKind
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Mode
from chorus_gui.core.readiness.findings import Readiness
from chorus_gui.core.rules import Pass, built_in

Tree = dict[str, tuple[bytes, int]]


def tree(root: Path) -> Tree:
    """Path → content and time."""
    return {path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "site"
    make_site(root)
    return root


def rows(site: Path, name: str) -> list[dict[str, str]]:
    with (site / "OMOP" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_same_seed_gives_the_same_site_to_the_byte_and_the_second(site: Path, tmp_path: Path) -> None:
    make_site(tmp_path / "again")
    make_site(tmp_path / "other", seed=1)
    assert tree(tmp_path / "again") == tree(site)
    assert tree(tmp_path / "other") != tree(site)


def test_it_is_small(tmp_path: Path) -> None:
    make_site(tmp_path)
    files = tree(tmp_path)
    assert 50 <= len(files) <= 70
    assert 2_000_000 < sum(len(content) for content, _ in files.values()) < 6_000_000


def test_tables_agree_with_each_other_and_with_the_folders(site: Path) -> None:
    people = {row["person_id"] for row in rows(site, "person.csv")}
    assert people == {path.name for path in site.iterdir() if path.name.isdigit()}
    visits = {row["visit_occurrence_id"]: row for row in rows(site, "visit_occurrence.csv")}
    assert {row["person_id"] for row in visits.values()} == people
    for name in ("measurement.csv", "drug_exposure.csv", "condition_occurrence.csv"):
        table = rows(site, name)
        assert len({row[f"{name.removesuffix('.csv')}_id"] for row in table}) == len(table) > 0
        for row in table:
            assert visits[row["visit_occurrence_id"]]["person_id"] == row["person_id"]
    for row in rows(site, "measurement.csv"):
        visit = visits[row["visit_occurrence_id"]]
        assert visit["visit_start_datetime"] <= row["measurement_datetime"] <= visit["visit_end_datetime"]
        assert 10 < float(row["value_as_number"]) < 250


def test_images_are_dicom_that_pydicom_reads_without_a_complaint(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    images = sorted(site.rglob("*.dcm"))
    assert len(images) == 24
    instances: set[str] = set()
    for path in images:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = pydicom.dcmread(path)
            assert sum(1 for element in image.iterall() if element.value is not None) > 40, "every value is decoded and checked"
        assert image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID
        patient, _, modality, accession, _, name = path.relative_to(site).parts
        assert (image.PatientID, image.Modality, image.AccessionNumber) == (patient, modality, accession)
        assert int(name.removesuffix(".dcm")) == image.InstanceNumber
        assert image.PatientIdentityRemoved == "YES"
        assert len(image.PixelData) == image.Rows * image.Columns * 2
        values = struct.unpack(f"<{image.Rows * image.Columns}H", image.PixelData)
        assert max(values) < 1 << image.BitsStored
        assert len(set(values)) > 100, "a picture, not a blank"
        assert [str(e.tag) for e in image] == sorted(str(e.tag) for e in image)
        instances.add(image.SOPInstanceUID)
    assert len(instances) == len(images)


def test_slices_of_a_scan_stack_up(site: Path) -> None:
    for patient in (path for path in site.iterdir() if path.name.isdigit()):
        slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(patient.rglob("*.dcm"))]
        assert len({(s.StudyInstanceUID, s.SeriesInstanceUID, s.FrameOfReferenceUID) for s in slices}) == 1
        assert [float(s.ImagePositionPatient[2]) for s in slices] == [-5.0, -10.0, -15.0, -20.0]


def test_waveforms_are_wfdb_whose_headers_tell_the_truth(site: Path) -> None:
    headers = sorted(site.rglob("*.hea"))
    assert len(headers) == 12
    for header in headers:
        first, *signals = [line for line in header.read_text("ascii").splitlines() if not line.startswith("#")]
        name, count, rate, length = first.split()[:4]
        assert (name, int(count), int(rate)) == (header.stem, len(signals), 125)
        data = header.with_suffix(".dat").read_bytes()
        samples = struct.unpack(f"<{len(data) // 2}h", data)
        assert len(samples) == int(length) * len(signals)
        for index, line in enumerate(signals):
            file, form, _, bits, zero, initial, checksum, _, _ = line.split()
            values = samples[index :: len(signals)]
            assert (file, form, bits, zero) == (f"{header.stem}.dat", "16", "16", "0")
            assert values[0] == int(initial)
            assert (sum(values) - int(checksum)) % 65536 == 0


def test_the_ecg_beats_like_a_heart(site: Path) -> None:
    for path in sorted(site.rglob("*.dat")):
        data = path.read_bytes()
        ecg = struct.unpack(f"<{len(data) // 2}h", data)[::2]
        beats = sum(1 for before, after in pairwise(ecg) if before < 600 <= after)
        assert 55 <= beats <= 110, "beats in a minute"


def test_a_day_changes_what_it_says(site: Path, tmp_path: Path) -> None:
    make_site(tmp_path)
    before = tree(tmp_path)
    change_site(tmp_path)
    after = tree(tmp_path)
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    added = {path for path in new if path.startswith("1000007/")}
    (renamed,) = new - added
    (old_name,) = {path for path in gone if before[path] == after[renamed]}
    (deleted,) = gone - {old_name}
    assert old_name.startswith("1000001/Images/")
    assert deleted.startswith("1000006/Images/")
    assert len(added) == 8
    updated = {path for path in before.keys() & after.keys() if before[path][0] != after[path][0]}
    touched = {path for path in before.keys() & after.keys() if before[path][0] == after[path][0] and before[path][1] != after[path][1]}
    assert updated == {"Metadata/SUBMISSION.md", "OMOP/person.csv"}
    assert [path.endswith(".hea") for path in touched] == [True]
    assert "1000007" in {row["person_id"] for row in rows(tmp_path, "person.csv")}


def test_every_day_can_change_something_even_with_one_patient(tmp_path: Path) -> None:
    make_site(tmp_path, patients=1)
    for _ in range(3):
        before = tree(tmp_path)
        change_site(tmp_path)
        assert before.keys() - tree(tmp_path).keys()
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.name.isdigit()] == ["1000001", "1000002", "1000003", "1000004"]


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[Pass], Readiness]:
    """The thorough check of the site below the folder of the test."""

    def run(deepest: Pass) -> Readiness:
        with Workspace(load(write_config(tmp_path, tmp_path / "store", tmp_path / "site"))) as workspace:
            return check(workspace, JobContext(), deepest)

    return run


def test_it_follows_every_rule_of_the_consortium_also_after_a_day(tmp_path: Path, checked: Callable[[Pass], Readiness]) -> None:
    make_site(tmp_path / "site")
    assert checked(Pass.THOROUGH).groups == ()
    change_site(tmp_path / "site")
    found = checked(Pass.THOROUGH)
    assert (found.groups, found.unchecked_count) == ((), 0)


def test_with_faults_it_breaks_every_rule_and_each_is_found(tmp_path: Path, checked: Callable[[Pass], Readiness]) -> None:
    make_site(tmp_path / "site")
    make_faults(tmp_path / "site")
    found = {deepest: {group.rule.id for group in checked(deepest).groups} for deepest in Pass}
    rules = built_in().rules.values()
    missing = {rule.id for rule in rules if rule.first} - found[Pass.THOROUGH] - {"L11", "O3", "O3B", "O5B"}
    assert not missing, "nothing finds these rules: add what breaks them to FAULTS in app/demo/faults.py, and a check in core/readiness"
    assert set(FAULTS) <= found[Pass.THOROUGH]
    for deepest in Pass:
        late = {rule.id for rule in rules if rule.first and rule.first.rank <= deepest.rank} - {"L11", "O3", "O3B", "O5B"} - found[deepest]
        assert not late, f"the rules say that the pass “{deepest.value}” finds these, and only a deeper one does"


@pytest.mark.parametrize("rule", [rule for rule in FAULTS if rule not in ("O13", "O15", "D3", "K2", "D1", "K5")])
def test_each_fault_breaks_its_rule_alone_on_a_site_of_its_own(rule: str, tmp_path: Path, checked: Callable[[Pass], Readiness]) -> None:
    make_site(tmp_path / "site", patients=2)
    FAULTS[rule](tmp_path / "site", tmp_path / "site" / "1000001")
    found = {group.rule.id for group in checked(Pass.THOROUGH).groups}
    assert rule in found
    assert len(found) <= 6, "what one fault breaks"


def test_the_command_makes_one_with_faults_and_checks_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--faults", str(tmp_path / "demo")]) == 0
    out = capsys.readouterr().out
    assert "It breaks the rules on purpose." in out
    assert "Patient data that must not be sent" in out
    assert not (tmp_path / "demo" / "journal.db").exists(), "nothing was submitted"


def test_the_configuration_is_without_fault(tmp_path: Path) -> None:
    file = write_config(tmp_path, tmp_path / "central store", tmp_path / "site")
    config = load(file)
    assert config.layout is Layout.NESTED
    assert config.modalities == MODALITIES
    assert config.mode is Mode.FULL
    assert config.central.kind is PlaceKind.FOLDER
    assert config.central.folder == tmp_path / "central store"
    assert config.journal.local == tmp_path / "journal.db"
    assert config.journal.cloud is None
    assert config.warnings == ()
    assert config.store_path("Images", "1000001/Images/1/2/a.dcm", "V") == "V/1000001/Images/1/2/a.dcm"
