"""The passes that read: what they compare between files, remember, and could not check; how they are stopped."""

from __future__ import annotations

import os
import stat

import pytest
from readinessworld import PATIENTS, Site, image, table

from chorus_gui.app.folders import clear_local_data, data_folder
from chorus_gui.app.readiness import check
from chorus_gui.app.readiness_report import to_text
from chorus_gui.app.workspace import Person, Workspace
from chorus_gui.core.errors import Cancelled, SourceUnreadableError
from chorus_gui.core.folders import resource
from chorus_gui.core.job import JobContext
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness import memory as memory_module
from chorus_gui.core.readiness.texts import check_counts, check_description
from chorus_gui.core.rules import BUILT_IN
from chorus_gui.core.storage.folder import FolderSource


def test_quick_reads_one_image_of_a_series_and_thorough_reads_all(site: Site) -> None:
    for number in range(2, 6):
        site.put(f"1001/Images/CT/10011/3001/{number}.dcm", image("1001", "10011", InstanceNumber=number, PatientName="DOE^JOHN"))
    assert site.found(Pass.QUICK) == {}
    (group,) = site.found(Pass.THOROUGH)["I15"]
    assert (group.about, group.files, len(group.examples)) == ("PatientName", 4, 3)


def test_a_study_of_two_patients_and_a_folder_of_two_series_are_found(site: Site) -> None:
    site.put("1002/Images/CT/10021/3001/1.dcm", image("1002", "10021", StudyInstanceUID="1.2.1001.10011"))
    assert [group.rule.id for group in site.check(Pass.QUICK).groups] == ["I21"]
    site.put("1002/Images/CT/10021/3001/1.dcm", image("1002", "10021"))
    site.put("1002/Images/CT/10021/3001/2.dcm", image("1002", "10021", InstanceNumber=2, SeriesInstanceUID="1.2.9"))
    assert [group.rule.id for group in site.check(Pass.THOROUGH).groups] == ["I6"]
    assert [group.rule.id for group in site.check(Pass.THOROUGH).groups] == ["I6"], "from memory, too"


def test_dates_of_images_that_are_in_no_visit_are_a_sum_not_a_list(site: Site) -> None:
    people = [str(2000 + number) for number in range(8)]
    names = {"gender_source_value": "M", "race_source_value": "x", "ethnicity_source_value": "y", "year_of_birth": 1970}
    site.put("OMOP/person.csv", table("person", *({**names, "person_id": one} for one in (*PATIENTS, *people))))
    visits = [{"visit_occurrence_id": number, "person_id": one} for number, one in enumerate((*PATIENTS, *people), 1)]
    site.put("OMOP/visit_occurrence.csv", table("visit_occurrence", *visits))
    for one in people:
        site.put(f"{one}/Images/CT/{one}1/3001/1.dcm", image(one, f"{one}1", StudyDate="20200101"))
    (group,) = site.found(Pass.THOROUGH)["D1"]
    assert group.about == "Images: 2 of 10 patients have a date within a visit"
    assert "D1" not in site.found(Pass.QUICK)


def test_the_next_run_reads_only_what_changed(site: Site) -> None:
    first = site.check(Pass.THOROUGH)
    again = site.check(Pass.THOROUGH)
    assert first.remembered == 0
    assert again.remembered == first.read - 3, "metadata are small, and read each time"
    assert again.groups == first.groups
    site.put("1001/Images/CT/10011/3001/1.dcm", image("1001", "10011", PatientName="DOE^JOHN"))
    changed = site.check(Pass.THOROUGH)
    assert changed.read == again.read + 1
    assert [group.rule.id for group in changed.groups] == ["I15"]
    assert [group.rule.id for group in site.check(Pass.THOROUGH).groups] == ["I15"], "remembered"
    other = site.check(Pass.THOROUGH, keys='rules_off = ["P8: allowed"]')
    assert other.remembered == 0, "other rules, other verdicts"


