"""A bucket of Google that is read with an HMAC key: through the interface of S3, which Google's servers have, too."""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.core.config.credentials import Account, GoogleKeys
from chorus_gui.core.config.hosts import BUCKET_HOSTS
from chorus_gui.core.config.model import Place, PlaceKind, S3Settings
from chorus_gui.core.errors import AccessError

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
