"""Configurations, patterns and credentials that arrive by mail."""

from __future__ import annotations

import re
import time
from pathlib import Path

from canary import CANARY, DATA, InputClass, bundle, must, no_secret, told
from mutants import TEXTS

from chorus_gui.app.answers import container_of
from chorus_gui.app.credentials import paste, sas_facts
from chorus_gui.core.config import addresses, sas
from chorus_gui.core.config.load import check, loads
from chorus_gui.core.pattern import Pattern

_SECRET_VALUES = re.compile(r"(?m)^(\s*\w*(?:sas_token|account_key|connection_string|secret_access_key)\s*=\s*).*$")


def _with_canary(text: str) -> str:
    """A configuration with the canary where it has a secret."""
    return _SECRET_VALUES.sub(rf'\1"sv=2024-11-04&sp=rcwl&sr=c&se=2030-01-01&sig={CANARY}"', text)


CONFIGS = [
    *(_with_canary(file.read_text("utf-8")) for file in sorted((DATA / "configs").glob("*.toml"))),
    *TEXTS,
    "a=" + "[" * 2000,
    "\n".join(f"k{n} = 1" for n in range(3_000)),
    '[journal.local]\npath = "' + "j" * 300 + '"',
    "[configuration]\npage_size = 0x" + "f" * 5000,
    f'[central_path]\npath = "az://c"\nazure_account_key = "{CANARY}"\nazure_account_name = "x"',
    "[journal]\njournaling_mode = 7\n[[central_path]]",
]


def config(text: str, folder: Path) -> None:
    began = time.process_time()
    checked = check(text, folder / "config.toml", environ={}, kept=lambda name: "")
    no_secret(" ".join([*map(str, checked.faults), *checked.warnings]))
    with told():
        loads(text, folder / "config.toml", environ={}, kept=lambda name: "")
    must(time.process_time() - began < 10, "a configuration takes more than 10 s")
    file = folder / "config.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    bundle(file, folder)


PATTERNS = [
    "OMOP/{filepath}",
    "{patient_id:w}/Images/{filepath}",
    "{patient_id:w}{version:w}q/{filepath}",
    "{patient_id:d}-{version}x{filepath}",
    "{",
    "{x}",
    "a//{filepath}",
]
PATHS = ("a" * 16_384 + "/x", "12/Images/a.dcm", "é" * 300, "a/" * 2000 + "b")


def pattern(text: str, folder: Path) -> None:
    del folder
    parsed = Pattern.parse(text)
    began = time.process_time()
    for path in PATHS:
        parsed.match(path)
        parsed.may_lead_to(path)
    must(time.process_time() - began < 2, "a pattern takes more than 2 s")


CREDENTIALS = [
    "sv=2024-11-04&sp=rcwl&se=2030-01-01T00:00:00Z&sr=c&sig=" + CANARY,
    "https://x.blob.core.windows.net/site?sv=2024&se=9999-12-31T23:59:59-10:00&sig=" + CANARY,
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + CANARY + ";EndpointSuffix=core.windows.net",
    CANARY,
    "http://127.0.0.1:10000/x",
    "https://[::1",
    "https://x.blob.[33mt/site?sv=2024&sig=" + CANARY,
    "https://x:99999999/",
    "?se=0001-01-01T00:00:00+10:00&st=10000-01-01&spr=&sip=1-2-3&sig=x",
]


def credential(text: str, folder: Path) -> None:
    del folder
    sas.clean_sas(text)
    addresses.split_account_url(text)
    no_secret(addresses.account_url_problem(text) if CANARY not in text else "")
    addresses.account_of_url(text)
    addresses.connection_parts(text)
    sas_facts(text)
    paste(text)
    container_of(text)
    no_secret(" ".join(sas.SasInfo.parse(text).scope_sentences("rcwl")))


CLASSES = (
    InputClass("config.toml, both layouts", CONFIGS, config),
    InputClass("patterns", PATTERNS, pattern),
    InputClass("SAS, URL, connection strings", CREDENTIALS, credential),
)
