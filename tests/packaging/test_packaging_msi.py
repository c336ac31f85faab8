"""The MSI's description: what makes Windows take a newer version for the same program, and nothing else for it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

FILES = ["ChorusUpload.exe", "_internal/a b/x.dll", "_internal/x.dll", "chorus-upload.exe", "licences/README.txt"]
SPACE = "{http://schemas.microsoft.com/wix/2006/wi}"


@pytest.fixture
def msi(installer: Callable[[str], ModuleType]) -> ModuleType:
    return installer("msi")


def made(msi: ModuleType, files: list[str], version: str = "1.2.3") -> ElementTree.Element:
    document = msi.document(files, version, msi.code("product"), "/build", "/icon.ico")
    return ElementTree.fromstring(ElementTree.tostring(document))


def guids(tree: ElementTree.Element) -> dict[str, str]:
    """Of each component, by its file or its name."""
    found: dict[str, str] = {}
    for component in tree.iter(f"{SPACE}Component"):
        file = component.find(f"{SPACE}File")
        found[component.get("Id", "") if file is None else file.get("Source", "")] = component.get("Guid", "")
    return found


def test_a_file_has_the_same_component_in_every_version(msi: ModuleType) -> None:
    """Otherwise Windows removes it with the earlier version."""
    one, two = guids(made(msi, FILES)), guids(made(msi, [*FILES, "_internal/new.dll"], "1.3.0"))
    assert set(two) - set(one) == {"/build/_internal/new.dll"}
    assert {name: two[name] for name in one} == one
    assert len({*two.values()}) == len(two)
    assert all(re.fullmatch("[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", guid) for guid in two.values())


def test_the_identity_of_the_program_is_fixed(msi: ModuleType) -> None:
    """Whoever changes one of these makes another program of it, which stays next to the installed one."""
    (product,) = made(msi, FILES).iter(f"{SPACE}Product")
    assert product.get("UpgradeCode") == "B8C355E2-535B-518F-A74F-340F953CAD99"
    assert (
        guids(made(msi, FILES))["/build/_internal/x.dll"]
        == msi.code("file", "_internal/x.dll")
        == guids(made(msi, FILES[2:]))["/build/_internal/x.dll"]
    )
    assert (product.get("Name"), product.get("Version")) == ("CHoRUS Upload", "1.2.3")
    (later,) = made(msi, FILES, "2.0.0rc1").iter(f"{SPACE}Product")
    assert later.get("Version") == "2.0.0", "Windows has no release candidates"
    (upgrade,) = made(msi, FILES).iter(f"{SPACE}MajorUpgrade")
    assert upgrade.get("AllowSameVersionUpgrades") == "yes", "rc1, rc2 and the release have the same version"


def test_every_content_has_a_product_code_of_its_own(msi: ModuleType) -> None:
    content = [("a", b"1"), ("b", b"2")]
    code = msi.product_code("1.0", content)
    assert msi.product_code("1.0", content) == code, "the same build repairs itself"
    others = [msi.product_code("1.1", content), msi.product_code("1.0", content[:1]), msi.product_code("1.0", [("a", b"1"), ("b", b"3")])]
    assert len({code, *others}) == 4


def test_every_file_is_there_once_in_its_folder(msi: ModuleType) -> None:
    tree = made(msi, FILES)

    def below(folder: ElementTree.Element, path: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for child in folder:
            name = f"{path}{child.get('Name')}"
            if child.tag == f"{SPACE}Directory":
                found |= below(child, f"{name}/")
            for file in child.findall(f"{SPACE}File"):
                found[f"{path}{file.get('Name')}"] = file.get("Source", "")
        return found

    (home,) = [element for element in tree.iter(f"{SPACE}Directory") if element.get("Id") == "INSTALLFOLDER"]
    assert below(home, "") == {name: f"/build/{name}" for name in FILES}
    names = [
        element.get("Id", "")
        for element in tree.iter()
        if element.get("Id") and element.tag not in (f"{SPACE}ComponentRef", f"{SPACE}Media")
    ]
    identifiers = [name for name in names if not re.fullmatch("[0-9A-F-]{36}", name)]
    assert len({*identifiers}) == len(identifiers)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]{0,71}", name) for name in identifiers), "what a table of Windows Installer takes"
    referred = [element.get("Id") for element in tree.iter(f"{SPACE}ComponentRef")]
    assert sorted(map(str, referred)) == sorted(str(element.get("Id")) for element in tree.iter(f"{SPACE}Component"))
    assert all(element.get("Win64") == "yes" for element in tree.iter(f"{SPACE}Component"))


def test_search_path_and_desktop_icon_are_only_on_request_and_kept_by_an_upgrade(msi: ModuleType) -> None:
    tree = made(msi, FILES)
    conditions = {
        component.get("Id"): condition.text
        for component in tree.iter(f"{SPACE}Component")
        if (condition := component.find(f"{SPACE}Condition")) is not None
    }
    assert conditions == {
        "Path": 'ADDTOPATH="1" OR (PATHBEFORE="1" AND NOT ADDTOPATH)',
        "Desktop": 'DESKTOPSHORTCUT="1" OR (DESKTOPBEFORE="1" AND NOT DESKTOPSHORTCUT)',
    }
    searched = {search.get("Id", ""): (search.get("Key"), search.get("Name")) for search in tree.iter(f"{SPACE}RegistrySearch")}
    written = {(value.get("Key"), value.get("Name")) for value in tree.iter(f"{SPACE}RegistryValue")}
    assert {place for name, place in searched.items() if name != "SearchSETUPFOLDER"} <= written
    assert searched["SearchSETUPFOLDER"] not in written, "the MSI does not stop itself"


def test_it_does_not_get_in_the_way_of_the_setup_program(msi: ModuleType) -> None:
    script = (Path(__file__).resolve().parents[2] / "installer" / "chorus-upload.nsi").read_text("utf-8")
    assert '"InstallDir" "$INSTDIR"' in script
    assert r'!define OWN "Software\CHoRUS\${NAME}"' in script
    assert msi.SETUP == r"Software\CHoRUS\CHoRUS Upload"
    product = next(made(msi, FILES).iter(f"{SPACE}Product"))
    assert "Installed OR NOT SETUPFOLDER" in [condition.text for condition in product.findall(f"{SPACE}Condition")]


def test_the_setup_program_knows_where_the_msi_is(msi: ModuleType) -> None:
    """It refuses beside the MSI of any folder: it reads what the MSI writes, before it does anything."""
    script = (Path(__file__).resolve().parents[2] / "installer" / "chorus-upload.nsi").read_text("utf-8")
    (key,) = re.findall(r'^!define MSI "(.+?)"', script, re.MULTILINE)
    assert key.replace("${NAME}", msi.NAME) == msi.OWN
    written = {
        (value.get("Root"), value.get("Key"), value.get("Name")): value.get("Value")
        for value in made(msi, FILES).iter(f"{SPACE}RegistryValue")
    }
    assert written["HKLM", msi.OWN, "InstallDir"] == "[INSTALLFOLDER]"
    begin = script[script.index("Function .onInit") :]
    begin = begin[: begin.index("FunctionEnd")]
    assert begin.index("Call ForWhom") < begin.index('ReadRegStr $Packaged HKLM "${MSI}" "InstallDir"'), "the 64-bit view is set before"
    refusal = begin[begin.index("${AndIf} $Everyone == 1\n") :].partition("${EndIf}")[0]
    assert "/CURRENTUSER" in refusal
    assert refusal.index("SetErrorLevel 2") < refusal.index("Quit")


def test_what_wixl_does_not_do_is_changed_afterwards(msi: ModuleType) -> None:
    first, *changes = msi.commands("/p.wxs", "/p.msi")
    assert first == ["wixl", "-a", "x64", "-o", "/p.msi", "/p.wxs"]
    assert [words[:3] for words in changes] == [["msibuild", "/p.msi", "-q"]] * 3
    said = " ".join(words[3] for words in changes)
    assert "1501" in said, "after InstallInitialize (1500): Windows restores the earlier version if the installation fails"
    assert "=-*Path" in said, "the folder leaves the search path with the program"
    for option in msi.OPTIONS:
        assert option not in said, "users of an installation that an administrator allows choose no folder"


def test_the_source_is_written_for_the_place_where_wixl_runs(msi: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "chorus-upload"
    for name in (*FILES, "installed-files.txt"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(name)
    msi.write_source(target, "/build/dist/chorus-upload", tmp_path / "p.wxs", "/icon.ico")
    tree = ElementTree.parse(tmp_path / "p.wxs").getroot()
    sources = [str(file.get("Source")) for file in tree.iter(f"{SPACE}File")]
    assert sources == [f"/build/dist/chorus-upload/{name}" for name in FILES], "without the list of the setup program"


def test_a_zip_becomes_an_msi(
    msi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: Callable[[str], ModuleType]
) -> None:
    """The release does this with the zip from Windows: the programs are signed there."""
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as packed:
        for name in FILES:
            packed.writestr(f"CHoRUS Upload/{name}", name)
    ran: list[list[str]] = []

    def run(words: list[str], *, check: bool) -> None:
        ran.append(words)
        if words[0] == "wixl":
            tree = ElementTree.parse(words[-1]).getroot()
            assert all(
                Path(file.get("Source", "")).read_text() == name for file, name in zip(tree.iter(f"{SPACE}File"), FILES, strict=True)
            )

    monkeypatch.setattr(msi.subprocess, "run", run)
    assert msi.main([str(tmp_path / "p.zip"), str(tmp_path)]) == 0
    name = installer("products").file_name("x64.msi")
    assert [words[0] for words in ran] == ["wixl", "msibuild", "msibuild", "msibuild"]
    assert str(tmp_path / name) in ran[0]
