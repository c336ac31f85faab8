"""Pictures of DICOM images for the contact sheet: which can be shown, and that what is shown is the picture."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from readinessworld import image

from chorus_gui.core.readiness.pictures import LARGEST, Picture, picture


def shown(data: bytes, most: int = 64) -> Picture:
    return picture(lambda length, at: data[at : at + length], len(data), most)


def grey16(values: list[int], order: str = "little") -> bytes:
    return b"".join(value.to_bytes(2, order, signed=value < 0) for value in values)  # type: ignore[arg-type]


RAMP = [0, 1000, 2000, 4000] * 4


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"PixelData": grey16(RAMP)}, [0, 63, 127, 255] * 4),
        ({"PixelData": grey16(RAMP), "syntax": ImplicitVRLittleEndian}, [0, 63, 127, 255] * 4),
        ({"PixelData": grey16(RAMP), "PhotometricInterpretation": "MONOCHROME1"}, [255, 192, 128, 0] * 4),
        ({"PixelData": grey16([-1000, 0, 0, 1000] * 4), "PixelRepresentation": 1}, [0, 127, 127, 255] * 4),
        ({"PixelData": bytes([0, 10, 20, 255] * 4), "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, [0, 10, 20, 255] * 4),
        ({"PixelData": bytes(32)}, [0] * 16),
    ],
)
def test_an_uncompressed_grey_picture(changed: dict[str, Any], expected: list[int]) -> None:
    found = shown(image("1001", "1", **changed))
    assert (found.width, found.height, found.why) == (4, 4, "")
    assert list(found.grey) == expected


def test_the_other_order_of_bytes() -> None:
    data = image("1001", "1", PixelData=grey16(RAMP), syntax=ExplicitVRBigEndian)
    found = shown(data)
    assert found.why == ""
    assert len(found.grey) == 16


def test_a_large_picture_is_made_smaller() -> None:
    data = image("1001", "1", Rows=100, Columns=200, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes(range(200)) * 100)
    found = shown(data, 50)
    assert (found.width, found.height) == (50, 25)
    assert len(found.grey) == 50 * 25


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"syntax": JPEGBaseline8Bit, "PixelData": None}, "no picture"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"BitsAllocated": 32}, "colour, or has another form"),
        ({"Rows": 400}, "incomplete"),
        ({"Rows": 0}, "incomplete"),
        ({"PixelData": None}, "no picture"),
    ],
)
def test_what_cannot_be_shown_says_why(changed: dict[str, Any], why: str) -> None:
    found = shown(image("1001", "1", PatientName="CANARY^A", **changed))
    assert why in found.why
    assert found.grey == b""
    assert "CANARY" not in found.why


@pytest.mark.parametrize("data", [b"", b"nothing", bytes(128) + b"DICM", bytes(128) + b"DICM\x02\x00\x10\x00UI\xff\xff"])
def test_no_image_at_all(data: bytes) -> None:
    assert shown(data).why


def test_a_cut_image() -> None:
    data = image("1001", "1")
    for cut in range(0, len(data), 7):
        shown(data[:cut])  # raises nothing


def test_a_file_that_is_too_large_is_not_read() -> None:
    found = picture(lambda length, at: pytest.fail("it was read"), LARGEST + 1, 64)  # type: ignore[arg-type, return-value]
    assert "too large" in found.why
