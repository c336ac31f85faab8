"""A token that ends before the upload does is said before the upload, and during it as soon as its rate says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from faces import CommandLine
from world import World

from chorus_gui.app import expiry
from chorus_gui.app.expiry import expiry_sentence, first_to_end, too_soon
from chorus_gui.cli.report import json_line
from chorus_gui.core.config.credentials import Sas
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext, Progress, Snapshot
from chorus_gui.core.model import Tally

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SIG = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY%3D"


def token(ends: str) -> str:
    return f"sv=2022-11-02&sp=racwdl&sr=c&se={ends}&sig={SIG}"


def config(folder: Path, central: str, journal: str) -> Config:
    file = folder / "config.toml"
    auth = "azure_account_name = 'acct'\nazure_sas_token = '{}'\n"
    file.write_text(
        f"[journal]\n[journal.local]\npath = 'j.db'\n[journal.source]\npath = 'az://box/journal.db'\n[journal.source.auth]\n{auth.format(journal)}"
        f"[central_path]\npath = 'az://box/'\n[central_path.auth]\n{auth.format(central)}[site_path.default]\npath = '{folder.as_posix()}'\n",
        "utf-8",
    )
    return load(file, environ={}, now=NOW)


def test_the_token_that_ends_first_counts_the_journals_too(tmp_path: Path) -> None:
    early, late = token("2026-11-27T14:00:00Z"), token("2026-11-29T14:00:00Z")
    ends = first_to_end(config(tmp_path, late, early), {})
    assert ends is not None
    assert (ends.where, ends.at) == ("journal", datetime(2026, 11, 27, 14, tzinfo=UTC))
    renewed = first_to_end(config(tmp_path, late, early), {"journal": Sas(token("2026-12-29T14:00:00Z"))})
    assert renewed is not None
    assert renewed.where == "central"


@pytest.mark.parametrize(
    ("gigabytes", "rate", "said"),
    [(10, 1_000_000, True), (7, 1_000_000, False), (10, 10_000_000, False), (10, None, False), (0, 1_000_000, False)],
)
def test_only_an_upload_that_takes_longer_is_warned_about(tmp_path: Path, gigabytes: int, rate: float | None, said: bool) -> None:
    ends = first_to_end(config(tmp_path, token("2026-11-27T14:00:00Z"), token("2026-11-28T14:00:00Z")), {})
    text = too_soon(ends, gigabytes * 1_000_000_000, rate, NOW)
    assert bool(text) is said
    if said:
        assert "The SAS token of the central store expires on 2026-11-27 14:00 UTC" in text
        assert "about 2 h 46 min at 1.0 MB/s" in text
        assert "Get a new token from the central team now, or continue" in text


def test_the_last_rate_is_known_before_anything_is_sent(tmp_path: Path) -> None:
    made = config(tmp_path, token("2026-11-27T14:00:00Z"), token("2026-11-27T14:00:00Z"))
    assert expiry_sentence(made, 10**10, NOW) == ""
    expiry._remember(made, 50_000_000, 50.0)
    assert expiry.last_rate(made) == 1_000_000
    assert "expires on" in expiry_sentence(made, 10**10, NOW)
    expiry._remember(made, 10, 50.0)
    assert expiry.last_rate(made) == 1_000_000, "a small upload says nothing about the line"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"acct/box": "fast"}', '{"acct/box": true}', '{"acct/box": -1}', "\x00"])
def test_a_damaged_note_of_the_rate_is_as_none(tmp_path: Path, content: str) -> None:
    made = config(tmp_path, token("2026-11-27T14:00:00Z"), token("2026-11-27T14:00:00Z"))
    expiry._file().parent.mkdir(parents=True, exist_ok=True)
    expiry._file().write_text(content, "utf-8")
    assert expiry.last_rate(made) is None
    expiry._remember(made, 50_000_000, 50.0)
    assert expiry.last_rate(made) == 1_000_000


def test_the_measured_rate_counts_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("chorus_gui.core.job.time.monotonic", lambda: now[0])
    ends = expiry.Ends("central", datetime.now(UTC) + timedelta(hours=2))
    progress = Progress()
    progress.begin("upload", {"Images": Tally(10, 10_000_000_000)})

    def advice(seen: Snapshot) -> str:
        return too_soon(ends, (seen.total.total_bytes or 0) - seen.total.bytes, seen.total.bytes / seen.elapsed if seen.elapsed else None)

    progress.advise(advice)
    assert progress.snapshot().warning == ""
    now[0] = 60.0
    progress.add("Images", 1, 60_000_000)
    found = progress.snapshot()
    assert "expires on" in found.warning
    assert '"warning": "The SAS token' in json_line(found)
    progress.advise(None)
    assert progress.snapshot().warning == ""


def test_the_command_line_says_it_before_it_asks_and_while_it_uploads(
    world: World, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "first_to_end", lambda config, now_used: expiry.Ends("central", datetime.now(UTC) + timedelta(seconds=1)))
    monkeypatch.setattr(expiry, "last_rate", lambda config: 1.0)
    said = cli.run("submit --yes --version v1").said
    assert said.count("Warning: The SAS token of the central store expires on") >= 1
    assert said.index("expires on") < said.index("Uploading") if "Uploading" in said else True


def test_an_upload_remembers_its_rate(world: World, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "_LEAST_BYTES", 1)
    kept: list[tuple[int, float]] = []
    monkeypatch.setattr(expiry, "_remember", lambda config, sent, seconds: kept.append((sent, seconds)))
    assert cli.run("submit --yes --version v1").status == 0
    assert kept
    assert kept[-1][0] > 0
    assert JobContext().progress.snapshot().warning == ""
