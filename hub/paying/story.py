"""The whole story of a payment in one structure: what `payments show` prints and an operator API gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.config import LandlordConfig
from hub.paying.found import named_payment
from hub.paying.parts import PayingParts
from hub.paying.repost import entries_that_might
from hub.paying.resolve import Decision, may_decide
from hub.store.act_rows import ActRow, acts_of
from hub.store.domain_events import DomainEvent, events_about
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.payment_rows import HeardRow, PaymentRow, events_of
from hub.store.payment_search import EntryFacts, NamedPart, entries_by_id, named_parts
from hub.store.payment_troubles import why_troubled
from hub.store.posting_entries import Entry
from hub.store.posting_rows import PostingRow, postings_of
from hub.store.refund_rows import RefundRow, refunds_of
from hub.store.settlement_rows import LineRow, SettlementRow, settled_of, settlements_by_id
from hub.store.webhook_rows import webhooks_of


@dataclass(frozen=True, slots=True)
class Share:
    """What the payment was to settle when it was begun: a ledger entry (None: the opening balance), and how much."""

    account_number: str
    entry: EntryFacts | None
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """What came to the inbox about the payment, and what became of it."""

    id: int
    channel: str
    received_at: datetime
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class PostingStory:
    """What the ERP was told of one account; `entry` shows it, or one of `candidates` might."""

    posting: PostingRow
    account_number: str
    entry: EntryFacts | None
    candidates: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A line of a remittance that holds the payment."""

    remittance: SettlementRow
    line: LineRow


@dataclass(frozen=True, slots=True)
class Story:
    """Everything the hub holds of a payment, each list in the order it happened. `needs`: why a person is needed
    (`hub.store.payment_troubles.REASONS`); `may_decide`: what `resolve` would take."""

    landlord: str
    time_zone: str
    payment: PaymentRow
    parts: tuple[NamedPart, ...]
    shares: tuple[Share, ...]
    allocation: str
    events: tuple[HeardRow, ...]
    webhooks: tuple[Webhook, ...]
    acts: tuple[ActRow, ...]
    refunds: tuple[RefundRow, ...]
    postings: tuple[PostingStory, ...]
    settled: tuple[Settled, ...]
    told: tuple[DomainEvent, ...]
    needs: tuple[str, ...]
    may_decide: tuple[Decision, ...]
    read_back: bool


async def tell_story(parts: PayingParts, landlord: str, payment: str) -> Story:
    """The story of the payment somebody names. Raises NotFoundError, InvalidAskError."""
    config = await parts.config(landlord)
    async with scope(parts.engine, landlord, readonly=True) as conn:
        held = await named_payment(conn, landlord, payment)
        return await _story(conn, config, held, now=parts.clock.now())


async def _story(conn: Connection, config: LandlordConfig, held: PaymentRow, *, now: datetime) -> Story:
    named = await named_parts(conn, held.id)
    push = config.push()
    troubled = await why_troubled(conn, [held.id], now=now, alert_days=config.payments.alert_days)
    return Story(
        landlord=config.slug,
        time_zone=config.identity.time_zone,
        payment=held,
        parts=tuple(named),
        shares=await _shares(conn, held.snapshot),
        allocation=f"{held.snapshot.get('strategy', '')} {held.snapshot.get('version', '')}".strip(),
        events=tuple(await events_of(conn, held.id)),
        webhooks=tuple(Webhook(**row._mapping) for row in await webhooks_of(conn, held.id)),
        acts=tuple(await acts_of(conn, held.id)),
        refunds=tuple(await refunds_of(conn, held.id)),
        postings=await _postings(conn, config, held.id, {one.account_id: one.number for one in named}),
        settled=await _settled(conn, held.id),
        told=tuple(await events_about(conn, f"payment:{held.id}")),
        needs=troubled.get(held.id, ()),
        may_decide=may_decide(held),
        read_back=push is not None and push.read_back,
    )


async def _shares(conn: Connection, snapshot: Mapping[str, Any]) -> tuple[Share, ...]:
    rows = [
        (str(account.get("number", "")), str(share["entry"]), int(share["amount_cents"]))
        for account in snapshot.get("accounts", ())
        for share in account.get("shares", ())
    ]
    entries = await entries_by_id(conn, [UUID(entry) for _, entry, _ in rows if entry != "opening"])
    return tuple(
        Share(number, None if entry == "opening" else entries.get(UUID(entry)), cents) for number, entry, cents in rows
    )


async def _postings(
    conn: Connection, config: LandlordConfig, payment: UUID, numbers: Mapping[UUID, str]
) -> tuple[PostingStory, ...]:
    rows = await postings_of(conn, payment)
    shown = await entries_by_id(conn, [row.entry_id for row in rows if row.entry_id])
    return tuple(
        [
            PostingStory(
                row,
                numbers.get(row.account_id, ""),
                shown.get(row.entry_id) if row.entry_id else None,
                tuple(await entries_that_might(conn, config, row)),
            )
            for row in rows
        ]
    )


async def _settled(conn: Connection, payment: UUID) -> tuple[Settled, ...]:
    lines = await settled_of(conn, payment)
    remittances = await settlements_by_id(conn, [line.settlement_id for line in lines])
    found = [Settled(remittances[line.settlement_id], line) for line in lines]
    return tuple(sorted(found, key=lambda one: (one.remittance.paid_on, one.line.line)))
