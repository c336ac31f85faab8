"""Images: each rule with headers that pydicom wrote, files that are cut byte by byte, and no value in any result."""

from __future__ import annotations

import logging
import warnings
from io import BytesIO
from typing import Any

import pydicom
import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from readinessworld import image

from chorus_gui.core.readiness import dicom_tags, images
from chorus_gui.core.readiness.images import ImageVerdict, check_image, where

PATH = "1001/Images/CT/10011/3001/1.dcm"
CANARY = "QXCANARY7"


def check(data: bytes, path: str = PATH, patient: str | None = "1001", *, deep: bool = True) -> ImageVerdict:
    def read(length: int, at: int) -> bytes:
        return data[at : at + length]

    with images.quiet():
        return check_image(where(path, patient), len(data), read, deep=deep, key=b"key")


def found(data: bytes, path: str = PATH, patient: str | None = "1001") -> set[tuple[str, str]]:
    verdict = check(data, path, patient)
    assert not verdict.unchecked
    return {(finding.rule, finding.about) for finding in verdict.findings}


def made(**changed: Any) -> bytes:
    return image("1001", "10011", **changed)


def item(**tags: Any) -> Sequence:
    inner = Dataset()
    for name, value in tags.items():
        setattr(inner, name, value)
    return Sequence([inner])


FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("I3", "", {"PatientID": CANARY}),
    ("I3B", "", {"PatientID": ""}),
    ("I4", "", {"AccessionNumber": CANARY}),
    ("I4", "AccessionNumber is empty", {"AccessionNumber": None}),
    ("I5", "", {"Modality": "MR"}),
    ("I7", "", {"InstanceNumber": 7}),
    ("I9", "", {"Modality": "SR"}),
    ("I9", "", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}),
    ("I9", "", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}),
    ("I10", "BurnedInAnnotation is YES", {"BurnedInAnnotation": "YES"}),
    ("I10", "a secondary capture", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}),
    ("I10", "a secondary capture", {"ConversionType": "WSD"}),
    ("I10", "ultrasound", {"Modality": "US"}),
    ("I10", "ImageType", {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}),
    ("I11", "", {"PatientIdentityRemoved": None}),
    ("I11", "", {"PatientIdentityRemoved": "NO"}),
    ("I15", "PatientName", {"PatientName": f"{CANARY}^JOHN"}),
    ("I15", "OtherPatientIDs", {"OtherPatientIDs": CANARY}),
    ("I15", "ReferringPhysicianName", {"ReferringPhysicianName": f"{CANARY}^A"}),
    ("I15", "PatientAddress", {"PatientAddress": CANARY}),
    ("I15", "AdmissionID", {"AdmissionID": CANARY}),
    ("I15", "NamesOfIntendedRecipientsOfResults", {"NamesOfIntendedRecipientsOfResults": CANARY}),
    ("I15", "ReviewerName", {"ReviewerName": f"{CANARY}^B"}),
    ("I15", "OtherPatientIDsSequence", {"OtherPatientIDsSequence": item(PatientID=CANARY)}),
    ("I15", "PerformingPhysicianName in a sequence", {"ReferencedSeriesSequence": item(PerformingPhysicianName=f"{CANARY}^C")}),
    ("I15B", "InstitutionName", {"InstitutionName": CANARY}),
    ("I15B", "DeviceSerialNumber", {"DeviceSerialNumber": CANARY}),
    ("I15B", "PatientComments", {"PatientComments": CANARY}),
    ("I15B", "RequestAttributesSequence", {"RequestAttributesSequence": item(ScheduledProcedureStepID=CANARY)}),
    ("P6", "PatientAge", {"PatientAge": "093Y"}),
    ("D2", "StudyDate", {"StudyDate": "20991231"}),
]  # fmt: skip


def test_an_image_that_follows_the_rules_has_no_finding() -> None:
    verdict = check(made())
    assert verdict.findings == ()
    assert (len(verdict.study), len(verdict.series), verdict.day > 0) == (16, 16, True)


@pytest.mark.parametrize(("rule", "about", "changed"), FAULTS, ids=[f"{rule}-{number}" for number, (rule, _, _) in enumerate(FAULTS)])
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
def test_what_breaks_a_rule_is_found(rule: str, about: str, changed: dict[str, Any], syntax: str | None) -> None:
    data = made(**changed, **({"syntax": syntax} if syntax else {}))
    assert (rule, about) in found(data)
    assert CANARY not in repr(check(data))


QUIET: list[tuple[dict[str, Any], str]] = [
    ({"PatientName": "1001"}, PATH),
    ({"PatientName": "ANON^1"}, PATH),
    ({"PatientName": "^"}, PATH),
    ({"PatientName": "X^X"}, PATH),
    ({"PatientBirthDate": "19500101"}, PATH),
    ({"PatientAge": "089Y"}, PATH),
    ({"Manufacturer": "Maker", "StudyDescription": "CT chest", "SeriesDescription": "lung", "ProtocolName": "thorax"}, PATH),
    ({"Modality": "CR"}, "1001/Images/XR/10011/3001/001.dcm"),
    ({"Modality": "DX"}, "1001/Images/XR/10011/3001/01_0.dcm"),
    ({"Modality": "XR"}, "1001/Images/DX/10011/1.2.840.5/1.dcm"),
    ({"InstanceNumber": 12}, "1001/Images/CT/10011/3001/0012.dcm"),
    ({"PatientID": "01001"}, PATH),
    ({"AccessionNumber": "010011"}, PATH),
    ({"syntax": ExplicitVRBigEndian}, PATH),
    ({"ReferringPhysicianName": "REMOVED"}, PATH),
    ({"InstitutionName": ""}, PATH),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "path"), QUIET, ids=range(len(QUIET)))
