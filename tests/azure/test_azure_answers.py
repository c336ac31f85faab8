"""Every answer of the service that the facts name: the error, its sentence, its remedy."""

from __future__ import annotations

import ast
import re
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import cast

import pytest
import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)
from urllib3.exceptions import MaxRetryError, ProtocolError
from urllib3.exceptions import ReadTimeoutError as PoolReadTimeout

import chorus_gui
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE, SasInfo
from chorus_gui.core.errors import (
    AccessError,
    BlobNameError,
    BlobNotFoundError,
    ChecksumError,
    ConditionError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from chorus_gui.core.storage.azure.answers import (
    _ACCESS,
    _BAD_BLOCK,
    _BAD_NAME,
    _BAD_SUM,
    _BUSY,
    _CONDITIONS,
    _NOT_FOUND,
    _ONE_BLOB,
    HOSTS_ENTRY,
    VERBS,
    Access,
    Answer,
    Operation,
    Verb,
    explain,
)
from chorus_gui.core.storage.azure.errors import AzureFault, answer_of, fault, guarded, translate
from chorus_gui.core.storage.http.headers import clock_sentence

SIGNATURE = "c2VjcmV0c2VjcmV0c2VjcmV0%3D"
SAS = f"sv=2024-11-04&se=2031-05-06T07%3A08%3A09Z&sr=c&sp=rl&sig={SIGNATURE}"
BY_SAS = Access("acct", "acct.blob.core.windows.net", "box", AuthMode.SAS, SasInfo.parse(SAS))
BY_KEY = Access("acct", "acct.blob.core.windows.net", "box", AuthMode.KEY)
BY_LOGIN = Access("acct", "upload.example.org", "box", AuthMode.LOGIN)
WRITE = Operation("write", "a/b.txt", "w")


def answer(status: int, code: str = "", **more: object) -> Answer:
    return Answer(**{"status": status, "code": code, "request_id": "req-1", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("needs", "operation", "right"),
    [
        (NEEDS_STORE, WRITE, "reading, creating, writing and listing (sp=rcwl)"),
        (NEEDS_STORE, Operation("delete", "v1/submission.json", "d"), "reading, creating, writing, deleting and listing (sp=rcwdl)"),
        (NEEDS_JOURNAL, WRITE, "reading, creating, writing, deleting and listing (sp=rcwdl)"),
        (NEEDS_SOURCE, Operation("list", "", "l"), "reading and listing (sp=rl)"),
        ("", WRITE, "reading, creating, writing and listing (sp=rcwl)"),
    ],
)
def test_a_token_without_a_right_is_replaced_by_one_with_the_least_rights(needs: str, operation: Operation, right: str) -> None:
    lacking = explain(answer(403, "AuthorizationPermissionMismatch"), replace(BY_SAS, needs=needs), operation)
    assert lacking.remedy == f"Ask the central team for a token that allows {right}."


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (404, "BlobNotFound", BlobNotFoundError, "not in the central store"),
        (404, "", BlobNotFoundError, "not in the central store"),
        (400, "InvalidBlockList", BlobNotFoundError, "no longer in the central store"),
        (404, "CannotVerifyCopySource", BlobNotFoundError, "not in the central store"),
        (409, "BlobAlreadyExists", ConditionError, "exists already"),
        (412, "ConditionNotMet", ConditionError, "changed"),
        (412, "", ConditionError, "changed"),
        (304, "ConditionNotMet", ConditionError, "changed"),
        (400, "Md5Mismatch", ChecksumError, "differ from the bytes that were sent"),
        (400, "OutOfRangeInput", BlobNameError, "cannot hold"),
        (400, "InvalidBlobOrBlock", BlobNameError, "another length"),
        (503, "ServerBusy", StoreUnavailableError, "busy"),
        (500, "OperationTimedOut", StoreUnavailableError, "busy"),
        (500, "InternalError", StoreUnavailableError, "busy"),
        (408, "", StoreUnavailableError, "stopped waiting"),
        (429, "", StoreUnavailableError, "no more requests"),
        (507, "", StoreFullError, "no space"),
        (404, "ContainerNotFound", AccessError, "no container “box” in the account “acct”"),
        (403, "AccountIsDisabled", AccessError, "disabled"),
        (403, "AuthorizationSourceIPMismatch", AccessError, "sip"),
        (403, "AuthorizationProtocolMismatch", AccessError, "spr"),
        (403, "AuthorizationServiceMismatch", AccessError, "ss=b"),
        (403, "AuthorizationResourceTypeMismatch", AccessError, "srt"),
        (403, "KeyBasedAuthenticationNotPermitted", AccessError, "sign-in with a Microsoft account"),
        (407, "", AccessError, "proxy"),
        (412, "LeaseIdMissing", StoreError, "lease"),
        (403, "UnauthorizedBlobOverwrite", StoreError, "not replacing"),
        (409, "BlobImmutableDueToPolicy", StoreError, "retention"),
        (409, "SomethingNew", StoreError, "give the central team the code"),
    ],
)
def test_each_code_becomes_its_error(status: int, code: str, kind: type[StoreError], words: str) -> None:
    error = explain(answer(status, code, message="The service said so.\nRequestId:x"), BY_SAS, WRITE)
    assert type(error) is kind
    assert words in str(error)
    assert error.request_id == "req-1"
    assert error.code == (code or f"HTTP {status}")
    assert error.fatal == issubclass(kind, (AccessError, StoreFullError))
    assert error.retryable == issubclass(kind, (ChecksumError, StoreUnavailableError))
    if not isinstance(error, (BlobNotFoundError, ConditionError)):
        assert "req-1" in str(error)


