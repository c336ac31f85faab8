"""OMOP tables (Common Data Model 5.4 columns) of fictitious patients: an admission, its diagnoses, hourly vital signs."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


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
_PERSON = ("person_id", "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth", "race_concept_id",
           "ethnicity_concept_id", "person_source_value", "gender_source_value")  # fmt: skip


def _person(person: Person) -> tuple[object, ...]:
    return (person.person_id, _SEX[person.sex], person.born, "", "", 0, 0, person.person_id, person.sex)


def person_row(person: Person) -> str:
    """The line of person.csv for one patient, line end included."""
    return _csv([_person(person)])


def all_tables(people: Iterable[Person], rng: random.Random) -> dict[str, str]:
    """File name → text.  Every person_id and visit_occurrence_id that one table names is in the table that defines it."""
    people = list(people)
    visits: list[tuple[object, ...]] = []
    periods: list[tuple[object, ...]] = []
    conditions: list[tuple[object, ...]] = []
    drugs: list[tuple[object, ...]] = []
    measurements: list[tuple[object, ...]] = []
    for number, person in enumerate(people, start=1):
        visit, start, end = 500_000 + number, person.admitted, person.admitted + timedelta(days=person.days)
        visits.append((visit, person.person_id, 9201, *_moment(start), *_moment(end), 32817))
        periods.append((number, person.person_id, f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}", 32817))
        for concept in rng.sample(_CONDITIONS, 2):
            conditions.append((len(conditions) + 1, person.person_id, concept, *_moment(start), 32817, visit))
        for concept in rng.sample(_DRUGS, 2):
            given = start + timedelta(minutes=rng.randrange(30, 600))
            drugs.append((len(drugs) + 1, person.person_id, concept, *_moment(given), *_moment(given), 32818, visit))
        for hour in range(24 * person.days):
            for concept, unit, mean, spread, decimals in _VITALS:
                value = f"{rng.gauss(mean, spread / 2):.{decimals}f}"
                at = _moment(start + timedelta(hours=hour))
                measurements.append((len(measurements) + 1, person.person_id, concept, *at, 32817, value, unit, visit))
    return {
        "person.csv": _csv([_PERSON, *map(_person, people)]),
        "observation_period.csv": _csv(
            [
                ("observation_period_id", "person_id", "observation_period_start_date", "observation_period_end_date", "period_type_concept_id"),
                *periods,
            ]
        ),
        "visit_occurrence.csv": _csv(
            [
                ("visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date", "visit_start_datetime", "visit_end_date",
                 "visit_end_datetime", "visit_type_concept_id"),
                *visits,
            ]
        ),
        "condition_occurrence.csv": _csv(
            [
                ("condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date", "condition_start_datetime",
                 "condition_type_concept_id", "visit_occurrence_id"),
                *conditions,
            ]
        ),
        "drug_exposure.csv": _csv(
            [
                ("drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_start_datetime",
                 "drug_exposure_end_date", "drug_exposure_end_datetime", "drug_type_concept_id", "visit_occurrence_id"),
                *drugs,
            ]
        ),
        "measurement.csv": _csv(
            [
                ("measurement_id", "person_id", "measurement_concept_id", "measurement_date", "measurement_datetime",
                 "measurement_type_concept_id", "value_as_number", "unit_concept_id", "visit_occurrence_id"),
                *measurements,
            ]
        ),
    }  # fmt: skip


def _moment(at: datetime) -> tuple[str, str]:
    """Date and datetime columns."""
    return f"{at:%Y-%m-%d}", f"{at:%Y-%m-%d %H:%M:%S}"


def _csv(rows: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
