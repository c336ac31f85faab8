"""The command line: grammar, exit statuses, what is printed where, and what is kept."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from windowsworld import end_session
from world import World

from chorus_gui.app.demo.azurite import SCRIPT
from chorus_gui.app.words import moment
from chorus_gui.cli.main import _parsed, build_parser, main


@pytest.fixture
def world(tmp_path: Path) -> World:
    out = World(tmp_path)
    out.put("1/Waveforms/a.dat", "a")
    out.put("1/Images/b.dcm", "b" * 3000)
    out.put("OMOP/person.csv", "id\n1\n")
    out.put("notes.txt", "?")
    return out


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]):
    def call(command: str, status: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert main(["-c", str(world.file), *shlex.split(command)]) == status, capsys.readouterr()
        captured = capsys.readouterr()
        return captured.out, captured.err

    return call


def test_the_old_grammar_is_understood() -> None:
    parser = build_parser()
    for line in (
        "-v -c x.toml journal update --version 20250101000000 --amend --modalities OMOP,Images",
        "-c x journal list --version V --modalities OMOP",
        "-c x journal checkout --local-journal F",
        "-c x journal checkin --local-journal F",
        "-c x journal unlock",
        "-c x journal upgrade",
        "-c x file list --version V --modalities OMOP --output-file F --output-type list --max-num-files 3 --uploaded",
        "-c x file upload --version V --modalities OMOP --max-num-files 3",
        "-c x file verify --version V --modalities OMOP",
        "-c x file mark_as_uploaded_local --upload-datetime V --file P --local-journal F",
        "-c x file mark_as_uploaded_central --upload-datetime V --file-list P --local-journal F",
        "-c x file mark_as_deleted --file-list P --version V --local-journal F",
        "-c x history",
        "config-help",
        "usage",
        "-c x remote list -r P*",
        "-c x remote upload --overwrite -r A B C",
        "-c x remote download --overwrite -r A B C",
        "-c x remote delete -r P Q",
    ):
        assert callable(parser.parse_args(line.split()).run)


def test_record_upload_verify(world: World, run) -> None:
    out, _ = run("journal update --dry-run")
    assert "notes.txt" in out
    assert not world.journal.exists(), "a dry run writes nothing"
    run("journal update --version v1")
    out, _ = run("file list")
    assert out.split() == ["OMOP/person.csv", "1/Images/b.dcm", "1/Waveforms/a.dat"]
    listed = world.base / "list.txt"
    run(f"file list --output-file {listed.as_posix()} --output-type list --max-num-files 2")
    assert len(listed.read_text("utf-8").split()) == 2
    run("file upload --max-num-files 1")
    assert json.loads(run("journal list --json")[0])["versions"]
    assert sum(v["pending"] for v in json.loads(run("journal list --json")[0])["versions"]) == 2
    run("file upload")
    assert "No files are pending" in run("file list")[0]
    run("file verify")
    (world.central / "v1/1/Images/b.dcm").write_bytes(b"c" * 3000)
    (world.central / "v1/OMOP/person.csv").unlink()
    report = world.base / "verdicts.csv"
    out, _ = run(f"file verify --output-file {report.as_posix()}", status=1)
    with report.open(encoding="utf-8-sig", newline="") as file:
        found = {row["path"]: row["result"] for row in csv.DictReader(file)}
    assert found["1/Waveforms/a.dat"] == "ok"
    assert len(set(found.values())) == 3
    found = json.loads(run("file verify --json", status=1)[0])
    assert len(found["differing"]) == 2


def test_csv_cells_are_no_formulas(tmp_path: Path, capsys) -> None:
    world = World(tmp_path)
    world.put("1/Waveforms/=cmd' !A1'.dat" if os.name == "nt" else "1/Waveforms/=cmd|' !A1'.dat", "x")
    world.put("+1/Waveforms/x.dat", "unmatched")
    assert main(["-c", str(world.file), "submit", "--yes"]) == 0
    report = tmp_path / "v.csv"
    assert main(["-c", str(world.file), "file", "verify", "--output-file", str(report)]) == 0
    with report.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            assert not [cell for cell in row if cell[:1] in "=+-@" and cell]


def test_what_is_unmatched_has_size_and_time_and_a_sum(world: World, run) -> None:
    (world.site / "notes.txt").unlink(missing_ok=True)
    world.put("Notes/a.bin", "x" * 1500, mtime=1_700_000_000)
    world.put("b.bin", "x" * 500, mtime=1_600_000_000)
    out, _ = run("scan")
    when = moment(1_700_000_000_000_000)
    assert f"unmatched: 2 files (2.0 kB), the newest modified {when}" in out
    assert f"Notes/a.bin  (1.5 kB, modified {when})" in out
    found = json.loads(run("scan --json")[0])
    assert found["counts"][""]["unmatched"] == {"files": 2, "bytes": 2000}
    assert {change["path"]: (change["size"], change["mtime_us"]) for change in found["changes"] if change["kind"] == "unmatched"} == {
        "Notes/a.bin": (1500, 1_700_000_000_000_000),
        "b.bin": (500, 1_600_000_000_000_000),
    }


def test_submit_asks_and_wants_a_terminal(world: World, run, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    _, err = run("submit", status=4)
    assert "--yes" in err
    assert not world.journal.exists()
    out, _ = run("submit --yes --json")
    receipt = json.loads(out)
    assert Path(receipt["receipt"]).is_file()
    assert len(world.active()) == 3
    world.check_truth()


def test_mark_as_uploaded_is_looked_up_not_believed(world: World, run) -> None:
    run("journal update --version v1")
    target = world.central / "v1/1/Images/b.dcm"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"b" * 3000)
    _, err = run("file mark_as_uploaded_local --upload-datetime 20250101000000 --file 1/Waveforms/a.dat", status=1)
    assert "a.dat" in err
    run("file mark_as_uploaded_central --upload-datetime 20250101000000 --file v1/1/Images/b.dcm")
    assert world.active()["1/Images/b.dcm"].uploaded == "20250101000000"
    assert world.active()["1/Waveforms/a.dat"].uploaded is None
    _, err = run("file mark_as_uploaded_local --upload-datetime yesterday --file 1/Waveforms/a.dat", status=2)
    assert "20261231235959" in err


def test_undo_history_check_restore(world: World, run) -> None:
    run("submit --yes --version v1")
    world.put("1/Waveforms/a.dat", "changed")
    run("journal update --version v2")
    assert "Removed 1 pending file of version v2" in run("journal undo --version v2")[0]
    assert world.active()["1/Waveforms/a.dat"].version == "v1"
    history = json.loads(run("history --json")[0])
    assert [entry["command"] for entry in history] == ["submit", "journal update", "journal undo"]
    assert history[0]["options"] == "--version v1"
    run("journal check")
    copies = json.loads(run("journal restore --json")[0])
    assert copies
    run(f"journal restore {copies[-1]['copy']}")
    _, err = run("journal restore nothing.db", status=2)
    assert "List the kept copies with “chorus-upload journal restore”." in err


def test_what_cannot_start_is_2_with_a_remedy(tmp_path: Path, capsys) -> None:
    assert main(["-c", str(tmp_path / "none.toml"), "journal", "list"]) == 2
    assert "config-help" in capsys.readouterr().err
    faulty = tmp_path / "faulty.toml"
    faulty.write_text("[configuration]\npage_size = 'x'\njournaling_mode = 'ful'\n", "utf-8")
    assert main(["-c", str(faulty), "journal", "list"]) == 2
    err = capsys.readouterr().err
    assert "page_size" in err
    assert "journaling_mode" in err
    assert "site_path" in err
    assert main(["no-such-command"]) == 2
    assert main(["file", "list", "--max-num-files", "0"]) == 2


def test_upload_method_azcli_is_respected(world: World, run) -> None:
    text = world.file.read_text("utf-8").replace("[central_path]", '[central_path]\nupload_method = "azcli"')
    world.file.write_text(text, "utf-8")
    run("journal update")
    _, err = run("file upload", status=2)
    assert "generated scripts" in err


def test_some_failed_is_1(world: World, run, monkeypatch) -> None:
    run("journal update --version v1")
    world.put("1/Waveforms/a.dat", "changed since")
    out, err = run("file upload", status=1)
    assert "a.dat" in out
    assert "1 file failed" in err
    assert world.active()["1/Images/b.dcm"].uploaded


def test_remote_by_hand(world: World, run, monkeypatch) -> None:
    run("submit --yes --version v1")
    assert "v1/" in run("remote list")[0]
    lines = json.loads(run("remote list -r --json")[0])
    assert {line["path"] for line in lines} == {
        "v1/1/Waveforms/a.dat",
        "v1/1/Images/b.dcm",
        "v1/OMOP/person.csv",
        "v1/journal.db",
        "v1/submission.json",
    }
    folders = json.loads(run("remote list v1/1 --json")[0])
    assert [line.pop("address").rpartition("/v1/")[2] for line in folders] == ["1/Images/", "1/Waveforms/"]
    assert folders == [
        {"path": "v1/1/Images/", "folder": True, "files": 1, "size": 3000, "md5": None, "modified_us": None},
        {"path": "v1/1/Waveforms/", "folder": True, "files": 1, "size": 1, "md5": None, "modified_us": None},
    ]
    target = world.base / "got"
    run(f"remote download -r v1/1 {target.as_posix()}")
    assert (target / "1/Images/b.dcm").read_bytes() == b"b" * 3000
    _, err = run(f"remote download -r v1/1 {target.as_posix()}", status=2)
    assert "--overwrite" in err
    run(f"remote download --overwrite -r v1/1 {target.as_posix()}")
    run(f"remote upload -r {target.as_posix()} extra")
    out, _ = run(f"remote upload -r {target.as_posix()} extra")
    assert "Not sent again: 2 files" in out
    (target / "1/Images/b.dcm").write_bytes(b"c" * 3000)
    _, err = run(f"remote upload -r {target.as_posix()} extra", status=2)
    assert "--overwrite" in err
    assert (world.central / "extra/got/1/Images/b.dcm").read_bytes() == b"b" * 3000
    assert (world.central / "extra/got/1/Waveforms/a.dat").is_file()
    _, err = run("remote delete extra", status=2)
    assert "-r" in err
    monkeypatch.setattr("sys.stdin", io.StringIO())
    _, err = run("remote delete -r extra", status=4)
    assert "--yes" in err
    run("remote delete -r --yes extra")
    assert not (world.central / "extra/got/1/Waveforms/a.dat").exists()
    _, err = run("remote delete --yes nothing*", status=2)
    assert "matches" in err


def test_help_templates_and_usage(capsys) -> None:
    assert main(["usage"]) == 0
    assert main(["config-help"]) == 0
    out = capsys.readouterr().out
    assert "[central_path]" in out
    assert main(["--help"]) == 0
    for name in re.findall(r"^ {4}([a-z-]+)", capsys.readouterr().out, re.MULTILINE):
        assert main([name, "--help"]) == 0


def test_a_bug_of_ours_is_told_without_secrets(world: World, monkeypatch, capsys) -> None:
    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("https://x.blob/y?sv=1&sig=verysecret%3D")

    assert main(["-c", str(world.file), "journal", "update"]) == 0
    monkeypatch.setattr("chorus_gui.core.journal.store.Journal.counts", broken)
    capsys.readouterr()
    status = main(["-c", str(world.file), "journal", "list"])
    err = capsys.readouterr().err
    assert status == 70
    assert "verysecret" not in err
    assert "RuntimeError" in err
    for log in Path(os.environ["CHORUS_UPLOAD_HOME"]).rglob("*.log"):
        assert "verysecret" not in log.read_text("utf-8")


@contextmanager
def slow_submission(world: World, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A submission of 403 files by a process of its own, slow enough to be interrupted."""
    for number in range(400):
        world.put(f"2/Images/{number}.dcm", str(number))
    driver = Path(__file__).parents[1] / "faults" / "kill_driver.py"
    words = ["0.05", str(world.base / "sent.txt"), "-c", str(world.file), "submit", "--yes", "--version", "v1"]
    with subprocess.Popen([sys.executable, str(driver), *words], **{"stdin": subprocess.DEVNULL, **options}) as process:
        try:
            yield process
        finally:
            process.kill()


