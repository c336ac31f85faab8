"""“Test connection”: what a bucket allows, found out with a few requests.  Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from chorus_gui.core.config.credentials import AuthMode, GoogleKeys
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import StoreError
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.bucket import probing
from chorus_gui.core.storage.bucket.values import Listed
from chorus_gui.core.storage.gcs.wire import Bucket
from chorus_gui.core.storage.looked import Looked


def probe(place: Place) -> list[Finding]:
    """The findings of :func:`look`."""
    return look(place).findings


def look(place: Place) -> Looked:
    """As :func:`~chorus_gui.core.storage.bucket.probing.look`; also where the bucket is, and how many files of the page cost extra to read."""
    if isinstance(place.credentials, GoogleKeys) and place.credentials.mode is AuthMode.KEY:
        from chorus_gui.core.storage.gcs.hmac_keys import s3_place
        from chorus_gui.core.storage.s3.probe import look as look_at_s3

        try:
            return look_at_s3(s3_place(place, place.credentials))
        except StoreError as error:
            return Looked([Finding(Grade.BAD, "", error.summary, remedy=error.remedy)])
    return probing.look(
        lambda: Bucket(place), place, lambda bucket: probing.Words(partial(_location, place, bucket), more=partial(_costly, place))
    )


def _location(place: Place, bucket: probing.Probed) -> str:
    """Where the bucket is; other servers than Google's own are not asked."""
    if not isinstance(bucket, Bucket) or not bucket.own_server:
        return ""
    found = bucket.location(f"{place.prefix}/" if place.prefix else "")
    return f" Its location is {found}." if found else ""


def _costly(place: Place, files: Sequence[Listed]) -> Sequence[Finding]:
    count = sum(bool(one.tier) for one in files)
    if not count:
        return ()
    what = (
        f"{count:,} of the first {len(files):,} files below {place.text} {'is' if count == 1 else 'are'} in a class of storage "
        "where reading costs extra."
    )
    why = "Google bills each byte that is read from Nearline, Coldline or Archive. Files that were uploaded before are not read again."
    return (Finding(Grade.INFO, "", what, why),)
