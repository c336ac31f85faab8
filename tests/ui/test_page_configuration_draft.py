"""What the Configuration page edits with: the draft, the hidden secrets, the sample, what is pasted.  No window."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World

from chorus_gui.app import sampling
from chorus_gui.app.credentials import paste, sas_facts, secret_facts
from chorus_gui.app.draft import Draft, modalities_of
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.keys import DEFAULT, KEYS, Kind
from chorus_gui.core.config.load import check
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.save import new_document
from chorus_gui.core.errors import Cancelled, Fault
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Grade
from chorus_gui.ui.pages.configuration_findings import name_of, named, warning_as_fault
from chorus_gui.ui.pages.configuration_text import Masked
from chorus_gui.ui.pages.configuration_words import title

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SAS = "sv=2022-11-02&se=2026-12-04T13:00:00Z&sr=c&sp=racwdl&sig=abc%2FdefAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"


def draft(text: str, tmp_path: Path) -> Draft:
    return Draft(tmp_path / "config.toml", text, text)


def template(tmp_path: Path, layout: Layout = Layout.NESTED) -> Draft:
    return draft(new_document(tmp_path / "config.toml", layout).text, tmp_path)


@pytest.mark.parametrize("layout", list(Layout))
def test_every_key_can_be_set_read_and_taken_out_again(layout: Layout, tmp_path: Path) -> None:
    """Fully round: the comments stay, and what the form shows is what the text says."""
    start = template(tmp_path, layout)
    values: dict[Kind, str | int | bool] = {Kind.NUMBER: 7, Kind.FLAG: True, Kind.MODALITIES: "OMOP"}
    for meaning, key in KEYS.items():
        where = (meaning, modalities_of(meaning)[-1])
        value = values.get(key.kind, key.choices[0] if key.choices else "some/text")
        after = start.with_value(where, value)
        assert after.own(where) == value, meaning
        assert after.where(after.dotted(where)) == where
        assert after.text.count("#") == start.text.count("#"), meaning
        assert not after.with_value(where, None).own(where), meaning
        assert title(meaning)
        assert name_of(where)


def test_a_spelling_of_its_own_is_kept(tmp_path: Path) -> None:
    made = draft("[configuration]\nnthreads = 3 # three\n", tmp_path)
    assert made.own(("threads", DEFAULT)) == 3
    assert made.with_value(("threads", DEFAULT), 5).text == "[configuration]\nnthreads = 5 # three\n"
    assert made.with_value(("threads", DEFAULT), None).own(("threads", DEFAULT)) is None


def test_a_flat_modality_takes_the_defaults_keys_along(tmp_path: Path) -> None:
    made = draft('[site_path.default]\npath = "/site"\n[central_path]\npath = "/central"\n', tmp_path)
    after = made.with_value(("site.pattern", "Images"), "X/{filepath}")
    assert after.own(("site.path", "Images")) == "/site"
    assert check(after.text, after.file, environ={}).sites["Images"].pattern.text == "X/{filepath}"


def test_what_is_no_table_is_left_alone(tmp_path: Path) -> None:
    made = draft("configuration = 3\n", tmp_path)
    assert made.with_value(("page_size", DEFAULT), 5) is made
    assert draft("[x", tmp_path).reading is None


@pytest.mark.parametrize(
    ("line", "key", "after"),
    [
        ('journal.journaling_mode = "ful"', "journal.journaling_mode", "full"),
        ('central_path.path = "https://acc.blob.core.windows.net/box/in?sp=r"', "central_path.path", "az://box/in"),
        ('central_path.path = "azz://box/in"', "central_path.path", "az://box/in"),
        ('configuration.supported_modalities = "OMOP,images"', "configuration.supported_modalities", "OMOP,Images"),
        ('central_path.path = "D:\\total"', "central_path.path", "D:/total"),
        (
            'central_path = { path = "az://Site-one/x", azure_container = "site-one", auth = { auth_mode = "login", azure_account_name = "acc" } }',
            "central_path.path",
            "az://site-one/x",
        ),
    ],
)
def test_a_suggestion_is_taken_over(line: str, key: str, after: str, tmp_path: Path) -> None:
    made = draft(line + "\n", tmp_path)
    fault = next(fault for fault in check(made.text, made.file, environ={}).faults if fault.key == key and fault.suggestion)
    where = made.where(key)
    assert where is not None
    assert made.fixed_value(fault) in (after, fault.suggestion)
    fixed = made.with_fix(fault)
    assert fixed.own(where) == after
    assert fault not in check(fixed.text, fixed.file, environ={}).faults


def test_a_misspelled_table_is_renamed_with_all_below_it(tmp_path: Path) -> None:
    text = '[site_path.image] # image\npath = "image"\n[site_path.image.auth]\nauth_mode = "login"\n'
    made = draft(text, tmp_path)
    fault = next(f for f in check(text, made.file, environ={}).faults if f.key == "site_path.image")
    assert made.with_fix(fault).text == ('[site_path.Images] # image\npath = "image"\n[site_path.Images.auth]\nauth_mode = "login"\n')


def test_the_environment_speaks_only_where_the_file_is_silent(tmp_path: Path) -> None:
    environ = {"AZURE_SAS_TOKEN": SAS, "AZURE_ACCOUNT_NAME": "acc"}
    silent = draft('central_path.path = "az://box/"\n', tmp_path)
    assert silent.variable(("central.azure_sas_token", DEFAULT), environ) == "AZURE_SAS_TOKEN"
    assert silent.variable(("central.azure_account_name", DEFAULT), environ) == "AZURE_ACCOUNT_NAME"
    assert silent.variable(("central.azure_account_key", DEFAULT), environ) == ""
    assert silent.variable(("page_size", DEFAULT), environ) == ""
    given = silent.with_value(("central.azure_account_key", DEFAULT), "a2V5")
    assert given.variable(("central.azure_sas_token", DEFAULT), environ) == ""


def test_findings_are_called_as_the_form_calls_them(tmp_path: Path) -> None:
    made = template(tmp_path)
    assert named(made, Fault("central_path.auth.azure_sas_token", "")) == "Central store: SAS token"
    assert named(made, Fault("site_path.Images.pattern", "")) == "Images: Pattern"
    assert named(made, Fault("site_path.default.path", "")) == "Site folder"
    assert named(made, Fault("nobody.knows", "")) == "nobody.knows"
    fault = warning_as_fault("site_path.Images.pattern (line 7): The pattern: odd.")
    assert (fault.key, fault.line, fault.problem) == ("site_path.Images.pattern", 7, "The pattern: odd.")
    typo = draft("[configuration]\nthread = 3\n", tmp_path)
    warned = warning_as_fault(check(typo.text, typo.file, environ={}).warnings[0])
    assert warned.problem == "The key is unknown. It has no effect, and stays in the file."
    assert typo.with_fix(warned).own(("threads", DEFAULT)) == 3
    assert warning_as_fault("Just a sentence").problem == "Just a sentence"


# --- hidden secrets -----------------------------------------------------------------------------------------------------


def test_no_secret_is_left_in_a_masked_text() -> None:
    text = (
        'azure_sas_token = "TOP1"\n# azure_account_key = \'TOP2\'\n  aws_secret_access_key="""TOP3\nTOP3"""\n'
        'azure_connection_string = TOP4\nauth = { azure_sas_token = "TOP5", x = 1 }\nazure_sas_token = "TOP6\n'
        'azure_account_url = "https://x/?sv=1&sig=TOP7&se=2"\nazure_storage_connection_string = "AccountKey=TOP8"\nazure_sas_token = ""\n'
    )
    masked = Masked(text)
    assert "TOP" not in masked.text
    assert "x = 1" in masked.text
    assert masked.text.endswith('azure_sas_token = ""\n')
    assert masked.open(masked.text) == text


def test_what_is_edited_around_a_hidden_secret_keeps_it() -> None:
    masked = Masked('a = 1\nazure_sas_token = "TOP"\n')
    edited = masked.text.replace("a = 1", "a = 2") + "# ••••9•••• is no secret of ours\n"
    assert masked.open(edited) == 'a = 2\nazure_sas_token = "TOP"\n# ••••9•••• is no secret of ours\n'
    assert masked.open('azure_sas_token = ""') == 'azure_sas_token = ""'


@given(st.lists(st.sampled_from(["azure_sas_token", " = ", '"', "'", '"""', "\n", "sig=", "x", "&", "#", "\\", "a b", "["]), max_size=30))
def test_masking_is_undone_exactly(parts: list[str]) -> None:
    text = "".join(parts)
    masked = Masked(text)
    assert masked.open(masked.text) == text


