"""Checks that need the whole file: folders and patterns that collide, and tables of modalities that do not do what they seem to."""

from __future__ import annotations

from collections.abc import Mapping

from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.model import Layout, Place, PlaceKind, Site
from chorus_gui.core.config.reading import Reading, as_tables, quote
from chorus_gui.core.config.unread_keys import IF_UNREAD
from chorus_gui.core.model import MODALITIES

_PER_PATIENT = ("Images", "Waveforms")
_FOR_ALL = ("pattern", "versioned", "omop_per_patient")
"""Keys that somebody may write once, for all modalities."""


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
    _check_tables(reading)


def _check_tables(reading: Reading) -> None:
    """What a table of ``site_path`` says, and has no effect."""
    given = {name: as_tables(table) for name, table in reading.table("site_path").items() if name in MODALITIES and table}
    per_patient = "omop_per_patient"
    for name, table in given.items():
        if name != "OMOP" and table.get(per_patient) is True and reading.value("site.omop_per_patient", "OMOP").raw is not True:
            reading.findings.fault(
                f"site_path.{name}.{per_patient}",
                f"“{per_patient}” has no effect below [site_path.{name}], so {IF_UNREAD['site.omop_per_patient']}.",
                "Move it below [site_path.OMOP], or remove it.",
                belongs=f"site_path.OMOP.{per_patient}",
            )
    if reading.layout is not Layout.FLAT:
        return
    for name in _FOR_ALL:
        value, without = reading.value(f"site.{name}"), [modality for modality, table in given.items() if table and name not in table]
        if value.raw and (without if name != per_patient else "OMOP" in without):
            value.warn(
                f"In this layout, a modality with its own table takes nothing from [site_path.{DEFAULT}]. So this has no effect for "
                f"{', '.join(without)}."
            )
    if "Metadata" in given and reading.value("modalities").raw is None:
        reading.findings.warn(
            "site_path.Metadata", "In this layout, no Metadata is submitted unless “supported_modalities” names it below [configuration]."
        )


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
