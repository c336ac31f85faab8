"""The configuration file: read it, save it, test what it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.credentials import certificate_is_locked
from chorus_gui.core.config.credentials import Secret
from chorus_gui.core.config.hosts import Host, confirm, unconfirmed, untrusted
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.load import Checked, check, load, loads
from chorus_gui.core.config.model import Config, Layout, PlaceKind
from chorus_gui.core.errors import ConfigChangedError, ConfigError, Fault, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Finding
from chorus_gui.core.pattern import DEFAULTS, FLAT_DEFAULTS

if TYPE_CHECKING:
    from chorus_gui.app.draft import Draft, Where
    from chorus_gui.core.storage.azure.login import Login

__all__ = [
    "Checked",
    "Layout",
    "check",
    "check_draft",
    "default_pattern",
    "load",
    "load_or_why",
    "loads",
    "read_text",
    "save",
    "template",
    "test_connection",
    "trust_host",
    "unconfirmed_hosts",
    "use_system_certificates",
]  # fmt: skip


def default_pattern(layout: Layout, modality: str) -> str:
    """The pattern of a modality whose table has none."""
    return (DEFAULTS if layout is Layout.NESTED else FLAT_DEFAULTS)[modality]


def template(layout: Layout) -> str:
    """The text of a configuration file to fill in, with an explanation of every key."""
    from chorus_gui.core.config import save as saving  # it imports a TOML editor, which the window's start does without

    return saving.template(layout)


def new_file(file: Path, text: str) -> Path:
    """Write a configuration that does not exist yet; its absolute path.  Raises :class:`UsageError`, also if the file exists."""
    file = file.absolute()
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise UsageError(f"{file} exists already. It was not changed.", remedy="Name another file.") from error
    except OSError as error:
        raise UsageError(f"Could not write {file}: {error.strerror}.", remedy="Choose another folder.") from error
    return file


def read_text(file: Path) -> str:
    """The text of a configuration file.  Raises :class:`ConfigError`."""
    from chorus_gui.core.config.save import ConfigDocument

    return ConfigDocument.open(file).text


def save(file: Path, text: str, based_on: str | None, *, overwrite: bool) -> Path:
    """Write a configuration.  Raises :class:`ConfigChangedError` if another program changed the file after its text was ``based_on``."""
    from chorus_gui.core.config.save import ConfigDocument

    if file.exists():
        document = ConfigDocument.open(file)
        if not overwrite and based_on is not None and document.text != based_on:
            raise ConfigChangedError(
                f"“{file.name}” was changed by another program after it was opened here.",
                meaning="Nothing was saved.",
                remedy="Open it again and repeat your changes, or overwrite it.",
            )
        document.text = text
    else:
        document = ConfigDocument(file, text, seen=None)
    document.save(overwrite=overwrite)
    return file


def check_draft(draft: Draft) -> Checked:
    """What is wrong with a draft, and which certificates need a password: that reads their files, so not for the screen's thread."""
    return replace(check(draft.text, draft.file), locked=locked_passwords(draft))


def certificates(draft: Draft) -> dict[Where, str]:
    """The keys of passwords → the certificate's file that could need it."""
    places = [("central", DEFAULT), ("journal", DEFAULT), *(("site", name) for name in (DEFAULT, *MODALITIES))]
    out: dict[Where, str] = {}
    for place, modality in places:
        client, path = (draft.effective((f"{place}.azure_client_{name}", modality)) for name in ("id", "certificate_path"))
        if client and path:
            out[f"{place}.azure_client_certificate_password", modality] = str(path)
    return out


def locked_passwords(draft: Draft) -> frozenset[Where]:
    """The keys of passwords that a certificate's file needs.  It reads the files, so it is not for the screen's thread."""
    files = certificates(draft)
    locked = {file: certificate_is_locked(draft.file, file) for file in {*files.values()}}
    return frozenset(where for where, file in files.items() if locked[file])


def unconfirmed_hosts(config: Config) -> list[str]:
    """The servers of a configuration that a person has to confirm before anything is sent to them.  Raises :class:`PolicyError`."""
    return unconfirmed(named.place for named in config.places())


def trust_host(text: str) -> str:
    """Remember that this user trusts a server, given by its name or URL; the name.  Raises as :func:`~chorus_gui.core.config.hosts.confirm`."""
    return confirm(text)


def use_system_certificates(config: Config | None) -> None:
    """Verify TLS against the system's certificates if a place is in a cloud.  Only in the program's own process: it changes the whole process.

    Not for folders: what it imports opens a socket.
    """
    if config is None or any(named.place.kind is not PlaceKind.FOLDER for named in config.places()):
        from chorus_gui.core.storage.http.trust import use_system_trust

        use_system_trust()


def test_connection(
    config: Config | None, text: str | None, file: Path | None, login: Login | None, ctx: JobContext
) -> tuple[Finding, ...]:
    """Test every place of a configuration; ``text``, meant for ``file``, is used instead of ``config``."""
    from chorus_gui.app.doctor.places import check_place

    if text is not None and file is not None:
        config = loads(text, file)
    if config is None:
        raise UsageError("No configuration is open.", remedy="Open one with File → Open configuration, or fill in the form.")
    found: list[Finding] = []
    if hosts := unconfirmed(named.place for named in config.places()):
        raise untrusted(Host(hosts[0]))  # the window asks the person
    seen: set[Secret] = set()
    for place in config.places():
        ctx.checkpoint()
        sas = place.place.credentials.sas
        found += check_place(place, login, expiry=sas is None or sas.token not in seen)
        seen |= {sas.token} if sas else set()
    return tuple(found)


def load_or_why(file: Path) -> tuple[Config | None, ConfigError | None, tuple[Fault, ...]]:
    """The configuration; or None, why it cannot be used, and its faults."""
    try:
        return load(file), None, ()
    except ConfigError as error:
        return None, error, tuple(error.faults)
