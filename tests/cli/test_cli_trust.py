"""On the command line: a server that nobody confirmed gets nothing, and a machine policy counts whatever is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure_server import Server, empty_container
from scriptworld import ScriptWorld
from trustworld import configured, named

from chorus_gui.app.status import Status
from chorus_gui.cli.main import main
from chorus_gui.core.config import policy as policies


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(empty_container)
    yield made
    made.close()


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy.toml"
    monkeypatch.setattr(policies, "POLICY_FILE", file)
    monkeypatch.setattr(policies, "sys", SimpleNamespace(platform="linux"))  # here alone: the rest still knows the system
    return file


COMMANDS = (
    "remote list -r", "journal status", "journal checkout", "journal unlock --yes", "submit --yes", "file verify",
    "remote upload site r -r", "remote download -r x out", "remote delete --yes x", "script checkout",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_sends_anything_to_a_server_that_nobody_confirmed(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    config = configured(tmp_path, named(server))
    monkeypatch.chdir(tmp_path)
    assert main(["-c", config, *command.split()]) == Status.DECISION
    told = capsys.readouterr().err
    assert "“localhost” is not a known server" in told
    assert "--trust-host localhost" in told
    assert "CANARY" not in told
    assert server.seen == []


@pytest.mark.parametrize("front", [True, False])
def test_a_person_confirms_a_server_once(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], front: bool) -> None:
    config = configured(tmp_path, named(server))
    option = ["--trust-host", "localhost"]
    listing = ["remote", "list", "-r"]
    assert main([*option, "-c", config, *listing] if front else ["-c", config, *listing, *option]) == Status.DONE
    assert "“localhost” is a trusted server from now on" in capsys.readouterr().err
    count = len(server.seen)
    assert count
    assert main(["-c", config, *listing]) == Status.DONE
    assert len(server.seen) > count


def test_an_address_of_this_computer_needs_no_confirmation(tmp_path: Path, server: Server) -> None:
    assert main(["-c", configured(tmp_path, server.url), "remote", "list", "-r"]) == Status.DONE


@pytest.mark.parametrize("host", ["", "not a host", "https://x@y", "169.254.169.254"])
def test_what_is_no_server_cannot_be_trusted(tmp_path: Path, server: Server, host: str) -> None:
    assert main(["-c", configured(tmp_path, server.url), "remote", "list", "--trust-host", host]) == Status.NOT_STARTED
    assert server.seen == []


def test_a_file_may_be_called_like_the_option(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    main(["-c", configured(tmp_path, named(server)), "remote", "delete", "--yes", "--", "--trust-host=localhost"])
    assert server.seen == []


@pytest.mark.parametrize(
    ("text", "command", "name"),
    [
        ("allowed_hosts = ['stmary.blob.core.windows.net']", "remote list", "AllowedHosts"),
        ("allowed_hosts = ['stmary.blob.core.windows.net']", "--trust-host 127.0.0.1 remote list", "AllowedHosts"),
        ("allowed_accounts = ['stmary']", "remote list", "AllowedAccounts"),
        ("allowed_containers = ['other']", "journal status", "AllowedContainers"),
        ("allowed_containers = ['other']", "submit --yes", "AllowedContainers"),
        ("forbid_remote_delete = true", "remote delete --yes x", "ForbidRemoteDelete"),
    ],
)  # fmt: skip
def test_a_policy_counts_whatever_is_typed(
    tmp_path: Path, server: Server, policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, text: str, command: str, name: str
) -> None:  # fmt: skip
    config = configured(tmp_path, server.url)
    monkeypatch.chdir(tmp_path)
    policy.write_text(text + "\n")
    capsys.readouterr()
    assert main(["-c", config, *command.split()]) == Status.NOT_STARTED
    assert f"The policy “{name}” of this computer does not allow" in capsys.readouterr().err
    assert server.seen == []


@pytest.mark.parametrize(
    ("text", "options", "name"),
    [
        ("forbid_secrets_in_scripts = true", "--secret inline", "ForbidSecretsInScripts"),
        ("forbid_unverified_tls = true", "--no-verify-tls", "ForbidUnverifiedTls"),
        ("allowed_accounts = ['stmary']", "", "AllowedAccounts"),
        ("allowed_containers = ['stmary']", "", "AllowedContainers"),
        ("allowed_hosts = ['stmary']", "", "AllowedHosts"),
    ],
)
def test_a_policy_counts_for_scripts(
    tmp_path: Path, policy: Path, capsys: pytest.CaptureFixture[str], text: str, options: str, name: str
) -> None:
    world = ScriptWorld(tmp_path, files=("OMOP/a.csv",))
    world.record()
    world.write_script("before.sh", "azcli", *options.split())
    policy.write_text(text + "\n")
    command = ["file", "list", "--output-file", str(tmp_path / "s.sh"), "--output-type", "azcli", *options.split()]
    assert main(["-c", str(world.file), *command]) == Status.NOT_STARTED
    assert f"The policy “{name}” of this computer does not allow" in capsys.readouterr().err
    assert not (tmp_path / "s.sh").exists()


def test_the_doctor_shows_the_policy(tmp_path: Path, server: Server, policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text("allowed_containers = ['box']\nforbid_remote_delete = true\n")
    main(["-c", configured(tmp_path, server.url), "doctor", "--json"])
    told = json.dumps(json.loads(capsys.readouterr().out), ensure_ascii=False)
    assert "AllowedContainers, ForbidRemoteDelete" in told
    assert json.dumps(str(policy), ensure_ascii=False)[1:-1] in told
