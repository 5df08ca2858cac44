"""Mistakes in payments, built in by replacing functions: the trial `payments` has to find each of them out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hub.config import LandlordConfig
from hub.domain.payment_events import PaymentEvent
from hub.jobs import Handler, Job, JobRuntime, WorkerParts, finish
from hub.paying import check, start, webhook
from hub.paying.parts import PayingParts
from hub.ports import Heard, PaymentProvider
from hub.store import job_rows
from hub.store.payer_facts import Payer
from hub.store.payment_rows import PaymentRow

PAYMENT_MISTAKES = ("no-key", "ack-first", "trust-webhook")


def build_in(mistake: str | None) -> Callable[[WorkerParts], WorkerParts]:
    """Build a mistake into this process; what is still to be done to its parts."""
    match mistake:
        case "no-key":
            forget_keys()
        case "trust-webhook":
            trust_webhooks()
        case "ack-first":
            return acknowledge_first
    return lambda parts: parts


def forget_keys() -> None:
    """Every attempt but the first has a reference of its own, and nobody looks what became of the one before."""
    real = start.call_start

    async def call_start(parts: PayingParts, config: LandlordConfig, held: PaymentRow, payer: Payer) -> start.Outcome:
        if held.started_at is not None:
            held = replace(held, reference=f"{held.reference}-{secrets.token_hex(3)}")
        return await real(parts, config, held, payer)

    look = check._ask

    async def ask(parts: PayingParts, config: LandlordConfig, held: PaymentRow) -> check.Looked:
        return check.Looked(answered=True) if held.state in start._TO_BEGIN else await look(parts, config, held)

    start.call_start = check.call_start = call_start
    check._ask = ask


def trust_webhooks() -> None:
    """What a signed message says is taken for what happened."""

    async def facts(provider: PaymentProvider[Any], held: PaymentRow, about: Heard) -> tuple[PaymentEvent, ...]:
        return tuple(about.events)

    webhook._facts = facts


def acknowledge_first(parts: WorkerParts) -> WorkerParts:
    """The job is done before its work is: who is killed at it, or told to come again, never does."""
    settle = job_rows.finish

    async def done_already(*given: Any, **named: Any) -> bool:
        await settle(*given, **named)
        return True

    job_rows.finish = done_already
    handlers = {kind: _first(work) if kind.startswith(("pay.", "erp.")) else work for kind, work in _of(parts)}
    return replace(parts, runtime=replace(parts.runtime, handlers=handlers))


def _of(parts: WorkerParts) -> list[tuple[str, Handler]]:
    return list(parts.runtime.handlers.items())


def _first(work: Handler) -> Handler:
    async def handle(job: Job, runtime: JobRuntime) -> None:
        async with runtime.transaction(job.landlord) as conn:
            await finish(conn, job)
        await work(job, runtime)

    return handle