def test_a_permission_that_lacks_is_named_for_a_token_and_a_role_for_a_login() -> None:
    lacking = answer(403, "AuthorizationPermissionMismatch")
    token = explain(lacking, BY_SAS, WRITE)
    assert isinstance(token, AccessError)
    assert "“write” (sp=…w…), but has “rl”" in str(token)
    login = explain(lacking, BY_LOGIN, WRITE)
    assert isinstance(login, AccessError)
    assert "Storage Blob Data Contributor" in str(login)
    assert "Storage Blob Data Reader" in str(explain(lacking, BY_LOGIN, Operation("list", "", "l")))


def test_an_authorization_failure_shows_both_explanations() -> None:
    error = explain(answer(403, "AuthorizationFailure"), BY_SAS, WRITE)
    assert isinstance(error, AccessError)
    for words in ("network rules", "credentials do not allow", HOSTS_ENTRY, "AuthorizationFailure", "req-1"):
        assert words in str(error)
    pilot = Access("choruspilotstorage", "choruspilotstorage.blob.core.windows.net", "box", AuthMode.SAS)
    assert f"has the line “{HOSTS_ENTRY}”" in str(explain(answer(403, "AuthorizationFailure"), pilot, WRITE))


FRAME = "Signature not valid in the specified time frame: Start [{}] - Expiry [{}] - Current [{}]"
WED, THU, FRI = ("Wed, 01 Jan 2025 10:00:00 GMT", "Thu, 02 Jan 2025 10:00:00 GMT", "Fri, 03 Jan 2025 10:00:00 GMT")


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (FRAME.format(WED, THU, FRI), "expired on 2025-01-02 10:00 UTC"),
        (FRAME.format(THU, FRI, WED), "not valid before 2025-01-02 10:00 UTC"),
        ("Signature did not match. String to sign used was rl\n\n2031", "valid until 2031-05-06 07:08 UTC"),
        ("", "Paste the whole token again"),
    ],
)
def test_a_refused_token_says_why(detail: str, words: str) -> None:
    error = explain(answer(403, "AuthenticationFailed", detail=detail), BY_SAS, WRITE)
    assert isinstance(error, AccessError)
    assert words in str(error)
    assert "String to sign" not in str(error)


def test_an_expired_token_is_told_without_the_service_saying_so() -> None:
    """The answer to a HEAD request has no body: the token's own field has to do."""
    old = Access("acct", "h", "box", AuthMode.SAS, SasInfo.parse("se=2020-01-02T03:04:05Z&sp=rl&sig=x"))
    assert "expired on 2020-01-02 03:04 UTC" in str(explain(answer(403, "AuthenticationFailed"), old, WRITE))


