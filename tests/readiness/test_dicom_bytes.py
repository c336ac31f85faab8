"""What is read from the bytes of a header is what pydicom reads, or nothing; every verdict is the same."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from readinessworld import image

from chorus_gui.core.readiness import dicom_bytes
from chorus_gui.core.readiness.dicom_bytes import parsed, plain
from chorus_gui.core.readiness.images import ImageVerdict, check_image, quiet, where

AT = where("1001/Images/CT/2001/3001/1.dcm", "1001")
TEXT = st.text("ab^1\\ =é日", max_size=12)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "PatientName": TEXT,
    "PatientID": st.sampled_from(["1001", "x", "", "01001"]),
    "InstitutionName": TEXT,
    "StudyDate": st.sampled_from(["20240201", "", "2", "20991231"]),
    "InstanceNumber": st.integers(-3, 12),
    "SpecificCharacterSet": st.sampled_from(["ISO_IR 100", "ISO_IR 192", "ISO_IR 6", "ISO_IR 13", "nonsense", ""]),
    "ImageType": st.lists(st.sampled_from(["ORIGINAL", "SECONDARY", "SAVE"]), max_size=3),
    "SOPClassUID": st.sampled_from(["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.7", ""]),
    "Rows": st.integers(0, 9),
    "PatientComments": TEXT,
    "Manufacturer": TEXT,
}
SYNTAXES = st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, JPEGBaseline8Bit])


def sequence(undefined: bool, name: str) -> Dataset:
    inner = Dataset()
    inner.PersonName = name
    inner.is_undefined_length_sequence_item = undefined
    return inner


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """An image by pydicom, with what can be in its header."""
    with quiet():
        return make(draw)


def make(draw: st.DrawFn) -> bytes:
    changed: dict[str, Any] = {name: draw(values) for name, values in VALUES.items() if draw(st.booleans())}
    made = pydicom.dcmread(io.BytesIO(image("1001", "2001")))  # pyright: ignore[reportUnknownMemberType]
    for name, value in changed.items():
        setattr(made, name, value)
    if draw(st.booleans()):
        undefined = draw(st.booleans())
        made.RequestAttributesSequence = [sequence(undefined, draw(TEXT))]
        made["RequestAttributesSequence"].is_undefined_length = undefined
    if draw(st.booleans()):
        block = made.private_block(0x0011, "a maker", create=True)
        block.add_new(0x01, "LO", draw(TEXT))
    if draw(st.booleans()):
        made.add_new(0x60003000, "OW", bytes(4))
    if draw(st.booleans()):
        del made.PixelData
    syntax = draw(SYNTAXES)
    out = io.BytesIO()
    if syntax == JPEGBaseline8Bit and "PixelData" in made:
        made.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = syntax
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    pydicom.dcmwrite(out, made, implicit_vr=implicit, little_endian=little, force_encoding=True)  # pyright: ignore[reportUnknownMemberType]
    return out.getvalue()


def verdict(data: bytes, *, deep: bool) -> ImageVerdict:
    with quiet():
        return check_image(AT, len(data), lambda length, at: data[at : at + length], deep=deep, key=b"key")


def same_as_pydicom(data: bytes) -> None:
    for deep in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            now = verdict(data, deep=deep)
            patch.setattr(dicom_bytes, "plain", lambda data: None)
            assert verdict(data, deep=deep) == now
    with quiet():
        quick, slow = plain(data), parsed(data)
    if quick is not None:
        assert slow is not None
        assert (quick.end, quick.implicit, quick.little) == (slow.end, slow.implicit, slow.little)
        assert quick.elements.keys() == slow.elements.keys()
        for tag, (kind, value, filled) in slow.elements.items():
            assert quick.elements[tag][::2] == (kind, filled)
            if value is not None:
                assert quick.elements[tag][1] == value
            else:  # nothing, or the character set, which pydicom needs itself
                assert tag == 0x00080005 or not filled


@given(files())
@settings(max_examples=40)
def test_a_header_says_the_same_whoever_reads_it(data: bytes) -> None:
    same_as_pydicom(data)


@given(files(), st.lists(st.tuples(st.integers(132, 1500), st.integers(0, 255)), min_size=1, max_size=4), st.integers(132, 4000))
@settings(max_examples=60)
def test_a_damaged_header_says_the_same_whoever_reads_it(data: bytes, changes: list[tuple[int, int]], length: int) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        if at < len(damaged):
            damaged[at] = value
    same_as_pydicom(bytes(damaged))
    same_as_pydicom(bytes(damaged[:length]))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_usual_header_needs_no_pydicom(syntax: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = image("1001", "2001", syntax=syntax, PatientName="DOE^JOHN")
    monkeypatch.setattr("chorus_gui.core.readiness.dicom_bytes.parsed", lambda data: pytest.fail("pydicom was asked"))
    assert {found.rule for found in verdict(data, deep=False).findings} >= {"I15"}


def test_a_document_without_a_picture_is_known_by_its_class() -> None:
    data = image("1001", "2001", SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", PixelData=None, Rows=None)
    assert "I9" in {found.rule for found in verdict(data, deep=False).findings}
