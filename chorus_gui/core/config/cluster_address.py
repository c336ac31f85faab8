"""The address of a cluster's scheduler, and if this installation can use one."""

from __future__ import annotations

import re
from importlib.util import find_spec

from chorus_gui.core.errors import UsageError

OFF = "off"
"""What the option --cluster takes for no cluster."""
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def cluster_address(text: str) -> str:
    """The address as Dask takes it, "" for “off” or nothing.  Raises :class:`UsageError`."""
    text = text.strip().rstrip("/")
    if text.lower() in ("", OFF):
        return ""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(
            f"“{text}” is not the address of a cluster.",
            remedy="Write it as the scheduler prints it, such as tcp://scheduler:8786 or tls://scheduler:8786, or “off”.",
        )
    return text


def require_dask() -> None:
    """Raise :class:`UsageError` if the packages for clusters are not installed."""
    if find_spec("distributed") is None:
        raise UsageError(
            "This installation of CHoRUS Upload cannot use a cluster: the packages for it are missing.",
            remedy='Install them with: pip install "chorus-upload[cluster]". '
            "The program that the installer puts on Windows never has them; docs/cluster.md says what is needed.",
        )
