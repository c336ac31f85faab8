"""Pictures of every page: ``python3 dev.py screenshots`` writes those that the documents show to ``docs/screenshots``.

The real window runs offscreen on a made-up site in a folder with a neutral name, as nobody on no particular computer; it is driven by
the same intents that its buttons emit.  ``--all`` takes each page in every theme, at 100 and 150 %: ``NAME-light.png``, ``NAME-dark.png``,
``NAME-contrast.png``, ``NAME-light-150.png`` and so on.  ``--only NAME…`` does so for these; the whole way is gone anyway,
but for ``--only dialogs``: those of ``tests/everydialog.py``.  ``--check`` takes no
picture: it looks for controls without a name and for text that is cut off, at every size and in every theme of ``tests/uiwalk.py``.
``--sheets``: see ``contact_sheets.py``.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PySide6.QtWidgets import QComboBox
    from uiwalk import Walk

    from chorus_gui.app.place_kinds import PlaceForm
    from chorus_gui.core.waiting import Waiting

ROOT = Path(__file__).resolve().parents[2]
BASE = Path(tempfile.gettempdir()) / "riverside"
MARK = "made up by the screenshots.txt"
PATIENTS = 30
SIZE = (1280, 820)
THEMES = ("light", "dark", "contrast")
SLOW = 300_000
"""bytes a second: slow enough to be caught uploading"""


def main() -> None:
    """A process for each scale, for Qt reads it once."""
    parser = argparse.ArgumentParser(description="Take pictures of every page.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots", help="the folder for the pictures")
    parser.add_argument("--only", nargs="*", default=[], help="names of pictures, e.g. review")
    parser.add_argument("--size", nargs=2, type=int, default=SIZE, metavar=("WIDTH", "HEIGHT"), help="the size of the window")
    parser.add_argument("--check", action="store_true", help="take no picture, but look for what is unnamed, cut off or covered")
    parser.add_argument("--all", action="store_true", help="every page in every theme and at every scale, not only what the documents show")
    parser.add_argument("--sheets", action="store_true", help="every view on every screen in turns of theme, on contact sheets, into --out")
    parser.add_argument("--scale", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.check or options.sheets:
        os.environ.update(QT_QPA_PLATFORM="offscreen", LC_ALL="C.UTF-8", TZ="UTC")
        _take_all(options.out, "", frozenset(options.only), SIZE, how="check" if options.check else "sheets")
        return
    if options.scale:
        suffix = "" if options.scale == "1" else f"-{round(float(options.scale) * 100)}"
        how = "all" if options.all else "pictures"
        _take_all(options.out, suffix, frozenset(options.only), (options.size[0], options.size[1]), how=how)
        return
    for scale in ("1", "1.5") if options.all else ("1",):
        env = {**os.environ, "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        line = [sys.executable, __file__, "--out", str(options.out), "--scale", scale, "--size", *map(str, options.size)]
        line += ["--all"] if options.all else []
        line += ["--only", *options.only] if options.only else []
        subprocess.run(line, env=env, check=True)


def _fresh_base() -> None:
    """An empty folder of a neutral name; one that somebody else made is left alone."""
    if BASE.exists():
        if not (BASE / MARK).exists():
            sys.exit(f"{BASE} is not ours; move it away first.")
        shutil.rmtree(BASE)
    BASE.mkdir()
    (BASE / MARK).touch()


def _take_all(out: Path, suffix: str, only: Collection[str], size: tuple[int, int], *, how: str = "pictures") -> None:
    from filelock import FileLock

    with FileLock(BASE.with_name("riverside.lock")):  # two at a time would stand in each other's way
        _on_fresh_site(out, suffix, only, size, how)


def _on_fresh_site(out: Path, suffix: str, only: Collection[str], size: tuple[int, int], how: str) -> None:
    _fresh_base()
    os.environ["CHORUS_UPLOAD_HOME"] = str(BASE / "home")
    socket.gethostname = lambda: "workstation"
    getpass.getuser = lambda: "coordinator"
    try:
        camera = _sheet_camera(out, only) if how == "sheets" else Camera(out, suffix, only, size)
        if how == "check":
            camera.begin_check()
        if how == "pictures" and not only:
            camera.wanted = shown_in_documents()
        if only == {"dialogs"}:
            camera.only = ()
            camera._every_dialog()
        else:
            camera.tour()
        camera.save()
    finally:
        shutil.rmtree(BASE)
    if camera.walk is not None:
        print(f"{camera.walk.places:,} views, {len(camera.walk.faults)} faults")
        if camera.walk.faults:
            sys.exit(camera.walk.report())


class Cloud(NamedTuple):
    """A place in a cloud, as a person fills it in, and what its check could say."""

    name: str
    form: PlaceForm
    way: str
    path: str
    fields: dict[str, str]
    works: str


def _clouds() -> tuple[Cloud, ...]:
    from chorus_gui.app.place_kinds import AZURE, GCS, S3

    clock = "This computer's clock agrees with the one of"
    app = {
        "azure_account_name": "riverside",
        "azure_tenant_id": "6f1c2d3e-0000-4000-8000-1a2b3c4d5e6f",
        "azure_client_id": "0b7a4c1d-0000-4000-8000-6f5e4d3c2b1a",
        "azure_client_certificate_path": "C:/chorus/app.pem",
    }
    return (
        Cloud(
            "s3",
            S3,
            "profile",
            "riverside/images",
            {"aws_profile": "riverside"},
            f"{clock} Amazon S3. Listing s3://riverside/images works. Its region is eu-west-1.",
        ),
        Cloud("azure", AZURE, "certificate", "site-images/chorus", app, f"{clock} Azure. Listing az://site-images/chorus works."),
        Cloud(
            "google",
            GCS,
            "file",
            "riverside/images",
            {"google_credentials_file": "C:/chorus/reader.json"},
            f"{clock} Google Cloud Storage. Listing gs://riverside/images works.",
        ),
    )


def shown_in_documents() -> frozenset[str]:
    """The names of the pictures that a document shows."""
    texts = [file.read_text("utf-8") for file in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]
    return frozenset(name for text in texts for name in re.findall(r"screenshots/([a-z0-9-]+\.png)", text))


def _sheet_camera(out: Path, only: Collection[str]) -> Camera:
    for folder in ("tests", "tests/tools"):
        sys.path.insert(0, str(ROOT / folder))
    sys.modules.setdefault("screenshots", sys.modules[__name__])  # this file is the program that runs
    from contact_sheets import SheetCamera

    return SheetCamera(out, only)


class Camera:
    """The window, and what takes its picture.  ``looks_at_dialogs``: also at those that no document shows."""

    looks_at_dialogs = False

    def __init__(self, out: Path, suffix: str, only: Collection[str], size: tuple[int, int]) -> None:
        from PySide6.QtCore import QLocale

        from chorus_gui.ui import app, theme
        from chorus_gui.ui.main_window import MainWindow
        from chorus_gui.ui.session import Session
        from chorus_gui.ui.settings import Settings

        sys.path.insert(0, str(ROOT / "tests"))
        self.out, self.suffix, self.only = out, suffix, only
        self.wanted: Collection[str] | None = None
        self.walk: Walk | None = None
        QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
        self.application = app.make_application(())
        theme.apply(self.application, theme.LIGHT)
        self.session = Session(Settings(BASE / "window.ini"))
        self.window = MainWindow(self.session)
        self.window.resize(*size)
        self.window.show()

    # --- driving ----------------------------------------------------------------------------------------------------

    def wait(self, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Let the window live until something is so."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                sys.exit("The window did not get there.")
            self.application.processEvents()
            time.sleep(0.005)

    def rest(self, seconds: float = 0.4) -> None:
        """Let the window live for a moment."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= until)

    def settle(self) -> None:
        """Until nothing runs and nothing is being read."""
        self.rest()
        self.wait(lambda: self.session.jobs.idle and not self.session.state.loading)
        self.rest()

    def do(self, *asked: object) -> None:
        """Carry out intents, each to its end."""
        for intent in asked:
            self.session.do(intent)  # type: ignore[arg-type]
            self.settle()
        from chorus_gui.ui.intents import DismissNotice

        self.session.do(DismissNotice())
        self.rest(0.1)

    # --- pictures ---------------------------------------------------------------------------------------------------

    def shoot(self, name: str, page: str = "") -> None:
        """What is on screen now, or this page."""
        if page:
            if self.window.page(page) is None:
                print(f"{name}: there is no page {page}")
                return
            self.window.show_page(page)
        self.rest()
        if (self.only and name not in self.only) or (name.startswith("waiting-") and self.suffix):
            return
        if self.walk is not None:
            self._check(self.walk, name)
            return
        self.take(name)

    def save(self) -> None:
        """The end of the way."""

    def take(self, name: str) -> None:
        """In every theme in which it is wanted."""
        from chorus_gui.ui import intents

        for theme in THEMES:
            file = self.out / f"{name}-{theme}{self.suffix}.png"
            if self.wanted is not None and file.name not in self.wanted:
                continue
            self.session.do(intents.SetTheme(theme))
            self.rest(0.2)
            self._picture().save(str(file), None, 0)
            print(f"{file.name}: {file.stat().st_size // 1000} kB")
        self.session.do(intents.SetTheme("light"))
        self.rest(0.1)

    def begin_check(self) -> None:
        """From now on, :meth:`shoot` takes no pictures, but looks for faults."""
        from uiwalk import Walk

        self.walk = Walk(self.window, themes=THEMES)

    def _check(self, walk: Walk, name: str) -> None:
        from uiwalk import open_dialogs

        from chorus_gui.ui import intents
        from chorus_gui.ui.main_window import PAGES

        opened = open_dialogs(self.window)
        for dialog in opened:
            walk.open_dialog(name, dialog)
        if not opened:
            shown = next(entry.name for entry in PAGES if self.window.page(entry.name) is self.window.stack.currentWidget())
            walk.pages(name, (shown,))
        self.session.do(intents.SetTheme("light"))
        self.window.resize(*SIZE)
        print(f"{name}: {walk.places:,} views, {len(walk.faults)} faults so far", flush=True)

    def _picture(self):
        """The window, with its open dialog in the middle, in 256 colours."""
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtGui import QColor, QImage, QPainter
        from uiwalk import open_dialogs

        picture = self.window.grab()
        for dialog in open_dialogs(self.window):
            shown = dialog.grab()
            painter = QPainter(picture)
            around = QColor(0, 0, 0, 110) if dialog.parent() else QColor("#5a6470")  # without a window, there is nothing behind it
            painter.fillRect(self.window.rect(), around)
            room = self.window.rect().size() - dialog.size()
            corner = QPoint(room.width() // 2, room.height() // 2)
            painter.drawPixmap(corner, shown)
            painter.setPen(QColor("#808a94"))
            painter.drawRect(dialog.rect().translated(corner).adjusted(-1, -1, 0, 0))
            painter.end()
        image = picture.toImage().convertToFormat(QImage.Format.Format_RGB32)
        colours = Counter(memoryview(image.constBits()).cast("I").tolist()).most_common(256)
        no_dither = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
        return image.convertToFormat(QImage.Format.Format_Indexed8, [colour for colour, _ in colours], no_dither)

    # --- the way ----------------------------------------------------------------------------------------------------

    def tour(self) -> None:
        """A first submission, then a day later a second one."""
        from chorus_gui.app.demo import change_site, make_site, write_config
        from chorus_gui.ui import intents

        self.shoot("start", "overview")
        make_site(BASE / "site", patients=PATIENTS)
        config = write_config(BASE, BASE / "central-store", BASE / "site")
        cloud = (BASE / "central-store" / "journal.db").as_posix()
        config.write_text(f'{config.read_text("utf-8")}\n[journal.source]\npath = "{cloud}"\n', "utf-8")
        self.do(intents.OpenConfig(config), intents.TestConnection())
        self.shoot("check-out", "overview")
        self.do(intents.CheckOut())
        self.shoot("configuration", "configuration")
        self._places()
        self._assistant()
        self.do(intents.Scan())
        self._first_submission()
        self.do(intents.Verify())
        self.shoot("verify", "verify")
        self._damage()
        change_site(BASE / "site")
        self.do(intents.Scan())
        self.shoot("overview", "overview")
        self._review()
        self._second_submission()
        self._tab("versions")
        self._tab("charts")
        self._tab("receipts")
        self._tab("copies")
        self._store()
        self._palette()
        self._unattended()
        self.do(intents.Examine())
        self.shoot("doctor", "doctor")
        self.shoot("log", "log")
        self._pending()
        self._less_history()
        self._readiness()
        if self.looks_at_dialogs or self.walk is not None:
            self._every_dialog()
        self.do(intents.OpenConfig(config))
        self._leave()

    def _every_dialog(self) -> None:
        """Also those that the way above does not meet, and every question."""
        from everydialog import EveryDialog

        from chorus_gui.app.demo import make_site, write_config
        from chorus_gui.ui import intents

        base = BASE / "asked"
        make_site(base / "site", patients=8)
        self.do(intents.OpenConfig(write_config(base, base / "central-store", base / "site")))
        for name, dialog in EveryDialog(self.window, base / "site", self.do, self.wait).all():
            dialog.show()
            self.shoot(f"dialog {name}")
            dialog.done(0)
            self.rest(0.1)

    def _readiness(self) -> None:
        """A site that breaks every rule: what the check finds, the question before an approval, a sample of the images."""
        from PySide6.QtWidgets import QDialog

        from chorus_gui.app.demo import make_site, write_config
        from chorus_gui.app.demo.faults import make_faults
        from chorus_gui.core.rules import Pass
        from chorus_gui.ui import intents, readiness_intents
        from chorus_gui.ui.pages.readiness import ReadinessPage
        from chorus_gui.ui.pages.review import ReviewPage

        base = BASE / "checked"
        make_site(base / "site", patients=6)
        make_faults(base / "site")
        self.do(intents.OpenConfig(write_config(base, base / "central-store", base / "site")))
        self.do(intents.Scan(), readiness_intents.CheckSite(Pass.THOROUGH))
        page = self.window.page("readiness")
        assert isinstance(page, ReadinessPage)
        self.window.show_page("readiness")
        self.rest()
        page.show_topic("I3")
        self.shoot("readiness")
        review = self.window.page("review")
        assert isinstance(review, ReviewPage)
        self.window.show_page("review")
        review._approve()
        self.shoot("approve-leaks")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()
        self.window.show_page("readiness")
        page.look.click()
        self.rest(3)
        self.shoot("images")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()

    def _places(self) -> None:
        """A modality in each cloud, as it is filled in.  What the check says is made up."""
        from PySide6.QtCore import QPoint

        from chorus_gui.core.model import Finding, Grade
        from chorus_gui.ui.pages.configuration import ConfigurationPage
        from chorus_gui.ui.pages.configuration_fields import AddressField

        page = self.window.page("configuration")
        assert isinstance(page, ConfigurationPage)
        matches = Finding(
            Grade.GOOD, "", "1,000 of the first 1,000 files match the pattern of Images.", examples=("1000001/Images/CT/1.dcm",)
        )
        for name, form, way, where, fields, works in _clouds():
            place = page.form.places["Images"]
            self._choose(place.kinds, form.title)
            address = place.path.input
            assert isinstance(address, AddressField)
            address.edit.setText(where)
            self._choose(place.cloud(form).ways, form.way(way).title)
            for key, value in fields.items():
                page.form.rows[(f"site.{key}", "Images")].input.edited.emit(value)
            self.rest(0.6)
            place._show_findings((Finding(Grade.GOOD, "", works), matches))
            self.rest(0.2)
            area, inside = page.form.tabs[0].area, page.form.tabs[0].area.widget()
            assert inside is not None
            area.verticalScrollBar().setValue(place.mapTo(inside, QPoint(0, 0)).y() - 16)  # from “Files are in” on
            self.shoot(f"configuration-{name}")
            page.reload()
            self.settle()

    def _choose(self, box: QComboBox, text: str) -> None:
        box.setCurrentIndex(box.findText(text))
        box.activated.emit(box.currentIndex())
        self.rest(0.2)

    def _assistant(self) -> None:
        from PySide6.QtWidgets import QDialog

        from chorus_gui.ui import intents
        from chorus_gui.ui.assistant import Assistant

        self.session.do(intents.ShowPage("configuration", "assistant"))
        self.shoot("assistant")
        (assistant,) = self.window.findChildren(Assistant)
        for name, form, *_ in _clouds():
            self._choose(assistant.site.places["default"].kinds, form.title)
            self.shoot(f"assistant-{name}")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()

    def _first_submission(self) -> None:
        from chorus_gui.ui import intents

        review = self.session.state.review
        assert review is not None
        self.session.do(intents.SetLimit(f"{SLOW // 1000} kB/s"))
        self.session.do(intents.Approve(review.revision))
        self.window.show_page("upload")
        self.rest(9)
        self.session.do(intents.PauseJob())
        self.session.do(intents.ResumeJob())
        self.shoot("upload-running")
        self._waiting()
        self.session.do(intents.SetLimit("off"))
        self.settle()
        self.shoot("upload-finished", "upload")
        self.do()

    def _waiting(self) -> None:
        """Everything that an upload can wait for, and what it warns of.  Only the values are made up."""
        from datetime import datetime, timedelta

        from PySide6.QtWidgets import QDialog

        from chorus_gui.core.errors import Why
        from chorus_gui.core.waiting import Waiting
        from chorus_gui.ui import intents

        self.session.do(intents.SetLimit("10 kB/s"))
        progress = self.session.jobs._jobs[0].ctx.progress
        since = datetime.now().astimezone().replace(microsecond=0) - timedelta(minutes=2, seconds=9)
        until, store = since + timedelta(minutes=15), "The central store"
        remedy = "Get a new SAS token from the central team, and save it in “config.toml”."
        states = {
            "name": Waiting(store, Why.NAME, since, until),
            "refused": Waiting(store, Why.REFUSED, since, until),
            "no-answer": Waiting(store, Why.NO_ANSWER, since, until),
            "sign-in-page": Waiting(store, Why.STRANGER, since, until),
            "busy": Waiting(store, Why.BUSY, since, again=since + timedelta(minutes=3)),
            "file": Waiting(store, Why.LOST, since, file="20250512/1000004/Images/CT/40711/52085/1.dcm"),
            "given-up": Waiting(store, Why.NO_ANSWER, since, ends=False),
            "token": Waiting(store, Why.CREDENTIAL, since, until, remedy=remedy, credential="central"),
        }
        for name, waiting in states.items():
            progress.waiting(waiting)
            if waiting.credential:
                self._ask_for_token(waiting)
            self.shoot(f"waiting-{name}")
            for dialog in self.window.findChildren(QDialog):
                dialog.close()
            progress.waiting(None)
            self.rest(0.3)
        progress.advise(
            lambda _: (
                "The SAS token of the central store expires on 2026-11-27 17:20 UTC. The upload needs about 3 h 10 min at 4.2 MB/s, so it "
                "will not be finished by then. Get a new token from the central team now, or continue: the upload pauses when the token expires, "
                "and continues with a new one."
            )
        )
        self.shoot("waiting-token-expires")
        progress.advise(None)
        self.rest(0.3)

    def _ask_for_token(self, waiting: Waiting) -> None:
        """As with a container in Azure: here the store is a folder."""
        from dataclasses import replace

        from PySide6.QtWidgets import QDialog

        from chorus_gui.core.config.credentials import Sas
        from chorus_gui.core.config.model import Place, PlaceKind
        from chorus_gui.ui.dialogs.renew import RenewDialog

        self.rest()
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest(0.2)
        config = self.session.state.config
        assert config is not None
        place = Place(PlaceKind.AZURE, "az://riverside", container="riverside", credentials=Sas("sig=x"))
        RenewDialog(self.window, replace(config, central=place), waiting, lambda _: None).show()

    def _damage(self) -> None:
        """What should not happen: one file is gone from the store, two are spoilt."""
        from PySide6.QtWidgets import QTableView

        from chorus_gui.ui import intents
        from chorus_gui.ui.widgets.basics import Tile

        blobs = sorted((BASE / "central-store").rglob("*.dcm"))
        kept = {blob: blob.read_bytes() for blob in blobs[3:6]}
        blobs[3].unlink()
        blobs[4].write_bytes(b"\0" * len(kept[blobs[4]]))
        blobs[5].write_bytes(b"short")
        self.do(intents.Verify(reread=True))
        page = self.window.page("verify")
        if page is not None:
            tiles = [tile for tile in page.findChildren(Tile) if tile.isEnabled()][1:]
            for tile in tiles:
                tile.click()
            self.rest()
            page.findChildren(QTableView)[0].selectRow(0)
            self.shoot("verify-differs", "verify")
            for tile in tiles:
                tile.click()
        for blob, content in kept.items():
            blob.write_bytes(content)
        self.do(intents.Verify(), intents.UploadPending())  # the second one marks the version as complete again

    def _review(self) -> None:
        from PySide6.QtWidgets import QDialog, QPushButton

        from chorus_gui.core.review.changes import select_ids
        from chorus_gui.core.review.staging import Staging
        from chorus_gui.core.review.values import Query
        from chorus_gui.ui import intents

        review = self.session.state.review
        assert review is not None
        with Staging.open(review.path) as staging:
            ids = select_ids(staging, Query(search=".dat"))
        self.do(intents.HoldBack((ids[0],), "The recording is still being checked", 1))
        self.shoot("review", "review")
        page = self.window.page("review")
        if page is None:
            return
        self._hold_back()
        self._folders()
        for button in page.findChildren(QPushButton):
            if button.text().replace("&", "").startswith("Approve") and button.isEnabled():
                button.click()
                break
        self.shoot("approve")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()

    def _hold_back(self) -> None:
        """The question before a change is held back."""
        from PySide6.QtWidgets import QDialog

        from chorus_gui.ui.pages.review import ReviewPage

        page = self.window.page("review")
        assert isinstance(page, ReviewPage)
        page.area.view.selectRow(1)
        self.rest()
        page.area.hold.emit()
        self.rest()
        self.shoot("hold-back")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        page.area.view.clearSelection()
        self.rest()

    def _folders(self) -> None:
        """The tree of patients and folders, of which one folder is held back."""
        from chorus_gui.core.review.values import Query
        from chorus_gui.ui.hold_intents import HoldFound, UndoHold
        from chorus_gui.ui.pages.review import ReviewPage

        page, review = self.window.page("review"), self.window.state.review
        assert isinstance(page, ReviewPage)
        assert review is not None
        tree, view = page.area.tree_model, page.area.tree
        page.area.folders.click()
        self.wait(lambda: tree.rowCount() > 3)
        for row in (2, 3):
            tree.open(row)
            self.rest()
        held = next(node for row in range(3, tree.rowCount()) if (node := tree.node(row)) is not None and node.branch.folder)
        self.do(HoldFound(review.revision, Query(branch=held.branch), held.holdable, "The images are still being checked"))
        row = tree.row_of(held.branch)
        assert row is not None
        view.setCurrentIndex(tree.index(row, 0))
        self.shoot("review-folders")
        self.do(UndoHold())
        page.area.folders.click()
        self.rest()

    def _pending(self) -> None:
        """New files are recorded and not uploaded; then others are added."""
        from PySide6.QtWidgets import QDialog

        from chorus_gui.ui import intents
        from chorus_gui.ui.pages.review import ReviewPage

        patient = max(path for path in (BASE / "site").iterdir() if path.name.isdigit())
        scan = min((patient / "Images").rglob("*.dcm"))
        for number in (11, 12, 13):
            shutil.copy(scan, scan.with_name(f"{number}.dcm"))
        self.do(intents.Scan())
        review = self.session.state.review
        assert review is not None
        self.do(intents.Approve(review.revision, record_only=True, allow_deletions=True))
        shutil.copy(scan, scan.with_name("14.dcm"))
        self.do(intents.Scan())
        page = self.window.page("review")
        assert isinstance(page, ReviewPage)
        page.show_topic("pending")
        self.shoot("review-pending", "review")
        page.approve.click()
        self.shoot("approve-pending")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()

    def _less_history(self) -> None:
        """The question about two journals of which one lacks history."""
        from PySide6.QtWidgets import QDialog

        from chorus_gui.core.custody.history_check import Known, LessHistoryError
        from chorus_gui.ui import intents
        from chorus_gui.ui.dialogs.custody import LessHistoryDialog

        used = Known(f"The journal {BASE}/central-store/journal.db", 245, 245, ("20261101093000",))
        full = Known(
            "The copy in the folder of version 20261120141500", 2310, 2310, ("20261101093000", "20261120141500"), blob="journal.db"
        )
        LessHistoryDialog(self.window, LessHistoryError(used, full), intents.CheckOut(), lambda _: None).open()
        self.shoot("less-history", "overview")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()

    def _second_submission(self) -> None:
        """A file vanishes between the scan and the sending."""
        from chorus_gui.ui import intents

        review = self.session.state.review
        assert review is not None
        latest = max(path for path in (BASE / "site").iterdir() if path.name.isdigit())
        min((latest / "Images").rglob("*.dcm")).unlink()
        self.do(intents.Approve(review.revision, allow_deletions=True))
        self.shoot("upload-failed", "upload")

    def _tab(self, topic: str) -> None:
        from chorus_gui.ui import intents

        self.session.do(intents.ShowPage("history", topic))
        self.shoot("history" if topic == "versions" else f"history-{topic}")

    def _store(self) -> None:
        """The files of the second version in the central store."""
        from PySide6.QtWidgets import QDialog

        from chorus_gui.ui import intents

        version = max(path.name for path in (BASE / "central-store").iterdir() if path.name.isdigit())
        self.session.do(intents.ShowPage("store", f"{version}/OMOP"))
        self.shoot("store")
        for dialog in self.window.findChildren(QDialog):
            dialog.close()
        self.rest()

    def _palette(self) -> None:
        from PySide6.QtWidgets import QDialog

        from chorus_gui.ui.dialogs.palette import PaletteDialog

        self.window.asking.show_palette()
        (dialog,) = self.window.findChildren(PaletteDialog)
        dialog.field.setText("up")
        self.shoot("palette")
        for one in self.window.findChildren(QDialog):
            one.close()
        self.rest()

    def _unattended(self) -> None:
        """A week of nights: two good ones, one that a rule stopped, one that was killed; and a schedule."""
        from dataclasses import replace
        from datetime import datetime, timedelta

        from chorus_gui.app.schedule import schedulers, texts
        from chorus_gui.app.schedule.plan import DAYS, Schedule, System
        from chorus_gui.app.status import Status
        from chorus_gui.app.unattended.run_report import Kept, Rule, begun
        from chorus_gui.core.model import Tally
        from chorus_gui.core.receipt import ApprovingPolicy

        config, policy = BASE / "config.toml", BASE / "nightly.toml"
        rule = Rule("deletions.files", "4 of 118 files of Images would be marked as deleted. The policy allows none.", 4, 0, ())
        sent = {"Images": Tally(31, 4_200_000), "OMOP": Tally(13, 1_700_000)}
        nights = (
            (Status.DONE, {"uploaded": sent}),
            (Status.INTERRUPTED, {"headline": "Did not end"}),
            (Status.DECISION, {"rules": (rule,)}),
            (Status.DONE, {}),
        )
        last = datetime.now().astimezone().replace(hour=22, minute=30, second=0, microsecond=0) - timedelta(days=1)
        for ago, (status, facts) in reversed(list(enumerate(nights))):
            started = round((last - timedelta(days=ago)).timestamp() * 1e6)
            known = replace(begun(config, policy), started_us=started, policy=ApprovingPolicy("Nightly submissions", "0" * 64))
            kept = Kept.begin(known)
            kept.write(replace(replace(known, **{key: value for key, value in facts.items() if key != "headline"}).ended(status), **facts))
            kept.close()
        schedule = Schedule("nightly", ("chorus-upload",), str(config), str(policy), "22:30", DAYS[:5])
        os.environ["XDG_CONFIG_HOME"] = str(BASE / "units")
        here, schedulers.here = schedulers.here, lambda: System.SYSTEMD
        try:
            folder = BASE / "units" / "systemd" / "user"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{texts.UNIT.format('nightly')}.timer").write_text(texts.timer_unit(schedule), "utf-8")
            self._tab("unattended")
        finally:
            schedulers.here = here

    def _leave(self) -> None:
        from PySide6.QtWidgets import QPushButton

        gone: list[None] = []
        self.window.closed.connect(lambda: gone.append(None))
        self.window.close()
        self.rest()
        self.shoot("leave")
        for button in self.window.findChildren(QPushButton):
            if button.text().replace("&", "") == "Leave":
                button.click()
        self.wait(lambda: bool(gone))


if __name__ == "__main__":
    main()
