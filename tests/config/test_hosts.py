"""Which servers get credentials: known ones, and those that a person confirmed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from azure_places import azure_place

from chorus_gui.core.config import hosts
from chorus_gui.core.config.addresses import account_of_url, account_url_problem
from chorus_gui.core.config.credentials import Sas
from chorus_gui.core.config.hosts import Host, admit, confirm, confirmed, unconfirmed
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import AccessError, UntrustedHostError, UsageError

KNOWN = (
    "https://stmary.blob.core.windows.net",
    "https://STMARY.Blob.Core.Windows.Net.",
    "https://stmary-secondary.blob.core.windows.net",
    "https://stmary.privatelink.blob.core.windows.net",
    "https://stmary.z12.blob.storage.azure.net",
    "https://stmary.blob.core.usgovcloudapi.net:443",
    "https://stmary.blob.core.chinacloudapi.cn/",
    "https://upload.chorus4ai.org",
    "http://127.0.0.1:10000/devstoreaccount1",
    "http://127.9.8.7:1",
    "http://[::1]:10000/devstoreaccount1",
)
UNKNOWN = (
    "https://evil.example",
    "https://stmary.blob.core.windows.net.evil.example",
    "https://stmary.blob.core.evil.example",
    "https://blob.core.windows.net",
    "https://a.b.blob.core.windows.net",
    "https://evil-blob.core.windows.net",
    "https://stmaryblob.core.windows.net",
    "https://stmary.web.core.windows.net",
    "https://upload.chorus4ai.org.evil.example",
    "https://xupload.chorus4ai.org",
    "http://localhost:10000",
    "https://localhost",
    "https://localhost.localdomain",
    "https://127.0.0.1.nip.example",
    "https://10.0.0.1",
    "https://[2001:db8::1]",
)
NO_ADDRESS = (
    "https://stmary.blob.core.windows.net@evil.example",
    "https://evil.example\\@stmary.blob.core.windows.net",
    "https://evil.example#@stmary.blob.core.windows.net",
    "https://evil.example?.blob.core.windows.net",
    "https://evil.example\t.blob.core.windows.net",
    "https://evil.example\n",
    "https://stmary.blob.core.windows.net\u3002evil.example",
    "https://st\u00adary.blob.core.windows.net",
    "https://2852039166",
    "https://0xa9fea9fe",
    "https://169.254.43518",
    "https://0251.0376.0251.0376",
    "https://127.1",
    "https://[::1%25eth0]",
    "https://evil.example:99999",
    "https://",
    "https://.",
    "https://-evil.example",
    "ftp://stmary.blob.core.windows.net",
    "",
)


def place(url: str, *, kind: PlaceKind = PlaceKind.AZURE, name: str = "stmary") -> Place:
    return replace(azure_place(name, url, Sas("sig=x")), kind=kind)


@pytest.mark.parametrize("url", KNOWN)
def test_known_servers_need_no_confirmation(url: str) -> None:
    admit(place(url))
    assert unconfirmed([place(url)]) == []


@pytest.mark.parametrize("url", UNKNOWN)
def test_other_servers_get_nothing_until_a_person_confirms_them_once(url: str) -> None:
    with pytest.raises(UntrustedHostError) as caught:
        admit(place(url))
    host = caught.value.host
    assert f"--trust-host {host}" in caught.value.remedy
    assert unconfirmed([place(url), place(url)]) == [host]
    assert confirm(url) == confirm(host) == host
    admit(place(url))
    with pytest.raises(AccessError):  # what is below it is another one
        admit(place(f"https://x.{host}"))


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_what_two_parsers_could_read_differently_is_no_address(url: str) -> None:
    assert Host.of_url(url) is None
    assert account_of_url(url) == ""
    assert account_url_problem(url)
    with pytest.raises(UsageError):
        confirm(url or "://")
    if url:
        with pytest.raises(AccessError):
            admit(place(url))


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "[::ffff:169.254.169.254]", "[::]"])
def test_addresses_that_no_store_has_cannot_be_confirmed(address: str) -> None:
    with pytest.raises(AccessError, match="not an address of a storage account"):
        admit(place(f"https://{address}"))
    with pytest.raises(UsageError):
        confirm(address)
    assert unconfirmed([place(f"https://{address}")]) == []
    assert confirmed() == frozenset()


def test_buckets_are_read_where_their_makers_say() -> None:
    for kind in (PlaceKind.S3, PlaceKind.GCS):
        admit(place("", kind=kind))
    admit(Place(PlaceKind.FOLDER, "/site", Path("/site")))


@pytest.mark.parametrize("text", ["", "x", "[", "hosts = 5", 'hosts = ["evil.example"]', "[hosts.a]" * 2, "a = " + "[" * 5000])
def test_a_damaged_list_confirms_nothing(text: str) -> None:
    hosts._file().write_text(text)
    assert confirmed() == frozenset()
    assert confirm("evil.example") == "evil.example"
    assert confirmed() == {"evil.example"}


def test_a_list_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_file", lambda: tmp_path / "missing" / "list.toml")
    with pytest.raises(UsageError, match="Could not remember the server"):
        confirm("evil.example")
