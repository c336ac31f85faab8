"""A key that nothing reads: the table says if the configuration is refused, and the refusal names a remedy that works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from chorus_gui.app.draft import Draft
from chorus_gui.core.config.keys import DEFAULT, KEYS, Key, Kind, dotted_keys
from chorus_gui.core.config.load import Checked, check
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.save import ConfigDocument, new_document
from chorus_gui.core.config.unread_keys import ALSO_SAID, IF_UNREAD, ONLY_OURS
from chorus_gui.core.errors import Fault

FILE = Path("/chorus/config.toml").absolute()
LAYOUTS = list(Layout)
DECIDES = (
    "modalities",
    "mode",
    "exclude",
    "rules",
    "upload_method",
    "journal.path",
    "journal.local",
    "central.path",
    "site.path",
    "site.pattern",
    "site.omop_per_patient",
)
ADDRESSES = ("azure_account_name", "azure_account_url", "azure_connection_string", "aws_endpoint_url", "google_endpoint_url")
FLAT = '[central_path]\npath = "store"\n[site_path.default]\npath = "site"\n[journal]\npath = "j/journal.db"\n'
NESTED = '[central_path]\npath = "store"\n[site_path.default]\npath = "site"\n[journal]\njournaling_mode = "append"\n[journal.source]\npath = "j/journal.db"\n'
LEFT_OVER = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms,Metadata"
upload_method = "builtin"
journaling_mode = "full"
profile = false
[journal]
journaling_mode = "full"
[journal.local]
path = "journal.db"
[journal.source]
path = "az://container/journal.db"
auth = { auth_mode = "login", azure_account_name = "account", azure_account_url = "https://upload.example.org" }
[central_path]
path = "az://container/"
azure_container = "container"
patient_first = true
azure_account_name = "account"
[central_path.auth]
auth_mode = "login"
azure_account_name = "account"
[site_path.default]
path = "/data/site"
[site_path.OMOP]
omop_per_patient = false
pattern = "OMOP/{filepath}"
[site_path.Images]
path = "s3://bucket/images"
[site_path.Images.auth]
s3_container = "bucket"
"""
BASE = {Layout.FLAT: FLAT, Layout.NESTED: NESTED}


def look(text: str) -> Checked:
    return check(text, FILE, environ={})


def value_of(key: Key) -> object:
    """One that is not the default."""
    values: dict[Kind, object] = {
        Kind.FLAG: True,
        Kind.NUMBER: 3,
        Kind.MODALITIES: "OMOP",
        Kind.CHOICE: key.choices[1] if key.choices else "",
    }
    return values.get(key.kind, "other.db" if key.kind is Kind.PATH else "other")


def text_with(layout: Layout, dotted: str, value: object) -> str:
    """The base of the layout with one more key."""
    document = tomlkit.parse(BASE[layout])
    *tables, name = dotted.split(".")
    at = document
    for table in tables:
        at = at.setdefault(table, tomlkit.table())  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    at[name] = value
    if not tables:  # above the first table
        return f"{tomlkit.dumps({name: value})}{BASE[layout]}"
    return tomlkit.dumps(document)


def tables_of(layout: Layout) -> list[str]:
    """Every table that can be in a file, from the top; ``""`` is the top of the file."""
    found = {".".join(dotted.split(".")[:depth]) for dotted in dotted_keys(layout) for depth in range(len(dotted.split(".")))}
    return sorted(found)


def wrong_places(layout: Layout, key: Key) -> Iterator[str]:
    """Every other table, where nothing of this name is read, and a table with a misspelled name."""
    known = dotted_keys(layout)
    name = key.dotted(layout).rpartition(".")[2]
    for table in tables_of(layout):
        dotted = f"{table}.{name}" if table else name
        if dotted not in known:
            yield dotted
    table = key.dotted(layout).rpartition(".")[0]
    if not table.startswith("site_path."):  # that is always refused
        yield f"{table[:-1]}.{name}"
        yield f"{table.upper()}.{name}"


def misspelled(name: str) -> Iterator[str]:
    """With one letter less, more, other, or in capitals, and two changed over."""
    middle = len(name) // 2
    yield name[:-1]
    yield name[1:]
    yield f"{name[:middle]}{name[middle + 1 :]}"
    yield f"{name}s"
    yield f"{name[:middle]}x{name[middle + 1 :]}"
    yield f"{name[: middle - 1]}{name[middle]}{name[middle - 1]}{name[middle + 1 :]}"
    yield name.capitalize()
    yield name.upper()


def at(found: Checked, dotted: str) -> Fault | None:
    return next((fault for fault in found.faults if fault.key == dotted), None)


