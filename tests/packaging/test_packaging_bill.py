"""The bill of materials: scanners accept it, it names what is inside the binaries, and every licence has its text."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft7Validator
from packaging.licenses import canonicalize_license_expression
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "tests" / "data" / "cyclonedx"  # of the CycloneDX project, Apache License 2.0
Import = Callable[[str], ModuleType]


def faults(document: Any) -> list[str]:
    """What the official schema finds wrong."""
    schemas = {file.name: json.loads(file.read_text("utf-8")) for file in SCHEMAS.glob("*.schema.json")}
    parts = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()]
    parts += [
        (f"http://cyclonedx.org/schema/{name.replace('.schema', '.SNAPSHOT.schema')}", part)
        for name, (_, part) in zip(schemas, parts, strict=True)
    ]
    registry: Registry[Any] = Registry().with_resources(parts)
    checker = Draft7Validator(schemas["bom-1.6.schema.json"], registry=registry, format_checker=Draft7Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message[:200]}" for error in checker.iter_errors(document)]


def versioned(text: str) -> bytes:
    """A version resource, as far as it matters."""
    return "FileVersion\0\0".encode("utf-16-le") + f"{text}\0".encode("utf-16-le")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Binaries that have what the real ones have."""
    target = tmp_path / "build"
    for name, data in {
        "ChorusUpload.exe": b"MZ",
        "_internal/python312.dll": versioned("3.12.9") + b"\x001.3.1\0 invalid distance too far back Hacl_Hash_SHA3",
        "_internal/libcrypto-3.dll": b"..OpenSSL 3.0.15 3 Sep 2024\0",
        "_internal/cryptography/hazmat/bindings/_rust.pyd": b"OpenSSL 4.0.3 29 Sep 2026\0 /r/pem-4.0.0/src/ \\r\\unheard-of-1.2.3\\src\\lib.rs",
        "_internal/sqlite3.dll": b"@@3.45.3\0",
        "_internal/pyexpat.pyd": b"expat_2.6.4\0",
        "_internal/libffi-8.dll": b"",
        "_internal/VCRUNTIME140.dll": versioned("14.42.34226.3"),
        "_internal/PySide6/Qt6Core.dll": versioned("6.8.3.0") + b"\x0010.45 2025-02-05\0PCRE2 invalid distance too far back",
        "_internal/PySide6/Qt6Gui.dll": versioned("6.8.3.0") + b"FreeType font engine\0HB_SHAPER_LIST\0libpng\0\x001.6.47\0",
        "_internal/modules.pyz": b"not a binary: OpenSSL 1.0.0 1 Jan 2000",
    }.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)
    return target


def test_the_libraries_are_read_from_the_binaries(installer: Import, build: Path) -> None:
    found = {(part.name, part.version) for part in installer("parts").find(build)}
    assert found >= {
        ("openssl", "3.0.15"), ("openssl", "4.0.3"), ("python", "3.12.9"), ("sqlite", "3.45.3"), ("zlib", "1.3.1"), ("expat", "2.6.4"),
        ("libffi", ""), ("microsoft-vc-runtime", "14.42.34226.3"), ("qt", "6.8.3"), ("pcre2", "10.45"), ("libpng", "1.6.47"),
        ("freetype", ""), ("harfbuzz", ""), ("pem", "4.0.0"), ("unheard-of", "1.2.3"), ("hacl-star", ""), ("pyinstaller-bootloader", ""),
    }  # fmt: skip
    assert ("openssl", "1.0.0") not in found, "only binaries are read"
    assert "bzip2" not in {name for name, _ in found}, "what is not there is not listed"


def test_the_schema_accepts_the_bill_and_would_refuse_the_former_one(installer: Import, build: Path) -> None:
    bill, parts = installer("bill"), installer("parts")
    inside = [importlib.metadata.distribution(name) for name in ("PySide6_Essentials", "cryptography", "certifi", "rich")]
    rich = next(each for each in inside if each.metadata["Name"] == "rich")
    document = json.loads(bill.bill(build, inside, parts.find(build), {f"rich=={rich.version}": ["a" * 64]}, ROOT))
    assert faults(document) == []
    components = {part["bom-ref"]: part for part in document["components"]}
    assert len(components) == len(document["components"]), "every reference is there once"
    assert set(document["dependencies"][0]["dependsOn"]) == set(components)
    assert components[f"pkg:pypi/rich@{rich.version}"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    library = build / "_internal" / "libcrypto-3.dll"
    checksum = {"alg": "SHA-256", "content": hashlib.sha256(library.read_bytes()).hexdigest()}
    assert components["file:_internal/libcrypto-3.dll"]["hashes"] == [checksum]
    assert not [
        part["name"]
        for part in document["components"]
        if part["type"] == "library" and "supplier" not in part and "cargo" not in part["purl"]
    ]
    without = [part["name"] for part in document["components"] if part["type"] == "library" and "licenses" not in part]
    assert without == ["unheard-of"], "nobody said its licence, so the bill does not"
    document["components"][0]["licenses"] = [{"license": {"name": "MIT"}}, {"expression": "MIT"}]
    document["components"][1]["hashes"] = [{"alg": "SHA-256", "content": "short"}]
    assert len(faults(document)) >= 2


def test_every_licence_is_an_spdx_expression_and_has_its_text(installer: Import) -> None:
    parts, pins, inventory = installer("parts"), installer("pins"), installer("inventory")
    for expression in [*(kind.licence for kind in parts.KINDS), *parts.CRATES.values()]:
        plain = expression.replace(" WITH PCRE2-exception", "")  # newer than the list of packaging
        assert canonicalize_license_expression(plain) == plain
    for text in {text for kind in parts.KINDS for text in kind.texts}:
        assert (ROOT / "installer" / "licences" / text).stat().st_size > 100
    pinned = {line.partition("==")[0] for line in pins.read()}
    for distribution in importlib.metadata.distributions():
        if pins.canonical(distribution.metadata["Name"]) in pinned - {"pyinstaller", "pyinstaller-hooks-contrib", "macholib"}:
            said = inventory.spdx(distribution)
            assert canonicalize_license_expression(said) == said, distribution.metadata["Name"]
