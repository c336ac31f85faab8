"""What the window exports, the command line exports, too; and it clears what the window clears."""

from __future__ import annotations

import csv
import json
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commands import Run, printed
from world import World

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.holds import known
from chorus_gui.app.shared import shared
from chorus_gui.cli.export_commands import KINDS, RESULTS
from chorus_gui.core.errors import StoreError
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.transfer.verify import VerifyResult

ONE, TWO, THREE = (f"1001/Images/dicom_deid/{name}.dcm" for name in "abc")
PUT = LocalStore.put


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.put(ONE, "one")
    made.put(TWO, "two")
    return made


def test_the_results_are_those_of_a_verification() -> None:
    assert set(RESULTS) == {result.value for result in VerifyResult}


def test_the_last_verification_is_written_without_verifying_again(world: World, run: Run) -> None:
    world.run("submit", version="v1")
    (world.central / "v1" / ONE).unlink()
    assert run(world, "file", "verify")[0] == 1
    (world.central / "v1" / TWO).unlink()
    file = world.base / "found.csv"
    assert run(world, "export", "verification", "--output-file", str(file))[0] == 0
    with file.open(encoding="utf-8-sig", newline="") as read:
        assert {line["path"]: line["result"] for line in csv.DictReader(read)} == {ONE: "missing", TWO: "ok"}
    file = world.base / "found.json"
    assert run(world, "export", "verification", "--result", "missing", "--output-file", str(file))[0] == 0
    assert [line["path"] for line in json.loads(file.read_text("utf-8"))] == [ONE]


def test_the_kinds_are_those_of_a_review() -> None:
    assert set(KINDS) == {kind.value for kind in ChangeKind} - {"unchanged"}


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as read:
        return list(csv.DictReader(read))


def test_what_changed_is_written_and_nothing_recorded(world: World, run: Run) -> None:
    world.run("submit", version="v1")
    three = ONE.replace("a.dcm", "c.dcm")
    world.put(three, "three")
    (world.site / TWO).unlink()
    rows, file = world.rows(), world.base / "changes.csv"
    assert run(world, "export", "changes", "--output-file", str(file))[0] == 0
    assert {line["path"]: line["kind"] for line in lines(file)} == {three: "added", TWO: "deleted"}
    assert run(world, "export", "changes", "--kind", "deleted", "--output-file", str(file))[0] == 0
    assert [line["path"] for line in lines(file)] == [TWO]
    assert run(world, "export", "changes", "--mode", "append", "--output-file", str(file))[0] == 0
    assert [line["path"] for line in lines(file)] == [three]
    assert world.rows() == rows


def test_the_failures_of_the_last_run_are_written(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last one that sends or records: a verification after it has no failures of its own."""
    real = LocalStore.put

    def put(store: LocalStore, path: str, *given: Any, **named: Any) -> Any:
        if path.endswith(TWO):
            raise StoreError("The file was refused.", remedy="Send it another day.")
        return real(store, path, *given, **named)

    file = world.base / "failed.csv"
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "put", put)
        assert run(world, "submit", "--yes", "--version", "v1")[0] == 1
    run(world, "file", "verify")
    status, said = run(world, "export", "failed", "--output-file", str(file))
    assert status == 0
    (line,) = lines(file)
    assert (line["path"], line["modality"]) == (TWO, "Images")
    assert "Submission of version v1, by " in said
    assert " on this computer, ended " in said
    assert "refused" in line["cause"]
    assert run(world, "submit", "--yes", "--version", "v1")[0] == 0
    assert run(world, "export", "failed", "--output-file", str(file))[0] == 0
    assert lines(file) == []


def test_failures_of_another_computer_name_it(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The last run of a journal can be anybody's; nobody must take it for the own one."""
    file = world.base / "failed.csv"
    assert run(world, "submit", "--yes", "--version", "v1")[0] == 0
    with monkeypatch.context() as there:
        there.setenv("CHORUS_UPLOAD_HOME", str(tmp_path_factory.mktemp("another computer")))
        there.setattr(socket, "gethostname", lambda: "icu-gateway")
        there.setattr(LocalStore, "put", refused)
        world.put(THREE, "three")
        assert run(world, "submit", "--yes", "--version", "v2")[0] == 1
    shared(world.workspace(), JobContext())
    status, said = run(world, "export", "failed", "--output-file", str(file))
    assert status == 0
    assert "Wrote 1 failure to " in said
    assert "Submission of version v2, by " in said
    assert " on icu-gateway, ended " in said
    assert [line["path"] for line in lines(file)] == [THREE]
    found = printed(run(world, "export", "failed", "--output-file", str(file), "--json")[1])
    assert (found["run"]["kind"], found["run"]["versions"], found["run"]["host"]) == ("submission", ["v2"], "icu-gateway")
    assert found["run"]["this_computer"] is False
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "icu-gateway")
        assert printed(run(world, "export", "failed", "--output-file", str(file), "--json")[1])["run"]["this_computer"] is True


def refused(store: LocalStore, path: str, *given: Any, **named: Any) -> Any:
    if path.endswith(THREE):
        raise StoreError("The file was refused.", remedy="Send it another day.")
    return PUT(store, path, *given, **named)


def test_the_last_readiness_check_is_written(world: World, run: Run) -> None:
    world.put("1001/Images/odd/a.dcm", "odd")
    assert run(world, "readiness")[0] == 1
    file = world.base / "found.csv"
    assert run(world, "export", "readiness", "--output-file", str(file))[0] == 0
    with file.open(encoding="utf-8-sig", newline="") as read:
        assert any("1001/Images/odd" in str(line) for line in csv.DictReader(read))


def test_a_list_of_what_is_held_back_goes_to_a_colleague(world: World, run: Run, tmp_path: Path) -> None:
    file = world.base / "holds.toml"
    assert run(world, "hold", "add", "--file", ONE, "--reason", "consent")[0] == 0
    assert run(world, "hold", "export", "--output-file", str(file))[0] == 0
    assert [hold["path"] for hold in tomllib.loads(file.read_text("utf-8"))["hold"]] == [ONE]
    other = World(tmp_path / "colleague")
    other.put(ONE, "one")
    assert run(other, "hold", "import", str(file))[0] == 0
    assert [(hold.path, hold.reason) for hold in known(other.workspace()).holds] == [(ONE, "consent")]
    assert run(other, "submit", "--yes", "--version", "v1")[0] == 0
    assert not other.active()


@pytest.mark.parametrize(
    ("named", "receipts", "reviews"), [((), False, False), (("--receipts",), False, True), (("--reviews", "--logs"), True, False)]
)
def test_only_what_is_named_is_removed(named: tuple[str, ...], receipts: bool, reviews: bool, world: World, run: Run) -> None:
    assert run(world, "submit", "--yes", "--version", "v1")[0] == 0
    rows = world.rows()
    assert any(receipts_folder().rglob("*.html"))
    status, said = run(world, "clear-data", "--yes", *named)
    assert status == 0
    assert "Removed" in said
    assert any(receipts_folder().rglob("*.html")) is receipts
    assert any((data_folder() / "staging").glob("*.db")) is reviews
    assert world.rows() == rows


def test_a_list_of_holds_that_cannot_be_read_is_not_said_to_be_another_file(world: World, run: Run) -> None:
    for file in (world.base / "none.toml", world.site):
        status, said = run(world, "hold", "import", str(file))
        assert status == 2
        assert f"Could not read “{file}”" in said
        assert "is not a list" not in said
