"""Ask the provider again: the poller, and the one who resolves what nobody knows.

Nothing is begun anew under another key: a payment the provider has never heard of is begun with its own key, or ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.config import LandlordConfig
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.payments import OPEN, Asked, PaymentState, project
from hub.domain.polling import GRACE
from hub.errors import HubError, NotSupportedError
from hub.jobs import Job, JobRuntime, finish
from hub.paying.hear import Channel, hear, look_again
from hub.paying.parts import PayingParts, able_to, log, open_provider
from hub.paying.start import START_KIND, Outcome, call_start, ref_of
from hub.ports import PaymentProvider
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.job_rows import was_asked
from hub.store.payer_facts import payer_of
from hub.store.payment_rows import PaymentRow, count_check, get_action, get_payment, note_started
from hub.sync.threads import in_thread


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the provider taught us. `knows`: it has heard of the payment."""

    events: tuple[PaymentEvent, ...] = ()
    knows: bool = False
    answered: bool = False


async def handle_check(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `pay.check`: payload `{payment}`. Asks for the next look by itself."""
    payment_id = UUID(job.payload["payment"])
    config = await parts.config(job.landlord)
    outcome = await look(parts, config, payment_id)
    async with scope(parts.engine, job.landlord) as conn:
        await finish(conn, job)
        rings = await take_in(parts, config, conn, payment_id, outcome, channel="poll")
    for queue in rings:
        runtime.bell.ring(queue)


async def look(parts: PayingParts, config: LandlordConfig, payment_id: UUID) -> Outcome:
    """Everything there is to learn about a payment now; what is not known yet is begun, what is over is ended."""
    async with scope(parts.engine, config.slug) as conn:
        held = await get_payment(conn, payment_id)
        has_action = held is not None and await get_action(conn, payment_id) is not None
    if held is None:
        return Outcome([])
    looked = await _ask(parts, config, held)
    if not _is_open_after(held, looked):
        return Outcome(looked.events)
    now = parts.clock.now()
    if now < held.expires_at:
        return await _begin_again(parts, config, held, looked, has_action=has_action)
    if now < held.expires_at + GRACE or not looked.answered:
        return Outcome(looked.events)
    return Outcome([*looked.events, *await _end(parts, config, held, looked)])


async def take_in(
    parts: PayingParts,
    config: LandlordConfig,
    conn: Connection,
    payment_id: UUID,
    outcome: Outcome,
    *,
    channel: Channel,
) -> tuple[str, ...]:
    """Hear what was learnt; where it is no news, count the look and ask for the next. Gives the queues to ring."""
    now = parts.clock.now()
    heard = await hear(
        conn,
        config,
        payment_id,
        outcome.events,
        channel=channel,
        now=now,
        action=outcome.action,
        provider_ref=outcome.provider_ref,
    )
    if not heard.news:
        await count_check(conn, landlord=config.slug, payment_id=payment_id)
        await look_again(conn, config.slug, replace(heard.before, checks=heard.before.checks + 1), now=now)
    return heard.rings


async def _ask(parts: PayingParts, config: LandlordConfig, held: PaymentRow) -> Looked:
    try:
        async with open_provider(parts, config, held.provider) as provider:
            if not able_to(provider).poll:
                return Looked(answered=True, knows=True)
            events = tuple(await in_thread(provider.fetch, ref_of(held)))
    except NotSupportedError:
        return Looked(answered=True, knows=True)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything: nothing was learnt
        log.warning("look at a payment of %s: %s", held.provider, _called(error))
        return Looked()
    known = tuple(event for event in events if event.kind is not EventKind.NOT_FOUND)
    return Looked(known, knows=bool(known), answered=True)


def _is_open_after(held: PaymentRow, looked: Looked) -> bool:
    """Whether the payment is still open, with what was learnt."""
    if held.state not in OPEN:
        return False
    return not looked.events or project(Asked(held.amount_cents, held.currency), looked.events).state in OPEN


async def _begin_again(
    parts: PayingParts, config: LandlordConfig, held: PaymentRow, looked: Looked, *, has_action: bool
) -> Outcome:
    """With the same key: whoever began it before gives the same action back."""
    if has_action or not looked.answered:
        return Outcome(looked.events)
    async with scope(parts.engine, config.slug) as conn:
        if await was_asked(conn, landlord=config.slug, kind=START_KIND, dedup_key=str(held.id), still_open=True):
            return Outcome(looked.events)  # it is being begun: two at once could be two pages, each of which charges
        await note_started(conn, landlord=config.slug, payment_id=held.id, now=parts.clock.now())
        payer = await payer_of(conn, held.id)
    if payer is None:
        return Outcome(looked.events)
    begun = await call_start(parts, config, held, payer)
    return replace(begun, events=[*looked.events, *begun.events], again=None)


async def _end(parts: PayingParts, config: LandlordConfig, held: PaymentRow, looked: Looked) -> Sequence[PaymentEvent]:
    """Nobody paid in time: make sure that nobody can any more, where the provider has a way.

    What the bank is still deciding on has not run out, however long it takes: it is asked again.
    """
    now = parts.clock.now()
    if not looked.knows:
        return [_hub_event(EventKind.NOT_FOUND, now)]
    if is_being_decided(held, looked.events):
        return []
    try:
        async with open_provider(parts, config, held.provider) as provider:
            told = await _cancel(provider, held)
    except Exception as error:  # noqa: BLE001  # as above: it is looked at again
        log.warning("end of a payment of %s: %s", held.provider, _called(error))
        return []
    if is_being_decided(held, [*looked.events, *told]):
        return told  # nobody can pay it any more, but somebody has: the bank is still at it
    return [*told, _hub_event(EventKind.EXPIRED, now)]


def is_being_decided(held: PaymentRow, events: Sequence[PaymentEvent]) -> bool:
    """Whether the tenant has done what there was to do, and the provider may still say yes."""

    return project(Asked(held.amount_cents, held.currency), events).state is PaymentState.PROCESSING


async def _cancel(provider: PaymentProvider[Any], held: PaymentRow) -> Sequence[PaymentEvent]:
    if not able_to(provider).cancel:
        return []
    return tuple(await in_thread(provider.cancel, ref_of(held), f"{held.start_key}-end"))


def _hub_event(kind: EventKind, now: datetime) -> PaymentEvent:
    return PaymentEvent(f"hub-{kind.value}", kind, now)


def _called(error: Exception) -> str:
    return error.code if isinstance(error, HubError) else type(error).__name__
