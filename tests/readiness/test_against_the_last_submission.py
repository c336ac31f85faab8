"""Snapshots that shrank, and registries: what needs an earlier submission, or the other tables."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from readinessworld import Site, table

from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing
from chorus_gui.app.submit import submit
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext
from chorus_gui.core.passes import Pass

MEASURED = [{"measurement_id": number, "person_id": 1001 + number % 2} for number in range(400)]
REGISTRY = "file_id,proc_id,person_id,group_id,visit_id,datetime,src_file,trg_file\n"


@pytest.fixture
def sent(site: Site) -> Site:
    """A site that was checked thoroughly and then submitted, with a large table."""
    (site.base / "store").mkdir()
    site.put("OMOP/measurement.csv", table("measurement", *MEASURED))
    assert "O3" not in site.found(Pass.THOROUGH)
    with Workspace(site.config()) as workspace:
        done = submit(workspace, JobContext(), SubmitOptions(), Reviewing())
    assert done.ok, done.outcome
    return site


def test_the_same_tables_again_are_not_reported(sent: Site) -> None:
    assert not {"O3", "O3B"} & set(sent.found(Pass.THOROUGH))


def test_a_much_smaller_file_is_seen_at_once(sent: Site) -> None:
    sent.put("OMOP/measurement.csv", table("measurement", *MEASURED[:200]))
    (group,) = sent.found()["O3"]
    assert group.about.startswith("measurement: ")
    assert "fewer bytes than in the last submission" in group.about
    assert group.examples[0].path == "OMOP/measurement.csv"


def test_fewer_lines_and_patients_are_seen_by_the_thorough_pass(sent: Site) -> None:
    padded = [{**cells, "value_source_value": "x" * 20} for cells in MEASURED[:360] if cells["person_id"] == 1001]
    sent.put("OMOP/measurement.csv", table("measurement", *padded, *padded))
    found = {group.about for group in sent.found(Pass.THOROUGH)["O3"]}
    assert any("fewer patients" in about for about in found)
    sent.put("OMOP/measurement.csv", table("measurement", *({**one, "value_source_value": "x" * 20} for one in MEASURED[:370])))
    found = {group.about for group in sent.found(Pass.THOROUGH)["O3"]}
    assert found == {"measurement: 8 % fewer lines than in the last submission"}
    assert sent.check(Pass.THOROUGH).remembered > 0
    assert "O3" in sent.found(Pass.THOROUGH), "also if the table is remembered"


def test_a_table_that_stays_while_the_others_change_is_a_note(sent: Site) -> None:
    for file in sorted((sent.root / "OMOP").iterdir())[:9]:
        os.utime(file, (1_800_000_000, 1_800_000_000))
    stays = {file.stem for file in sorted((sent.root / "OMOP").iterdir())[9:]}
    assert {group.about for group in sent.found()["O3B"]} == stays


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda names: names, False),
        (lambda names: [name.upper() for name in names], False),
        (lambda names: [f'"{name}"' for name in names], False),
        (lambda names: [*names[:-2], names[-1], names[-2]], True),
        (lambda names: [*names, "site_column"], True),
        (lambda names: names[:-1], True),
    ],
    ids=["the same", "capitals", "quotes", "moved", "added", "removed"],
)
def test_other_columns_than_in_the_last_submission_are_seen_at_once(
    change: Callable[[list[str]], list[str]], found: bool, sent: Site, request: pytest.FixtureRequest
) -> None:
    file = sent.root / "OMOP/measurement.csv"
    first, _, rest = file.read_text("utf-8").partition("\n")
    sent.put("OMOP/measurement.csv", ",".join(change(first.split(","))) + "\n" + rest)
    groups = sent.found().get("O5B", [])
    assert [group.about for group in groups] == (["measurement"] if found else [])
    assert "site_column" not in str(groups)
    assert ("O5B" in sent.found(Pass.THOROUGH)) == found
    (sent.root / "OMOP/measurement.csv").write_text(first + "\n" + rest, "utf-8")
    assert "O5B" not in sent.found(), request.node.name


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (REGISTRY + "1,1,1001,1,1,,,\n2,2,1002,1,2,,,\n", set()),
        (REGISTRY + "1,1,1001,1,,,,\n2,2,1002,1,2,,,\n", set()),
        (REGISTRY + "1,1,1001,1,1,,,\n1,2,1002,1,2,,,\n", {"file_id is not unique"}),
        (
            REGISTRY + "1,9,7777,1,8,,,\n2,2,1002,1,2,,,\n",
            {"person_id is not in person", "visit_id is not in visit_occurrence", "proc_id is not in procedure_occurrence"},
        ),
        (REGISTRY.replace(",datetime", "") + "1,1,1001,1,1,,\n2,2,1002,1,2,,\n", {"datetime is missing"}),
        ("image_registry_id," + REGISTRY + "9,1,1,1001,1,1,,,\n9,,2,1002,1,2,,,\n", {"file_id is empty"}),
    ],
)
@pytest.mark.parametrize("place", ["Metadata/image_registry.csv", "OMOP/image_registry.csv"])
def test_a_registry(text: str, about: set[str], place: str, site: Site) -> None:
    site.put(place, text)
    found = site.found(Pass.THOROUGH)
    assert {group.about for group in found.get("K6", [])} == about
    assert "K7" not in found
    assert "7777" not in "".join(group.about for groups in found.values() for group in groups)


@pytest.mark.parametrize(
    ("when", "found"),
    [("2024-02-01 08:15:00", 0), ("", 0), ("2/1/2024 8:15", 1), ("2024-02-01T08:15:00", 1), ("CANARY42", 1), ("2024-02-01", 1)],
)
def test_times_of_a_registry(when: str, found: int, site: Site) -> None:
    site.put("Metadata/image_registry.csv", REGISTRY + f"1,1,1001,1,1,{when},,\n2,2,1002,1,2,2024-02-01 08:15:00,,\n")
    groups = site.found(Pass.THOROUGH).get("K12", [])
    assert [(group.about, group.examples[0].line) for group in groups] == [("another form", 2)] * found


def test_a_registry_with_another_number_of_images(site: Site) -> None:
    site.put("Metadata/image_registry.csv", REGISTRY + "1,1,1001,1,1,,,\n")
    (group,) = site.found(Pass.THOROUGH, patterns='[journal]\njournaling_mode = "full"\n')["K7"]
    assert group.about == "1 lines for 2 images"


def test_in_append_mode_earlier_images_are_not_on_the_site(site: Site) -> None:
    site.put("Metadata/image_registry.csv", REGISTRY + "1,1,1001,1,1,,,\n")
    assert "K7" not in site.found(Pass.THOROUGH, patterns='[journal]\njournaling_mode = "append"\n')
