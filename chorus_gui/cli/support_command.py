"""``chorus-upload support-bundle``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    one = groups.add_parser("support-bundle", help="write a ZIP file for the people who help you; it contains no secrets")
    one.add_argument("file", metavar="FILE", help="the ZIP file to write")
    one.add_argument("--with-paths", action="store_true", help="include paths and names of files, which can contain patient IDs")
    one.set_defaults(run=run_support)


def run_support(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Write the bundle, with the configuration if there is one, whatever is wrong with it."""
    from chorus_gui.app.status import Status
    from chorus_gui.app.support import write_bundle

    config = Path(args.config or "config.toml").absolute()
    file = Path(args.file)
    names = write_bundle(file, config if config.is_file() else None, ctx, with_paths=args.with_paths)
    report.say(f"Wrote {file} with {len(names)} files. Look at it before you send it.")
    return Status.DONE
