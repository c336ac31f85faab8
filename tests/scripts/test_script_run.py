"""Generated bash scripts, run with the real az and the real AzCopy against a real blob service."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from scriptworld import AZ, AZCOPY, NASTY, POSIX_ONLY, VERSION, Container, ScriptWorld, bash, content, shellcheck, tools_environment

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.cli.main import main
from chorus_gui.core.journal.store import Journal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.name == "nt" or not (AZ.exists() and AZCOPY.exists()), reason="az and AzCopy are not set up: python3 dev.py test"
    ),
]
SMALL = tuple(path for path in NASTY if path.startswith(("P1/wave", "P2", "OMOP/PERSON")))


def world(tmp_path: Path, container: Container, auth: str, files: tuple[str, ...]) -> ScriptWorld:
    journal = f'[journal.source]\npath = "az://{container.name}/journal.db"\n[journal.source.auth]\n{container.auth(auth)}'
    made = ScriptWorld(tmp_path, container.auth(auth), f"az://{container.name}/pre fix", journal, files=files)
    made.record()
    return made


def secret(container: Container, auth: str) -> dict[str, str]:
    return {"AZURE_SAS_TOKEN": "?" + container.sas()} if auth == "sas" else {"AZURE_ACCOUNT_KEY": container.azurite.key}


def expected(made: ScriptWorld) -> dict[str, bytes]:
    return {"pre fix/" + made.config.store_path(row.modality, row.path, row.version): content(row.path) for row in made.rows()}


def check_everything(made: ScriptWorld, container: Container) -> None:
    """The store, the journal and the lock are what a built-in upload leaves."""
    assert made.pending() == set()
    blobs = container.blobs()
    copy, _ = blobs.pop(f"pre fix/{VERSION}/journal.db")
    assert copy[:16] == b"SQLite format 3\0"
    assert copy[18:20] == b"\x01\x01"
    cloud, _ = blobs.pop("journal.db")
    (made.base / "cloud.db").write_bytes(cloud)
    with Journal.open(made.base / "cloud.db", readonly=True) as journal:
        assert list(journal.rows(active=True)) == made.rows()
    want = expected(made)
    assert set(blobs) == set(want)  # no lock either
    for name, (data, md5) in blobs.items():
        assert (data, md5) == (want[name], hashlib.md5(want[name]).digest()), name
    assert main(["-c", str(made.file), "file", "verify"]) == 0


@pytest.mark.parametrize(
    ("kind", "auth", "options"),
    [
        ("azcopy", "sas", ()),
        ("azcopy", "key", ("--one-by-one",)),
        ("azcli", "sas", ()),
        ("azcli", "key", ("--one-by-one",)),
    ],
)
def test_a_script_leaves_what_a_built_in_upload_leaves(
    tmp_path: Path, azurite: Azurite, kind: str, auth: str, options: tuple[str, ...]
) -> None:
    container = Container(azurite)
    files = SMALL if kind == "azcli" and options else (*NASTY, *POSIX_ONLY)
    made = world(tmp_path, container, auth, files)
    script = made.write_script("send it.sh", kind, *options)
    assert shellcheck(script) == ""
    result = bash(script, tools_environment(tmp_path, secret(container, auth)))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"/{len(files)}]" in result.stdout
    check_everything(made, container)
    again = bash(script, tools_environment(tmp_path, secret(container, auth)))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "[" not in again.stdout, "nothing is sent a second time"


@pytest.mark.parametrize("kind", ["azcopy", "azcli"])
def test_an_interrupted_script_goes_on(tmp_path: Path, azurite: Azurite, kind: str) -> None:
    """The tool fails in the second page; what the first page brought stays, the journal stays ours, the next run does the rest."""
    container = Container(azurite)
    made = world(tmp_path, container, "sas", SMALL)
    made.page_size = 2
    made.write_config()
    script = made.write_script("send.sh", kind)
    env = tools_environment(tmp_path, secret(container, "sas"))
    real = tmp_path / "bin" / ("az" if kind == "azcli" else "azcopy")
    target = real.resolve()
    real.unlink()
    count = tmp_path / "calls"
    real.write_text(
        f'#!/bin/sh\ncase "$*" in *upload*|copy*) echo x >> "{count}"; [ "$(wc -l < "{count}")" -eq 3 ] && exit 1 ;; esac\nexec "{target}" "$@"\n'
    )
    real.chmod(0o755)
    result = bash(script, env)
    assert result.returncode == 1
    assert "STOPPED" in result.stderr
    assert 0 < len(made.pending()) < len(SMALL)
    assert "journal.db.locked" in container.blobs()
    assert main(["-c", str(made.file), "journal", "list"]) == 0
    result = bash(script, env)
    assert result.returncode == 0, result.stdout + result.stderr
    check_everything(made, container)


def test_a_killed_script_goes_on(tmp_path: Path, azurite: Azurite) -> None:
    container = Container(azurite)
    made = world(tmp_path, container, "sas", SMALL)
    made.page_size = 1
    made.write_config()
    script = made.write_script("send.sh", "azcopy")
    env = tools_environment(tmp_path, secret(container, "sas"))
    process = subprocess.Popen(
        ["bash", str(script)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"[3/{len(SMALL)}]"):
            os.killpg(process.pid, 9)
            break
    process.stdout.close()
    assert process.wait() == -9
    assert 0 < len(made.pending()) < len(SMALL)
    result = bash(script, env)
    assert result.returncode == 0, result.stdout + result.stderr
    check_everything(made, container)


def test_a_journal_that_somebody_else_has_stops_the_script(tmp_path: Path, azurite: Azurite) -> None:
    container = Container(azurite)
    made = world(tmp_path, container, "sas", SMALL)
    script = made.write_script("send.sh", "azcopy")
    container.client.upload_blob("journal.db.locked", b"their journal")
    before = container.blobs()
    result = bash(script, tools_environment(tmp_path, secret(container, "sas")))
    assert result.returncode == 2
    assert "checked out" in result.stderr
    assert container.blobs() == before


def test_a_file_that_changed_is_not_sent(tmp_path: Path, azurite: Azurite) -> None:
    container = Container(azurite)
    made = world(tmp_path, container, "sas", SMALL)
    script = made.write_script("send.sh", "azcopy")
    made.put(SMALL[0], b"something else")
    result = bash(script, tools_environment(tmp_path, secret(container, "sas")))
    assert result.returncode == 1
    assert "was changed after it was recorded" in result.stderr
    assert set(container.blobs()) == {"journal.db", "journal.db.locked"}


def test_a_large_file_is_read_again_before_it_is_marked(tmp_path: Path, azurite: Azurite) -> None:
    """az sends it in blocks, and whatever MD5 it is given would be believed: it gets none."""
    container = Container(azurite)
    made = ScriptWorld(tmp_path, container.auth("sas"), f"az://{container.name}", files=("OMOP/a.csv",))
    with (made.site / "OMOP" / "large.bin").open("wb") as out:
        out.truncate(257 * 1024 * 1024)
        out.write(b"first")
    made.record()
    script = made.write_script("send.sh", "azcli", "--one-by-one")
    result = bash(script, tools_environment(tmp_path, secret(container, "sas")))
    assert result.returncode == 0, result.stdout + result.stderr
    row = next(row for row in made.rows() if row.path.endswith("large.bin"))
    assert row.uploaded is not None
    blob = container.client.get_blob_client(f"{VERSION}/OMOP/large.bin")
    assert blob.get_blob_properties().content_settings.content_md5 is None
    assert "Verifying" in result.stderr
