"""A configuration with everything in one container of a server on this computer."""

from __future__ import annotations

from pathlib import Path

from azure_server import Server

SAS = "sv=2025&sp=rcwdl&se=2099-01-01&sig=CANARYSECRET"
CONFIG = """\
[configuration]
supported_modalities = "OMOP"
[journal]
[journal.source]
path = "az://box/journal.db"
[journal.source.auth]
azure_account_name = "acct"
azure_account_url = "{url}"
azure_sas_token = "{sas}"
[central_path]
path = "az://box"
[central_path.auth]
azure_account_name = "acct"
azure_account_url = "{url}"
azure_sas_token = "{sas}"
[site_path.default]
path = "site"
"""


def configured(folder: Path, url: str) -> str:
    (folder / "site" / "OMOP").mkdir(parents=True, exist_ok=True)
    file = folder / "config.toml"
    file.write_text(CONFIG.format(url=url, sas=SAS), "utf-8")
    return str(file)


def named(server: Server) -> str:
    """The same server, by a name: what it leads to is a matter of configuration."""
    return server.url.replace("127.0.0.1", "localhost")
