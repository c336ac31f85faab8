"""What a release adds to the products of its build: a manifest for winget, SHA256SUMS of everything, and the notes.

``release.py FOLDER ADDRESS NOTES``: FOLDER has the products; the files of the release are below ADDRESS; NOTES is written, with what has
no signature.  A release without signatures fails, unless ``PUBLISH_UNSIGNED`` is "yes".
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import inventory
import products
import signing

PACKAGE = "CHoRUS.Upload"
LOCALE = "en-US"
FORMAT = "1.6.0"
"""Of the manifest; winget 1.6 and later read it."""
LEAST_WINDOWS = "10.0.17763.0"
"""1809"""
SUMS = "SHA256SUMS"


def manifests(version: str, address: str, setup: str, sha256: str) -> dict[str, dict[str, object]]:
    """The three files of a manifest, by their names.  ``setup`` is the file of the setup program, ``sha256`` its checksum."""
    common: dict[str, object] = {"PackageIdentifier": PACKAGE, "PackageVersion": version}

    def installer(scope: str, switch: str) -> dict[str, object]:
        made: dict[str, object] = {
            "Architecture": "x64",
            "Scope": scope,
            "InstallerUrl": f"{address.rstrip('/')}/{setup}",
            "InstallerSha256": sha256.upper(),
            "InstallerSwitches": {"Custom": switch},
        }
        return {**made, "ElevationRequirement": "elevationRequired"} if scope == "machine" else made

    def kind(name: str, more: Mapping[str, object]) -> dict[str, object]:
        return {**common, **more, "ManifestType": name, "ManifestVersion": FORMAT}

    installers: dict[str, object] = {
        "Platform": ["Windows.Desktop"],
        "MinimumOSVersion": LEAST_WINDOWS,
        "InstallerType": "nullsoft",
        "InstallModes": ["interactive", "silent"],
        "UpgradeBehavior": "install",
        "ExpectedReturnCodes": [
            {"InstallerReturnCode": 1, "ReturnResponse": "cancelledByUser"},
            {"InstallerReturnCode": 3, "ReturnResponse": "packageInUse"},
        ],
        "ProductCode": products.NAME,
        "Installers": [installer("user", "/CURRENTUSER"), installer("machine", "/ALLUSERS")],
    }
    words: dict[str, object] = {
        "PackageLocale": LOCALE,
        "Publisher": "CHoRUS",
        "PackageName": products.NAME,
        "License": "MIT",
        "ShortDescription": "Submit a site's OMOP tables, images and waveforms to the CHoRUS central store.",
    }
    return {
        f"{PACKAGE}.yaml": kind("version", {"DefaultLocale": LOCALE}),
        f"{PACKAGE}.installer.yaml": kind("installer", installers),
        f"{PACKAGE}.locale.{LOCALE}.yaml": kind("defaultLocale", words),
    }


def yaml(value: object, indent: int = 0) -> str:
    """A value of mappings, lists, texts and numbers as YAML; every text is quoted as in JSON, which YAML contains."""
    space = "  " * indent
    if isinstance(value, dict):
        parts: list[str] = []
        for name, content in value.items():  # pyright: ignore[reportUnknownVariableType]
            nested = isinstance(content, (dict, list))
            parts.append(f"{space}{name}:{chr(10) if nested else ' '}{yaml(content, indent + 1 if nested else 0)}")
        return "".join(parts)
    if isinstance(value, list):
        items = [yaml(item, indent + 1) if isinstance(item, dict) else f"{space}  {yaml(item)}" for item in value]  # pyright: ignore[reportUnknownVariableType]
        return "".join(f"{space}- {item[len(space) + 2 :]}" for item in items)
    return json.dumps(value, ensure_ascii=False) + "\n"


def write_winget(folder: Path, address: str) -> Path:
    """Write the manifest of the setup program in ``folder``, packed in the folders that winget's repository has."""
    version, setup = inventory.version_of(products.ROOT), folder / products.file_name("Setup.exe")
    files = manifests(version, address, setup.name, hashlib.sha256(setup.read_bytes()).hexdigest())
    first, name = PACKAGE.split(".")
    inside = f"manifests/{first[0].lower()}/{first}/{name}/{version}"
    made = folder / products.file_name("winget.zip")
    products.pack(made, [(f"{inside}/{file}", yaml(content).encode("utf-8")) for file, content in files.items()])
    return made


def notes(unsigned: Sequence[str]) -> str:
    """What the page of a release says, as Markdown.  ``unsigned``: the files without a signature."""
    text = "CHANGELOG.md says what changed.\n\n"
    if not unsigned:
        return f"{text}The programs, the setup program and the MSI are signed.\n"
    lines = "".join(f"- {name}\n" for name in unsigned)
    return (
        f"{text}**Files of this release are not signed.** Windows shows “Windows protected your PC” when somebody starts such a file after a download. "
        "Check it before: compare it with SHA256SUMS, and run `gh attestation verify FILE --repo OWNER/REPOSITORY`.\n\n"
        f"These files have no signature:\n\n{lines}"
    )


def main(words: Sequence[str]) -> int:
    """See the module."""
    folder, address, page = Path(words[0]), words[1], Path(words[2])
    missing = [name for name in ("Setup.exe", "x64.msi", "Portable.zip", "Policy.zip") if not (folder / products.file_name(name)).is_file()]
    missing += [kind for kind in ("*.whl", "*.cdx.json") if len([*folder.glob(kind)]) != 1]
    if missing:
        print(f"Missing in {folder}: {', '.join(missing)}.", file=sys.stderr)
        return 1
    unsigned = signing.without_signature(folder)
    if unsigned and not signing.may_be_unsigned():
        print(f"Without a signature: {', '.join(unsigned)}. Set SIGN_COMMAND, or set {signing.UNSIGNED} to “yes”.", file=sys.stderr)
        return 1
    page.write_text(notes(unsigned), "utf-8", newline="\n")
    write_winget(folder, address)
    inventory.write_sums(folder, sorted(file for file in folder.iterdir() if file.is_file() and file.name != SUMS))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