def test_files_are_read_again_for_a_rule_that_is_added_without_another_version(site: Site) -> None:
    text = resource(BUILT_IN).read_text("utf-8")
    before, mark, rest = text.partition('[[rule]]\nid = "I11"')
    _, again, after = rest.partition("[[rule]]")
    file = site.base / "rules.toml"
    file.write_text(before + again + after, "utf-8")
    keys = 'rules = "rules.toml"'
    site.check(Pass.QUICK, keys)
    assert site.check(Pass.QUICK, keys).remembered > 0
    file.write_text(before + mark + rest, "utf-8")
    assert site.check(Pass.QUICK, keys).remembered == 0, "an older program, without a check for it, may have read them"


def test_a_changed_person_table_is_a_reason_to_read_all_tables_again(site: Site) -> None:
    site.put("OMOP/death.csv", table("death", {"person_id": 1001}))
    assert site.found(Pass.THOROUGH) == {}
    names = {"gender_source_value": "M", "race_source_value": "x", "ethnicity_source_value": "y", "year_of_birth": 1970}
    site.put("OMOP/person.csv", table("person", {**names, "person_id": 1002}))
    assert "O14" in site.found(Pass.THOROUGH)


def test_what_is_remembered_is_of_this_user_alone_and_can_be_removed(site: Site) -> None:
    site.check(Pass.QUICK)
    leaks, file = sorted((data_folder() / "readiness").iterdir())
    assert leaks.name.startswith("leaks-")
    assert os.name == "nt" or leaks.stat().st_mode & 0o077 == 0
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    assert b"1.2.1001" not in content, "no UID"
    assert clear_local_data(staging=True, logs=False, receipts=False) >= 1
    assert not file.exists()


def test_a_damaged_memory_begins_again(site: Site) -> None:
    site.check(Pass.QUICK)
    leaks, file = sorted((data_folder() / "readiness").iterdir())
    assert leaks.name.startswith("leaks-")
    assert os.name == "nt" or leaks.stat().st_mode & 0o077 == 0
    file.write_bytes(b"not a database" * 100)
    assert site.check(Pass.QUICK).remembered == 0
    assert site.check(Pass.QUICK).remembered > 0


def test_a_file_that_cannot_be_read_is_said_and_is_checked_next_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FolderSource.open

    def refuse(self: FolderSource, path: str, *given: object, **options: object) -> object:
        if path.endswith((".dcm", "death.csv", "901001.hea")):
            raise SourceUnreadableError("The file cannot be opened.")
        return real(self, path, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(FolderSource, "open", refuse)
    found = site.check(Pass.QUICK)
    assert found.unchecked_count >= 4
    assert any("1001/Images/CT/10011/3001/1.dcm: The file cannot be opened." in text for text in to_text(found))
    monkeypatch.undo()
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(data_folder().parent))
    assert site.check(Pass.QUICK).unchecked_count == 0


def test_a_check_can_be_stopped_and_continues_where_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        site.put(f"1001/Images/CT/10011/4{number:03}/1.dcm", image("1001", "10011", SeriesInstanceUID=f"1.{number}"))
    ctx = JobContext()
    real = memory_module.Memory.remember
    seen: list[int] = []

    def remember(self: memory_module.Memory, *given: object) -> None:
        real(self, *given)  # type: ignore[arg-type]
        seen.append(1)
        if len(seen) == 20:
            ctx.cancel()

    monkeypatch.setattr(memory_module.Memory, "remember", remember)
    with Workspace(site.config()) as workspace, pytest.raises(Cancelled):
        check(workspace, ctx, Pass.QUICK)
    found = site.check(Pass.QUICK)
    assert found.remembered >= 20
    assert found.groups == ()


