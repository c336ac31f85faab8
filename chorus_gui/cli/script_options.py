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
    group = listing.add_argument_group("output file (docs/batch-files.md explains the scripts)")
    group.add_argument("--output-file", metavar="F", help="write the list or the script to F")
    group.add_argument(
        "--output-type",
        choices=TYPES,
        help="choose what is written: list, one path per line; azcli or azcopy, a script that uploads with that tool (default: azcli if upload_method is azcli, otherwise list)",
    )
    group.add_argument(
        "--target",
        choices=("windows", "posix"),
        help="write the script for cmd (windows, .bat) or for bash (posix, .sh); default: this system",
    )
    group.add_argument(
        "--secret",
        choices=("env", "ask", "inline"),
        default="ask",
        help="choose where the script gets its SAS token or key: env, from an environment variable; ask, from the variable, or it asks (default); inline, it is written into the script",
    )
    group.add_argument("--one-by-one", action="store_true", help="run the tool once per file, instead of once for many files")
    group.add_argument(
        "--no-verify-tls",
        action="store_true",
        help="do not verify the server's certificate in azcli (AZURE_CLI_DISABLE_CONNECTION_VERIFICATION). Others on the network could then read the data: "
        "use it only if a proxy replaces certificates and its own cannot be installed",
    )


def output_type(args: argparse.Namespace, config: Config) -> str:
    """What to write: the given type, otherwise the default for the configuration's upload method."""
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
        raise UsageError(
            "A script uploads pending files, so --uploaded makes no sense.",
            remedy="Remove --uploaded, or write a list with --output-type list.",
        )
    if not args.output_file:
        raise UsageError("The script needs a file name.", remedy="Add --output-file, for example --output-file upload.bat.")
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
        report.say("No files are pending, so no script was written.")
        return done
    report.say(f"The script {wanted.file} uploads {files(made.files)}. Keep the folder {made.lists} next to it.")
    if made.foreign:
        report.warn("The script is for another system. Check the paths in its first lines (CHORUS) before you run it there.")
    if made.secret_inside:
        report.warn(
            "The script contains your SAS token or key: anyone who can read the file can use it. Delete the script after the upload."
        )
    if args.secret == "inline" and not made.secret_inside:  # noqa: S105 - a way to give one
        report.warn("The script contains no secret: it signs in, or creates a SAS token while it runs.")
    if args.no_verify_tls:
        report.warn("The script does not verify the server's certificate. Others on the network could read the data.")
    for path, why in made.left_out:
        report.error(f"{path} is not in the script. {why}")
    report.json(
        {"output_file": str(wanted.file), "files": made.files, "left_out": [{"path": path, "reason": why} for path, why in made.left_out]}
    )
    return done