# --- what is pasted -----------------------------------------------------------------------------------------------------


def test_a_token_is_told_as_soon_as_it_is_pasted() -> None:
    good = sas_facts(SAS.replace("2026-12", "2027-12"), NOW)
    assert (good.grade, good.sentences) == (Grade.GOOD, ())
    assert good.headline.startswith("Expires in 377 days, on 2027-12-04")
    soon = sas_facts(SAS, NOW)
    assert (soon.grade, soon.sentences) == (Grade.WARNING, ())
    assert soon.headline.startswith("Expires in 12 days, on 2026-12-04")
    assert sas_facts(SAS, datetime(2026, 12, 4, 12, 30, tzinfo=UTC)).headline.startswith("Expires in 30 minutes")
    assert sas_facts(SAS, datetime(2027, 1, 1, tzinfo=UTC)).grade is Grade.BAD
    readonly = sas_facts(SAS.replace("racwdl", "rl"), NOW)
    assert (readonly.grade, readonly.sentences) == (Grade.BAD, ("The SAS token does not allow creating or writing.",))
    assert sas_facts("abc", NOW).grade is Grade.BAD
    assert secret_facts("azure_sas_token", "  ") is None
    assert secret_facts("azure_account_key", "a2V5") is None
    for facts in (good, soon, readonly):
        assert "abc" not in facts.headline + "".join(facts.sentences)


