"""What a job waits for: one value, made where the waiting is known, and shown by the terminal, the window and ``--json``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chorus_gui.core.errors import Why

_REASONS = {
    Why.NAME: "This network does not know its name",
    Why.REFUSED: "The connection is refused",
    Why.NO_ANSWER: "Requests are sent, but no reply arrives",
    Why.LOST: "Connections break before the answer",
    Why.STALLED: "It takes no more data",
    Why.TLS: "A secure connection is not possible",
    Why.PROXY: "The proxy server of this network cannot be reached, or refuses the connection",
}
_ANSWERED_BY_OTHERS = {
    Why.STRANGER: "Something that is not {place} answers in its place, such as a sign-in page or a proxy of this network. "
    "Open any web page in the browser, and sign in to the network.",
    Why.CERTIFICATE: "Something answers in place of {place} with a certificate that is not trusted, such as a sign-in page of this network. "
    "Open any web page in the browser, and sign in to the network.",
    Why.PROXY_LOGIN: "The proxy server of this network requires a sign-in before {place} can be reached.",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a job waits for, why, since when and until when.

    ``place`` begins a sentence ("The central store").  ``since``: when the first request was sent that was not answered, aware;
    ``until``: when the job gives up, aware; None: that is not known, or it gave up.  ``again``: when the next attempt begins, if the
    service asked for that.
    ``file``: only the requests for this file get no answer.  ``remedy``: a sentence on what the person can do.  ``credential``: the place in
    the configuration whose credential is refused ("central", "journal" or a modality).
    ``ends``: the job still waits; False: it gave up, and the place is only known to be gone.
    """

    place: str
    why: Why
    since: datetime
    until: datetime | None = None
    again: datetime | None = None
    file: str = ""
    remedy: str = ""
    credential: str = ""
    ends: bool = True

    @property
    def text(self) -> str:
        """As sentences for a person, with local times."""
        return " ".join(part for part in (self._what(), self.remedy, self._how_long()) if part)

    def _what(self) -> str:
        since = f"{self.since.astimezone():%H:%M:%S}"
        place = f"{self.place[:1].lower()}{self.place[1:]}"
        if self.file:
            return f"“{self.file}” has had no answer since {since}. {self.place} answers other requests."
        if self.why is Why.BUSY:
            return f"{self.place} has been busy since {since}."
        if self.why is Why.IN_USE:
            return f"Another program has used {place} since {since}."
        if self.why in (Why.CREDENTIAL, Why.RIGHTS):
            return f"{self.place} has refused the credential since {since}."
        if self.why in _ANSWERED_BY_OTHERS:
            return f"{self.place} has not answered since {since}. {_ANSWERED_BY_OTHERS[self.why].format(place=place)}"
        reason = _REASONS.get(self.why, "")
        return f"{self.place} has not answered since {since}." + (f" {reason}." if reason else "")

    def _how_long(self) -> str:
        if not self.ends:
            return "CHoRUS Upload stopped waiting."
        if self.again is not None:
            return f"Trying again at {self.again.astimezone():%H:%M:%S}."
        if self.until is None:
            return "Trying again."
        return f"Trying again until {self.until.astimezone():%H:%M:%S}."
