"""Install, start, use, upgrade, uninstall: the Windows build as a hospital uses it.

Runs under a Windows Python (a real Windows, or Wine in the chroot) with the standard library alone:
``smoke.py SETUP.EXE FOLDER PICTURES [AZURITE_URL ACCOUNT KEY CONTAINER]``.  Installs for this user into a folder of its own, and at the
end for all users if it may; leaves nothing behind.  The status is the number of things that were not as they should be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import winreg
from collections.abc import Callable
from pathlib import Path

NAME = "CHoRUS Upload"
UNINSTALL = rf"Software\Microsoft\Windows\CurrentVersion\Uninstall\{NAME}"
OWN = rf"Software\CHoRUS\{NAME}"
OPEN_WITH = r"Software\Classes\.toml\OpenWithProgids"
PROGID = r"Software\Classes\CHoRUSUpload.Configuration\shell\open\command"
BUSY = 3
CONFIG = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms,Metadata"
[journal]
journaling_mode = "full"
[journal.local]
path = "{folder}/journal.db"
[journal.source]
path = "az://{container}/journal.db"
[journal.source.auth]
azure_account_name = "{account}"
azure_account_key = "{key}"
azure_account_url = "{url}"
[central_path]
path = "az://{container}/central"
upload_method = "builtin"
[central_path.auth]
azure_account_name = "{account}"
azure_account_key = "{key}"
azure_account_url = "{url}"
[site_path.default]
path = "{site}"
[site_path.OMOP]
pattern = "OMOP/{{filepath}}"
[site_path.Images]
pattern = "{{patient_id:w}}/Images/{{filepath}}"
[site_path.Waveforms]
pattern = "{{patient_id:w}}/Waveforms/{{filepath}}"
[site_path.Metadata]
pattern = "Metadata/{{filepath}}"
"""


