"""A list that the service never sends is refused before it fills the memory."""

from __future__ import annotations

import tracemalloc

import pytest

from chorus_gui.core.storage.azure import markup
from chorus_gui.core.storage.azure.wire import PAGE
from chorus_gui.core.untrusted import MalformedError

BLOB = "<Blob><Name>a</Name><Properties><Etag>1</Etag><Content-Length>5</Content-Length><Last-Modified>Wed, 01 Jan 2025 10:00:00 GMT</Last-Modified>{}</Properties>{}</Blob>"
FOLDER = "<BlobPrefix><Name>a/</Name></BlobPrefix>"
BLOCK = "<Block><Name>YQ==</Name><Size>1</Size></Block>"


def listed(inner: str) -> bytes:
    return f"<EnumerationResults><Blobs>{inner}</Blobs><NextMarker/></EnumerationResults>".encode()


def blob(properties: str = "", metadata: str = "") -> str:
    return BLOB.format(properties, f"<Metadata>{metadata}</Metadata>")


def tags(count: int) -> str:
    return "".join(f"<a{number}/>" for number in range(count))


def test_the_longest_list_of_the_service_is_read() -> None:
    page = markup.listing(listed(blob("<Owner>x</Owner>", "<key>value</key>") * (PAGE - 1) + FOLDER))
    assert (len(page.blobs), page.folders) == (PAGE - 1, ["a/"])
    assert page.blobs[-1].metadata == {"key": "value"}
    long = "%41" * 1024
    assert markup.listing(listed(BLOB.format("", "").replace(">a<", f' Encoded="true">{long}<'))).blobs[0].path == "A" * 1024
    assert len(markup.staged(f"<BlockList><UncommittedBlocks>{BLOCK * 50_000}</UncommittedBlocks></BlockList>".encode())) == 50_000


LONG = {
    "blobs": listed(blob() * (PAGE + 1)),
    "folders": listed(FOLDER * (PAGE + 1)),
    "both": listed(blob() * PAGE + FOLDER),
    "properties": listed(blob(tags(200_000))),
    "metadata": listed(blob("", tags(200_000))),
    "attributes": listed("<Blob " + " ".join(f'a{number}=""' for number in range(1_000_000)) + "/>"),
    "comment": listed(f"<!--{'x' * 20_000_000}-->"),
}


@pytest.mark.parametrize("name", LONG)
def test_a_list_that_is_too_long_is_refused_with_little_memory(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError, match=r"more than the service ever sends|without end"):
            markup.listing(LONG[name])
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_too_many_blocks_are_refused() -> None:
    with pytest.raises(MalformedError, match="more than the service ever sends"):
        markup.staged(f"<BlockList><UncommittedBlocks>{BLOCK * 100_001}</UncommittedBlocks></BlockList>".encode())


def test_a_refusal_with_many_fields_is_nobody_s() -> None:
    assert markup.refusal(f"<Error>{tags(2000)}</Error>".encode()) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis", "gb2312", "utf-7", "utf-16", "idna", "rot13", "cp037", "x"])
def test_a_list_is_read_as_utf_8_whatever_it_says(encoding: str) -> None:
    """Expat asks Python for an encoding that it does not know, and Python may raise anything."""
    body = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + listed(blob().replace(">a<", ">ä<"))
    assert markup.listing(body).blobs[0].path == "ä"
    assert markup.refusal(body) == {}
    with pytest.raises(MalformedError):
        markup.staged(body)


