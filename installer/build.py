"""``dev.py exe``: the programs for the system this runs on, or for Windows in the chroot, with everything that is released next to them.

Runs in the virtual environment.  ``SIGN_COMMAND`` is called with each program's file as its last argument, before it is packed, and
with the installer; without it nothing is signed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import inventory
import msi
import parts
import pins
import products
from bill import bill as make_bill
from signing import sign

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
EXE = ROOT / ".cache" / "exe"
"""The virtual environment of a build for this system: pinned packages alone."""


def finish(target: Path, work: Path, packages: Path, python_licence: Path | None, project: Path) -> Path:
    """Add licences to the build of ``project``, sign the programs, and write the bill of materials next to it."""
    if lost := inventory.left_behind(work, project):
        sys.exit(f"Not in the build: {', '.join(lost)}")
    if strange := inventory.unpinned(work):
        sys.exit(f"In the build, but not pinned by checksum: {', '.join(strange)}")
    inside = inventory.bundled(work, packages)
    if not inside:
        sys.exit(f"No package was found in {packages}: the licences would be missing.")
    hashes = pins.checksums()
    if missing := [each.metadata["Name"] for each in inside if f"{pins.canonical(each.metadata['Name'])}=={each.version}" not in hashes]:
        sys.exit(f"Not in {pins.FILE.name}: {', '.join(missing)}")
    (maker,) = [each for each in importlib.metadata.distributions(path=[str(packages)]) if each.metadata["Name"] == "pyinstaller"]
    found = [replace(part, version=maker.version) if part.name == "pyinstaller-bootloader" else part for part in parts.find(target)]
    copying = next(Path(str(maker.locate_file(file))) for file in maker.files or () if file.name == "COPYING.txt")
    inventory.write_licences(target, inside, found, {"Python": python_licence, "PyInstaller": copying}, ROOT)
    sign(*sorted(target.glob("*.exe")))
    inventory.write_list(target, ROOT)
    bill = target.parent / f"CHoRUS-Upload-{inventory.version_of(ROOT)}.cdx.json"
    bill.write_text(make_bill(target, inside, found, hashes, ROOT), "utf-8", newline="\n")
    return bill


def pinned_python() -> Path:
    """The Python of a virtual environment with the pinned packages alone, made if needed."""
    python = EXE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    key, stamp = hashlib.sha256(pins.FILE.read_bytes() + sys.version.encode()).hexdigest(), EXE / "stamp"
    if not (stamp.is_file() and stamp.read_text("utf-8") == key):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(EXE)], check=True)
        if status := pins.install(str(python), sys.platform, f"{sys.version_info[0]}.{sys.version_info[1]}"):
            sys.exit(status)
        stamp.write_text(key, "utf-8")
    return python


def native() -> int:
    """For this system: a folder; on Windows the installer, too."""
    makensis = shutil.which("makensis") or _usual_makensis()
    if sys.platform == "win32" and not makensis:
        sys.exit("NSIS 3 is not installed: there would be no installer. Install it (choco install nsis), then start again.")
    work, python = ROOT / "build" / "pyinstaller", pinned_python()
    options = ["--noconfirm", "--log-level", "WARN", "--distpath", str(DIST), "--workpath", str(work)]
    subprocess.run([str(python), "-m", "PyInstaller", *options, str(ROOT / "build_exe.spec")], cwd=ROOT, check=True)
    licences = [Path(sysconfig.get_path("stdlib"), "LICENSE.txt"), Path(sys.base_prefix, "LICENSE.txt")]
    licence = next((file for file in licences if file.is_file()), None)
    target = DIST / "chorus-upload"
    packages = subprocess.run([str(python), "-c", PURELIB], capture_output=True, text=True, check=True).stdout.strip()
    bill = finish(target, work / "build_exe", Path(packages), licence, ROOT)
    made: Path | None = None
    if sys.platform == "win32" and makensis:
        made = DIST / setup_name()
        definitions = [*definitions_for(str(target), str(ROOT), str(made), signing=True), f"KILOBYTES={inventory.kilobytes(target)}"]
        subprocess.run(
            [makensis, "-V2", "-NOCD", *(f"-D{each}" for each in definitions), str(ROOT / "installer" / "chorus-upload.nsi")], check=True
        )
    others = [products.portable(target, DIST), products.policy_templates(DIST)] if made else []
    inventory.write_sums(DIST, [*([made] if made else []), *others, bill])
    return 0 if inventory.report(made, target, others) else 1


def _usual_makensis() -> str | None:
    usual = Path(os.environ.get("PROGRAMFILES(X86)", "")) / "NSIS" / "makensis.exe"
    return str(usual) if usual.is_file() else None


def setup_name() -> str:
    """The installer's file name."""
    return products.file_name("Setup.exe")