def test_a_clock_that_is_off_is_named() -> None:
    assert clock_sentence(None) == clock_sentence(200) == clock_sentence(-200) == ""
    assert "20 minutes ahead" in clock_sentence(1200)
    assert "3.0 hours behind" in clock_sentence(-10800)
    late = answer(403, "AuthenticationFailed", detail="Request date header too old: 'x'", skew=-1800.0)
    error = explain(late, BY_KEY, WRITE)
    assert "30 minutes behind" in str(error)
    assert "clock" in error.remedy
    assert "renewed" in explain(answer(403, "AuthenticationFailed"), BY_KEY, WRITE).remedy
    assert "az login" in explain(answer(401, "InvalidAuthenticationInfo"), BY_LOGIN, WRITE).remedy


def test_what_did_not_come_from_the_service_is_not_taken_for_it() -> None:
    for status, kind in ((403, AccessError), (404, AccessError), (302, AccessError), (418, StoreUnavailableError)):
        error = explain(Answer(status), BY_SAS, WRITE)
        assert type(error) is kind
        assert "did not come from Azure" in str(error)
    assert isinstance(explain(Answer(502), BY_SAS, WRITE), StoreUnavailableError)


class _Response:
    """As much of the SDK's response as its exceptions look at."""

    def __init__(self, status: int, headers: dict[str, str], body: str = "") -> None:
        self.status_code = status
        self.reason = "reason"
        self.headers = headers
        self._body = body

    def text(self) -> str:
        return self._body


def test_the_sdks_exception_is_read_whole() -> None:
    ahead = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    headers = {"x-ms-request-id": "r-9", "x-ms-error-code": "ServerBusy", "Retry-After": "7", "Date": ahead}
    read = answer_of(HttpResponseError("Busy.\nRequestId:r-9\nTime:now", response=_Response(503, headers)))  # type: ignore[arg-type]
    assert (read.status, read.code, read.message, read.request_id, read.retry_after) == (503, "ServerBusy", "Busy.", "r-9", 7.0)
    assert read.skew == pytest.approx(3600, abs=30)
    error = explain(read, BY_SAS, WRITE)
    assert error.retry_after == 7.0
    assert "wait 7 seconds" in str(error)
    by_its_clock = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=60)
    headers["Retry-After"] = format_datetime(by_its_clock, usegmt=True)
    later = answer_of(HttpResponseError("x", response=_Response(503, headers))).retry_after  # type: ignore[arg-type]
    assert later == pytest.approx(60, abs=5)


def wrapped(kind: type[AzureError], cause: BaseException) -> AzureError:
    """As the SDK's transport does it."""
    return kind(cause, error=cause)  # type: ignore[arg-type]


URL = f"/box/a/b.txt?{SAS}"


def refused(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, URL, reason))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (wrapped(ServiceRequestError, refused(socket.gaierror(-2, "Name or service not known"))), StoreUnavailableError, "does not know the name"),
        (wrapped(ServiceRequestError, requests.exceptions.ProxyError(MaxRetryError(None, URL))), StoreUnavailableError, "proxy server"),  # type: ignore[arg-type]
        (wrapped(ServiceRequestError, requests.exceptions.SSLError(MaxRetryError(None, URL, ssl.SSLCertVerificationError("x")))), AccessError, "authority"),  # type: ignore[arg-type]
        (wrapped(ServiceRequestError, refused(ssl.SSLEOFError(8, "EOF"))), StoreUnavailableError, "secure (TLS) connection"),
        (wrapped(ServiceRequestError, refused(ConnectionRefusedError(111, "refused"))), StoreUnavailableError, "Could not reach acct"),
        (wrapped(ServiceRequestTimeoutError, requests.ConnectTimeout()), StoreUnavailableError, "in time"),
        (wrapped(ServiceResponseError, requests.ConnectionError(PoolReadTimeout(None, URL, "t"))), StoreUnavailableError, "in time"),  # type: ignore[arg-type]
        (wrapped(ServiceResponseError, requests.ConnectionError(ProtocolError("aborted", ConnectionResetError(104, "reset")))), StoreUnavailableError, "was lost"),
        (wrapped(IncompleteReadError, requests.exceptions.ChunkedEncodingError("IncompleteRead")), StoreUnavailableError, "was lost"),
        (requests.exceptions.ChunkedEncodingError("x"), StoreUnavailableError, "Could not reach acct"),
        (DecodeError("no XML"), StoreUnavailableError, "did not come from Azure"),
        (ClientAuthenticationError("Incorrect padding"), AccessError, "account key cannot be used"),
        (UnicodeEncodeError("latin-1", "ü", 0, 1, "x"), StoreError, "cannot carry"),
    ],
)  # fmt: skip
def test_no_answer_at_all_is_explained(error: BaseException, kind: type[StoreError], words: str) -> None:
    found = translate(error, BY_KEY, WRITE)
    assert type(found) is kind
    assert words in str(found)
    assert found.remedy


