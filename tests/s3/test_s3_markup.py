"""A page of a listing means the same, whichever of the two ways reads it."""

from __future__ import annotations

import pytest

from chorus_gui.core.storage.s3 import markup
from chorus_gui.core.untrusted import MalformedError

CONTENTS = (
    "<Contents><Key>v/%C3%A4+{0}.dcm</Key><LastModified>2026-11-26T12:34:56.000Z</LastModified>"
    "<ETag>&quot;0cc175b9c0f1b6a831c399e26977266{0}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>4{0}</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
USUAL = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>site</Name>'
    "<Prefix>v/</Prefix><NextContinuationToken>1ueG/+=</NextContinuationToken><KeyCount>4</KeyCount><MaxKeys>1000</MaxKeys>"
    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
    + "".join(CONTENTS.format(number) for number in range(3))
    + "<CommonPrefixes><Prefix>w%2F/</Prefix></CommonPrefixes></ListBucketResult>"
)
PIECES = (
    *("", " ", "\n", "\x00", "\x0b", "&", "&amp;", "&quot;", "&#65;", "&x;", "]]>", ">", "<", '"', "\ufffe", "\x7f", "ü", "<a>", "</a>"),
    *("<a/>", "4", "-", "<!-- c -->", "<![CDATA[x]]>", "<?a b?>", "<!DOCTYPE a>", "<ETag>2</ETag>", "<ETag/>", "</Contents>", "<Contents>"),
    *("<Contents/>", "<Contents>x</Contents>", "<Key>b</Key>", "</ListBucketResult>", "<RestoreStatus>x</RestoreStatus>", "<Size>7</Size>"),
    *("<RestoreStatus><RestoreExpiryDate>2026-12-01T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>", "%41", "%ff", "+"),
    *("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>", "<CommonPrefixes/>", "<EncodingType>no</EncodingType>"),
    *("<IsTruncated>false</IsTruncated>", "<NextContinuationToken/>", "<StorageClass>GLACIER</StorageClass>"),
)


def outcome(body: bytes) -> object:
    try:
        return markup.listing(body)
    except MalformedError:
        return "refused"


def test_the_quick_way_reads_the_usual_page() -> None:
    page = markup.plain(USUAL.encode(), markup.PAGE)
    assert page is not None
    assert [one[0] for one in page.objects] == [f"v/%C3%A4+{number}.dcm" for number in range(3)]
    assert page.folders == ["w%2F/"]
    assert markup.plain(USUAL.encode(), 3) is None


def test_the_quick_way_gives_what_the_parser_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece at every place of the page, in addition and in place of a character: the same page, or refused by both."""
    tags = [place for place, character in enumerate(USUAL) if character in "<>"]
    places = {*tags[::3], *range(0, len(USUAL), 29)}
    many = "".join(f"<a{number}/>" for number in range(120))
    bodies = [USUAL, USUAL + "\n", USUAL.replace("&quot;", '"'), USUAL.replace("&quot;", ""), USUAL.replace("<Size>40</Size>", many)]
    bodies += [USUAL.replace("</Key>", f"</Key>{more}") for more in ("<Generation>17</Generation><MetaGeneration>1</MetaGeneration>", many)]
    bodies += [USUAL.replace("STANDARD", tier) for tier in ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "")]
    bodies += [USUAL[:place] + piece + USUAL[place + skip :] for place in places for piece in PIECES for skip in (0, 1)]
    quick = [outcome(body.encode()) for body in bodies]
    monkeypatch.setattr(markup, "plain", lambda body, most: None)
    for body, found in zip(bodies, quick, strict=True):
        assert found == outcome(body.encode()), body
    assert any(found == "refused" for found in quick)
    assert sum(found != "refused" for found in quick) > 100
