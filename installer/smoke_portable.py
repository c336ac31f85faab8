"""The fourth part of :mod:`smoke`: the programs of the zip, which keep their files with the user or beside themselves; and every machine policy."""

from __future__ import annotations

import os
import shutil
import subprocess
import winreg
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from smoke import NAME, OWN, UNINSTALL, Smoke, value, wait_for, windows_of

MACHINE, USER = winreg.HKEY_LOCAL_MACHINE, winreg.HKEY_CURRENT_USER
POLICIES = rf"Software\Policies\{NAME}"
ADMX = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"
DATA = "portable-data"


def run(smoke: Smoke) -> None:
    """Everything, with nothing installed before and after."""
    base = smoke.folder / "Stick ü"
    with zipfile.ZipFile(smoke.other("Portable.zip")) as packed:
        packed.extractall(base)
    smoke.home = base / NAME
    own = Path(os.environ["LOCALAPPDATA"]) / NAME
    with_the_user(smoke, own)
    beside_itself(smoke, own)
    policies(smoke)
    refused(smoke, own)
    for root in (USER, MACHINE):
        smoke.check(value(root, UNINSTALL, "DisplayName") is None and value(root, OWN, "InstallDir") is None, "the zip registered nothing")
    shutil.rmtree(base)
    shutil.rmtree(own, ignore_errors=True)


def with_the_user(smoke: Smoke, own: Path) -> None:
    shutil.rmtree(own, ignore_errors=True)
    smoke.check([path.name for path in smoke.home.parent.iterdir()] == [NAME], "the zip has one folder")
    before = smoke.tree(smoke.home)
    smoke.walk("zip")
    smoke.check(bool(list((own / "receipts").glob("*.html"))), "without the folder, receipts are with the user")
    smoke.check(smoke.tree(smoke.home) == before, "… and nothing is written beside the program")


def beside_itself(smoke: Smoke, own: Path) -> None:
    shutil.rmtree(own, ignore_errors=True)
    place = smoke.home / DATA
    place.mkdir()
    before = smoke.tree(smoke.home)
    smoke.demo(smoke.folder / "demo beside")
    smoke.check(bool(list((place / "data" / "receipts").glob("*.html"))), f"with a folder “{DATA}”, receipts are there")
    smoke.window(smoke.folder / "pictures beside")
    opened = subprocess.Popen([str(smoke.home / "ChorusUpload.exe")])
    try:
        smoke.check(wait_for(lambda: bool(windows_of(opened.pid))), "the window opens")
        smoke.check(wait_for((place / "data" / "instance" / "window.lock").exists), "… and works in that folder")
        smoke.check(wait_for((place / "log" / "window.log").is_file), "… with its log")
    finally:
        opened.kill()
        opened.wait(60)
    smoke.check(not own.exists(), "… and nothing is with the user")
    changed = {name for name in smoke.tree(smoke.home).items() ^ before.items() if not name[0].startswith(DATA)}
    smoke.check(not changed, "… and the program itself is unchanged")


@contextmanager
def machine_policy(smoke: Smoke, values: Mapping[str, object]) -> Generator[bool]:
    """These values for all users; whether this user may set them."""
    smoke.check(value(MACHINE, POLICIES) is None, "no machine policy is set before the walk")
    try:
        key = winreg.CreateKeyEx(MACHINE, POLICIES, 0, winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_64KEY)
    except PermissionError:
        print("      not an administrator: the policies were not tried")
        yield False
        return
    try:
        with key:
            for name, content in values.items():
                winreg.SetValueEx(key, name, 0, winreg.REG_MULTI_SZ if isinstance(content, list) else winreg.REG_DWORD, content)
        yield True
    finally:
        winreg.DeleteKeyEx(MACHINE, POLICIES, winreg.KEY_WOW64_64KEY, 0)


def of_templates(smoke: Smoke) -> dict[str, object]:
    """What an editor of policies writes if everything in the template is enabled."""
    with zipfile.ZipFile(smoke.other("Policy.zip")) as packed:
        tree = ElementTree.fromstring(packed.read("chorus-upload.admx"))
    values: dict[str, object] = {}
    for policy in tree.iter(f"{ADMX}policy"):
        lists = [str(element.get("valueName")) for element in policy.iter(f"{ADMX}multiText")]
        values |= {name: ["example"] for name in lists} if lists else {str(policy.get("valueName")): 1}
    return values


def policies(smoke: Smoke) -> None:
    """The program reads every value of the templates."""
    place = smoke.home / DATA
    aside = place.rename(smoke.home.parent / "aside")
    config = str(smoke.folder / "demo beside" / "config.toml")
    values = of_templates(smoke)
    with machine_policy(smoke, values) as may:
        if may:
            said = " ".join(smoke.console("-c", config, "doctor")[1].split())
            smoke.check(len(values) > 6 and all(name in said for name in values), "the doctor names every policy of the templates")
    with machine_policy(smoke, {"AllowedHost": 1}) as may:
        if may:
            said = " ".join(smoke.console("-c", config, "doctor")[1].split())
            smoke.check("“AllowedHost”" in said, "… and a misspelled one")
    aside.rename(place)


def refused(smoke: Smoke, own: Path) -> None:
    """The policy forbids the folder, or it cannot be written: nothing is written anywhere."""
    shutil.rmtree(own, ignore_errors=True)  # of the doctor
    place = smoke.home / DATA
    before = smoke.tree(smoke.home)
    with machine_policy(smoke, {"ForbidPortableData": 1}) as may:
        if may:
            _says(smoke, "ForbidPortableData", "the policy forbids the folder")
            smoke.check(smoke.tree(smoke.home) == before and not own.exists(), "… and nothing was written")
    shutil.rmtree(place)
    place.write_text("")
    _says(smoke, DATA, "a folder that cannot be written")
    smoke.check(not own.exists(), "… and nothing was written")
    place.unlink()


def _says(smoke: Smoke, word: str, what: str) -> None:
    status, said = smoke.console("demo", str(smoke.folder / "never"))
    smoke.check(status == 2 and word in said and not (smoke.folder / "never").exists(), f"{what}: status 2, and the reason")
    opened = subprocess.Popen([str(smoke.home / "ChorusUpload.exe")])
    try:
        smoke.check(wait_for(lambda: bool(windows_of(opened.pid))), "… the window says it, too")
    finally:
        opened.kill()
        opened.wait(60)
    status = subprocess.run([str(smoke.home / "ChorusUpload.exe"), "--self-test"], timeout=600, check=False).returncode
    smoke.check(status == 1, "… and its self-test fails")
