"""Everything wrong with a file is told at once, with its key, its line and the nearest valid name; no secret is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chorus_gui.core.config.load import load, loads
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ConfigError, Fault

DATA = Path(__file__).parent.parent / "data" / "configs"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
GOOD_SAS = "sv=2022&sp=racwdl&sr=c&se=2030-01-01&sig=VERYSECRET"

FOLDERS = '[central_path]\npath = "store"\n[site_path.default]\npath = "site"\n'
NESTED = FOLDERS + '[journal]\njournaling_mode = "append"\n'
AZURE = '[journal]\njournaling_mode = "append"\n[site_path.default]\npath = "site"\n[journal.source]\npath = "j/journal.db"\n'


def parse(text: str, environ: Mapping[str, str] | None = None) -> Config:
    folder = Path("/chorus").absolute()
    return loads(text, folder / "config.toml", environ=environ or {}, now=NOW)


def faults(text: str, environ: Mapping[str, str] | None = None) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environ)
    assert caught.value.faults
    assert str(caught.value).startswith("The configuration file “config.toml” has ")
    for secret in ("VERYSECRET", "KEYSECRET"):
        assert secret not in str(caught.value) + repr(caught.value)
    return list(caught.value.faults)


def the_fault(text: str, environ: Mapping[str, str] | None = None) -> Fault:
    found = faults(text, environ)
    assert len(found) == 1, found
    return found[0]


def test_all_at_once_in_the_order_of_the_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load(DATA / "many_faults.toml", environ={}, now=NOW)
    assert [(f.key, f.line, f.suggestion) for f in caught.value.faults] == [
        ("configuration.supported_modalities", 2, "Images"),
        ("configuration.supported_modalities", 2, "Waveforms"),
        ("configuration.page_size", 3, ""),
        ("configuration.num_threads", 4, ""),
        ("journal.journaling_mode", 7, "full"),
        ("journal.source.auth.azure_account_name", 9, ""),
        ("journal.source.path", 10, ""),
        ("journal.source.upload_method", 11, "azcli"),
        ("central_path.path", 14, ""),
        ("central_path.auth.azure_account_name", 16, ""),
        ("central_path.auth.auth_mode", 17, "sas"),
        ("site_path.default.path", 20, "C:/temp/new"),
        ("site_path.OMOP.pattern", 23, ""),
        ("site_path.OMOP.omop_per_patient", 24, ""),
        ("site_path.Image", 26, "Images"),
    ]
    text = str(caught.value)
    assert "15 problems" in text
    assert "site_path.default.path (line 20)" in text
    assert "Did you mean “{patient_id}”?" in text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[journal\npath = 1", 1, "at column 9"),
        ('a = 1\npath = "C:\\Users\\x"', 2, "Write “/” between folders"),
        ("a = 1\na = 2", 2, "Cannot overwrite a value"),
        ("a = 1\nb = ", 2, "not valid TOML"),
        ('a = "x', 1, "not valid TOML"),
        ("[t]\na = nothing", 2, "Write texts in quotes"),
    ],
)
def test_syntax_errors_are_one_fault_with_line_and_column(text: str, line: int, words: str) -> None:
    fault = the_fault(text)
    assert fault.line == line
    assert words in str(fault)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no configuration file"):
        load(tmp_path / "none.toml", environ={})
    with pytest.raises(ConfigError, match="Could not read"):
        load(tmp_path, environ={})
    (tmp_path / "c.toml").write_bytes("a = 1\nb = 'é'".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "c.toml", environ={})
    assert [(fault.line, fault.problem) for fault in caught.value.faults] == [
        (2, "The file cannot be read as text: it is not encoded in UTF-8.")
    ]


def test_an_empty_file_lacks_what_is_required() -> None:
    assert [(f.key, f.line) for f in faults("")] == [("site_path.default.path", 0), ("central_path.path", 0), ("journal.path", 0)]
    nested = faults('[journal]\njournaling_mode = "full"\n')
    assert [(f.key, f.line) for f in nested] == [("journal.source.path", 1), ("site_path.default.path", 0), ("central_path.path", 0)]


@pytest.mark.parametrize(
    ("line", "key", "suggestion"),
    [
        ('[configuration]\nsupported_modalities = ["OMOP"]', "configuration.supported_modalities", ""),
        ('[configuration]\nsupported_modalities = ""', "configuration.supported_modalities", ""),
        ('[configuration]\nsupported_modalities = "OMOP,waveforms"', "configuration.supported_modalities", "Waveforms"),
        ('[configuration]\nsupported_modalities = "OMOP,Genomics"', "configuration.supported_modalities", ""),
        ("[configuration]\npage_size = -5", "configuration.page_size", ""),
        ("[configuration]\npage_size = 1.5", "configuration.page_size", ""),
        ("[configuration]\npage_size = true", "configuration.page_size", ""),
        ("[configuration]\nnum_threads = 0", "configuration.num_threads", ""),
        ("[configuration]\nnthreads = 0", "configuration.nthreads", ""),
        ('[configuration]\njournaling_mode = "Full"', "configuration.journaling_mode", "full"),
        ("[configuration]\njournaling_mode = 1", "configuration.journaling_mode", ""),
        ('[configuration]\nupload_method = "az-cli"', "configuration.upload_method", "azcli"),
        ('[journal]\nupload_method = "bultin"', "journal.upload_method", "builtin"),
        ('[journal]\npath = "s3://bucket/journal.db"', "journal.path", ""),
        ('[journal]\npath = "share/"', "journal.path", ""),
        ('configuration = "x"', "configuration", ""),
        ('[site_path.Images]\npath = "D:\\new"', "site_path.Images.path", "D:/new"),
        ('[site_path.Images]\npath = "https://account/x"', "site_path.Images.path", "az"),
        ('[site_path.Images]\npath = "s4://bucket/x"', "site_path.Images.path", ""),
        ('[site_path.Images]\npath = "s3:///x"', "site_path.Images.path", ""),
        ('[site_path.Images]\npath = "s3://b/x"\ns3_container = "c"', "site_path.Images.s3_container", "b"),
        ('[site_path.Images]\npath = "s3://b/x"\naws_access_key_id = "AK"', "site_path.Images.aws_secret_access_key", ""),
        ('[site_path.Images]\npath = "gs://bkt/x"\ngoogle_hmac_secret = "s"', "site_path.Images.google_hmac_access_id", ""),
        ('[site_path.Images]\npath = "gs://bkt/x"\ngoogle_endpoint_url = "there"', "site_path.Images.google_endpoint_url", ""),
        ('[site_path.Images]\npath = "gs://bkt/x"\ngoogle_user_project = "My Project"', "site_path.Images.google_user_project", ""),
        ('[site_path.Images]\npath = "x"\npattern = "{patient_id}/Images"', "site_path.Images.pattern", ""),
        ('[site_path.Images]\npath = "x"\npattern = 5', "site_path.Images.pattern", ""),
        ('[site_path.images]\npath = "x"', "site_path.images", "Images"),
        ('[site_path.Wavform]\npath = "x"', "site_path.Wavform", "Waveforms"),
    ],
)
def test_one_fault_each(line: str, key: str, suggestion: str) -> None:
    top = line.startswith("configuration")
    text = f"{line}\n{FOLDERS}" if top else f"{FOLDERS}{line}\n"
    found = faults(text)
    assert {fault.key for fault in found} == {key}
    assert found[0].suggestion == suggestion
    assert found[0].line > 0
    assert found[0].problem.endswith(".")


@pytest.mark.parametrize(
    ("central", "key"),
    [
        ('path = "az://"\n', "central_path.path"),
        ('path = "az://UPPER/"\n', "central_path.path"),
        ('path = "az://stmary/"\nazure_container = "stjohn"\n', "central_path.azure_container"),
        ('path = "s3://bucket/"\n', "central_path.path"),
        (f'path = "az://stmary/?{GOOD_SAS}"\n', "central_path.path"),
        ("", "central_path.path"),
    ],
)
def test_the_central_stores_path(central: str, key: str) -> None:
    text = AZURE + f'[central_path]\n{central}[central_path.auth]\nazure_account_name = "account"\n'
    assert the_fault(text).key == key


@pytest.mark.parametrize(
    ("auth", "key"),
    [
        ('auth_mode = "sas"\nazure_account_name = "account"', "azure_sas_token"),
        ('auth_mode = "sas_tokn"\nazure_account_name = "account"', "auth_mode"),
        (f'azure_sas_token = "{GOOD_SAS}"', "azure_account_name"),
        ('azure_account_name = "account"\nazure_sas_token = "sp=r&se=2030"', "azure_sas_token"),
        ('azure_account_name = "account"\nazure_sas_token = 5', "azure_sas_token"),
        ('azure_account_name = "account"\nazure_sas_token = """sv=1\n&sig=VERYSECRET"""', "azure_sas_token"),
        ('azure_account_name = "My Account"', "azure_account_name"),
        ('azure_connection_string = "KEYSECRET"', "azure_connection_string"),
        ('azure_connection_string = "AccountKey=KEYSECRET"', "azure_connection_string"),
        ('azure_account_key = "KEYSECRET"\nazure_account_url = "https://upload.chorus4ai.org"', "azure_account_name"),
        (f'azure_account_url = "http://upload.chorus4ai.org?{GOOD_SAS}"', "azure_account_url"),
        (f'azure_account_url = "upload.chorus4ai.org?{GOOD_SAS}"', "azure_account_url"),
        (f'azure_account_url = "https://a.blob.core.windows.net/container?{GOOD_SAS}"', "azure_account_url"),
        ('azure_account_url = "https://me:KEYSECRET@host.example"', "azure_account_url"),
        ('azure_account_url = "https://host.example:99999999"', "azure_account_url"),
        (
            'azure_connection_string = "BlobEndpoint=http://storage.example/;AccountName=account;AccountKey=KEYSECRET"',
            "azure_connection_string",
        ),
    ],
)
def test_credentials(auth: str, key: str) -> None:
    fault = the_fault(AZURE + f'[central_path]\npath = "az://stmary/"\n[central_path.auth]\n{auth}\n')
    assert fault.key == f"central_path.auth.{key}"


def test_no_credentials_in_a_flat_file() -> None:
    text = (
        '[central_path]\npath = "az://stmary/"\nazure_account_name = "account"\n[site_path.default]\npath = "s"\n[journal]\npath = "j.db"\n'
    )
    assert the_fault(text).key == "central_path.auth_mode"
    assert parse(text, {"AZURE_SAS_TOKEN": GOOD_SAS}).central.credentials.sas is not None


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('exclude = ["old/"]\n' + FOLDERS, "exclude", "below [configuration]"),
        (FOLDERS + 'exclude = ["old/"]\n', "site_path.default.exclude", "below [configuration]"),
        (
            FOLDERS + '[site_path.Images]\npath = "images"\nExclude = "old/"\n',
            "site_path.Images.Exclude",
            "below [configuration]",
        ),
        (FOLDERS + '[journal]\nexcluded = "old/"\n', "journal.excluded", "below [configuration]"),
        (FOLDERS + '[exclude]\npatterns = ["old/"]\n', "exclude", "below [configuration]"),
        (FOLDERS + '[configuration]\nexcludes = "old/"\n', "configuration.excludes", "Did you mean “exclude”?"),
        (FOLDERS + '[configuration]\nEXCLUDE = "old/"\n', "configuration.EXCLUDE", "Did you mean “exclude”?"),
        (NESTED + '[configuration]\nexlude = "old/"\n', "configuration.exlude", "Did you mean “exclude”?"),
        (FOLDERS + '[configuraton]\nexclude = "old/"\n', "configuraton.exclude", "below [configuration]"),
        (FOLDERS + '[upload.more]\nexlude = "old/"\n', "upload.more.exlude", "below [configuration]"),
        (FOLDERS + '[journal]\nexlude = "old/"\n', "journal.exlude", "below [configuration]"),
        (FOLDERS + '[configuration]\nexclusions = "old/"\n', "configuration.exclusions", "Did you mean “exclude”?"),
    ],
)
def test_what_is_left_out_in_the_wrong_place_is_a_fault(text: str, key: str, words: str) -> None:
    """With a warning alone, the files that the site leaves out would be uploaded."""
    fault = the_fault(text)
    assert fault.key == key
    assert "would be uploaded" in str(fault)
    assert words in str(fault)


@pytest.mark.parametrize("value", ["1", "true", "2026-01-01", '["a", "b"]', "{ x = 1 }", '""', '"  "', '"\\t"'])
@pytest.mark.parametrize(("path", "key"), [("store", "central_path.path"), ("site", "site_path.default.path")])
def test_a_path_that_is_not_one_is_one_fault_and_not_the_folder_of_the_configuration(path: str, key: str, value: str) -> None:
    """A path of spaces was the folder of the configuration: everything in it was the site, or was written next to it."""
    fault = the_fault(FOLDERS.replace(f'"{path}"', value) + '[journal]\npath = "j/journal.db"\n')
    assert fault.key == key
    assert ("missing" if value.startswith('"') else "not a text") in str(fault)


@pytest.mark.parametrize("value", ["1", "[1]"])
def test_a_pattern_that_is_not_a_text_is_one_fault(value: str) -> None:
    assert "not a text" in str(the_fault(NESTED + f"[site_path.OMOP]\npattern = {value}\n"))


def test_a_list_in_the_place_of_a_text_is_not_put_in_quotes() -> None:
    fault = the_fault(FOLDERS + '[configuration]\nsupported_modalities = ["OMOP"]\n')
    assert "list" in fault.problem
    assert "without brackets" in fault.remedy


@pytest.mark.parametrize("text", [NESTED + "[journal.local]\npath = {}\n", FOLDERS + '[journal]\npath = "j/journal.db"\nlocal_path = {}\n'])
def test_the_local_journal_is_not_an_address(text: str) -> None:
    """A folder “az:” was looked for on this computer, and the journal was never in the cloud."""
    fault = the_fault(text.format('"az://container/journal.db"'))
    assert fault.key in ("journal.local.path", "journal.local_path")
    assert "cloud journal" in fault.remedy


def test_the_local_journal_is_not_the_configuration(tmp_path: Path) -> None:
    """A check-out replaced it."""
    assert the_fault(NESTED + '[journal.local]\npath = "./config.toml"\n').key == "journal.local.path"
    file = tmp_path / "config.toml"
    file.write_text(NESTED, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file, environ={}, local_journal=tmp_path / "x" / ".." / "config.toml")
    assert "configuration file itself" in str(caught.value)


def test_the_store_must_not_lie_in_the_site() -> None:
    for store in ("site", "site/store"):
        assert the_fault(FOLDERS.replace('"store"', f'"{store}"')).key == "central_path.path"
    assert parse(FOLDERS.replace('path = "site"', 'path = "store/site"')).central.text == "store"


def test_a_folder_one_table_too_high_is_named() -> None:
    fault = the_fault(FOLDERS.replace("[site_path.default]", "[site_path]"))
    assert fault.key == "site_path.path"
    assert "has no effect below [site_path]" in str(fault)
    assert fault.remedy == "Move it below [site_path.default]."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FOLDERS + "[configuration]\npage_sise = 5\n", "configuration.page_sise (line 6): The key is unknown. It has no effect, and stays in the file. Did you mean “page_size”?"),
        (FOLDERS + '[journal]\nlimit = "4 MB/s"\n', "journal.limit (line 6): The key has no effect here. Its place is “configuration.limit”."),
        (FOLDERS + "page_size = 5\n", "site_path.default.page_size (line 5): The key has no effect here. Its place is “configuration.page_size”."),
        (FOLDERS + "[whatever]\nx = 1\n", "whatever (line 5): The key is unknown"),
        (FOLDERS + "[sites]\nx = 1\n", "sites (line 5): The key is unknown"),
        (FOLDERS + '[site_path.Genomics]\npath = "g"\n', "site_path.Genomics (line 5): The key is unknown"),
        (FOLDERS.replace("[central_path]", "[central_path]\npatient_first = true"), "central_path.patient_first (line 2): The key has no effect in any of the tools"),
        (FOLDERS + '[journal]\npath = "journal.sqlite"\n', "does not end in “.db”"),
        (NESTED + '[journal.local]\npath = "journal"\n', "journal.local.path (line 8): The local journal's name"),
        (NESTED + "[site_path.Images]\nversioned = true\n", "site_path.Images.versioned (line 8): “versioned” has no effect"),
        (NESTED + '[site_path.Images]\npattern = "Images/{filepath}"\n', "has no {patient_id}"),
        (NESTED + '[site_path.OMOP]\npattern = "{patient_id:w}/OMOP/{filepath}"\n', "would replace each other"),
        (NESTED + '[site_path.OMOP]\nomop_per_patient = true\npattern = "OMOP/{filepath}"\n', "“omop_per_patient” has no effect"),
        (NESTED + '[site_path.Images]\npattern = "{patient_id:w}/waveforms/{filepath}"\n', "Waveforms and Images have the same folder and pattern"),
    ],
)  # fmt: skip
def test_what_works_but_not_as_it_is_meant_is_a_warning(text: str, words: str) -> None:
    found = parse(text).warnings
    assert len(found) == 1, found
    assert words in found[0]


def test_the_template_of_the_command_line_tool_gives_no_warning_for_profile() -> None:
    assert parse(FOLDERS + "[configuration]\nprofile = false\n").warnings == ()


def test_multi_line_texts_do_not_confuse_the_lines() -> None:
    text = 'note = """\n[journal]\npath = 1\n"""\n' + FOLDERS + "[configuration]\npage_size = 0\n"
    assert the_fault(text).line == 10


def test_inline_tables_get_the_line_that_they_stand_on() -> None:
    text = FOLDERS + "configuration = 5\n"
    assert parse(text).warnings  # it belongs to [site_path.default] there
    assert the_fault("configuration = { page_size = 0 }\n" + FOLDERS).line == 1


def test_a_path_with_a_zero_character_is_a_problem_and_no_error_of_the_program(tmp_path: Path) -> None:
    """TOML writes it as in “jour\\u0000nal”: a Windows path in quotes can have that by mistake."""
    assert the_fault(NESTED + '[journal.local]\npath = "C:/jour\\u0000nal.db"\n').key == "journal.local.path"