def until_under_way(world: World, process: subprocess.Popen[Any], meanwhile: Callable[[], object] = lambda: time.sleep(0.02)) -> None:
    """Until some files were sent."""
    record = world.base / "sent.txt"
    while process.poll() is None and not (record.exists() and len(record.read_text("utf-8").split()) > 20):
        meanwhile()


def has_console() -> bool:
    assert sys.platform == "win32"
    import ctypes

    return bool(ctypes.WinDLL("kernel32").GetConsoleCP())


if sys.platform == "win32":
    WAYS = ["WM_ENDSESSION", *(["CTRL_BREAK_EVENT"] if has_console() else [])]  # without a console nobody can press keys in it
else:
    WAYS = ["SIGINT", "SIGTERM", "SIGHUP"]


@pytest.mark.parametrize("way", WAYS)
def test_an_interruption_is_130_and_keeps_what_was_done(world: World, way: str) -> None:
    group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    with slow_submission(
        world, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", creationflags=group
    ) as process:
        until_under_way(world, process)
        if way == "WM_ENDSESSION":
            end_session(process.pid, "CHoRUSUploadConsole")
        else:
            process.send_signal(getattr(signal, way))
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "To continue, run the same command again" in err
    assert 0 < sum(row.uploaded is not None for row in world.rows()) < 403
    assert (world.central / "v1/journal.db").is_file(), "what was uploaded has its journal beside it"
    world.check_truth()
    assert main(["-c", str(world.file), "submit", "--yes", "--version", "v1"]) == 0
    assert len(world.active()) == 403


