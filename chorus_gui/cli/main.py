"""``chorus-upload``: the program for terminals, batch files and schedulers.

:class:`~chorus_gui.app.status.Status` has the exit statuses.  Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from chorus_gui import __version__
from chorus_gui.app.process import WORKER_PROCESS, prepare
from chorus_gui.app.status import Status, of_error, status_of
from chorus_gui.core.errors import ChorusError, Declined
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind, run

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report

DESKTOPS = ("win32", "darwin")


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors look like all the others; its status is 2, too."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        from chorus_gui.core.shown import lines

        print(f"Error: {lines(message)}", file=sys.stderr)
        raise SystemExit(Status.NOT_STARTED)


@functools.cache
def build_parser() -> argparse.ArgumentParser:
    """The whole grammar, made once per process.  Its defaults are shared: see :func:`_parsed`."""
    from chorus_gui.cli import (
        clear_command,
        credential_commands,
        demo_command,
        doctor_command,
        export_commands,
        file_commands,
        hold_commands,
        info_commands,
        journal_commands,
        leak_commands,
        purge_command,
        readiness_command,
        remote_commands,
        report_commands,
        schedule_commands,
        script_commands,
        self_test_command,
        sites_command,
        submit_command,
        support_command,
    )

    parser = _Parser(
        prog="chorus-upload",
        description="Submit a site's OMOP tables, images and waveforms to the CHoRUS central store, and keep a journal of everything that was submitted.",
        epilog="“chorus-upload usage” shows a submission from beginning to end; “chorus-upload demo” runs one on a demo site.",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print more details")
    parser.add_argument(
        "-c", "--config", metavar="FILE", default=None, help="use this configuration file (default: config.toml in the current folder)"
    )
    parser.add_argument(
        "--trust-host",
        metavar="HOST",
        action="append",
        default=[],
        help="trust this server from now on: a configuration that names it may send credentials and files there",
    )
    parser.add_argument("--version", action="version", version=f"chorus-upload {__version__}")
    groups = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for module in (
        submit_command,
        journal_commands,
        file_commands,
        hold_commands,
        leak_commands,
        remote_commands,
        info_commands,
        readiness_command,
        doctor_command,
        credential_commands,
        demo_command,
        script_commands,
        self_test_command,
        export_commands,
        clear_command,
        purge_command,
        support_command,
        report_commands,
        schedule_commands,
        sites_command,
    ):
        module.add(groups)
    return parser


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed.  The lists belong to this call: a command may add to them."""
    args = build_parser().parse_args(arguments)
    for name, value in vars(args).items():
        if isinstance(value, list):
            setattr(args, name, [*value])  # pyright: ignore[reportUnknownArgumentType]
    return args


