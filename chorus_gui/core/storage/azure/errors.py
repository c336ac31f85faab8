"""The one place where what the SDK and its HTTP library raise becomes an error of core.

What a person sees is made in :mod:`.answers`.  The technical cause travels along as a :class:`AzureFault`: the original
exceptions keep whole URLs, SAS included, in their texts and attributes, so they are left behind.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from chorus_gui.core.errors import AccessError, StoreError, StoreUnavailableError, Why
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.azure.answers import Access, Answer, Operation, explain
from chorus_gui.core.storage.azure.login import Refusal
from chorus_gui.core.storage.http.channel import NoAnswerError, ProxyLoginError, Trouble
from chorus_gui.core.storage.http.headers import MESSAGE_CHARS, clock_skew, readable, retry_after
from chorus_gui.core.storage.http.no_answers import plain_no_answer
from chorus_gui.core.storage.http.trust import trust_store_name
from chorus_gui.core.untrusted import DATA_ERRORS

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

T = TypeVar("T")
DETAIL_CHARS = 2000
_CODE = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


class AzureFault(Exception):  # noqa: N818  it is a cause, never raised by itself
    """A technical cause as text, without secrets: class name and message of an exception of the SDK, and its traceback."""


def guarded(access: Access, operation: Operation, action: Callable[[], T]) -> T:
    """Run ``action``; what the SDK raises leaves as a :class:`StoreError` with a :class:`AzureFault` as its cause.

    The error is raised outside the ``except`` block, so that the original is not kept as its context either.
    """
    import requests
    from azure.core.exceptions import AzureError, DeserializationError

    try:
        return action()
    except (AzureError, DeserializationError, requests.RequestException, OSError, UnicodeError, *DATA_ERRORS) as error:
        translated, cause = translate(error, access, operation), fault(error)
    raise translated from cause


def translate(error: BaseException, access: Access, operation: Operation) -> StoreError:
    """The error of core for anything that a call of the SDK raised."""
    import requests
    from azure.core.exceptions import (
        ClientAuthenticationError,
        DecodeError,
        DeserializationError,
        HttpResponseError,
        IncompleteReadError,
    )

    from chorus_gui.core.storage.azure.genuine_policy import StrangeAnswerError

    if isinstance(error, StrangeAnswerError):
        return strange(access)
    if isinstance(error, HttpResponseError) and error.response is not None and (error.status_code or 0) >= 300:
        return explain(answer_of(error), access, operation)
    if isinstance(error, (DecodeError, DeserializationError)) and not isinstance(error, IncompleteReadError):
        return strange(access)
    if isinstance(error, HttpResponseError) and error.status_code:  # a status below 300 that this request cannot have
        return strange(access)
    if isinstance(error, DATA_ERRORS) and not isinstance(error, (UnicodeError, requests.RequestException)):
        return strange(access)  # how the SDK stumbles over an answer that is not what it takes it for
    if isinstance(error, ClientAuthenticationError):
        return _not_signed_in(error, access)
    if isinstance(error, UnicodeError):
        return StoreError(
            f"Could not {operation.verb} {operation.object} in the central store.",
            meaning="The name has characters that a request cannot carry.",
            remedy="Rename the file on the site and scan again, or hold it back.",
        )
    return _connection(error, access)


def strange(access: Access) -> StoreUnavailableError:
    """For an answer that Azure does not give."""
    error = StoreUnavailableError(
        f"The answer from {access.host} did not come from Azure.",
        meaning="It may come from a proxy or a sign-in page of this network.",
        remedy=f"Ask your IT department to let this computer reach https://{access.host}.",
    )
    error.why = Why.STRANGER
    return error


def fault(error: BaseException) -> AzureFault:
    """The exception and what it came from, as a chain of redacted texts with their tracebacks."""
    first: AzureFault | None = None
    last: AzureFault | None = None
    for link in _causes(error, nested=False):
        text = redact(f"{type(link).__name__}: {link}")
        made = AzureFault(_without_signature(text)).with_traceback(link.__traceback__)
        if last is None:
            first = made
        else:
            last.__cause__ = made
        last = made
    return first or AzureFault(type(error).__name__)


def answer_of(error: HttpResponseError) -> Answer:
    """What the service answered, out of the SDK's exception."""
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    code = getattr(error, "error_code", None) or headers.get("x-ms-error-code") or ""
    info: Mapping[str, str | None] = getattr(error, "additional_info", None) or {}
    detail = info.get("authenticationerrordetail") or headers.get("x-ms-copy-source-error-code") or ""
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    return made_answer(error.status_code or 0, lower, str(getattr(code, "value", code)), str(error.message or ""), detail)