def definitions_for(source: str, project: str, out: str, *, signing: bool) -> list[str]:
    """The definitions that the installer's script needs."""
    version = inventory.version_of(ROOT)
    words = [f"VERSION={version}", f"NUMBERS={inventory.numbers(version)}", f"SOURCE={source}", f"PROJECT={project}", f"OUTFILE={out}"]
    if signing and os.environ.get("SIGN_COMMAND"):
        words.append(f"SIGN={os.environ['SIGN_COMMAND']}")
    return words


def windows() -> Path:
    """For Windows, in the chroot: the installer, the bill of materials and the checksums in ``dist/windows``."""
    import windows_chroot as chroot

    target = chroot.build()
    base = chroot.folder() / "build"
    out = DIST / "windows"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    packages = base / "python" / "Lib" / "site-packages"
    bill = finish(target, base / "work" / "build_exe", packages, base / "python" / "LICENSE.txt", base / "src")
    definitions = definitions_for("/build/dist/chorus-upload", "/build/src", "/build/dist/" + setup_name(), signing=False)
    chroot.makensis([*definitions, f"KILOBYTES={inventory.kilobytes(target)}"])
    made = Path(shutil.copy(target.parent / setup_name(), out))
    sign(made)
    package = Path(shutil.copy(msi.in_chroot(target, products.file_name("x64.msi")), out))
    sign(package)
    others = [package, products.portable(target, out), products.policy_templates(out)]
    inventory.write_sums(out, [made, *others, Path(shutil.copy(bill, out))])
    if not inventory.report(made, target, others):
        sys.exit(1)
    return made


def try_native() -> int:
    """On Windows the whole smoke run; elsewhere only the self-test of both programs."""
    import smoke_chroot

    if sys.platform == "win32":
        return smoke_chroot.run_here(DIST / setup_name())
    shown = DIST / "self-test"
    shutil.rmtree(shown, ignore_errors=True)
    programs = ([DIST / "chorus-upload" / "chorus-upload", "self-test"], [DIST / "chorus-upload" / "ChorusUpload", "--self-test", shown])
    environment = {**os.environ} if sys.platform == "darwin" else {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    return sum(
        subprocess.run([str(word) for word in words], env=environment, timeout=600, check=False).returncode != 0 for words in programs
    )


def test_windows(words: list[str]) -> int:
    """The tests under the Windows Python, with blob services outside Wine, which has no Node.js."""
    import windows_chroot

    from chorus_gui.app.demo.azurite import running

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        services: list[tuple[str, str, str]] = []
        for number in range(windows_chroot.WORKERS):
            logs = Path(folder, str(number))
            logs.mkdir()
            service = stack.enter_context(running(logs))
            services.append((service.url, service.account, service.key))
        stack.enter_context(windows_chroot.alone())
        return windows_chroot.test(words, CHORUS_TEST_AZURITE=json.dumps(services))


def main(words: list[str]) -> int:
    """``[windows] [smoke]``, ``pin``, or ``test`` and words for pytest."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays running
    if words[:1] == ["test"]:
        return test_windows(words[1:])
    if words == ["pin"]:
        pins.write()
        return 0
    if "windows" in words:
        import windows_chroot

        with windows_chroot.alone():
            made = windows()
            if "smoke" in words:
                import smoke_chroot

                return smoke_chroot.run(made)
            return 0
    return native() or (try_native() if "smoke" in words else 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
