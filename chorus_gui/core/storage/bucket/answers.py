"""What every service of buckets can answer: a busy one, a missing bucket, and why no answer came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from chorus_gui.core.errors import AccessError, BlobNotFoundError, ConditionError, StoreError, StoreUnavailableError, Why
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.http.channel import NoAnswerError, ProxyLoginError, Trouble
from chorus_gui.core.storage.http.no_answers import plain_no_answer
from chorus_gui.core.storage.http.trust import trust_store_name

E = TypeVar("E", bound=StoreError)


@dataclass(frozen=True, slots=True)
class Keys:
    """The configuration's keys that a remedy names: of the server, of the certificates; ``where``: all that says where a bucket is."""

    endpoint: str
    certificates: str
    where: str


@dataclass(frozen=True, slots=True)
class Access:
    """How a bucket is reached, for sentences.  ``service`` is "Amazon S3" or the server's name, ``maker`` "S3"; ``remedy`` says where its
    credentials are set.
    """

    bucket: str
    host: str
    service: str
    maker: str
    remedy: str
    keys: Keys


@dataclass(frozen=True, slots=True)
class Request:
    """A request, for sentences about its failure.  ``key``: the object's, or what listed keys begin with."""

    verb: Literal["list", "read"]
    key: str

    def of(self, bucket: str) -> str:
        """What follows the verb."""
        return f"“{self.key}” in the bucket “{bucket}”" if self.key else f"the bucket “{bucket}”"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal.  ``skew`` is this computer's clock minus the service's in seconds, None if unknown; ``genuine``: the service sent it."""

    status: int
    code: str = ""
    message: str = ""
    request_id: str = ""
    retry_after: float | None = None
    skew: float | None = None
    genuine: bool = True


def finished(error: E, refusal: Refusal) -> E:
    """The error with the service's code and reference, and without secrets."""
    error.code = refusal.code or (f"HTTP {refusal.status}" if refusal.status else "")
    error.request_id, error.retry_after = refusal.request_id, refusal.retry_after
    if not isinstance(error, (BlobNotFoundError, ConditionError)):
        reference = ", ".join(part for part in (error.code, f"request {refusal.request_id}" if refusal.request_id else "") if part)
        error.meaning = " ".join(part for part in (error.meaning, f"Code: {reference}." if reference else "") if part)
    error.what, error.meaning, error.remedy = redact(error.what), redact(error.meaning), redact(error.remedy)
    error.args = (error.what,)
    return error


def because(why: Why, error: E) -> E:
    """The error with its reason."""
    error.why = why
    return error


def busy(refusal: Refusal, access: Access, request: Request) -> StoreUnavailableError:
    """For a service that asks to come back later."""
    wait = f" It asks to wait {refusal.retry_after:.0f} seconds." if refusal.retry_after else ""
    error = StoreUnavailableError(
        could_not(access, request), meaning=f"{access.service} is busy, or has a problem.{wait}", remedy="Try again in a few minutes."
    )
    return because(Why.BUSY, error)


def no_bucket(access: Access) -> AccessError:
    """For a bucket that does not exist."""
    return AccessError(
        f"There is no bucket “{access.bucket}” at {access.service}.",
        meaning="Nothing is known about its files, so none of them is marked as deleted.",
        remedy=f"Check the bucket's name in the path, and {access.keys.endpoint} if the configuration has it.",
    )


def other(refusal: Refusal, access: Access, request: Request) -> StoreError:
    """For a refusal that nobody knows."""
    return StoreError(
        could_not(access, request),
        meaning=sentence(refusal.message) or f"{access.service} gave no reason.",
        remedy="Try again. If it fails again, ask the people who manage the bucket, and give them the code.",
    )


def could_not(access: Access, request: Request) -> str:
    """What happened, as a sentence."""
    return f"Could not {request.verb} {request.of(access.bucket)}."


def sentence(message: str) -> str:
    """A service's text with a full stop, "" for none."""
    return f"{message.rstrip('.')}." if message else ""


def strange(access: Access) -> StoreUnavailableError:
    """For an answer that the service does not give."""
    service = access.service if access.service != access.host else f"a service of {access.maker}"
    error = StoreUnavailableError(
        f"The answer from {access.host} did not come from {service}.",
        meaning="It may come from a proxy or a sign-in page of this network.",
        remedy=f"Check the address. Ask your IT department to let this computer reach https://{access.host}.",
    )
    return because(Why.STRANGER, error)


def proxy_login() -> AccessError:
    """For a proxy that asks who is there."""
    error = AccessError(
        "The proxy server of this network requires a sign-in.",
        remedy="Ask your IT department for the proxy's address and credentials, and set them in the environment variable HTTPS_PROXY.",
    )
    return because(Why.PROXY_LOGIN, error)


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


def no_answer(error: NoAnswerError, access: Access) -> StoreError:
    """For a request that got no answer."""
    if isinstance(error, ProxyLoginError):
        return proxy_login()
    made = strange(access) if error.trouble is Trouble.STRANGE else _unreached(error.trouble, access)
    return because(_WHY[error.trouble], made)


def _unreached(trouble: Trouble, access: Access) -> StoreError:
    match trouble:
        case Trouble.CERTIFICATE:
            store = trust_store_name()
            return AccessError(
                f"The certificate of {access.host} is not trusted.",
                meaning=f"{store[0].upper()}{store[1:]} does not know who issued it.",
                remedy=f"Ask your IT department to add the authority that issued it to {store}, or name its file in {access.keys.certificates}. "
                "The check cannot be turned off.",
            )
        case Trouble.NAME:
            return StoreUnavailableError(
                f"This network does not know the name {access.host}.",
                meaning="Either the computer is offline, or the name is misspelled.",
                remedy=f"Check the network, the path, and {access.keys.where}.",
            )
        case _:
            return plain_no_answer(trouble, access.host)