def made_answer(status: int, headers: Mapping[str, str], code: str, message: str, detail: str) -> Answer:
    """A refusal, cleaned and cut, of its status, its headers (by lower-case name), and the service's code and texts."""
    request_id = headers.get("x-ms-request-id", "")
    return Answer(
        status=status,
        code=code if _CODE.fullmatch(code) else "",
        message=_message(message),
        detail=readable(detail, DETAIL_CHARS),
        request_id=request_id if _CODE.fullmatch(request_id) else "unreadable" if request_id else "",
        retry_after=retry_after(headers),
        skew=clock_skew(headers.get("date")),
    )


def _message(text: str) -> str:
    for cut in ("\nRequestId:", "\nErrorCode:", "\nTime:"):
        text = text.partition(cut)[0]
    return readable(text.strip(), MESSAGE_CHARS)


def _without_signature(text: str) -> str:
    """A refused key signature is quoted in the service's answer, with the string that was signed: cut both off."""
    for mark in ("The MAC signature found", "String to sign used", "Server used following string to sign"):
        text = text.partition(mark)[0]
    return text


def _causes(error: BaseException, *, nested: bool) -> Iterator[BaseException]:
    """The exception and those it came from; with ``nested`` also the ones that HTTP libraries pass as arguments."""
    todo, seen = [error], set[int]()
    while todo:
        link = todo.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = [link.__cause__ or link.__context__]
        if nested:
            inner += [getattr(link, "inner_exception", None), getattr(link, "reason", None), *link.args]
        todo += [found for found in inner if isinstance(found, BaseException)]


_NO_NETWORK = re.compile(
    r"max retries exceeded|name ?resolution|getaddrinfo|failed to establish|timed out|connection (aborted|refused|reset)|network is unreachable",
    re.IGNORECASE,
)


def is_no_network(error: BaseException) -> bool:
    """A sign-in failed because nobody answered."""
    return any(_NO_NETWORK.search(str(cause)) for cause in _causes(error, nested=True))


def not_signed_in(error: BaseException, access: Access) -> tuple[StoreError, AzureFault]:
    """For a sign-in that gave no token, with the cause for the log."""
    return _not_signed_in(error, access), fault(error)


def _not_signed_in(error: BaseException, access: Access) -> StoreError:
    made = _no_token(error, access)
    made.why = Why.CREDENTIAL if isinstance(made, AccessError) else Why.NO_ANSWER
    return made


def _no_token(error: BaseException, access: Access) -> StoreError:
    from chorus_gui.core.storage.azure.login_policy import OtherTenantError

    if isinstance(error, OtherTenantError):
        return other_tenant(error.tenant, access)
    refusal = getattr(error, "refusal", None)
    if isinstance(refusal, Refusal):
        kind = StoreUnavailableError if refusal.unreachable else AccessError
        return kind(refusal.what, meaning=refusal.meaning, remedy=refusal.remedy)
    if access.auth_mode.signs_in and is_no_network(error):
        return StoreUnavailableError(
            "Could not renew the sign-in to Azure: login.microsoftonline.com does not answer.",
            remedy="Check the network, and try again.",
        )
    if access.auth_mode.signs_in:
        return AccessError(
            "You are not signed in to Azure.",
            meaning=_without_signature(redact(str(error).strip().partition("\n")[0])),
            remedy="Run “az login” in a terminal, or try again and complete the sign-in in the browser.",
        )
    return key_is_none()


def other_tenant(tenant: str, access: Access) -> AccessError:
    """For a service that belongs to another tenant than the configured one."""
    return AccessError(
        "The central store does not accept this sign-in.",
        meaning=f"{access.host} says that it belongs to the tenant “{tenant}”. CHoRUS Upload did not sign in there: only the "
        "configuration can choose the tenant.",
        remedy=f'If the central team confirms this tenant, set azure_tenant_id = "{tenant}" in the configuration. '
        "Otherwise sign in with the account that has access to the central store.",
    )


