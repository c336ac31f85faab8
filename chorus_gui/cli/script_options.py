"""``file list --output-type azcli|azcopy``: the options of generated scripts, and writing them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.model import Row

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


def write_script(args: argparse.Namespace, report: Report, config: Config, rows: list[Row], kind: str) -> int:
    """Generate and save; 1 if files had to be left out.  Raises :class:`UsageError`."""
    from chorus_gui.core.errors import UsageError
    from chorus_gui.core.scripts.generate import make_script, save
    from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Target, Tool
    from chorus_gui.core.scripts.program import console_program

    if args.uploaded:
        raise UsageError("A script sends what waits to be uploaded.", remedy="Leave --uploaded out, or write a plain list.")
    if not args.output_file:
        raise UsageError("A script is written to a file.", remedy="Name it with --output-file, for example upload.bat or upload.sh.")
    if not rows:
        report.say("No file waits to be uploaded; no script was written.")
        return 0
    file = Path(args.output_file)
    target = Target(args.target) if args.target else Target.here()
    options = ScriptOptions(
        Tool(kind), target, console_program(target), file.stem, SecretMode(args.secret), args.one_by_one, not args.no_verify_tls
    )
    script = make_script(config, rows, options)
    save(script, file)
    report.say(f"The script {file} sends {script.files:,} files. Keep the folder {file.stem}.files beside it.")
    if target is not Target.here():
        report.warn("The script is for another system: look at the paths in its first lines (CHORUS) before you run it there.")
    if script.secret_inside:
        report.warn("The script has your SAS token or key in it: whoever can read the file can use it. Delete it after the upload.")
    if options.secret.value == "inline" and not script.secret_inside:
        report.warn("There is no secret to write into the script: it signs in, or has a SAS signed.")
    if args.no_verify_tls:
        report.warn("The script switches the check of the server's certificate off: others on the way could read along.")
    for path, why in script.left_out:
        report.error(f"{path} is not in the script. {why}")
    report.json(
        {"output_file": str(file), "files": script.files, "left_out": [{"path": path, "reason": why} for path, why in script.left_out]}
    )
    return 1 if script.left_out else 0
