"""A bucket of Google that is read with an HMAC key: through the interface of S3, which Google's servers have, too."""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.core.config.credentials import Account, GoogleKeys
from chorus_gui.core.config.hosts import BUCKET_HOSTS
from chorus_gui.core.config.model import Place, PlaceKind, S3Settings
from chorus_gui.core.errors import AccessError, Why
from chorus_gui.core.storage.bucket.answers import Access, Refusal, Request, because, sentence
from chorus_gui.core.storage.gcs.answers import READER

REMEDY = "Correct google_hmac_access_id and google_hmac_secret in the configuration, or use google_credentials_file."
_REGION = "auto"
"""Google's servers take any."""


def s3_place(place: Place, credentials: GoogleKeys) -> Place:
    """The place as the package of S3 reads it.  Raises :class:`AccessError` for what this way cannot do."""
    if place.gcs.user_project:
        raise AccessError(
            "An HMAC key cannot be used for a bucket whose readers pay.",
            meaning="The configuration has google_user_project. Nothing was sent.",
            remedy="Use google_credentials_file in place of the HMAC key, or remove google_user_project.",
        )
    url = place.account.url or f"https://{BUCKET_HOSTS[PlaceKind.GCS]}"
    settings = S3Settings(_REGION, "path", place.gcs.certificates)
    return replace(place, credentials=credentials.s3, account=Account(url=url), s3=settings)


def explain_hmac(refusal: Refusal, access: Access, request: Request) -> AccessError | None:
    """What Google means where Amazon would mean something else, or another remedy helps; None for anything else."""
    if refusal.code == "UserProjectMissing" or "requester pays" in refusal.message.lower():
        return AccessError(
            f"The readers of the bucket “{access.bucket}” have to pay for requests and traffic.",
            meaning="An HMAC key cannot be used for such a bucket.",
            remedy="Use google_credentials_file in place of the HMAC key, and set google_user_project to the ID of a project that you may bill.",
        )
    if refusal.code == "SignatureDoesNotMatch":
        error = AccessError(
            f"{access.service} does not accept the signature of the request.",
            meaning="The secret does not belong to the access ID, or something on the way changed the request.",
            remedy=access.remedy,
        )
        return because(Why.CREDENTIAL, error)
    if refusal.code == "AccessDenied":
        doing, right = ("listing", "list") if request.verb == "list" else ("reading", "get")
        error = AccessError(
            f"The credentials do not allow {doing} {request.of(access.bucket)}.",
            meaning=sentence(refusal.message),
            remedy=f"Ask the people who manage the bucket for the role “{READER}” on it, for the service account of the HMAC key "
            f"(it has the permission storage.objects.{right}).",
        )
        return because(Why.RIGHTS, error)
    if refusal.code in ("AccountProblem", "AllAccessDisabled"):
        return AccessError(
            f"{access.service} does not give out the bucket “{access.bucket}”, because its project has no active billing account.",
            meaning=sentence(refusal.message),
            remedy="Ask the people who manage the project.",
        )
    return None
