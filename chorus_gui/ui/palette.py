"""Every command of the window, found by its words: the menus, the actions and buttons of the pages, and the settings.

The menus and the pages are read when the list is shown, so it has a new action by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QMenu, QPushButton, QStackedWidget, QTabWidget, QToolButton, QWidget

from chorus_gui.core.config.keys import DEFAULT, KEYS, TITLES
from chorus_gui.ui.pages.configuration_fields import Field
from chorus_gui.ui.shown import without_letter
from chorus_gui.ui.widgets.basics import Chip, Tile

if TYPE_CHECKING:
    from chorus_gui.ui.main_window import MainWindow
    from chorus_gui.ui.pages import Page
    from chorus_gui.ui.state import SessionState

SETTINGS = "configuration"
"""The page that has the settings."""
_GROUPS = {"central": "Central store", "journal": "Journal", "site": "Site", "report": "Messages"}


@dataclass(frozen=True, slots=True)
class Found:
    """A command: what it does, the menu or page that has it, its keys, what else describes it, and whether it can be used now."""

    title: str
    where: str
    keys: str
    tip: str
    enabled: bool
    run: Callable[[], None]


def commands(window: MainWindow) -> list[Found]:
    """All of them, the menus first, in their order; a command that has the same words in the same place is one."""
    found = [*_of_menus(window), *_of_pages(window), *_settings(window)]
    return list({(one.where, one.title): one for one in reversed(found)}.values())[::-1]


def matching(found: Sequence[Found], text: str) -> list[Found]:
    """Those that have every word of ``text`` at the beginning of a word of theirs, the best first: in the title before anywhere else.

    What cannot be used now comes last.
    """
    wanted = text.casefold().split()
    ranked: list[tuple[tuple[bool, int, int], Found]] = []
    for number, one in enumerate(found):
        title, rest = _words(one.title), _words(f"{one.where} {one.tip} {one.keys}")
        if all(_begins(word, title) or _begins(word, rest) for word in wanted):
            outside = sum(not _begins(word, title) for word in wanted)
            first = 0 if wanted and title and title[0].startswith(wanted[0]) else 1
            ranked.append(((not one.enabled, 2 * outside + first, number), one))
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


def _words(text: str) -> list[str]:
    return [part.strip("“”‘’()….,:;›") for part in text.casefold().replace("/", " ").replace("-", " ").split()]


def _begins(word: str, words: Sequence[str]) -> bool:
    return any(one.startswith(word) for one in words)


# --- menus ------------------------------------------------------------------------------------------------------------------


def _menus(window: MainWindow) -> dict[QAction, QMenu]:
    """Every menu of the window by the action that opens it.  ``QAction.menu`` must not be used: its result ends with the action's Python object."""
    return {menu.menuAction(): menu for menu in window.findChildren(QMenu)}


def _of_menus(window: MainWindow) -> Iterator[Found]:
    menus = _menus(window)
    for action in window.menuBar().actions():
        if action in menus:
            yield from _of_menu(menus, menus[action], without_letter(menus[action].title()))


def _of_menu(menus: Mapping[QAction, QMenu], menu: QMenu, where: str) -> Iterator[Found]:
    for action in menu.actions():
        below = menus.get(action)
        if below is not None:
            yield from _of_menu(menus, below, f"{where} › {without_letter(below.title())}")
        elif not action.isSeparator() and action.isVisible() and action.objectName() != "palette":
            yield _of_action(action, where, action.trigger)


def _of_action(action: QAction, where: str, run: Callable[[], None]) -> Found:
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    on = " (on)" if action.isCheckable() and action.isChecked() else ""
    return Found(f"{without_letter(action.text())}{on}", where, keys, action.toolTip(), action.isEnabled(), run)


# --- pages ------------------------------------------------------------------------------------------------------------------


def _of_pages(window: MainWindow) -> Iterator[Found]:
    menus = _menus(window)
    for name, title, page in window.named_pages():
        for action in page.findChildren(QAction):
            if action.text() and action not in menus and not action.isSeparator() and action.isVisible():
                yield _of_action(action, title, lambda name=name, action=action: _run(window, name, None, action.trigger))
        for button in page.findChildren(QAbstractButton):
            if _is_command(button) and _can_be_shown(button, page):
                yield Found(
                    without_letter(button.text()),
                    " › ".join([title, *_tabs(button, page)]),
                    "",
                    button.toolTip(),
                    button.isEnabled(),
                    lambda name=name, button=button: _run(window, name, button, button.click),
                )


def _is_command(button: QAbstractButton) -> bool:
    """It does something by itself: it filters nothing, belongs to no field, and opens no menu."""
    if not isinstance(button, (QPushButton, QToolButton)) or isinstance(button, (Chip, Tile)) or button.isCheckable() or button.menu():
        return False
    return bool(button.text()) and not _inside(button, Field)


def _inside(button: QWidget, kind: type[QWidget]) -> bool:
    above = button.parentWidget()
    while above is not None and not isinstance(above, kind):
        above = above.parentWidget()
    return above is not None


def _can_be_shown(widget: QWidget, page: Page) -> bool:
    """Nothing hides it but another tab."""
    one: QWidget | None = widget
    while one is not None and one is not page:
        if one.isHidden() and not _is_tab(one):
            return False
        one = one.parentWidget()
    return True


def _is_tab(widget: QWidget) -> bool:
    above = widget.parentWidget()
    return isinstance(above, QStackedWidget) and isinstance(above.parentWidget(), QTabWidget)


def _tab_of(widget: QWidget, page: Page) -> Iterator[tuple[QTabWidget, int]]:
    """The tabs that have it, from the inside."""
    one: QWidget | None = widget
    while one is not None and one is not page:
        above = one.parentWidget()
        tabs = above.parentWidget() if above is not None and _is_tab(one) else None
        if isinstance(tabs, QTabWidget):
            yield tabs, tabs.indexOf(one)
        one = above


def _tabs(widget: QWidget, page: Page) -> list[str]:
    return [without_letter(tabs.tabText(number)) for tabs, number in reversed([*_tab_of(widget, page)])]


def _run(window: MainWindow, name: str, shown: QWidget | None, act: Callable[[], None]) -> None:
    window.show_page(name)
    page = window.page(name)
    if shown is not None and page is not None:
        for tabs, number in _tab_of(shown, page):
            tabs.setCurrentIndex(number)
    act()


# --- settings ---------------------------------------------------------------------------------------------------------------


def _settings(window: MainWindow) -> Iterator[Found]:
    """The keys of the configuration, by the titles and explanations of the form."""
    for key in KEYS.values():
        title = TITLES.get(key.meaning)
        if title is not None:
            group = _GROUPS.get(key.meaning.partition(".")[0], "")
            where = " › ".join(part for part in ("Configuration", group) if part)
            run = lambda meaning=key.meaning: _show_setting(window, meaning)  # noqa: E731 - one of many alike
            yield Found(title, where, "", key.explanation, _has_form(window.state), run)


def _has_form(state: SessionState) -> bool:
    return state.config_file is not None


def _show_setting(window: MainWindow, meaning: str) -> None:
    state, key = window.state, KEYS[meaning]
    layout = state.config.layout if state.config is not None else None
    dotted = key.dotted(layout, DEFAULT) if layout is not None else key.nested.replace("*", DEFAULT)
    window.show_page(SETTINGS, dotted)
