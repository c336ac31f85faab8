"""``chorus-upload self-test``: whether this program works on this computer."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    parser = groups.add_parser(
        "self-test", help="test this program on this computer, and print the results as JSON; exit status 0 if all checks pass"
    )
    parser.add_argument("folder", nargs="?", metavar="DIR", help="write the results to this folder, too, as self-test.json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Every check that needs no window, on a demo site that is removed afterwards."""
    from chorus_gui.app import selftest

    folder = _folder(Path(args.folder)) if args.folder else None
    checks = [selftest.attempt("user folders", selftest.user_folders)]
    ctx.checkpoint()
    work = Path(tempfile.mkdtemp(prefix="chorus-upload-self-test-"))
    try:
        with selftest.own_home(work / "home"):
            checks += selftest.run_checks(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = selftest.verdict(checks)
    report.say(*text.split("\n"))
    if folder is not None:
        _write(folder / selftest.VERDICT, text + "\n")
    return 0 if all(check.ok for check in checks) else 1


def _folder(folder: Path) -> Path:
    """The folder for the results; made before anything is tested.  Raises :class:`UsageError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(error, folder) from error
    return folder


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise _refused(error, file) from error


def _refused(error: OSError, path: Path) -> UsageError:
    return UsageError(f"Could not write “{path}”: {error.strerror or error}.", remedy="Name another folder.")
