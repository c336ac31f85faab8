"""``chorus-upload demo``: two submissions of the demo site, for the first five minutes."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.shown import argument

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    parser = groups.add_parser("demo", help="create a demo site, submit it, change it, submit it again, verify it, and show both receipts")
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="create it in this folder (default: a new temporary folder)")
    parser.add_argument(
        "--azurite", action="store_true", help="use a real blob service on this computer (Azurite, which a checkout has for its tests)"
    )
    parser.add_argument(
        "--faults", action="store_true", help="break the rules of the consortium on the site, check it with “readiness”, and submit nothing"
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the demo runs.  ``central`` is the store, ``auth`` its credential (None: a folder), ``name`` its name for people."""

    base: Path
    central: Path | str
    auth: Mapping[str, str] | None
    name: str


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """On a folder as central store, or on Azurite for as long as the demo runs."""
    base = _new_folder(args)
    if args.faults:
        return _faulty(report, base, args.main)
    if not args.azurite:
        central = base / "central-store"
        return _play(report, ctx, _Stage(base, central, None, f"the folder {central}"), args.main)
    from chorus_gui.app.demo.azurite import running

    with tempfile.TemporaryDirectory() as logs, running(Path(logs)) as azurite:
        container = "chorus-demo"
        azurite.create_container(container)
        auth = {"azure_account_name": azurite.account, "azure_account_key": azurite.key, "azure_account_url": azurite.url}
        name = f"the container {container} of a blob service at {azurite.url}"
        return _play(report, ctx, _Stage(base, f"az://{container}", auth, name), args.main)


def _faulty(report: Report, base: Path, main: Callable[[Sequence[str]], int]) -> int:
    """The demo site with something wrong for each rule, and what the check says of it."""
    from chorus_gui.app import demo
    from chorus_gui.app.demo.faults import make_faults

    site = base / "site"
    demo.make_site(site)
    make_faults(site)
    config = demo.write_config(base, base / "central-store", site)
    report.say(f"The demo site is in {site}. It breaks the rules on purpose.", "")
    status = main(["-c", str(config), "readiness", "--pass", "thorough"])
    report.say("", f"Check it again: chorus-upload -c {argument(str(config))} readiness --pass quick")
    return 0 if status == 1 else status


def _new_folder(args: argparse.Namespace) -> Path:
    base = Path(args.folder or tempfile.mkdtemp(prefix="chorus-upload-demo-")).absolute()
    if base.exists() and (not base.is_dir() or any(base.iterdir())):
        raise UsageError(f"{base} is not an empty folder.", remedy="Name a folder that does not exist yet.")
    return base


def _play(report: Report, ctx: JobContext, stage: _Stage, main: Callable[[Sequence[str]], int]) -> int:
    """Run the commands that a person would type, one after the other, with ``main``."""
    from chorus_gui.app import demo, receipts
    from chorus_gui.app.folders import receipts_folder

    site = stage.base / "site"
    demo.make_site(site)
    config = demo.write_config(stage.base, stage.central, site, stage.auth)
    report.say(f"The demo site is in {site}. Its central store is {stage.name}.")
    status, shown = 0, list[Path]()
    for words, change in (("First submission", None), ("Second submission, after changes on the site", demo.change_site)):
        ctx.checkpoint()
        if change:
            change(site)
        report.say("", f"=== {words}", "")
        before = set(receipts_folder().glob("*.json"))
        status = main(["-c", str(config), "submit", "--yes"]) or status
        shown += sorted(set(receipts_folder().glob("*.json")) - before)
    report.say("", "=== Verification: every file is downloaded again", "")
    status = main(["-c", str(config), "file", "verify", "--all", "--reread"]) or status
    for number, file in enumerate(shown, 1):
        report.say("", f"=== Receipt {number}", "", *receipts.to_text(receipts.from_json(file.read_text("utf-8"))).split("\n"))
        report.say(f"As a page: {file.with_suffix('.html')}", f"As JSON:   {file}")
    if stage.auth is None:
        report.say("", f"Try the commands yourself: chorus-upload -c {argument(str(config))} journal list")
    return status
