"""The step in the SDK's pipeline that gives each request of a login its token.

It takes the place of the SDK's own step, which keeps a token of its own, asks nobody again where a refusal names no tenant, and
takes the scope from the refusal.  Import it only where a store is opened: it imports the SDK.
"""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from chorus_gui.core.storage.azure.login import Bearer

UNAUTHORIZED = 401
"""The status of a token that the service refuses.  A login without the role that it needs gets 403."""


class LoginPolicy(HTTPPolicy[Any, Any]):
    """Sends each request with the token of ``bearer``; with another one, once, if the service refuses the first."""

    def __init__(self, bearer: Bearer) -> None:
        super().__init__()
        self._bearer = bearer

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """See ``HTTPPolicy.send``.  Raises ``ClientAuthenticationError`` if no token can be had."""
        if not str(request.http_request.url).lower().startswith("https:"):
            raise ServiceRequestError("The sign-in's token is not sent, because the connection is not encrypted.")
        token = self._bearer.token()
        response = self._send(request, token)
        if response.http_response.status_code != UNAUTHORIZED:
            return response
        answer = response.http_response
        try:
            other = self._bearer.replacement(token, str(answer.headers.get("WWW-Authenticate") or ""))
        except BaseException:
            answer.close()
            raise
        if other is None:
            return response
        answer.close()  # of a download: its body was not read, and would keep the connection
        return self._send(request, other)

    def _send(self, request: PipelineRequest[Any], token: str) -> PipelineResponse[Any, Any]:
        request.http_request.headers["Authorization"] = f"Bearer {token}"
        return self.next.send(request)
