"""What generated scripts say: byte for byte against kept ones, and what must never be in them.

To renew the kept ones after a change that is meant: ``CHORUS_RENEW_GOLDEN=1 pytest tests/scripts/test_script_text.py``, then read the diff.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cmdworld import run_batch
from scriptworld import NASTY, POSIX_ONLY, SHELLCHECK, VERSION, ScriptWorld, shellcheck

import chorus_gui.core.scripts.generate as generating
from chorus_gui.core.config.credentials import Account, AccountKey, AwsKeys, Credentials, MicrosoftLogin, Sas
from chorus_gui.core.config.model import Config, JournalPlaces, Place, PlaceKind
from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Row
from chorus_gui.core.scripts import batch
from chorus_gui.core.scripts.access import remote_root, sas_of
from chorus_gui.core.scripts.generate import Script, make_script, save
from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Target, Tool
from chorus_gui.core.scripts.program import _program, console_program

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "scripts"
SIG = "ab%2Fcd%3D"
PILOT = Account("choruspilotstorage", "https://choruspilotstorage.blob.core.windows.net")
LANDING = Account("mghb2ailanding", "https://upload.chorus4ai.org")
SAS = Sas(f"sv=2025&sp=rcwl&sig={SIG}")
KEY = AccountKey("a2V5%==")
LOGIN = MicrosoftLogin()


def central(credentials: Credentials) -> Place:
    account = LANDING if credentials == LOGIN else PILOT
    return Place(PlaceKind.AZURE, "az://cont/site 50%", None, "cont", "site 50%", credentials, account)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A site on D:, with fixed paths, so that scripts are the same everywhere."""
    monkeypatch.setattr(generating, "__version__", "0")
    monkeypatch.setattr(generating, "_plain", lambda path, options: str(path))
    loaded = ScriptWorld(tmp_path).config
    sites = {
        name: replace(site, place=replace(site.place, text="D:/the site's %20 (folder) & more")) for name, site in loaded.sites.items()
    }
    journal = JournalPlaces(Path("D-journal.db"), loaded.journal.cloud)
    return replace(loaded, file=Path("D-config 100%.toml"), sites=sites, journal=journal, central=central(SAS))


def rows(paths: tuple[str, ...] = NASTY) -> list[Row]:
    out: list[Row] = []
    for number, path in enumerate(paths, 1):
        modality = "OMOP" if path.startswith("OMOP") else path.split("/")[1].capitalize()
        out.append(
            Row(
                number, modality, path, None, 300_000_000 if path.endswith("second.dat") else 3, 1, f"{number:032x}", 1, None, None, VERSION
            )
        )
    return out


def script(
    config: Config,
    tool: Tool,
    target: Target = Target.WINDOWS,
    secret: SecretMode = SecretMode.ASK,
    *,
    verify_tls: bool = True,
    paths: tuple[str, ...] = NASTY,
    one: bool = False,
) -> Script:
    options = ScriptOptions(tool, target, ("C:\\Program Files\\100%\\chorus-upload.exe",), "upload", secret, one, verify_tls)
    return make_script(config, rows(paths), options)