@pytest.mark.skipif(os.name == "nt", reason="terminals of this kind are of other systems")
def test_a_terminal_that_goes_away_leaves_a_receipt(world: World) -> None:
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()

    def read_on() -> None:
        if select.select([ours], [], [], 0.02)[0]:
            os.read(ours, 65536)

    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
    with slow_submission(world, start_new_session=True, **terminal) as process:
        os.close(theirs)
        until_under_way(world, process, meanwhile=read_on)
        os.close(ours)
        assert process.wait(60) == 130
    assert list((Path(os.environ["CHORUS_UPLOAD_HOME"]) / "data" / "receipts").glob("*.html"))
    world.check_truth()


@pytest.mark.skipif(os.name != "nt", reason="a console with windows is Windows' own")
def test_a_console_that_is_closed_waits_for_the_step_and_takes_no_other_signal() -> None:
    from chorus_gui.cli.end_of_session import watched

    asked, left = threading.Event(), threading.Event()
    with watched(asked.set) as watch:
        assert not watch._on_console(0), "Ctrl-C is not its own"
        assert not asked.is_set()
        waiting = threading.Thread(target=lambda: (watch._on_console(2), left.set()))
        waiting.start()
        assert asked.wait(10)
        assert not left.wait(0.3), "the process may end as soon as this returns"
    assert left.wait(10)
    waiting.join()


