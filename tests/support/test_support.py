"""The support bundle: what it holds, and above all what it does not."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World

from chorus_gui.app.support import config_text, first_words, without_names, write_bundle
from chorus_gui.cli.main import main
from chorus_gui.core.errors import UsageError
from chorus_gui.core.folders import log_folder
from chorus_gui.core.job import JobContext

LOG = """\
2026-03-01 10:00:00,123 INFO chorus.ui: Opened /data/site/config.toml.
2026-03-01 10:00:01,123 INFO chorus.ui: Hold back patient Smith: started.
2026-03-01 10:00:02,123 ERROR chorus.ui: unexpected error
Traceback (most recent call last):
  File "/opt/app/chorus_gui/core/scan/scan.py", line 12, in walk
    raise KeyError(path)
KeyError: 'P4711/Images/a b.dcm'
2026-03-01 10:00:03,123 WARNING chorus: P4711/Images/a b.dcm was changed; sig=topsecret
the rest of a message about P4711
"""
SECRETS = ("topsecret", "c2VjcmV0a2V5", "hunter2")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, more='[central_path.auth]\nazure_account_key = "c2VjcmV0a2V5"\n[our.own]\npassword = "hunter2"')
    world.put("P4711/Images/a b.dcm", "image")
    world.run()
    (log_folder() / "window.log").write_text(LOG, "utf-8")
    return world


def read(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_it_holds_what_a_helper_needs_and_nobodys_name(world: World) -> None:
    file = world.base / "bundle.zip"
    names = write_bundle(file, world.file, JobContext())
    texts = read(file)
    assert set(names) == set(texts) == {"about.txt", "config.toml", "journal.txt", "doctor.txt", "logs/window.log"}
    whole = "\n".join(texts.values())
    for secret in (*SECRETS, "P4711", "Smith", "a b.dcm"):
        assert secret not in whole, secret
    assert "CHoRUS Upload" in texts["about.txt"]
    assert all(f"\n{name} " in texts["about.txt"] for name in ("azure-identity", "cryptography", "botocore", "google-auth"))
    assert "page_size = 100" in texts["config.toml"]
    assert "Images  1  0  0" in texts["journal.txt"]
    assert "OK\n" in texts["doctor.txt"]
    assert "unexpected error" in texts["logs/window.log"]
    assert "scan.py:12 in walk" in texts["logs/window.log"]
    assert "KeyError" in texts["logs/window.log"]
    assert not (world.base / "bundle.zip.part").exists()
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_with_the_persons_word_paths_are_in_it_but_never_a_secret(world: World) -> None:
    file = world.base / "bundle.zip"
    write_bundle(file, world.file, JobContext(), with_paths=True)
    texts = read(file)
    assert "P4711/Images/a b.dcm" in texts["logs/window.log"]
    for secret in SECRETS:
        assert secret not in "\n".join(texts.values())


def test_without_a_configuration(world: World) -> None:
    file = world.base / "bundle.zip"
    assert set(write_bundle(file, None, JobContext())) == {"about.txt", "logs/window.log"}


def test_a_configuration_that_is_no_toml_gives_names_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('# azure_sas_token = "old hunter2"\n[central_path]\nazure_sas_token = "sig=topsecret\nhunter2 goes on here\n', "utf-8")
    text = config_text(file)
    assert "azure_sas_token = …" in text
    assert "topsecret" not in text
    assert "hunter2" not in text
    assert "Could not be read" in config_text(tmp_path / "nothing.toml")


def test_a_sas_in_a_url_is_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[central_path]\nazure_account_url = "https://a.blob.core.windows.net/?sv=1&sig=topsecret"\n', "utf-8")
    assert config_text(file) == '[central_path]\nazure_account_url = "https://a.blob.core.windows.net/"\n'


def test_a_journal_that_cannot_be_read(world: World) -> None:
    world.journal.write_bytes(b"P4711" * 100)
    file = world.base / "bundle.zip"
    write_bundle(file, world.file, JobContext())
    assert read(file)["journal.txt"].startswith("Journal")


def test_a_folder_that_is_not_there(world: World) -> None:
    with pytest.raises(UsageError, match="Could not write"):
        write_bundle(world.base / "nowhere" / "bundle.zip", None, JobContext())


@given(st.from_regex(r"[A-Za-z]{0,4}[0-9_/\\'\"“][A-Za-z0-9_./ -]{0,12}", fullmatch=True))
def test_no_word_that_could_be_a_name_stays(name: str) -> None:
    told = first_words(f"Something happened to {name} just now")
    assert told.startswith("Something happened to")
    assert told.endswith("…")
    assert "just now" not in told


def test_plain_words_stay() -> None:
    assert first_words("the session ends") == "the session ends"
    assert first_words("Check out: started.") == "Check out: started."
    assert list(without_names(["a line of its own about P4711"])) == []


KEY = "UzNjcjN0S0VZeHh4UzNjcjN0S0VZeHh4UzNjcjN0S0VZeHh4UzNjcjN0S0VZeHh4UzNjcjN0S0VZeHh4UzNjcg=="


@pytest.mark.parametrize(
    "text",
    [
        f"azure_account_key =\n   {KEY}\n",
        f'azure_account_key = """\n{KEY}\n"""\nbroken = = \n',
        f'azure_account_key = [\n["{KEY}"],\n',
        f"[{KEY}]\nx\n",
        f"{KEY}\n",
        f"{KEY} = 1 = 2\n",
        f'azure_account_name = "{KEY}"\n',
        f'[central_path.auth]\nazure_account_name = "{KEY}"\n',
        f'[central_path.auth]\nazure_account_url = "https://{KEY}"\n',
        f'[central_path]\npath = "{KEY}"\n',
        f'[central_path]\nazure_container = "{KEY}"\n',
        f'[configuration]\njournaling_mode = "{KEY}"\n',
        f'[[x]]\n[[x.y]]\npassword = "{KEY}"\n',
        f'[ours]\nnote = "{KEY}"\n',
        f'"{KEY}" = 1\n',
        f'[central_path.auth]\nazure_tenant_id = "{KEY}"\n',
        f'[central_path.auth]\nazure_account_key = {{a = ["{KEY}"]}}\n',
        f'[central_path]\npath = "az://site/x?sv=1%26sig%3D{KEY}"\n',
    ],
)
def test_whatever_is_wrong_with_the_file_the_bundle_has_no_secret(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    bundle = tmp_path / "bundle.zip"
    write_bundle(bundle, file, JobContext(), with_paths=True)
    for name, content in read(bundle).items():
        for piece in (KEY, KEY.rstrip("="), KEY[:24], KEY[20:44]):
            assert piece not in content, name


def test_the_bundle_is_a_command_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    file = world.base / "bundle.zip"
    assert main(["-c", str(world.file), "support-bundle", str(file)]) == 0
    assert "config.toml" in read(file)
    assert all(secret not in "".join(read(file).values()) for secret in SECRETS)
