"""Checks that need the whole file: unknown keys, and folders and patterns that collide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chorus_gui.core.config.keys import DEFAULT, KEYS, Key, dotted_keys, nearest
from chorus_gui.core.config.model import Layout, Place, PlaceKind, Site
from chorus_gui.core.config.reading import Reading, Tables, as_tables, quote
from chorus_gui.core.model import MODALITIES

_IGNORED = {
    "central_path.patient_first": "The key has no effect in any of the tools: the patient's folder always comes first.",
    "configuration.profile": "",
}
_PER_PATIENT = ("Images", "Waveforms")
_LEAVES_OUT = "exclude"
"""The key without which files would be sent that the person who wrote it meant to leave out."""


def check_unknown(reading: Reading) -> None:
    """Keys and tables with names that nothing reads.

    A warning, since the file works with them.  Faults are a table of ``site_path`` that looks like a modality, because its folder would
    silently not be used, ``exclude`` in another table, because the files would be sent, and a value in place of a table.
    """
    known = dotted_keys(reading.layout)
    _check_table(reading, "", reading.raw, known, _tables(known))


def _tables(known: Mapping[str, Key]) -> set[str]:
    return {table for key in known for table in _ancestors(key)}


def _ancestors(dotted: str) -> Iterator[str]:
    while "." in dotted:
        dotted = dotted.rpartition(".")[0]
        yield dotted


def _check_table(reading: Reading, name: str, table: Tables, known: Mapping[str, Key], tables: set[str]) -> None:
    for key, raw in table.items():
        dotted = f"{name}.{key}" if name else key
        if dotted in tables:
            if isinstance(raw, dict):
                _check_table(reading, dotted, as_tables(table[key]), known, tables)
            else:
                reading.findings.fault(dotted, "This must be a table.", f"Write [{dotted}] on its own line, and its keys below.")
        elif dotted in _IGNORED:
            if _IGNORED[dotted]:
                reading.findings.warn(dotted, _IGNORED[dotted])
        elif dotted not in known:
            _unknown(reading, name, key, dotted, [*known, *tables])
            _check_left_out(reading, dotted, raw)


def _unknown(reading: Reading, table: str, key: str, dotted: str, names: list[str]) -> None:
    here = [name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == table]
    suggestion = nearest(key, here)
    if suggestion == _LEAVES_OUT:
        reading.findings.fault(dotted, "The key is unknown, so the files that it names would be uploaded.", "", suggestion)
        return
    if _leaves_out(key):
        _misplaced(reading, dotted)
        return
    if table == "site_path" and suggestion in MODALITIES:
        reading.findings.fault(dotted, "This is not a modality, so its folder would not be used.", "", suggestion)
        return
    other = Layout.NESTED if reading.layout is Layout.FLAT else Layout.FLAT
    elsewhere = dotted_keys(other).get(dotted)
    if elsewhere is not None:
        modality = table.split(".")[1] if table.startswith("site_path.") else DEFAULT
        place = elsewhere.dotted(reading.layout, modality)
        reading.findings.warn(
            dotted, f"The key has no effect here. This file has the {reading.layout.value} layout, where the key is “{place}”."
        )
        return
    homes = [name for name in names if name.rpartition(".")[2] == key.lower()]
    below = f"{table}.{DEFAULT}.{key.lower()}"  # the table of all modalities
    homes = [below] if below in homes else homes
    if len(homes) == 1 and not suggestion:
        reading.findings.warn(dotted, f"The key has no effect here. Its place is “{homes[0]}”.")
        return
    reading.findings.warn(dotted, "The key is unknown. It has no effect, and stays in the file.", suggestion)


def _leaves_out(key: str) -> bool:
    return key.lower().startswith(_LEAVES_OUT[:5]) or nearest(key, [_LEAVES_OUT]) != ""


def _misplaced(reading: Reading, dotted: str) -> None:
    place = KEYS[_LEAVES_OUT].dotted(reading.layout)
    reading.findings.fault(dotted, "The key has no effect here, so the files that it names would be uploaded.", f"Write it as “{place}”.")


def _check_left_out(reading: Reading, name: str, raw: object) -> None:
    """A table that nothing reads can be a misspelled one."""
    for key, value in as_tables(raw).items():
        dotted = f"{name}.{key}"
        if _leaves_out(key):
            _misplaced(reading, dotted)
        else:
            _check_left_out(reading, dotted, value)


def check_sites(reading: Reading, sites: Mapping[str, Site], central: Place | None) -> None:
    """Patterns and folders that would mix up patients, modalities, or site and store."""
    for site in sites.values():
        _check_pattern(reading, site)
        _check_store_apart(reading, site, central)
    seen: dict[tuple[str, str], str] = {}
    for site in sites.values():
        mark = (str(site.place.folder or site.place.text), site.pattern.text.lower())
        if mark in seen:
            reading.value("site.pattern", site.modality).warn(
                f"{site.modality} and {seen[mark]} have the same folder and pattern, so every file would belong to both."
            )
        seen.setdefault(mark, site.modality)


def _check_pattern(reading: Reading, site: Site) -> None:
    value = reading.value("site.pattern", site.modality)
    if site.modality in _PER_PATIENT and not site.pattern.has_patient:
        value.warn(
            f"The pattern has no {{patient_id}}, so the {site.modality} of all patients are uploaded into one folder of the central store."
        )
    if site.modality != "OMOP":
        return
    if site.omop_per_patient and not site.pattern.has_patient:
        value.warn("The pattern has no {patient_id}, so “omop_per_patient” has no effect.")
    if site.mapped and site.pattern.has_patient and not site.omop_per_patient:
        value.warn(
            "The pattern has {patient_id}, but “omop_per_patient” is not true. Files of different patients with the same name "
            "would replace each other in the central store."
        )


def _check_store_apart(reading: Reading, site: Site, central: Place | None) -> None:
    root = site.place.folder
    if central is None or central.kind is not PlaceKind.FOLDER or central.folder is None or root is None:
        return
    if central.folder == root or root in central.folder.parents:
        reading.value("central.path").fault(
            f"The central store is inside the site's folder {quote(root)}, and would be submitted itself.", "Choose a folder outside of it."
        )