def test_a_computer_on_a_desk_stays_awake_during_a_long_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    @contextmanager
    def awake() -> Iterator[None]:
        held.append("begin")
        yield
        held.append("end")

    monkeypatch.setattr("chorus_gui.app.awake.awake", awake)
    monkeypatch.setattr("chorus_gui.cli.main.DESKTOPS", (sys.platform,))
    words = ["-c", str(world.file)]
    assert main([*words, "journal", "list"], own_process=True) == 2, "there is no journal yet"
    assert main([*words, "submit", "--yes"]) == 0
    assert held == [], "neither for a moment, nor inside somebody else's process"
    assert main([*words, "file", "verify"], own_process=True) == 0
    assert held == ["begin", "end"]
    monkeypatch.setattr("chorus_gui.cli.main.DESKTOPS", ())
    assert main([*words, "file", "verify"], own_process=True) == 0
    assert len(held) == 2


@pytest.mark.skipif(not SCRIPT.is_file(), reason="a service that the demo starts itself needs Node.js on this side")
def test_demo_against_a_real_service(tmp_path: Path, azurite, capsys) -> None:
    assert main(["demo", "--azurite", str(tmp_path / "demo")]) == 0
    out = capsys.readouterr().out
    assert out.count("Submission receipt: Complete") == 2
    assert "All match." in out
    assert main(["demo", str(tmp_path / "demo")]) == 2, "a folder with something in it is not touched"


