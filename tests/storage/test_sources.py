"""The site's sources: each place opened once, when it is first asked for, and closed together."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scan.siteworld import make_config

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import SourceUnreadableError
from chorus_gui.core.pattern import DEFAULTS
from chorus_gui.core.storage.base import Source
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.open import Sources


class Opener:
    """Opens folders slowly and remembers what was opened and closed."""

    def __init__(self, *, sticks: str = "") -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self._sticks = sticks

    def __call__(self, place: Place) -> Source:
        opener = self
        self.opened.append(place.text)
        time.sleep(0.01)

        class Remembered(FolderSource):
            def close(self) -> None:
                opener.closed.append(self.url)
                if self.url == opener._sticks:
                    raise SourceUnreadableError("It does not close.")

        return Remembered(Path(place.text))


def test_a_place_is_opened_once_and_shared_by_its_modalities(tmp_path: Path) -> None:
    config = make_config(tmp_path / "site", roots={"Images": tmp_path / "pacs"})
    opener = Opener()
    sources = Sources(config, opener)
    assert list(sources) == list(config.sites)
    assert len(sources) == len(config.sites)
    assert opener.opened == []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(sources.__getitem__, ["OMOP", "Waveforms", "Metadata", "Images"] * 10))
    assert sorted(opener.opened) == [str(tmp_path / "pacs"), str(tmp_path / "site")]
    assert {source.url for source in found} == set(opener.opened)
    assert sources["OMOP"] is sources["Waveforms"] is sources.at(config.sites["OMOP"].place)
    assert sources["Images"] is not sources["OMOP"]
    with pytest.raises(KeyError):
        sources["DICOM"]


def test_only_what_was_opened_is_closed_and_all_of_it(tmp_path: Path) -> None:
    config = make_config(tmp_path / "a", roots={"Images": tmp_path / "b", "Waveforms": tmp_path / "c"})
    opener = Opener(sticks=str(tmp_path / "b"))
    sources = Sources(config, opener)
    assert (sources["OMOP"].url, sources["Images"].url) == (str(tmp_path / "a"), str(tmp_path / "b"))
    with pytest.raises(SourceUnreadableError):
        sources.close()
    assert sorted(opener.closed) == [str(tmp_path / "a"), str(tmp_path / "b")]
    sources.close()
    assert len(opener.closed) == 2


def test_a_place_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    config = make_config(tmp_path, patterns={"OMOP": DEFAULTS["OMOP"]})
    tries: list[int] = []

    def open_source(place: Place) -> Source:
        tries.append(threading.get_ident())
        if len(tries) == 1:
            raise SourceUnreadableError("Not now.")
        return FolderSource(Path(place.text))

    sources = Sources(config, open_source)
    with pytest.raises(SourceUnreadableError):
        sources["OMOP"]
    assert sources["OMOP"].url == str(tmp_path)
