"""What the service's answers mean: a status and an error code become one of the core's errors, with a sentence and a remedy.

The codes are those of the Blob service's REST reference.  Nothing here knows which library carried the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from chorus_gui.core.config.model import AuthMode
from chorus_gui.core.config.secrets import NEEDS_JOURNAL, PERMISSIONS, SasInfo
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
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.names import name_error

HOSTS_ENTRY = "172.203.106.139 choruspilotstorage.blob.core.windows.net"
SKEW_SECONDS = 300.0
"""A clock that is off by more is worth a sentence; the service refuses at 15 minutes."""


@dataclass(frozen=True, slots=True)
class Access:
    """What we know about the way into the store, for sentences.  No secret is in it.  ``sas`` is None where no SAS is used."""

    account: str
    host: str
    container: str
    auth_mode: AuthMode = AuthMode.NONE
    sas: SasInfo | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What we were about to do.  ``verb`` completes "could not …"; ``needs`` is the SAS letter that allows it."""

    verb: str
    name: str
    needs: str

    @property
    def title(self) -> str:
        """For a sentence: "write “a/b.txt”"."""
        return f"{self.verb} “{self.name}”" if self.name else self.verb


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal.  ``detail`` is the service's explanation of a failed authentication; ``skew`` our clock minus the service's,
    in seconds, None where it does not say; ``genuine``: it carries a request id, so the service itself sent it.
    """

    status: int
    code: str = ""
    message: str = ""
    detail: str = ""
    request_id: str = ""
    retry_after: float | None = None
    skew: float | None = None

    @property
    def genuine(self) -> bool:
        """The service sent it, not something between us and it."""
        return bool(self.request_id)


_CONDITIONS = {"ConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists", "BlobOverwritten"}
_NOT_FOUND = {"BlobNotFound", "InvalidBlockList", "ResourceNotFound"}
_BUSY = {"ServerBusy", "InternalError", "OperationTimedOut", "TooManyRequests", "ContainerBeingDeleted", "IncomingBytesLimitExceeded"}
_BAD_SUM = {"Md5Mismatch", "Crc64Mismatch", "InvalidMd5"}
_BAD_NAME = {"InvalidUri", "InvalidResourceName", "OutOfRangeInput"}
_BAD_BLOCK = {"InvalidBlobOrBlock", "InvalidBlockId"}

_ACCESS: dict[str, tuple[str, str, str]] = {
    "ContainerNotFound": (
        "There is no container “{container}” in the account “{account}”.",
        "Nothing can be read or written there.",
        "Check the container's name in the configuration (central_path: path and azure_container), and the account.",
    ),
    "ContainerDisabled": (
        "The container “{container}” is disabled.",
        "",
        "Ask the people who run the central store.",
    ),
    "AccountIsDisabled": (
        "The storage account “{account}” is disabled.",
        "Nobody can use it at present.",
        "Ask the people who run the central store.",
    ),
    "AccountBeingCreated": ("The storage account “{account}” is still being created.", "", "Try again later."),
    "AuthorizationSourceIPMismatch": (
        "The SAS token may not be used from this computer's network address.",
        "The token's “sip” field names the addresses that it is meant for.",
        "Use it from one of those, or ask for a token that allows this network's public address.",
    ),
    "AuthorizationProtocolMismatch": (
        "The SAS token may not be used over this protocol.",
        "The token's “spr” field allows https alone.",
        "Write the account URL with https://.",
    ),
    "AuthorizationServiceMismatch": (
        "The SAS token is not for Blob storage.",
        "The token's “ss” field names other services.",
        "Ask for a token that includes the Blob service (ss=b).",
    ),
    "AuthorizationResourceTypeMismatch": (
        "The SAS token does not cover what we asked for.",
        "The token's “srt” or “sr” field leaves out containers or the blobs in them.",
        "Ask for a token for the container (sr=c), or an account token with srt=co.",
    ),
    "PublicAccessNotPermitted": (
        "The storage account “{account}” wants credentials, and none were sent.",
        "",
        'Enter a SAS token or a key, or set auth_mode = "login".',
    ),
    "KeyBasedAuthenticationNotPermitted": (
        "The storage account “{account}” takes neither account keys nor SAS tokens made with them.",
        "It wants a Microsoft Entra login.",
        'Set auth_mode = "login" in the configuration.',
    ),
    "InsufficientAccountPermissions": (
        "The storage account “{account}” does not allow this to anybody at present.",
        "It may be read-only.",
        "Ask the people who run the central store.",
    ),
}

_ONE_BLOB: dict[str, tuple[str, str]] = {
    "UnauthorizedBlobOverwrite": (
        "There is a blob of that name already, and the SAS token may create blobs but not overwrite them.",
        "Ask for a token with the write permission (sp=…w…).",
    ),
    "LeaseIdMissing": ("Somebody holds a lease on it.", "Wait until the lease ends, or ask the people who run the central store."),
    "BlobImmutableDueToPolicy": (
        "A retention policy protects it.",
        "Submit under a new version, or ask the people who run the central store.",
    ),
    "BlobImmutableDueToLegalHold": (
        "A legal hold protects it.",
        "Submit under a new version, or ask the people who run the central store.",
    ),
    "BlobArchived": ("It lies in the archive tier.", "Ask the people who run the central store to bring it back online."),
    "SnapshotsPresent": ("It has snapshots.", "Delete the snapshots first."),
    "BlockCountExceedsLimit": ("Too many blocks of earlier attempts wait there.", "They go away after seven days; or delete the blob."),
    "PendingCopyOperation": ("A copy to it is under way.", "Try again when the copy has ended."),
    "RequestBodyTooLarge": ("The request was larger than the service takes.", "Report this: the program should have sent smaller parts."),
}


def explain(answer: Answer, access: Access, operation: Operation) -> StoreError:
    """The error of core for an answer of the service.  No secret is in its text."""
    error = _explain(answer, access, operation)
    error.code = answer.code or (f"HTTP {answer.status}" if answer.status else "")
    error.request_id = answer.request_id
    error.retry_after = answer.retry_after
    reference = ", ".join(part for part in (error.code, f"request {answer.request_id}" if answer.request_id else "") if part)
    if not isinstance(error, (BlobNotFoundError, ConditionError)):
        error.meaning = f"{error.meaning} (Azure: {reference})".strip()
    error.what, error.meaning, error.remedy = redact(error.what), redact(error.meaning), redact(error.remedy)
    error.args = (error.what,)
    return error


def _explain(answer: Answer, access: Access, operation: Operation) -> StoreError:
    code, status = answer.code, answer.status
    could_not = f"Could not {operation.title} in the central store."
    if code in _CONDITIONS or (status in (304, 412) and not code):
        return ConditionError(f"“{operation.name}” is not what it was: it exists already, or was changed since it was looked at.")
    if code in _NOT_FOUND or (code == "CannotVerifyCopySource" and status == 404) or (status == 404 and not code and answer.genuine):
        block = code == "InvalidBlockList"
        return BlobNotFoundError(
            f"A part of “{operation.name}” no longer waits in the central store."
            if block
            else f"“{operation.name}” is not in the central store."
        )
    if code in _BAD_SUM:
        return ChecksumError(could_not, meaning="What arrived is not what was sent.", remedy="It is sent again.")
    if code in _BUSY or status in (408, 429, 500, 502, 503, 504):
        return StoreUnavailableError(could_not, meaning=_busy(answer), remedy="Try again in a while.")
    if code in _ACCESS:
        what, meaning, remedy = (part.format(account=access.account, container=access.container) for part in _ACCESS[code])
        return AccessError(what, meaning=meaning, remedy=remedy)
    if code in _ONE_BLOB:
        meaning, remedy = _ONE_BLOB[code]
        return StoreError(could_not, meaning=meaning, remedy=remedy)
    if code in ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation") or status == 401:
        return _authentication(answer, access)
    if code == "AuthorizationPermissionMismatch":
        return _permission(access, operation)
    if code in ("AuthorizationFailure", "CannotVerifyCopySource") and status == 403:
        return _network(answer, access, operation)
    if status == 407:
        return AccessError(
            "The proxy server of this network wants a sign-in.",
            remedy="Ask your IT department for the proxy's address and credentials (environment variable HTTPS_PROXY).",
        )
    if not answer.genuine:
        return _intermediary(answer, access)
    if status == 403:
        return _network(answer, access, operation)
    if code in _BAD_NAME:
        return name_error(operation.name, answer.message)
    if code in _BAD_BLOCK:
        return BlobNameError(
            f"Blocks of another program wait under the name “{operation.name}”, with ids of another length.",
            remedy="They vanish after a week; to go on now, delete the unfinished file in the central store, or write it as one piece.",
        )
    if status == 507:
        return StoreFullError(could_not, meaning="There is no room left.", remedy="Ask the people who run the central store.")
    first_line = answer.message.strip().splitlines()[0] if answer.message.strip() else "The service gave no reason."
    return StoreError(could_not, meaning=first_line, remedy="Look the code up in the Blob service's documentation, or report it.")


def _busy(answer: Answer) -> str:
    wait = f" It asks to wait {answer.retry_after:.0f} seconds." if answer.retry_after else ""
    what = {408: "The service gave up waiting for our request.", 429: "The service takes no more requests from us for the moment."}
    return what.get(answer.status, "The service is busy, or has trouble of its own.") + wait


_FRAME = re.compile(r"Start \[([^]]*)\] - Expiry \[([^]]*)\] - Current \[([^]]*)\]")


def _authentication(answer: Answer, access: Access) -> AccessError:
    clock = clock_sentence(answer.skew)
    if access.auth_mode is AuthMode.LOGIN:
        return AccessError(
            "The central store does not accept this login.",
            meaning=" ".join(part for part in (_plain(answer.detail), clock) if part),
            remedy="Sign in again (az login), with the account that the central team gave access to.",
        )
    if access.sas is not None:
        return _sas(answer, access.sas, clock)
    if clock or "date header" in answer.detail.lower():
        return AccessError(
            "The central store refuses the request because of its time.",
            meaning=clock or "The clock of this computer is off by more than 15 minutes.",
            remedy="Set this computer's clock (and time zone) right.",
        )
    return AccessError(
        f"The account key is not the one of the account “{access.account}”.",
        meaning="The signature made with it is wrong.",
        remedy="Copy the key again from the portal: it may have been renewed. Check that it belongs to this account.",
    )


def _sas(answer: Answer, sas: SasInfo, clock: str) -> AccessError:
    if outside := _outside_its_time(answer, sas, clock):
        return outside
    ask = "Ask the central team for a new SAS token, and enter it in the configuration."
    known = f"By its own field it is valid until {_shown(sas.expires)}." if sas.expires else "It does not say when it expires."
    return AccessError(
        "The central store does not accept the SAS token.",
        meaning=" ".join(part for part in (f"Its signature does not fit what it says, or it was revoked. {known}", clock) if part),
        remedy="Paste the token again, whole and without spaces or line ends. If that does not help: " + ask[0].lower() + ask[1:],
    )


def _outside_its_time(answer: Answer, sas: SasInfo, clock: str) -> AccessError | None:
    """The token expired, or is not valid yet: by the times that the service compared, else by the token's and the right clock."""
    start, expiry, now = sas.starts, sas.expires, datetime.now(UTC) - timedelta(seconds=answer.skew or 0)
    if frame := _FRAME.search(answer.detail):
        start, expiry, now = (_time(text) or known for text, known in zip(frame.groups(), (start, expiry, now), strict=True))
    if expiry and now and now >= expiry:
        return AccessError(
            f"The SAS token expired on {_shown(expiry)}.",
            meaning=clock,
            remedy="Ask the central team for a new SAS token, and enter it in the configuration.",
        )
    if start and now and now < start:
        return AccessError(
            f"The SAS token is not valid before {_shown(start)}.",
            meaning=clock,
            remedy="Wait until then. If it was made just now, the clock of the computer that made it is ahead: ask for one that starts earlier.",
        )
    return None


