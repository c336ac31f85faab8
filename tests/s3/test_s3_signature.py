"""Signatures: those that botocore makes for the same request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3server import KEY_ID, SECRET

from chorus_gui.core.storage.s3.signature import Keys, Signing, signed, target

NOW = datetime(2026, 11, 26, 12, 34, 56, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)


def by_botocore(host: str, where: str, headers: dict[str, str], keys: Keys, region: str) -> str:
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", f"https://{host}{where}", headers={**headers, "x-amz-content-sha256": auth.EMPTY_SHA256_HASH})
    signer: Any = auth.S3SigV4Auth(Credentials(keys.key_id, keys.secret, keys.token or None), "s3", region)
    with patch.object(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None)):
        signer.add_auth(request)
    return str(request.headers["Authorization"])


@given(
    TEXT,
    st.lists(st.tuples(st.sampled_from(["prefix", "start-after", "list-type", "delimiter"]), TEXT), max_size=4, unique_by=lambda p: p[0]),
)
@pytest.mark.parametrize("token", ["", "session/token=="])
def test_any_request_is_signed_as_botocore_signs_it(token: str, key: str, query: list[tuple[str, str]]) -> None:
    keys = Keys(KEY_ID, SECRET, token)
    where = target(f"/bucket/{key}", query)
    headers = {"range": "bytes=0-9", "if-match": '"etag"', "x-amz-request-payer": "requester"}
    ours = signed("GET", "s3.eu-west-1.amazonaws.com", where, headers, Signing(keys, "eu-west-1", NOW))
    assert ours["authorization"] == by_botocore("s3.eu-west-1.amazonaws.com", where, headers, keys, "eu-west-1")


def test_no_key_shows_itself() -> None:
    assert "TOPSECRET" not in repr(Keys("TOPSECRET", "TOPSECRET", "TOPSECRET"))


@pytest.mark.parametrize("key", ["a//b", "/a", "a/", "..", "a/./b", "a b+c&d=e%41~'()*!", "ä/ü\t\n", "x?y#z", "\\"])
def test_a_key_travels_as_it_is(key: str) -> None:
    assert target(f"/bucket/{key}", ()) == f"/bucket/{quote(key, safe='/~')}"
