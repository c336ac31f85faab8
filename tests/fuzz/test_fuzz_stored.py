"""Receipts, notes, indices, the credential store and configurations: parsed into a value, or refused with a sentence."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyringworld import MemoryKeyring
from mutants import ODD, TEXTS, json_texts, values
from stored_values import STORED

from chorus_gui.core.config import keychain
from chorus_gui.core.config.load import check, loads
from chorus_gui.core.errors import ChorusError, ConfigError
from chorus_gui.core.review.holds import Holds

MOST = 50


@pytest.mark.parametrize("name", STORED)
def test_whatever_is_stored_is_a_value_or_a_sentence(name: str, tmp_path: Path) -> None:
    stored = STORED[name]
    texts = list(json_texts(stored.good)) if not stored.toml else list(TEXTS)
    texts += [text for value in values(stored.good) if (text := stored.text(value)) is not None]
    for text in texts[:: max(1, len(texts) // MOST)]:  # dev.py fuzz tries them all
        with suppress(ChorusError):
            stored.read(text, tmp_path)


@pytest.mark.parametrize("answer", [odd for odd in ODD if not isinstance(odd, (str, type(None)))], ids=repr)
def test_a_credential_store_that_answers_nonsense(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: store)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: answer)
    keychain.forget_answers()
    with pytest.raises(keychain.KeychainError, match="did not answer"):
        keychain.read("x.blob.core.windows.net/c")
    keychain.forget_answers()


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_list_of_holds(text: str, tmp_path: Path) -> None:
    file = tmp_path / "holds.toml"
    file.write_text(text, "utf-8")
    with Holds(tmp_path / "journal.db") as holds, suppress(ChorusError):
        holds.import_(file)


CONFIGS = (
    *TEXTS,
    "a=" + "[" * 2000,
    "\n".join(f"k{n} = 1" for n in range(30_000)),
    '[journal.local]\npath = "' + "j" * 300 + '"',
    '[journal.local]\npath = "' + "j/" * 5000 + '"',
    '[site_path.default]\npath = "' + "s" * 5000 + '"',
    "[configuration]\npage_size = 0x" + "f" * 5000,
    "[configuration]\nnum_threads = 9223372036854775807",
    "[configuration]\npage_size = 1979-05-27",
    "[[journal]]\n[[central_path]]\n[[site_path]]",
    "journal = 1\ncentral_path = [1]\nsite_path = ''",
    "x" * 1_100_000,
)


@pytest.mark.parametrize("text", CONFIGS, ids=range(len(CONFIGS)))
def test_a_configuration_from_a_mail(text: str, tmp_path: Path) -> None:
    checked = check(text, tmp_path / "config.toml", environ={})
    assert checked.faults
    with pytest.raises(ConfigError) as caught:
        loads(text, tmp_path / "config.toml", environ={})
    assert caught.value.remedy
