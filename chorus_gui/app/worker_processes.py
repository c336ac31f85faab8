"""Worker processes for small files: when they pay, how they are started, and what they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.process import WORKER_PROCESS
from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.engine.threads import processors

if TYPE_CHECKING:
    from chorus_gui.app.run import Run
    from chorus_gui.core.transfer.processes import Processes

LEAST_FILES = 20_000
"""Small files from which worker processes pay; docs/performance.md has the numbers."""
MOST = 2
"""More have nothing to do: this process, which keeps the journal, is the limit then."""
LEAST_CORES = 3
"""Cores from which they pay: one for this process, one for each of the two."""

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from chorus_gui.app.worker_processes import main; main()"


def assisting(active: Run, files: int) -> Processes | None:
    """The processes that help this run to send ``files`` small files, until its end; None if they would not pay."""
    if active.processes is None:
        count = worth(active.workspace.config, files, processors())
        if not count:
            return None
        from chorus_gui.core.transfer.processes import Processes

        active.processes = Processes(command(), count)
        active.ends.callback(active.processes.close)
        active.processes.open()
    return active.processes


def worth(config: Config, files: int, cores: int) -> int:
    """How many processes pay for this number of small files; 0 if none do.

    They pay if the processor is the limit: from folders, whose files are read in less than a millisecond, into a store in a cloud.
    """
    folders = all(site.place.kind is PlaceKind.FOLDER for site in config.sites.values())
    pays = files >= LEAST_FILES and cores >= LEAST_CORES and config.central.kind is PlaceKind.AZURE and folders
    return min(MOST, cores - 1) if pays else 0


def command() -> Sequence[str]:
    """What starts a worker process: the same program.  Another interpreter finds the same modules."""
    if getattr(sys, "frozen", False):
        console = Path(sys.executable).with_name("chorus-upload" + Path(sys.executable).suffix)
        return (str(console), WORKER_PROCESS)
    utf8 = ("-X", "utf8") if sys.flags.utf8_mode else ()
    return (sys.executable, "-P", *utf8, "-c", _CODE, *sys.path)


def main() -> None:
    """Run a worker process until its owner ends.  Does not return."""
    from chorus_gui.core.private import private_process
    from chorus_gui.core.storage.http.trust import use_system_trust
    from chorus_gui.core.transfer.serving import serve_pipes

    private_process()
    use_system_trust()
    serve_pipes()
