"""What the service's answers mean: a status and an error code become one of the core's errors, with a sentence and a remedy.

The codes are those of the Blob service's REST reference.  Nothing here knows which library carried the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.sas import NEEDS_STORE, PERMISSIONS, SasInfo, allows
from chorus_gui.core.errors import (
    AccessError,
    BlobNameError,
    BlobNotFoundError,
    ChecksumError,
    ConditionError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    TokenTimeError,
    Why,
)
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.http.headers import clock_sentence, http_date
from chorus_gui.core.storage.names import name_error

HOSTS_ENTRY = "172.203.106.139 choruspilotstorage.blob.core.windows.net"


@dataclass(frozen=True, slots=True)
class Access:
    """How the store is reached, for sentences.  No secret is in it.  ``sas`` is None where no SAS is used.

    ``needs``: the letters that a SAS token for it needs, as in :class:`~chorus_gui.core.config.model.Place`.
    """

    account: str
    host: str
    container: str
    auth_mode: AuthMode = AuthMode.NONE
    sas: SasInfo | None = None
    needs: str = ""


Verb = Literal["write", "read", "list", "copy", "delete"]
VERBS: tuple[Verb, ...] = get_args(Verb)


@dataclass(frozen=True, slots=True)
class Operation:
    """A request, for sentences about its failure.  ``name`` is the blob's, or what listed names begin with ("": the whole container);
    ``needs`` is the SAS letter that allows it.
    """

    verb: Verb
    name: str
    needs: str

    @property
    def doing(self) -> str:
        """The verb for “does not allow …”: "writing"."""
        return f"{self.verb.removesuffix('e')}ing"

    @property
    def object(self) -> str:
        """What follows the verb: "“a/b.txt”"."""
        return f"“{self.name}”" if self.name else "the container"

    @property
    def subject(self) -> str:
        """The same, at the beginning of a sentence."""
        return f"“{self.name}”" if self.name else "The container"


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal.  ``detail`` is the service's explanation of a failed authentication; ``skew`` is this computer's clock minus the
    service's in seconds, None if unknown; ``genuine``: it carries a request id, so the service itself sent it.
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
        """The service sent it, not a proxy or firewall on the way."""
        return bool(self.request_id)


_DAMAGED = (
    "Run the same command again. If it fails again, something on the way changes the data. Try another network, "
    "or ask your IT department if a proxy or firewall does it."
)
_FACTS = {304, 404, 409, 412}
"""Refusals that say what is in the store: they are believed only if the service sent them."""
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
        "In the configuration, check the container's name (in the path and in azure_container) and the account's name.",
    ),
    "ContainerDisabled": (
        "The container “{container}” is disabled.",
        "Nobody can use it at present.",
        "Ask the central team.",
    ),
    "AccountIsDisabled": (
        "The storage account “{account}” is disabled.",
        "Nobody can use it at present.",
        "Ask the central team.",
    ),
    "AccountBeingCreated": ("The storage account “{account}” is still being created.", "", "Try again in a few minutes."),
    "AuthorizationSourceIPMismatch": (
        "The SAS token does not allow this computer's network address.",
        "Its field “sip” names the only addresses that can use it.",
        "Use a computer with one of these addresses, or ask the central team for a token that allows this network's public address.",
    ),
    "AuthorizationProtocolMismatch": (
        "The SAS token does not allow an unencrypted connection.",
        "Its field “spr” allows only https.",
        "Write the account URL with “https://”.",
    ),
    "AuthorizationServiceMismatch": (
        "The SAS token is not for Blob storage.",
        "Its field “ss” names other services.",
        "Ask the central team for a token that includes Blob storage (ss=b).",
    ),
    "AuthorizationResourceTypeMismatch": (
        "The SAS token does not cover this request.",
        "Its field “srt” or “sr” leaves out containers, or the files in them.",
        "Ask the central team for a token for the container (sr=c), or an account token with srt=co.",
    ),
    "PublicAccessNotPermitted": (
        "The storage account “{account}” requires credentials, and none were sent.",
        "",
        'In the configuration, enter a SAS token or a key, or set auth_mode = "login".',
    ),
    "KeyBasedAuthenticationNotPermitted": (
        "The storage account “{account}” accepts neither account keys nor SAS tokens made with them.",
        "It requires a sign-in with a Microsoft account.",
        'Set auth_mode = "login" in the configuration.',
    ),
    "InsufficientAccountPermissions": (
        "The storage account “{account}” does not allow this to anybody at present.",
        "It may be read-only.",
        "Ask the central team.",
    ),
}

_ONE_BLOB: dict[str, tuple[str, str]] = {
    "UnauthorizedBlobOverwrite": (
        "A file of that name exists already. The SAS token allows creating files, but not replacing them.",
        "Ask the central team for a token with the write permission (sp=…w…).",
    ),
    "LeaseIdMissing": ("Another program has locked it with a lease.", "Wait until the lease ends, or ask the central team."),
    "BlobImmutableDueToPolicy": (
        "A retention policy protects the file that is there.",
        "Submit under a new version, or ask the central team.",
    ),
    "BlobImmutableDueToLegalHold": (
        "A legal hold protects the file that is there.",
        "Submit under a new version, or ask the central team.",
    ),
    "BlobArchived": ("It is in Azure's archive tier.", "Ask the central team to bring it back online."),
    "SnapshotsPresent": ("Snapshots of it exist.", "Ask the central team to delete its snapshots, then try again."),
    "BlockCountExceedsLimit": (
        "Earlier attempts left too many parts of it in the central store.",
        "Azure removes them after seven days. To upload it now, ask the central team to delete the file.",
    ),
    "PendingCopyOperation": ("It is being copied in the central store just now.", "Try again when the copy has finished."),
    "RequestBodyTooLarge": ("The request was larger than Azure accepts.", "Report this problem, with a support bundle."),
}


def explain(answer: Answer, access: Access, operation: Operation) -> StoreError:
    """The error of core for an answer of the service.  No secret is in its text."""
    error = _explain(answer, access, operation)
    error.why = _why(answer, error)
    error.code = answer.code or (f"HTTP {answer.status}" if answer.status else "")
    error.request_id = answer.request_id
    error.retry_after = answer.retry_after
    reference = ", ".join(part for part in (error.code, f"request {answer.request_id}" if answer.request_id else "") if part)
    if not isinstance(error, (BlobNotFoundError, ConditionError, TokenTimeError)):  # of these nobody has to ask the central team why
        error.meaning = " ".join(part for part in (error.meaning, f"Code: {reference}." if reference else "") if part)
    error.what, error.meaning, error.remedy = redact(error.what), redact(error.meaning), redact(error.remedy)
    error.args = (error.what,)
    return error


_ONE_OPERATION = {"AuthorizationPermissionMismatch", "AuthorizationResourceTypeMismatch"}
_CREDENTIAL = {
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "AuthorizationFailure",
    "AuthorizationSourceIPMismatch",
    "KeyBasedAuthenticationNotPermitted",
    "PublicAccessNotPermitted",
}


def _why(answer: Answer, error: StoreError) -> Why | None:
    """What has to change before the request can succeed."""
    code, status = answer.code, answer.status
    if status == 407:
        return Why.PROXY_LOGIN
    if isinstance(error, StoreUnavailableError) and answer.genuine:
        return Why.BUSY
    if not answer.genuine and status not in (500, 502, 503, 504, 408, 429):
        return Why.STRANGER
    if isinstance(error, StoreUnavailableError):
        return Why.BUSY
    if code in _ONE_OPERATION:
        return Why.RIGHTS
    if isinstance(error, AccessError) and (code in _CREDENTIAL or status == 401 or (status == 403 and code not in _ACCESS)):
        return Why.CREDENTIAL
    return None


def _explain(answer: Answer, access: Access, operation: Operation) -> StoreError:
    code, status = answer.code, answer.status
    could_not = f"Could not {operation.verb} {operation.object} in the central store."
    if status in _FACTS and not answer.genuine:
        return _intermediary(answer, access)
    if code in _CONDITIONS or (status in (304, 412) and not code):
        return ConditionError(f"{operation.subject} exists already in the central store, or was changed meanwhile.")
    if code in _NOT_FOUND or (code == "CannotVerifyCopySource" and status == 404) or (status == 404 and not code and answer.genuine):
        block = code == "InvalidBlockList"
        return BlobNotFoundError(
            f"A part of {operation.object} is no longer in the central store."
            if block
            else f"{operation.subject} is not in the central store."
        )
    if code in _BAD_SUM:
        return ChecksumError(could_not, meaning="The bytes that arrived differ from the bytes that were sent.", remedy=_DAMAGED)
    if code in _BUSY or status in (408, 429, 500, 502, 503, 504):
        return StoreUnavailableError(could_not, meaning=_busy(answer), remedy="Try again in a few minutes.")
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
            "The proxy server of this network requires a sign-in.",
            remedy="Ask your IT department for the proxy's address and credentials, and set them in the environment variable HTTPS_PROXY.",
        )
    if not answer.genuine:
        return _intermediary(answer, access)
    if status == 403:
        return _network(answer, access, operation)
    if code in _BAD_NAME:
        return name_error(operation.name or access.container, _sentence(answer.message))
    if code in _BAD_BLOCK:
        return BlobNameError(
            f"Another program left an unfinished upload of {operation.object}, with block IDs of another length.",
            remedy="Azure removes it after seven days. To upload the file now, ask the central team to delete the unfinished one.",
        )
    if status == 507:
        return StoreFullError(could_not, meaning="There is no space left.", remedy="Ask the central team.")
    return StoreError(
        could_not,
        meaning=_sentence(answer.message) or "Azure gave no reason.",
        remedy="Try again. If it fails again, give the central team the code.",
    )


def _busy(answer: Answer) -> str:
    wait = f" Azure asks to wait {answer.retry_after:.0f} seconds." if answer.retry_after else ""
    what = {
        408: "Azure stopped waiting for the rest of the request.",
        429: "Azure accepts no more requests from this computer for the moment.",
    }
    return what.get(answer.status, "Azure is busy, or has a problem.") + wait


_FRAME = re.compile(r"Start \[([^][]{0,60})\] - Expiry \[([^][]{0,60})\] - Current \[([^][]{0,60})\]")


def _authentication(answer: Answer, access: Access) -> AccessError:
    clock = clock_sentence(answer.skew)
    if access.auth_mode.signs_in:
        return AccessError(
            "The central store does not accept this sign-in.",
            meaning=" ".join(part for part in (_plain(answer.detail), clock) if part),
            remedy="Sign in again with “az login”. Use the account that has access to the central store."
            if access.auth_mode is AuthMode.LOGIN
            else "Check azure_tenant_id in the configuration: it must be the tenant of the storage account. Then run the command again.",
        )
    if access.sas is not None:
        return _sas(answer, access.sas, clock)
    if clock or "date header" in answer.detail.lower():
        return AccessError(
            "The central store refused the request because of its time.",
            meaning=clock or "The clock of this computer is off by more than 15 minutes.",
            remedy="Set this computer's clock and time zone to the right time, then try again.",
        )
    return AccessError(
        f"The account key does not belong to the storage account “{access.account}”.",
        meaning="Azure rejected the signature that was made with it.",
        remedy="Copy the key again from the Azure portal: it may have been renewed. Check that it is from this account.",
    )


def _sas(answer: Answer, sas: SasInfo, clock: str) -> AccessError:
    if outside := _outside_its_time(answer, sas, clock):
        return outside
    known = f"According to its field “se” it is valid until {_shown(sas.expires)}." if sas.expires else "It does not say when it expires."
    return AccessError(
        "The central store does not accept the SAS token.",
        meaning=" ".join(part for part in (f"Either it is incomplete or was edited, or it was revoked. {known}", clock) if part),
        remedy="Paste the whole token again, without spaces or line breaks. If that does not help, ask the central team for a new one.",
    )


def _outside_its_time(answer: Answer, sas: SasInfo, clock: str) -> AccessError | None:
    """The token expired, or is not valid yet: by the times that the service compared, otherwise by the token's and the right clock."""
    start, expiry, now = sas.starts, sas.expires, datetime.now(UTC) - timedelta(seconds=answer.skew or 0)
    if frame := _FRAME.search(answer.detail):
        start, expiry, now = (http_date(text) or known for text, known in zip(frame.groups(), (start, expiry, now), strict=True))
    if expiry and now and now >= expiry:
        return TokenTimeError(
            f"The SAS token expired on {_shown(expiry)}.",
            meaning=clock,
            remedy="Ask the central team for a new SAS token, and enter it in the configuration.",
        )
    if start and now and now < start:
        return TokenTimeError(
            f"The SAS token is not valid before {_shown(start)}.",
            meaning=clock,
            remedy="Wait until then. If it was just made for you, the clock of the computer that made it is ahead: ask the central team for a "
            "token that starts earlier.",
        )
    return None


