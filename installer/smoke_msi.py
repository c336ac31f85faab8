"""The fifth part of :mod:`smoke`: the MSI: install, use, repair, upgrade, remove, and what it must leave alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import winreg
import zipfile
from pathlib import Path

from smoke import FAILED, NAME, PROGID, UNINSTALL, Smoke, value, wait_for

MACHINE = winreg.HKEY_LOCAL_MACHINE
PROGRAMS = r"Software\Microsoft\Windows\CurrentVersion\Uninstall"
OWN = rf"Software\CHoRUS\{NAME} MSI"
PATH = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
NEWER: dict[str, str] = json.loads(Path(__file__).with_name("limits.json").read_text("utf-8"))["newer"]
"""The MSI of a newer version with one file more and one less, which ``smoke_chroot`` made."""
LESS, MORE = (NEWER[name].replace("/", "\\") for name in ("less", "more"))
REFUSED = 1603


def run(smoke: Smoke) -> None:
    """Everything, with nothing installed before and after."""
    home = Path(os.environ["PROGRAMFILES"]) / NAME
    if not installed_and_used(smoke, home):
        return
    repaired(smoke, home)
    removed(smoke, home)
    upgraded(smoke)
    not_together(smoke, home)


def msiexec(*words: str) -> int:
    """The status of Windows Installer, without a window; it reads quotes in its own way."""
    quoted = ['{}="{}"'.format(*word.split("=", 1)) if "=" in word else word if word.startswith("/") else f'"{word}"' for word in words]
    return subprocess.run(" ".join(["msiexec", *quoted, "/qn", "/norestart"]), timeout=900, check=False).returncode


def entries() -> list[str]:
    """The keys in the list of programs whose name is ours."""
    found: list[str] = []
    with winreg.OpenKey(MACHINE, PROGRAMS, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
        names = [winreg.EnumKey(key, number) for number in range(winreg.QueryInfoKey(key)[0])]
    found += [name for name in names if value(MACHINE, rf"{PROGRAMS}\{name}", "DisplayName") == NAME]
    return found


def search_path() -> list[str]:
    """The folders.  Wine leaves the separator of one that it removes."""
    return [part.rstrip("\\") for part in str(value(MACHINE, PATH, "Path") or "").split(";") if part]


def desktop_icons(smoke: Smoke) -> list[Path]:
    """On the desktop of all users, or of this one, which is where Wine puts it."""
    public = Path(os.environ.get("PUBLIC", "C:/users/Public")) / "Desktop" / f"{NAME}.lnk"
    return [file for file in (public, smoke.desktop) if file.exists()]


def packed(smoke: Smoke) -> dict[str, int]:
    """The files of the zip, with their sizes: the same must be in the MSI."""
    with zipfile.ZipFile(smoke.other("Portable.zip")) as content:
        return {entry.filename.removeprefix(f"{NAME}/").replace("/", "\\"): entry.file_size for entry in content.infolist()}


def sizes(smoke: Smoke, home: Path) -> dict[str, int]:
    return {name: size for name, (size, _) in smoke.tree(home).items()}


def installed_and_used(smoke: Smoke, home: Path) -> bool:
    made = smoke.other("x64.msi")
    status = msiexec("/i", str(made))
    if status == REFUSED and not ctypes_admin():
        print("      not an administrator: the MSI was refused, as it should be")
        return False
    smoke.check(status == 0, f"silent installation of the MSI (status {status})")
    smoke.check(sizes(smoke, home) == packed(smoke), "… has the files of the zip")
    smoke.check(len(entries()) == 1 and entries()[0] != NAME, "… is in the list of programs, once")
    smoke.check(value(MACHINE, rf"{PROGRAMS}\{entries()[0]}", "WindowsInstaller") == 1, "… as a package of Windows Installer")
    smoke.check(value(MACHINE, OWN, "InstallDir") == f"{home}\\", "… and remembers its folder")
    smoke.home = home
    smoke.check(value(MACHINE, OWN, "Version") == smoke.version(), "… and its version")
    smoke.check(value(MACHINE, PROGID) == f'"{home}\\ChorusUpload.exe" "%1"', ".toml can be opened with it")
    smoke.check(smoke.start_menu_all.is_file() or smoke.start_menu.is_file(), "there is a Start menu entry")
    smoke.check(not desktop_icons(smoke) and str(home) not in search_path(), "no desktop icon and no search path unless requested")
    own = Path(os.environ["LOCALAPPDATA"]) / NAME
    shutil.rmtree(own, ignore_errors=True)
    smoke.walk("msi")
    smoke.check(bool(list((own / "receipts").glob("*.html"))), "receipts are with the user")
    smoke.check(sizes(smoke, home) == packed(smoke), "… and nothing is written next to the program")
    return True


def ctypes_admin() -> bool:
    """Whether this user may install for all users."""
    import ctypes

    return bool(ctypes.windll.shell32.IsUserAnAdmin())


def repaired(smoke: Smoke, home: Path) -> None:
    (home / "_internal" / "modules.pyz").unlink()
    (home / "chorus-upload.exe").write_bytes(b"damaged")
    (home / LESS).write_text("changed")
    mine = home / "mine.txt"
    mine.write_text("a person's own")
    # Wine's msiexec has no /fa, which means the same.
    status = msiexec("/i", str(smoke.other("x64.msi")), "REINSTALL=ALL", "REINSTALLMODE=amus")
    smoke.check(status == 0, f"repair (status {status})")
    smoke.check(sizes(smoke, home) == {**packed(smoke), "mine.txt": 14}, "… restores what is missing or changed, and nothing else")
    smoke.check(smoke.console("--version")[0] == 0, "… and the program starts")
    mine.unlink()


def removed(smoke: Smoke, home: Path) -> None:
    smoke.check(msiexec("/x", str(smoke.other("x64.msi"))) == 0, "removal")
    smoke.check(not home.exists(), f"… of every file: {list(home.rglob('*'))[:3] if home.exists() else ''}")
    nothing_left(smoke)


def nothing_left(smoke: Smoke) -> None:
    smoke.check(not entries() and value(MACHINE, OWN, "InstallDir") is None, "… and of the entry in the list of programs")
    smoke.check(value(MACHINE, PROGID) is None, "… and of “Open with”")
    links = (smoke.start_menu_all, smoke.start_menu, *desktop_icons(smoke))
    smoke.check(not [link for link in links if link.exists()], "… and of the icons")


def upgraded(smoke: Smoke) -> None:
    """With options, into another folder; the next version keeps both."""
    home, later = smoke.folder / "Other place" / NAME, smoke.setup.with_name(NEWER["file"])
    before = search_path()
    options = (f"INSTALLFOLDER={home}", "ADDTOPATH=1", "DESKTOPSHORTCUT=1")
    smoke.check(msiexec("/i", str(smoke.other("x64.msi")), *options) == 0, "installation with options into another folder")
    smoke.home = home
    smoke.check(smoke.console("--version")[0] == 0, "… starts there")
    smoke.check(search_path() == [*before, str(home)], "… is on the search path")
    smoke.check(len(desktop_icons(smoke)) == 1, "… and on the desktop")
    mine = home / "mine.txt"
    mine.write_text("a person's own")
    if later.is_file():
        smoke.check(msiexec("/i", str(later)) == 0, "upgrade")
        expected = {name: size for name, size in packed(smoke).items() if name != LESS}
        smoke.check(sizes(smoke, home) == {**expected, MORE: 3, "mine.txt": 14}, "… replaces the files, in the same folder")
        smoke.check(len(entries()) == 1, "… is in the list of programs once")
        smoke.check(len(desktop_icons(smoke)) == 1, "… and keeps the desktop icon")
        smoke.check(search_path() == [*before, str(home)], f"… and the search path: {search_path()}")
        smoke.check(smoke.console("--version")[0] == 0, "… and starts")
        held = smoke.tree(home)
        smoke.check(msiexec("/i", str(smoke.other("x64.msi"))) == REFUSED, "an older version is refused")
        smoke.check(smoke.tree(home) == held and len(entries()) == 1, "… and nothing changed")
    (code,) = entries()
    smoke.check(msiexec("/x", code) == 0, "removal by the product code")
    smoke.check(list(smoke.tree(home)) == ["mine.txt"], "… leaves a person's own file")
    smoke.check(search_path() == before, f"… and the search path as it was: {search_path()}")
    nothing_left(smoke)
    shutil.rmtree(home)


def not_together(smoke: Smoke, home: Path) -> None:
    """The setup program and the MSI are not on one computer for all users, wherever the other one is.  One for a single user disturbs neither."""
    smoke.check(smoke.install("/ALLUSERS") == 0, "the setup program, for all users")
    before = smoke.tree(home)
    elsewhere = smoke.folder / "Place of the MSI" / NAME
    for options in ((), (f"INSTALLFOLDER={elsewhere}",)):
        smoke.check(msiexec("/i", str(smoke.other("x64.msi")), *options) == REFUSED, f"… the MSI is refused {'elsewhere' * bool(options)}")
        smoke.check(smoke.tree(home) == before and value(MACHINE, UNINSTALL, "DisplayName") == NAME, "… and nothing changed")
        smoke.check(not elsewhere.exists() and entries() == [NAME], "… or was installed")
    smoke.check(smoke.remove(home, root=MACHINE) and wait_for(lambda: not home.exists()), "… until it is uninstalled")
    for place, options in ((home, ()), (elsewhere, (f"INSTALLFOLDER={elsewhere}",))):
        smoke.check(msiexec("/i", str(smoke.other("x64.msi")), *options) == 0, f"the MSI in {place.parent.name}")
        before, code = smoke.tree(place), entries()
        for words in (("/ALLUSERS",), ("/ALLUSERS", f"/D={smoke.folder / 'Third place'}"), ("/CURRENTUSER", f"/D={place}")):
            smoke.check(smoke.install(*words) == FAILED, f"… the setup program refuses {words[0]}{' and a folder' * (len(words) - 1)}")
            smoke.check(smoke.tree(place) == before and entries() == code, "… and nothing changed")
        smoke.check(value(MACHINE, UNINSTALL, "DisplayName") is None and smoke.registered() is None, "… or was registered")
        smoke.check(place == home or not home.exists(), "… or was installed")
        smoke.check(not (smoke.folder / "Third place").exists(), "… anywhere")
        smoke.home = smoke.folder / "One user beside the MSI" / NAME
        smoke.check(smoke.install_here() == 0 and smoke.registered() == str(smoke.home), "one user's own beside it")
        smoke.check(smoke.remove(smoke.home) and wait_for(lambda: not smoke.home.exists()), "… removed again")
        smoke.check(smoke.tree(place) == before and entries() == code, "… the MSI stays as it was")
        smoke.check(value(MACHINE, PROGID) == f'"{place}\\ChorusUpload.exe" "%1"', "… also for opening files")
        smoke.check(msiexec("/x", str(smoke.other("x64.msi"))) == 0 and not place.exists(), "… until it is removed")
    smoke.check(smoke.install("/ALLUSERS") == 0, "the setup program can be installed after that")
    smoke.check(smoke.remove(home, root=MACHINE) and wait_for(lambda: not home.exists()), "… and uninstalled")
