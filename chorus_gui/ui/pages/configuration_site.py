"""What the patterns of a configuration match on the site: read on the reader's thread, shown in the form and in the tester."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject

from chorus_gui.app import sampling
from chorus_gui.app.configuration import Checked
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration_form import Form
from chorus_gui.ui.pages.configuration_tester import TesterTab

LOOK = "look"
"""The reader's channel: a check of the text drops a look that has not ended."""


class SiteLook(QObject):
    """Looks at the site's files for ``form`` and ``tester``, and remembers for what it looked last."""

    def __init__(self, owner: QObject, services: Services, form: Form, tester: TesterTab) -> None:
        """``owner`` asks the reader: the page, which also has the text checked."""
        super().__init__(owner)
        self._owner = owner
        self._services = services
        self._form = form
        self._tester = tester
        self._sampled: object = None

    def look(self, checked: Checked | None, *, shown: bool, asked: bool) -> None:
        """See what the patterns match, if the answer can differ from the last one and is ``shown``, or if a person ``asked``."""
        if checked is None or not checked.sites or not (asked or shown):
            return
        sites = checked.sites.values()
        subject = (checked.layout, tuple((s.modality, s.place.text, s.pattern.text, s.omop_per_patient, s.mapped) for s in sites))
        if not asked and subject == self._sampled:
            return
        self._sampled = subject
        if not asked and any(site.place.kind is not PlaceKind.FOLDER for site in sites):
            self.show_sample(None)
            return
        self._tester.show_looking()

        def seen(outcome: Outcome[Any]) -> None:
            if outcome.kind is OutcomeKind.DONE:
                self.show_sample(outcome.value)
            else:
                self._sampled = None

        def step(ctx: JobContext) -> sampling.Sample:
            return sampling.sample(checked, ctx, login=self._services.login)

        self._services.reader.ask(self._owner, step, seen, channel=LOOK)

    def forget(self) -> None:
        """Another file is opened: what was found belongs to the one before."""
        self._sampled = None
        self._tester.forget()
        self.show_sample(None)

    def show_sample(self, found: sampling.Sample | None) -> None:
        """What was found; None: not looked at."""
        self._form.show_sample(found)
        self._tester.show_sample(found)
