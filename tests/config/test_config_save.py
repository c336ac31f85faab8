"""Saving changes what was changed and nothing else."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chorus_gui.core.config.keys import DEFAULT, KEYS
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.save import ConfigDocument, new_document
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.model import MODALITIES

DATA = Path(__file__).parent.parent / "data" / "configs"
POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions are a POSIX thing")

TEXT = """# top
[configuration]
page_size = 500  # rows
mine = "kept"

# num_threads = 8

# about the journal
[journal]
path = 'x/journal.db'

  [site_path.default]
  path = "site"
"""


def write(tmp_path: Path, data: bytes) -> ConfigDocument:
    (tmp_path / "config.toml").write_bytes(data)
    return ConfigDocument.open(tmp_path / "config.toml")


def saved(document: ConfigDocument) -> str:
    document.save()
    return document.path.read_bytes().decode()


def test_a_save_without_a_change_changes_no_byte(tmp_path: Path) -> None:
    for name in ("nested_2026.toml", "flat_2024.toml"):
        for data in ((DATA / name).read_bytes(), b"\xef\xbb\xbf" + (DATA / name).read_bytes().replace(b"\n", b"\r\n")):
            document = write(tmp_path, data)
            document.save()
            assert document.path.read_bytes() == data
            assert not document.path.with_name("config.toml.bak").exists()


def test_a_changed_value_keeps_its_comment_and_everything_else(tmp_path: Path) -> None:
    document = write(tmp_path, TEXT.encode())
    document.set("configuration.page_size", 100)
    document.set("site_path.default.path", "D:/new")
    assert saved(document) == TEXT.replace("500", "100").replace('"site"', '"D:/new"')
    assert document.path.with_name("config.toml.bak").read_text() == TEXT
    document.set("configuration.page_size", 7)
    document.save()
    assert "page_size = 100" in document.path.with_name("config.toml.bak").read_text()


def test_a_new_key_goes_below_its_comment_or_to_the_end_of_its_table(tmp_path: Path) -> None:
    document = write(tmp_path, TEXT.encode())
    document.set("configuration.num_threads", 4)
    document.set("journal.local_path", "C:\\journal.db")
    document.set("site_path.default.pattern", "{filepath}")
    document.set("site_path.Images.path", "images")
    document.set("site_path.OMOP.versioned", True)
    assert saved(document) == (
        TEXT.replace("# num_threads = 8\n", "# num_threads = 8\nnum_threads = 4\n")
        .replace("'x/journal.db'\n", "'x/journal.db'\nlocal_path = \"C:\\\\journal.db\"\n")
        .replace('path = "site"\n', 'path = "site"\n  pattern = "{filepath}"\n')
        + '\n[site_path.Images]\npath = "images"\n\n[site_path.OMOP]\nversioned = true\n'
    )


def test_keys_in_inline_and_dotted_tables(tmp_path: Path) -> None:
    document = write(tmp_path, b'configuration = { page_size = 5 }\njournal.path = "x.db"\n')
    document.set("configuration.num_threads", 4)
    document.set("configuration.page_size", 6)
    document.set("journal.local_path", "y.db")
    expected = {"configuration": {"page_size": 6, "num_threads": 4}, "journal": {"path": "x.db", "local_path": "y.db"}}
    assert tomllib.loads(saved(document)) == expected


def test_a_table_inside_an_inline_table_and_a_key_outside_of_tables(tmp_path: Path) -> None:
    document = write(tmp_path, b'site_path = { default = { path = "s" } } # here\n[journal]\n')
    document.set("site_path.Images.path", "i")
    document.set("note", "x")
    expected = {"site_path": {"default": {"path": "s"}, "Images": {"path": "i"}}, "journal": {}, "note": "x"}
    assert tomllib.loads(saved(document)) == expected


def test_a_key_after_a_value_of_several_lines(tmp_path: Path) -> None:
    document = write(tmp_path, b'[configuration]\nnote = """\na = 1\n[x]\n"""\nlist = [\n  1,\n  2,\n]\n')
    document.set("configuration.page_size", 6)
    assert tomllib.loads(saved(document)) == {"configuration": {"note": "a = 1\n[x]\n", "list": [1, 2], "page_size": 6}}


def test_remove(tmp_path: Path) -> None:
    document = write(tmp_path, TEXT.encode())
    document.remove("configuration.mine")
    document.remove("configuration.unknown")
    document.remove("nothing.at.all")
    assert saved(document) == TEXT.replace('mine = "kept"\n', "")


def test_line_endings_survive(tmp_path: Path) -> None:
    document = write(tmp_path, b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    document.set("configuration.num_threads", 4)
    document.set("configuration.page_size", 100)
    data = saved(document)
    assert data.startswith("\ufeff# top\r\n")
    assert data.count("\n") == data.count("\r\n") == TEXT.count("\n") + 1


def test_sas_token_is_saved_as_sas(tmp_path: Path) -> None:
    document = write(tmp_path, (DATA / "flat_with_patterns.toml").read_bytes())
    text = (DATA / "flat_with_patterns.toml").read_text()
    assert saved(document) == text.replace('"sas_token"', '"sas"')
    nested = '[central_path]\npath = "az://abc/"\n[central_path.auth]\nauth_mode = "sas_token" # why\n'
    assert saved(write(tmp_path, nested.encode())) == nested.replace('"sas_token"', '"sas"')


def test_meanings_lead_to_the_key_of_the_layout_and_its_spelling(tmp_path: Path) -> None:
    flat, nested = write(tmp_path, (DATA / "flat_2024.toml").read_bytes()), ConfigDocument.open(DATA / "nested_2026.toml")
    assert (flat.layout, nested.layout) == (Layout.FLAT, Layout.NESTED)
    assert (flat.key_of("mode"), nested.key_of("mode")) == ("configuration.journaling_mode", "journal.journaling_mode")
    assert (flat.key_of("threads"), nested.key_of("threads")) == ("configuration.nthreads", "configuration.num_threads")
    assert nested.key_of("site.pattern", "Images") == "site_path.Images.pattern"
    assert flat.get(flat.key_of("threads")) == 3


def test_a_file_that_another_program_changed_is_not_overwritten(tmp_path: Path) -> None:
    document = write(tmp_path, TEXT.encode())
    document.path.write_text("# theirs\n")
    document.set("configuration.page_size", 1)
    with pytest.raises(ConfigError, match="changed by another program"):
        document.save()
    assert document.path.read_text() == "# theirs\n"
    document.save(overwrite=True)
    assert document.path.with_name("config.toml.bak").read_text() == "# theirs\n"
    fresh = new_document(document.path)
    with pytest.raises(ConfigError, match="changed by another program"):
        fresh.save()


def test_a_text_that_is_no_toml_can_be_saved_but_not_edited_by_key(tmp_path: Path) -> None:
    document = write(tmp_path, TEXT.encode())
    document.text = "[half"
    with pytest.raises(ConfigError):
        document.set("a.b", 1)
    with pytest.raises(ConfigError):
        _ = document.layout
    assert saved(document) == "[half"


@POSIX
def test_permissions_are_kept_and_closed_where_there_are_secrets(tmp_path: Path) -> None:
    document = write(tmp_path, TEXT.encode())
    document.path.chmod(0o664)
    document.set("configuration.page_size", 1)
    document.save()
    assert stat.S_IMODE(document.path.stat().st_mode) == 0o664
    assert not document.holds_secrets
    document.set("journal.azure_sas_token", "sv=1&sig=x")
    document.save()
    assert document.holds_secrets
    assert stat.S_IMODE(document.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(document.path.with_name("config.toml.bak").stat().st_mode) == 0o600
    fresh = new_document(tmp_path / "new.toml")
    fresh.save()
    assert stat.S_IMODE(fresh.path.stat().st_mode) == 0o600


@POSIX
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(TEXT)
    (tmp_path / "config.toml").symlink_to("real.toml")
    document = ConfigDocument.open(tmp_path / "config.toml")
    document.set("configuration.page_size", 1)
    document.save()
    assert (tmp_path / "config.toml").is_symlink()
    assert "page_size = 1 " in (tmp_path / "real.toml").read_text()


def test_a_save_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = write(tmp_path, TEXT.encode())
    document.set("configuration.page_size", 1)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConfigError, match="in use"):
        document.save()
    monkeypatch.undo()
    assert document.path.read_text() == TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


MEANINGS = st.tuples(st.sampled_from(sorted(KEYS)), st.sampled_from((DEFAULT, *MODALITIES)))
VALUES = st.one_of(st.booleans(), st.integers(-5, 10**6), st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(Layout), st.lists(st.tuples(MEANINGS, VALUES), min_size=1, max_size=5))
def test_whatever_is_set_reads_back_and_the_comments_stay(layout: Layout, edits: list[tuple[tuple[str, str], str | int | bool]]) -> None:
    document = new_document(Path("config.toml"), layout)
    comments = [line for line in document.text.splitlines() if line.strip().startswith("#")]
    expected = dict[str, object]()
    for (meaning, modality), value in edits:
        dotted = KEYS[meaning].dotted(layout, modality)
        document.set(dotted, value)
        expected[dotted] = value
    assert {dotted: document.get(dotted) for dotted in expected} == expected
    assert [line for line in document.text.splitlines() if line.strip() in {c.strip() for c in comments}] == comments
    for dotted in expected:
        document.remove(dotted)
        assert document.get(dotted) is None


LINES = [
    'key = "old"',
    "key = 'old'",
    "  key='old'   # with a comment",
    'key = "a # b" # c',
    'key = "a \\" = b"',
    "\tkey\t=\t7",
    "key = true#x",
    "key = 2026-01-02T03:04:05Z",
    "key = 1_000",
    '"key" = "old"',
    "'key' = \"old\"",
    'key = ""',
    'key = """old"""',
    'key = """\nold = "x"\n"""',
    "key = '''\nold'''",
    "key = [1,\n 2]",
    "key = {a = 1}",
    'key = "old"  ',
]
AROUND = [
    "{}\n",
    'other = """\nkey = "no"\n"""\n{}\n',
    "# key = 1\n{}\nlast = 1",
    "a.b = 1\x0c#\n{}\n",
    "# one\u2028key = 2\n{}\n",
    'other = "key = 3"\n{}',
]


@pytest.mark.parametrize("value", ["new", 'a "b" \\ c', "two\nlines", "", 5, True, "é\U0001f600\x07"])
@pytest.mark.parametrize("line", LINES)
def test_a_value_is_replaced_as_by_tomlkit_which_reads_the_whole_text(line: str, value: str | int | bool) -> None:
    for around in AROUND:
        text = "[table]\n" + around.format(line)
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        theirs = tomlkit.parse(text)
        theirs["table"]["key"] = value  # type: ignore[index]
        document = ConfigDocument(Path("config.toml"), text, seen=None)
        document.set("table.key", value)
        assert document.text == tomlkit.dumps(theirs)


def test_an_edit_of_the_template_does_not_read_all_of_it_with_tomlkit(monkeypatch: pytest.MonkeyPatch) -> None:
    document = new_document(Path("config.toml"))
    document.set("central_path.path", "az://first")
    monkeypatch.setattr(tomlkit, "parse", lambda _: pytest.fail("15 ms for a letter"))
    for length in range(1, 12):
        document.set("central_path.path", "az://second"[:length])
    assert document.get("central_path.path") == "az://second"
