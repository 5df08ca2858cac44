"""Giving money back at Lyra: one call cancels (before the remittance) or refunds (after it), so it is read back.

The call takes no key. What a refund brought is claimed in the connector's state; a credit of the same amount that
nobody claims is taken for the one asked for, because a refund too few is put right by a person, one too many is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.errors import RetryableError, TerminalError
from hub.ports import RefundAsk, State
from payment_providers.lyra.client import LyraClient
from payment_providers.lyra.events import is_credit, transactions_of

_FAILED = frozenset({"REFUSED", "CANCELLED", "CAPTURE_FAILED", "EXPIRED"})


class Refunding:
    """Refunds of one order, given as `Order/Get` tells it."""

    def __init__(self, client: LyraClient, state: State) -> None:
        self._client, self._state = client, state

    def refund(self, ask: RefundAsk, order: Mapping[str, Any]) -> None:
        """Once per key. Raises TerminalError where there is not so much, RetryableError where it cannot be done yet."""
        found = transactions_of(order)
        debit = next((one for one in found if one["uuid"] == ask.transaction and not is_credit(one)), None)
        if debit is None:
            raise TerminalError("the payment provider knows no such transaction of this payment")
        if debit["detailedStatus"] == "CANCELLED" or self._is_done(ask, found):
            return
        _refuse_impossible(ask, debit, found)
        body = {"uuid": ask.transaction, "amount": ask.amount_cents, "currency": ask.payment.currency}
        answer = self._client.call(
            "Transaction/CancelOrRefund", {**body, "resolutionMode": "AUTO", "comment": ask.key[:255]}, moves=True
        )
        if is_credit(answer) and isinstance(answer.get("uuid"), str):
            self._claim(answer["uuid"], ask.key)

    def _is_done(self, ask: RefundAsk, found: Sequence[Mapping[str, Any]]) -> bool:
        credits_ = [one for one in found if is_credit(one) and _parent(one) in ("", ask.transaction)]
        if any(self._claimed(one["uuid"]) == ask.key for one in credits_):
            return True
        alike = [one for one in credits_ if one["amount"] == ask.amount_cents and one["detailedStatus"] not in _FAILED]
        free = [one for one in alike if not self._claimed(one["uuid"])]
        if not free:
            return False
        self._claim(free[0]["uuid"], ask.key)
        return True

    def _claimed(self, uuid: str) -> str:
        return self._state.get(f"refund:{uuid}") or ""

    def _claim(self, uuid: str, key: str) -> None:
        self._state.put(f"refund:{uuid}", key)


def _refuse_impossible(ask: RefundAsk, debit: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
    given = sum(one["amount"] for one in found if is_credit(one) and one["detailedStatus"] not in _FAILED)
    left = debit["amount"] - given
    if not 0 < ask.amount_cents <= left:
        raise TerminalError("the refund is larger than what is left of the payment")
    if debit["detailedStatus"] != "CAPTURED" and ask.amount_cents < debit["amount"]:
        raise RetryableError(
            "a part can be given back only once the payment was remitted; before, only all of it can be cancelled",
            hint="it is tried again after the remittance",
        )


def _parent(one: Mapping[str, Any]) -> str:
    details = one.get("transactionDetails")
    return str(details.get("parentTransactionUuid") or "") if isinstance(details, Mapping) else ""
