"""The table of keys, and the templates that it holds to explain every one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from chorus_gui.core.config.keys import DEFAULT, KEYS, Kind, dotted_keys, nearest
from chorus_gui.core.config.load import loads
from chorus_gui.core.config.model import Config, Layout
from chorus_gui.core.config.reading import detect_layout
from chorus_gui.core.config.save import ConfigDocument, new_document
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.model import MODALITIES

LAYOUTS = list(Layout)
HEADER = re.compile(r"^\s*(?:# )?\[([\w.]+)\]$")
ASSIGNMENT = re.compile(r"^\s*(?:# )?(\w+) = (.+)$")


def keys_in(text: str) -> dict[str, tuple[str, str]]:
    """Every key of a template, commented out or not: (value, the comment above it)."""
    table, comment, found = "", "", dict[str, tuple[str, str]]()
    for line in text.splitlines():
        if header := HEADER.match(line):
            table, comment = header[1], ""
        elif assignment := ASSIGNMENT.match(line):
            found[f"{table}.{assignment[1]}"] = (assignment[2], comment)
            comment = ""
        elif line.strip().startswith("#"):
            comment += line.strip().lstrip("#")
        else:
            comment = ""
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_template_explains_every_key(layout: Layout) -> None:
    found = keys_in(new_document(Path("c.toml"), layout).text)
    for key in KEYS.values():
        names = [key.dotted(layout, modality) for modality in (DEFAULT, *MODALITIES)]
        explained = [found[name][1] for name in names if name in found]
        assert explained, key.meaning
        assert any(f"{names[0].rpartition('.')[2]}: " in comment for comment in explained), key.meaning
    assert set(found) <= set(dotted_keys(layout))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_the_template_shows_in_comments_is_what_holds(layout: Layout) -> None:
    found = keys_in(new_document(Path("c.toml"), layout).text)
    for key in KEYS.values():
        dotted = key.dotted(layout)
        if key.default and dotted in found:
            value = tomllib.loads(f"x = {found[dotted][0]}")["x"]
            assert (str(value).lower() if isinstance(value, bool) else str(value)) == key.default, key.meaning


def fill(layout: Layout) -> ConfigDocument:
    document = new_document(Path("/chorus/config.toml").absolute(), layout)
    document.set(document.key_of("central.path"), "az://stmary/")
    document.set(document.key_of("journal.path"), "az://stmary/journal.db")
    document.set(document.key_of("site.path"), "D:/chorus/site")
    if layout is Layout.FLAT:
        for place in ("central", "journal"):
            document.set(document.key_of(f"{place}.auth_mode"), "login")
            document.set(document.key_of(f"{place}.azure_account_name"), "mghb2ailanding")
    return document


def read(document: ConfigDocument) -> Config:
    return loads(document.text, document.path, environ={})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_filled_template_is_free_of_faults_and_warnings(layout: Layout) -> None:
    config = read(fill(layout))
    assert config.layout is layout
    assert config.warnings == ()
    assert (str(config.page_size), str(config.threads), config.mode.value) == tuple(
        KEYS[m].default for m in ("page_size", "threads", "mode")
    )
    assert config.central.account.name == "mghb2ailanding"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_template_names_what_has_to_be_filled_in(layout: Layout) -> None:
    document = new_document(Path("/chorus/config.toml").absolute(), layout)
    with pytest.raises(ConfigError) as caught:
        read(document)
    required = {key.dotted(layout) for key in KEYS.values() if key.required}
    assert {fault.key for fault in caught.value.faults} == required
    assert all(fault.line for fault in caught.value.faults)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_key_of_the_template_can_be_used_at_once(layout: Layout) -> None:
    text = new_document(Path("c.toml"), layout).text
    lines = [re.sub(r"^(\s*)# (?=\w+ = |\[)", r"\1", line) for line in text.splitlines()]
    raw = tomllib.loads("\n".join(lines))
    assert detect_layout(raw) is layout


def test_keys_are_told_apart_and_explained() -> None:
    for layout in LAYOUTS:
        dotted = [key.dotted(layout) for key in KEYS.values()]
        assert len(set(dotted)) == len(dotted)
    for key in KEYS.values():
        assert key.explanation.endswith((".", "{patient_id:w}/Images/{filepath}")), key.meaning
        assert bool(key.choices) == (key.kind is Kind.CHOICE)
        assert not key.default or not key.choices or key.default in key.choices
    assert KEYS["mode"].dotted(Layout.FLAT) == "configuration.journaling_mode"
    assert KEYS["site.azure_sas_token"].dotted(Layout.NESTED, "Images") == "site_path.Images.auth.azure_sas_token"
    assert {dotted_keys(Layout.FLAT)[f"configuration.{name}"].meaning for name in ("num_threads", "nthreads")} == {"threads"}


def test_nearest() -> None:
    assert nearest("WAVEFORM", MODALITIES) == "Waveforms"
    assert nearest("Genomics", MODALITIES) == ""
