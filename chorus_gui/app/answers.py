"""The answers that a person gave the assistant, and the configuration made of them.  No Qt, nothing is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chorus_gui.app.credentials import Pasted
from chorus_gui.core.config.addresses import account_of_url, address_parts
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.keys import DEFAULT, KEYS
from chorus_gui.core.config.load import Checked, check
from chorus_gui.core.config.model import Layout
from chorus_gui.core.model import Mode

if TYPE_CHECKING:
    from chorus_gui.core.config.save import ConfigDocument

JOURNAL = "journal.db"
_PORTAL = re.compile(r"portal\.azure\.[a-z]+(?=[:/?#]|$)", re.IGNORECASE)
_IN_PORTAL = re.compile(r"/(?:path|containers|containerName)/([a-z0-9$][a-z0-9-]{1,62})(?=[/?#]|$)")
_ACCOUNT_IN_PORTAL = re.compile(r"/storageAccounts/([a-z0-9]{3,24})(?=[/?#]|$)", re.IGNORECASE)
_SECRET_OF = {
    AuthMode.SAS: "azure_sas_token",
    AuthMode.KEY: "azure_account_key",
    AuthMode.CONNECTION_STRING: "azure_connection_string",
}


@dataclass(frozen=True, slots=True)
class Container:
    """The container as a person wrote it: its name, the folder in it, and the account if it was a whole URL."""

    name: str
    prefix: str = ""
    url: str = ""
    token: str = ""


def pasted_path(text: str) -> str:
    """A path as a person pastes it: without spaces around it, and without the quotes of Explorer's “Copy as path”."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def container_of(text: str) -> Container:
    """Read "container", "container/folder", "az://container/folder", the URL of a container, or the address of its page in the portal.

    A page of the portal that is about no container has no name.
    """
    text = pasted_path(text)
    scheme, separator, rest = text.partition("://")
    if separator and scheme in ("http", "https"):
        if _PORTAL.match(rest):
            path = unquote(unquote(rest))
            found, account = _IN_PORTAL.search(path), _ACCOUNT_IN_PORTAL.search(path)
            url = f"https://{account[1]}.blob.core.windows.net" if account else ""
            return Container(found[1] if found else "", "", url if found else "")
        host, path, query = address_parts(text)
        name, _, prefix = unquote(path).strip("/").partition("/")
        return Container(name, prefix.strip("/"), f"{scheme}://{host}", query if "sig=" in query else "")
    name, _, prefix = (rest if separator else text).partition("/")
    return Container(name, prefix.strip("/"))


@dataclass(frozen=True, slots=True)
class Answers:
    """``site``: its folder, or its place in a cloud; ``places``: every key about the places of the site and of modalities; ``mode``: what it means that a submitted file is no longer there.  ``folder``: the store, if it is a folder (then the fields of Azure are ignored).

    ``pasted`` None: sign in with Microsoft.
    """

    site: str = ""
    azure: bool = True
    folder: str = ""
    container: Container = Container("")
    account: str = ""
    account_url: str = ""
    pasted: Pasted | None = None
    mode: Mode = Mode.APPEND
    places: tuple[tuple[tuple[str, str], str | int | bool], ...] = ()

    @property
    def address(self) -> tuple[str, str]:
        """(account, its URL): what was pasted overrides the fields."""
        url = (self.pasted.url if self.pasted else "") or self.container.url
        if url:
            return account_of_url(url), url
        if self.pasted and self.pasted.mode is AuthMode.CONNECTION_STRING:
            return self.pasted.account, ""
        return self.account, self.account_url

    @property
    def store(self) -> str:
        """The central store's path."""
        if not self.azure:
            return Path(self.folder).as_posix() if self.folder else ""
        return f"az://{self.container.name}/{self.container.prefix}"


def template_account() -> tuple[str, str]:
    """(account, URL) that the template names: the consortium's."""
    from chorus_gui.core.config.save import new_document  # tomlkit takes long to import

    document = new_document(Path("config.toml"))
    name, url = (document.get(_dotted(f"central.{key}")) for key in ("azure_account_name", "azure_account_url"))
    return str(name or ""), str(url or "")


def compose(answers: Answers, file: Path) -> str:
    """The text of the configuration, made from the commented template."""
    from chorus_gui.core.config.save import new_document  # tomlkit takes long to import

    document = new_document(file)
    for (meaning, modality), value in ((("site.path", DEFAULT), answers.site), *answers.places):
        folder = meaning == "site.path" and "://" not in str(value)
        document.set(KEYS[meaning].dotted(Layout.NESTED, modality), Path(str(value)).as_posix() if folder else value)
    document.set(_dotted("mode"), answers.mode.value)
    document.set(_dotted("central.path"), answers.store)
    if answers.azure:
        document.set(_dotted("central.container"), answers.container.name)
        document.set(_dotted("journal.path"), f"az://{answers.container.name}/{JOURNAL}")
        for place in ("central", "journal"):
            _let_in(document, answers, place)
    return document.text


def _let_in(document: ConfigDocument, answers: Answers, place: str) -> None:
    account, url = answers.address
    for key, value in (("azure_account_name", account), ("azure_account_url", url)):
        if value:
            document.set(_dotted(f"{place}.{key}"), value)
        else:
            document.remove(_dotted(f"{place}.{key}"))
    pasted = answers.pasted
    if pasted is None:
        document.set(_dotted(f"{place}.auth_mode"), "login")
        return
    if pasted.mode is AuthMode.SAS:
        document.set(_dotted(f"{place}.auth_mode"), "sas")
    else:
        document.remove(_dotted(f"{place}.auth_mode"))
    if pasted.secret and pasted.mode in _SECRET_OF:
        document.set(_dotted(f"{place}.{_SECRET_OF[pasted.mode]}"), pasted.secret)


def faults_of(answers: Answers, file: Path, *names: str) -> tuple[Checked, str]:
    """The configuration as it would be, and what is wrong with the keys whose last parts are ``names`` (none: with any), in words."""
    checked = check(compose(answers, file), file)
    lines = [fault for fault in checked.faults if not names or _is_one_of(fault.key, names)]
    return checked, "\n".join(dict.fromkeys(" ".join(part for part in (fault.problem, fault.remedy) if part) for fault in lines))


def faults_at(answers: Answers, file: Path, begin: str) -> tuple[str, str]:
    """The first key that begins with ``begin`` and has a problem, and that in words; "" and "" if there is none."""
    checked = check(compose(answers, file), file)
    fault = next((fault for fault in checked.faults if fault.key.startswith(begin)), None)
    return (fault.key, " ".join(part for part in (fault.problem, fault.remedy) if part)) if fault else ("", "")


def _is_one_of(dotted: str, names: tuple[str, ...]) -> bool:
    return any(dotted == name or dotted.endswith("." + name) for name in names)


def _dotted(meaning: str) -> str:
    return KEYS[meaning].dotted(Layout.NESTED, DEFAULT)