def expected(layout: Layout, key: Key, dotted: str) -> bool:
    """The configuration is refused: by the key itself, or by another of this name that could be meant there."""
    other = dotted_keys(Layout.NESTED if layout is Layout.FLAT else Layout.FLAT).get(dotted)
    if other is not None:
        return IF_UNREAD[other.meaning] != ""
    if dotted.rpartition(".")[0] not in tables_of(layout):
        return IF_UNREAD[key.meaning] != ""
    name = dotted.rpartition(".")[2].lower()
    return IF_UNREAD[key.meaning] != "" or any(
        IF_UNREAD[one.meaning] for one in KEYS.values() if one.dotted(layout).rpartition(".")[2] == name
    )


def move(text: str, dotted: str, place: str) -> str:
    document = ConfigDocument(FILE, text, seen=None)
    value = document.get(dotted)
    document.remove(dotted)
    assert isinstance(value, (str, int, bool))
    document.set(place, value)
    return document.text


def test_every_key_has_an_entry_in_the_table() -> None:
    assert set(IF_UNREAD) == set(KEYS)
    assert {*ALSO_SAID.values(), *ONLY_OURS} <= set(KEYS)


def test_what_decides_what_is_sent_where_to_and_from_where_is_refused() -> None:
    refused = {meaning for meaning, so in IF_UNREAD.items() if so}
    credentials = {meaning for meaning in KEYS if meaning.partition(".")[2] in ADDRESSES}
    assert refused == {*DECIDES, *credentials}
    for so in IF_UNREAD.values():
        assert so == "" or not so.endswith(".")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("meaning", list(KEYS))
def test_a_key_in_another_table_is_refused_or_warned_about_as_the_table_says(layout: Layout, meaning: str) -> None:
    key = KEYS[meaning]
    for dotted in wrong_places(layout, key):
        text = text_with(layout, dotted, value_of(key))
        found = look(text)
        fault = at(found, dotted)
        about = [
            warning
            for warning in found.warnings
            if warning.startswith((f"{dotted} ", f"{dotted.rpartition('.')[0]} ", f"{dotted.split('.')[0]} "))
        ]
        if not expected(layout, key, dotted):
            assert fault is None, (dotted, fault)
            assert about, dotted
            continue
        assert fault is not None, (dotted, found.warnings)
        assert found.config is None
        assert fault.line
        assert "so " in fault.problem
        places = {place for place in dotted_keys(layout) if f"[{place.rpartition('.')[0]}]" in fault.remedy}
        right = [place for place in places if place.rpartition(".")[2] == (fault.belongs or dotted).rpartition(".")[2]]
        assert right, fault
        for place in right:
            assert at(look(move(text, dotted, place)), dotted) is None, (dotted, place)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("meaning", list(KEYS))
def test_a_name_with_one_wrong_letter_is_refused_or_warned_about_as_the_table_says(layout: Layout, meaning: str) -> None:
    key = KEYS[meaning]
    known = dotted_keys(layout)
    for modality in (DEFAULT, "Images") if "*" in key.flat else (DEFAULT,):
        table, _, name = key.dotted(layout, modality).rpartition(".")
        for wrong in misspelled(name):
            dotted = f"{table}.{wrong}"
            if dotted in known:
                continue
            found = look(text_with(layout, dotted, value_of(key)))
            fault = at(found, dotted)
            if IF_UNREAD[meaning] == "":
                assert fault is None, (dotted, fault)
                assert any(warning.startswith(f"{dotted} ") for warning in found.warnings), dotted
                continue
            assert fault is not None, (dotted, found.warnings)
            assert fault.suggestion == name, fault


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("meaning", DECIDES)
def test_the_window_shows_it_at_the_key_and_its_button_works(layout: Layout, meaning: str) -> None:
    key = KEYS[meaning]
    table, _, name = key.dotted(layout).rpartition(".")
    for dotted in (f"report.{name}", f"{table}.{name}s"):
        draft = Draft(FILE, text_with(layout, dotted, value_of(key)))
        fault = at(look(draft.text), dotted)
        assert fault is not None
        if not fault.belongs:
            assert draft.where_of(fault) is None
            assert not draft.fix_of(fault)
            continue
        assert draft.where_of(fault) == (meaning, DEFAULT)
        if draft.own((meaning, DEFAULT)) is not None:
            assert not draft.fix_of(fault)  # there are two, and a person decides which one is right
            assert "Keep the right one there" in fault.remedy
            continue
        assert draft.fix_of(fault)
        fixed = draft.with_fix(fault)
        assert fixed.own((meaning, DEFAULT)) == value_of(key)
        assert at(look(fixed.text), dotted) is None


