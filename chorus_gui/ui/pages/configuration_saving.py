"""The saves that the Configuration page asked for, each of the file that was open then: another file can be open when one of them ends.

And what was typed for files that are not open now, and is not saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.app.draft import Draft
from chorus_gui.core.job import OutcomeKind
from chorus_gui.ui.state import JobEnd, JobKind, SessionState


@dataclass(eq=False, slots=True)
class Save:
    """``draft`` is what is saved, ``opened`` the file that the page shows; they have the same file, except for “Save as”.

    ``before``: what the page had of ``opened``, to be shown again if it is not saved.  ``done``: it is saved, and not read again yet.
    """

    opened: Path
    draft: Draft
    before: Draft
    job: int | None = None
    done: bool = False


class Saves:
    """One for each file that is open, or was.  ``left``: the drafts of files that are not shown, each with something to save."""

    def __init__(self) -> None:
        self.left: dict[Path, Draft] = {}
        self._saves: dict[Path, Save] = {}
        self._begun: Save | None = None
        self._newest = 0

    def begin(self, save: Save, state: SessionState, ask: Callable[[], None]) -> None:
        """Remember the save that ``ask`` asks for.  Its job is the first one that :meth:`follow` sees meanwhile."""
        self._saves[save.opened] = self._begun = save
        self._newest = state.newest_job
        ask()
        self._begun = None
        if save.job is None:  # nobody does it
            self._saves.pop(save.opened, None)

    def of(self, file: Path | None) -> Save | None:
        """The save of this file that has not ended, or that is not read again yet."""
        return self._saves.get(file) if file is not None else None

    def elsewhere(self, file: Path | None) -> bool:
        """The text of this file is being saved as another one."""
        return file is not None and (save := self.of(file)) is not None and save.draft.file != file

    def was_read(self, file: Path, text: str) -> Draft | None:
        """The file was read, and says ``text``; what was saved as it, if that is known to be saved."""
        save = self._saves.get(file)
        if save is None or save.draft.file != file or not (save.done or save.draft.text == text):
            return None
        if save.done:
            del self._saves[file]
        return save.draft

    def follow(self, state: SessionState, shown: Path | None) -> list[tuple[Save, JobEnd | None]]:
        """Find out which saves have ended, and how those that failed; None: it is saved.

        ``shown`` is the file whose text the page has.  What is left of the others follows: nothing is left of a text that was saved.
        """
        if self._begun is not None and self._begun.job is None:
            new = (job.id for job in state.jobs if job.kind is JobKind.SAVE and job.id > self._newest)
            self._begun.job = min(new, default=None)
        jobs, last, ended = {job.id for job in state.jobs}, state.last, list[tuple[Save, JobEnd | None]]()
        for save in [one for one in self._saves.values() if one.job is not None and not one.done and one.job not in jobs]:
            failed = last if last is not None and last.id == save.job and last.outcome is not OutcomeKind.DONE else None
            save.done = failed is None and save.draft.file == save.opened
            if not save.done:
                del self._saves[save.opened]
            if failed is None:
                self._was_saved(save.draft)
            elif save.before.modified and save.opened != shown:
                self.left.setdefault(save.opened, save.before)
            ended.append((save, failed))
        return ended

    def _was_saved(self, draft: Draft) -> None:
        """What was typed since for this file is based on what was saved."""
        if (kept := self.left.pop(draft.file, None)) is not None and kept.text != draft.text:
            self.left[draft.file] = Draft(kept.file, kept.text, draft.text)
