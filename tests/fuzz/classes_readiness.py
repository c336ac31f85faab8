"""Bytes of images, recordings and tables, as the readiness check reads them: anything is a result, and no value is in it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from canary import CANARY, InputClass, must, no_secret

from chorus_gui.app.demo import dicom, waveforms
from chorus_gui.core.readiness import omop, texts
from chorus_gui.core.readiness.images import check_image, quiet, where
from chorus_gui.core.readiness.pictures import picture
from chorus_gui.core.readiness.recordings import Session, check_session
from chorus_gui.core.readiness.tables import Form, TableCheck, World, check_end, head_lines

_AT = datetime(2025, 1, 1, tzinfo=UTC)
_IMAGE = dicom.ct_slice(dicom.Study("1001", "F", _AT, random.Random(1)), 1, 4)
_HEADER = _IMAGE[:1200]
_HEA = waveforms.record("9", _AT, random.Random(1))[0].encode()
_NAMES = [column.name for column in omop.tables()["note"]]
_TABLE = (
    ",".join(_NAMES) + "\n" + ",".join(["1", "1001", "2025-01-01", "2025-01-01 08:00:00", *["1"] * (len(_NAMES) - 4)]) + "\n"
).encode()
_SECRET = CANARY[:40].encode()

VALUES: list[Any] = [
    *(
        ("image", data)
        for data in (_HEADER, _HEADER.replace(b"1001", _SECRET[:4]), _IMAGE[:140], _HEADER + _SECRET, bytes(128) + b"DICM", b"")
    ),
    *(
        ("recording", data)
        for data in (_HEA, b"9/2 2 250 20\n9_layout 0\n9_0001 20\n", b"# Name: " + _SECRET + b"\n" + _HEA, b"9 1\n9.dat 16+1 " + _SECRET)
    ),
    *(("EDF", data) for data in (b"0       " + _SECRET + bytes(300), b"0")),
    *(
        ("table", data)
        for data in (_TABLE, _TABLE + _SECRET, b"\xef\xbb\xbf" + _TABLE, _TABLE.replace(b",", b"|"), _SECRET + b",b\n1,2\n", b'"', b"\0")
    ),
    *(("mapping", data) for data in (b"signal_id,standardized_label,sampling_rate,units\nII,," + _SECRET + b",mV\n", b"\xff\xfe")),
]


def checked(value: Any, folder: Path) -> None:
    """Check these bytes as that kind of file."""
    del folder
    kind, data = value
    found: object
    if kind == "image":
        with quiet():
            found = check_image(
                where("1001/Images/CT/1/2/1.dcm", "1001"), len(data), lambda length, at: data[at : at + length], deep=True, key=b"key"
            )
        shown = picture(lambda length, at: data[at : at + length], len(data), 32)
        must(len(shown.grey) == shown.width * shown.height, "a picture of another size")
        must(bool(shown.grey) is not bool(shown.why), "no picture, and no reason")
        no_secret(shown.why)
    elif kind in ("recording", "EDF"):
        name = "9.hea" if kind == "recording" else "9.edf"
        session = Session("1001/Waveforms/Telemetry/9", "1001", {name: len(data), "9.dat": 30_000}, frozenset(("II",)))
        found = check_session(session, lambda path, length: data[:length])[0]
    elif kind == "mapping":
        found = texts.check_mapping("Metadata/EEG_mapping.csv", data).findings
        found = [*found, *texts.check_description("Metadata/READINESS.md", "readiness.md", data)]
    else:
        found = _table(data)
    must("\x00" not in repr(found), "bytes of a file in a finding")
    no_secret(repr(found))
    must(_SECRET.decode() not in repr(found), "a value is in a finding")


def _table(data: bytes) -> list[object]:
    path = "OMOP/note.csv"
    found: list[object] = list(omop.check_header(path, "note", data))
    header = omop.header_of(data)
    if header is not None:
        check = TableCheck(path, "note", header, World({"1001"}, {"1"}, {"1"}), linked=True)
        lines = head_lines(data, header.delimiter, whole=True)
        next(lines, None)
        check.read(lines)
        check.end()
        found += check.findings
    form = Form()
    form.feed(data[: len(data) // 2])
    form.feed(data[len(data) // 2 :])
    return [*found, *form.findings(path), *check_end(path, data)]


CLASSES = [InputClass("readiness", VALUES, checked)]
