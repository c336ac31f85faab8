"""The bill of materials of a build: CycloneDX 1.6, JSON.  Packages, the libraries inside the binaries, and every binary with its checksum."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path

import inventory
import parts

Component = dict[str, object]


def _supplier(distribution: importlib.metadata.Distribution) -> str:
    meta = distribution.metadata
    for field in ("Author", "Maintainer", "Author-email", "Maintainer-email"):
        said = (meta.get(field) or "").strip()
        if said:
            return (parseaddr(said)[0] or said) if "@" in said else said
    return meta["Name"]


def _licences(expression: str) -> Component:
    return {"licenses": [{"expression": expression}]} if expression else {}


def _package(distribution: importlib.metadata.Distribution, hashes: Mapping[str, Sequence[str]]) -> Component:
    """A Python package, with the checksums of the files that it may be installed from."""
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    purl = f"pkg:pypi/{name}@{distribution.version}"
    known = hashes.get(f"{name}=={distribution.version}", ())
    # One checksum says which file it was; several are those of the files for other systems, which the build could also have used.
    return {
        "type": "library",
        "bom-ref": purl,
        "supplier": {"name": _supplier(distribution)},
        "name": distribution.metadata["Name"],
        "version": distribution.version,
        **({"hashes": [{"alg": "SHA-256", "content": known[0]}]} if len(known) == 1 else {}),
        **_licences(inventory.spdx(distribution)),
        "purl": purl,
        **({"properties": [{"name": "chorus-upload:wheel-sha256", "value": each} for each in known]} if len(known) > 1 else {}),
    }


def _part(part: parts.Part) -> Component:
    purl = f"pkg:{part.kind}/{part.name.removesuffix('-in-qt')}" + (f"@{part.version}" if part.version else "")
    reference = f"{purl}#{part.files[0]}"
    return {
        "type": "library",
        "bom-ref": reference,
        **({"supplier": {"name": part.supplier}} if part.supplier else {}),
        "name": part.name.removesuffix("-in-qt"),
        **({"version": part.version} if part.version else {"description": "The binary does not state the version."}),
        **_licences(part.licence),
        "purl": purl,
        "evidence": {"occurrences": [{"location": file} for file in part.files]},
    }


def _file(file: Path, target: Path) -> Component:
    name = file.relative_to(target).as_posix()
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [{"alg": "SHA-256", "content": checksum}]}


def bill(
    target: Path,
    distributions: Sequence[importlib.metadata.Distribution],
    found: Sequence[parts.Part],
    hashes: Mapping[str, Sequence[str]],
    project: Path,
) -> str:
    """The document.  ``hashes`` are the SHA-256 of each package's files by "name==version", ``found`` what :func:`parts.find` found."""
    version = inventory.version_of(project)
    components = [_package(distribution, hashes) for distribution in distributions] + [_part(part) for part in found]
    components += [_file(file, target) for file in parts.binaries(target)]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {
                "type": "application",
                "bom-ref": "chorus-upload",
                "supplier": {"name": "CHoRUS"},
                "name": "CHoRUS Upload",
                "version": version,
                "licenses": [{"expression": "MIT"}],
                "purl": f"pkg:generic/chorus-upload@{version}",
            },
        },
        "components": components,
        "dependencies": [{"ref": "chorus-upload", "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
