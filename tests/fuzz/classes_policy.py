"""Machine policies."""

from __future__ import annotations

from pathlib import Path

from azure_places import azure_place
from canary import InputClass, must, told
from mutants import TEXTS

from chorus_gui.core.config import policy as policies
from chorus_gui.core.config.credentials import NoCredentials
from chorus_gui.core.config.hosts import admit
from chorus_gui.core.config.policy import Rule, read_policy

POLICIES = (
    'allowed_accounts = ["StMary"]\nAllowedHosts = ["a.example", "B.example"]\nforbid_remote_delete = true',
    "allowed_accounts = []",
    'AllowedContainers = "a; b"\nForbidSecretsInScripts = 1',
    "allowed_hosts = [[], 1, {}]",
    "forbid_unverified_tls = 1.0",
    "[forbid_remote_delete]\nx = 1",
    "forbid_remote_delete = 1979-05-27",
)


def policy(text: str, folder: Path) -> None:
    """What an administrator wrote: understood, or everything is refused."""
    file = folder / "policy.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    real, policies.POLICY_FILE = policies.POLICY_FILE, file
    place = azure_place("other", "https://other.blob.core.windows.net", NoCredentials())
    try:
        for rule in Rule:
            with told():
                read_policy().require(rule)
        with told():
            admit(place)
            allowed = read_policy().allowed(Rule.ACCOUNTS)
            must(allowed is None or "other" in allowed, "an account was admitted that the policy does not allow")
    finally:
        policies.POLICY_FILE = real


CLASSES = (InputClass("machine policies", [*TEXTS, *POLICIES], policy),)