def test_what_looks_odd_and_is_right_stays_silent(changed: dict[str, Any], path: str) -> None:
    assert found(made(**changed), path) == set()


def test_old_layouts_are_not_compared_with_tags() -> None:
    assert found(made(AccessionNumber="77"), "1001/Images/5/6/1001_5_6_CT_1.dcm") == set(), "the at-once pass names the layout"


def test_private_tags_and_overlays_are_notes() -> None:
    data = pydicom.dcmread(BytesIO(made()))
    block = data.private_block(0x0029, "MAKER", create=True)
    block.add_new(0x10, "LO", CANARY)
    data.add_new(0x60003000, "OW", bytes(2))
    out = BytesIO()
    pydicom.dcmwrite(out, data, enforce_file_format=True)
    assert found(out.getvalue()) == {("I16", ""), ("I17", "")}


def test_a_file_that_is_cut_anywhere_is_found() -> None:
    data = made(PixelData=bytes(32))
    for end in range(140, len(data)):
        rules = {finding.rule for finding in check(data[:end]).findings}
        assert rules & {"I1", "I2"}, end
    assert found(data[:-1]) == {("I2", "in the picture")}
    assert found(data + bytes(64)) == set(), "padding"


def test_a_compressed_picture_ends_with_its_last_item() -> None:
    encapsulated = encapsulate([b"\xff\xd8" + bytes(60) + b"\xff\xd9"])
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    for name, value in (
        ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"),
        ("SOPInstanceUID", "1.2"),
        ("PatientID", "1001"),
        ("AccessionNumber", "10011"),
    ):
        setattr(data, name, value)
    data.Modality, data.InstanceNumber, data.PatientIdentityRemoved, data.Rows = "CT", 1, "YES", 8
    data.PixelData = encapsulated
    data["PixelData"].VR = "OB"
    out = BytesIO()
    pydicom.dcmwrite(out, data, enforce_file_format=True)
    whole = out.getvalue()
    assert found(whole) == set()
    assert found(whole[:-8]) == {("I2", "in the compressed picture")}


def test_what_is_not_dicom_is_named_and_nothing_is_raised() -> None:
    assert found(b"") == {("I1", "")}
    assert found(b"%PDF-1.7" + bytes(500)) == {("I1", "")}
    for tail in (b"\xff" * 400, bytes(400), b"\x02\x00\x00\x00UL\x04\x00\xff\xff\xff\xff" * 9):
        assert {rule for rule, _ in found(bytes(128) + b"DICM" + tail)} <= {"I1", "I2", "I3B", "I4", "I5", "I11"}


def test_a_long_header_is_read_on_and_a_compressed_one_is_said_to_be_unchecked() -> None:
    asked: list[int] = []
    data = made(ImageComments=None, IconImageSequence=item(TextValue="x" * 60_000))

    def read(length: int, at: int) -> bytes:
        asked.append(length)
        return data[at : at + length]

    with images.quiet():
        verdict = check_image(where(PATH, "1001"), len(data), read, deep=False, key=b"k")
    assert len(asked) > 1
    assert {finding.rule for finding in verdict.findings} == {"I15B"}
    small = made()
    asked.clear()
    data = small + bytes(10_000_000)
    with images.quiet():
        check_image(where(PATH, "1001"), len(data), read, deep=False, key=b"k")
    assert asked == [images.FIRST_READ], "a picture is not read"
    deflated = made().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    assert check(deflated).unchecked == "The header is compressed."


@pytest.mark.parametrize(
    "tag", sorted({*dicom_tags.PATIENT, *dicom_tags.PLACE, *dicom_tags.DATES, 0x00100020, 0x00080050, 0x00081030, 0x0008103E})
)
def test_no_value_of_any_tag_is_in_a_result_or_a_log(tag: int, caplog: pytest.LogCaptureFixture) -> None:
    """A canary in each tag, also as a value that its type does not allow: pydicom's warnings quote such values."""
    vr = dictionary_VR(tag)
    keyword = keyword_for_tag(tag)
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(BytesIO(made()))
        if vr == "SQ":
            setattr(data, keyword, item(PatientName=f"{CANARY}^Z", PatientID=CANARY))
        elif vr == "PN":
            setattr(data, keyword, f"{CANARY}^{CANARY}")
        else:
            data[tag] = DataElement(tag, "LO" if vr in ("DA", "DT", "TM", "IS") else vr, f"{CANARY}" * 9, already_converted=True)
        out = BytesIO()
        pydicom.dcmwrite(out, data, enforce_file_format=True)
    written = out.getvalue()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        verdict = check(written)
    assert CANARY not in repr(verdict)
    assert CANARY not in caplog.text
    assert [str(one.message) for one in warned] == []