def test_the_console_program_believes_the_systems_certificates(world: World) -> None:
    cloud = world.base / "cloud.toml"  # a modality's source in the cloud; the journal lies here, so nothing is connected to
    images = (
        '[site_path.Images]\npath = "az://site/x"\n[site_path.Images.auth]\nazure_account_name = "account"\nazure_account_key = "a2V5"\n'
    )
    cloud.write_text(world.file.read_text("utf-8") + images, "utf-8")
    world.run("record")
    for config, believes in ((world.file, False), (cloud, True)):
        code = (
            f"import sys, ssl\nfrom chorus_gui.cli.main import entry\nsys.argv = ['chorus-upload', '-c', {str(config)!r}, 'history']\n"
            "try:\n    entry()\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
            f"assert ssl.SSLContext.__module__.startswith('truststore') is {believes}, ssl.SSLContext\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of this kind are of other systems")
def test_an_interruption_that_nobody_can_be_told_of_is_one_all_the_same(world: World) -> None:
    read, write = os.pipe()
    with slow_submission(world, stdout=subprocess.DEVNULL, stderr=write) as process:
        os.close(write)
        until_under_way(world, process)
        os.close(read)  # as “2>&1 | tee” does, which the same Ctrl-C ends
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    world.check_truth()


def test_remote_does_not_touch_what_colleagues_share_about_the_journal(world: World, run) -> None:
    world.file.write_text(
        world.file.read_text("utf-8") + f'\n[journal.source]\npath = "{(world.central / "cloud.db").as_posix()}"\n', "utf-8"
    )
    names = ("cloud.db", "cloud.db.locked", "cloud.db.chorus/holds.json", "cloud.db.chorus/verified/v1.json", "v1/OMOP/person.csv")
    for name in names:
        world.store.put(name, b"1")
    run("remote delete -r --yes *")
    assert {blob.path for blob in world.store.list()} == set(names[:4])
    _, err = run("remote delete -r --yes cloud.db.*", status=2)
    assert "matches" in err
    for target in ("cloud.db.chorus", "cloud.db.chorus/", "cloud.db.chorus/holds.json", "cloud.db.chorus/verified/x"):
        _, err = run(f"remote upload --overwrite {world.file.as_posix()} {target}", status=2)
        assert "colleagues share" in err
    run("remote delete --yes cloud.db.chorus/holds.json")
    run("remote delete -r --yes cloud.db.chorus")
    assert {blob.path for blob in world.store.list()} == set(names[:2])


def test_what_one_command_was_given_does_not_reach_the_next() -> None:
    """The grammar is made once per process, and a command adds to the lists that were parsed."""
    first = _parsed(["doctor"])
    first.trust_host += ["store.example"]
    for value in vars(first).values():
        if isinstance(value, list):
            value.append("a value of the first command")
    second = _parsed(["doctor"])
    assert second.trust_host == []
    assert [value for value in vars(second).values() if isinstance(value, list) and value] == []


SCRIPTED = ["submit --yes", "file upload", "file repair", "file list --output-type azcli --output-file {out}",
    "file list --output-type azcopy --output-file {out}", "file list --output-file {out}"]  # fmt: skip


@pytest.mark.parametrize("command", SCRIPTED)
def test_scripts_for_a_folder_are_refused_with_a_way_out_that_works(command: str, world: World, run, tmp_path: Path) -> None:
    """One error named “file upload”, which named the script that the first one refused."""
    plain = world.file.read_text("utf-8")
    world.file.write_text(plain.replace("[central_path]", '[central_path]\nupload_method = "azcli"'), "utf-8")
    run("journal update")
    _, err = run(command.format(out=tmp_path / "script"), status=2)
    assert "The central store is a folder, but generated scripts (upload_method = “azcli”) upload only to Azure." in err
    assert "Set upload_method to “builtin” in the configuration" in err
    assert "file upload" not in err
    assert "--output-type" not in err
    assert not (tmp_path / "script").exists()
    (warning,) = world.config.warnings
    assert "upload only to Azure" in warning
    world.file.write_text(plain.replace("[central_path]", '[central_path]\nupload_method = "builtin"'), "utf-8")
    assert world.config.warnings == ()
    run("file upload")
    assert all(row.uploaded for row in world.rows(active=True))
