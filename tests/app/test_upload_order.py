"""Which modality is uploaded first, and how many files the progress expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from faces import CommandLine
from world import World, ran

from chorus_gui.app.options import Selection
from chorus_gui.app.status import Status
from chorus_gui.app.submit import upload
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.order import upload_order
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Tally
from chorus_gui.core.storage.local import LocalStore

SITE = ("OMOP/person.csv", "OMOP/visit.csv", "1001/Images/a.dcm", "1001/Waveforms/a.dat", "1002/Images/b.dcm", "1002/Waveforms/b.dat")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modality of each file that arrives in the store, in order."""
    order: list[str] = []
    real = LocalStore.put

    def put(self: LocalStore, path: str, *args: Any, **options: Any) -> Any:
        order.extend(name for name in MODALITIES if f"/{name}/" in path)
        return real(self, path, *args, **options)

    monkeypatch.setattr(LocalStore, "put", put)
    return order


@pytest.fixture
def filled(world: World) -> World:
    for path in SITE:
        world.put(path, path)
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1"), "utf-8")
    return world


def runs(order: Sequence[str]) -> list[str]:
    return [name for name, _ in groupby(order)]


@pytest.mark.parametrize("command", ["submit --yes", "file upload", "file repair --all"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["OMOP", "Images", "Waveforms"]),
        ("waveforms", ["Waveforms", "OMOP", "Images"]),
        ("Images, Metadata, Waveforms", ["Images", "Waveforms", "OMOP"]),
    ],
)
@pytest.mark.parametrize("where", ["configuration", "option"])
def test_files_are_uploaded_in_the_order_of_their_modalities(
    cli: CommandLine, filled: World, sent: list[str], command: str, text: str, expected: list[str], where: str
) -> None:
    if "file upload" in command:
        assert cli.run("journal update").status is Status.DONE
    if "repair" in command:
        assert cli.run("submit --yes --order Waveforms,Images,OMOP").status is Status.DONE
        for file in filled.central.rglob("*.*"):
            if file.suffix in (".csv", ".dcm", ".dat"):
                file.write_text("other content", "utf-8")
    sent.clear()
    if where == "configuration" and text:
        filled.file.write_text(filled.file.read_text("utf-8").replace("num_threads", f'upload_order = "{text}"\nnum_threads'), "utf-8")
    option = f" --order '{text}'" if where == "option" and text else ""
    ended = cli.run(command + option)
    assert ended.status is Status.DONE, ended
    assert len(sent) == len(SITE)
    assert runs(sent) == expected


def test_older_versions_of_a_modality_come_first_but_the_modality_counts_more(cli: CommandLine, filled: World, sent: list[str]) -> None:
    assert cli.run("journal update --version v1").status is Status.DONE
    filled.put("OMOP/death.csv", "new")
    filled.put("1003/Images/c.dcm", "new")
    assert cli.run("journal update --version v2").status is Status.DONE
    assert cli.run("file upload").status is Status.DONE
    assert runs(sent) == ["OMOP", "Images", "Waveforms"]


@pytest.mark.parametrize("text", ["OMOP,Pictures", "OMOP,omop", "OMOP,,Images", "Wavforms"])
def test_a_wrong_order_is_refused_with_a_right_one(cli: CommandLine, filled: World, text: str) -> None:
    with pytest.raises(UsageError, match="The upload order has"):
        upload_order(text, MODALITIES)
    ended = cli.run(f"submit --yes --order {text}")
    assert ended.status is Status.NOT_STARTED
    assert "The upload order has" in ended.said
    filled.file.write_text(filled.file.read_text("utf-8").replace("num_threads", f'upload_order = "{text}"\nnum_threads'), "utf-8")
    ended = cli.run("submit --yes")
    assert ended.status is Status.NOT_STARTED
    assert "upload_order" in ended.said
    assert not any(filled.central.iterdir())


@pytest.mark.parametrize("most", [1, 3, 4, 100])
def test_the_progress_expects_as_many_files_as_are_uploaded(filled: World, most: int) -> None:
    filled.run("record", version="v1")
    ctx = JobContext()
    with Workspace(replace(filled.config, order=("Waveforms", "OMOP", "Images"))) as opened:
        ran(upload(opened, ctx, Selection(max_files=most)))
    total = ctx.progress.snapshot().total
    files = min(most, len(SITE))
    assert (total.files, total.total_files) == (files, files)
    assert (total.bytes, total.total_bytes) == (total.total_bytes, total.bytes)
    counts = ctx.progress.snapshot().by_modality
    assert counts["Waveforms"].total_files == min(2, most)
    assert sum((Tally(c.total_files or 0, 0) for c in counts.values()), Tally()).files == files
    assert Path(filled.central, "v1", "1001", "Waveforms", "a.dat").exists()
