"""``chorus-upload sites``: the sites that were open in the window on this computer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    one = groups.add_parser("sites", help="list the sites that were open in the window on this computer, with their last runs")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_sites)


def run_sites(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """The list, without the network; status 0 whatever the last runs were."""
    del args
    from chorus_gui.app.site_list import list_file, names, read
    from chorus_gui.app.sites import JOURNAL, PRESENCE, Look
    from chorus_gui.app.status import Status
    from chorus_gui.app.words import moment

    listed = read(list_file()) or ()
    called, found = names([one.file for one in listed]), Look(listed).all(ctx)
    sites = [(called[one.file], found[one.file]) for one in listed]
    if not sites:
        report.say("No site yet. The window adds each configuration that is opened there.")
    else:
        rows = [
            (
                name,
                site.last.what if site.last else "–",
                site.last.result if site.last else PRESENCE[site.presence],
                moment(site.last.at_us) if site.last else "–",
                JOURNAL[site.keeping],
                str(site.file),
            )
            for name, site in sites
        ]
        report.table(("site", "last run", "result", "ended", "journal", "configuration"), rows)
    report.json(
        [
            {
                "site": name,
                "config": str(site.file),
                "opened_us": site.listed.opened_us or None,
                "presence": site.presence.value,
                "trouble": site.trouble,
                "folders": list(site.folders),
                "last_run": {
                    "ending": site.last.ending.value,
                    "what": site.last.what,
                    "result": site.last.result,
                    "at_us": site.last.at_us,
                    "by": site.last.by,
                }
                if site.last
                else None,
                "journal": site.keeping.value,
            }
            for name, site in sites
        ]
    )
    return Status.DONE
