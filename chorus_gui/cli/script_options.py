"""``file list --output-type azcli|azcopy``: the options of generated scripts, and writing them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext

TYPES = ("list", "azcli", "azcopy")


def add_options(listing: argparse.ArgumentParser) -> None:
    """The options of ``file list`` that are about the file it writes."""
    group = listing.add_argument_group("the file that is written (docs/batch-files.md explains the scripts)")
    group.add_argument("--output-file", metavar="F", help="write the list, or the script, here")
    group.add_argument(
        "--output-type",
        choices=TYPES,
        help="list: a path a line; azcli, azcopy: a script that sends the files with that tool (default: azcli where upload_method is azcli, else list)",
    )
    group.add_argument("--target", choices=("windows", "posix"), help="a script for cmd (.bat) or for bash (.sh); default: this system")
    group.add_argument(
        "--secret",
        choices=("env", "ask", "inline"),
        default="ask",
        help="where the script has its SAS token or key from: env: an environment variable; ask: the variable, else it asks (default); inline: it is written into the script",
    )
    group.add_argument("--one-by-one", action="store_true", help="one call of the tool for each file, instead of one for many")
    group.add_argument(
        "--no-verify-tls",
        action="store_true",
        help="azcli does not check the server's certificate (AZURE_CLI_DISABLE_CONNECTION_VERIFICATION): only where a proxy replaces certificates and "
        "its own cannot be installed; others on the way could then read along",
    )


def output_type(args: argparse.Namespace, config: Config) -> str:
    """What is to be written: as asked for, else what the configuration's upload method makes usual."""
    from chorus_gui.core.config.model import UploadMethod

    if args.output_type:
        return str(args.output_type)
    return "azcli" if config.upload_method is UploadMethod.AZCLI and args.output_file and not args.uploaded else "list"


def write_script(args: argparse.Namespace, report: Report, ctx: JobContext, opened: Workspace, kind: str) -> Done[Any]:
    """Generate and save a script; status 1 if files had to be left out.  Raises :class:`UsageError` for options without a script."""
    from chorus_gui.app.requests import ScriptRequest
    from chorus_gui.app.scripts import write
    from chorus_gui.app.words import files
    from chorus_gui.cli.arguments import modalities
    from chorus_gui.core.errors import UsageError

    if args.uploaded:
        raise UsageError("A script sends what waits to be uploaded.", remedy="Leave --uploaded out, or write a plain list.")
    if not args.output_file:
        raise UsageError("A script is written to a file.", remedy="Name it with --output-file, for example upload.bat or upload.sh.")
    wanted = ScriptRequest(
        Path(args.output_file),
        kind,
        args.version,
        modalities(args),
        args.max_num_files,
        args.target or "",
        args.secret,
        args.one_by_one,
        not args.no_verify_tls,
    )
    done = write(opened, ctx, wanted)
    if not done.ok:
        return done
    made = done.value
    if not made.files and not made.left_out:
        report.say("No file waits to be uploaded; no script was written.")
        return done
    report.say(f"The script {wanted.file} sends {files(made.files)}. Keep the folder {made.lists} beside it.")
    if made.foreign:
        report.warn("The script is for another system: look at the paths in its first lines (CHORUS) before you run it there.")
    if made.secret_inside:
        report.warn("The script has your SAS token or key in it: whoever can read the file can use it. Delete it after the upload.")
    if args.secret == "inline" and not made.secret_inside:  # noqa: S105 - a way to give one
        report.warn("There is no secret to write into the script: it signs in, or has a SAS signed.")
    if args.no_verify_tls:
        report.warn("The script switches the check of the server's certificate off: others on the way could read along.")
    for path, why in made.left_out:
        report.error(f"{path} is not in the script. {why}")
    report.json(
        {"output_file": str(wanted.file), "files": made.files, "left_out": [{"path": path, "reason": why} for path, why in made.left_out]}
    )
    return done
