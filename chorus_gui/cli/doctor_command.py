"""``chorus-upload doctor``."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    one = groups.add_parser(
        "doctor", help="check configuration, site, journal, store and this computer; exit status 1 if there are problems"
    )
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Check everything; the worst is shown first."""
    from chorus_gui.app.configuration import load, use_system_certificates
    from chorus_gui.app.doctor.examine import examine, healthy, to_data, to_text
    from chorus_gui.app.signin import login
    from chorus_gui.app.status import Status
    from chorus_gui.cli.arguments import at_terminal, config_file, show_code
    from chorus_gui.core.errors import ConfigError

    if args.own_process:
        with suppress(ConfigError):  # its problems are among the findings
            use_system_certificates(load(config_file(args)))
    found = examine(config_file(args).absolute(), ctx, login(asked=at_terminal(), show=show_code))
    report.say(*to_text(found).split("\n"))
    report.json(to_data(found))
    return Status.DONE if healthy(found) else Status.FAULTY
