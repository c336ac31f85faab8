"""The order in which Tab reaches the fields: as they are seen, also those that were made later.  Of several choices it reaches the chosen one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QLayout, QPushButton, QRadioButton, QWidget


def tab_in_order(first: QWidget, *parts: QWidget) -> None:
    """After ``first``, Tab goes through ``parts``, each in the order of its layout."""
    before = first
    compounds: list[tuple[QWidget, QWidget, Qt.FocusPolicy]] = []
    for part in parts:
        for widget in _stops(part):
            proxy, policy = widget.focusProxy(), widget.focusPolicy()
            if proxy is not None:
                compounds.append((widget, proxy, policy))
                widget.setFocusProxy(None)  # type: ignore[arg-type]
                widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # Qt moves no other ones
            QWidget.setTabOrder(before, widget)
            before = widget
    for widget, proxy, policy in compounds:
        widget.setFocusPolicy(policy)
        widget.setFocusProxy(proxy)


def _stops(part: QWidget) -> Iterator[QWidget]:
    """A field of several parts comes before its parts: behind them, it would send Tab back to the part that has its focus."""
    proxy = part.focusProxy()
    if part.isAncestorOf(proxy) if proxy is not None else part.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield part
    layout = part.layout()
    if layout is not None:
        yield from _in_layout(layout)


def _in_layout(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        if item is None:
            continue
        inner, widget = item.layout(), item.widget()
        if inner is not None:
            yield from _in_layout(inner)
        elif widget is not None:
            yield from _stops(widget)


def tab_to_what_is_chosen(root: QWidget) -> None:
    """Of choices that exclude each other, Tab reaches the chosen one, and the arrows the others.

    Qt does so only after one of them had the focus: before, Tab can lead to another one, and then never to the chosen one.
    """
    for one in root.findChildren(QRadioButton):
        if not one.property("tab_follows"):
            one.setProperty("tab_follows", True)
            one.toggled.connect(partial(_follow, one))
        _follow(one)


def _follow(one: QRadioButton, *_: bool) -> None:
    group, around = one.group(), one.parentWidget()
    beside = [one]
    if group is not None:
        beside = group.buttons()
    elif around is not None:
        beside = around.findChildren(QRadioButton, options=Qt.FindChildOption.FindDirectChildrenOnly)
    any_chosen = any(other.isChecked() for other in beside)
    one.setFocusPolicy(Qt.FocusPolicy.StrongFocus if one.isChecked() or not any_chosen else Qt.FocusPolicy.ClickFocus)


def main_action(root: QWidget) -> QPushButton | None:
    """The button with the page's main action, if it can be used now."""
    return next((one for one in root.findChildren(QPushButton) if one.property("primary") and _usable(one, root)), None)


def first_control(root: QWidget) -> QWidget | None:
    """The first field, choice or framed button, as they are seen: no table, and no button that only looks like a link."""
    found = [one for one in root.findChildren(QWidget) if _usable(one, root) and not isinstance(one, QAbstractScrollArea)]
    places = [(at.y(), at.x(), n) for n, one in enumerate(found) if not one.property("flat") for at in (one.mapTo(root, QPoint()),)]
    return found[min(places)[2]] if places else None


def is_on(root: QWidget, one: QWidget) -> bool:
    """It is part of it, and not of a dialog over it."""
    at: QWidget | None = one
    while at is not None and at is not root and not at.isWindow():
        at = at.parentWidget()
    return at is root


def _usable(one: QWidget, root: QWidget) -> bool:
    seen = one.isVisibleTo(root) and one.isEnabledTo(root)
    return seen and bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus) and is_on(root, one)
