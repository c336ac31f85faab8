"""Secrets in whatever the program writes."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from canary import CANARY, InputClass, bundle, must, no_secret, told
from odd_journals import content

from chorus_gui.cli.report import PROSE, Report
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.folders import log_folder
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.redact import redact

_KEYS = ("azure_account_key", "azure_sas_token", "azure_connection_string")
_PEM = "PRIVATE" + " KEY"
FORMS = (
    f"sig={CANARY}",
    f"sig%3D{CANARY}",
    f"sig%253D{CANARY}",
    f"AccountKey={CANARY}",
    f"SharedAccessSignature = {CANARY}",
    f'azure_account_key = "{CANARY}"',
    f'"sas_token": "{CANARY}"',
    f"aws_secret_access_key={CANARY}",
    f"Authorization: Bearer {CANARY}",
    f"Authorization: SharedKey acct:{CANARY}",
    f"'Authorization': 'Bearer {CANARY}'",
    f"x-amz-signature={CANARY}",
    f"-----BEGIN {_PEM}-----\n{CANARY}\n-----END {_PEM}-----",
    f'"private_key": "-----BEGIN {_PEM}-----\\n{CANARY}\\n-----END {_PEM}-----\\n"',
    f'google_hmac_secret = "{CANARY}"',
    f"assertion=eyJhbGciOiJSUzI1NiJ9{CANARY}",
    f"ya29.a0{CANARY}",
    f'"refresh_token": "1//0{CANARY}"',
    f"GOCSPX-{CANARY}",
)
"""A secret as it gets into a text.  Whatever is around it, it is in no output."""
AROUND = (
    "",
    "Could not read “a.csv”.|",
    "GET https://x.blob.core.windows.net/c/a?sv=2024&sp=r&| HTTP/1.1",
    "az://site/x?sv=1%26|",
    "AccountName=x;|;EndpointSuffix=core.windows.net",
    "{|, ",
    "a\nError: |\nb",
    "<a href='|'>",
    "“|”",
    "2026-01-01 00:00:00,000 INFO x: |",
    'Traceback (most recent call last):\n  File "x.py", line 1, in x\nValueError: |',
)
LEAKS: list[Any] = [(form, around) for form in range(len(FORMS)) for around in AROUND]
LEAKS += [("file", text) for text in (
    *(f'[central_path]\n{key} = "{CANARY}"\n' for key in _KEYS),
    f"azure_account_key =\n   {CANARY}",
    f'azure_account_key = """\n{CANARY}\n"""\n[[[',
    f'azure_account_key = [\n   ["{CANARY}"],\n[[[',
    f'[central_path]\npath = "az://site"\nazure_account_name = "{CANARY}"',
    f'[central_path]\npath = "{CANARY}"\nazure_container = "{CANARY}"',
    f'[site_path.OMOP]\npath = "https://x.blob.core.windows.net/c?sig={CANARY}"\npattern = "{CANARY}"',
    f'{CANARY} = 1\n[{CANARY}]\n"{CANARY}" = 2',
    f"# {CANARY}\nx",
)]  # fmt: skip
LEAKS += [("long", "AccountKey" + " " * 100_000), ("long", "sig=" * 50_000), ("long", "bearer " * 50_000)]


def leak(value: Any, folder: Path) -> None:
    form, text = value
    if form == "file":
        file = folder / "config.toml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        bundle(file, folder)
        return
    began = time.process_time()
    redact(text)
    must(time.process_time() - began < 2, "redaction takes more than 2 s")
    if form == "long":
        return
    before, _, after = text.partition("|")
    if before and (before[-1].isalnum() or before[-1] == "_") and not before.endswith(("%26", "%3F")):
        before += " "  # "xsig=…" is no secret
    whole = f"{before}{FORMS[form]}{'' if not after or after[0] in _ENDS else ' '}{after}"
    log = logging.getLogger("chorus_gui.fuzz")
    log.error("%s", whole)
    try:
        raise ValueError(whole)
    except ValueError:
        log.exception("It failed")
    report = Report()
    report.say(whole)
    report.note(whole)
    report.error(ChorusError("It failed.", meaning=whole, remedy=whole))
    report.table(["a", ">b"], [[whole, 1]])
    Report(as_json=True).json({key: [whole] for key in PROSE})
    _history(whole, folder)
    (log_folder()).mkdir(parents=True, exist_ok=True)
    kept = log_folder() / "window.log"
    kept.write_bytes(f"2026-03-01 10:00:00,123 INFO chorus.ui: {whole}\n".encode("utf-8", "surrogatepass"))
    try:
        bundle(None, folder)
    finally:
        kept.unlink()


_ENDS = " \t\r\n\"'&;<>,)}]"


def _history(text: str, folder: Path) -> None:
    """What a command enters into the journal, and what is shown of it."""
    file = folder / "journal.db"
    file.write_bytes(content(2, ""))
    with told(), Journal.open(file) as journal:
        journal.begin_command("journal update", text, common=text, src_paths={"OMOP": text}, dest=text)
        print(*journal.history())
    for found in folder.glob("journal.db*"):
        if found.is_file():
            no_secret(found.read_bytes().decode("latin-1"))


CLASSES = (InputClass("secrets in logs, reports, JSON, history and the support bundle", LEAKS, leak),)
