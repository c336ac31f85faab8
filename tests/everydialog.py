"""Every dialog and every question of the window, with texts as long as they get: to look at, and for rules that hold for all of them.

:func:`dialogs_of` and :func:`askers_of` read the program, so a dialog that is not made here fails a test.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from PySide6.QtWidgets import QDialog

import chorus_gui.ui
from chorus_gui.app.custody import Side, Sides
from chorus_gui.app.demo.faults import make_faults
from chorus_gui.app.known import Known, LessHistoryError
from chorus_gui.app.signin import DeviceCode
from chorus_gui.app.site_list import Listed
from chorus_gui.app.sites import Presence
from chorus_gui.core.config.credentials import AwsKeys, Sas, Secret
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.custody.lock import LockNote
from chorus_gui.core.custody.state import CustodyState, State
from chorus_gui.core.errors import ChorusError, Why
from chorus_gui.core.model import Tally
from chorus_gui.core.passes import Pass
from chorus_gui.core.review.values import TREE_KINDS, Branch, Query, TreeNode
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import intents, readiness_intents
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.dialogs.approve import ApproveDialog
from chorus_gui.ui.dialogs.contact_sheet import ContactSheetDialog
from chorus_gui.ui.dialogs.credential import ask_for_both
from chorus_gui.ui.dialogs.custody import AdoptDialog, LessHistoryDialog
from chorus_gui.ui.dialogs.help import AboutDialog, GuideDialog, ShortcutsDialog
from chorus_gui.ui.dialogs.palette import PaletteDialog
from chorus_gui.ui.dialogs.renew import RenewDialog
from chorus_gui.ui.dialogs.script import TITLES, ScriptDialog
from chorus_gui.ui.dialogs.sign_in import SignInDialog
from chorus_gui.ui.dialogs.sites import SitesDialog
from chorus_gui.ui.dialogs.store import StoreDialog
from chorus_gui.ui.dialogs.support import SupportDialog
from chorus_gui.ui.dialogs.trust import ask_trust
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages import Services, configuration_questions, review_questions, upload
from chorus_gui.ui.pages.history import HistoryPage
from chorus_gui.ui.pages.readiness import ReadinessPage
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.palette import commands
from chorus_gui.ui.state import Afterwards
from chorus_gui.ui.widgets.dialogs import CannotStartDialog, ConfirmDialog, Dialog, ReasonDialog, ReportDialog

LONG = "/srv/hospital/research/chorus/2026-spring-submission/with-a-long-name"
SINCE = datetime(2026, 11, 27, 15, 1, 7).astimezone()
TOKEN = Waiting(
    "The central store",
    Why.CREDENTIAL,
    SINCE,
    SINCE + timedelta(minutes=15),
    remedy="Get a new SAS token from the central team, and save it in “config.toml”.",
    credential="central",
)
ASKING = (ConfirmDialog, ReasonDialog)
"""What asks in the words of its caller: each caller is a question of its own."""
Asker = tuple[str, int]
"""A function that asks: its file below ``chorus_gui/ui``, and its first line."""
Made = Iterator[tuple[str, QDialog]]


class EveryDialog:
    """Makes all dialogs of a window, one after the other.  Its configuration is open, of a demo site that nothing was submitted of.

    ``run`` carries out an intent to the end of its job, ``wait`` lets the window live until something is so.  Whoever goes through
    :meth:`all` closes each dialog with ``done(0)``.
    """

    def __init__(
        self, window: MainWindow, site: Path, run: Callable[[intents.Intent], object], wait: Callable[[Callable[[], bool]], object]
    ) -> None:
        self.window, self.site, self.run, self.wait = window, site, run, wait
        self.askers: set[Asker] = set()
        self.answers: list[object] = []
        """What the dialogs were answered."""

    def all(self) -> Made:
        """A name, and the dialog."""
        self.run(intents.Scan())
        config = self.window.state.config
        assert config is not None
        yield from self._of_a_first_submission(config)
        yield from self._of_a_month_later()
        yield from self._scripts()
        yield from self._help(config)
        yield from self._journal()
        yield from self._credentials(config)
        yield from self._assistant()
        yield from self._questions()
        yield from self._review_questions(config)
        yield from self._readiness_questions()
        yield from self._closing()

    def answer(self, *given: object) -> None:
        """For dialogs that call a function."""
        self.answers.append(given)

    def asked(self, name: str, ask: Callable[[], object]) -> tuple[str, QDialog]:
        """What a function of the window opens."""
        before = set(self.window.findChildren(QDialog))

        def found() -> list[QDialog]:
            return [one for one in self.window.findChildren(QDialog) if one not in before and one.isVisible()]

        def note(frame: FrameType, event: str, _: object) -> None:
            file = Path(frame.f_code.co_filename)
            if event == "call" and _HOME in file.parents:
                self.askers.add((file.relative_to(_HOME).as_posix(), frame.f_code.co_firstlineno))

        sys.setprofile(note)
        try:
            ask()
            self.wait(lambda: bool(found()))
        finally:
            sys.setprofile(None)
        return name, found()[-1]

    # --- dialogs ----------------------------------------------------------------------------------------------------

    def _of_a_first_submission(self, config: Config) -> Made:
        state = self.window.state
        assert state.review is not None
        yield "approve", ApproveDialog(self.window, state, state.review, self.answer)
        images = ContactSheetDialog(self.window, self.window.session.reader, config, None, self.answer)
        images.show()
        self.wait(lambda: images.list.count() > 0)
        yield "images", images
        self.run(intents.Approve(state.review.revision, record_only=True))

    def _of_a_month_later(self) -> Made:
        for patient in sorted(path for path in self.site.iterdir() if path.name.isdigit())[3:]:
            shutil.rmtree(patient)
        make_faults(self.site)
        self.run(intents.Scan())
        self.run(readiness_intents.CheckSite(Pass.QUICK))
        state = self.window.state
        review = state.review
        assert review is not None
        assert review.many_deletions or review.lost_patients
        lost = tuple(f"{number:04}" for number in range(1, 13))
        many = replace(
            review, many_deletions={"Images": (120, 150)}, leaks=3, leak_rules=("P1", "I3"), lost_patients=lost, unsure_patients=lost
        )
        yield "approve many deletions and leaks", ApproveDialog(self.window, state, many, self.answer)

    def _scripts(self) -> Made:
        for tool in TITLES:
            script = ScriptDialog(self.window, self.window.session.reader, self.window.state, tool)
            self.wait(lambda script=script: not script.said.text().startswith("Loading"))
            yield f"script {tool}", script

    def _help(self, config: Config) -> Made:
        window, session = self.window, self.window.session
        yield "guide", GuideDialog(window)
        yield "about", AboutDialog(window)
        yield "shortcuts", ShortcutsDialog(window, [entry.action for entry in window.menus._entries])
        yield "support", SupportDialog(window, self.answer)
        yield "report", ReportDialog(window, "Traceback\n" * 40)
        yield "cannot start", CannotStartDialog(f"The folder {LONG} cannot be written. Ask your IT department for access. " * 3)
        store = StoreDialog(window, session.checker, session.workspace(), session.state)
        store.search.setText("Images")
        self.wait(lambda: not store.model.busy)
        yield "files in the central store", store
        sites = SitesDialog(
            window, session.checker, replace(session.state, sites=(*session.state.sites, Listed(Path(LONG) / "config.toml", 1)))
        )
        sites.show()
        self.wait(lambda: all(site.presence is not Presence.CHECKING for site in sites.list.shown()))
        yield "sites on this computer", sites
        found = PaletteDialog(window, commands(window))
        found.field.setText("up")
        yield "find a command", found

    def _journal(self) -> Made:
        window = self.window
        seen = CustodyState(
            State.LOCKED, note=LockNote("a.colleague", "workstation-with-a-long-name", "2026-11-27T15:01:07Z", "2.0", "etag", "token")
        )
        here = Side("Here", True, 10_000, SINCE, 2, 1204, 3, ("20260101000000", "20260201000000"))
        file = Path(LONG) / "journal.db"
        yield "take over", AdoptDialog(window, file, Sides(here, replace(here, where="There"), 382, 301, seen), self.answer)
        used = Known(f"The journal {LONG}/journal.db", 245, 245, ("20261101093000",))
        full = Known("The copy in the folder of version 20261120141500", 2310, 2310, ("20261101093000",), blob="journal.db")
        yield "less history", LessHistoryDialog(window, LessHistoryError(used, full), intents.CheckOut(), self.answer)

    def _credentials(self, config: Config) -> Made:
        window = self.window
        code = DeviceCode("https://microsoft.com/devicelogin", "A1B2C3D4", datetime.now(UTC) + timedelta(minutes=15))
        yield "sign in", SignInDialog(window, code)
        keys = AwsKeys("AKIAEXAMPLE", Secret("secret"), Secret("session"))
        for name, place in {
            "token": Place(PlaceKind.AZURE, "az://box", container="box", credentials=Sas("sig=x")),
            "access key": Place(PlaceKind.S3, "s3://box", container="box", credentials=keys),
        }.items():
            yield f"new {name}", RenewDialog(window, replace(config, central=place), TOKEN, self.answer)
        hosts = ("storage.hospital.example", "a-second-server.with-a-long-name.hospital.example")
        yield self.asked("trust", lambda: ask_trust(window, hosts, self.answer))
        yield self.asked("same credential", lambda: ask_for_both(window, self.answer, self.answer))

    def _assistant(self) -> Made:
        session = self.window.session
        services = Services(session.reader, session.pager, session.settings)
        for number in range(6):
            dialog = Assistant(services, self.window)
            dialog._go_to(number)
            yield f"step {number + 1} of the assistant", dialog
        dialog = Assistant(services, self.window)
        kinds = dialog.site.places["default"].kinds
        kinds.setCurrentIndex(kinds.findText("Amazon S3"))
        kinds.activated.emit(kinds.currentIndex())
        dialog._say("The folder “/srv/hospital/research” does not exist. Check the path, and that the drive is connected.")
        yield "the assistant with Amazon S3", dialog
        dialog = Assistant(services, self.window)
        dialog.show()
        dialog._go_to(5)
        yield self.asked("close the assistant", dialog.reject)
        dialog.ending.edit.setText(str(self.window.state.config_file))
        yield self.asked("replace the configuration", dialog._ask_to_save)
        dialog.done(0)

    # --- questions --------------------------------------------------------------------------------------------------

    def _questions(self) -> Made:
        window, menus, state = self.window, self.window.menus, self.window.state
        custody = replace(
            state.custody,
            detail=f"a.colleague on workstation-with-a-long-name checked out the journal on 27 Nov 2026 15:01. {LONG}/journal.db is locked.",
            warnings=("A colleague could be working on the journal now.", "What was not checked in can be lost."),
        )
        window.session.update(custody=custody)
        yield self.asked("unlock", menus._unlock)
        window.session.update(custody=state.custody)
        yield self.asked("upgrade", menus._upgrade)
        yield self.asked("read every file", menus._scan_content)
        yield self.asked("move credentials", menus._keep_tokens)
        yield self.asked("clear local data", menus._clear)
        yield self.asked("set aside", lambda: window.asking._ask_set_aside(("12 files that colleagues uploaded are uploaded again.",)))
        configuration, history = window.page("configuration"), window.page("history")
        assert configuration is not None
        assert isinstance(history, HistoryPage)
        file = Path(LONG) / "config.toml"
        yield self.asked("save with problems", lambda: configuration_questions.ask_save_faulty(configuration, 3, self.answer))
        yield self.asked("discard changes", lambda: configuration_questions.ask_revert(configuration, file, self.answer))
        for tab, ask in ((history.versions, history._undo), (history.copies, history._restore)):
            self.wait(lambda tab=tab: tab.model.rowCount() > 0)
            tab.view.selectRow(0)
            yield self.asked(f"history, {ask.__name__.strip('_')}", ask)

    def _review_questions(self, config: Config) -> Made:
        page, ask = self.window.page("review"), review_questions
        assert isinstance(page, ReviewPage)
        folder = TreeNode(
            Branch("1000004", "1000004/Images/CT/40711/52085/"),
            "Images/CT/40711/52085",
            True,
            Tally(1204, 9_000),
            1204,
            0,
            (0,) * len(TREE_KINDS),
        )
        error = ChorusError(
            "The held-back list could not be read.", meaning="What is known here stays held back.", remedy="Check the network."
        )
        reasons = ["consent", "The recording is still being checked"]
        yield self.asked("hold back", lambda: ask.ask_hold(page, config, tuple(range(1204)), 1204, reasons))
        yield self.asked("hold back a folder", lambda: ask.ask_hold_node(page, config, folder, (1, Query()), reasons))
        yield self.asked("hold back a patient", lambda: ask.ask_hold_patient(page, config, "1000004", reasons))
        patients, of_folder = [f"100000{n}" for n in range(9)], ask.what_is_shown_of(folder)
        yield self.asked("release patients", lambda: ask.ask_release_patients(page, patients, of_folder, self.answer))
        yield self.asked("try again", lambda: ask.ask_again(page, error, self.answer))
        yield self.asked("mark as deleted", lambda: ask.ask_mark_deleted(page, (1, 2)))
        yield self.asked("undo a version", lambda: ask.ask_undo(page, "20261127150107", 1204, 1204))
        yield self.asked("mark failed files as deleted", lambda: upload.ask_mark_failed(page, (("Images", "a.dcm"), ("Images", "b.dcm"))))
        yield self.asked("release failed files", lambda: upload.ask_release_failed(page, (("Images", "a.dcm"), ("Images", "b.dcm"))))

    def _readiness_questions(self) -> Made:
        page, readiness = self.window.page("readiness"), self.window.state.readiness
        assert isinstance(page, ReadinessPage)
        assert readiness is not None
        line = replace(readiness.lines[0], open=3, accepted=2)
        yield self.asked("accept leaks", lambda: page._accept(line))
        yield self.asked("withdraw", lambda: page._withdraw(line))

    def _closing(self) -> Made:
        window, custody = self.window, self.window.state.custody
        window.session.update(custody=replace(custody, can_check_in=True))
        for what in (Afterwards.CLOSE, Afterwards.SLEEP):
            yield self.asked(f"when all jobs have ended: {what.value}", lambda what=what: window.asking._show_afterwards(what))
        window.session.update(custody=custody)
        window._unsaved.add("Configuration")
        yield self.asked("quit without saving", window.close)
        window._unsaved.clear()
        window.session.update(custody=replace(custody, can_check_in=True))
        yield self.asked("check in before leaving", window.close)
        window.session.update(custody=custody)


_HOME = Path(chorus_gui.ui.__file__).parent


def dialogs_of() -> set[type[QDialog]]:
    """Every kind of dialog that the program has."""
    for module in pkgutil.walk_packages(chorus_gui.ui.__path__, "chorus_gui.ui."):
        importlib.import_module(module.name)
    found: set[type[QDialog]] = set()
    left: list[type[QDialog]] = [QDialog]
    while left:
        one = left.pop()
        left += one.__subclasses__()
        if one.__module__.startswith("chorus_gui.") and one is not Dialog:
            found.add(one)
    return found


def askers_of() -> dict[Asker, str]:
    """Every function that asks in its own words, and its name."""
    names, found = {kind.__name__ for kind in ASKING}, dict[Asker, str]()

    def look(node: ast.AST, file: str, around: ast.FunctionDef | None) -> None:
        if isinstance(node, ast.FunctionDef):
            around = node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and around is not None:
            found[file, around.lineno] = f"{file}: {around.name}"
        for below in ast.iter_child_nodes(node):
            look(below, file, around)

    for source in _HOME.rglob("*.py"):
        look(ast.parse(source.read_text("utf-8")), source.relative_to(_HOME).as_posix(), None)
    return found
