"""What Google's answers mean: a status and a reason become one of the core's errors, with a sentence and a remedy.

The reasons are those of https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

from chorus_gui.core.errors import AccessError, BlobNotFoundError, ConditionError, StoreError, Why
from chorus_gui.core.storage.bucket.answers import (
    Access,
    Refusal,
    Request,
    because,
    busy,
    could_not,
    finished,
    no_bucket,
    other,
    proxy_login,
    sentence,
    strange,
)
from chorus_gui.core.storage.http.headers import clock_sentence

_BUSY = {"rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"}
_CUSTOMER_KEY = ("customerEncryption", "resourceIsEncryptedWithCustomerEncryptionKey")
READER = "Storage Object Viewer"
"""The role that has all that is needed."""


def explain(refusal: Refusal, access: Access, request: Request) -> StoreError:
    """The error of core for a refusal.  No secret is in its text."""
    return finished(_explain(refusal, access, request), refusal)


def _explain(refusal: Refusal, access: Access, request: Request) -> StoreError:
    reason, status, text = refusal.code, refusal.status, refusal.message.lower()
    if status == 407:
        return proxy_login()
    if reason in _BUSY or status in (408, 429, 500, 502, 503, 504):
        return busy(refusal, access, request)
    if not refusal.genuine:
        return strange(access)
    if status == 404 and (request.verb == "list" or "bucket does not exist" in text):
        return no_bucket(access)
    if status == 404:
        return BlobNotFoundError(f"“{request.key}” is not in the bucket “{access.bucket}”.")
    if status == 412 or reason == "conditionNotMet":
        return ConditionError(f"“{request.key}” was changed meanwhile.")
    if status == 401:
        return _not_accepted(refusal, access)
    if reason.startswith(_CUSTOMER_KEY) or "customer-supplied encryption key" in text:
        return StoreError(
            could_not(access, request),
            meaning="It is encrypted with a key that the customer gives with each request (CSEK), which CHoRUS Upload does not have.",
            remedy="Rewrite the object with another kind of key (“gcloud storage objects update --clear-encryption-key”), then scan again. Or hold it back.",
        )
    return _paid_by_nobody(refusal, access) or _forbidden(refusal, access, request) or other(refusal, access, request)


def _not_accepted(refusal: Refusal, access: Access) -> AccessError:
    clock = clock_sentence(refusal.skew, f"the one of {access.service}")
    error = AccessError(
        f"{access.service} does not accept the credentials.",
        meaning=clock or "They have expired, were revoked, or belong to another service.",
        remedy="Set this computer's clock and time zone to the right time, then try again." if clock else access.remedy,
    )
    return because(Why.CREDENTIAL, error)


def _paid_by_nobody(refusal: Refusal, access: Access) -> AccessError | None:
    """Readers have to pay, and cannot."""
    reason, text = refusal.code, refusal.message.lower()
    if "requester pays" in text or reason == "userProjectMissing":
        return AccessError(
            f"The readers of the bucket “{access.bucket}” have to pay for requests and traffic.",
            meaning="The configuration does not say which project pays.",
            remedy="Set google_user_project in the configuration to the ID of a project that you may bill.",
        )
    if reason.startswith("userProject") or "serviceusage.services.use" in text:
        return AccessError(
            "The credentials do not allow billing the project in google_user_project.",
            meaning=sentence(refusal.message),
            remedy="Correct google_user_project, or ask the people who manage that project for the role “Service Usage Consumer”.",
        )
    if reason in ("accountDisabled", "accountClosed") or "billing account" in text:
        return AccessError(
            f"{access.service} does not give out the bucket “{access.bucket}”, because its project has no active billing account.",
            meaning=sentence(refusal.message),
            remedy="Ask the people who manage the project.",
        )
    return None


def _forbidden(refusal: Refusal, access: Access, request: Request) -> AccessError | None:
    """What the credentials do not allow; None for anything else."""
    if refusal.status != 403:
        return None
    if "organization's policy" in refusal.message.lower() or "servicecontrols" in refusal.message.lower():
        return AccessError(
            f"A policy of the organization does not allow this computer to use the bucket “{access.bucket}”.",
            meaning=sentence(refusal.message),
            remedy="Ask the people who manage the bucket to allow this network in their service perimeter (VPC Service Controls).",
        )
    right = "storage.objects.list" if request.verb == "list" else "storage.objects.get"
    doing = "listing" if request.verb == "list" else "reading"
    error = AccessError(
        f"The credentials do not allow {doing} {request.of(access.bucket)}.",
        meaning=sentence(refusal.message),
        remedy=f"Ask the people who manage the bucket for the role “{READER}” on it (it has the permission {right}).",
    )
    return because(Why.RIGHTS, error)
