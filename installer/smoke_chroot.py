"""Run :mod:`smoke`: in the chroot with a C: drive of its own, or on this Windows; with Azurite on loopback in both cases."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import inventory
import msi

from chorus_gui.app.demo.azurite import running

ROOT = Path(__file__).resolve().parent.parent
CONTAINER = "smoke"
SCRIPTS = ("smoke.py", "smoke_installer.py", "smoke_hostile.py", "smoke_portable.py", "smoke_msi.py")


NEWER = {"file": "newer.msi", "more": "licences/new.txt", "less": "licences/README.txt"}
"""The MSI of a version that does not exist yet, and the files that it has more and less."""


def write_limits(folder: Path) -> None:
    """What the smoke run may find: sizes in megabytes, and the newer version."""
    limits = {"installer": inventory.MOST_INSTALLER, "installed": inventory.MOST_INSTALLED, "newer": NEWER}
    (folder / "limits.json").write_text(json.dumps(limits), "utf-8")


def _with_azurite(then: Callable[[list[str]], int]) -> int:
    """Call it with the arguments for a running blob service; then check the content of the service directly."""
    from azure.storage.blob import ContainerClient

    with tempfile.TemporaryDirectory() as logs, running(Path(logs)) as azurite:
        credential = {"account_name": azurite.account, "account_key": azurite.key}
        with ContainerClient(azurite.url, CONTAINER, credential=credential) as client:
            client.create_container()
            status = then([azurite.url, azurite.account, azurite.key, CONTAINER])
            names = [blob.name for blob in client.list_blobs()]
    for inside in ("", "zip/", *(["msi/"] if any(name.startswith("msi/") for name in names) else [])):
        sent = sum(name.startswith(f"{inside}central/") for name in names)
        there = f"{inside}journal.db" in names
        print(f"{sent} files are in the central store, {inside or 'setup program'}; the journal {'too' if there else 'is NOT'}")
        status = status or (not sent) or (not there)
    return status


def run(setup: Path) -> int:
    """In the chroot; the pictures go to ``dist/windows/screenshots``."""
    import windows_chroot as chroot

    base = chroot.folder() / "build"
    work, prefix = base / "smoke", base / "smoke-prefix"
    for old in (work, prefix):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(base / "prefix", prefix, symlinks=True, ignore=shutil.ignore_patterns("pytest-of-*"))
    work.mkdir()
    for product in setup.parent.glob("CHoRUS-Upload-*"):
        shutil.copy(product, work)
    for name in SCRIPTS:
        shutil.copy(ROOT / "installer" / name, work)
    write_limits(work)
    newer(base, work)
    windows = "Z:\\build\\smoke"
    words = [f"{windows}\\{setup.name}", "C:\\smoke", "C:\\CHoRUS self-test"]

    def inside(service: list[str]) -> int:
        return chroot.windows(
            "/opt/winpy/python.exe", "Z:/build/smoke/smoke.py", *words, *service, prefix="/build/smoke-prefix", timeout=4 * 3600
        )

    try:
        status = _with_azurite(inside) + stock_nsis(base)
        pictures = setup.parent / "screenshots"
        shutil.rmtree(pictures, ignore_errors=True)
        made = prefix / "drive_c" / "CHoRUS self-test"
        if made.is_dir():
            shutil.copytree(made, pictures)
        print(f"Pictures of every page: {pictures}")
        return status
    finally:
        for old in (work, prefix):
            shutil.rmtree(old, ignore_errors=True)


def newer(base: Path, work: Path) -> None:
    """Make an MSI to upgrade to."""
    target = work / "newer"
    shutil.copytree(base / "dist" / "chorus-upload", target, copy_function=os.link)
    (target / NEWER["less"]).unlink()
    (target / NEWER["more"]).write_text("new", "utf-8")
    msi.in_chroot(target, NEWER["file"], "99.0.0")
    shutil.rmtree(target)


def stock_nsis(base: Path) -> int:
    """Whether an NSIS as it is for Windows, which makes 32-bit installers only, packs a pre-release; the number of faults."""
    import windows_chroot as chroot

    nsis, source = base / "smoke" / "nsis", base / "smoke" / "small"
    shutil.copytree(chroot.folder() / "usr" / "share" / "nsis", nsis, ignore=shutil.ignore_patterns("*amd64*"), symlinks=True)
    source.mkdir()
    (source / "ChorusUpload.exe").write_bytes(b"MZ")
    inventory.write_list(source, ROOT)
    words = ["VERSION=0.2.0rc1", f"NUMBERS={inventory.numbers('0.2.0rc1')}", "KILOBYTES=1", "SOURCE=/build/smoke/small"]
    words += ["PROJECT=/build/src", "OUTFILE=/build/smoke/small-setup.exe", "SIGN=sh -c 'exit 0'"]
    chroot.makensis(words, log="makensis-32", NSISDIR="/build/smoke/nsis")
    made = (base / "smoke" / "small-setup.exe").read_bytes()
    header = int.from_bytes(made[0x3C:0x40], "little")
    right = made[header : header + 6] == b"PE\0\0\x4c\x01"
    print(("ok    " if right else "WRONG ") + "an NSIS with 32-bit stubs only makes a 32-bit installer, of a pre-release, signed")
    return not right


def run_here(setup: Path) -> int:
    """On this Windows."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryDirectory() as scripts:
        for name in SCRIPTS:
            shutil.copy(ROOT / "installer" / name, scripts)
        write_limits(Path(scripts))
        words = [str(Path(scripts, "smoke.py")), str(setup), folder, str(setup.parent / "screenshots")]
        return _with_azurite(lambda service: subprocess.run([sys.executable, *words, *service], check=False).returncode)