_WHO = {
    AuthMode.LOGIN: ("Your sign-in", "Your account"),
    AuthMode.CERTIFICATE: ("The sign-in with the certificate", "The app registration"),
    AuthMode.MANAGED_IDENTITY: ("The managed identity", "The managed identity"),
    AuthMode.WORKLOAD_IDENTITY: ("The sign-in with the token file", "The app registration"),
}
"""What signs in, and who has the role."""


def _permission(access: Access, operation: Operation) -> AccessError:
    if access.auth_mode.signs_in:
        role = "Storage Blob Data Reader" if operation.needs in ("r", "l") else "Storage Blob Data Contributor"
        whose, who = _WHO[access.auth_mode]
        return AccessError(
            f"{whose} does not allow {operation.doing} {operation.object} in the central store.",
            meaning=f"{who} has no role that allows it on the container “{access.container}”.",
            remedy=f"Ask the central team for the role “{role}” on the container “{access.container}”"
            + (". " if access.auth_mode is AuthMode.LOGIN else f", for {who[0].lower()}{who[1:]}. ")
            + "A new role works after some minutes.",
        )
    has = f", but has “{access.sas.permissions}”" if access.sas and access.sas.permissions else ""
    return AccessError(
        f"The SAS token does not allow {operation.doing} {operation.object}.",
        meaning=f"It needs the permission “{PERMISSIONS[operation.needs]}” (sp=…{operation.needs}…){has}.",
        remedy=f"Ask the central team for a token that {allows(access.needs or NEEDS_STORE, operation.needs)}.",
    )