def main(argv: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Run one command; the exit status.  ``own_process``: the process runs nothing else, so the system's trust store may be set."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        trusted, rest = _trusted(arguments)
        args = _parsed(rest)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else Status.NOT_STARTED
    from chorus_gui.app.folders import remove_leftovers
    from chorus_gui.app.logs import log_to_file
    from chorus_gui.app.portable import check_own_home
    from chorus_gui.cli.report import Report

    args.own_process = own_process
    args.main = main
    report = Report(as_json=bool(getattr(args, "json", False)), verbose=args.verbose)
    report.command = " ".join(word for word in (args.command, getattr(args, "subcommand", None)) if word)
    try:
        check_own_home()
    except ChorusError as error:
        report.error(error)
        report.finish()
        return of_error(error)
    log_to_file("chorus-upload.log", verbose=args.verbose)
    remove_leftovers()
    args.trust_host += trusted
    command: Callable[[argparse.Namespace, Report, JobContext], int | Done[Any]] = args.run
    ctx = JobContext()
    if getattr(args, "limit", None) is not None:
        ctx.limit.set(args.limit)
    awake = _awake(long=own_process and getattr(args, "long", False))
    with _signals(ctx), _session(ctx, own_process=own_process), awake, report.waits(ctx):
        outcome = run(lambda ctx: _trust_hosts(args, report) or _asked(command, args, report, ctx), ctx)
    report.finish()
    if outcome.kind is not OutcomeKind.DONE:
        return _ended(report, outcome, status_of(outcome))
    from chorus_gui.app.run import Done

    value = outcome.value
    if isinstance(value, Done):
        return _printed(report, _ended(report, value.outcome, value.status), worked=value.begun)
    return _printed(report, value or Status.DONE)


def _printed(report: Report, status: int, *, worked: bool = False) -> int:
    """The status, if the results could not be printed: that is a failure of a command that only prints, and of no other."""
    if report.lost is None:
        return status
    from chorus_gui.core.computer import computer_fault

    fault = computer_fault(report.lost, "standard output")
    report.error(f"Could not write all results to the standard output: {report.lost.strerror or report.lost}.")
    if worked:
        report.note("The command itself was completed. “chorus-upload history” shows what it did.")
    elif fault is not None:
        report.note(f"{fault.remedy}")
    return status if worked else status or Status.FAULTY


def _asked(command: Callable[..., int | Done[Any]], args: argparse.Namespace, report: Report, ctx: JobContext) -> int | Done[Any]:
    """Run the command.  An answer of no is not an error."""
    try:
        return command(args, report, ctx)
    except Declined:
        report.note("Not confirmed. Nothing was changed.")
        return Status.DONE


def _trusted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The values of ``--trust-host``, which may be anywhere on the line, and the other arguments."""
    parser = _Parser(prog="chorus-upload", add_help=False, allow_abbrev=False, usage="chorus-upload [--trust-host HOST] COMMAND …")
    parser.add_argument("--trust-host", action="append", default=[])
    end = arguments.index("--") if "--" in arguments else len(arguments)  # behind it are names of files
    found, rest = parser.parse_known_args(arguments[:end])
    return found.trust_host, [*rest, *arguments[end:]]


def _trust_hosts(args: argparse.Namespace, report: Report) -> None:
    """Remember the servers that ``--trust-host`` names."""
    if args.trust_host:
        from chorus_gui.app.configuration import trust_host

        for text in args.trust_host:
            report.note(f"“{trust_host(text)}” is a trusted server from now on.")


def _ended(report: Report, outcome: Outcome[Any], status: Status) -> Status:
    """Say why a command was not completed, if it was not."""
    match outcome.kind:
        case OutcomeKind.DONE:
            pass
        case OutcomeKind.CANCELLED:
            report.error("Stopped. What was done so far is kept. To continue, run the same command again.")
        case OutcomeKind.FAILED:
            assert outcome.error is not None
            from chorus_gui.app.logs import log_failure

            log_failure(logging.getLogger("chorus"), "failed", outcome.error)
            report.error(outcome.error)
        case OutcomeKind.CRASHED:
            logging.getLogger("chorus").error("unexpected error\n%s", outcome.report)
            report.error(
                f"This is a program error of CHoRUS Upload {__version__}. Please report it with these lines, which contain no secrets:\n{outcome.report}"
            )
    return status


@contextmanager
def _signals(ctx: JobContext) -> Iterator[None]:
    """Ctrl-C, Ctrl-Break, termination and a closed terminal ask the step to stop, which takes less than a second.

    A second Ctrl-C stops it at once.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if ctx.cancelled and number == signal.SIGINT:
            raise KeyboardInterrupt
        if number == hang_up:
            _leave(terminals)
        first = not ctx.cancelled
        ctx.cancel()
        if first:
            with suppress(OSError, RuntimeError, ValueError):  # the reader may be gone, or the program in the middle of a line
                print("\nStopping… (Ctrl-C again stops at once)", file=sys.stderr)

    terminals = [stream for stream in (1, 2) if os.isatty(stream)]  # a closed one is no longer one
    hang_up = getattr(signal, "SIGHUP", None)
    numbers = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]  # the last only on Windows
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # as nohup sets it
        numbers.append(hang_up)
    try:
        before = {number: signal.signal(number, ask) for number in numbers}
    except ValueError:  # not in the main thread: the caller handles signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(terminals: Sequence[int]) -> None:
    """The terminal was closed: output is discarded from now on, so that it cannot keep the step from stopping properly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in terminals:
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _session(ctx: JobContext, *, own_process: bool) -> AbstractContextManager[Any]:
    """A closed console window, a log-off or a shutdown stops the step, too (Windows), in the program's own process."""
    if sys.platform != "win32" or not own_process:
        return nullcontext()
    from chorus_gui.cli.end_of_session import watched

    return watched(ctx.cancel)


def _awake(*, long: bool) -> AbstractContextManager[None]:
    """Keep a desktop computer awake during an upload; servers do not sleep."""
    if not long or sys.platform not in DESKTOPS:
        return nullcontext()
    from chorus_gui.app.awake import awake

    return awake()


def entry() -> NoReturn:
    """The console program.  Ctrl-C while it starts is an interruption, too."""
    try:
        prepare()
    except KeyboardInterrupt:
        raise SystemExit(Status.INTERRUPTED) from None
    if sys.argv[1:] == [WORKER_PROCESS]:
        from chorus_gui.app.worker_processes import main as serve

        serve()
    try:
        status: int = main(own_process=True)
    except (KeyboardInterrupt, ChorusError):
        status = Status.INTERRUPTED
    except BrokenPipeError:  # argparse printed its help
        status = Status.DONE
    from chorus_gui.cli.report import discard

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)
    raise SystemExit(status)
