"""The Configuration page: a form, the pattern tester and the text, over one draft; faults next to them; save, revert, test.

The draft's text is the truth: the form and the text tab show it and change it.  It is checked a moment after the last change, on the reader's thread.  An unsaved draft of another configuration is kept until that is opened again.  Until the file that the head names is read, nothing of a file is shown, and nothing can be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabWidget, QWidget

from chorus_gui.app.configuration import Checked, check_draft, read_text
from chorus_gui.app.draft import Draft, Where
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.errors import Fault
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.credential import ask_for_both
from chorus_gui.ui.dialogs.trust import ask_trust
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.configuration_findings import ConflictBar, FindingsPanel, warning_as_fault
from chorus_gui.ui.pages.configuration_form import Form, group_of
from chorus_gui.ui.pages.configuration_questions import ask_revert, ask_save_faulty
from chorus_gui.ui.pages.configuration_saving import Save, Saves
from chorus_gui.ui.pages.configuration_site import LOOK, SiteLook
from chorus_gui.ui.pages.configuration_tester import TesterTab
from chorus_gui.ui.pages.configuration_text import TextTab
from chorus_gui.ui.pages.configuration_words import why_unreadable, with_central_credentials
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobKind, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Chip, ElidedLabel, EmptyState, button, column, label, row
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.words import count_of

if TYPE_CHECKING:
    from chorus_gui.ui.assistant import Assistant

CHECK_MS = 250
FILES = "Configurations (*.toml);;All files (*)"


class ConfigurationPage(Page):
    """What the configuration says, and changing it."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._state = SessionState()
        self._draft: Draft | None = None
        self._checked: Checked | None = None
        self._saves = Saves()
        self._marked = self._unreadable = False
        self._assistant: Assistant | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHECK_MS)
        self._timer.timeout.connect(self._check)
        self._built = False

    # --- how it is built --------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Make the widgets.  They are many, and the window must not wait for them: they are made when the page is first shown."""
        if self._built:
            return
        self._built = True
        self._build_head()
        self.form = Form(self._folder, self._services, self)
        self.tester = TesterTab()
        self.text = TextTab()
        self.site = SiteLook(self, self._services, self.form, self.tester)
        self.panel = FindingsPanel()
        self.tabs = QTabWidget()
        self._put_together()
        self.form.edited.connect(self._edit)
        self.form.redrafted.connect(self._redraft)
        self.form.untrusted.connect(lambda host: ask_trust(self, (host,), self.intent.emit))
        self.form.fix_wanted.connect(self._fix)
        self.form.copy_wanted.connect(self._copy_credentials)
        self.form.tester_wanted.connect(lambda: self.tabs.setCurrentWidget(self.tester))
        self.panel.shown.connect(self._show_finding)
        self.panel.fix_wanted.connect(self._fix)
        self.text.edited.connect(lambda text: self._apply(self._draft.with_text(text)) if self._draft else None)
        self.tester.look_wanted.connect(lambda: self._look(asked=True))
        QShortcut(QKeySequence(QKeySequence.StandardKey.Save), self, self._save)
        QShortcut(QKeySequence("Ctrl+Shift+S"), self, self._save_as)
        self._read(self._state.config_file)
        self.render(self._state)
        self.form.begin()

    def _build_head(self) -> None:
        self.file = ElidedLabel("", "muted")
        self.mark = Chip("Changes")
        self.mark.clicked.connect(lambda: self.save.setFocus())
        self.save = button("&Save", "Save the file; the previous one is kept as .bak (Ctrl+S)", primary=True)
        self.save_as = button("Save &as…", "Save as another file, and open that one (Ctrl+Shift+S)")
        self.revert = button("R&evert", "Discard your changes, and read the file again", icon="undo")
        self.test = button("Test connectio&n", "Test every place with the text on this page, saved or not")
        self.save.clicked.connect(self._save)
        self.save_as.clicked.connect(self._save_as)
        self.revert.clicked.connect(self._revert)
        self.test.clicked.connect(self._test)

    def _put_together(self) -> None:
        for tab in self.form.tabs:
            self.tabs.addTab(tab.area, tab.title)
        self.tabs.addTab(self.tester, "&Pattern tester")
        self.tabs.addTab(self.text, "Te&xt")
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.tabBar().setUsesScrollButtons(False)  # the findings give way before a tab does
        self.tabs.currentChanged.connect(self._changed_tab)
        (self._contents,) = self.tabs.findChildren(QStackedWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        self._contents.setEnabled(False)  # until a file is read; _draw_head shows it then
        self.splitter = QSplitter()
        self.splitter.addWidget(self.tabs)
        self.splitter.addWidget(self.panel)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([700, 260])
        self.splitter.setHandleWidth(1)
        self.splitter.restoreState(self._services.settings.blob("configuration/splitter"))
        self.splitter.splitterMoved.connect(lambda *_: self._services.settings.put("configuration/splitter", self.splitter.saveState()))
        heading = row(label("Configuration", "title"), self.mark, None, self.test, self.revert, self.save_as, self.save)
        whole = column(heading, self.file, SPACE // 2, self.splitter, space=SPACE // 2)
        whole.setStretch(3, 1)
        self.body = QWidget()
        self.body.setLayout(whole)
        self.conflict = ConflictBar()
        self.conflict.overwrite_wanted.connect(lambda: self._save(overwrite=True))
        self.conflict.reload_wanted.connect(self.reload)
        whole.insertWidget(2, self.conflict)
        self.empty = EmptyState("configuration", "", "")
        self.empty.acted.connect(lambda: self._open_assistant())
        self.set_content(column(self.body, self.empty, margins=(24, 20, 24, 16)))

    def _changed_tab(self, at: int) -> None:
        if at < len(self.form.tabs):
            self.form.prefer(self.form.tabs[at].name)
        self._look()

    def _folder(self) -> Path:
        return self._draft.file.parent if self._draft else Path.home()

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        before, self._state = self._state, state
        if not self._built:
            return
        if state.config_file != before.config_file or state.config_revision != before.config_revision:
            self._read(state.config_file)
        if self._assistant is not None:
            self._assistant.render(state)
        self._watch_saving(state)
        mine = state.tested == state.config_file  # the assistant tests another file, which is not saved yet
        self.panel.show_tests(state.test if mine else (), testing=self._testing and mine)
        self._draw_head()

    def show_topic(self, topic: str) -> None:
        """ "assistant" (or "assistant:FOLDER", which it suggests), "test", "credentials", or a dotted key: bring it to the front."""
        self.build()
        if topic == "assistant" or topic.startswith("assistant:"):
            self._open_assistant(topic.removeprefix("assistant").removeprefix(":"))
        elif topic == "credentials":
            self._reveal(("central.azure_sas_token", DEFAULT))
        elif self._draft is not None and (where := self._draft.where(topic)) is not None:
            self._reveal(where)

    def showEvent(self, event: QShowEvent) -> None:
        """What can wait until the page is shown."""
        super().showEvent(event)
        self.build()
        self._look()

    @property
    def _testing(self) -> bool:
        return any(job.kind is JobKind.TEST for job in self._state.jobs)

    @property
    def modified(self) -> bool:
        """There is something to save."""
        return self._draft is not None and self._draft.modified

    def _draw_head(self) -> None:
        draft, file = self._draft, self._state.config_file
        saving, waits = self._saves.of(file) is not None, self._saves.elsewhere(file)
        marked = self.modified or bool(self._saves.left)
        if marked != self._marked:
            self._marked = marked
            self.unsaved.emit(marked)
        reading = draft is None and file is not None and not self._unreadable
        self.body.setVisible(draft is not None or reading)
        self.empty.setVisible(draft is None and not reading)
        self._contents.setEnabled(draft is not None and not waits)  # until the draft of “Save as” is the other file's, or comes back
        self.panel.setEnabled(not waits)
        self._contents.setVisible(draft is not None)
        if reading:
            self.file.set_full(str(file))
            self.mark.hide()
            for part in (self.save, self.save_as, self.revert, self.test):
                part.setEnabled(False)
        if draft is None:
            if self._state.config_file is None:
                text = "A configuration says where your site's files are, and where they are uploaded to. Set one up step by step, or open one with File → Open configuration."
                self.empty.say("No configuration is open", text, "Set up this site")
            return
        self.file.set_full(str(draft.file))
        self.mark.show_fact(
            "Unsaved changes" if draft.modified else "", Grade.WARNING, "Select Save to keep them, or Revert to discard them."
        )
        self.save.setEnabled(draft.modified and not saving)
        self.save_as.setEnabled(not saving)
        self.revert.setEnabled(draft.modified and not saving)
        self.test.setEnabled(not self._testing and self._checked is not None and self._checked.config is not None)
        first = "Fix the problems first. Then every place can be tested." if self._checked and self._checked.faults else ""
        self.test.setToolTip(plain_text(first or "Test every place with the text on this page, saved or not"))

    # --- reading and checking ---------------------------------------------------------------------------------------

    def _read(self, file: Path | None) -> None:
        if self._draft is not None and self._draft.file != file:
            if self._draft.modified:
                self._saves.left[self._draft.file] = self._draft
            self._forget()
        self._unreadable = False
        if file is not None:
            if self._draft is None:
                self.panel.show_reading()
            self._services.reader.ask(self, lambda _: read_text(file), lambda outcome: self._was_read(file, outcome), channel="read")

    def _forget(self) -> None:
        """Another file is opened: nothing that was found for the one before may be shown."""
        self._draft = self._checked = None
        self._services.reader.forget(self)
        self._timer.stop()
        self.conflict.forget()
        self.form.forget()
        self.site.forget()
        self._count_faults(())

    def _was_read(self, file: Path, outcome: Outcome[Any]) -> None:
        if file != self._state.config_file or outcome.kind is OutcomeKind.CANCELLED:
            return
        text = outcome.value if isinstance(outcome.value, str) else ""
        saved = self._saves.was_read(file, text)
        if outcome.kind is not OutcomeKind.DONE:
            if self._draft is None:
                self._unreadable = True
                self.empty.say("The configuration cannot be read", why_unreadable(outcome.error), "Set up this site again")
                self._draw_head()
            return
        kept = self._saves.left.pop(file, None) or self._draft
        if kept is None or not kept.modified or kept.text == text or (saved is not None and saved.text == kept.text):
            self._apply(Draft(file, text, text), at_once=True)
        elif saved is not None and saved.text == text:  # the person continued while it was being saved
            self._apply(Draft(file, kept.text, text))
        else:
            self._apply(kept, at_once=True)
            if kept.based_on != text:
                self.conflict.say(f"Another program changed “{file.name}” while you were editing it here.", overwrite=True)

    def _apply(self, draft: Draft, *, at_once: bool = False) -> None:
        """Another draft: everything shows it; it is checked in a moment, or at once."""
        self._draft = draft
        self.form.show_draft(draft)
        self.text.show_text(draft.text)
        if not draft.modified:
            self.conflict.forget()
        self._draw_head()
        if at_once:
            self._timer.stop()
            self._check()
        else:
            self._timer.start()

    def _check(self) -> None:
        draft = self._draft
        if draft is None:
            return

        def checked(outcome: Outcome[Any]) -> None:
            if isinstance(outcome.value, Checked) and draft is self._draft:
                self._was_checked(draft, outcome.value)

        self._services.reader.ask(self, lambda _: check_draft(draft), checked, channel=LOOK)

    def _was_checked(self, draft: Draft, checked: Checked) -> None:
        self._checked = checked
        warnings = [warning_as_fault(warning) for warning in checked.warnings]
        placed = [(where, fault.problem) for fault in warnings if (where := draft.where(fault.key)) is not None]
        self.form.show_findings(checked, placed)
        self.panel.show_findings(draft, checked.faults, warnings)
        self.text.editor.show_faults({fault.line: fault.problem for fault in checked.faults if fault.line})
        self.tester.show_checked(checked)
        self._count_faults([draft.where_of(fault) for fault in checked.faults])
        self._draw_head()
        self._look()

    def _count_faults(self, wheres: Sequence[Where | None]) -> None:
        for at, tab in enumerate(self.form.tabs):
            count = sum(where is not None and group_of(where) == tab.name for where in wheres)
            self.tabs.setTabText(at, f"{tab.title}  ({count})" if count else tab.title)
            self.tabs.setTabToolTip(at, count_of(count, "problem") if count else "")

    def _look(self, *, asked: bool = False) -> None:
        shown = self.tabs.currentWidget() in (self.tester, self.form.tabs[0].area) and self.isVisible()
        self.site.look(self._checked, shown=shown, asked=asked)

    # --- what a person does -----------------------------------------------------------------------------------------

    def _edit(self, where: Where, value: Any) -> None:
        if self._draft is not None and self._draft.reading is not None:
            self._apply(self._draft.with_value(where, value))

    def _redraft(self, draft: Draft) -> None:
        if self._draft is not None and self._draft.file == draft.file:  # an answer can come after another file was opened
            self._apply(draft)

    def _fix(self, fault: Fault) -> None:
        if self._draft is not None:
            self._apply(self._draft.with_fix(fault), at_once=True)

    def _copy_credentials(self) -> None:
        if self._draft is not None and self._draft.reading is not None:
            self._apply(with_central_credentials(self._draft), at_once=True)

    def _show_finding(self, fault: Fault) -> None:
        where = self._draft.where_of(fault) if self._draft else None
        if where is None or self.tabs.currentWidget() is self.text:
            self.tabs.setCurrentWidget(self.text)
            self.text.editor.go_to(fault.line)
        else:
            self._reveal(where)

    def _reveal(self, where: Where) -> None:
        self.tabs.setCurrentIndex([tab.name for tab in self.form.tabs].index(self.form.reveal(where)))

    def _test(self) -> None:
        if self._draft is not None:
            self.intent.emit(intents.TestConnection(self._draft.text, self._draft.file))

    def _open_assistant(self, folder: str = "") -> None:
        from chorus_gui.ui.assistant import Assistant

        if self._assistant is not None:
            self._assistant.raise_()
            return
        made = Assistant(self._services, self)
        if folder:
            made.site.suggest(folder)
        self._assistant = made
        made.intent.connect(self.intent)
        made.finished.connect(self._assistant_closed)
        made.render(self._state)
        made.open()

    def _assistant_closed(self) -> None:
        self._assistant = None

    # --- saving -----------------------------------------------------------------------------------------------------

    def _save(self, *, overwrite: bool = False) -> None:
        draft = self._draft
        if draft is None or not draft.modified or self._saves.of(draft.file) is not None:
            return
        if self._checked is not None and self._checked.faults and not overwrite:
            ask_save_faulty(self, len(self._checked.faults), lambda: self._write(draft, overwrite=False))
            return
        if (both := draft.with_the_same_credential()) is not None:
            ask_for_both(self, lambda: self._write_both(both, overwrite=overwrite), lambda: self._write(draft, overwrite=overwrite))
            return
        self._write(draft, overwrite=overwrite)

    def _write_both(self, draft: Draft, *, overwrite: bool) -> None:
        """The page shows what is saved: otherwise the journal's new token would look like an unsaved change of this page."""
        self._redraft(draft)
        if draft.file in self._saves.left:
            self._saves.left[draft.file] = draft
        self._write(draft, overwrite=overwrite)

    def _write(self, draft: Draft, *, overwrite: bool, before: Draft | None = None) -> None:
        before = before or draft
        here = before.file == self._state.config_file  # a question can be answered after another file was opened
        if here:
            self.conflict.forget()
        wanted = intents.SaveConfig(draft.file, draft.text, draft.based_on, overwrite, opens=here)
        self._saves.begin(Save(before.file, draft, before), self._state, lambda: self.intent.emit(wanted))
        self._draw_head()

    def _save_as(self) -> None:
        if self._draft is None or self._saves.of(self._draft.file) is not None:
            return
        chosen, _ = ask_save(self, "Save the configuration as", self._draft.file, FILES)
        if chosen:
            self.save_to(chosen)

    def save_to(self, file: Path) -> None:
        """Save the text as another file, and open that one.  The open file is not changed."""
        draft = self._draft
        if draft is None:
            return
        file = file if file.suffix else file.with_suffix(".toml")
        if file == draft.file:
            self._save()
            return
        self._draft = Draft(draft.file, draft.based_on or "", draft.based_on)
        self._write(Draft(file, draft.text, None), overwrite=True, before=draft)

    def _watch_saving(self, state: SessionState) -> None:
        """A save that failed says so here, with what can be done, if its file is still open.  A file that was saved is read again."""
        for save, failed in self._saves.follow(state, self._draft.file if self._draft else None):
            if save.opened != state.config_file:
                continue
            if failed is not None:
                if self._draft is not None:  # otherwise it is being read
                    self._apply(self._draft.with_text(save.draft.text) if save.draft.file != save.opened else self._draft)
                self.conflict.say(f"{failed.text} {failed.remedy}".strip(), overwrite=failed.changed_elsewhere)
            elif save.done:  # the session does not open it again if it looks like another site since
                self._read(save.opened)

    def _revert(self) -> None:
        if self._draft is not None:
            file = self._draft.file
            ask_revert(self, file, lambda: self._discard(file))

    def _discard(self, file: Path) -> None:
        if self._saves.left.pop(file, None) is not None:  # another file is open
            self._draw_head()
        elif file == self._state.config_file:
            self.reload()

    def reload(self) -> None:
        """Discard the changes, and read the file again."""
        if self._draft is not None:
            self._draft = Draft(self._draft.file, self._draft.based_on or "", self._draft.based_on)
            self._read(self._draft.file)


def make(services: Services) -> Page:
    """The page."""
    return ConfigurationPage(services)