def key_is_none() -> AccessError:
    """For an account key that is not one."""
    return AccessError(
        "The account key cannot be used.",
        meaning="It is not a key as Azure writes it (base64).",
        remedy="Copy the whole key again from the Azure portal, without spaces.",
    )


def no_answer(error: NoAnswerError, access: Access) -> StoreError:
    """For a request of the lean wire that got no answer."""
    if isinstance(error, ProxyLoginError):
        return explain(Answer(407), access, Operation("read", "", "r"))
    return unreached(error.trouble, access)


def _connection(error: BaseException, access: Access) -> StoreError:
    """No answer came to the SDK: why, as far as the chain of causes tells."""
    import requests
    from azure.core.exceptions import ServiceRequestTimeoutError, ServiceResponseError

    causes = list(_causes(error, nested=True))
    timeout = (TimeoutError, ServiceRequestTimeoutError, requests.exceptions.Timeout)
    names = {type(cause).__name__ for cause in causes}

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if any_is(ssl.SSLCertVerificationError):
        trouble = Trouble.CERTIFICATE
    elif any_is(requests.exceptions.ProxyError):
        trouble = Trouble.PROXY
    elif any_is(socket.gaierror) or "NameResolutionError" in names:
        trouble = Trouble.NAME
    elif any_is(ssl.SSLError):
        trouble = Trouble.TLS
    elif any_is(requests.exceptions.ContentDecodingError) or "DecodeError" in names:
        trouble = Trouble.STRANGE
    elif "ProtocolError" in names and any_is(TimeoutError):  # a wait for the connection or for the answer has an error of its own
        trouble = Trouble.STALLED
    elif any_is(*timeout) or any("Timeout" in name for name in names):
        trouble = Trouble.TIMEOUT
    elif any_is(ServiceResponseError) or any("IncompleteRead" in name for name in names):
        trouble = Trouble.LOST
    else:
        trouble = Trouble.UNREACHABLE
    return unreached(trouble, access)


_WHY = {
    Trouble.CERTIFICATE: Why.CERTIFICATE,
    Trouble.PROXY: Why.PROXY,
    Trouble.NAME: Why.NAME,
    Trouble.TLS: Why.TLS,
    Trouble.STALLED: Why.STALLED,
    Trouble.TIMEOUT: Why.NO_ANSWER,
    Trouble.LOST: Why.LOST,
    Trouble.UNREACHABLE: Why.REFUSED,
    Trouble.STRANGE: Why.STRANGER,
}


def unreached(trouble: Trouble, access: Access) -> StoreError:
    """Why no answer came, as a sentence with a remedy."""
    error = _unreached(trouble, access)
    error.why = _WHY[trouble]
    return error


def _unreached(trouble: Trouble, access: Access) -> StoreError:
    host = access.host
    match trouble:
        case Trouble.CERTIFICATE:
            return AccessError(
                f"The certificate of {host} is not trusted.",
                meaning=f"{trust_store_name()[0].upper()}{trust_store_name()[1:]} does not know who issued it. Many hospital networks "
                "inspect encrypted connections with their own certificate authority.",
                remedy=f"Ask your IT department to add the network's certificate authority to {trust_store_name()}. "
                "The check cannot be turned off.",
            )
        case Trouble.NAME:
            return StoreUnavailableError(
                f"This network does not know the name {host}.",
                meaning="Either the computer is offline, or the account's name is misspelled, or its address is not published in this network.",
                remedy="Check the network and the account's name or URL. Ask the central team whether this computer needs a line in its file “hosts”.",
            )
        case Trouble.STRANGE:
            return strange(access)
        case Trouble.STALLED:
            return StoreUnavailableError(
                f"Sending to {host} made no progress for too long, so CHoRUS Upload closed the connection.",
                meaning="This computer's network, or the way to Azure, took no more data.",
                remedy="Check the network. If it is slow, set num_threads to 1 in the configuration, so that one file at a time has all of it.",
            )
        case _:
            return plain_no_answer(trouble, host)
