"""The second half of :mod:`smoke`: the installer touches only its own files, and an installation is complete or as it was."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
import winreg
from pathlib import Path

from smoke import BUSY, FAILED, LIST, NAME, OPEN_WITH, OWN, PROGID, UNINSTALL, Smoke, installer_works, value, wait_for

USER, MACHINE = winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE
WORK = ("chorus-upload.new", "chorus-upload.old", "chorus-upload.new.moving", "chorus-upload.new.in")


def run(smoke: Smoke) -> None:
    """Everything, from an installation for this user to none."""
    upgrade(smoke)
    held_library(smoke)
    interrupted(smoke)
    options(smoke)
    moved(smoke)
    uninstall(smoke)
    strangers(smoke)
    for_everyone(smoke)
    purge(smoke)


def upgrade(smoke: Smoke) -> None:
    home = smoke.home
    stale = home / "_internal" / "left over from before.txt"
    stale.write_text("x")
    heading, _, rest = (home / LIST).read_bytes().partition(b"\r\n")
    more = b"_internal\\left over from before.txt\r\n..\\outside.txt\r\n"  # no list can lead out of the folder
    (home / LIST).write_bytes(heading + b"\r\n" + more + rest)
    outside = home.parent / "outside.txt"
    own = [
        home / "config.toml",
        home / "_internal" / "my notes.txt",
        home / "licences" / "my own key.txt",
        home / "mine" / "x.txt",
        outside,
    ]
    for file in own:
        file.parent.mkdir(exist_ok=True)
        file.write_text("a person's own file\n")
    smoke.settings.parent.mkdir(parents=True, exist_ok=True)
    smoke.settings.write_text("[General]\ntheme=dark\n")
    smoke.check(smoke.install_here("/PATH", "/DESKTOP") == 0, "upgrade in place")
    smoke.check(not stale.exists(), "files of the earlier version are removed")
    smoke.check(all(file.is_file() for file in own), "a person's files stay, in every folder of the program")
    smoke.check(not [name for name in WORK if (home / name).exists()], "nothing of the upgrade itself is left")
    smoke.check(smoke.settings.read_text() == "[General]\ntheme=dark\n", "the settings stay")
    smoke.check(smoke.path().split(";").count(str(home)) == 1, "the search path has it")
    smoke.check(smoke.desktop.is_file(), "there is a desktop icon")
    smoke.check(smoke.install_here() == 0 and smoke.path().split(";").count(str(home)) == 1, "a second upgrade keeps what was chosen")
    smoke.check(smoke.console("--version")[0] == 0, "the upgraded program starts")
    (home / LIST).unlink()
    smoke.check(smoke.install_here() == 0 and (home / LIST).is_file(), "an installation that lost its list is repaired")


def held_library(smoke: Smoke) -> None:
    """Another program has a library of ours open: nothing changes, and the status says so."""
    library = smoke.home / "_internal" / "PySide6" / "Qt6Core.dll"
    for how in ("loaded", "open"):
        before = smoke.tree(smoke.home)
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.LoadLibraryExW.restype = ctypes.c_void_p
        loaded = kernel.LoadLibraryExW(str(library), None, 1) if how == "loaded" else None
        stream = library.open("rb") if how == "open" else None
        try:
            smoke.check(bool(loaded or stream), f"another program has a library {how}")
            smoke.check(smoke.install_here() == BUSY, "… the upgrade ends with status 3")
            smoke.check(smoke.tree(smoke.home) == before, "… and changed nothing")
            left = subprocess.run(f'"{smoke.home / "uninstall.exe"}" /S _?={smoke.home}', timeout=900, check=False).returncode
            smoke.check(left == BUSY, "… so does the uninstaller")
            smoke.check(smoke.tree(smoke.home) == before and smoke.registered() == str(smoke.home), "… and it stays registered")
        finally:
            if loaded:
                kernel.FreeLibrary(ctypes.c_void_p(loaded))
            if stream:
                stream.close()


def interrupted(smoke: Smoke) -> None:
    """The installer is killed, at several moments; the next one makes all good."""
    before = sorted(smoke.tree(smoke.home))
    for mark in ("chorus-upload.new/_internal", "chorus-upload.new.moving", "chorus-upload.new.in"):
        command = f'"{smoke.setup}" /S /CURRENTUSER /D={smoke.home}'
        with subprocess.Popen(command) as started:
            deadline = time.monotonic() + 120
            while not (smoke.home / mark).exists() and started.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            killed = started.poll() is None
            started.kill()
        print(f"      the installer was {'killed' if killed else 'faster than the check'} at {mark}")
        smoke.check(wait_for(lambda: not installer_works()) and smoke.install_here() == 0, "an interrupted upgrade can be repeated")
        smoke.check(sorted(smoke.tree(smoke.home)) == before, "… and nothing is missing or left over")
    smoke.check(smoke.console("--version")[0] == 0, "the program starts")


def options(smoke: Smoke) -> None:
    before = smoke.tree(smoke.home)
    for wrong in ("/ALLUSER", "/s", "/PATHS", "ALLUSERS"):
        smoke.check(smoke.install(wrong, f"/D={smoke.folder / 'wrong'}") == FAILED, f"the option {wrong} is refused")
    for wrong in ("C:/Programs/CHoRUS Upload", "Programs", "\\Programs"):
        smoke.check(smoke.install("/CURRENTUSER", f"/D={wrong}") == FAILED, f"the folder {wrong} is refused")
    smoke.check(not (smoke.folder / "wrong").exists() and smoke.tree(smoke.home) == before, "… and nothing is installed")
    smoke.check(
        smoke.install("/ALLUSERS", f"/D={smoke.home}") == FAILED, "a folder with an installation of one user is refused for all users"
    )
    smoke.check(smoke.tree(smoke.home) == before, "… and nothing changed")


def moved(smoke: Smoke) -> None:
    """Another folder moves the installation."""
    former, target = smoke.home, smoke.folder / "Anderer Ort ü" / NAME
    library = (former / "_internal" / "PySide6" / "Qt6Core.dll").open("rb")
    try:
        smoke.check(smoke.install("/CURRENTUSER", f"/D={target}") == BUSY, "a library of the former folder is open: status 3")
        smoke.check(not target.exists() and smoke.registered() == str(former), "… and nothing was installed")
    finally:
        library.close()
    smoke.check(smoke.install("/CURRENTUSER", f"/D={target}") == 0, "installation into another folder")
    smoke.home = target
    left = sorted(str(file) for file in smoke.tree(former))
    smoke.check(
        left == ["_internal\\my notes.txt", "config.toml", "licences\\my own key.txt", "mine\\x.txt"], f"only a person's files stay: {left}"
    )
    entries = smoke.path().split(";")
    smoke.check(entries.count(str(target)) == 1 and str(former) not in entries, "the search path leads to the new folder only")
    smoke.check(smoke.registered() == str(target) and value(USER, OWN, "InstallDir") == str(target), "the new folder is registered")
    smoke.check(value(USER, PROGID) == f'"{target}\\ChorusUpload.exe" "%1"', "… also for opening files")
    smoke.check(smoke.start_menu.is_file() and str(target).encode("utf-16-le") in smoke.start_menu.read_bytes(), "… and in the Start menu")
    smoke.check(smoke.console("--version")[0] == 0, "the moved program starts")


def uninstall(smoke: Smoke) -> None:
    mine = smoke.home / "config.toml"
    mine.write_text("# a person's own file\n")
    smoke.check(smoke.remove(smoke.home), "silent uninstallation")
    smoke.check([path.name for path in smoke.home.rglob("*")] == ["config.toml"], "only a person's own file is left")
    smoke.check(smoke.settings.is_file(), "the settings are kept by default")
    smoke.check((smoke.folder / "demo" / "journal.db").is_file(), "the journal stays")
    smoke.check(not smoke.start_menu.exists() and not smoke.desktop.exists(), "the icons in the Start menu and on the desktop are removed")
    for key, name in ((OWN, "InstallDir"), (PROGID, ""), (OPEN_WITH, "CHoRUSUpload.Configuration")):
        smoke.check(value(USER, key, name) is None, f"the registry key is removed: {key}")
    smoke.check(str(smoke.home) not in smoke.path(), "the search path is unchanged")
    mine.unlink()


def strangers(smoke: Smoke) -> None:
    """A folder with other things in it: the program gets one of its own, and harms nothing."""
    documents = smoke.folder / "Documents"
    theirs = [documents / "licences" / "my own key.txt", documents / "_internal" / "python312.dll", documents / "uninstall.exe"]
    for file in theirs:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a stranger's")
    before = smoke.tree(documents)
    smoke.check(smoke.install("/CURRENTUSER", f"/D={documents}") == 0, "installation into a folder with other things in it")
    smoke.home = documents / NAME
    smoke.check(smoke.registered() == str(smoke.home), "… gets a folder of its own inside")
    smoke.check(smoke.install("/CURRENTUSER") == 0 and smoke.remove(smoke.home), "… which can be upgraded and removed")
    smoke.check(smoke.tree(documents) == before, "… and every other file is as it was")
    own = smoke.folder / "Other program" / NAME
    for name in ("_internal/python312.dll", "_internal/theirs.dll", "ChorusUpload.exe"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("a stranger's")
    before = smoke.tree(own)
    smoke.check(smoke.install("/CURRENTUSER", f"/D={own}") == FAILED, "files of another program with our names: status 2")
    smoke.check(smoke.tree(own) == before and smoke.registered() is None, "… and nothing changed")


def for_everyone(smoke: Smoke) -> None:
    """For all users, beside one for this user: neither takes the other's registration away."""
    status = smoke.install("/ALLUSERS")
    if status == FAILED:
        print("      not an administrator: the installation for all users was refused, as it should be")
        return
    smoke.check(status == 0, "silent installation for all users")
    place = Path(os.environ["PROGRAMFILES"]) / NAME
    smoke.check((place / "chorus-upload.exe").is_file(), "… into Program Files")
    smoke.check(smoke.registered(MACHINE) == str(place), "… and into the machine's list of programs")
    smoke.check(smoke.registered() is None, "… and not the user's")
    smoke.check(smoke.start_menu_all.is_file(), "… and everybody's Start menu")
    smoke.home = smoke.folder / "beside" / NAME
    smoke.check(smoke.install_here() == 0 and smoke.registered() == str(smoke.home), "one user's own beside it")
    smoke.check(smoke.remove(smoke.home), "… removed again")
    smoke.check(smoke.registered(MACHINE) == str(place) and smoke.start_menu_all.is_file(), "… the other stays registered")
    smoke.home = place
    smoke.check(smoke.console("--version")[0] == 0, "… and usable")
    smoke.check(smoke.remove(place, "/SETTINGS", root=MACHINE), "… and is uninstalled")
    gone = wait_for(lambda: not place.exists() and value(MACHINE, UNINSTALL, "DisplayName") is None)
    smoke.check(gone and not smoke.start_menu_all.exists(), "… completely")


def purge(smoke: Smoke) -> None:
    """A user leaves this computer."""
    smoke.home = smoke.folder / "last" / NAME
    data = Path(os.environ["LOCALAPPDATA"]) / NAME
    smoke.check(smoke.install_here() == 0 and data.is_dir(), "there is data of the user")
    journal = smoke.folder / "demo" / "journal.db"
    before = journal.read_bytes()
    smoke.check(smoke.remove(smoke.home, "/PURGE"), "uninstallation with /PURGE")
    left = list(data.rglob("*")) if data.exists() else []
    smoke.check(not left, f"… removes everything of the user: {left[:5]}")
    smoke.check(journal.read_bytes() == before and (smoke.folder / "demo" / "config.toml").is_file(), "… and nothing of the site")
    smoke.check(wait_for(lambda: not smoke.home.exists()), "… and the program")  # folders go last
