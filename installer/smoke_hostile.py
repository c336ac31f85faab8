"""The third part of :mod:`smoke`: folders, search paths and files that an installer does not expect."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import winreg
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from smoke import BUSY, FAILED, LIST, NAME, OWN, UNINSTALL, Smoke, value, wait_for

USER = winreg.HKEY_CURRENT_USER
ODD = ("A & B", "50% of it; and 100%", "(x86) ^ ! ' = , [1] {2} ~ @", "Größe – 日本語", "d" * 60 + "/" + "e" * 60 + "/" + "f" * 60)
FULL = (900, 1100, 2100, 9000)  # characters of a search path; a string of the installer has 1,024


def run(smoke: Smoke) -> None:
    """Everything, from no installation to none."""
    odd_folders(smoke)
    search_paths(smoke)
    impossible_folders(smoke)
    in_the_way(smoke)
    other_lists(smoke)
    lost_folder(smoke)
    at_the_same_time(smoke)
    forbidden(smoke)


@contextmanager
def search_path(text: str | None, kind: int = winreg.REG_EXPAND_SZ) -> Generator[None]:
    """This user's search path, and as it was afterwards."""
    with winreg.OpenKey(USER, "Environment", 0, winreg.KEY_ALL_ACCESS) as key:
        try:
            before = winreg.QueryValueEx(key, "Path")
        except OSError:
            before = None
        try:
            _set(key, None if text is None else (text, kind))
            yield
        finally:
            _set(key, before)


def _set(key: winreg.HKEYType, found: tuple[object, int] | None) -> None:
    if found is not None:
        winreg.SetValueEx(key, "Path", 0, found[1], found[0])
    elif value(USER, "Environment", "Path") is not None:
        winreg.DeleteValue(key, "Path")


def odd_folders(smoke: Smoke) -> None:
    for name in ODD:
        smoke.home = smoke.folder / "odd" / name / NAME
        before = smoke.path()
        status = smoke.install_here("/PATH")
        if status == FAILED and len(str(smoke.home)) > 150:  # Windows without long paths
            smoke.check(smoke.registered() is None and not smoke.home.exists(), f"{name[:40]} is too long here: nothing was changed")
            continue
        smoke.check(status == 0 and smoke.registered() == str(smoke.home), f"installation into {name[:40]}")
        entries = smoke.path().split(";")
        if ";" in name or "%" in name:
            smoke.check(smoke.path() == before, "… which the search path cannot have, and it is unchanged")
        else:
            smoke.check(entries.count(str(smoke.home)) == 1, "… which is on the search path")
        smoke.check(smoke.install_here() == 0, "… upgrade")
        smoke.check(smoke.remove(smoke.home) and smoke.path() == before, "… uninstallation")
        gone = wait_for(lambda: not smoke.home.exists())
        left = sorted(str(path.relative_to(smoke.home)) for path in smoke.home.rglob("*"))
        smoke.check(gone, "… and nothing is left" if gone else f"… and nothing is left: {left or 'the folder itself'}")


