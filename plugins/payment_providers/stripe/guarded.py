"""Stripe's own library on our network: its requests go through the guarded session, and it never tries again by itself.

Imported at first use only: the library is an extra.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import stripe
from stripe import HTTPClient, StripeClient

from hub.errors import (
    HubError,
    MisconfiguredError,
    RateLimitedError,
    RetryableError,
    TerminalError,
    UnreachableError,
)
from hub.wire import Deadline, HttpSession

_STATUSES = range(400, 600)
_WAIT_SECONDS = 60


class StripeRefusalError(TerminalError):
    """The API's own no. `said`: its error code; its message is not kept, for it may quote what was sent."""

    def __init__(self, said: str) -> None:
        super().__init__(f"Stripe refuses the call: {said}")
        self.said = said


class GuardedClient(HTTPClient):
    """What the library takes for an HTTP library."""

    name: ClassVar[str] = "housing-hub"

    def __init__(self, session: HttpSession, deadline: Callable[[], Deadline]) -> None:
        super().__init__()
        self._hub_session, self._hub_deadline = session, deadline

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        body = post_data.encode() if isinstance(post_data, str) else post_data
        with self._hub_session.request(
            method.upper(), url, headers=headers, data=body, deadline=self._hub_deadline(), accept=_STATUSES
        ) as reply:
            return reply.read().decode("utf-8", "replace"), reply.status, reply.headers

    def close(self) -> None:
        self._hub_session.close()


def make_client(secret_key: str, api_base: str, http: GuardedClient) -> StripeClient:
    """A client that keeps quiet: at its debug level the library would log whole answers."""
    stripe.enable_telemetry = False
    logging.getLogger("stripe").setLevel(logging.WARNING)
    return StripeClient(secret_key, base_addresses={"api": api_base}, http_client=http, max_network_retries=0)


def call(client: StripeClient, method: str, path: str, params: Mapping[str, Any], key: str = "") -> dict[str, Any]:
    """One request; its answer as plain JSON. Raises StripeRefusalError and errors of the hub's tree."""
    options = {"idempotency_key": key} if key else {}
    try:
        answer = client.raw_request(method, path, **options, **params).data
    except stripe.StripeError as error:
        raise _as_ours(error) from None
    if not isinstance(answer, dict):
        raise UnreachableError("Stripe's answer is not what its interface says")
    return answer


def _as_ours(error: stripe.StripeError) -> HubError:
    status = error.http_status or 0
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return MisconfiguredError(
            f"Stripe refuses our key ({status})", hint="check secret_key, its rights, and that it is one of this mode"
        )
    if isinstance(error, stripe.RateLimitError) or status in (429, 503):
        return RateLimitedError("Stripe is busy", retry_after=_WAIT_SECONDS)
    if isinstance(error, stripe.IdempotencyError):
        return StripeRefusalError("idempotency_key_reused")
    if status == 409:
        return RetryableError("Stripe is still busy with the same request")
    if 400 <= status < 500:
        return StripeRefusalError(_code(error.code))
    return UnreachableError(f"Stripe is out of order ({status or type(error).__name__})")


def _code(said: Any) -> str:
    text = str(said or "")
    return text if text.replace("_", "").isalnum() and len(text) <= 60 else "invalid_request"
