"""A build takes packages that are pinned by checksum, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pins(installer: Callable[[str], ModuleType]) -> ModuleType:
    return installer("pins")


def test_the_checksums_are_of_the_versions_in_constraints(pins: ModuleType) -> None:
    """After a change of constraints.txt, “python3 dev.py exe --pin” has to run."""
    known, pinned = pins.constraints(), pins.read()
    assert set(pinned) <= set(known), "every package has the version of constraints.txt"
    for name, (marker, hashes) in pinned.items():
        assert hashes, name
        assert hashes == sorted(set(hashes)), name
        assert marker == known[name] or pins.SYSTEMS[name.partition("==")[0]] in marker, name


def test_everything_that_a_build_asks_for_is_pinned(pins: ModuleType) -> None:
    names = {pinned.partition("==")[0] for pinned in pins.read()}
    for text in pins.wanted():
        requirement = Requirement(text)
        assert pins.canonical(requirement.name) in names, text


@pytest.mark.parametrize(
    ("system", "version", "there", "missing"),
    [
        ("win32", "3.12", {"pywin32-ctypes", "pefile", "pyside6-essentials"}, {"secretstorage", "macholib", "zipp"}),
        ("linux", "3.11", {"secretstorage", "jeepney", "zipp"}, {"pywin32-ctypes", "macholib"}),
        ("darwin", "3.13", {"macholib"}, {"secretstorage", "pefile"}),
    ],
)
def test_a_system_gets_its_own_packages_without_conditions(
    pins: ModuleType, system: str, version: str, there: set[str], missing: set[str]
) -> None:
    lines = pins.requirements(system, version).splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert len(names) == len(set(names))
    assert there <= set(names)
    assert not missing & set(names)
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+", line) for line in lines), "pip would decide conditions itself"


def test_the_file_has_no_addresses(pins: ModuleType) -> None:
    assert "//" not in pins.FILE.read_text("utf-8")


def test_only_pinned_packages_are_installed_for_a_build(pins: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    monkeypatch.setattr(
        pins.subprocess, "run", lambda command, check: found.extend(command) or pins.subprocess.CompletedProcess(command, 0)
    )
    assert pins.install("python", "win32", "3.12", "--target", "x") == 0
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(found)
    for name in ("build.py", "windows_chroot.py"):
        assert "pins.install(" in (ROOT / "installer" / name).read_text("utf-8")
    assert '"--group", "exe"' not in (ROOT / "dev.py").read_text("utf-8")
