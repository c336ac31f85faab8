"""Why a server did not answer, as sentences that are the same for every service."""

from __future__ import annotations

from chorus_gui.core.errors import StoreError, StoreUnavailableError
from chorus_gui.core.storage.http.connecting import Trouble


def plain_no_answer(trouble: Trouble, host: str) -> StoreError:
    """The error for a request to ``host`` that got no answer.

    A certificate, a name and what is special to a service have their own sentences there; here they count as a lost connection.
    """
    match trouble:
        case Trouble.PROXY:
            return StoreUnavailableError(
                "The proxy server of this network cannot be reached, or refused the connection.",
                meaning=f"This computer uses it to reach {host}.",
                remedy="Check the proxy settings (the environment variables HTTPS_PROXY and NO_PROXY, or the system's settings), "
                "or ask your IT department.",
            )
        case Trouble.TLS:
            return StoreUnavailableError(
                f"Could not establish a secure (TLS) connection to {host}.",
                meaning="A firewall may have closed it.",
                remedy=f"Try again. If it fails again, ask your IT department to let this computer reach https://{host}.",
            )
        case Trouble.TIMEOUT:
            return StoreUnavailableError(f"The server {host} did not answer in time.", remedy="Check the network, and try again.")
        case Trouble.UNREACHABLE:
            return StoreUnavailableError(
                f"Could not reach {host}.",
                meaning="The network or a firewall refused or closed the connection.",
                remedy=f"Check the network. If it works otherwise, ask your IT department to let this computer reach https://{host}.",
            )
        case _:
            return StoreUnavailableError(f"The connection to {host} was lost.", remedy="Check the network, and try again.")
