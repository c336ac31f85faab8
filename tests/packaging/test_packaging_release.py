"""What a release adds: winget's manifest is one that winget takes, and the checksums are of everything."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

ADDRESS = "https://releases.example/download/v0.1.0"
SHA256 = "^[A-Fa-f0-9]{64}$"
IDENTIFIER = r'^[^\.\s\\/:\*\?"<>\|\x01-\x1f]{1,32}(\.[^\.\s\\/:\*\?"<>\|\x01-\x1f]{1,32}){1,7}$'
VERSION = r'^[^\\/:\*\?"<>\|\x01-\x1f]+$'
COMMON: dict[str, Any] = {
    "PackageIdentifier": {"type": "string", "pattern": IDENTIFIER, "maxLength": 128},
    "PackageVersion": {"type": "string", "pattern": VERSION, "maxLength": 128},
    "ManifestVersion": {"const": "1.6.0"},
}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


# Facts of winget's schemas 1.6.0, as far as this manifest uses them; what it does not use, it must not have.
SCHEMAS = {
    "version": closed(
        ["PackageIdentifier", "PackageVersion", "DefaultLocale", "ManifestType", "ManifestVersion"],
        **COMMON,
        DefaultLocale={"const": "en-US"},
        ManifestType={"const": "version"},
    ),
    "defaultLocale": closed(
        [
            "PackageIdentifier",
            "PackageVersion",
            "PackageLocale",
            "Publisher",
            "PackageName",
            "License",
            "ShortDescription",
            "ManifestType",
            "ManifestVersion",
        ],
        **COMMON,
        PackageLocale={"const": "en-US"},
        Publisher={"type": "string", "minLength": 2, "maxLength": 256},
        PackageName={"type": "string", "minLength": 2, "maxLength": 256},
        License={"type": "string", "minLength": 3, "maxLength": 512},
        ShortDescription={"type": "string", "minLength": 3, "maxLength": 256},
        ManifestType={"const": "defaultLocale"},
    ),
    "installer": closed(
        ["PackageIdentifier", "PackageVersion", "Installers", "ManifestType", "ManifestVersion"],
        **COMMON,
        Platform={"type": "array", "items": {"enum": ["Windows.Desktop", "Windows.Universal"]}, "maxItems": 2, "uniqueItems": True},
        MinimumOSVersion={"type": "string", "pattern": r"^[0-9]{1,5}(\.[0-9]{1,5}){0,3}$"},
        InstallerType={"enum": ["msix", "msi", "appx", "exe", "zip", "inno", "nullsoft", "wix", "burn", "pwa", "portable"]},
        InstallModes={
            "type": "array",
            "items": {"enum": ["interactive", "silent", "silentWithProgress"]},
            "maxItems": 3,
            "uniqueItems": True,
        },
        UpgradeBehavior={"enum": ["install", "uninstallPrevious"]},
        ExpectedReturnCodes={
            "type": "array",
            "items": closed(
                ["InstallerReturnCode", "ReturnResponse"],
                InstallerReturnCode={"type": "integer", "not": {"enum": [0]}},
                ReturnResponse={
                    "enum": ["packageInUse", "fileInUse", "installInProgress", "cancelledByUser", "invalidParameter", "contactSupport"]
                },
            ),
        },
        ProductCode={"type": "string", "minLength": 1, "maxLength": 255},
        Installers={
            "type": "array",
            "minItems": 1,
            "items": closed(
                ["Architecture", "InstallerUrl", "InstallerSha256"],
                Architecture={"enum": ["x86", "x64", "arm", "arm64", "neutral"]},
                Scope={"enum": ["user", "machine"]},
                InstallerUrl={"type": "string", "pattern": "^([Hh][Tt][Tt][Pp][Ss]?)://.+$", "maxLength": 2048},
                InstallerSha256={"type": "string", "pattern": SHA256},
                InstallerSwitches=closed([], Custom={"type": "string", "minLength": 1, "maxLength": 2048}),
                ElevationRequirement={"enum": ["elevationRequired", "elevationProhibited", "elevatesSelf"]},
            ),
        },
        ManifestType={"const": "installer"},
    ),
}


PROGRAMS = ["CHoRUS Upload/ChorusUpload.exe", "CHoRUS Upload/chorus-upload.exe"]


@pytest.fixture
def release(installer: Callable[[str], ModuleType]) -> ModuleType:
    return installer("release")


@pytest.fixture
def folder(release: ModuleType, tmp_path: Path) -> Path:
    """The products of a build."""
    for name in ("Setup.exe", "x64.msi"):
        (tmp_path / release.products.file_name(name)).write_bytes(name.encode())
    for name, inside in (("Portable.zip", PROGRAMS), ("Policy.zip", ["chorus-upload.admx"])):
        release.products.pack(tmp_path / release.products.file_name(name), [(file, b"MZ") for file in inside])
    (tmp_path / "chorus_upload-0.1.0-py3-none-any.whl").write_bytes(b"wheel")
    (tmp_path / "CHoRUS-Upload-0.1.0.cdx.json").write_bytes(b"{}")
    (tmp_path / "SHA256SUMS").write_text("of the build\n")
    return tmp_path


def read(made: Path) -> dict[str, Any]:
    """The files of a packed manifest, by their kinds."""
    with zipfile.ZipFile(made) as packed:
        files = {name: yaml.safe_load(packed.read(name)) for name in packed.namelist()}
    version = next(iter(files.values()))["PackageVersion"]
    assert {name.rpartition("/")[0] for name in files} == {f"manifests/c/CHoRUS/Upload/{version}"}
    assert {name.rpartition("/")[2] for name in files} == {
        "CHoRUS.Upload.yaml",
        "CHoRUS.Upload.installer.yaml",
        "CHoRUS.Upload.locale.en-US.yaml",
    }
    return {content["ManifestType"]: content for content in files.values()}


def test_the_manifest_is_one_that_winget_takes(release: ModuleType, folder: Path) -> None:
    found = read(release.write_winget(folder, ADDRESS + "/"))
    assert found.keys() == SCHEMAS.keys()
    for kind, content in found.items():
        jsonschema.Draft202012Validator(SCHEMAS[kind]).validate(content)


def test_the_manifest_names_the_setup_program_and_how_it_is_installed(release: ModuleType, folder: Path) -> None:
    found = read(release.write_winget(folder, ADDRESS))["installer"]
    setup = folder / release.products.file_name("Setup.exe")
    script = (Path(__file__).resolve().parents[2] / "installer" / "chorus-upload.nsi").read_text("utf-8")
    switches: dict[str, str] = {}
    for one in found["Installers"]:
        assert one["InstallerUrl"] == f"{ADDRESS}/{setup.name}"
        assert one["InstallerSha256"].lower() == hashlib.sha256(setup.read_bytes()).hexdigest()
        switches[one["Scope"]] = one["InstallerSwitches"]["Custom"]
        assert one["InstallerSwitches"]["Custom"] in script
    assert switches == {"user": "/CURRENTUSER", "machine": "/ALLUSERS"}
    assert found["ProductCode"] == "CHoRUS Upload", "the key in the list of programs"
    assert re.search(r'!define UNINSTALL "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\\$\{NAME\}"', script)
    assert {code["InstallerReturnCode"]: code["ReturnResponse"] for code in found["ExpectedReturnCodes"]} == {
        1: "cancelledByUser",
        3: "packageInUse",
    }


def test_yaml_means_what_was_written(release: ModuleType) -> None:
    """Texts that YAML takes for something else, too."""
    value = {"a": ["no", "1.0", "x: y", "# z", "“é”", "'"], "b": [{"c": 1, "d": {"e": "2026-11-28"}}, {"c": 2, "d": {"e": "~"}}], "f": True}
    assert yaml.safe_load(release.yaml(value)) == value


def test_the_checksums_are_of_every_product(
    release: ModuleType, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLISH_UNSIGNED", "yes")
    assert release.main([str(folder), ADDRESS, str(tmp_path_factory.mktemp("notes") / "notes.md")]) == 0
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {file.name for file in folder.iterdir()} - {"SHA256SUMS"}
    assert len(sums) == 7
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("ending", [".exe", ".msi", "Portable.zip", "Policy.zip", ".whl", ".cdx.json"])
def test_a_release_without_one_of_its_products_is_refused(
    release: ModuleType, folder: Path, ending: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (gone,) = [file for file in folder.iterdir() if file.name.endswith(ending)]
    gone.unlink()
    monkeypatch.setenv("PUBLISH_UNSIGNED", "yes")
    assert release.main([str(folder), ADDRESS, str(folder / "notes.md")]) == 1
    assert ending.lstrip(".") in capsys.readouterr().err
    assert (folder / "SHA256SUMS").read_text() == "of the build\n"


@pytest.mark.parametrize("allowed", ["", "no", "true"])
def test_a_release_without_signatures_is_refused(
    release: ModuleType, folder: Path, allowed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLISH_UNSIGNED", allowed)
    assert release.main([str(folder), ADDRESS, str(folder / "notes.md")]) == 1
    assert "x64.msi" in capsys.readouterr().err
    assert (folder / "SHA256SUMS").read_text() == "of the build\n"
    assert not (folder / "notes.md").exists()


def signed(name: str) -> bytes:
    """The least that a signed program or MSI is."""
    if name.endswith(".msi"):
        return b"\xd0\xcf\x11\xe0" + "\x05DigitalSignature".encode("utf-16-le")
    header, tables = 0x40, 0x40 + 24 + 112
    content = bytearray(b"MZ".ljust(0x3C, b"\0") + header.to_bytes(4, "little")).ljust(tables + 16 * 8, b"\0")
    content[header : header + 4], content[header + 24 : header + 26] = b"PE\0\0", b"\x0b\x02"
    content[tables + 32 : tables + 40] = (4096).to_bytes(4, "little") + (1000).to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize("unsigned", ["", "Setup.exe", "x64.msi", "ChorusUpload.exe", "chorus-upload.exe"])
def test_the_notes_name_what_has_no_signature(
    release: ModuleType, folder: Path, unsigned: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As found in the files: a command that signs nothing is found, too."""
    for name in ("Setup.exe", "x64.msi"):
        (folder / release.products.file_name(name)).write_bytes(signed(name) if name != unsigned else b"MZ")
    packed = [(name, signed(name) if not name.endswith(f"/{unsigned}") else b"MZ") for name in PROGRAMS]
    release.products.pack(folder / release.products.file_name("Portable.zip"), packed)
    monkeypatch.setenv("SIGN_COMMAND", "sign")
    monkeypatch.setenv("PUBLISH_UNSIGNED", "yes" if unsigned else "")
    notes = tmp_path_factory.mktemp("notes") / "notes.md"
    assert release.main([str(folder), ADDRESS, str(notes)]) == 0
    text = notes.read_text("utf-8")
    assert ("not signed" in text) == bool(unsigned)
    found = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    assert len(found) == bool(unsigned)
    assert all(line.endswith(unsigned) for line in found)