def clock_sentence(skew: float | None) -> str:
    """A sentence about this computer's clock, "" where it is right or nothing is known.  ``skew``: ours minus theirs, seconds."""
    if skew is None or abs(skew) <= SKEW_SECONDS:
        return ""
    amount = f"{abs(skew) / 60:.0f} minutes" if abs(skew) < 7200 else f"{abs(skew) / 3600:.1f} hours"
    return f"This computer's clock is {amount} {'ahead of' if skew > 0 else 'behind'} the service's."


def _permission(access: Access, operation: Operation) -> AccessError:
    if access.auth_mode is AuthMode.LOGIN:
        role = "Storage Blob Data Reader" if operation.needs in ("r", "l") else "Storage Blob Data Contributor"
        return AccessError(
            f"Your login may not {operation.verb} in the container “{access.container}”.",
            meaning="It has no role there that allows it.",
            remedy=f"Ask the central team for the role “{role}” on that container. A new role takes some minutes to work.",
        )
    has = f", and has “{access.sas.permissions}”" if access.sas and access.sas.permissions else ""
    return AccessError(
        f"The SAS token may not {operation.verb}.",
        meaning=f"It needs the permission “{PERMISSIONS[operation.needs]}” (sp=…{operation.needs}…){has}.",
        remedy=f"Ask the central team for a token that may read, create, write, delete and list (sp={NEEDS_JOURNAL}).",
    )


