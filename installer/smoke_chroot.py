"""Run :mod:`smoke`: in the chroot with a C: drive of its own, or on this Windows; with Azurite on loopback in both cases."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from chorus_gui.app.demo.azurite import running

ROOT = Path(__file__).resolve().parent.parent
CONTAINER = "smoke"


def _with_azurite(then: Callable[[list[str]], int]) -> int:
    """Call it with the arguments for a running blob service; then check the content of the service directly."""
    from azure.storage.blob import ContainerClient

    with tempfile.TemporaryDirectory() as logs, running(Path(logs)) as azurite:
        credential = {"account_name": azurite.account, "account_key": azurite.key}
        with ContainerClient(azurite.url, CONTAINER, credential=credential) as client:
            client.create_container()
            status = then([azurite.url, azurite.account, azurite.key, CONTAINER])
            names = [blob.name for blob in client.list_blobs()]
    sent = sum(name.startswith("central/") for name in names)
    print(f"{sent} files lie in the central store, the journal {'too' if 'journal.db' in names else 'does NOT'}")
    return status or (not sent) or ("journal.db" not in names)


def run(setup: Path) -> int:
    """In the chroot; the pictures go to ``dist/windows/screenshots``."""
    import windows_chroot as chroot

    base = chroot.folder() / "build"
    work, prefix = base / "smoke", base / "smoke-prefix"
    for old in (work, prefix):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(base / "prefix", prefix, symlinks=True)
    work.mkdir()
    shutil.copy(setup, work / setup.name)
    shutil.copy(ROOT / "installer" / "smoke.py", work)
    windows = "Z:\\build\\smoke"
    words = [f"{windows}\\{setup.name}", "C:\\smoke", "C:\\CHoRUS self-test"]

    def inside(service: list[str]) -> int:
        return chroot.windows(
            "/opt/winpy/python.exe", "Z:/build/smoke/smoke.py", *words, *service, prefix="/build/smoke-prefix", timeout=1800
        )

    try:
        status = _with_azurite(inside)
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


def run_here(setup: Path) -> int:
    """On this Windows."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        words = [str(ROOT / "installer" / "smoke.py"), str(setup), folder, str(setup.parent / "screenshots")]
        return _with_azurite(lambda service: subprocess.run([sys.executable, *words, *service], check=False).returncode)