def test_a_sign_in_that_the_network_kept_from_being_renewed_may_be_tried_again() -> None:
    said = "HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries exceeded (Caused by NameResolutionError(…))"
    found = translate(ClientAuthenticationError(said), BY_LOGIN, WRITE)
    assert isinstance(found, StoreUnavailableError)
    assert "does not answer" in found.what


def test_without_a_login_the_ways_to_sign_in_are_named() -> None:
    found = translate(ClientAuthenticationError("Please run 'az login' to set up an account\nand more"), BY_LOGIN, WRITE)
    assert isinstance(found, AccessError)
    assert "az login" in found.remedy


def test_no_secret_is_left_anywhere_in_the_chain() -> None:
    """Neither in texts nor in attributes: the SDK's exceptions are left behind, their words go along."""

    def fail() -> None:
        try:
            raise refused(ConnectionRefusedError(111, f"refused for https://acct.blob.core.windows.net{URL}"))
        except requests.ConnectionError as error:
            raise wrapped(ServiceRequestError, error) from error

    with pytest.raises(StoreUnavailableError) as caught:
        guarded(BY_SAS, WRITE, fail)
    link: BaseException | None = caught.value
    links: list[BaseException] = []
    while link is not None:
        links.append(link)
        assert link.__context__ is None or link.__context__ is link.__cause__
        assert SIGNATURE not in f"{link!s} {link!r} {vars(link)!r}"
        link = link.__cause__
    assert [type(link) for link in links] == [StoreUnavailableError, AzureFault, AzureFault]
    assert "refused" in str(links[-1])


def test_a_quoted_key_signature_is_cut_off() -> None:
    body = "The MAC signature found in the HTTP request 'AAAAsecretAAAA' is not the same as any computed signature."
    told = HttpResponseError(body, response=_Response(403, {"x-ms-error-code": "AuthenticationFailed", "x-ms-request-id": "r"}, body))  # type: ignore[arg-type]
    assert "secret" not in str(fault(told))
    assert "secret" not in str(translate(told, BY_KEY, WRITE))


# --- every request and every answer, in sentences --------------------------------------------------------------------


def _requests() -> list[Operation]:
    """One for each ``Operation(…)`` in the package: its verb and its letter, with a name, and for a listing also without."""
    found: dict[tuple[str, str], Operation] = {}
    for file in Path(chorus_gui.__file__).parent.rglob("*.py"):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "Operation" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Operation":
                verb, _, needs = node.args
                assert isinstance(verb, ast.Constant), f"{file}:{node.lineno}: the verb is not a literal"
                assert isinstance(needs, ast.Constant), f"{file}:{node.lineno}: the letter is not a literal"
                assert verb.value in VERBS, f"{file}:{node.lineno}"
                found[str(verb.value), str(needs.value)] = Operation(cast("Verb", verb.value), "a/b.dcm", str(needs.value))
    assert set(VERBS) == {verb for verb, _ in found}
    return [*found.values(), Operation("list", "", "l")]


