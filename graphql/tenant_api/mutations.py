"""What tenants can do: pay, and think better of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

import strawberry

from hub.domain.money import to_cents
from hub.domain.payments import PAID, PaymentState
from hub.errors import NotFoundError, Where
from hub.services import read_account, read_payments
from hub.services.pay import AmountError, NothingDueError, PaymentRequest, begin_payment
from hub.store.reads.payments import TenantPayment
from tenant_api import ids
from tenant_api.context import Context, Info
from tenant_api.ids import Kind
from tenant_api.types.account import Account
from tenant_api.types.payment import (
    Payment,
    PaymentAlreadyPaid,
    PaymentDone,
    PaymentInProgress,
    PaymentPending,
    PaymentRefused,
    StartPaymentResult,
    action_of,
)

_QUEUE: Final = "payments"
_WAIT_SECONDS: Final = 8.0
_LOOKS: Final = (0.03, 0.05, 0.1, 0.15, 0.25)
_POLL_STARTING, _POLL_SILENT = 2, 5
_MOST_DIGITS: Final = 12


@strawberry.input(description="How much to pay on which account.")
class PaymentPartInput:
    account_id: strawberry.ID = strawberry.field(description="The account.")
    amount: Decimal = strawberry.field(description='What to pay on it, with two decimal places at most: "238.57".')


@strawberry.input(
    description="A payment to begin. Amounts are worked out anew by the hub and refused if they do not fit."
)
class StartPaymentInput:
    parts: list[PaymentPartInput] = strawberry.field(
        description="One account, or several (rent and garage) that share a means of payment; at most five."
    )
    means: str = strawberry.field(description="The name of a means of payment of all these accounts.")
    return_url: str = strawberry.field(
        description="Where the browser comes back to, below an address the landlord allowed; `payment` is added to it."
    )
    currency: str = strawberry.field(default="EUR", description="ISO 4217; the landlord's accounts are in euros.")
    settle: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Ledger entries to be settled first, in this order; else the oldest debts are."
    )


Key = Annotated[
    str,
    strawberry.argument(
        description="Made once by the front end for each payment the tenant means to make, and kept until it ends: "
        "the same key begins nothing twice. 8 to 100 letters, digits and . _ : -"
    ),
]


@strawberry.type(description="What can be done. One at a time: a document holds one mutation.")
class Mutation:
    @strawberry.mutation(description="Begin a payment; called again, it leads to the same one. Needs an access token.")
    async def start_payment(
        self,
        info: Info,
        given: Annotated[StartPaymentInput, strawberry.argument(name="input", description="What to pay, and how.")],
        idempotency_key: Key,
    ) -> StartPaymentResult:
        context = info.context
        request = _request(given, idempotency_key, context)
        try:
            begun = await begin_payment(
                context.reading, context.viewer, request, now=context.clock.now(), today=context.today
            )
        except NothingDueError:
            return await _already_paid(context, request)
        context.bell.ring(_QUEUE)
        if begun.other is not None:
            return PaymentInProgress(
                code="PAYMENT_IN_PROGRESS", payment=Payment.of(await _payment(context, begun.payment_id))
            )
        return await _result(context, begun.payment_id)

    @strawberry.mutation(description="Give up a payment one began. Needs an access token.")
    async def cancel_payment(
        self,
        info: Info,
        named: Annotated[strawberry.ID, strawberry.argument(name="id", description="The payment.")],
    ) -> Payment:
        context = info.context
        _ = context.viewer
        payment_id = _named(named, Kind.PAYMENT)
        await read_payments.ask_to_cancel(context.reading, payment_id, now=context.clock.now())
        context.bell.ring(_QUEUE)
        return Payment.of(await _wait(context, payment_id, lambda row: row.state not in read_payments.OPEN_STATES))


def _request(given: StartPaymentInput, key: str, context: Context) -> PaymentRequest:
    parts: dict[UUID, int] = {}
    for part in given.parts:
        account = _named(part.account_id, Kind.ACCOUNT)
        if account in parts:
            raise AmountError("an account is named twice", where=Where(field="parts"))
        parts[account] = _cents(part.amount)
    return PaymentRequest(
        parts=parts,
        provider=given.means,
        return_url=given.return_url,
        language=context.language,
        key=key,
        currency=given.currency,
        settle=tuple(_named(entry, Kind.LEDGER_ENTRY) for entry in given.settle or ()),
    )


def _cents(amount: Decimal) -> int:
    if not amount.is_finite() or amount.adjusted() >= _MOST_DIGITS:
        raise AmountError("this is no amount", where=Where(field="amount"))
    try:
        return to_cents(amount)
    except ValueError as error:
        raise AmountError("an amount has at most two decimal places", where=Where(field="amount")) from error


def _named(text: str, wanted: Kind) -> UUID:
    kind, uuid = ids.decode(text)
    if kind is not wanted:
        raise NotFoundError("no such id")
    return uuid


async def _payment(context: Context, payment_id: UUID) -> TenantPayment:
    found = await read_payments.payments_by_id(context.reading, [payment_id])
    if payment_id not in found:
        raise NotFoundError("no such payment")
    return found[payment_id]


async def _wait(context: Context, payment_id: UUID, is_enough: Callable[[TenantPayment], bool]) -> TenantPayment:
    """The payment once there is something to show, or as it is when the patience of a browser ends.

    No transaction is held between two looks.
    """
    loop = asyncio.get_running_loop()
    until, looks = loop.time() + _WAIT_SECONDS, iter(_LOOKS)
    while True:
        row = await _payment(context, payment_id)
        if is_enough(row) or loop.time() >= until:
            return row
        await context.reading.let_go()
        await asyncio.sleep(next(looks, _LOOKS[-1]))


def _is_known(row: TenantPayment) -> bool:
    """The tenant has something to do, or it is over, or nobody knows."""
    return row.action is not None or row.state not in ("created", "processing", "action_required")


async def _result(context: Context, payment_id: UUID) -> StartPaymentResult:
    row = await _wait(context, payment_id, _is_known)
    state = PaymentState(row.state)
    if state in PAID:
        return PaymentDone(payment=Payment.of(row))
    if state is PaymentState.UNKNOWN:
        return PaymentPending(payment=Payment.of(row), reason="bank_silent", poll_after=_POLL_SILENT)
    if state not in (PaymentState.CREATED, PaymentState.ACTION_REQUIRED, PaymentState.PROCESSING):
        return PaymentRefused(payment=Payment.of(row), reason=row.reason or state.value)
    if row.action is None:
        return PaymentPending(payment=Payment.of(row), reason="starting", poll_after=_POLL_STARTING)
    return action_of(row, context.language)


async def _already_paid(context: Context, request: PaymentRequest) -> PaymentAlreadyPaid:
    found = await read_account.accounts_by_id(context.reading, list(request.parts), today=context.today)
    for account in found.values():
        if account.balance_cents - account.open_cents <= 0:
            return PaymentAlreadyPaid(account=Account.of(account))
    raise NotFoundError("no such account")
