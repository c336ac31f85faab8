"""``chorus-upload doctor``."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    one = groups.add_parser("doctor", help="look at configuration, site, journal, store and this computer; status 1 if something is bad")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Everything, the worst first."""
    from chorus_gui.cli.main import config_file
    from chorus_gui.cli.sign_in import login
    from chorus_gui.cli.workplace import believe_system
    from chorus_gui.core.config.load import load
    from chorus_gui.core.doctor.examine import examine, healthy, to_data, to_text
    from chorus_gui.core.errors import ConfigError

    with suppress(ConfigError):  # its faults are among the findings
        believe_system(args, load(config_file(args)))
    found = examine(config_file(args).absolute(), ctx, login())
    report.say(to_text(found))
    report.json(to_data(found))
    return 0 if healthy(found) else 1
