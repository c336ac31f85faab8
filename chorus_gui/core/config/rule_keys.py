"""The rules of the readiness check: which file has them, and which ones this site switched off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from chorus_gui.core import rules
from chorus_gui.core.config.reading import Reading, Value, quote
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.rules import RuleSet

_EXAMPLE = 'Write for example rules_off = ["P8: the privacy office allows serial numbers of devices"].'


def read_rules(reading: Reading, folder: Path) -> tuple[Path | None, dict[str, str]]:
    """The file of the rules (None: those of the program) and the rules that are switched off, id → reason; faults for what cannot be used."""
    given, off = reading.value("rules"), reading.value("rules_off")
    file = folder / given.text() if given.given and given.text() else None
    reasons = _reasons(off)
    known: RuleSet | None = None
    try:
        known = rules.read(file) if file is not None else rules.built_in() if reasons else None
    except ConfigError as error:
        found = error.faults
        given.fault(error.what, f"{found[0]}" if found else error.remedy)
    if known is not None:
        for id_, meant in rules.unknown(known, list(reasons)):
            hint = f"Did you mean “{meant}”? " if meant else ""
            off.fault(f"There is no rule {quote(id_)}.", f"{hint}“chorus-upload readiness --list-rules” shows all rules.")
    return file, reasons


def _reasons(value: Value) -> dict[str, str]:
    """Id → reason.  A reason may have commas, so semicolons separate the rules in one text."""
    if not value.given:
        return {}
    raw: list[object] = []
    if isinstance(value.raw, str):
        raw += [part for part in value.text().split(";") if part.strip()]
    elif isinstance(value.raw, list):
        raw += cast("list[object]", value.raw)  # pyright: ignore[reportUnknownMemberType]
    if not raw or not all(isinstance(one, str) for one in raw):
        value.fault("This is not a list of rules with reasons.", _EXAMPLE)
        return {}
    found: dict[str, str] = {}
    for one in raw:
        id_, colon, reason = str(one).partition(":")
        if not id_.strip() or not colon or not reason.strip():
            value.fault(f"{quote(one)} has no reason.", _EXAMPLE)
        else:
            found[id_.strip()] = reason.strip()
    return found


def chosen(file: Path | None, off: Mapping[str, str]) -> RuleSet:
    """The rules of a file (None: those of the program), without those that are off.  Raises :class:`ConfigError`."""
    found = rules.read(file) if file is not None else rules.built_in()
    if missing := rules.unknown(found, list(off)):
        id_, meant = missing[0]
        raise ConfigError(
            f"The configuration switches off the rule “{id_}”, but there is no such rule.",
            remedy=f"Did you mean “{meant}”?" if meant else "“chorus-upload readiness --list-rules” shows all rules.",
        )
    return found.without(off)
