"""``chorus-upload readiness``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext
from chorus_gui.core.passes import Pass

if TYPE_CHECKING:
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    one = groups.add_parser(
        "readiness",
        help="check the site against the rules of the consortium; exit status 1 if there are findings, 3 if something could not be checked",
    )
    one.add_argument(
        "--pass",
        dest="deepest",
        choices=[one.value for one in Pass],
        default=Pass.AT_ONCE.value,
        help="how deep to look: names and first lines (at-once, the default), one image per series and the ends of tables (quick), everything (thorough)",
    )
    one.add_argument("--modalities", metavar="A,B", help="check only these modalities (default: all)")
    one.add_argument("--rules", metavar="FILE", help="use the rules in this file (default: those of the configuration or of the program)")
    one.add_argument("--list-rules", action="store_true", help="print all rules, and check nothing")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run, long=True)


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Check the site; the worst is shown first."""
    from chorus_gui.app.readiness import check, rules_of, to_data
    from chorus_gui.app.readiness_report import rules_table, to_text
    from chorus_gui.app.status import Status
    from chorus_gui.cli.arguments import modalities, workspace

    with workspace(args, report) as opened:
        rules = rules_of(opened.config, Path(args.rules) if args.rules else None)
        if args.list_rules:
            columns = ("rule", "severity", "pass", "what must be", "said in")
            listed = rules_table(rules)
            report.table(columns, listed, title=f"Rules of {rules.version}")
            report.json({"rules": rules.version, "list": [dict(zip(columns, line, strict=True)) for line in listed]})
            return Status.DONE
        with opened.person.progress(ctx):
            found = check(opened, ctx, Pass(args.deepest), modalities(args), rules)
    report.say(*to_text(found))
    report.json(to_data(found))
    if found.unchecked_count:
        report.error("Not everything could be checked. The result names what is missing. Run the same command again.")
    if not found.clean:
        return Status.FAULTY
    return Status.STOPPED if found.unchecked_count else Status.DONE
