"""The packages of a build, pinned by checksum: ``pinned.txt``, which this program writes from what pip would install for each system.

``python3 dev.py exe --pin`` writes it again after a change of pyproject.toml or constraints.txt.  A build installs from it alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "installer" / "pinned.txt"
LINUX = tuple(f"manylinux{each}_x86_64" for each in ("2014", "_2_17", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34", "_2_35"))
MAC = ("macosx_14_0_arm64",)
TARGETS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("win_amd64",), "312"),
    (("win_amd64",), "313"),
    (LINUX, "311"),
    (LINUX, "312"),
    (LINUX, "313"),
    (MAC, "312"),
    (MAC, "313"),
)
"""The systems and Pythons that a build may run on."""
SYSTEMS = {"pywin32-ctypes": "win32", "pefile": "win32", "macholib": "darwin"}
"""Packages of one system alone: pip decides by the system that it runs on, so they are named."""
HEAD = """\
# The packages of a build with the checksums of their files.  “python3 dev.py exe --pin” writes this; a build installs from it alone.
"""


def canonical(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted() -> list[str]:
    """What a build asks for: what the program needs, what builds it, and what belongs to one system."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extra = [each for group in project["project"].get("optional-dependencies", {}).items() if group[0] == "window" for each in group[1]]
    return [*project["project"]["dependencies"], *extra, *project["dependency-groups"]["exe"], *SYSTEMS, "setuptools"]


def constraints() -> dict[str, str]:
    """The marker of each pinned "name==version" in constraints.txt, empty if it has none."""
    out: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            pinned, _, marker = line.partition(";")
            name, _, version = pinned.strip().partition("==")
            out[f"{canonical(name)}=={version}"] = marker.strip()
    return out


def read(file: Path = FILE) -> dict[str, tuple[str, list[str]]]:
    """The marker and the checksums of every "name==version" of the file."""
    out: dict[str, tuple[str, list[str]]] = {}
    for entry in file.read_text("utf-8").replace("\\\n", " ").splitlines():
        if entry and not entry.startswith("#"):
            pinned, _, marker = entry.partition(" --hash")[0].partition(";")
            out[pinned.strip()] = (marker.strip(), re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return out


def checksums(file: Path = FILE) -> dict[str, list[str]]:
    """The checksums of every "name==version"."""
    return {pinned: hashes for pinned, (_, hashes) in read(file).items()}


def requirements(system: str, version: str, file: Path = FILE) -> str:
    """A requirements file for one system (as in ``sys.platform``) and Python ("3.12"), without conditions.

    pip would decide conditions by the system and the Python that it runs on itself.
    """
    lines: list[str] = []
    for pinned, (marker, hashes) in read(file).items():
        if not marker or Marker(marker).evaluate({"sys_platform": system, "python_version": version}):
            lines.append(" ".join([pinned, *(f"--hash=sha256:{each}" for each in hashes)]))
    return "\n".join(lines) + "\n"


def install(python: str, system: str, version: str, *options: str) -> int:
    """Install the pinned packages with a Python's pip; its status."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text(requirements(system, version), "utf-8")
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        return subprocess.run([*pip, "--only-binary=:all:", "-r", str(file), *options], check=False).returncode


def _report(platforms: Sequence[str], version: str) -> list[Mapping[str, object]]:
    """What pip would install for a system, with the checksums."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--report", str(file), "--target", folder]
        where = [word for each in platforms for word in ("--platform", each)] + ["--python-version", version, "--only-binary=:all:"]
        subprocess.run([*pip, *where, "--constraint", str(ROOT / "constraints.txt"), *wanted()], check=True)
        return json.loads(file.read_text("utf-8"))["install"]


def write() -> None:
    """Write the file again.  Raises :class:`subprocess.CalledProcessError`; exits if constraints.txt lacks a package."""
    found: dict[str, set[str]] = {}
    for platforms, version in TARGETS:
        print(f"{platforms[0]}, Python {version}", file=sys.stderr)
        for each in _report(platforms, version):
            meta, info = each["metadata"], each["download_info"]
            assert isinstance(meta, dict)
            assert isinstance(info, dict)
            found.setdefault(f"{canonical(meta['name'])}=={meta['version']}", set()).add(info["archive_info"]["hashes"]["sha256"])
    known = constraints()
    if missing := sorted(set(found) - set(known)):
        sys.exit(f"constraints.txt lacks: {', '.join(missing)}")
    lines: list[str] = []
    for pinned, hashes in sorted(found.items()):
        system = SYSTEMS.get(pinned.partition("==")[0])
        marker = known[pinned] or (f'sys_platform == "{system}"' if system else "")
        lines.append(" \\\n".join([pinned + (f" ; {marker}" if marker else ""), *(f"    --hash=sha256:{each}" for each in sorted(hashes))]))
    FILE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    write()