def value(root: int, key: str, name: str = "") -> object:
    """A value of the registry, None if there is none."""
    try:
        with winreg.OpenKey(root, key, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    except OSError:
        return None


def wait_for(what: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.2)
    return what()


class Smoke:
    """The run: counts failed checks, and continues."""

    def __init__(self, setup: Path, folder: Path, pictures: Path) -> None:
        self.setup, self.folder, self.pictures = setup, folder, pictures
        self.wrong = 0
        self.home = folder / "Program files of a user" / NAME
        local = Path(os.environ["LOCALAPPDATA"]) / NAME
        self.settings = local / "window.ini"
        menu = "Microsoft/Windows/Start Menu/Programs"
        self.start_menu = Path(os.environ["APPDATA"]) / menu / f"{NAME}.lnk"
        self.start_menu_all = Path(os.environ["PROGRAMDATA"]) / menu / f"{NAME}.lnk"
        self.desktop = Path(os.environ["USERPROFILE"]) / "Desktop" / f"{NAME}.lnk"
        folder.mkdir(parents=True, exist_ok=True)
        pictures.mkdir(parents=True, exist_ok=True)

    def check(self, ok: bool, what: str) -> None:
        self.wrong += not ok
        print(("ok    " if ok else "WRONG ") + what, flush=True)

    def install(self, *options: str) -> int:
        # NSIS takes everything after /D= literally, with spaces; quotes would become part of the name.
        return subprocess.run(" ".join([f'"{self.setup}"', "/S", *options]), timeout=600, check=False).returncode

    def install_here(self, *options: str) -> int:
        return self.install("/CURRENTUSER", *options, f"/D={self.home}")

    def console(self, *words: str, timeout: float = 600) -> tuple[int, str]:
        command = [str(self.home / "chorus-upload.exe"), *words]
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    # --- the stations ------------------------------------------------------------------------------------------------

    def first_install(self) -> None:
        began = time.monotonic()
        self.check(self.install_here() == 0, "silent installation for one user")
        print(f"      {time.monotonic() - began:.0f} s")
        for name in (
            "ChorusUpload.exe",
            "chorus-upload.exe",
            "uninstall.exe",
            "licences/README.txt",
            "_internal/resources/receipt/receipt.html",
        ):
            self.check((self.home / name).is_file(), f"there is {name}")
        self.check(self.start_menu.is_file(), "there is a Start menu entry")
        self.check(not self.desktop.exists(), "there is no desktop icon unless requested")
        self.check(value(winreg.HKEY_CURRENT_USER, UNINSTALL, "InstallLocation") == str(self.home), "the list of programs has its folder")
        self.check(value(winreg.HKEY_CURRENT_USER, UNINSTALL, "DisplayVersion") == self.version(), "… and its version")
        self.check(int(str(value(winreg.HKEY_CURRENT_USER, UNINSTALL, "EstimatedSize") or 0)) > 40_000, "… and its size")
        self.check(value(winreg.HKEY_CURRENT_USER, PROGID) == f'"{self.home}\\ChorusUpload.exe" "%1"', ".toml can be opened with it")
        self.check(value(winreg.HKEY_CURRENT_USER, OPEN_WITH, "CHoRUSUpload.Configuration") == "", "… and is offered")
        self.check(value(winreg.HKEY_LOCAL_MACHINE, UNINSTALL, "DisplayName") is None, "nothing was written for all users")
        self.check(str(self.home) not in self.path(), "the search path is unchanged")

    def version(self) -> str:
        return self.console("--version")[1].split()[-1]

    def path(self) -> str:
        return str(value(winreg.HKEY_CURRENT_USER, "Environment", "Path") or "")

    def demo(self) -> None:
        began = time.monotonic()
        status, said = self.console("--version")
        self.check(status == 0 and said.startswith("chorus-upload "), f"--version in {time.monotonic() - began:.1f} s: {said.strip()}")
        self.check(self.console("no-such-command")[0] == 2, "an unknown command ends with status 2")
        status, said = self.console("demo", str(self.folder / "demo"))
        self.check(status == 0 and said.count("CHoRUS Upload ") >= 2, "the demo makes two submissions and shows both receipts")
        if status:
            print(said)

    def upload(self, url: str, account: str, key: str, container: str) -> None:
        config = self.folder / "azurite.toml"
        site = (self.folder / "demo" / "site").as_posix()
        text = CONFIG.format(folder=self.folder.as_posix(), site=site, url=url, account=account, key=key, container=container)
        config.write_text(text, "utf-8")
        for words in (("journal", "checkout"), ("submit", "--yes"), ("file", "verify", "--all", "--reread"), ("journal", "checkin")):
            status, said = self.console("-c", str(config), *words)
            self.check(status == 0, f"on a blob service: {' '.join(words)}")
            self.check(key not in said, "… without showing the key")
            if status:
                print(said)

    def window(self) -> None:
        began = time.monotonic()
        command = [str(self.home / "ChorusUpload.exe"), "--self-test", str(self.pictures)]
        status = subprocess.run(command, timeout=600, check=False).returncode
        self.check(status == 0, f"the window runs its self-test ({time.monotonic() - began:.0f} s)")
        file = self.pictures / "self-test.json"
        verdict = json.loads(file.read_text("utf-8")) if file.is_file() else {"ok": False, "checks": []}
        self.check(bool(verdict["ok"]), "the self-test succeeds")
        for check in verdict["checks"]:
            print(f"      {'' if check['ok'] else 'NOT '}{check['name']}: {check['told']} ({check['seconds']} s)")
        pages = [check["name"].removeprefix("page ") for check in verdict["checks"] if check["name"].startswith("page ")]
        for page in pages:
            found = list(self.pictures.glob(f"*-{page}.png"))
            self.check(len(found) == 1 and found[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", f"there is a picture of the page {page}")
        self.check(len(pages) >= 6, "every page was there")
        self.check(not self.settings.exists(), "the self-test changed no settings")

    def refuses_while_running(self) -> None:
        running = subprocess.Popen([str(self.home / "ChorusUpload.exe"), "--self-test"])
        try:
            time.sleep(3)
            self.check(running.poll() is None, "the program runs")
            self.check(self.install_here() == BUSY, "the installer leaves a running program alone, with status 3")
            self.check((self.home / "_internal" / "resources").is_dir(), "… and complete")
        finally:
            running.wait(600)

    def upgrade(self) -> None:
        stale = self.home / "_internal" / "left over from before.txt"
        stale.write_text("x")
        mine = self.home / "config.toml"
        mine.write_text("# a person's own file\n")
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.write_text("[General]\ntheme=dark\n")
        self.check(self.install_here("/PATH", "/DESKTOP") == 0, "upgrade in place")
        self.check(not stale.exists(), "leftovers are removed")
        self.check(mine.is_file(), "a person's file in the program's folder stays")
        self.check(self.settings.read_text() == "[General]\ntheme=dark\n", "the settings stay")
        self.check(self.path().split(";").count(str(self.home)) == 1, "the search path has it")
        self.check(self.desktop.is_file(), "there is a desktop icon")
        self.check(self.install_here() == 0 and self.path().split(";").count(str(self.home)) == 1, "a second upgrade keeps what was chosen")
        self.check(self.console("--version")[0] == 0, "the upgraded program starts")

    def uninstall(self) -> None:
        subprocess.run([str(self.home / "uninstall.exe"), "/S"], timeout=300, check=False)
        gone = wait_for(
            lambda: not (self.home / "uninstall.exe").exists() and value(winreg.HKEY_CURRENT_USER, UNINSTALL, "DisplayName") is None
        )
        self.check(gone, "silent uninstallation")
        time.sleep(1)
        self.check([path.name for path in self.home.rglob("*")] == ["config.toml"], "only a person's own file is left")
        self.check(self.settings.is_file(), "the settings are kept by default")
        self.check((self.folder / "demo" / "journal.db").is_file(), "the journal stays")
        self.check(not self.start_menu.exists() and not self.desktop.exists(), "the icons in the Start menu and on the desktop are removed")
        for key, name in ((OWN, "InstallDir"), (PROGID, ""), (OPEN_WITH, "CHoRUSUpload.Configuration")):
            self.check(value(winreg.HKEY_CURRENT_USER, key, name) is None, f"the registry key is removed: {key}")
        self.check(str(self.home) not in self.path(), "the search path is unchanged")
        self.settings.unlink(missing_ok=True)

    def for_everyone(self) -> None:
        status = self.install("/ALLUSERS")
        if status == 2:
            print("      not an administrator: the installation for all users was refused, as it should be")
            return
        self.check(status == 0, "silent installation for all users")
        place = Path(os.environ["PROGRAMFILES"]) / NAME
        self.check((place / "chorus-upload.exe").is_file(), "… into Program Files")
        self.check(
            value(winreg.HKEY_LOCAL_MACHINE, UNINSTALL, "InstallLocation") == str(place), "… and into the machine's list of programs"
        )
        self.check(value(winreg.HKEY_CURRENT_USER, UNINSTALL, "InstallLocation") is None, "… and not the user's")
        self.check(self.start_menu_all.is_file(), "… and everybody's Start menu")
        subprocess.run([str(place / "uninstall.exe"), "/S", "/SETTINGS"], timeout=300, check=False)
        gone = wait_for(lambda: not place.exists() and value(winreg.HKEY_LOCAL_MACHINE, UNINSTALL, "DisplayName") is None)
        self.check(gone and not self.start_menu_all.exists(), "… and uninstalled again")


def main(words: list[str]) -> int:
    smoke = Smoke(Path(words[0]).absolute(), Path(words[1]).absolute(), Path(words[2]).absolute())
    smoke.first_install()
    smoke.demo()
    if len(words) == 7:
        smoke.upload(*words[3:])
    smoke.window()
    smoke.refuses_while_running()
    smoke.upgrade()
    smoke.uninstall()
    smoke.for_everyone()
    print(f"{smoke.wrong} things are not as they should be." if smoke.wrong else "All as it should be.")
    return min(smoke.wrong, 99)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