def _network(answer: Answer, access: Access, operation: Operation) -> AccessError:
    if access.sas and (outside := _outside_its_time(answer, access.sas, clock_sentence(answer.skew))):
        return outside
    entry = (
        f"The file “hosts” of this computer needs the line “{HOSTS_ENTRY}”, which leads to the account through its private entrance. "
        if access.account == "choruspilotstorage" or access.host.startswith("choruspilotstorage.")
        else "Ask whether this network's public address is allowed, or whether the account is reached through a private entrance or a "
        f"line in the file “hosts” (for the account choruspilotstorage that line is “{HOSTS_ENTRY}”). "
    )
    return AccessError(
        f"The central store does not let us {operation.verb}.",
        meaning="Either the account's network rules do not admit this computer, or the credentials may not do this. "
        + _plain(answer.detail),
        remedy=entry
        + "If the network is right, ask the central team what these credentials may do, and give them the code and the request.",
    )


def _intermediary(answer: Answer, access: Access) -> StoreError:
    kind = AccessError if answer.status in (301, 302, 303, 307, 308, 400, 403, 404, 451, 511) else StoreUnavailableError
    return kind(
        f"Something else than Azure answered for {access.host} (HTTP status {answer.status}).",
        meaning="It may be a proxy, a firewall or a sign-in page of this network, or the account URL is wrong.",
        remedy=f"Ask your IT department to let this computer reach https://{access.host}, and check the account URL.",
    )


def _plain(text: str) -> str:
    """A sentence of the service that a person may see: its first line, no signature in it."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return "" if "signature" in line.lower() or "string to sign" in line.lower() else line


def _time(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)  # always with a zone: the service writes GMT
    except ValueError:
        return None


def _shown(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
