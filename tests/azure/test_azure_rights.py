"""The rights of docs/it-department.md: a submission works with them, and a missing one is named at the first step that needs it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure_places import sas_place, service

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.cli.main import main
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_STORE
from chorus_gui.core.journal.store import Journal

CONFIG = """\
[configuration]
supported_modalities = "OMOP"
[journal]
journaling_mode = "append"
[journal.source]
path = "az://{journal}/journal.db"
[journal.local]
path = "journal.db"
[journal.source.auth]
auth_mode = "sas"
azure_account_name = "{account}"
azure_account_url = "{url}"
azure_sas_token = "{journal_token}"
[central_path]
path = "az://{data}/site"
[central_path.auth]
auth_mode = "sas"
azure_account_name = "{account}"
azure_account_url = "{url}"
azure_sas_token = "{data_token}"
[site_path.default]
path = "site"
"""


@dataclass
class Rights:
    azurite: Azurite
    base: Path
    data: str
    journal: str

    def tokens(self, data: str, journal: str) -> None:
        """Write the configuration with tokens of exactly these rights."""
        data_token, journal_token = self.token(self.data, data), self.token(self.journal, journal)
        (self.base / "config.toml").write_text(
            CONFIG.format(
                journal=self.journal, data=self.data, account=self.azurite.account, url=self.azurite.url,
                data_token=data_token, journal_token=journal_token,
            )
        )  # fmt: skip

    def token(self, container: str, letters: str) -> str:
        sas = sas_place(self.azurite, container, letters, hours=24 * 90).credentials.sas
        assert sas
        return sas.token.reveal()

    def blobs(self) -> set[str]:
        with service(self.azurite) as client:
            return {blob.name for blob in client.get_container_client(self.data).list_blobs()}

    def rows(self) -> list[tuple[str, str]]:
        with Journal.open(self.base / "journal.db", readonly=True) as journal:
            return sorted((row.version, row.path) for row in journal.rows(active=True))

    def run(self, *words: str) -> int:
        return main(["-c", str(self.base / "config.toml"), *words])

    def put(self, name: str, text: str) -> None:
        file = self.base / "site" / "OMOP" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def rights(azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rights:
    monkeypatch.chdir(tmp_path)
    names = [f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("data", "journal")]
    with service(azurite) as client:
        for name in names:
            client.create_container(name)
    return Rights(azurite, tmp_path, *names)


def submit(rights: Rights, version: str) -> int:
    return rights.run("submit", "--yes", "--version", version)


def test_new_versions_need_no_right_to_delete_data(rights: Rights, capsys: pytest.CaptureFixture[str]) -> None:
    rights.tokens(NEEDS_STORE, NEEDS_JOURNAL)
    rights.put("small.csv", "a")
    rights.put("in blocks.csv", "b" * 9_000_000)
    assert submit(rights, "v1") == 0
    rights.put("new.csv", "c")
    assert submit(rights, "v2") == 0
    assert rights.run("file", "verify", "--version", "v1") == 0
    assert rights.run("file", "verify", "--version", "v2") == 0
    assert rights.run("journal", "checkout") == 0
    assert rights.run("journal", "checkin") == 0
    assert {"site/v1/submission.json", "site/v2/submission.json", "site/v1/OMOP/small.csv", "site/v2/OMOP/new.csv"} <= rights.blobs()
    before = rights.blobs(), rights.rows()
    rights.put("late.csv", "d")
    capsys.readouterr()
    assert submit(rights, "v2") == 3
    said = capsys.readouterr().err
    assert "Version v2 is complete" in said
    assert "that needs the permission “delete”. Nothing in the version was changed." in " ".join(said.split())
    assert "Submit to a new version" in said
    assert (rights.blobs(), rights.rows()) == before
    assert submit(rights, "v3") == 0  # what it says works
    assert "site/v3/submission.json" in rights.blobs()


def test_a_version_that_is_complete_is_amended_repaired_and_cleaned_with_the_right_to_delete(rights: Rights) -> None:
    rights.tokens(NEEDS_STORE + "d", NEEDS_JOURNAL)
    rights.put("a.csv", "a")
    assert submit(rights, "v1") == 0
    rights.put("b.csv", "b")
    assert submit(rights, "v1") == 0
    assert rights.rows() == [("v1", "OMOP/a.csv"), ("v1", "OMOP/b.csv")]
    with service(rights.azurite) as client:
        client.get_blob_client(rights.data, "site/v1/OMOP/a.csv").upload_blob(b"z", overwrite=True)
    assert rights.run("file", "verify", "--version", "v1") == 1
    assert rights.run("file", "repair", "--version", "v1") == 0
    assert "site/v1/submission.json" in rights.blobs()
    assert rights.run("remote", "delete", "--yes", "v1/OMOP/b.csv") == 0
    assert not {"site/v1/submission.json", "site/v1/OMOP/b.csv"} & rights.blobs()


@pytest.mark.parametrize(
    ("data", "journal", "right"),
    [
        ("cwl", NEEDS_JOURNAL, "read"),
        ("rcl", NEEDS_JOURNAL, "write"),
        (NEEDS_STORE, "cwdl", "read"),
        (NEEDS_STORE, "rdl", "write"),
        (NEEDS_STORE, "rcwl", "delete"),
    ],
)
def test_with_a_letter_less_the_first_step_names_the_right(
    rights: Rights, capsys: pytest.CaptureFixture[str], data: str, journal: str, right: str
) -> None:
    rights.tokens(data, journal)
    rights.put("small.csv", "a")
    rights.put("in blocks.csv", "b" * 9_000_000)
    assert submit(rights, "v1") in (2, 3)
    said = " ".join(capsys.readouterr().err.split())
    assert f"It needs the permission “{right}”" in said
    asked = (
        "reading, creating, writing and listing (sp=rcwl)"
        if data != NEEDS_STORE
        else "reading, creating, writing, deleting and listing (sp=rcwdl)"
    )
    assert f"Ask the central team for a token that allows {asked}." in said


def test_without_listing_a_version_never_becomes_complete_and_that_is_said(rights: Rights, capsys: pytest.CaptureFixture[str]) -> None:
    rights.tokens("rcw", NEEDS_JOURNAL)
    rights.put("small.csv", "a")
    submit(rights, "v1")
    assert "does not allow listing" in capsys.readouterr().err
    assert "site/v1/submission.json" not in rights.blobs()