_LOOKED_UP = [_ACCESS, _ONE_BLOB, _CONDITIONS, _NOT_FOUND, _BUSY, _BAD_SUM, _BAD_NAME, _BAD_BLOCK]
_CODES = [
    *sorted({code for codes in _LOOKED_UP for code in codes}),
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "AuthorizationPermissionMismatch",
    "AuthorizationFailure",
    "CannotVerifyCopySource",
    "SomethingNew",
]
_STATUSES = (301, 304, 400, 401, 403, 404, 407, 408, 412, 418, 429, 500, 503, 507)
_ANSWERS = [
    *(answer(403, code) for code in _CODES),
    *(answer(status) for status in _STATUSES),
    *(Answer(status) for status in _STATUSES),
    answer(404, "CannotVerifyCopySource"),
    answer(403, "AuthenticationFailed", detail=FRAME.format(WED, THU, FRI), skew=900.0),
    answer(403, "AuthenticationFailed", detail=FRAME.format(THU, FRI, WED), skew=-9000.0),
    answer(403, "AuthenticationFailed", detail="Request date header too old: 'x'"),
    answer(403, "AuthorizationFailure", detail="This request is not authorized to perform this operation"),
    answer(503, "ServerBusy", retry_after=7.0),
    answer(409, "SomethingNew", message="The service said so\nRequestId:x"),
]
_WAYS = [BY_SAS, BY_KEY, BY_LOGIN, Access("choruspilotstorage", "choruspilotstorage.blob.core.windows.net", "box", AuthMode.SAS)]
_OTHERS: list[BaseException] = [
    refused(socket.gaierror(-2, "Name or service not known")),
    requests.exceptions.ProxyError(MaxRetryError(None, URL)),  # type: ignore[arg-type]
    requests.exceptions.SSLError(MaxRetryError(None, URL, ssl.SSLCertVerificationError("x"))),  # type: ignore[arg-type]
    refused(ssl.SSLEOFError(8, "EOF")),
    refused(ConnectionRefusedError(111, "refused")),
    requests.ConnectTimeout(),
    IncompleteReadError("IncompleteRead"),
    DecodeError("no XML"),
    ClientAuthenticationError("Incorrect padding."),
    ClientAuthenticationError("Max retries exceeded."),
    UnicodeEncodeError("latin-1", "ü", 0, 1, "x"),
]
_DANGLING = re.compile(r"(?<!-)\b(to|of|for|at|in|on|with|from|by|about|into|after|as|is|be|not|allow|the|an?|and|or)[.!?:]", re.IGNORECASE)


def _in_sentences(error: StoreError, operation: Operation) -> None:
    assert error.what
    for text in (error.what, error.meaning, error.remedy, str(error)):
        assert text == text.strip()
        assert "  " not in text, text
        assert not text or re.match(r"[A-Z“]", text), text
        assert not text or text.endswith((".", "!", "?")), text
        assert not re.search(r"[.!?,;:]{2}|[ (][.,;:!?)]|““|””|“”|None", text), text
        assert not _DANGLING.search(text), text
        assert not re.search(r"\b(us|we|our|may not)\b", text), text
    if f"{operation.doing} " in error.what or f"{operation.verb} " in error.what:
        assert operation.object in error.what, f"{error.what} does not say what"


@pytest.mark.parametrize("operation", _requests(), ids=lambda operation: f"{operation.verb}-{operation.name}")
@pytest.mark.parametrize("access", _WAYS, ids=lambda access: f"{access.auth_mode.value}-{access.account}")
def test_every_failure_of_every_request_is_whole_sentences(operation: Operation, access: Access) -> None:
    """Each of ``what``, ``meaning`` and ``remedy`` may be shown alone."""
    for one in _ANSWERS:
        _in_sentences(explain(one, access, operation), operation)
    for error in _OTHERS:
        _in_sentences(translate(error, access, operation), operation)


@pytest.mark.parametrize("operation", _requests(), ids=lambda operation: f"{operation.verb}-{operation.name}")
def test_what_is_not_allowed_is_named_with_its_file(operation: Operation) -> None:
    for code in ("AuthorizationPermissionMismatch", "AuthorizationFailure"):
        for access in _WAYS:
            assert f"{operation.doing} {operation.object}" in explain(answer(403, code), access, operation).what


def test_an_expired_token_needs_no_code_for_the_central_team() -> None:
    """What happened and what to do is certain: a code would only frighten."""
    error = explain(answer(403, "AuthenticationFailed", detail="Signature not valid in the specified time frame: Start [Thu, 01 Jan 2026 00:00:00 GMT] - Expiry [Fri, 02 Jan 2026 00:00:00 GMT] - Current [Sat, 03 Jan 2026 00:00:00 GMT]"), BY_SAS, WRITE)  # fmt: skip
    assert "expired on 2026-01-02" in error.what
    assert "Code" not in str(error)
    assert error.code == "AuthenticationFailed", "the log has it"
