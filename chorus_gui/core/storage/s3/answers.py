"""What S3's answers mean: a status and an error code become one of the core's errors, with a sentence and a remedy.

The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chorus_gui.core.errors import (
    AccessError,
    BlobNotFoundError,
    ConditionError,
    StoreError,
    StoreUnavailableError,
    TokenTimeError,
    Why,
)
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.http.channel import NoAnswerError, ProxyLoginError, Trouble
from chorus_gui.core.storage.http.headers import clock_sentence
from chorus_gui.core.storage.http.no_answers import plain_no_answer
from chorus_gui.core.storage.http.trust import trust_store_name


@dataclass(frozen=True, slots=True)
class Access:
    """How a bucket is reached, for sentences.  ``service`` is "Amazon S3" or the server's name; ``remedy`` says where its credentials are set."""

    bucket: str
    host: str
    service: str
    remedy: str


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


_BUSY = {
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "OperationAborted",
    "Throttling",
    "ThrottlingException",
    "Busy",
}
_EXPIRED = {"ExpiredToken", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_KEY = {"InvalidAccessKeyId", "InvalidToken", "InvalidSecurity", "NotSignedUp", "AuthorizationQueryParametersError"}
_OTHER_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect"}


def explain(refusal: Refusal, access: Access, request: Request) -> StoreError:
    """The error of core for a refusal.  No secret is in its text."""
    error = _explain(refusal, access, request)
    error.code = refusal.code or (f"HTTP {refusal.status}" if refusal.status else "")
    error.request_id, error.retry_after = refusal.request_id, refusal.retry_after
    if not isinstance(error, (BlobNotFoundError, ConditionError)):
        reference = ", ".join(part for part in (error.code, f"request {refusal.request_id}" if refusal.request_id else "") if part)
        error.meaning = " ".join(part for part in (error.meaning, f"Code: {reference}." if reference else "") if part)
    error.what, error.meaning, error.remedy = redact(error.what), redact(error.meaning), redact(error.remedy)
    error.args = (error.what,)
    return error


def _explain(refusal: Refusal, access: Access, request: Request) -> StoreError:
    code, status = refusal.code, refusal.status
    could_not = f"Could not {request.verb} {request.of(access.bucket)}."
    if status == 407:
        return _because(Why.PROXY_LOGIN, proxy_login())
    if code in _BUSY or (status in (408, 429, 500, 502, 503, 504) and not (refusal.genuine and code in _EXPIRED)):
        wait = f" It asks to wait {refusal.retry_after:.0f} seconds." if refusal.retry_after else ""
        busy = StoreUnavailableError(
            could_not, meaning=f"{access.service} is busy, or has a problem.{wait}", remedy="Try again in a few minutes."
        )
        return _because(Why.BUSY, busy)
    if not refusal.genuine:
        return strange(access)
    if code == "NoSuchBucket":
        return AccessError(
            f"There is no bucket “{access.bucket}” at {access.service}.",
            meaning="Nothing is known about its files, so none of them is marked as deleted.",
            remedy="Check the bucket's name in the path, and aws_endpoint_url if the configuration has it.",
        )
    if code in ("NoSuchKey", "NoSuchVersion") or (status == 404 and not code):
        return BlobNotFoundError(f"“{request.key}” is not in the bucket “{access.bucket}”.")
    if code in ("PreconditionFailed", "ConditionalRequestConflict") or status == 412:
        return ConditionError(f"“{request.key}” was changed meanwhile.")
    if code == "InvalidObjectState":
        return StoreError(f"“{request.key}” is archived, so it cannot be read now.", meaning=ARCHIVE_MEANING, remedy=ARCHIVE_REMEDY)
    if code == "RequestTimeTooSkewed":
        clock = clock_sentence(refusal.skew, f"the one of {access.service}")
        return TokenTimeError(
            f"{access.service} refused the request because of its time.",
            meaning=clock or "The clock of this computer is off by more than 15 minutes.",
            remedy="Set this computer's clock and time zone to the right time, then try again.",
        )
    return _access(refusal, access, request) or StoreError(
        could_not,
        meaning=_sentence(refusal.message) or f"{access.service} gave no reason.",
        remedy="Try again. If it fails again, ask the people who manage the bucket, and give them the code.",
    )


ARCHIVE_MEANING = "It is in an archive of S3 (Glacier Flexible Retrieval, Deep Archive, or an archive tier of Intelligent-Tiering)."
ARCHIVE_REMEDY = (
    "Restore it in the bucket for some days (in the S3 console: “Initiate restore”; this takes minutes to 48 hours), "
    "then scan again. Or hold it back."
)


def _access(refusal: Refusal, access: Access, request: Request) -> StoreError | None:
    """What the credentials are about, and what they do not allow; None for anything else."""
    code, status = refusal.code, refusal.status
    if code in _EXPIRED:
        return _because(
            Why.CREDENTIAL,
            TokenTimeError(f"The AWS credentials for the bucket “{access.bucket}” have expired.", remedy=access.remedy),
        )
    if code in _UNKNOWN_KEY or status == 401:
        return _because(
            Why.CREDENTIAL,
            AccessError(
                f"{access.service} does not know the access key.",
                meaning="It was deleted or turned off, it is misspelled, or it belongs to another service.",
                remedy=access.remedy,
            ),
        )
    if code == "SignatureDoesNotMatch":
        return _because(
            Why.CREDENTIAL,
            AccessError(
                f"{access.service} does not accept the signature of the request.",
                meaning="The secret access key does not belong to the access key ID, or something on the way changed the request.",
                remedy=access.remedy,
            ),
        )
    if code in _OTHER_REGION or status in (301, 307):
        return AccessError(
            f"The bucket “{access.bucket}” is in another region than the one that was asked.",
            meaning=f"{access.service} did not say which one.",
            remedy="Set aws_region in the configuration to the region of the bucket.",
        )
    if code == "AllAccessDisabled" or code == "AccountProblem":
        return AccessError(
            f"{access.service} allows nobody to use the bucket “{access.bucket}”.", remedy="Ask the people who manage the AWS account."
        )
    if status == 403:
        right = "s3:ListBucket" if request.verb == "list" else "s3:GetObject"
        doing = "listing" if request.verb == "list" else "reading"
        return _because(
            Why.RIGHTS,
            AccessError(
                f"The credentials do not allow {doing} {request.of(access.bucket)}.",
                meaning="Their policy, the bucket's policy or its encryption key refuses it, or the bucket's readers have to pay.",
                remedy=f"Ask the people who manage the bucket for the permission “{right}”, and for “kms:Decrypt” if the bucket is encrypted "
                "with a key of its own. If readers pay, set aws_requester_pays = true.",
            ),
        )
    return None


def strange(access: Access) -> StoreUnavailableError:
    """For an answer that the service does not give."""
    service = access.service if access.service != access.host else "a service of S3"
    error = StoreUnavailableError(
        f"The answer from {access.host} did not come from {service}.",
        meaning="It may come from a proxy or a sign-in page of this network.",
        remedy=f"Check the address. Ask your IT department to let this computer reach https://{access.host}.",
    )
    error.why = Why.STRANGER
    return error


def proxy_login() -> AccessError:
    """For a proxy that asks who is there."""
    return AccessError(
        "The proxy server of this network requires a sign-in.",
        remedy="Ask your IT department for the proxy's address and credentials, and set them in the environment variable HTTPS_PROXY.",
    )


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
        return _because(Why.PROXY_LOGIN, proxy_login())
    made = strange(access) if error.trouble is Trouble.STRANGE else _unreached(error.trouble, access.host)
    made.why = _WHY[error.trouble]
    return made


def _unreached(trouble: Trouble, host: str) -> StoreError:
    match trouble:
        case Trouble.CERTIFICATE:
            store = trust_store_name()
            return AccessError(
                f"The certificate of {host} is not trusted.",
                meaning=f"{store[0].upper()}{store[1:]} does not know who issued it.",
                remedy=f"Ask your IT department to add the authority that issued it to {store}, or name its file in aws_ca_bundle. "
                "The check cannot be turned off.",
            )
        case Trouble.NAME:
            return StoreUnavailableError(
                f"This network does not know the name {host}.",
                meaning="Either the computer is offline, or the bucket, its region or its endpoint is misspelled.",
                remedy="Check the network, the path, aws_region and aws_endpoint_url.",
            )
        case _:
            return plain_no_answer(trouble, host)


def _because(why: Why, error: StoreError) -> StoreError:
    error.why = why
    return error


def _sentence(message: str) -> str:
    return f"{message.rstrip('.')}." if message else ""