@pytest.mark.parametrize(
    ("name", "tool", "credentials", "secret", "verify"),
    [
        ("azcli-sas", Tool.AZCLI, SAS, SecretMode.ASK, True),
        ("azcli-key-inline", Tool.AZCLI, KEY, SecretMode.INLINE, False),
        ("azcli-login", Tool.AZCLI, LOGIN, SecretMode.ENV, True),
        ("azcopy-sas-env", Tool.AZCOPY, SAS, SecretMode.ENV, True),
        ("azcopy-key", Tool.AZCOPY, KEY, SecretMode.ASK, True),
        ("azcopy-login", Tool.AZCOPY, LOGIN, SecretMode.ASK, True),
    ],
)
def test_batch_files_are_the_kept_ones(
    config: Config, name: str, tool: Tool, credentials: Credentials, secret: SecretMode, verify: bool
) -> None:
    made = script(replace(config, central=central(credentials)), tool, secret=secret, verify_tls=verify)
    kept = GOLDEN / f"{name}.bat"
    if os.environ.get("CHORUS_RENEW_GOLDEN"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(made.text.encode())
    assert made.text.encode() == kept.read_bytes()
    assert "\n" not in made.text.replace("\r\n", "")
    assert max(map(len, made.text.split("\r\n"))) < batch.LINE_LIMIT
    assert all(line.isascii() for line in made.text.split("\r\n")[: made.text.split("\r\n").index("chcp 65001 >nul")])
    head, _, body = made.text.partition("\r\n:main\r\n")
    assert "chcp 65001 >nul\r\ncall :main\r\n" in head
    assert "if defined CODE_PAGE chcp %CODE_PAGE% >nul\r\nexit /b %STATUS%" in head, "the terminal of the person is as before"
    assert "chcp" not in body


@pytest.mark.skipif(not SHELLCHECK.is_file(), reason="shellcheck is not installed here; what it looks at is the same everywhere")
@pytest.mark.parametrize("credentials", [SAS, KEY, LOGIN], ids=["sas", "key", "login"])
@pytest.mark.parametrize("secret", list(SecretMode))
@pytest.mark.parametrize("tool", list(Tool))
def test_every_bash_script_passes_shellcheck(
    config: Config, tmp_path: Path, tool: Tool, secret: SecretMode, credentials: Credentials
) -> None:
    site = replace(config.sites["Images"], place=Place(PlaceKind.AZURE, "az://src/x", None, "src", "x", SAS, PILOT))
    sites = {**config.sites, "Images": site} if tool is Tool.AZCOPY else config.sites
    made = script(
        replace(config, central=central(credentials), sites=sites), tool, Target.POSIX, secret,
        verify_tls=tool is Tool.AZCOPY, paths=(*NASTY, *POSIX_ONLY),
    )  # fmt: skip
    file = tmp_path / "upload.sh"
    save(made, file)
    assert shellcheck(file) == ""
    assert made.left_out == ()


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("tool", list(Tool))
def test_the_secret_is_only_in_a_script_that_was_asked_to_hold_it(config: Config, tool: Tool, target: Target) -> None:
    for mode in (SecretMode.ASK, SecretMode.ENV):
        made = script(config, tool, target, mode)
        assert SIG not in made.text
        assert "ab%%2F" not in made.text
        assert not made.secret_inside
    made = script(config, tool, target, SecretMode.INLINE)
    assert made.secret_inside
    assert ("sig=ab%%2Fcd%%3D" if target is Target.WINDOWS else "sig=ab%2Fcd%3D") in made.text


def test_certificates_are_checked_unless_somebody_says_no(config: Config) -> None:
    """What this computer sets for “az” makes no difference: the script decides."""
    off = {"AZURE_CLI_DISABLE_CONNECTION_VERIFICATION": "1"}
    for verify, left in ((True, ""), (False, "1")):
        made = script(config, Tool.AZCLI, verify_tls=verify)
        assert run_batch(made.text, off).variables["AZURE_CLI_DISABLE_CONNECTION_VERIFICATION"] == left
        assert run_batch(made.text).variables["AZURE_CLI_DISABLE_CONNECTION_VERIFICATION"] == left
    with pytest.raises(UsageError, match="AzCopy always checks"):
        script(config, Tool.AZCOPY, verify_tls=False)


@pytest.mark.skipif(os.name == "nt", reason="runs bash")
@pytest.mark.parametrize("verify", [True, False])
def test_az_gets_no_switch_against_certificates_from_the_users_environment(config: Config, tmp_path: Path, verify: bool) -> None:
    (tmp_path / "bin").mkdir()
    log = tmp_path / "log"
    for name in ("az", "chorus"):
        tool = tmp_path / "bin" / name
        tool.write_text(
            f'#!/bin/sh\n[ "$1 $2" = "storage blob" ] && echo "<${{AZURE_CLI_DISABLE_CONNECTION_VERIFICATION-none}}>" >> "{log}"\nexit 0\n'
        )
        tool.chmod(0o755)
    file = tmp_path / "upload.sh"
    save(
        make_script(config, rows(("OMOP/a.csv",)), ScriptOptions(Tool.AZCLI, Target.POSIX, ("chorus",), "upload", verify_tls=verify)), file
    )
    environment = {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "AZURE_SAS_TOKEN": "sig=x",
        "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION": "1",
    }
    done = subprocess.run(["bash", str(file)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(log.read_text().split()) == {"<none>" if verify else "<1>"}


def test_a_folder_as_central_store_gets_no_script(config: Config) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        script(replace(config, central=Place(PlaceKind.FOLDER, "D:/x", Path("D:/x"))), Tool.AZCLI)


def test_a_line_that_cmd_cannot_read_is_refused(config: Config) -> None:
    made = script(config, Tool.AZCLI, paths=("OMOP/" + "%" * 5000, "OMOP/a.csv"))
    assert ([path[:6] for path, _ in made.left_out], made.files) == (["OMOP/%"], 1)  # no store has such a name
    with pytest.raises(UsageError, match="8,000"):
        make_script(config, rows(("OMOP/a.csv",)), ScriptOptions(Tool.AZCLI, Target.WINDOWS, ("C:/" + "%" * 5000,), "upload"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_what_is_written_is_closed_to_others(config: Config, tmp_path: Path) -> None:
    made = script(config, Tool.AZCOPY, Target.POSIX, SecretMode.INLINE)
    file = tmp_path / "upload.sh"
    file.write_text("an older one, open to all")
    file.chmod(0o777)
    (tmp_path / "upload.files").mkdir()
    (tmp_path / "upload.files" / "9999.txt").write_text("of an older script")
    save(made, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "upload.files").stat().st_mode) == 0o700
    assert {child.name for child in (tmp_path / "upload.files").iterdir()} == set(made.lists)
    assert file.read_bytes().decode() == made.text
    with pytest.raises(UsageError, match="was made for the name"):
        save(made, tmp_path / "other.sh")


def test_lists_name_every_file_of_their_page(config: Config) -> None:
    made = script(config, Tool.AZCOPY)
    marked = [line for name, text in made.lists.items() if re.fullmatch(r"\d+\.txt", name) for line in text.splitlines()]
    assert sorted(marked) == sorted(NASTY)


def test_cloud_sources_are_copied_from_service_to_service(config: Config) -> None:
    bucket = Place(PlaceKind.S3, "s3://bucket/the site", None, "bucket", "the site", AwsKeys("AK"))
    blobs = Place(PlaceKind.AZURE, "az://src/x", None, "src", "x", Sas("sig=s"), LANDING)
    sites = {
        **config.sites,
        "OMOP": replace(config.sites["OMOP"], place=bucket),
        "Images": replace(config.sites["Images"], place=blobs),
    }
    text = script(replace(config, sites=sites), Tool.AZCOPY, Target.POSIX).text
    assert "https://s3.amazonaws.com/bucket/the%20site" in text
    assert "--from-to=S3Blob" in text or " S3Blob" in text
    assert "AWS_SECRET_ACCESS_KEY" in text
    assert "https://mghb2ailanding.blob.core.windows.net/src/x" in text, "the account's own host, not the custom URL"
    assert "script sas --hours 48 --modality Images" in text
    assert remote_root(Place(PlaceKind.GCS, "gs://b", None, "b")) == "https://storage.cloud.google.com/b"


def test_a_sas_is_the_configured_one_or_signed() -> None:
    assert sas_of(central(SAS), 1).endswith(SIG)
    signed = sas_of(central(AccountKey("a2V5")), 1)
    assert "sig=" in signed
    assert "sp=rcwl" in signed
    with pytest.raises(UsageError, match="no SAS token"):
        sas_of(central(LOGIN), 1)


def test_the_console_program_is_found_where_it_is(tmp_path: Path) -> None:
    python = tmp_path / ("python.exe" if os.name == "nt" else "python")
    assert _program(python, frozen=False) == (str(python), "-m", "chorus_gui.cli")
    assert _program(python, frozen=True) == (str(python),)
    beside = tmp_path / ("chorus-upload.exe" if os.name == "nt" else "chorus-upload")
    beside.write_bytes(b"")
    assert _program(python, frozen=True) == (str(beside),)
    assert _program(python, frozen=False) == (str(beside),)
    other = Target.POSIX if os.name == "nt" else Target.WINDOWS
    assert console_program(other) == ("chorus-upload",)
    assert Path(console_program(Target.here())[0]).parent == Path(sys.executable).parent


def test_windows_paths() -> None:
    assert batch.disk_path("D:/site", "a/b.txt") == "D:\\site\\a\\b.txt"
    assert batch.disk_path("D:\\", "a") == "D:\\a"
    long = "x" * 300
    assert batch.disk_path("D:/site", long) == "\\\\?\\D:\\site\\" + long
    assert batch.disk_path("//srv/share", long) == "\\\\?\\UNC\\srv\\share\\" + long