def test_what_was_pasted_is_recognised() -> None:
    url = paste(f"https://acc.blob.core.windows.net/box/in?{SAS}", NOW)
    assert (url.mode, url.secret, url.url, url.account, url.container) == (
        AuthMode.SAS,
        SAS,
        "https://acc.blob.core.windows.net",
        "acc",
        "box",
    )
    assert paste("?" + SAS[:40] + "\n " + SAS[40:], NOW).secret == SAS, "a mail program broke the line"
    connection = paste(f"BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature={SAS}", NOW)
    assert connection.mode is AuthMode.CONNECTION_STRING
    assert "12 days" in connection.facts.headline
    full = paste("DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.windows.net", NOW)
    assert (full.mode, full.account, full.facts.grade) == (AuthMode.CONNECTION_STRING, "acc", Grade.WARNING)
    assert paste("A" * 86 + "==", NOW).mode is AuthMode.KEY
    assert paste("hello", NOW).mode is AuthMode.NONE


# --- the sample ---------------------------------------------------------------------------------------------------------


def test_a_small_site_is_seen_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    for path in ("OMOP/person.csv", "7/Images/a.dcm", "7/Images/b.dcm", "8/Images/a.dcm", "8/Waveforms/w.dat", "stray.txt"):
        world.put(path, path)
    checked = check(world.file.read_text("utf-8"), world.file, environ={})
    found = sampling.sample(checked, JobContext())
    assert found.matched == {"OMOP": 1, "Images": 3, "Waveforms": 1, "Metadata": 0}
    assert (found.files, found.unmatched, found.complete) == (6, 1, True)
    assert found.patients["Images"] == {"7", "8"}
    assert [example.path for example in found.examples["Images"]] == ["7/Images/a.dcm", "8/Images/a.dcm"]
    assert found.examples["Images"][0].store_path == "VERSION/7/Images/a.dcm"
    assert [example.path for example in found.examples[""]] == ["stray.txt"]
    assert "6 files" in sampling.sentence(found)


def test_a_large_site_is_seen_in_part(tmp_path: Path) -> None:
    world = World(tmp_path)
    for patient in range(30):
        world.put(f"{patient:03}/Images/a.dcm", str(patient))
    world.put("OMOP/person.csv", "1")
    checked = check(world.file.read_text("utf-8"), world.file, environ={})
    few = sampling.sample(checked, JobContext(), extent=sampling.Extent(siblings=5))
    assert not few.complete
    assert few.matched["OMOP"] == 1, "a folder without a patient is always looked into"
    assert 1 <= few.matched["Images"] <= 5
    short = sampling.sample(checked, JobContext(), extent=sampling.Extent(files=10))
    assert not short.complete
    assert short.files <= 10
    assert "sample" in sampling.sentence(short)
    stopped = JobContext()
    stopped.cancel()
    with pytest.raises(Cancelled):
        sampling.sample(checked, stopped)


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    checked = check(
        f'[central_path]\npath = "c"\n[site_path.default]\npath = "{tmp_path.as_posix()}/nowhere"\n', tmp_path / "c.toml", environ={}
    )
    found = sampling.sample(checked, JobContext())
    assert found.problems
    assert not found.complete
    assert found.files == 0


def test_a_typed_path_is_explained(tmp_path: Path) -> None:
    checked = check(
        '[site_path.default]\npath = "s"\n[site_path.OMOP]\npath = "s"\npattern = "{patient_id}/{filepath}"\n',
        tmp_path / "c.toml",
        environ={},
    )
    example = sampling.explain(checked, "7\\Images\\a.dcm")
    assert (example.path, example.modality, example.patient_id, example.others) == ("7/Images/a.dcm", "OMOP", "7", ("Images",))
    assert sampling.explain(checked, "loose.txt").modality == ""
    assert set(checked.sites) <= set(MODALITIES)


# --- one credential for two places --------------------------------------------------------------------------------------

_TWO = """\
[configuration]
supported_modalities = "OMOP"
[journal.source]
path = "az://c/journal.db"
[journal.source.auth]
azure_account_name = "a"
azure_sas_token = "{journal}"
[central_path]
path = "az://c"
[central_path.auth]
azure_account_name = "a"
azure_sas_token = "{central}"
[site_path.default]
path = "/site"
"""


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (("sig=old", "sig=old"), ("sig=new", "sig=old"), "sig=new"),
        (("sig=old", "sig=other"), ("sig=new", "sig=other"), None),
        (("sig=old", "sig=old"), ("sig=new", "sig=new"), None),
        (("sig=old", "sig=old"), ("sig=old", "sig=old"), None),
        (("sig=old", "sig=old"), ("", "sig=old"), None),
    ],
)
def test_a_new_token_for_the_central_store_alone(before: tuple[str, str], after: tuple[str, str], wanted: str | None) -> None:
    texts = [_TWO.format(central=central, journal=journal) for central, journal in (before, after)]
    both = Draft(Path("config.toml"), texts[1], texts[0]).with_the_same_credential()
    assert (both.own(("journal.azure_sas_token", DEFAULT)) if both else None) == wanted
