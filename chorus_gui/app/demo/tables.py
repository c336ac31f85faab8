"""OMOP tables (Common Data Model 5.4 columns) of fictitious patients: an admission, its diagnoses, hourly vital signs."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chorus_gui.core.readiness.omop import tables


@dataclass(frozen=True, slots=True)
class Person:
    """A patient and their one stay.  ``sex`` is F or M, ``admitted`` a moment in UTC, ``days`` the length of the stay."""

    person_id: int
    sex: str
    born: int
    admitted: datetime
    days: int


# concept, unit concept, mean, spread, decimals: heart rate, SpO2, systolic and diastolic pressure, respiration, temperature
_VITALS = (
    (3027018, 8541, 84.0, 13.0, 0),
    (40762499, 8554, 96.5, 1.6, 0),
    (3004249, 8876, 122.0, 16.0, 0),
    (3012888, 8876, 68.0, 10.0, 0),
    (3024171, 8541, 18.0, 4.0, 0),
    (3020891, 586323, 37.1, 0.5, 1),
)
_CONDITIONS = (132797, 255848, 319835, 197320, 4329847)
_DRUGS = (1322184, 1836430, 1125315, 19078461)
_SEX = {"F": 8532, "M": 8507}
_IMAGES, _WAVEFORMS = 4180938, 4141651  # the procedures that images and waveforms belong to
_TYPE, _REGISTRY_TYPE = 32817, 32880
Line = Mapping[str, object]


def person_row(person: Person) -> str:
    """The line of person.csv for one patient, line end included."""
    return _csv("person", [_person(person)], header=False)


def _person(person: Person) -> Line:
    return {
        "person_id": person.person_id,
        "gender_concept_id": _SEX[person.sex],
        "year_of_birth": person.born,
        "birth_datetime": f"{person.born}-07-01 00:00:00",
        "race_concept_id": 0,
        "ethnicity_concept_id": 0,
        "person_source_value": person.person_id,
        "gender_source_value": person.sex,
        "race_source_value": "unknown",
        "ethnicity_source_value": "unknown",
    }


def all_tables(people: Iterable[Person], rng: random.Random) -> dict[str, str]:
    """File name → text: the 13 tables with all columns of the model.  Every ID that one table names is in the table that defines it."""
    lines: dict[str, list[Line]] = {table: [] for table in tables()}
    for number, person in enumerate(people, start=1):
        visit, start, end = 500_000 + number, person.admitted, person.admitted + timedelta(days=person.days)
        who = {"person_id": person.person_id, "visit_occurrence_id": visit}
        lines["person"].append(_person(person))
        stay = {**_moments("visit_start", start), **_moments("visit_end", end)}
        lines["visit_occurrence"].append({**who, "visit_concept_id": 9201, **stay, "visit_type_concept_id": _TYPE})
        period = {"observation_period_start_date": f"{start:%Y-%m-%d}", "observation_period_end_date": f"{end:%Y-%m-%d}"}
        lines["observation_period"].append({**who, "observation_period_id": number, **period, "period_type_concept_id": _TYPE})
        for concept in rng.sample(_CONDITIONS, 2):
            what = {"condition_concept_id": concept, **_moments("condition_start", start), "condition_type_concept_id": _TYPE}
            lines["condition_occurrence"].append({**who, "condition_occurrence_id": len(lines["condition_occurrence"]) + 1, **what})
        for concept in rng.sample(_DRUGS, 2):
            given = start + timedelta(minutes=rng.randrange(30, 600))
            when = {**_moments("drug_exposure_start", given), **_moments("drug_exposure_end", given)}
            what = {"drug_concept_id": concept, **when, "drug_type_concept_id": 32818}
            lines["drug_exposure"].append({**who, "drug_exposure_id": len(lines["drug_exposure"]) + 1, **what})
        for concept in (_IMAGES, _WAVEFORMS):
            what = {"procedure_concept_id": concept, **_moments("procedure", start), "procedure_type_concept_id": _REGISTRY_TYPE}
            lines["procedure_occurrence"].append(
                {**who, "procedure_occurrence_id": 2_000_000_000 + len(lines["procedure_occurrence"]), **what}
            )
        lines["measurement"] += _vitals(person, who, len(lines["measurement"]), rng)
    return {f"{table}.csv": _csv(table, found) for table, found in lines.items()}


def _vitals(person: Person, who: Line, before: int, rng: random.Random) -> list[Line]:
    """Hourly measurements; ``before`` is the number of those of other patients."""
    found: list[Line] = []
    for hour in range(24 * person.days):
        at = _moments("measurement", person.admitted + timedelta(hours=hour))
        for concept, unit, mean, spread, decimals in _VITALS:
            value = f"{rng.gauss(mean, spread / 2):.{decimals}f}"
            what = {
                "measurement_concept_id": concept,
                **at,
                "measurement_type_concept_id": _TYPE,
                "value_as_number": value,
                "unit_concept_id": unit,
            }
            found.append({**who, "measurement_id": before + len(found) + 1, **what})
    return found


def _moments(name: str, at: datetime) -> dict[str, str]:
    """Date and datetime columns."""
    return {f"{name}_date": f"{at:%Y-%m-%d}", f"{name}_datetime": f"{at:%Y-%m-%d %H:%M:%S}"}


def _csv(table: str, lines: Iterable[Line], *, header: bool = True) -> str:
    names = [column.name for column in tables()[table]]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", extrasaction="ignore", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()
