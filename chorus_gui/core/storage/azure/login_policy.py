"""The step in the SDK's pipeline that gives each request of a login its token.

It takes the place of the SDK's own step, which keeps a token of its own, asks nobody again where a refusal names no tenant, and
takes the scope from the refusal.  Import it only where a store is opened: it imports the SDK.
"""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from chorus_gui.core.storage.azure.login import Bearer, token_refused

MAX_CHALLENGE = 4096


class OtherTenantError(ClientAuthenticationError):
    """The service refuses the token, and names another tenant than the configured one."""

    def __init__(self, tenant: str) -> None:
        super().__init__("The service names another tenant.")
        self.tenant = tenant


class LoginPolicy(HTTPPolicy[Any, Any]):
    """Sends each request with the token of ``bearer``; with another one, once, if the service refuses the first."""

    def __init__(self, bearer: Bearer) -> None:
        super().__init__()
        self._bearer = bearer

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """See ``HTTPPolicy.send``.  Raises ``ClientAuthenticationError`` if no token can be had, or the tenant is not the right one."""
        if not str(request.http_request.url).lower().startswith("https:"):
            raise ServiceRequestError("The sign-in's token is not sent, because the connection is not encrypted.")
        token = self._bearer.token()
        response = self._send(request, token)
        if not _refused(response.http_response):
            return response
        answer = response.http_response
        try:
            other = self._bearer.replacement(token)
        except BaseException:
            answer.close()
            raise
        if other is not None:
            answer.close()  # of a download: its body was not read, and would keep the connection
            response = self._send(request, other)
            answer = response.http_response
        if _refused(answer):
            named = self._bearer.other_tenant(str(answer.headers.get("WWW-Authenticate") or "")[:MAX_CHALLENGE])
            if named:
                answer.close()
                raise OtherTenantError(named)
        return response

    def _send(self, request: PipelineRequest[Any], token: str) -> PipelineResponse[Any, Any]:
        request.http_request.headers["Authorization"] = f"Bearer {token}"
        return self.next.send(request)


def _refused(answer: Any) -> bool:
    return token_refused(answer.status_code, str(answer.headers.get("x-ms-error-code") or ""))
