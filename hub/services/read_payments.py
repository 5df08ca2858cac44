"""What a tenant asks of payments: how one stands, and the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from hub.errors import ConflictError, NotFoundError
from hub.services.paging import Page
from hub.store.means_rows import find_means
from hub.store.reads import Reading, payments
from hub.store.reads.payments import PartOfPayment, PaymentPosition, TenantPayment
from hub.store.webhook_rows import ask_for_work

OPEN_STATES = ("created", "action_required", "processing", "unknown")


class NotCancelableError(ConflictError):
    """A payment that is not the person's own, has ended, or whose provider has no way to cancel."""

    code = "NOT_CANCELABLE"


async def payments_by_id(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, TenantPayment]:
    """The payments this session may see among `ids`."""
    return {row.id: row for row in await payments.by_ids(reading, ids)}


async def parts_by_payment(reading: Reading, ids: Sequence[UUID]) -> dict[UUID, list[PartOfPayment]]:
    """What each payment is for, of accounts this session may see."""
    found = await payments.parts(reading, ids)
    return {payment: found.get(payment, []) for payment in ids}


async def payment_page(
    reading: Reading, *, first: int, after: PaymentPosition | None, account: UUID | None = None
) -> Page[TenantPayment]:
    """A page of the history, newest first."""
    return Page.cut(await payments.page(reading, take=first + 1, after=after, account=account), first)


async def ask_to_cancel(reading: Reading, payment_id: UUID, *, now: datetime) -> None:
    """Ask that a payment be ended at its provider. Ring the queue `payments` after it.

    Raises NotFoundError, NotCancelableError.
    """
    found = (await payments_by_id(reading, [payment_id])).get(payment_id)
    if found is None:
        raise NotFoundError("no such payment")
    means = await reading.ask(lambda conn: find_means(conn, found.provider))
    can = means is not None and (means.can_cancel or means.flow == "instructions")
    if not found.mine or found.state not in OPEN_STATES or not can:
        raise NotCancelableError("this payment cannot be cancelled")
    async with reading.writing() as conn:
        payload = {"payment": str(payment_id)}
        await ask_for_work(
            conn, landlord=reading.landlord, kind="pay.cancel", key=str(payment_id), payload=payload, now=now
        )
