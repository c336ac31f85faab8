"""Tables: each rule of cells and lines, in a small part and through the whole pass, with line numbers that are right."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from readinessworld import DAY, Site, header, line, table

from chorus_gui.app.readiness import to_data
from chorus_gui.app.readiness_report import to_text
from chorus_gui.core.folders import data_folder
from chorus_gui.core.readiness import tables as tables_module
from chorus_gui.core.readiness.omop import tables
from chorus_gui.core.rules import Pass

CANARY = "QXCANARY7"
Change = Callable[[Site], object]


def home(site: Site) -> Path:
    """Where the program keeps its files in a test."""
    del site
    return data_folder()


def put(name: str, *lines: Mapping[str, object]) -> Change:
    return lambda site: site.put(f"OMOP/{name}.csv", table(name, *lines))


def raw(name: str, content: str | bytes) -> Change:
    return lambda site: site.put(f"OMOP/{name}.csv", content)


M = {"measurement_id": 1, "person_id": 1001}
V = {"visit_occurrence_id": 1, "person_id": 1001}
P = {"gender_source_value": "M", "race_source_value": "x", "ethnicity_source_value": "y", "year_of_birth": 1970}

QUICK: list[tuple[str, str, int, Change]] = [
    ("O7", "measurement.measurement_concept_id, written with decimals", 3, put("measurement", M, {**M, "measurement_concept_id": "12.0"})),
    ("O7", "measurement.measurement_concept_id", 2, put("measurement", {**M, "measurement_concept_id": CANARY})),
    ("O8", "measurement.value_as_number", 2, put("measurement", {**M, "value_as_number": "nan"})),
    ("O8", "measurement.unit_source_value", 2, put("measurement", {**M, "unit_source_value": "NULL"})),
    ("O8", "measurement.visit_occurrence_id", 2, put("measurement", {**M, "visit_occurrence_id": "\\N"})),
    ("O9", "not UTF-8", 0, raw("death", header("death").encode() + b"1001,2024-02-01,,,,caf\xe9,\n")),
    ("O9", "NUL bytes", 0, raw("death", header("death").encode() + b"1001,2024-02-01,,,,a\0b,\n")),
    ("O9", "a carriage return without a line feed", 0, raw("death", header("death").encode() + b'1001,2024-02-01,,,,"a\rb",\n')),
    ("O10", "another number of fields", 3, raw("death", header("death") + line("death", person_id=1001) + "1001,2024-02-01,,,,a,b,,\n")),
    ("O11", "a line of dashes", 2, raw("death", header("death") + "---,---,---,---,---,---,---\n" + line("death", person_id=1001))),
    ("O11", "a count of lines at the end", 0, raw("death", header("death") + line("death", person_id=1001) + "\n(1 rows affected)\n")),
    ("O12", "death.death_date", 2, put("death", {"person_id": 1001, "death_date": "3/4/2021"})),
    ("O12", "measurement.measurement_datetime", 2, put("measurement", {**M, "measurement_datetime": "2024-02-01 8.30 pm"})),
    ("D5", "death.death_date", 2, put("death", {"person_id": 1001, "death_date": "2023-02-29"})),
    ("D2", "death.death_date", 2, put("death", {"person_id": 1001, "death_date": "2199-01-01"})),
    ("N1", "note.note_text", 2, put("note", {"note_id": 1, "person_id": 1001, "note_text": CANARY})),
    ("N2", "note_nlp.snippet", 2, put("note_nlp", {"note_nlp_id": 1, "note_id": 1, "snippet": CANARY})),
    ("N2", "note_nlp.lexical_variant", 2, put("note_nlp", {"note_nlp_id": 1, "note_id": 1, "lexical_variant": CANARY})),
    ("N8", "note.note_source_value", 2, put("note", {"note_id": 1, "person_id": 1001, "note_source_value": f"{CANARY} " * 9})),
    ("P7", "measurement.measurement_source_value", 2, put("measurement", {**M, "measurement_source_value": f"call 617-555-{'0199'}"})),
    ("P7", "observation.value_as_string", 2, put("observation", {"observation_id": 1, "person_id": 1001, "value_as_string": "a.b@example.org"})),
    ("P7", "condition_occurrence.condition_source_value", 2, put("condition_occurrence", {"person_id": 1001, "condition_source_value": "MRN: 12345678"})),
    ("P8", "device_exposure.unique_device_id", 2, put("device_exposure", {"person_id": 1001, "unique_device_id": CANARY})),
    ("P9", "person.person_source_value", 3, put("person", {**P, "person_id": 1001}, {**P, "person_id": 1002, "person_source_value": CANARY})),
]  # fmt: skip

THOROUGH: list[tuple[str, str, int, Change]] = [
    ("O6", "measurement.measurement_concept_id", 3, put("measurement", M, {**M, "measurement_id": 2, "measurement_concept_id": ""})),
    ("O10", "another number of fields", 2, raw("note", header("note") + f'"{CANARY}' + "x" * 100)),
    ("O13", "visit_occurrence.visit_occurrence_id", 3, put("visit_occurrence", V, {**V, "person_id": 1002})),
    ("O13", "person.person_id", 4, put("person", {**P, "person_id": 1001}, {**P, "person_id": 1002}, {**P, "person_id": 1001})),
    ("O14", "measurement.person_id", 2, put("measurement", {**M, "person_id": 999})),
    ("O14", "measurement.visit_occurrence_id", 2, put("measurement", {**M, "visit_occurrence_id": 999})),
    ("O15", "visit_start_date, visit_end_date", 2, put("visit_occurrence", {**V, "visit_end_date": "2024-01-01"}, {**V, "visit_occurrence_id": 2, "person_id": 1002})),
    ("O18", "person.race_source_value", 1, put("person", *({**P, "race_source_value": "", "person_id": one} for one in (1001, 1002)))),
    ("O19", "death.death_datetime", 1, put("death", {"person_id": 1001, "death_datetime": ""})),
    ("N6", "note_nlp.note_id", 2, put("note_nlp", {"note_nlp_id": 1, "note_id": 77})),
    ("D3", "visit_occurrence.visit_start_date", 2, put("visit_occurrence", {**V, "visit_start_date": "2016-12-31"}, {**V, "visit_occurrence_id": 2, "person_id": 1002})),
    ("K5", "Images", 0, put("procedure_occurrence", {"person_id": 1001, "procedure_concept_id": 4141651})),
    ("P6", "person.year_of_birth", 2, put("person", {**P, "person_id": 1001, "year_of_birth": 1930}, {**P, "person_id": 1002})),
    ("D6", "person.year_of_birth", 2, put("person", {**P, "person_id": 1001, "year_of_birth": 2025}, {**P, "person_id": 1002})),
    ("D6", "death.death_date", 2, put("death", {"person_id": 1001, "death_date": "2024-01-31"})),
]  # fmt: skip


@pytest.mark.parametrize("deepest", [Pass.QUICK, Pass.THOROUGH])
def test_a_site_that_follows_the_rules_has_no_finding(deepest: Pass, site: Site) -> None:
    found = site.check(deepest)
    assert found.groups == ()
    assert found.unchecked_count == 0


@pytest.mark.parametrize(
    ("deepest", "rule", "about", "line", "change"),
    [*((Pass.QUICK, *one) for one in QUICK), *((Pass.THOROUGH, *one) for one in (*QUICK, *THOROUGH))],
    ids=[f"quick-{one[0]}-{n}" for n, one in enumerate(QUICK)] + [f"thorough-{one[0]}-{n}" for n, one in enumerate((*QUICK, *THOROUGH))],
)
def test_what_breaks_a_rule_is_found_in_its_line_and_never_shown(
    deepest: Pass, rule: str, about: str, line: int, change: Change, site: Site
) -> None:
    change(site)
    found = site.check(deepest)
    groups = [group for group in found.groups if group.rule.id == rule and group.about == about]
    assert groups, [(group.rule.id, group.about) for group in found.groups]
    assert groups[0].examples[0].line == line
    assert CANARY not in json.dumps(to_data(found))
    assert CANARY not in "\n".join(to_text(found))


QUIET: list[Change] = [
    put("person", {**P, "person_id": 1001, "year_of_birth": 2024}, {**P, "person_id": 1002}),  # born in the year of the first visit
    put("death", {"person_id": 1001, "death_date": "2024-02-01"}),  # on the day on which it begins
    put("note", {"note_id": 1, "person_id": 1001, "note_text": "REDACTED"}, {"note_id": 2, "person_id": 1001, "note_text": ""}),
    put("measurement", {**M, "measurement_datetime": "2024-02-01T08:30:00+00:00"}, {**M, "measurement_id": 2, "measurement_datetime": "2024-02-01 08:30"}),
    put("measurement", {**M, "measurement_source_value": "heart rate, monitor\nsecond line"}, {**M, "measurement_id": 2}),
    put("measurement", {**M, "value_as_number": "1e-3", "measurement_source_value": "12345 10.5.2"}),
    put("measurement", {**M, "value_source_value": "120/80", "visit_occurrence_id": ""}),
    raw("death", "\ufeff".join(["", header("death")]).encode()[3:] + line("death", person_id=1001).replace("\n", "\r\n").encode()),
    put("death", {"person_id": 1001}),
    put("person", {**P, "person_id": 1001, "person_source_value": "1001"}, {**P, "person_id": 1002}),
    put("note", {"note_id": 1, "person_id": 1001, "note_title": "Discharge summary"}),
    put("visit_occurrence", {**V, "visit_end_date": DAY}, {**V, "visit_occurrence_id": 2, "person_id": 1002}),
]  # fmt: skip


@pytest.mark.parametrize("change", QUIET, ids=range(len(QUIET)))
def test_what_looks_odd_and_is_right_stays_silent(change: Change, site: Site) -> None:
    change(site)
    assert {rule: [group.about for group in groups] for rule, groups in site.found(Pass.THOROUGH).items()} == {}


def test_line_numbers_are_those_of_the_file_across_batches_and_line_breaks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_module, "BATCH", 3)
    lines: list[dict[str, object]] = [
        {**M, "measurement_id": n, "measurement_source_value": "two\nlines" if n == 2 else "x"} for n in range(1, 9)
    ]
    lines[7]["measurement_concept_id"] = "bad"
    content = table("measurement", *lines)
    site.put("OMOP/measurement.csv", content)
    number = next(n for n, text in enumerate(content.splitlines(), 1) if ",bad," in text)
    (group,) = site.found(Pass.THOROUGH)["O7"]
    assert group.examples[0].line == number == 10


@pytest.mark.parametrize(("name", "column"), [(name, column.name) for name, columns in tables().items() for column in columns])
def test_no_cell_of_any_column_is_in_a_result(name: str, column: str, site: Site) -> None:
    site.put(f"OMOP/{name}.csv", table(name, {"person_id": 1001, column: CANARY}))
    found = site.check(Pass.THOROUGH, modalities=("OMOP",))
    assert CANARY not in json.dumps(to_data(found))
    assert CANARY not in "\n".join(to_text(found))
    assert CANARY.encode() not in b"".join(file.read_bytes() for file in home(site).rglob("*") if file.is_file())
