"""What an IT department pins, nobody can get around: no configuration, no option, no confirmation."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure_places import azure_place

from chorus_gui.core.config import policy as policies
from chorus_gui.core.config.credentials import MicrosoftLogin
from chorus_gui.core.config.hosts import admit, admit_sign_in, confirm, unconfirmed
from chorus_gui.core.config.model import Place
from chorus_gui.core.config.policy import Rule, parse_policy, read_policy
from chorus_gui.core.errors import PolicyError, UntrustedHostError

AZURE = "https://{}.blob.core.windows.net"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy.toml"
    monkeypatch.setattr(policies, "POLICY_FILE", file)
    monkeypatch.setattr(policies, "sys", SimpleNamespace(platform="linux"))  # here alone: the rest still knows the system
    return file


def place(url: str = AZURE.format("stmary"), container: str = "box", account: str = "stmary") -> Place:
    return azure_place(account, url, MicrosoftLogin(), container)


def refused(where: Place) -> str:
    with pytest.raises(PolicyError) as caught:
        admit(where)
    assert caught.value.policy in caught.value.what
    assert "IT department" in caught.value.remedy
    return caught.value.policy


def test_without_a_policy_everything_is_allowed(policy: Path) -> None:
    assert read_policy() == policies.NO_POLICY
    admit(place())


def test_accounts_are_pinned(policy: Path) -> None:
    policy.write_text('allowed_accounts = ["StMary"]\n')
    admit(place())
    admit(place("https://upload.chorus4ai.org"))
    assert refused(place(AZURE.format("other"), account="stmary")) == "AllowedAccounts"  # the address counts, not the name beside it
    assert refused(place("https://upload.chorus4ai.org", account="other")) == "AllowedAccounts"
    confirm("evil.example")
    assert refused(place("https://evil.example")) == "AllowedAccounts"
    assert refused(place("http://127.0.0.1:10000/devstoreaccount1", account="stmary")) == "AllowedAccounts"


def test_containers_are_pinned(policy: Path) -> None:
    policy.write_text('AllowedContainers = ["box"]\n')
    admit(place())
    assert refused(place(container="other")) == "AllowedContainers"


def test_hosts_are_pinned_and_need_no_person(policy: Path) -> None:
    confirm("evil.example")
    policy.write_text('allowed_hosts = ["proxy.hospital.example", "stmary.blob.core.windows.net"]\nallowed_accounts = ["stmary"]\n')
    admit(place())
    admit(place("https://proxy.hospital.example"))
    assert unconfirmed([place("https://proxy.hospital.example"), place("https://evil.example")]) == []
    assert refused(place("https://evil.example")) == "AllowedHosts"  # confirmed, but the policy counts
    assert refused(place("http://127.0.0.1:10000/devstoreaccount1")) == "AllowedHosts"
    with pytest.raises(PolicyError, match="AllowedHosts"):
        confirm("other.example")


@pytest.mark.parametrize("name", ["sign-in.example", "127.0.0.1"])
def test_a_file_with_google_credentials_gets_around_no_policy(policy: Path, name: str) -> None:
    confirm("sign-in.example")
    admit_sign_in(name)
    policy.write_text('allowed_hosts = ["storage.googleapis.com"]\n')
    admit_sign_in("oauth2.googleapis.com")
    with pytest.raises(PolicyError, match="AllowedHosts"):
        admit_sign_in(name)
    policy.write_text('allowed_hosts = ["storage.googleapis.com", "other.example"]\n')
    admit_sign_in("other.example")  # nobody has to confirm what the policy names


def test_an_empty_list_allows_nothing(policy: Path) -> None:
    policy.write_text("allowed_accounts = []\n")
    assert refused(place()) == "AllowedAccounts"


def test_switches_are_on_or_off(policy: Path) -> None:
    policy.write_text("forbid_remote_delete = true\nforbid_unverified_tls = false\n")
    found = read_policy()
    found.require(Rule.NO_UNVERIFIED_TLS)
    with pytest.raises(PolicyError, match="“ForbidRemoteDelete” of this computer does not allow deleting"):
        found.require(Rule.NO_REMOTE_DELETE)


@pytest.mark.parametrize(
    "text",
    [
        "allowed_acounts = []", "allowed_accounts = 5", "allowed_accounts = [5]", "forbid_remote_delete = 2", "forbid_remote_delete = 'yes'",
        "x", 'allowed_hosts = ["a"]\nAllowedHosts = ["b"]', "forbid_remote_delete = 1.0", "a = " + "[" * 5000, "a = " + "9" * 5000, "#" * (1 << 20) + "#", "\ud800",
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_understood_refuses_everything(policy: Path, text: str) -> None:
    policy.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(PolicyError, match="cannot be used") as caught:
        admit(place())
    assert str(policy) in caught.value.meaning
    with pytest.raises(PolicyError):
        unconfirmed([place()])


def test_a_policy_that_cannot_be_read_refuses_everything(policy: Path) -> None:
    policy.mkdir()
    with pytest.raises(PolicyError, match="cannot be used"):
        admit(place())


def test_the_registry_has_the_same_values() -> None:
    found = parse_policy({"AllowedHosts": "a.example; B.example", "AllowedContainers": ["box"], "ForbidSecretsInScripts": 1}, "HKLM")
    assert found.allowed(Rule.HOSTS) == {"a.example", "b.example"}
    assert found.allowed(Rule.CONTAINERS) == {"box"}
    assert found.forbidden == {Rule.NO_SECRETS_IN_SCRIPTS}
    assert [rule.key for rule in Rule] == [
        "allowed_accounts", "allowed_containers", "allowed_hosts", "forbid_secrets_in_scripts", "forbid_unverified_tls", "forbid_remote_delete",
        "forbid_portable_data",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform != "win32", reason="the registry is on Windows")
def test_without_a_key_there_is_no_policy() -> None:
    assert read_policy() == policies.NO_POLICY


def test_the_environment_names_no_other_place(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.write_text("forbid_remote_delete = true\n")
    for name in ("CHORUS_UPLOAD_POLICY", "XDG_CONFIG_DIRS", "CHORUS_UPLOAD_HOME", "HOME"):
        monkeypatch.setenv(name, "/nowhere")
    assert read_policy().forbidden == {Rule.NO_REMOTE_DELETE}


def test_a_confirmation_lifts_no_policy(policy: Path) -> None:
    with pytest.raises(UntrustedHostError):
        admit(place("https://evil.example"))
    policy.write_text("allowed_hosts = []\n")
    assert refused(place("https://evil.example")) == "AllowedHosts"


def test_the_page_for_it_departments_has_every_policy_and_samples_that_work() -> None:
    page = (
        (Path(__file__).parents[2] / "docs" / "it-department.md").read_text("utf-8").partition("## Machine policy")[2].partition("\n## ")[0]
    )
    for rule in Rule:
        assert f"| `{rule.value}` | `REG_" in page
        assert f"| `{rule.key}` |" in page
    registry, file = (block.partition("```")[0] for block in page.split("```\n")[1::2])
    values: dict[str, object] = {}
    for name, text, number in re.findall(r'^"(\w+)"=(?:"(.*)"|dword:(\d+))$', registry, re.MULTILINE):
        values[name] = text if not number else int(number, 16)
    assert parse_policy(values, "x") == parse_policy(tomllib.loads(file), "x")
    assert len(values) == 5
