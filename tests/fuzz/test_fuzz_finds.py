"""Take one protection away, and the fuzz finds the fault again, among the inputs that it always tries first."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Callable
from xml.parsers import expat

import pytest
from fuzz import Result, attempt
from input_classes import classes

from chorus_gui.core import redact, shown
from chorus_gui.core.scripts.text import Quoted
from chorus_gui.core.storage.azure.login import Bearer

Undo = Callable[[pytest.MonkeyPatch], None]


def _obey_the_challenge(patch: pytest.MonkeyPatch) -> None:
    def other_tenant(self: Bearer, challenge: str) -> str:
        tenant, resource = re.search(r"com/([^/]*)/oauth2", challenge), re.search(r'resource_id="?([^"]*)', challenge)
        if tenant and resource:
            self._login.get_token(resource[1] + "/.default", tenant_id=tenant[1])
        return ""

    patch.setattr(Bearer, "other_tenant", other_tenant)


def _quote_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.core.scripts.batch.Cmd.problem", lambda self, text: "")
    patch.setattr("chorus_gui.core.scripts.batch.Cmd.value", lambda self, text: Quoted(text))


def _show_the_file(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.app.support._names", lambda text: text.splitlines())
    patch.setattr("chorus_gui.app.support._LOOKS_SECRET", re.compile("(?!)"))


def _any_path(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.core.storage.folder.check_below", lambda path: None)


def _parse_carelessly(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.core.untrusted.DATA_ERRORS", ())


def _trust_any_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(expat, "ExpatError", ZeroDivisionError)


def _leave_the_folder(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.core.storage.names._NOT_BELOW_ON_WINDOWS", re.compile("(?!)"))


def _html(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.ui.shown.Gui", types.SimpleNamespace(mightBeRichText=lambda text: False))


def _raw_terminal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.cli.report.lines", lambda text: text)


def _masked_names(patch: pytest.MonkeyPatch) -> None:
    real = shown.json_text
    patch.setattr("chorus_gui.cli.report.json_text", lambda value, **options: redact.redact(real(value, **options)))


def _plain_lists(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("chorus_gui.cli.report.quoted", lambda name: name)


def _only_plain_signatures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(redact, "_SECRETS", (re.compile(r"(?i)(\bsig=)[^&\s\"'<>,;)]+"), *redact._SECRETS[2:]))


SIGN_IN = "redirects and challenges of a sign-in"
SCRIPTS = "scripts with values of a journal or a configuration"
SECRETS = "secrets in logs, reports, JSON, history and the support bundle"
PATHS = "entries with paths"
STORED = "receipts, custody memory, lock notes, keyring, file lists"
ANSWERS = "foreign answers to each request"
NAMES = "names on a terminal, in JSON and in lists"
UNDONE: dict[str, tuple[str, Undo, str]] = {
    "a token for what a server asks for": (SIGN_IN, _obey_the_challenge, "a token"),
    "commands in a batch file": (SCRIPTS, _quote_nothing, "AssertionError in the test"),
    "keys in the support bundle": (SECRETS, _show_the_file, "a secret is in config.toml of the support bundle"),
    "paths out of the site": (PATHS, _any_path, "a secret is in the output"),
    "errors of what is stored": (STORED, _parse_carelessly, "JSONDecodeError"),
    "errors of foreign answers": (ANSWERS, _trust_any_answer, "ExpatError"),
    "paths out of a folder on Windows": (PATHS, _leave_the_folder, "outside the folder"),
    "HTML in the window": ("names in the window", _html, "Qt takes a name for HTML"),
    "forged lines": (NAMES, _raw_terminal, "a control character"),
    "masked names": (NAMES, _masked_names, "a name in JSON is not exact"),
    "lists that cannot be read again": (NAMES, _plain_lists, "a list cannot be read again"),
    "encoded signatures": (SECRETS, _only_plain_signatures, "a secret is in the output"),
}
"""The fault, the class that finds it, how the protection is taken away, and a part of the problem that is reported then."""


@pytest.mark.parametrize("fault", UNDONE)
def test_without_its_protection_a_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt" and UNDONE[fault][1] is _any_path:
        pytest.skip("Windows takes “..” behind the prefix of long paths for a name: no path leads out of the site there")
    name, undo, expected = UNDONE[fault]
    one, result = next(one for one in classes() if one.name == name), Result()
    undo(monkeypatch)
    for given in one.seeds:
        attempt(one.check, given, result)
        if any(expected in kind for kind in result.faults):
            return
    pytest.fail(f"none of {len(one.seeds)} inputs found it, but {sorted(result.faults)}")
