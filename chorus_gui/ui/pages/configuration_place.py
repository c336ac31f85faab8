"""Where the files of the site, or of a modality, are: the kind of place, its address, the way of signing in, and a check of all that.

The Configuration page and the assistant share it.  Which fields there are is decided by :mod:`chorus_gui.app.place_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from chorus_gui.app.draft import Draft, Where
from chorus_gui.app.place_check import check_place
from chorus_gui.app.place_choice import PlaceChoice, choice, own_keys, values, with_form, with_site_place, with_way, without
from chorus_gui.app.place_kinds import FOLDER, FORMS, PlaceForm, Way, not_used, words_of
from chorus_gui.core.config.keys import CREDENTIALS, DEFAULT
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.errors import Fault, UntrustedHostError
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Finding, Grade
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration_fields import AddressField, Combo, KeyRow
from chorus_gui.ui.pages.configuration_findings import FindingCard, clear
from chorus_gui.ui.pages.configuration_words import title
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, button, column, label, row, set_grade
from chorus_gui.ui.widgets.fold import Fold
from chorus_gui.ui.widgets.tab_order import tab_in_order
from chorus_gui.ui.words import agree

_SAME = "Same place as the site"
_CHANNEL = "check"


class PlaceSection(QWidget):
    """``redrafted`` has another draft after a choice; ``untrusted`` the name of a server that the person has to confirm before it is asked.

    ``make_row`` makes the row of a key, which reports its own changes.  ``is_new``: there is no file yet in which an earlier choice could have left
    something, so what another way of signing in needed is dropped at once.
    """

    redrafted = Signal(object)
    untrusted = Signal(str)

    def __init__(self, services: Services, modality: str, make_row: Callable[[Where], KeyRow], *, is_new: bool = False) -> None:
        super().__init__()
        self._services = services
        self._is_new = is_new
        self.modality = modality
        self._make_row = make_row
        self._draft: Draft | None = None
        self._found: PlaceChoice | None = None
        self._held: PlaceForm | None = None
        self._held_same = False
        """a person chose the site's place, although the text still has credentials for this modality alone"""
        self._held_way: tuple[Way, Way | None] | None = None
        """what a person chose, and what the file meant then: nothing shows a choice until its fields are filled in"""
        self._rests: dict[PlaceKind, str] = {}
        self._clouds: dict[PlaceKind, CloudFields] = {}
        self._asked: tuple[object, ...] | None = None
        self._name = "Site" if modality == DEFAULT else modality
        self._build()

    # --- how it is built --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.kinds = _combo(f"{self._name}: files are in")
        if self.modality != DEFAULT:
            self.kinds.addItem(_SAME, None)
        for form in FORMS:
            self.kinds.addItem(form.title, form.kind)
        self.kinds.activated.connect(lambda _: self._choose_kind())
        self._kind_row = FormRow("Files are in", self.kinds, " ", whose=self._name)
        self.path = self._make_row(("site.path", self.modality))
        assert isinstance(self.path.input, AddressField)
        self.path.input.also.connect(self._also)
        self._middle = column(space=2 * SPACE)
        self.unused = label("", wrap=True)
        set_grade(self.unused, Grade.WARNING)
        self.remove = button("Remove them from the file", "Remove the settings that this choice does not use; nothing is saved yet")
        self.remove.setAccessibleName(f"{self._name}: remove the settings that are not used")
        self.remove.clicked.connect(self._remove)
        self._unused = QWidget()
        self._unused.setLayout(column(self.unused, row(self.remove, None), space=SPACE // 2))
        self.check = button(
            "Check", "Read the beginning of the listing, and see what the patterns match. Nothing is changed.", icon="search"
        )
        self.check.setAccessibleName(f"{self._name}: check this place")
        self.check.clicked.connect(self.begin_check)
        self.cancel = button("Cancel", "End the check")
        self.cancel.setAccessibleName(f"{self._name}: cancel the check")
        self.cancel.clicked.connect(self._cancel)
        self.cancel.hide()
        self.status = label("", "muted", wrap=True)
        self._results = column(space=SPACE)
        self._checks = QWidget()
        line = row(self.check, self.cancel, self.status)
        line.setStretch(2, 1)
        self._checks.setLayout(column(line, self._results, space=SPACE))
        self._unused.hide()
        self.setLayout(column(self._kind_row, self.path, self._middle, self._unused, self._checks, space=2 * SPACE))

    def cloud(self, form: PlaceForm) -> CloudFields:
        """The fields of a kind of place in a cloud, made when they are first asked for."""
        made = self._clouds.get(form.kind)
        if made is None:
            made = self._clouds[form.kind] = CloudFields(form, self.modality, self._name, self._make_row)
            made.chosen.connect(self._choose_way)
            self._middle.addWidget(made)
            tab_in_order(self.kinds, self.path, made, self._unused, self._checks)
        return made

    # --- what it shows ----------------------------------------------------------------------------------------------

    @property
    def form(self) -> PlaceForm:
        """The kind of place that is shown."""
        if self._held is not None:
            return self._held
        return (self._found.form if self._found else None) or FOLDER

    @property
    def shared(self) -> bool:
        """The files of this modality are in the site's place."""
        return self._held is None and self._found is not None and (self._found.shared or self._held_same)

    def show_draft(self, draft: Draft) -> None:
        """What the text says."""
        if draft.reading is None:
            return
        other_file = self._draft is not None and self._draft.file != draft.file
        self._draft, self._found = draft, choice(draft, self.modality)
        if other_file or not self._is_still_chosen(self._found):
            self._held = None
        self._held_same &= not other_file and draft.own(("site.path", self.modality)) in (None, draft.own(("site.path", DEFAULT)))
        if self._found.path and not self._found.shared and self._found.form is not None:
            self._rests[self._found.form.kind] = self._found.path.removeprefix(self._found.form.start)
        self._draw(draft, self._found)
        subject = self._subject(draft)
        if self._asked is not None and subject != self._asked:
            self._forget_check()

    def _is_still_chosen(self, found: PlaceChoice) -> bool:
        return self._held is not None and found.form is self._held

    def _draw(self, draft: Draft, found: PlaceChoice) -> None:
        form, shared = self.form, self.shared
        with QSignalBlocker(self.kinds):
            self.kinds.setCurrentIndex(0 if shared else self.kinds.findData(form.kind))
        about = "" if shared else form.about
        self._kind_row.show_words("Files are in", about)
        self.kinds.setAccessibleDescription(about)
        field = self.path.input
        assert isinstance(field, AddressField)
        field.show_form(form)
        field.keeps_empty = self.modality != DEFAULT
        name = "Site folder" if form is FOLDER and self.modality == DEFAULT else form.address
        self.path.show_place(draft, name, "" if form is FOLDER else f"For example {form.example}")
        self.path.setVisible(not shared or bool(self.path.fault))
        way = self._way(draft, found) if not shared else None
        for kind, cloud in self._clouds.items():
            cloud.setVisible(kind is form.kind and not shared)
        if form.ways and not shared:
            cloud = self.cloud(form)
            cloud.show()
            cloud.show_way(way, found.way, draft)
        self._draw_unused(form, way, found)
        self._checks.setVisible(not shared)

    def _way(self, draft: Draft, found: PlaceChoice) -> Way | None:
        """The way that is shown: what a person chose, until the text says another one."""
        if self._held_way is not None:
            held, was = self._held_way
            asked = {name for way in self.form.ways for name in way.keys}
            present = {name for name, value in values(draft, self.modality).items() if name in asked and value not in ("", False)}
            if held in self.form.ways and (found.way == was or present <= set(held.keys)):
                return held
            self._held_way = None
        return found.way

    def _draw_unused(self, form: PlaceForm, way: Way | None, found: PlaceChoice) -> None:
        assert self._draft is not None
        names = found.unused if self.shared or way is found.way else not_used(form, way, self._own())
        if self.shared and not found.shared:
            names = self._own()
        names = tuple(name for name in names if not (way and name in way.writes))
        titles = " · ".join(title(f"site.{name}") for name in names)
        one = len(names) == 1
        same = any(name in form.keys for name in names) and bool(form.ways)
        effect = (
            f"{agree(len(names), 'It', 'They')} can be used instead of what you chose."
            if same
            else f"{agree(len(names), 'It has', 'They have')} no effect here."
        )
        self.unused.setText(
            f"The file also has {'a setting' if one else 'settings'} of another choice: {titles}. {effect}" if names else ""
        )
        self.remove.setText("Remove it from the file" if one else "Remove them from the file")
        self._unused.setVisible(bool(names) and not self._is_new)
        self._names = names

    def _own(self) -> tuple[str, ...]:
        return own_keys(self._draft, self.modality) if self._draft else ()

    def reveal(self, where: Where) -> None:
        """Bring the row of a key into view, whatever is chosen."""
        name = where[0].removeprefix("site.")
        form = next((one for one in FORMS if name in one.keys), None)
        if form is not None and not self.shared and form is self.form and form.ways:
            self.cloud(form).reveal(name)

    def show_faults(self, faults: Mapping[Where, Sequence[Fault]]) -> None:
        """What is wrong with the choices; each key's row shows what is wrong with that."""
        self.path.setVisible(not self.shared or bool(self.path.fault))  # also if something is wrong with what is not asked for
        for cloud in self._clouds.values():
            cloud.show_faults(faults)

    def editor_of(self, where: Where) -> QWidget | None:
        """The list that stands for a key without a row of its own."""
        chooses = not self.shared and any(where[0] == f"site.{name}" for way in self.form.ways for name in way.writes)
        return self.cloud(self.form).ways if chooses else None

    # --- what a person chooses --------------------------------------------------------------------------------------

    def _choose_kind(self) -> None:
        draft, kind = self._draft, self.kinds.currentData()
        if draft is None or draft.reading is None:
            return
        self._held_way, self._held_same = None, kind is None
        if kind is None:
            self._held = None
            after = with_site_place(draft, self.modality)
            self.redrafted.emit(without(after, self.modality, self._own()) if self._is_new else after)
            return
        form = next(one for one in FORMS if one.kind is kind)
        if form is self.form and not self.shared:
            return
        self._held = form
        self.redrafted.emit(with_form(draft, self.modality, form, self._rests.get(form.kind, "")))
        (self.path.input.editor).setFocus()

    def _choose_way(self, way: Way) -> None:
        if self._draft is None or self._found is None:
            return
        after = with_way(self._draft, self.modality, self.form, way)
        if self._is_new:
            after = without(after, self.modality, (name for name in not_used(self.form, way, self._own()) if name in self.form.keys))
        self._held_way = way, choice(after, self.modality).way
        self.redrafted.emit(after)

    def _also(self, also: Mapping[str, str]) -> None:
        """A pasted address says more than the path."""
        draft = self._draft
        if draft is None or draft.reading is None:
            return
        for name, value in also.items():
            draft = draft.with_value((f"site.{name}", self.modality), value)
        self._draft = draft
        self.redrafted.emit(draft)

    def _remove(self) -> None:
        if self._draft is not None and self._draft.reading is not None:
            self.redrafted.emit(without(self._draft, self.modality, self._names))

    # --- the check --------------------------------------------------------------------------------------------------

    def begin_check(self) -> None:
        """Look at the place as it is entered now, in another thread."""
        draft, modality, login = self._draft, self.modality, self._services.login
        if draft is None or draft.reading is None:
            return
        if (missing := self.missing()) is not None:
            self._show_findings(
                (Finding(Grade.BAD, "", f"{title(missing.where[0])} is empty.", remedy="Fill it in, then select Check again."),)
            )
            missing.input.editor.setFocus()
            return
        self._asked = self._subject(draft)
        self._checking(running=True)
        clear(self._results)
        self.status.setText("Checking…")

        def step(ctx: JobContext) -> tuple[Finding, ...]:
            return check_place(draft, modality, ctx, login)

        self._reader.ask(self, step, self._checked, channel=_CHANNEL)

    @property
    def _reader(self) -> Any:
        return self._services.checker or self._services.reader

    @property
    def checking(self) -> bool:
        """A check is running."""
        return not self.cancel.isHidden()

    def _subject(self, draft: Draft) -> tuple[object, ...]:
        sites = draft.reading.raw.get("site_path") if draft.reading else None
        return draft.file, repr(sites)

    def missing(self) -> KeyRow | None:
        """The first field that the chosen way of signing in needs, and that is empty everywhere."""
        if self.shared or not self.form.ways:
            return None
        return self.cloud(self.form).missing(self._draft)

    def _checked(self, outcome: Outcome[Any]) -> None:
        self._checking(running=False)
        self.status.setText("")
        error = outcome.error
        if outcome.kind is OutcomeKind.DONE:
            assert isinstance(outcome.value, tuple)
            self._show_findings(outcome.value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(error, UntrustedHostError):
            self._show_findings((Finding(Grade.WARNING, "", error.what, remedy="Confirm the server, then select Check again."),))
            self.untrusted.emit(error.host)
        elif error is not None:
            self._show_findings((Finding(Grade.BAD, "", error.what, error.meaning, error.remedy),))
        elif outcome.kind is OutcomeKind.CRASHED:
            self._show_findings((Finding(Grade.BAD, "", "The place could not be checked because of an error of the program."),))

    def _checking(self, *, running: bool) -> None:
        if self.cancel.hasFocus() and not running:
            self.check.setFocus()
        self.check.setEnabled(not running)
        self.cancel.setVisible(running)

    def _cancel(self) -> None:
        self._forget_check()
        self.status.setText("The check was cancelled.")

    def _forget_check(self) -> None:
        """What was found is about other settings."""
        self._reader.forget(self)
        self._asked = None
        self._checking(running=False)
        self.status.setText("")
        clear(self._results)

    def _show_findings(self, found: tuple[Finding, ...]) -> None:
        clear(self._results)
        for one in found:
            text = "\n".join((" ".join(part for part in (one.what, one.why) if part), *(f"    {example}" for example in one.examples)))
            self._results.addWidget(FindingCard(one.grade, "", text, one.remedy))


class CloudFields(QWidget):
    """The fields of one kind of place in a cloud.  ``chosen`` has the way of signing in that a person chose."""

    chosen = Signal(object)

    def __init__(self, form: PlaceForm, modality: str, name: str, make_row: Callable[[Where], KeyRow]) -> None:
        super().__init__()
        self._form, self._modality = form, modality
        self.ways = _combo(f"{name}: sign-in")
        for way in form.ways:
            self.ways.addItem(way.title, way.name)
        self.ways.setPlaceholderText("Choose how to sign in")
        self.ways.activated.connect(lambda _: self.chosen.emit(self._form.way(self.ways.currentData())))
        self._way_row = FormRow("Sign-in", self.ways, " ", whose=name)
        asked = sorted({key for way in form.ways for key in way.keys}, key=CREDENTIALS.index)
        always = [make_row((f"site.{key}", modality)) for key in form.always]
        for key, key_row in zip(form.always, always, strict=True):
            key_row.show_words(title(f"site.{key}"), words_of(None, key) or key_row.key.explanation)
        self.rows = {key: make_row((f"site.{key}", modality)) for key in asked}
        self.note = label("", wrap=True)
        set_grade(self.note, Grade.WARNING)
        self._further = tuple((f"site.{key}", modality) for key in form.further)
        self.fold = Fold(f"More settings of {form.title}", lambda: _stack([make_row(where) for where in self._further]))
        self.setLayout(column(*always, self._way_row, *self.rows.values(), self.note, self.fold, space=2 * SPACE))
        self._shown: Way | None = None

    def show_way(self, way: Way | None, meant: Way | None, draft: Draft) -> None:
        """``way`` is chosen; the file still means ``meant``."""
        self._shown = way
        with QSignalBlocker(self.ways):
            self.ways.setCurrentIndex(self.ways.findData(way.name) if way else -1)
        about = way.about if way else ""
        self._way_row.show_words("Sign-in", about)
        self.ways.setAccessibleDescription(about)
        self.ways.setToolTip(plain_text(about or "Choose how to sign in"))
        for key, key_row in self.rows.items():
            key_row.setVisible(way is not None and key in way.keys)
            key_row.show_words(title(f"site.{key}"), words_of(way, key) or key_row.key.explanation)
        open_ = way is not None and way is not meant and meant is not None and not any(self._given(key, draft) for key in meant.keys)
        self.note.setText(f"Nothing is filled in yet. Until then, the file means “{meant.title}”." if open_ and meant else "")
        self.note.setVisible(open_)
        self.fold.show_count(sum(draft.own(where) is not None for where in self._further))

    def show_faults(self, faults: Mapping[Where, Sequence[Fault]]) -> None:
        """What is wrong with the way of signing in."""
        chooses = [(f"site.{name}", self._modality) for name in dict.fromkeys(name for way in self._form.ways for name in way.writes)]
        lines = [" ".join(part for part in (one.problem, one.remedy) if part) for where in chooses for one in faults.get(where, ())]
        self._way_row.show_fault("\n".join(lines))

    def missing(self, draft: Draft | None) -> KeyRow | None:
        """The first field that this way of signing in needs, and that is empty everywhere."""
        way = self._shown
        if way is None or draft is None:
            return None
        for key in way.required:
            if not self._given(key, draft) and not self.rows[key].has_fallback:
                return self.rows[key]
        return None

    def reveal(self, name: str) -> None:
        """Show the field of a key."""
        if any(where[0] == f"site.{name}" for where in self._further):
            self.fold.open()
        elif name in self.rows:
            self.rows[name].show()

    def _given(self, key: str, draft: Draft) -> bool:
        return draft.effective((f"site.{key}", self._modality)) not in (None, "", False)


def _stack(rows: list[KeyRow]) -> QWidget:
    made = QWidget()
    layout = column(*rows, space=2 * SPACE)
    assert isinstance(layout, QVBoxLayout)
    layout.setContentsMargins(2 * SPACE, 0, 0, 0)
    made.setLayout(layout)
    return made


def _combo(name: str) -> Combo:
    made = Combo()
    made.setAccessibleName(name)
    made.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(12)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setMaximumWidth(480)
    return made
