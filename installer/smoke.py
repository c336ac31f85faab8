"""Install, start, use, upgrade, move, uninstall: the Windows build as a hospital uses it, with other people's files in the way.

Runs under a Windows Python (a real Windows, or Wine in the chroot) with the standard library alone:
``smoke.py SETUP.EXE FOLDER PICTURES [AZURITE_URL ACCOUNT KEY CONTAINER]``.  Installs for this user into a folder of its own, and at the
end for all users if it may; leaves nothing behind.  The status is the number of things that were not as they should be.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
import winreg
from collections.abc import Callable, Sequence
from ctypes import wintypes
from pathlib import Path

NAME = "CHoRUS Upload"
UNINSTALL = rf"Software\Microsoft\Windows\CurrentVersion\Uninstall\{NAME}"
OWN = rf"Software\CHoRUS\{NAME}"
OPEN_WITH = r"Software\Classes\.toml\OpenWithProgids"
PROGID = r"Software\Classes\CHoRUSUpload.Configuration\shell\open\command"
FAILED, BUSY = 2, 3
LIST = "installed-files.txt"
NAMES = ("OMOP/Größe – 日本語.csv", "1/Images/Ünïcode 名前.dcm")  # beyond every code page of one byte
DETACHED = 0x00000008
CONFIG = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms,Metadata"
[journal]
journaling_mode = "full"
[journal.local]
path = "{folder}/journal.db"
[journal.source]
path = "az://{container}/{inside}journal.db"
[journal.source.auth]
azure_account_name = "{account}"
azure_account_key = "{key}"
azure_account_url = "{url}"
[central_path]
path = "az://{container}/{inside}central"
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


def wait_for(what: Callable[[], bool], seconds: float = 300) -> bool:
    """Whether it happens at all: a busy machine needs minutes for what usually takes a second."""
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.2)
    return what()


def installer_works() -> bool:
    """An installer or uninstaller has the mark that each holds until it ends.  An uninstaller continues after its command has returned."""
    kernel = ctypes.WinDLL("kernel32")
    kernel.OpenMutexW.restype = ctypes.c_void_p
    mark = kernel.OpenMutexW(0x00100000, False, f"Global\\{NAME} Setup")  # SYNCHRONIZE
    if mark:
        kernel.CloseHandle(ctypes.c_void_p(mark))
    return bool(mark)


def windows_of(process: int) -> list[int]:
    """The visible top-level windows of a process."""
    found: list[int] = []

    @ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
    def look(window: int, _: int) -> bool:
        owner = wintypes.DWORD()
        ctypes.windll.user32.GetWindowThreadProcessId(window, ctypes.byref(owner))
        if owner.value == process and ctypes.windll.user32.IsWindowVisible(window):
            found.append(window)
        return True

    ctypes.windll.user32.EnumWindows(look, 0)
    return found


def in_front() -> int:
    """The process whose window is in front."""
    owner = wintypes.DWORD()
    ctypes.windll.user32.GetWindowThreadProcessId(ctypes.windll.user32.GetForegroundWindow(), ctypes.byref(owner))
    return owner.value


class Smoke:
    """The run: counts failed checks, and continues."""

    def __init__(self, setup: Path, folder: Path, pictures: Path, service: Sequence[str] = ()) -> None:
        self.setup, self.folder, self.pictures, self.service = setup, folder, pictures, service
        self.wrong = self.checks = 0
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
        self.checks += 1
        print(("ok    " if ok else "WRONG ") + what, flush=True)

    def install(self, *options: str) -> int:
        # NSIS takes everything after /D= literally, with spaces; quotes would become part of the name.
        return subprocess.run(" ".join([f'"{self.setup}"', "/S", *options]), timeout=600, check=False).returncode

    def install_here(self, *options: str) -> int:
        return self.install("/CURRENTUSER", *options, f"/D={self.home}")

    def console(self, *words: str, timeout: float = 600) -> tuple[int, str]:
        """A status, and what was printed, which must be UTF-8."""
        status, out, err = self.streams(*words, timeout=timeout)
        return status, out + err

    def streams(self, *words: str, timeout: float = 600) -> tuple[int, str, str]:
        command = [str(self.home / "chorus-upload.exe"), *words]
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)
        texts: list[str] = []
        for data in (done.stdout, done.stderr):
            try:
                texts.append(data.decode("utf-8"))
            except UnicodeDecodeError as error:
                self.check(False, f"what “{' '.join(words)}” prints is UTF-8: {error}")
                texts.append(data.decode("utf-8", "replace"))
        return done.returncode, *texts

    def into(self, file: Path, *words: str) -> int:
        """With the output redirected to a file, by cmd."""
        line = f'"{self.home / "chorus-upload.exe"}" {subprocess.list2cmdline(words)} > "{file}"'
        return subprocess.run(f'cmd /d /s /c "{line}"', timeout=600, check=False, stdin=subprocess.DEVNULL).returncode

    def tree(self, folder: Path) -> dict[str, tuple[int, int]]:
        """Every file with size and time, to see that nothing was touched."""
        files = [file for file in folder.rglob("*") if file.is_file()]
        return {str(file.relative_to(folder)): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}

    def registered(self, root: int = winreg.HKEY_CURRENT_USER) -> object:
        return value(root, UNINSTALL, "InstallLocation")

    def remove(self, place: Path, *options: str, root: int = winreg.HKEY_CURRENT_USER) -> bool:
        """Uninstall, and wait until the uninstaller has ended; whether it went."""
        subprocess.run([str(place / "uninstall.exe"), "/S", *options], timeout=900, check=False)
        went = wait_for(lambda: not (place / "uninstall.exe").exists() and self.registered(root) != str(place))
        return wait_for(lambda: not installer_works()) and went

    # --- the stations ------------------------------------------------------------------------------------------------

    def first_install(self) -> None:
        began = time.monotonic()
        self.check(self.install_here() == 0, "silent installation for one user")
        print(f"      {time.monotonic() - began:.0f} s")
        for name in (
            "ChorusUpload.exe",
            "chorus-upload.exe",
            "uninstall.exe",
            LIST,
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
        self.sizes()

    def sizes(self) -> None:
        """Against the table in docs/it-department.md, in the folder of the installer."""
        installer, installed = self.setup.stat().st_size / 1e6, sum(size for size, _ in self.tree(self.home).values()) / 1e6
        limits = json.loads((Path(__file__).with_name("limits.json")).read_text("utf-8"))
        for name, real in (("installer", installer), ("installed", installed)):
            self.check(real <= limits[name], f"{name}: {real:.1f} MB of at most {limits[name]} MB")

    def version(self) -> str:
        return self.console("--version")[1].split()[-1]

    def path(self) -> str:
        return str(value(winreg.HKEY_CURRENT_USER, "Environment", "Path") or "")

    def other(self, ending: str) -> Path:
        """Another product, beside the installer: “Portable.zip”."""
        return self.setup.with_name(self.setup.name.replace("Setup.exe", ending))

    def walk(self, name: str = "", pictures: Path | None = None) -> None:
        """What a hospital does with the programs in :attr:`home`, whatever put them there.  ``name``: of its files, "" for the setup program's."""
        began, before = time.monotonic(), self.checks
        base = self.folder / name if name else self.folder
        base.mkdir(exist_ok=True)
        self.demo(base / "demo")
        self.redirected(base / "redirected")
        self.detached(base)
        if self.service:
            self.upload(base, f"{name}/" if name else "")
        self.window(pictures or base / "pictures")
        self.second_start()
        self.logs()
        print(
            f"      the walk of {name or 'the setup program'}: {self.checks - before} checks in {time.monotonic() - began:.0f} s",
            flush=True,
        )

    def demo(self, folder: Path) -> None:
        began = time.monotonic()
        status, said = self.console("--version")
        self.check(status == 0 and said.startswith("chorus-upload "), f"--version in {time.monotonic() - began:.1f} s: {said.strip()}")
        self.check(self.console("no-such-command")[0] == 2, "an unknown command ends with status 2")
        status, said = self.console("demo", str(folder))
        self.check(status == 0 and said.count("CHoRUS Upload ") >= 2, "the demo makes two submissions and shows both receipts")
        if status:
            print(said)

    def upload(self, base: Path, inside: str) -> None:
        """Submit the demo site of ``base`` to a blob service, into the folder ``inside`` of its container."""
        url, account, key, container = self.service
        config = base / "azurite.toml"
        site = (base / "demo" / "site").as_posix()
        text = CONFIG.format(folder=base.as_posix(), site=site, url=url, account=account, key=key, container=container, inside=inside)
        config.write_text(text, "utf-8")
        for words in (("journal", "checkout"), ("submit", "--yes"), ("file", "verify", "--all", "--reread"), ("journal", "checkin")):
            status, said = self.console("-c", str(config), *words)
            self.check(status == 0, f"on a blob service: {' '.join(words)}")
            self.check(key not in said, "… without showing the key")
            if status:
                print(said)

    def redirected(self, base: Path) -> None:
        """Everything that was redirected is UTF-8, and can be read again by the program and by others."""
        base.mkdir()
        config = base / "config.toml"
        self.check(self.into(config, "config-help") == 0, "config-help > config.toml")
        said = self.console("-c", str(config), "doctor")[1]
        self.check("UTF-8" not in said, "… which the program can read again")
        other = base / "other.toml"
        self.check(self.console("config-help", "--output", str(other))[0] == 0, "config-help --output FILE")
        self.check(other.read_text("utf-8") == config.read_text("utf-8"), "… is the same")
        self.check(self.console("config-help", "--output", str(other))[0] == 2, "… and replaces no file")
        (base / "central").mkdir()
        for name in NAMES:
            file = base / "site" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x")
        central = f'[central_path]\npath = "{(base / "central").as_posix()}"\n'
        text = CONFIG.format(folder=base.as_posix(), site=(base / "site").as_posix(), url="", account="", key="", container="", inside="")
        local = text[: text.index("[journal.source]")] + central + text[text.index("[site_path.default]") :]
        mine = base / "mine.toml"
        mine.write_text(local, "utf-8")
        with_config = ("-c", str(mine))
        status, said = self.console(*with_config, "journal", "update")
        self.check(status == 0, "names beyond the code page are recorded")
        if status:
            print(said)
        listed = base / "list.txt"
        self.check(self.into(listed, *with_config, "file", "list") == 0, "file list > list.txt")
        self.check(sorted(listed.read_text("utf-8").split("\n")[:-1]) == sorted(NAMES), "… has the names as they are")
        self.check({row["path"] for row in self.json(*with_config, "file", "list", "--json")} == set(NAMES), "… and so has --json")
        marked = self.console(*with_config, "file", "mark_as_uploaded_local", "--upload-datetime", "now", "--file-list", str(listed))
        # nothing was uploaded: each is named as missing in the store
        self.check(marked[0] == 1 and all(name in marked[1] for name in NAMES), "the list can be given back to the program")
        verdict = self.json("self-test")
        self.check(bool(verdict["ok"]), "self-test prints JSON")
        for words in (("usage",), ("journal", "list"), ("history",), ("doctor",), ("file", "list", "--uploaded"), ("status",), ("--help",)):
            self.console(*with_config, *words)  # checks that it is UTF-8
        status, _, said = self.streams("-c", str(base / "日本語.toml"), "status")
        self.check(status == 2 and "日本語" in said, "errors are UTF-8, too")

    def json(self, *words: str) -> object:
        try:
            return json.loads(self.streams(*words)[1])
        except ValueError as error:
            self.check(False, f"“{' '.join(words)}” prints JSON: {error}")
            return {"ok": False}

    def detached(self, base: Path) -> None:
        """As services, agents and schedulers start it: no console, no handles, no variables, in System32."""
        windows = os.environ["SYSTEMROOT"]
        log = Path(os.environ["LOCALAPPDATA"]) / NAME / "Logs" / "chorus-upload.log"
        config = str(base / "redirected" / "mine.toml")
        (base / "redirected" / "site" / "OMOP" / "new.csv").write_text("x")
        for words in (
            ("demo", str(base / "detached demo")),
            ("-c", config, "submit", "--yes"),
            ("-c", config, "file", "verify"),
            ("-c", config, "journal", "list"),
            ("-c", config, "journal", "check"),
            ("-c", config, "file", "list", "--uploaded"),
            ("-c", config, "history"),
            ("-c", config, "status"),
            ("self-test",),
            ("config-help",),
        ):
            started = subprocess.Popen(
                [str(self.home / "chorus-upload.exe"), *words],
                creationflags=DETACHED,
                close_fds=True,
                cwd=str(Path(windows) / "System32"),
                env={"SYSTEMROOT": windows},
            )
            # the marked files are not in the store: “differing” is the right answer of verify
            self.check(started.wait(600) in ((0, 1) if "verify" in words else (0,)), f"detached, without handles: {' '.join(words[-2:])}")
        self.check(log.is_file(), "… with a log")

    def logs(self) -> None:
        """What support staff read first begins without errors of our own making."""
        for file in (Path(os.environ["LOCALAPPDATA"]) / NAME / "Logs").glob("*.log"):
            text = file.read_text("utf-8")
            bad = [line for line in text.splitlines() if "keyring" in line or "Traceback" in line]
            self.check(not bad, f"{file.name} is clean {bad[:2]}")

    def second_start(self) -> None:
        """The window opens; a second start ends and brings the first to the front."""
        first = subprocess.Popen([str(self.home / "ChorusUpload.exe")])
        try:
            self.check(wait_for(lambda: bool(windows_of(first.pid))), "the window opens")
            time.sleep(2)
            other = windows_of(os.getpid()) or [ctypes.windll.user32.GetDesktopWindow()]
            ctypes.windll.user32.SetForegroundWindow(other[0])
            second = subprocess.run([str(self.home / "ChorusUpload.exe")], timeout=900, check=False)
            self.check(second.returncode == 0 and first.poll() is None, "a second start ends, the first stays")
            self.check(wait_for(lambda: in_front() == first.pid), "… and the first comes to the front")
            if self.registered() == str(self.home):
                self.check(self.install_here() == BUSY, "the installer leaves a running program alone, with status 3")
        finally:
            first.kill()
            first.wait(60)

    def window(self, pictures: Path) -> None:
        before = self.settings.read_bytes() if self.settings.exists() else None
        began = time.monotonic()
        command = [str(self.home / "ChorusUpload.exe"), "--self-test", str(pictures)]
        status = subprocess.run(command, timeout=600, check=False).returncode
        self.check(status == 0, f"the window runs its self-test ({time.monotonic() - began:.0f} s)")
        file = pictures / "self-test.json"
        verdict = json.loads(file.read_text("utf-8")) if file.is_file() else {"ok": False, "checks": []}
        self.check(bool(verdict["ok"]), "the self-test succeeds")
        for check in verdict["checks"]:
            print(f"      {'' if check['ok'] else 'NOT '}{check['name']}: {check['told']} ({check['seconds']} s)")
        pages = [check["name"].removeprefix("page ") for check in verdict["checks"] if check["name"].startswith("page ")]
        for page in pages:
            found = list(pictures.glob(f"*-{page}.png"))
            self.check(len(found) == 1 and found[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", f"there is a picture of the page {page}")
        self.check(len(pages) >= 6, "every page was there")
        after = self.settings.read_bytes() if self.settings.exists() else None
        self.check(after == before, "the self-test changed no settings")

    def refuses_while_running(self) -> None:
        running = subprocess.Popen([str(self.home / "ChorusUpload.exe"), "--self-test"])
        try:
            time.sleep(3)
            self.check(running.poll() is None, "the program runs")
            self.check(self.install_here() == BUSY, "the installer leaves a running program alone, with status 3")
            self.check((self.home / "_internal" / "resources").is_dir(), "… and complete")
        finally:
            running.wait(600)


def main(words: list[str]) -> int:
    sys.path.insert(0, str(Path(__file__).parent))  # an embedded Python does not look there
    import smoke_hostile
    import smoke_installer
    import smoke_msi
    import smoke_portable

    smoke = Smoke(Path(words[0]).absolute(), Path(words[1]).absolute(), Path(words[2]).absolute(), words[3:])
    smoke.first_install()
    smoke.walk(pictures=smoke.pictures)
    smoke.refuses_while_running()
    smoke_installer.run(smoke)
    smoke_hostile.run(smoke)
    smoke_portable.run(smoke)
    if smoke.other("x64.msi").is_file():  # made on Debian, of a build for Windows
        smoke_msi.run(smoke)
    print(f"{smoke.checks} checks: {f'{smoke.wrong} things are not as they should be.' if smoke.wrong else 'all as it should be.'}")
    return min(smoke.wrong, 99)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