def test_no_button_would_make_a_key_twice() -> None:
    draft = Draft(FILE, FLAT + "[configuration]\nnum_thread = 3\nnum_threads = 4\n")
    assert not draft.fix_of(Fault("configuration.num_thread", "", suggestion="num_threads"))
    assert draft.fix_of(Fault("configuration.page_sise", "", suggestion="page_size"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_says_what_applies_anyway_is_only_a_warning(layout: Layout) -> None:
    """The other tools' files can have it: nothing that is submitted changes."""
    for dotted, value in (
        ("report.supported_modalities", "OMOP,Images,Waveforms"),
        ("report.upload_method", "builtin"),
        ("central_path.exclude", []),
    ):
        found = look(text_with(layout, dotted, value))
        assert found.faults == ()
        assert any(warning.startswith(dotted) for warning in found.warnings)
    again = look(NESTED + '[configuration]\njournaling_mode = "append"\n')
    assert again.faults == ()
    assert "has the nested layout, where the key is “journal.journaling_mode”" in again.warnings[0]


def test_what_was_left_over_from_another_layout_still_loads() -> None:
    """A file that was changed from one layout to the other by hand, with what the other tools' templates have."""
    found = look(LEFT_OVER)
    assert found.config is not None, found.faults
    assert [warning.partition(" (")[0] for warning in found.warnings] == [
        "configuration.upload_method",
        "configuration.journaling_mode",
        "central_path.patient_first",
        "central_path.azure_account_name",
        "site_path.Images.auth.s3_container",
    ]


def test_a_note_next_to_its_key_stays_a_warning() -> None:
    found = look(FLAT.replace('path = "site"', 'path = "site"\npattern = "{patient_id:w}/{filepath}"\npattern_old = "x"'))
    assert found.faults == ()
    assert any(warning.startswith("site_path.default.pattern_old") for warning in found.warnings)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (NESTED + '[journal.local]\nsupported_modalities = "OMOP"\n', "journal.local.supported_modalities", "Move it below [configuration]"),
        (NESTED + '[configuration]\nupload_method = "azcli"\n', "configuration.upload_method", "in the nested layout"),
        (NESTED.replace("journaling_mode", 'path = "j/other.db"\njournaling_mode'), "journal.path", "[journal.source]"),
        (NESTED.replace("journaling_mode", 'local_path = "k.db"\njournaling_mode'), "journal.local_path", "Write it as “path” below [journal.local]"),
        (FLAT + 'journaling_mode = "full"\n', "journal.journaling_mode", "in the flat layout"),
        (FLAT + 'local = "D:/journal.db"\n', "journal.local", "Write it as “local_path” below [journal]"),
        (FLAT + '[configuration]\njounaling_mode = "full"\n', "configuration.jounaling_mode", "Did you mean “journaling_mode”?"),
        (FLAT + '[configuration]\nmode = "full"\n', "configuration.mode", "Did you mean “journaling_mode”?"),
        (FLAT + '[configuration]\nmodalities = "OMOP"\n', "configuration.modalities", "Did you mean “supported_modalities”?"),
        (FLAT + '[Configuration]\nsupported_modalities = "OMOP"\n', "Configuration.supported_modalities", "below [configuration]"),
        (FLAT + '[configuration.journal]\npath = "other.db"\n', "configuration.journal.path", "below [journal]"),
        (FLAT + '[chorus.configuration]\nexclude = "old/"\n', "chorus.configuration.exclude", "below [configuration]"),
        (FLAT + '[[configuraton]]\nexclude = "old/"\n', "configuraton.exclude", "below [configuration]"),
        ('"configuration.exclude" = ["old/"]\n' + FLAT, "configuration.exclude", "Write configuration.exclude without quotes"),
        (FLAT + '["site_path.Images"]\npath = "D:/images"\n', "site_path.Images", "Write [site_path.Images] without quotes"),
        (FLAT + '[site_path.defualt]\npattern = "x"\n', "site_path.defualt", "Did you mean “default”?"),
        (NESTED + '[site_path.Images]\nfolder = "D:/images"\n', "site_path.Images.folder", "Did you mean “path”?"),
        (NESTED + "[site_path.Images]\nomop_per_patient = true\n", "site_path.Images.omop_per_patient", "Move it below [site_path.OMOP]"),
        (FLAT + "[configuration]\nImages = false\n", "configuration.Images", "Did you mean “supported_modalities”?"),
        (FLAT + "[modalities]\nOMOP = true\n", "modalities", "Write it below [configuration] as “supported_modalities = …”"),
        (FLAT + '[site_path.Images]\npath = "x"\nenabled = false\n', "site_path.Images.enabled", "Write it as “supported_modalities” below [configuration]"),
        (FLAT + '[site_path.DICOM]\npath = "x"\n', "site_path.DICOM", "Did you mean “Images”?"),
        (FLAT + '[Images]\npath = "x"\n', "Images.path", "below [site_path.Images]"),
        (FLAT.replace('"store"', '"store"\nprefix = "x"'), "central_path.prefix", "Keep the right one there"),
        (FLAT + '[configuration]\nskip = ["old/"]\n', "configuration.skip", "Did you mean “exclude”?"),
        (FLAT + '[configuration]\nexclude = "D:/site/old/"\n', "configuration.exclude", "is a whole path"),
        (FLAT + '[configuration]\nexclude = "az://site/old/"\n', "configuration.exclude", "can match no file"),
        (FLAT + '[configuration]\nexclude = "old/ *.tmp"\n', "configuration.exclude", "Write commas between them"),
        (FLAT + '[configuration]\nexclude = "*.bak *.tmp"\n', "configuration.exclude", "Write commas between them"),
        (FLAT + '[configuration]\nexclude = "!person.csv"\n', "configuration.exclude", "begins with “!”"),
        (FLAT + '[exclude]\nold = true\n', "exclude", "Write it below [configuration] as “exclude = …”"),
        (FLAT + '[configuration]\nexclude = "old/; *.tmp"\n', "configuration.exclude", "Write commas between them"),
        (FLAT + '[configuration]\nexclude = ["old/, *.tmp"]\n', "configuration.exclude", "in its own quotes"),
        (FLAT + "[configuration]\nsupported_modalities = []\n", "configuration.supported_modalities", "one text in quotes"),
        (FLAT + "[configuration.supported_modalities]\nOMOP = true\n", "configuration.supported_modalities", "one text in quotes"),
        (FLAT + '[configuration]\nsupported_modalities = ","\n', "configuration.supported_modalities", "There is no modality"),
        (FLAT + '[configuration]\nsupported_modalities = "omop"\n', "configuration.supported_modalities", "Did you mean “OMOP”?"),
    ],
)  # fmt: skip
def test_what_says_less_than_it_seems_to_is_refused(text: str, key: str, words: str) -> None:
    found = look(text)
    assert [fault.key for fault in found.faults] == [key], found.faults
    assert words in str(found.faults[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FLAT.replace('path = "site"', 'path = "site"\npattern = "{patient_id:w}/{filepath}"') + '[site_path.OMOP]\npath = "omop"\n', "no effect for OMOP"),
        (FLAT.replace('path = "site"', 'path = "site"\nomop_per_patient = true') + '[site_path.OMOP]\npath = "omop"\n', "no effect for OMOP"),
        (FLAT + '[site_path.Metadata]\npath = "meta"\n', "no Metadata is submitted"),
        (FLAT + "[configuration]\nnum_threads = 3\nnthreads = 4\n", "“nthreads” has no effect, because the file has “num_threads”"),
        (FLAT + '[our_tool]\npath = "x"\npattern = "y"\nrules = "z"\n', "The key is unknown"),
        (FLAT + '[our_tool.images]\npath = "x"\npattern = "y"\n[our_tool.default]\npath = "z"\n', "our_tool (line 7): The key is unknown"),
        (FLAT + '[site_path.Images]\npath = "x"\nenabled = true\n', "site_path.Images.enabled"),
        (FLAT.replace('"store"', '"store"\nlocation = "Riverside"'), "central_path.location"),
    ],
)  # fmt: skip
def test_what_other_tools_accept_is_a_warning(text: str, words: str) -> None:
    found = look(text)
    assert found.faults == ()
    assert any(words in warning for warning in found.warnings), found.warnings


def test_two_spellings_that_differ_are_refused_where_they_decide() -> None:
    text = (
        FLAT
        + 'azure_connection_string = "AccountName=a;AccountKey=eA=="\nazure_storage_connection_string = "AccountName=b;AccountKey=eA=="\n'
    )
    assert [fault.key for fault in look(text).faults] == ["journal.azure_storage_connection_string"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_key_that_is_needed_and_in_a_wrong_place_is_one_problem(layout: Layout) -> None:
    name = "central_path.path"
    found = look(BASE[layout].replace('[central_path]\npath = "store"\n', '[central_path]\npaht = "store"\n'))
    assert [(fault.key, fault.remedy) for fault in found.faults] == [("central_path.paht", "Correct the name.")]
    assert found.faults[0].belongs == name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_key_in_its_place_has_no_such_problem(layout: Layout) -> None:
    text = re.sub(r"(?m)^(\s*)# (?=\w+ = |\[)", r"\1", new_document(FILE, layout).text)
    so = set(IF_UNREAD.values()) - {""}
    found = look(text)
    assert not [fault for fault in found.faults if fault.belongs or any(part in fault.problem for part in so)]