def search_paths(smoke: Smoke) -> None:
    """A search path is changed as it should be, or not at all."""
    smoke.home = smoke.folder / "paths" / NAME
    own = r"%USERPROFILE%\bin;C:\Tools & more\;;"
    for text in (None, "", own, *(("C:\\x" + "y" * 95 + ";") * (length // 100) for length in FULL)):
        with search_path(text):
            said = "no search path" if text is None else f"a search path of {len(text)} characters"
            smoke.check(smoke.install_here("/PATH") == 0, f"installation with {said}")
            fits = len(text or "") + len(str(smoke.home)) < 1000
            if fits:
                smoke.check(
                    smoke.path().split(";")[-1] == str(smoke.home) and smoke.path().startswith(text or ""), "… which has it at its end"
                )
            else:
                smoke.check(smoke.path() == text, "… which is too long, and unchanged")
            smoke.check(smoke.remove(smoke.home), "… uninstallation")
            smoke.check(smoke.path().rstrip(";") == (text or "").rstrip(";"), "… which leaves every other entry as it was")
    plain = r"C:\100%\bin;C:\%USERNAME%"
    with search_path(plain, winreg.REG_SZ), winreg.OpenKey(USER, "Environment") as key:
        smoke.check(smoke.install_here("/PATH") == 0, "installation with a search path without variables")
        smoke.check(winreg.QueryValueEx(key, "Path") == (f"{plain};{smoke.home}", winreg.REG_SZ), "… which stays one")
        smoke.check(smoke.remove(smoke.home) and winreg.QueryValueEx(key, "Path") == (plain, winreg.REG_SZ), "… uninstallation")
    both = str(smoke.home) + ";" + str(smoke.home)
    with search_path(both):
        smoke.check(smoke.install_here("/PATH") == 0 and smoke.path() == both, "an entry that is there is not added again")
        smoke.check(smoke.remove(smoke.home), "… uninstallation")


def impossible_folders(smoke: Smoke) -> None:
    file = smoke.folder / "a file.txt"
    file.write_text("a stranger's")
    for place in (file, file / "below", Path("Q:\\no such drive"), smoke.folder / ("x" * 300)):
        smoke.check(smoke.install("/CURRENTUSER", f"/D={place}") == FAILED, f"a folder that cannot be made: {str(place)[-40:]}")
        smoke.check(smoke.registered() is None and file.read_text() == "a stranger's", "… nothing was changed")


def in_the_way(smoke: Smoke) -> None:
    """A stranger's file or folder where ours would be."""
    for name in ("_internal", "ChorusUpload.exe/theirs.txt", LIST, "chorus-upload.new/theirs.txt", "chorus-upload.new", "licences"):
        place = smoke.folder / "in the way" / NAME
        theirs = place / name
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.write_text("a stranger's")
        before = smoke.tree(place)
        smoke.check(smoke.install("/CURRENTUSER", f"/D={place}") == FAILED, f"a stranger's {name} is in the way: status 2")
        smoke.check(smoke.tree(place) == before and smoke.registered() is None, "… and nothing was changed")
        shutil.rmtree(place.parent)


def other_lists(smoke: Smoke) -> None:
    """A list that somebody changed removes nothing but files in the folder, by their whole names."""
    smoke.home = smoke.folder / "lists" / NAME
    smoke.check(smoke.install_here() == 0, "installation, then the list is changed")
    base = smoke.folder / "lists"
    mine = [smoke.home / "thesis.txt", smoke.home / "_internal" / "thesis.txt", base / "outside.txt", base / "other" / "x.txt"]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("a person's")
    heading, _, rest = (smoke.home / LIST).read_bytes().partition(b"\r\n")
    bad = [
        "*.txt",
        "_internal\\*",
        "thesis.?xt",
        "..\\outside.txt",
        "_internal\\..\\..\\outside.txt",
        str(mine[3]),
        "\\*",
        "../outside.txt",
        "",
    ]
    (smoke.home / LIST).write_bytes(heading + b"\r\n" + "".join(f"{line}\r\n" for line in bad).encode() + rest)
    smoke.check(smoke.install_here() == 0 and all(file.is_file() for file in mine), "an upgrade harms nothing")
    list_of = (smoke.home / LIST).read_bytes()
    (smoke.home / LIST).write_bytes(heading + b"\r\n" + "".join(f"{line}\r\n" for line in bad).encode() + list_of.partition(b"\r\n")[2])
    smoke.check(smoke.remove(smoke.home), "uninstallation")
    smoke.check(all(file.is_file() for file in mine), "… harms nothing, either")
    left = sorted(smoke.tree(smoke.home))
    smoke.check(left == ["_internal\\thesis.txt", "thesis.txt"], f"… and leaves nothing of its own: {left[:5]}")
    shutil.rmtree(base)


def lost_folder(smoke: Smoke) -> None:
    """A person deleted the program's folder by hand; an older version is installed over a newer one."""
    smoke.home = smoke.folder / "lost" / NAME
    smoke.check(smoke.install_here("/PATH") == 0, "installation, then a person deletes its folder")
    smoke.check(wait_for(lambda: _deleted(smoke.home)), "… it is gone")  # a menu may still read its icon
    former, smoke.home = smoke.home, smoke.folder / "found" / NAME
    smoke.check(smoke.install_here() == 0 and smoke.registered() == str(smoke.home), "installation into another folder")
    entries = smoke.path().split(";")
    smoke.check(entries.count(str(smoke.home)) == 1 and str(former) not in entries, "… and the search path leads there")
    newer = smoke.home / "_internal" / "of a newer version.dll"
    newer.write_bytes(b"x")
    heading, _, rest = (smoke.home / LIST).read_bytes().partition(b"\r\n")
    (smoke.home / LIST).write_bytes(b"CHoRUS Upload 99.0.0\r\n_internal\\of a newer version.dll\r\n" + rest)
    with winreg.OpenKey(USER, UNINSTALL, 0, winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_64KEY) as key:
        winreg.SetValueEx(key, "DisplayVersion", 0, winreg.REG_SZ, "99.0.0")
    smoke.check(smoke.install_here() == 0 and not newer.exists(), "an older version replaces all of a newer one")
    smoke.check(str(value(USER, UNINSTALL, "DisplayVersion")) == heading.decode().split()[-1], "… and is registered")
    smoke.check(smoke.remove(smoke.home) and value(USER, OWN, "InstallDir") is None, "… uninstallation")


def _deleted(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def at_the_same_time(smoke: Smoke) -> None:
    """While another installer works, which holds a mark, installer and uninstaller end with status 3."""
    smoke.home = smoke.folder / "twice" / NAME
    with _other_installer():
        smoke.check(smoke.install_here() == BUSY, "another installer works: status 3")
        smoke.check(smoke.registered() is None and not smoke.home.exists(), "… and nothing was changed")
    smoke.check(smoke.install_here() == 0, "… and when it has ended, the installer works")
    before = smoke.tree(smoke.home)
    with _other_installer():
        left = subprocess.run(f'"{smoke.home / "uninstall.exe"}" /S _?={smoke.home}', timeout=900, check=False).returncode
        smoke.check(left == BUSY and smoke.tree(smoke.home) == before, "… and the uninstaller leaves everything as it is")
    command = f'"{smoke.setup}" /S /CURRENTUSER /D={smoke.home}'
    with subprocess.Popen(command) as one, subprocess.Popen(command) as two:
        ended = sorted((one.wait(600), two.wait(600)))
    smoke.check(ended in ([0, 0], [0, BUSY]), f"two installers are started at the same time: {ended}")
    smoke.check(sorted(smoke.tree(smoke.home)) == sorted(before), "… and nothing is missing or left over")
    smoke.check(smoke.remove(smoke.home) and wait_for(lambda: not smoke.home.exists()), "… uninstallation")


@contextmanager
def _other_installer() -> Generator[None]:
    kernel = ctypes.WinDLL("kernel32")
    kernel.CreateMutexW.restype = ctypes.c_void_p
    mark = kernel.CreateMutexW(None, False, f"Global\\{NAME} Setup")
    try:
        yield
    finally:
        kernel.CloseHandle(ctypes.c_void_p(mark))


def forbidden(smoke: Smoke) -> None:
    """A folder that this user may not write to."""
    place = smoke.folder / "forbidden"
    place.mkdir()
    subprocess.run(["icacls", str(place), "/deny", "*S-1-1-0:(W)"], capture_output=True, timeout=60, check=False)
    try:
        (place / "tried.txt").write_text("x")
        print("      permissions do not hold here: the folder that may not be written to was not tried")
    except OSError:
        smoke.check(smoke.install("/CURRENTUSER", f"/D={place}") == FAILED, "a folder that may not be written to: status 2")
        smoke.check(smoke.registered() is None and not list(place.iterdir()), "… and nothing was changed")
    finally:
        subprocess.run(["icacls", str(place), "/remove:d", "*S-1-1-0"], capture_output=True, timeout=60, check=False)
