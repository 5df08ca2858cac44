"""Begin a payment at its provider: its key was committed before, and every attempt uses the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import PaymentState
from hub.errors import HubError, MisconfiguredError, NotSupportedError, RateLimitedError, RetryableError, SetupError
from hub.jobs import Job, JobRuntime, finish
from hub.paying.actions import plain
from hub.paying.hear import hear
from hub.paying.parts import PayingParts, log, open_provider
from hub.ports import PaymentAsk, PaymentProvider, PaymentRef, Started, StartRefusedError
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.payer_facts import Payer, payer_of
from hub.store.payment_rows import PaymentRow, get_payment, note_started
from hub.sync.threads import in_thread

START_KIND: Final = "pay.start"
LABEL: Final = "Loyer"
_TO_BEGIN: Final = (PaymentState.CREATED, PaymentState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of `start` taught us: facts, and what the tenant has to do."""

    events: Sequence[PaymentEvent]
    action: dict[str, Any] | None = None
    provider_ref: str = ""
    again: RetryableError | None = None


async def handle_start(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.start`: payload `{payment}`."""
    payment_id = UUID(job.payload["payment"])
    config = await parts.config(job.landlord)
    held, payer = await _begin(parts, job.landlord, payment_id)
    if held is None or payer is None:
        async with scope(parts.engine, job.landlord) as conn:
            await finish(conn, job)
        return
    outcome = await call_start(parts, config, held, payer)
    async with scope(parts.engine, job.landlord) as conn:
        heard = await _keep(conn, config, held, outcome, parts)
        if outcome.again is None:
            await finish(conn, job)
    for queue in heard:
        runtime.bell.ring(queue)
    if outcome.again is not None:
        raise outcome.again


async def call_start(parts: PayingParts, config: LandlordConfig, held: PaymentRow, payer: Payer) -> Outcome:
    """Call the provider, and say what is known afterwards, whatever it did."""
    try:
        async with open_provider(parts, config, held.provider) as provider:
            started = await in_thread(provider.start, ask_of(parts, config, held, payer), held.start_key)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything: after it was called, nobody knows
        return _failed(parts, held, error)
    return _started(parts, held, started)


def ask_of(parts: PayingParts, config: LandlordConfig, held: PaymentRow, payer: Payer) -> PaymentAsk:
    """What the provider is told of a payment. The payer is a pseudonym."""
    base = f"{parts.public_url}/{config.slug}"
    return PaymentAsk(
        reference=held.reference,
        amount_cents=held.amount_cents,
        currency=held.currency,
        payer=held.person_id.hex[-16:],
        email=payer.email,
        label=f"{LABEL} {payer.contract_reference}".strip()[:100],
        language=held.language,
        return_url=f"{base}/returns/{held.provider}/{held.reference}",
        webhook_url=f"{base}/webhooks/{held.provider}",
        expires_at=held.expires_at,
        account_numbers=payer.account_numbers,
        customer_reference=payer.customer_reference,
    )


def ref_of(held: PaymentRow) -> PaymentRef:
    """The payment as both sides know it."""
    started = held.started_at or held.created_at
    return PaymentRef(held.reference, held.provider_ref, held.amount_cents, held.currency, started)


async def fetch(provider: PaymentProvider[Any], held: PaymentRow) -> Sequence[PaymentEvent]:
    """What the provider knows of a payment, asked in a thread."""
    return await in_thread(provider.fetch, ref_of(held))


async def _begin(parts: PayingParts, landlord: str, payment_id: UUID) -> tuple[PaymentRow | None, Payer | None]:
    """Note that the provider is about to be called; nothing for a payment that needs no start any more."""
    now = parts.clock.now()
    async with scope(parts.engine, landlord) as conn:
        held = await get_payment(conn, payment_id, lock=True)
        if held is None or held.state not in _TO_BEGIN or held.expires_at <= now:
            return None, None
        await note_started(conn, landlord=landlord, payment_id=payment_id, now=now)
        return held, await payer_of(conn, payment_id)


async def _keep(
    conn: Connection, config: LandlordConfig, held: PaymentRow, outcome: Outcome, parts: PayingParts
) -> tuple[str, ...]:
    heard = await hear(
        conn,
        config,
        held.id,
        outcome.events,
        channel="start",
        now=parts.clock.now(),
        action=outcome.action,
        provider_ref=outcome.provider_ref,
    )
    return heard.rings


def _started(parts: PayingParts, held: PaymentRow, started: Started) -> Outcome:
    began = _event(parts, held, EventKind.STARTED)
    action = None if started.action is None else plain(started.action)
    return Outcome([began, *started.events], action, started.provider_ref)


def _failed(parts: PayingParts, held: PaymentRow, error: Exception) -> Outcome:
    """A definite no is a refusal; where nothing can have been sent it is tried again; else nobody knows."""
    log.warning("start of a payment of %s: %s", held.provider, getattr(error, "code", type(error).__name__))
    if isinstance(error, StartRefusedError):
        return Outcome([_event(parts, held, EventKind.START_REFUSED, error.reason)])
    if isinstance(error, SetupError | NotSupportedError):
        reason = "provider_misconfigured" if isinstance(error, MisconfiguredError) else "provider_unusable"
        return Outcome([_event(parts, held, EventKind.START_REFUSED, reason)])
    if isinstance(error, RateLimitedError):
        return Outcome([], again=error)
    if isinstance(error, HubError) and not isinstance(error, RetryableError):
        return Outcome([_event(parts, held, EventKind.START_REFUSED, "provider_refused")])
    return Outcome([_event(parts, held, EventKind.START_UNKNOWN)])


def _event(parts: PayingParts, held: PaymentRow, kind: EventKind, reason: str = "") -> PaymentEvent:
    return PaymentEvent(f"hub-{kind.value}", kind, parts.clock.now(), reason=reason)
