"""What S3's answers mean: a status and an error code become one of the core's errors, with a sentence and a remedy.

The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from chorus_gui.core.errors import AccessError, BlobNotFoundError, ConditionError, StoreError, TokenTimeError, Why
from chorus_gui.core.storage.bucket.answers import (
    Access,
    Refusal,
    Request,
    because,
    busy,
    finished,
    no_bucket,
    other,
    proxy_login,
    strange,
)
from chorus_gui.core.storage.gcs.hmac_keys import explain_hmac
from chorus_gui.core.storage.http.headers import clock_sentence

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
    return finished(_explain(refusal, access, request), refusal)


def _explain(refusal: Refusal, access: Access, request: Request) -> StoreError:
    code, status = refusal.code, refusal.status
    if status == 407:
        return proxy_login()
    if code in _BUSY or (status in (408, 429, 500, 502, 503, 504) and not (refusal.genuine and code in _EXPIRED)):
        return busy(refusal, access, request)
    if not refusal.genuine:
        return strange(access)
    if code == "NoSuchBucket":
        return no_bucket(access)
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
    if access.maker == "Google" and (found := explain_hmac(refusal, access, request)) is not None:
        return found
    return _access(refusal, access, request) or other(refusal, access, request)


ARCHIVE_MEANING = "It is in an archive of S3 (Glacier Flexible Retrieval, Deep Archive, or an archive tier of Intelligent-Tiering)."
ARCHIVE_REMEDY = (
    "Restore it in the bucket for some days (in the S3 console: “Initiate restore”; this takes minutes to 48 hours), "
    "then scan again. Or hold it back."
)


def _access(refusal: Refusal, access: Access, request: Request) -> StoreError | None:
    """What the credentials are about, and what they do not allow; None for anything else."""
    code, status = refusal.code, refusal.status
    if code in _EXPIRED:
        return because(
            Why.CREDENTIAL,
            TokenTimeError(f"The AWS credentials for the bucket “{access.bucket}” have expired.", remedy=access.remedy),
        )
    if code in _UNKNOWN_KEY or status == 401:
        return because(
            Why.CREDENTIAL,
            AccessError(
                f"{access.service} does not know the access key.",
                meaning="It was deleted or turned off, it is misspelled, or it belongs to another service.",
                remedy=access.remedy,
            ),
        )
    if code == "SignatureDoesNotMatch":
        return because(
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
        return because(
            Why.RIGHTS,
            AccessError(
                f"The credentials do not allow {doing} {request.of(access.bucket)}.",
                meaning="Their policy, the bucket's policy or its encryption key refuses it, or the bucket's readers have to pay.",
                remedy=f"Ask the people who manage the bucket for the permission “{right}”, and for “kms:Decrypt” if the bucket is encrypted "
                "with a key of its own. If readers pay, set aws_requester_pays = true.",
            ),
        )
    return None
