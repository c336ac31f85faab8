"""A secret is opened where it is sent, and nowhere else; which credentials of a kind a place has is decided in one module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "chorus_gui"
SENDERS = {
    "app/unattended/mail.py",  # the password at the mail server
    "core/storage/azure/client.py",
    "core/storage/azure/identities.py",  # the password opens the certificate's file
    "core/storage/s3/keys.py",
    "core/scripts/access.py",  # AzCopy and the az command send it
    "core/scripts/generate.py",
}
VALUES = "core/config/credentials.py"
AZURE, BUCKETS = "core/config/azure_keys.py", "core/config/credential_keys.py"
KINDS = {
    "Sas": AZURE,
    "AccountKey": AZURE,
    "ConnectionString": AZURE,
    "MicrosoftLogin": AZURE,
    "Certificate": AZURE,
    "ManagedIdentity": AZURE,
    "WorkloadIdentity": AZURE,
    "AwsKeys": BUCKETS,
    "GoogleKeys": BUCKETS,
}
"""Each kind of credentials → the module that decides it."""


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="reveal"), args=[]):
                yield "reveal"
            case ast.Call(func=ast.Name(id=name)) if name in KINDS:
                yield name
            case _:
                continue


def _found() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in _calls(ast.parse(path.read_text("utf-8"))):
            yield path.relative_to(PACKAGE).as_posix(), name


def test_a_secret_is_opened_only_where_it_is_sent() -> None:
    assert {file for file, name in _found() if name == "reveal"} == SENDERS


def test_one_module_decides_what_lets_us_in() -> None:
    assert {(name, file) for file, name in _found() if name in KINDS and file != VALUES} == set(KINDS.items())
