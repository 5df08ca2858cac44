"""Calls to the REST API V4. A refusal is told by its `errorCode`, at HTTP 200 and 401 alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.errors import (
    DeadlineError,
    ForbiddenError,
    InputRefusedError,
    MisconfiguredError,
    RateLimitedError,
    RetryableError,
    TerminalError,
    UnreachableError,
)
from hub.ports import Context
from hub.wire import Deadline, HttpSession
from payment_providers.lyra.settings import LyraSettings

NOT_FOUND = "PSP_010"
_BAD_LOGIN = "INT_905"
_OUTAGE = frozenset({"INT_999", "PSP_500", "PSP_503", "PSP_504", "PSP_998", "PSP_999"})
# Whoever sends one of these through his own server is a place that card numbers pass by.
_CARD_WORDS = frozenset(
    {"paymentforms", "pan", "cardnumber", "card_number", "securitycode", "cvv", "cvc", "cryptogram"}
)


class LyraRefusalError(TerminalError):
    """The API's own no. `said`: its `errorCode`; its message is not kept, for it may quote what was sent."""

    def __init__(self, said: str, detail: str = "") -> None:
        super().__init__(f"the payment provider refuses the call: {said}{f' ({detail})' if detail else ''}")
        self.said = said


class LyraClient:
    """One shop's calls. `moves`: the call may change something at the provider, so its silence is an open question."""

    def __init__(self, settings: LyraSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._session: HttpSession | None = None

    def call(self, service: str, body: Mapping[str, Any], *, moves: bool = False) -> dict[str, Any]:
        """The `answer` of a service. Raises LyraRefusalError, MisconfiguredError, and what `HttpSession` raises."""
        refuse_cards(body)
        try:
            said = self._post(service, body)
        except (RateLimitedError, UnreachableError, DeadlineError):
            raise
        except (RetryableError, InputRefusedError) as error:
            if not moves:
                raise
            raise UnreachableError(error.message, hint="it may have been taken: it is asked about first") from None
        return _answer(said)

    def mode(self) -> str:
        """TEST or PRODUCTION: which mode the login belongs to, by a call that does nothing."""
        said = self._post("Charge/SDKTest", {"value": "housing-hub"})
        _answer(said)
        return _code(said.get("mode"))

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def session(self) -> HttpSession:
        """The guarded session, opened when first needed."""
        if self._session is None:
            self._session = HttpSession(self._context.network)
        return self._session

    def deadline(self) -> Deadline:
        return Deadline(min(self._settings.seconds, self._context.network.total_seconds))

    def _post(self, service: str, body: Mapping[str, Any]) -> Any:
        own = self._settings
        return (
            self.session()
            .request(
                "POST",
                f"{own.endpoint.rstrip('/')}/api-payment/V4/{service}",
                json=body,
                auth=(own.shop_id, own.password.get_secret_value()),
                deadline=self.deadline(),
                accept=(401,),
            )
            .json()
        )


def refuse_cards(value: Any) -> None:
    """Raises ForbiddenError where a request holds a field for card data, at any depth: they never pass through us."""
    if isinstance(value, Mapping):
        if wrong := next((name for name in value if str(name).lower() in _CARD_WORDS), None):
            raise ForbiddenError(f"a request with the field {wrong} is not sent: card data never pass through the hub")
        for item in value.values():
            refuse_cards(item)
    elif isinstance(value, list | tuple):
        for item in value:
            refuse_cards(item)


def _answer(said: Any) -> dict[str, Any]:
    answer = said.get("answer") if isinstance(said, dict) else None
    if not isinstance(answer, dict):
        raise UnreachableError("the payment provider's answer is not what its interface says")
    if said.get("status") == "SUCCESS":
        return answer
    code = _code(answer.get("errorCode"))
    if code == _BAD_LOGIN:
        raise MisconfiguredError(
            f"the payment provider refuses our login ({code})",
            hint="check shop_id, password and mode: each mode has a password of its own",
        )
    if code in _OUTAGE:
        raise UnreachableError(f"the payment provider is out of order ({code})")
    raise LyraRefusalError(code, _code(answer.get("detailedErrorCode")) if answer.get("detailedErrorCode") else "")


def _code(value: Any) -> str:
    """A code of theirs, if it looks like one."""
    text = str(value or "")
    return text if text.replace("_", "").isalnum() and len(text) <= 20 else "unknown"
