"""The MSI for all users of a computer: what wixl of msitools makes of a finished build.

Runs where wixl is, on Debian: ``python3 installer/msi.py CHoRUS-Upload-VERSION-Portable.zip FOLDER`` makes the MSI of a zip, so that a
build from Windows, signed, becomes an MSI with the same files.  ``dev.py exe --windows`` runs the same commands
in the chroot.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import inventory
import products

SPACE = uuid.UUID("4b0d5c6e-6f0c-5d0b-9b7e-5f6d0f2f7a25")
"""Of every identifier below: never change it, or Windows takes a new version for another program."""
UPGRADE_CODE = uuid.uuid5(SPACE, "upgrade")
NAME = products.NAME
OWN = rf"Software\CHoRUS\{NAME} MSI"
"""What the MSI remembers, for the next one and for detection."""
SETUP = rf"Software\CHoRUS\{NAME}"
"""Where the setup program remembers its folder."""
CLASSES = r"Software\Classes"
PROGID = "CHoRUSUpload.Configuration"
NEWER = "A newer version of CHoRUS Upload is installed. Remove it first, then install this version."
OTHER = "CHoRUS Upload was installed for all users with its setup program. Uninstall that first, then install the MSI."
OPTIONS = ("INSTALLFOLDER", "ADDTOPATH", "DESKTOPSHORTCUT")
"""What an administrator can say on the command line of msiexec."""
BITS = "CHoRUS Upload needs Windows 10 or 11, x64."


def code(*words: str) -> str:
    """The GUID of what these words name, always the same."""
    return str(uuid.uuid5(SPACE, "|".join(words))).upper()


def identifier(kind: str, path: str) -> str:
    """A name for a table: letters and digits only, whatever the path has."""
    return f"{kind}{hashlib.sha256(path.lower().encode()).hexdigest()[:24]}"


def product_code(version: str, files: Iterable[tuple[str, bytes]]) -> str:
    """Of a version with this content: the same build repairs itself, every other one replaces it."""
    digest = hashlib.sha256()
    for name, content in files:
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return code("product", version, digest.hexdigest())


def write_source(target: Path, source: str, file: Path, icon: str, version: str = "") -> None:
    """Write what wixl reads about the build ``target``.  ``source`` is the path of this folder where wixl runs, ``icon`` that of the icon.

    ``version`` is that of this checkout if it is empty.
    """
    version = version or inventory.version_of(products.ROOT)
    files = [path.relative_to(target).as_posix() for path in products.program_files(target)]
    product = product_code(version, ((name, (target / name).read_bytes()) for name in files))
    tree = document(files, version, product, source, icon)
    ElementTree.indent(tree)
    ElementTree.ElementTree(tree).write(file, "utf-8", xml_declaration=True)


def document(files: Sequence[str], version: str, product: str, source: str, icon: str) -> ElementTree.Element:
    """The description of the MSI: a component for each file, which is named by its path, so that it is the same in every version."""
    root = ElementTree.Element("Wix", xmlns="http://schemas.microsoft.com/wix/2006/wi")
    short = ".".join(inventory.numbers(version).split(".")[:3])
    made = _add(
        root, "Product", Id=product, Name=NAME, Language="1033", Version=short, Manufacturer="CHoRUS", UpgradeCode=str(UPGRADE_CODE).upper()
    )
    _add(
        made,
        "Package",
        InstallerVersion="500",
        Compressed="yes",
        InstallScope="perMachine",
        Description=f"{NAME} {version}",
        Manufacturer="CHoRUS",
    )
    _add(made, "MajorUpgrade", DowngradeErrorMessage=NEWER, AllowSameVersionUpgrades="yes")
    _add(made, "Media", Id="1", Cabinet="files.cab", EmbedCab="yes")
    _add(made, "Icon", Id="Program.ico", SourceFile=icon)
    for name, value in (("ARPPRODUCTICON", "Program.ico"), ("ARPNOMODIFY", "1"), ("ARPNOREPAIR", "1"), ("REINSTALLMODE", "amus")):
        _add(made, "Property", Id=name, Value=value)
    for name, key, what in (
        ("SETUPFOLDER", SETUP, "InstallDir"),
        ("FOLDERBEFORE", OWN, "InstallDir"),
        ("PATHBEFORE", OWN, "Path"),
        ("DESKTOPBEFORE", OWN, "Desktop"),
    ):
        search = _add(_add(made, "Property", Id=name), "RegistrySearch", Id=f"Search{name}", Root="HKLM", Key=key, Name=what, Type="raw")
        search.set("Win64", "yes")
    _add(made, "Condition", Message=BITS).text = "VersionNT64"
    _add(made, "Condition", Message=OTHER).text = "Installed OR NOT SETUPFOLDER"
    _add(made, "CustomAction", Id="SameFolder", Property="INSTALLFOLDER", Value="[FOLDERBEFORE]")
    for sequence in ("InstallUISequence", "InstallExecuteSequence"):
        _add(_add(made, sequence), "Custom", Action="SameFolder", After="AppSearch").text = "FOLDERBEFORE AND NOT INSTALLFOLDER"
    top = _add(made, "Directory", Id="TARGETDIR", Name="SourceDir")
    home = _add(_add(top, "Directory", Id="ProgramFiles64Folder"), "Directory", Id="INSTALLFOLDER", Name=NAME)
    menu = _add(top, "Directory", Id="ProgramMenuFolder")
    desktop = _add(top, "Directory", Id="DesktopFolder")
    names = [
        *_files(home, files, source),
        *_settings(home, version),
        _shortcut(menu, "StartMenu"),
        _shortcut(desktop, "Desktop", "DESKTOPSHORTCUT", "DESKTOPBEFORE"),
    ]
    feature = _add(made, "Feature", Id="Programs", Title=NAME, Level="1")
    for name in names:
        _add(feature, "ComponentRef", Id=name)
    return root


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _component(parent: ElementTree.Element, name: str, guid: str) -> ElementTree.Element:
    return _add(parent, "Component", Id=name, Guid=guid, Win64="yes")


def _files(home: ElementTree.Element, files: Sequence[str], source: str) -> list[str]:
    folders: dict[PurePosixPath, ElementTree.Element] = {PurePosixPath("."): home}
    names: list[str] = []
    for name in files:
        path = PurePosixPath(name)
        for folder in (*reversed(path.parents),)[1:]:
            if folder not in folders:
                folders[folder] = _add(folders[folder.parent], "Directory", Id=identifier("D", str(folder)), Name=folder.name)
        names.append(identifier("C", name))
        component = _component(folders[path.parent], names[-1], code("file", name.lower()))
        _add(component, "File", Id=identifier("F", name), Name=path.name, Source=f"{source}/{name}", KeyPath="yes")
    return names


def _settings(home: ElementTree.Element, version: str) -> list[str]:
    """What is remembered, “Open with” for .toml files, and the search path on request."""
    program = "[INSTALLFOLDER]ChorusUpload.exe"
    opened = f'"{program}" "%1"'
    kept = _component(home, "Kept", code("kept"))
    values = [
        (OWN, "InstallDir", "[INSTALLFOLDER]"),
        (OWN, "Version", version),
        (rf"{CLASSES}\{PROGID}", "", f"{NAME} configuration"),
        (rf"{CLASSES}\{PROGID}\DefaultIcon", "", f"{program},0"),
        (rf"{CLASSES}\{PROGID}\shell\open\command", "", opened),
        (rf"{CLASSES}\.toml\OpenWithProgids", PROGID, ""),
        (rf"{CLASSES}\Applications\ChorusUpload.exe", "FriendlyAppName", NAME),
        (rf"{CLASSES}\Applications\ChorusUpload.exe\SupportedTypes", ".toml", ""),
        (rf"{CLASSES}\Applications\ChorusUpload.exe\shell\open\command", "", opened),
    ]
    for number, (key, name, value) in enumerate(values):
        _value(kept, f"Kept{number}", key, name, value, first=not number)
    path = _component(home, "Path", code("path"))
    _wanted(path, "ADDTOPATH", "PATHBEFORE")
    _value(path, "PathKept", OWN, "Path", "1", first=True)
    _add(
        path, "Environment", Id="SearchPath", Name="Path", Value="[INSTALLFOLDER]", Action="set", Part="last", System="yes", Permanent="no"
    )
    return ["Kept", "Path"]


def _value(component: ElementTree.Element, name: str, key: str, what: str, value: str, *, first: bool) -> None:
    made = _add(component, "RegistryValue", Id=name, Root="HKLM", Key=key, Type="string", Value=value, KeyPath="yes" if first else "no")
    if what:
        made.set("Name", what)


def _wanted(component: ElementTree.Element, option: str, before: str) -> None:
    """Only on request: of this installation, or of the one before if this one does not say otherwise."""
    _add(component, "Condition").text = f'{option}="1" OR ({before}="1" AND NOT {option})'


def _shortcut(folder: ElementTree.Element, name: str, option: str = "", before: str = "") -> str:
    component = _component(folder, name, code("shortcut", name))
    if option:
        _wanted(component, option, before)
    _value(component, f"{name}Kept", OWN, name, "1", first=True)
    _add(
        component,
        "Shortcut",
        Id=f"{name}Link",
        Name=NAME,
        Target="[INSTALLFOLDER]ChorusUpload.exe",
        WorkingDirectory="INSTALLFOLDER",
        Description="Submit data to the CHoRUS central store",
    )
    return name


def commands(wxs: str, made: str) -> list[list[str]]:
    """What makes an MSI of its description, one after the other: wixl, then changes for what wixl does not do.

    It removes the earlier version before the transaction of the installation; within it, Windows restores that version if the installation
    fails.  It leaves the folder in the search path.  Where an administrator lets users start the installation, they choose none of :data:`OPTIONS`: with
    their folder in the search path of all, they could run a program as somebody else.
    """
    found = ";".join(("WIX_DOWNGRADE_DETECTED", "WIX_SAME_VERSION_UPGRADE_DETECTED", "WIX_UPGRADE_DETECTED"))
    changes = (
        "UPDATE `InstallExecuteSequence` SET `Sequence` = 1501 WHERE `Action` = 'RemoveExistingProducts'",
        "UPDATE `Environment` SET `Name` = '=-*Path' WHERE `Name` = '=*Path'",
        f"UPDATE `Property` SET `Value` = '{found}' WHERE `Property` = 'SecureCustomProperties'",
    )
    return [["wixl", "-a", "x64", "-o", made, wxs], *(["msibuild", made, "-q", change] for change in changes)]


def in_chroot(target: Path, name: str, version: str = "") -> Path:
    """Make the MSI ``name`` of a folder in the chroot of ``windows_chroot``, next to it."""
    import windows_chroot as chroot

    wxs, made = target.parent / "product.wxs", target.parent / name
    made.unlink(missing_ok=True)
    source, place = (f"/{path.relative_to(chroot.folder()).as_posix()}" for path in (target, target.parent))
    write_source(target, source, wxs, "/build/src/resources/icons/chorus-upload.ico", version)
    for number, command in enumerate(commands(f"{place}/{wxs.name}", f"{place}/{name}")):
        chroot.need(chroot.inside(*command, what="packing the MSI", log=f"msi-{number}"), command[0])
    return made


def main(words: Sequence[str]) -> int:
    """``msi.py ZIP FOLDER``: the MSI of a portable zip."""
    packed, out = Path(words[0]).absolute(), Path(words[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(packed) as content:
            content.extractall(folder)
        target, wxs, made = Path(folder, NAME), Path(folder, "product.wxs"), out / products.file_name("x64.msi")
        icon = products.ROOT / "resources" / "icons" / "chorus-upload.ico"
        write_source(target, str(target), wxs, str(icon))
        for command in commands(str(wxs), str(made)):
            subprocess.run(command, check=True)
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
