"""The step in the SDK's pipeline that lets no answer through that the service did not give.

A proxy or a sign-in page can answer a request with a status that means “done”.  The Blob service puts its request id into every
answer, so an answer without one proves nothing.  Import it only where a store is opened: it imports the SDK.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from chorus_gui.core.config.addresses import address_parts

REQUEST_ID = "x-ms-request-id"
REFUSED = 300
"""From this status on an answer is a refusal; :mod:`.answers` looks at who gave it."""


class StrangeAnswerError(AzureError):
    """An answer that is not the service's.  It never leaves :mod:`.errors`."""


_ROOTS = {"list": b"EnumerationResults", "blocklist": b"BlockList"}
"""``comp=`` of a request → the element that its answer is.  Without this check the SDK takes any other for an empty list."""
_START = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>)?\s*<([A-Za-z]{1,40})[\s/>]")


class GenuinePolicy(HTTPPolicy[Any, Any]):
    """Raises :class:`StrangeAnswerError` for an answer that reports success and has no request id, or is not a list where one was asked for."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """See ``HTTPPolicy.send``."""
        response = self.next.send(request)
        answer = response.http_response
        if answer.status_code < REFUSED and not answer.headers.get(REQUEST_ID):
            answer.close()
            raise StrangeAnswerError(f"HTTP status {answer.status_code} without {REQUEST_ID}")
        asked = request.http_request
        root = _ROOTS.get(parse_qs(address_parts(str(asked.url))[2]).get("comp", [""])[0]) if asked.method == "GET" else None
        if root and answer.status_code < REFUSED:
            found = _START.match(answer.body()[:1000])
            if found is None or found[1] != root:
                answer.close()
                raise StrangeAnswerError("an answer that is not the list that was asked for")
        return response
