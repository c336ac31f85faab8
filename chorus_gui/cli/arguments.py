"""From a command's arguments to the values that :mod:`chorus_gui.app` works with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.process import is_terminal
from chorus_gui.core import job
from chorus_gui.core.errors import Declined, UnansweredError, UsageError
from chorus_gui.core.shown import one_line
from chorus_gui.core.timetable import Timetable, parse_limit

if TYPE_CHECKING:
    from chorus_gui.app.options import Selection, SubmitOptions
    from chorus_gui.app.signin import DeviceCode
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.model import Config


def config_file(args: argparse.Namespace) -> Path:
    """The configuration file.  Raises :class:`UsageError` if it does not exist."""
    file = Path(args.config or "config.toml")
    if not file.is_file():
        raise UsageError(
            f"There is no configuration file {file}.",
            remedy="Use -c to name the file, or create one with “chorus-upload config-help --output config.toml” and fill it in.",
        )
    return file


def load_config(args: argparse.Namespace, report: Report) -> Config:
    """The configuration; its warnings are printed.  Raises :class:`UsageError` if the command would write its output over what it needs."""
    from chorus_gui.app.configuration import load

    local = getattr(args, "local_journal", None)
    config = load(config_file(args), local_journal=Path(local) if local else None)
    for warning in config.warnings:
        report.warn(warning)
    if output := getattr(args, "output_file", None):
        from chorus_gui.app.outputs import check_output

        check_output(config, Path(output))
    return config


@contextmanager
def workspace(args: argparse.Namespace, report: Report) -> Iterator[Workspace]:
    """The workspace of one command, closed afterwards.  With ``--local-journal`` nothing is checked out or in."""
    from chorus_gui.app.configuration import use_system_certificates
    from chorus_gui.app.signin import login
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.cli.terminal import Terminal

    config = load_config(args, report)
    if getattr(args, "own_process", False):
        use_system_certificates(config)
    custody = args.command == "journal" or getattr(args, "local_journal", None) is None
    common = f"{'--verbose ' if args.verbose else ''}--config {args.config or 'config.toml'}"
    job.current().limit.configure(config.limit)
    if getattr(args, "order", None) is not None:
        from chorus_gui.core.config.order import upload_order

        config = replace(config, order=upload_order(args.order, config.modalities))
    if getattr(args, "cluster", None) is not None:
        from chorus_gui.core.config.cluster_address import cluster_address

        _check_cluster(args)
        config = replace(config, cluster=cluster_address(args.cluster))
    with Workspace(config, login(asked=at_terminal(), show=show_code), Terminal(report), custody=custody, common=common) as opened:
        opened.accept_less = getattr(args, "accept_less_history", False)
        yield opened


def at_terminal() -> bool:
    """A person can be asked: the command does not run in a scheduler or a pipe."""
    return is_terminal(sys.stdin)


def show_code(code: DeviceCode) -> None:
    """Print how to sign in on another device."""
    print(one_line(f"To sign in, open {code.url} on any device and enter the code {code.code}"), file=sys.stderr, flush=True)


def modalities(args: argparse.Namespace) -> tuple[str, ...]:
    """The modalities of ``--modalities A,B``; empty: all, because the option was not used.

    Raises :class:`UsageError` if the option names none, as with a variable that is empty: that must not mean all.
    """
    text = getattr(args, "modalities", None)
    named = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    if text is not None and not named:
        raise UsageError(
            "--modalities names no modality.", remedy="Name one, such as “--modalities OMOP”, or leave the option out to use all."
        )
    return named


def selection(args: argparse.Namespace) -> Selection:
    """The files that ``--version``, ``--modalities`` and ``--max-num-files`` choose."""
    from chorus_gui.app.options import Selection

    return Selection(getattr(args, "version", None), modalities(args), getattr(args, "max_num_files", None))


def add_accept_less(parser: argparse.ArgumentParser) -> None:
    """The option of every command that writes to the journal, or reports on all of it."""
    parser.add_argument(
        "--accept-less-history",
        action="store_true",
        help="use the journal although another copy of it has more history (see “journal recover”)",
    )


def add_limit(parser: argparse.ArgumentParser) -> None:
    """The option of every command that sends or reads files of the store."""
    parser.add_argument(
        "--limit",
        metavar="L",
        type=_limit,
        help="send and read at most this much: “4 MB/s”, “500 kB/s”, “off”, or depending on the time, “4 MB/s on workdays 8-18, free otherwise” "
        "(default: the limit of the configuration)",
    )


def add_order(parser: argparse.ArgumentParser) -> None:
    """The option of every command that uploads recorded or approved files."""
    parser.add_argument(
        "--order",
        metavar="A,B",
        help="upload the files of these modalities first, in this order (default: the configuration's; otherwise OMOP, Images, Waveforms, Metadata)",
    )


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """The option of every command that hashes, uploads or reads many files."""
    parser.add_argument(
        "--cluster",
        metavar="A",
        help="let the workers of the Dask cluster with this scheduler do the work, such as tls://scheduler:8786; “off”: this computer does it "
        "(default: the cluster of the configuration)",
    )


def _check_cluster(args: argparse.Namespace) -> None:
    """Raise :class:`UsageError` for a cluster that would get nothing to do."""
    for option in ("hash", "reread"):
        if args.command in ("scan", "file") and args.run.__name__ in ("run_scan", "run_verify") and getattr(args, option, True) is False:
            raise UsageError(
                f"--cluster divides the work of --{option}, which was not given.", remedy=f"Add --{option}, or leave out --cluster."
            )


def _limit(text: str) -> Timetable:
    try:
        return parse_limit(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def submit_options(args: argparse.Namespace) -> SubmitOptions:
    """What is scanned, and where it goes."""
    from chorus_gui.app.options import SubmitOptions
    from chorus_gui.core.model import Mode

    mode = Mode(args.mode) if getattr(args, "mode", None) else None
    amend, allow = getattr(args, "amend", False), getattr(args, "allow_deletions", False)
    pending = getattr(args, "pending", True)
    ready = getattr(args, "require", None) == "ready"
    return SubmitOptions(getattr(args, "version", None), amend, modalities(args), mode, allow, pending, hash_share(args), ready)


def share(text: str) -> float:
    """A percentage ("1%", "0.5 %", "1") as a share between 0 and 1."""
    try:
        value = float(text.strip().removesuffix("%").strip().replace(",", ".")) / 100
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a percentage. Write it as 1%, up to 100%.")
    return value


def hash_share(args: argparse.Namespace) -> float:
    """The share of the unchanged files whose content is compared."""
    if not getattr(args, "hash", False):
        if getattr(args, "sample", None) is not None:
            raise UsageError("--sample limits what --hash reads.", remedy="Add --hash, or leave out --sample.")
        return 0.0
    return args.sample or 1.0


def params_text(args: argparse.Namespace, *names: str) -> str:
    """The given options as they are typed: "--version 20250101000000"."""
    from chorus_gui.app import options

    return options.params_text((name.replace("_", "-"), getattr(args, name, None)) for name in names)


UNASKED = "Questions are asked only in a terminal, and without --json."
"""What it means that a question could not be asked."""


def ask(report: Report, question: str, *, expect: tuple[str, ...] = ("y", "yes"), unanswered: UnansweredError) -> None:
    """Ask on the terminal.  Raises ``unanswered`` if nobody can answer, ``Declined`` for an answer that is not expected."""
    if report.as_json or not at_terminal():
        raise unanswered
    report.say(question)
    if sys.stdin.readline().strip().lower() not in expect:
        raise Declined
