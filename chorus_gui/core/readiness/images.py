"""One DICOM image: its header against its path, what names somebody, and if the file is complete.

Nothing that reads the header notices that a file was cut, so the length of the picture is compared with the file's size here.
"""

from __future__ import annotations

import hashlib
import logging
import re
import struct
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import NamedTuple

from chorus_gui.core.readiness import dicom_tags as tags
from chorus_gui.core.readiness.dicom_bytes import PIXELS, Element, Header, parsed, read_header, text_of
from chorus_gui.core.readiness.findings import Finding

FIRST_READ = 1 << 15
LONGEST_HEADER = 1 << 24
"""Bytes; a longer header is not checked."""
_LONG_LENGTH = frozenset((b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN", b"SQ", b"UT", b"UC", b"UR"))
_UNDEFINED = 0xFFFFFFFF
_END_OF_ITEMS = b"\xfe\xff\xdd\xe0"
_ALIAS = re.compile(
    r"ANON|REMOV|DEIDENT|DE-IDENT|REDACT|UNKNOWN|WITHHELD|DUMMY|PSEUDO|SUBJECT|PATIENT|CHORUS|^NONE$|^NA$|^X+(\^X*)*$", re.IGNORECASE
)
_WITHOUT_PICTURE = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?:4\.2|(?:9|11|66|67|68|78|79|80|88|104|481)(?:\.\d+)*)")
"""Classes of objects that need no picture: waveforms, presentations, raw data, measurements, reports, documents, plans."""
_EMPTY = re.compile(r"[\s^=\\]*")
_AGE = re.compile(r"(\d{3})Y")
_INSTANCE = re.compile(r"0*(\d+)(?:_0+)?")


class Where(NamedTuple):
    """What the path of an image says: PERSON_ID/Images/MODALITY/ACCESSION/SERIES/NAME.  "" where the path has another layout."""

    path: str
    patient: str
    modality: str
    accession: str
    series: str
    stem: str


class ImageVerdict(NamedTuple):
    """What one image says.  ``study`` and ``series`` are keyed digests of its UIDs, "" if it has none; ``day`` is the study's date as an
    ordinal, 0 if there is none; both are for comparisons with other files, and are never shown.  ``unchecked``: why it could not be checked.
    """

    findings: tuple[Finding, ...] = ()
    study: str = ""
    series: str = ""
    day: int = 0
    unchecked: str = ""


@contextmanager
def quiet() -> Generator[None]:
    """pydicom's warnings and log lines quote values of the file: nothing of them leaves the block.  For the thread that owns the check."""
    logger = logging.getLogger("pydicom")
    before, propagates = logger.level, logger.propagate
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
        logger.propagate = propagates


def where(path: str, patient: str | None) -> Where:
    """The parts of a path in the current layout."""
    parts = path.split("/")
    stem = parts[-1].rpartition(".")[0] or parts[-1]
    below = [number for number, part in enumerate(parts) if part.lower() == "images"]
    inside = parts[below[-1] + 1 : -1] if below else []
    modality, accession, series = inside if len(inside) == 3 else ("", "", "")
    return Where(path, patient or "", modality, accession, series, stem)


def check_image(at: Where, size: int, read: Callable[[int, int], bytes], *, deep: bool, key: bytes) -> ImageVerdict:
    """Check one image of ``size`` bytes.  ``read(n, at)`` gives ``n`` bytes from ``at``.  ``deep``: look into sequences, too.

    ``key`` makes the digests of UIDs.  Raises what ``read`` raises.
    """
    length = min(size, FIRST_READ)
    while True:
        data = read(length, 0)
        if len(data) < 132 or data[128:132] != b"DICM":
            return ImageVerdict((Finding("I1", at.path),))
        if tags.DEFLATED in data[132:1024]:
            return ImageVerdict(unchecked="The header is compressed.")
        header = read_header(data)
        whole = length >= size or len(data) < length
        if whole or (header is not None and header.end < len(data)):
            break
        if length >= LONGEST_HEADER:
            return ImageVerdict(unchecked="The header is too long.")
        length = min(size, 16 * length)
    if header is None:
        return ImageVerdict((Finding("I1", at.path, "the header cannot be read"),))
    try:
        cut = _cut(data, size, header)
        verdict = _checked(at, data, header, deep=deep, key=key)
    except Exception:  # noqa: BLE001 - pydicom decodes values now, and its errors quote them: nothing of them may leave this function
        return ImageVerdict((Finding("I1", at.path, "the header cannot be read"),))
    if cut is None:  # a compressed picture, whose length is not known
        cut = "" if _END_OF_ITEMS in read(min(size, 64), max(0, size - 64)) else "in the compressed picture"
    return verdict._replace(findings=(Finding("I2", at.path, cut), *verdict.findings)) if cut else verdict


def _cut(data: bytes, size: int, header: Header) -> str | None:
    """How a file is cut short; "" if it is complete as far as its header says, None if only its end can show it."""
    at, order = header.end, "<" if header.little else ">"
    if at + 8 > len(data):
        return "before the picture" if _has_picture(header) else ""
    group, element = struct.unpack_from(f"{order}HH", data, at)
    if group << 16 | element not in PIXELS:
        return "before the picture" if _has_picture(header) else ""
    if header.implicit:
        start, length = at + 8, struct.unpack_from(f"{order}I", data, at + 4)[0]
    elif data[at + 4 : at + 6] in _LONG_LENGTH:
        if at + 12 > len(data):
            return "before the picture"
        start, length = at + 12, struct.unpack_from(f"{order}I", data, at + 8)[0]
    else:
        start, length = at + 8, struct.unpack_from(f"{order}H", data, at + 6)[0]
    if length == _UNDEFINED:
        return None
    return "in the picture" if start + length > size else ""


def _has_picture(header: Header) -> bool:
    """An object of this kind has a picture; so has one that ends before it says its kind."""
    return tags.ROWS in header.elements or _WITHOUT_PICTURE.fullmatch(header.text(tags.SOP_CLASS)) is None


def _checked(at: Where, data: bytes, header: Header, *, deep: bool, key: bytes) -> ImageVerdict:
    text = header.text
    findings = list(_identity(at, text))
    findings += _kind(at, text)
    findings += _names(at, header.elements)
    if deep:
        findings += _inside(at, data, header)
    findings += _hygiene(at, header.elements)
    day = _day(text(tags.STUDY_DATE))
    return ImageVerdict(
        tuple(findings),
        _digest(key, text(tags.STUDY_UID)),
        _digest(key, text(tags.SERIES_UID)),
        day.toordinal() if day else 0,
    )


def _digest(key: bytes, uid: str) -> str:
    return hashlib.blake2b(uid.encode(), key=key, digest_size=8).hexdigest() if uid else ""


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text[:8].isdigit() and len(text) >= 8 else None
    except ValueError:
        return None


def _same(one: str, other: str) -> bool:
    return one == other or (one.isdigit() and other.isdigit() and int(one) == int(other))


def _identity(at: Where, text: Callable[[int], str]) -> Iterator[Finding]:
    """Tags against the path."""
    patient, accession, modality, number = text(tags.PATIENT_ID), text(tags.ACCESSION), text(tags.MODALITY), text(tags.INSTANCE)
    if at.patient:
        if not patient:
            yield Finding("I3B", at.path)
        elif not _same(patient, at.patient):
            yield Finding("I3", at.path)
    if at.accession and not _same(accession, at.accession):
        yield Finding("I4", at.path, "" if accession else "AccessionNumber is empty")
    if at.modality and modality != at.modality.upper() and not {modality, at.modality.upper()} <= {"XR", "CR", "DX"}:
        yield Finding("I5", at.path)
    if at.series and number:
        named = _INSTANCE.fullmatch(at.stem)
        if named is None or not number.lstrip("+").isdigit() or int(named[1]) != int(number):
            yield Finding("I7", at.path)


def _kind(at: Where, text: Callable[[int], str]) -> Iterator[Finding]:
    """Documents, and pictures that often have text in them."""
    kind, sop, image_type = text(tags.MODALITY), text(tags.SOP_CLASS), text(tags.IMAGE_TYPE).upper().split("\\")
    if kind in tags.DOCUMENTS or sop.startswith(tags.DOCUMENT_CLASSES):
        yield Finding("I9", at.path)
    if text(tags.BURNED_IN).upper() == "YES":
        yield Finding("I10", at.path, "BurnedInAnnotation is YES")
    elif sop.startswith(tags.CAPTURE_CLASS) or text(tags.CONVERSION).upper() == "WSD":
        yield Finding("I10", at.path, "a secondary capture")
    elif kind == "US":
        yield Finding("I10", at.path, "ultrasound")
    elif any("SAVE" in part or part == "SECONDARY" for part in image_type[1:] or image_type):
        yield Finding("I10", at.path, "ImageType")
    if text(tags.IDENTITY_REMOVED).upper() != "YES":
        yield Finding("I11", at.path)
    age = _AGE.fullmatch(text(tags.AGE))
    if age and int(age[1]) > 89:
        yield Finding("P6", at.path, "PatientAge")
    tomorrow = date.today() + timedelta(days=1)  # noqa: DTZ011 - the day here; a shifted date is years away
    for tag, name in tags.DATES.items():
        day = _day(text(tag))
        if day is not None and day > tomorrow:
            yield Finding("D2", at.path, name)


def _fine(value: str, patient: str) -> bool:
    """A name that names nobody: empty, the patient's number, a number, or a word such as ANON."""
    plain = value.strip("^ ")
    return _EMPTY.fullmatch(value) is not None or _same(plain, patient) or _ALIAS.search(plain) is not None or plain.isdigit()


def _names(at: Where, elements: Mapping[int, Element]) -> Iterator[Finding]:
    """Tags that name somebody or something."""
    for tag, (kind, raw, filled) in elements.items():
        if not filled:
            continue
        name = tags.PATIENT.get(tag)
        if name is not None:
            value = text_of(raw)
            if not value or not (_ALIAS.search(value) or _EMPTY.fullmatch(value) or (kind == "PN" and _fine(value, at.patient))):
                yield Finding("I15", at.path, name)
        elif tag in tags.PLACE:
            value = text_of(raw)
            if not (value and (_ALIAS.search(value) or _EMPTY.fullmatch(value))):
                yield Finding("I15B", at.path, tags.PLACE[tag])
        elif kind == "PN" and not _fine(text_of(raw), at.patient):
            yield Finding("I15", at.path, _keyword(tag))


def _inside(at: Where, data: bytes, header: Header) -> Iterator[Finding]:
    """Names in sequences, whatever the sequence is."""
    sequences = [tag for tag, (kind, _, filled) in header.elements.items() if kind == "SQ" and filled and tag not in tags.PATIENT]
    if not sequences:
        return
    read = header if header.dataset is not None else parsed(data)
    if read is None or read.dataset is None:
        raise ValueError("a header that pydicom cannot read")
    found: set[str] = set()
    for tag in sequences:
        for item in read.dataset[tag].value or ():
            for element in item.iterall():
                if element.VR == "PN" and not _fine(str(element.value or ""), at.patient):
                    found.add(_keyword(int(element.tag)))
                elif int(element.tag) in tags.PATIENT and element.value and element.VR != "PN":
                    found.add(tags.PATIENT[int(element.tag)])
    for name in sorted(found):
        yield Finding("I15", at.path, f"{name} in a sequence")


def _keyword(tag: int) -> str:
    """The name of a tag in the standard, never a text of the file."""
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _hygiene(at: Where, elements: Mapping[int, Element]) -> Iterator[Finding]:
    """Private tags, overlays and curves."""
    groups = {tag >> 16 for tag in elements}
    if any(group & 1 for group in groups):
        yield Finding("I16", at.path)
    if any((group & 0xFF01 == 0x6000 and group << 16 | 0x3000 in elements) or group & 0xFF01 == 0x5000 for group in groups):
        yield Finding("I17", at.path)
