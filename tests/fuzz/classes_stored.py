"""What lies on a disk or a share, and what the credential store answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from canary import InputClass, must, told
from mutants import NAMES, ODD, TEXTS, json_texts
from stored_values import STORED

from chorus_gui.core.config import keychain
from chorus_gui.core.submission.listed import read_list

VALUES: list[Any] = [(name, text) for name, stored in STORED.items() if not stored.toml for text in json_texts(stored.good)]
VALUES += [("custody memory", text) for text in (*TEXTS, 'phase = "held"\nlocal = true', 'phase = "held"\nsent_size = "x"', "phase = 1")]
VALUES += [("keyring", answer) for answer in ODD]
VALUES += [
    ("file list", text)
    for text in (*TEXTS, *NAMES, *map(json.dumps, NAMES), '"a', '"\\ud800"', '"a" "b"', "a\0b\0", "\ufeffa\r\nb", "\xff\xfea")
]


def stored(value: Any, folder: Path) -> None:
    name, text = value
    if name in STORED:
        STORED[name].read(text, folder)
        return
    if name == "file list":
        file = folder / "list.txt"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        for null in (False, True):
            with told():
                must(all(isinstance(path, str) and path for path in read_list(file, null=null)), "a list with a path that is none")
        return
    import keyring

    real = keyring.get_password
    keyring.get_password = lambda service, user: text
    keychain.forget_answers()
    try:
        answer = keychain.read("x/c")
        must(isinstance(answer, str), "an answer that is no text")
    finally:
        keyring.get_password = real
        keychain.forget_answers()


CLASSES = (InputClass("receipts, custody memory, lock notes, keyring, file lists", VALUES, stored),)
