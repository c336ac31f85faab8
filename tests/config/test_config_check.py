"""A text that is being written: what can be told of it although something else in it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from chorus_gui.core.config.load import check, loads
from chorus_gui.core.config.model import Layout, store_path
from chorus_gui.core.errors import ConfigError

HALF = '[configuration]\npage_size = 0\nthread = 3\n[journal.local]\npath = "j.db"\n[site_path.default]\npath = "site"\n'


def test_a_faulty_text_still_tells_its_sites_and_warnings(tmp_path: Path) -> None:
    checked = check(HALF, tmp_path / "c.toml", environ={})
    assert checked.config is None
    assert [fault.key for fault in checked.faults] == ["configuration.page_size", "central_path.path", "journal.source.path"]
    assert any("configuration.thread" in warning for warning in checked.warnings)
    assert checked.sites["Images"].place.folder == tmp_path / "site"
    assert store_path(checked.layout, checked.sites, "Images", "7/Images/a/b.dcm", "V") == "V/7/Images/a/b.dcm"
    with pytest.raises(ConfigError) as raised:
        loads(HALF, tmp_path / "c.toml", environ={})
    assert raised.value.faults == checked.faults


def test_no_toml_at_all_is_an_answer_too(tmp_path: Path) -> None:
    checked = check('[journal\nx = "1"', tmp_path / "c.toml", environ={})
    assert checked.config is None
    assert checked.sites == {}
    assert [fault.line for fault in checked.faults] == [1]


def test_a_whole_text_is_the_configuration_that_loads_makes(tmp_path: Path) -> None:
    text = f'[central_path]\npath = "{tmp_path.as_posix()}/central"\n[site_path.default]\npath = "site"\n'
    checked = check(text, tmp_path / "c.toml", environ={})
    assert checked.config == loads(text, tmp_path / "c.toml", environ={})
    assert checked.layout is Layout.FLAT
    assert checked.faults == ()