def _network(answer: Answer, access: Access, operation: Operation) -> AccessError:
    if access.sas and (outside := _outside_its_time(answer, access.sas, clock_sentence(answer.skew))):
        return outside
    entry = (
        f"Check that the file “hosts” of this computer has the line “{HOSTS_ENTRY}”: this account is reached through a private address. "
        if access.account == "choruspilotstorage" or access.host.startswith("choruspilotstorage.")
        else "Ask the central team whether the account allows this network's public address, and whether this computer needs a line in "
        f"its file “hosts” (for the account choruspilotstorage the line is “{HOSTS_ENTRY}”). "
    )
    return AccessError(
        f"The central store refused {operation.doing} {operation.object}.",
        meaning="Either the account's network rules do not allow this computer, or the credentials do not allow this."
        + f" {_plain(answer.detail)}".rstrip(),
        remedy=entry + "If the network is right, ask the central team what these credentials allow, and give them the code.",
    )


def _intermediary(answer: Answer, access: Access) -> StoreError:
    kind = AccessError if answer.status in (301, 302, 303, 307, 308, 400, 403, 404, 451, 511) else StoreUnavailableError
    return kind(
        f"The answer from {access.host} did not come from Azure.",
        meaning="It may come from a proxy, a firewall or a sign-in page of this network, or the account URL is wrong.",
        remedy=f"Ask your IT department to let this computer reach https://{access.host}, and check the account URL.",
    )


def _plain(text: str) -> str:
    """The service's explanation as a sentence, "" if it quotes a signature."""
    line = _sentence(text)
    return "" if "signature" in line.lower() or "string to sign" in line.lower() else line


def _sentence(text: str) -> str:
    """The first line of a text of the service, with a full stop; "" if it is empty."""
    line = text.strip().splitlines()[0].strip() if text.strip() else ""
    return line if not line or line.endswith((".", "!", "?")) else f"{line}."


def _shown(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