class _Listener(Person):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See :meth:`Person.say`."""
        self.said.append(text)


def test_a_pass_says_first_what_it_is_going_to_read(site: Site) -> None:
    said: list[str] = []
    for _ in range(2):
        person = _Listener()
        with Workspace(site.config(), None, person) as workspace:
            check(workspace, JobContext(), Pass.QUICK)
        said += person.said
    assert said[0].startswith("To read: ")
    assert "of 17 files" in said[0]
    assert "of 2 files" in said[1], "the headers of recordings; everything else is remembered"


@pytest.mark.parametrize("deepest", list(Pass))
def test_a_modality_whose_folder_is_missing_is_unchecked_and_the_others_are_checked(site: Site, deepest: Pass) -> None:
    site.put("1001/Images/5/6/1.dcm")
    missing = '[site_path.OMOP]\npath = "nowhere"\n[site_path.Metadata]\npath = "nowhere"\n'
    found = site.check(deepest, patterns=missing)
    assert found.unchecked_count >= 1
    assert "L3" in {group.rule.id for group in found.groups}


FULL = '[journal]\njournaling_mode = "full"'


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param("2 patients with 3 recordings", False, id="all numbers"),
        pytest.param("two patients", True, id="no numbers"),
        pytest.param("2 patients with 13 recordings, 3.5 GB, v2.3", True, id="another number"),
        pytest.param("5 patients, 3 recordings of 2024", True, id="one number is another"),
    ],
)
def test_the_description_says_how_many_patients_and_recordings_there_are(site: Site, said: str, found: bool) -> None:
    site.put("1001/Waveforms/EEG/7001/7001.stp")
    site.put("1001/Waveforms/Telemetry/7002/7002.stp")
    site.put("Metadata/EEG_mapping.csv", site.root.joinpath("Metadata/Telemetry_mapping.csv").read_text())
    site.put("Metadata/SUBMISSION.md", f"Date shift code: 0\n{said}, 1 EEG recording\n")
    groups = site.found(Pass.QUICK, FULL).get("M9", [])
    assert [group.about for group in groups] == (
        ["2 patients with images or recordings, 3 Telemetry recordings, 1 EEG recording"] if found else []
    )
    assert "M9" not in site.found(Pass.AT_ONCE, FULL)


@pytest.mark.parametrize(
    "said",
    [
        "1,203 patients",
        "1203 patients",
        "_1203_ patients",
        "1203patients",
        "1203-bed",
        "1203/99",
        "12 1203 patients",
        "1 203 patients",
        "1.203 patients",
        "1\u202f203 patients",
        "1'203 patients",
    ],
)
def test_a_number_is_found_however_it_is_written(said: str) -> None:
    assert not [*check_counts("Metadata/SUBMISSION.md", f"In 2025 {said} (99 more)".encode(), {"patients": 1203})]
    assert [*check_counts("Metadata/SUBMISSION.md", f"In 2025 {said} (99 more)".encode(), {"patients": 20})]


def test_numbers_are_not_compared_if_only_new_files_or_one_modality_were_seen(site: Site) -> None:
    site.put("Metadata/SUBMISSION.md", "Date shift code: 0\n")
    assert "M9" in site.found(Pass.QUICK, FULL)
    assert "M9" not in site.found(Pass.QUICK, FULL, modalities=("Metadata", "Images"))
    assert "M9" not in site.found(Pass.QUICK, FULL.replace("full", "append"))


def test_recordings_of_two_patients_with_the_same_number_are_two(site: Site) -> None:
    for patient in PATIENTS:
        site.put(f"{patient}/Waveforms/Telemetry/1/1.stp")
    site.put("1001/Waveforms/Telemetry/2024-01/2024-01.stp")
    site.put("Metadata/SUBMISSION.md", "Date shift code: 0\n")
    (group,) = site.found(Pass.QUICK, FULL)["M9"]
    assert group.about == "2 patients with images or recordings, 5 Telemetry recordings"


@pytest.mark.parametrize(
    "data", [b"9" * 10_000, b"123 " * 5000, b"123,123," * 5000, "1203 patients".encode("utf-16"), b"\xff\xfe\x00", b"\xff" * 99]
)
def test_odd_texts_are_read(data: bytes) -> None:
    found = [*check_counts("Metadata/SUBMISSION.md", data, {"patients": 1203})]
    assert bool(found) is (b"p\0a\0t\0" not in data)
    assert [*check_description("Metadata/SUBMISSION.md", "submission.md", data)]