PROPERTIES = (
    "<Creation-Time>Wed, 01 Jan 2025 10:00:00 GMT</Creation-Time><Last-Modified>Wed, 01 Jan 2025 10:00:00 GMT</Last-Modified>"
    "<Etag>0x8D{0}</Etag><Content-Length>4{0}</Content-Length><Content-Type>application/octet-stream</Content-Type><Content-Encoding />"
    "<Content-CRC64 /><Content-MD5>1B2M2Y8AsgTpgAmY7PhCfg==</Content-MD5><Cache-Control /><BlobType>BlockBlob</BlobType>"
)
USUAL = (
    '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://127.0.0.1/account" ContainerName="central">'
    "<Prefix>v/</Prefix><MaxResults>3</MaxResults><Blobs>"
    + "".join(
        f"<Blob><Name>v/ä {number}.dcm</Name><Properties>{PROPERTIES.format(number)}</Properties><OrMetadata /></Blob>"
        for number in range(3)
    )
    + "</Blobs><NextMarker>2!next</NextMarker></EnumerationResults>"
)
PIECES = (
    *(
        "",
        " ",
        "\n",
        "\x00",
        "\x0b",
        "&",
        "&amp;",
        "&#65;",
        "&x;",
        "]]>",
        ">",
        "<",
        '"',
        "\ufffe",
        "\x7f",
        "ü",
        "<a>",
        "</a>",
        "<a/>",
        "4",
        "-",
        "<!-- c -->",
    ),
    *(
        "<![CDATA[x]]>",
        "<?a b?>",
        "<!DOCTYPE a>",
        "<Etag>2</Etag>",
        "<Etag/>",
        "</Properties>",
        "<Properties>",
        "<Metadata><k>v</k></Metadata>",
    ),
    *(
        "<Metadata />",
        "</Blob>",
        "<Blob>",
        "</Blobs>",
        "<BlobPrefix><Name>a/</Name></BlobPrefix>",
        'Encoded="true"',
        "<Name>b</Name>",
        "%41",
    ),
)


def outcome(body: bytes) -> object:
    try:
        return markup.listing(body)
    except MalformedError:
        return "refused"


def test_the_quick_way_reads_the_usual_page() -> None:
    page = markup.plain(USUAL.encode(), PAGE)
    assert page is not None
    assert [name for name, _ in page.blobs] == ["v/ä 0.dcm", "v/ä 1.dcm", "v/ä 2.dcm"]
    assert page.marker == "2!next"
    assert markup.plain(USUAL.encode(), 2) is None


def test_the_quick_way_gives_what_the_parser_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece at every place of the page, in addition and in place of a character: the same page, or refused by both."""
    tags = [place for place, character in enumerate(USUAL) if character in "<>"]
    places = {*tags[::3], *range(0, len(USUAL), 29)}
    bodies = [USUAL, USUAL.removeprefix("\ufeff"), USUAL + "\n", USUAL.replace("<NextMarker>2!next</NextMarker>", "<NextMarker />")]
    archived = USUAL.replace("<BlobType>", "<AccessTier>Archive</AccessTier><AccessTierInferred>true</AccessTierInferred><BlobType>", 1)
    bodies += [archived, archived.replace("Archive<", "Hot<"), USUAL.replace("<BlobType>", "<AccessTier>Cool</AccessTier><BlobType>")]
    bodies += [USUAL[:place] + piece + USUAL[place + skip :] for place in places for piece in PIECES for skip in (0, 1)]
    quick = [outcome(body.encode()) for body in bodies]
    monkeypatch.setattr(markup, "plain", lambda body, most: None)
    for body, found in zip(bodies, quick, strict=True):
        assert found == outcome(body.encode()), body
    assert any(found == "refused" for found in quick)


@pytest.mark.parametrize("quick", [True, False])
def test_a_list_says_which_blobs_are_archived(monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    if not quick:
        monkeypatch.setattr(markup, "plain", lambda body, most: None)
    tiers = iter(("Archive", "Hot", "Archive"))
    parts = USUAL.split("<BlobType>")
    body = "".join(part + (f"<AccessTier>{next(tiers)}</AccessTier><BlobType>" if number < 3 else "") for number, part in enumerate(parts))
    assert [blob.archived for blob in markup.listing(body.encode()).blobs] == [True, False, True]
    assert not any(blob.archived for blob in markup.listing(USUAL.encode()).blobs)
