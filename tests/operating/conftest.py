"""A landlord whose tenants paid: a till and a ledger that do as a test says, and the commands an operator types."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

import hub.bootstrap
from hub.bootstrap import OperatorParts, build_operator, build_worker
from hub.cli.app import build
from hub.config import LandlordConfig, Settings, read_landlord
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.references import new_reference, operation_key
from hub.errors import HubError
from hub.jobs import JobRuntime, NoBell, WorkerParts, drain
from hub.paying.hear import Channel, Heard, hear
from hub.paying.parts import PayingParts
from hub.paying.rounds import make_paying_round
from hub.services.apply_config import apply_config
from hub.store.engine import scope
from hub.store.ids import new_id
from hub.store.payment_rows import NewPayment, PaymentRow, get_payment, insert_payment
from hub.store.posting_rows import PostingRow, postings_of
from hub.testing.fakes import FakeClock

sys.path.insert(0, str(Path(__file__).parent))
from small_trades import LEDGER, TILL, Ledger, LedgerErp, QuietTill, Till, TillProvider  # beside it

SLUG = "aubes"
KEY = base64.b64encode(hashlib.sha256(b"test").digest()).decode()
NAME = "Durand-Lefebvre"
FILE = """
[landlord]
slug = "aubes"
name = "Aubes Habitat"
time_zone = "Europe/Paris"
locale = "fr-FR"
{landlord}

[connectors.erp]
plugin = "ledger_erp"
read_back = {read_back}

[feeds.sites]
connector = "erp"
stream = "sites"
mode = "snapshot"
schedule = "manual"

[payments]
refund_limit = "150.00"

[providers.card]
plugin = "{till}"

{notify}
"""
ROWS = """
insert into person (landlord_id, id, source, family_name, changed_run) values (:slug, :person, 'erp', :name, 1);
insert into contract (landlord_id, id, source, reference, status, starts_on, changed_run)
    values (:slug, :contract, 'erp', 'L/0001', 'current', '2020-01-01', 1);
insert into account (landlord_id, id, source, number, kind, changed_run)
    values (:slug, :rent, 'erp', '411001', 'rent', 1), (:slug, :garage, 'erp', '411002', 'garage', 1);
insert into account_contract (landlord_id, id, source, account_id, contract_id, changed_run)
    values (:slug, :link, 'erp', :rent, :contract, 1);
insert into external_key (landlord_id, source, object_type, external_id, object_id)
    values (:slug, 'erp', 'account', 'A1', :rent), (:slug, 'erp', 'account', 'A2', :garage),
           (:slug, 'erp', 'person', 'P1', :person);
insert into ledger_entry (landlord_id, id, source, external_id, account_id, posted_on, source_sequence, kind, label,
        amount_cents, changed_run)
    values (:slug, :due, 'erp', 'E1', :rent, '2026-11-01', 1, 'rent', :name, 50000, 1)"""


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    out: str
    code: int
    error: HubError | None

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Office:
    """A hub of one landlord, with shortcuts for what happens and for what an operator does."""

    worker: WorkerParts
    parts: PayingParts
    runtime: JobRuntime
    clock: FakeClock
    settings: Settings
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    till: Till = field(default_factory=lambda: TILL)
    ledger: Ledger = field(default_factory=lambda: LEDGER)
    ids: dict[str, UUID] = field(default_factory=lambda: {one: new_id() for one in _OBJECTS})

    @property
    def bell(self) -> NoBell:
        return NoBell()

    async def apply(
        self, *, read_back: bool = True, notify: str = "", landlord: str = "", till: str = "till"
    ) -> LandlordConfig:
        path = self.folder / "aubes.toml"
        known = {"read_back": str(read_back).lower(), "notify": notify, "landlord": landlord, "till": till}
        path.write_text(FILE.format(**known), encoding="utf-8")
        config = read_landlord(path, self.parts.sync.registry, environ={"HOOK_SECRET": "s3cret"})
        await apply_config(self.parts.engine, self.parts.sync.vault, self.clock, config)
        return config

    async def house(self) -> None:
        """A tenant with two accounts."""
        async with scope(self.parts.engine, SLUG) as conn:
            for statement in ROWS.split(";"):
                values = {"slug": SLUG, "name": NAME, **self.ids}
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                await conn.execute(text(statement), used)

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with scope(self.parts.engine, SLUG) as conn:
            return list((await conn.execute(text(sql), values)).all())

    async def begin(
        self, cents: int = 30_000, *, garage: int = 0, lasts: timedelta = timedelta(minutes=30)
    ) -> PaymentRow:
        """A tenant begins a payment of so much in all, `garage` of it for the garage."""
        self.clock.move(seconds=1)
        payment, now = new_id(), self.clock.now()
        account = {"account": str(self.ids["rent"]), "number": "411001", "amount_cents": cents - garage}
        shares = [{"entry": str(self.ids["due"]), "amount_cents": cents - garage}]
        new = NewPayment(
            id=payment,
            reference=new_reference(),
            person_id=self.ids["person"],
            provider="card",
            method="card",
            amount_cents=cents,
            currency="EUR",
            language="fr",
            return_url="https://aubes.example.org/",
            idempotency_key=f"key-{payment}",
            request_sha256="0" * 64,
            start_key=operation_key(payment, "start"),
            snapshot={"accounts": [{**account, "shares": shares}], "strategy": "fr_1342_10", "version": 1},
            created_at=now,
            expires_at=now + lasts,
            changed_at=now,
        )
        parts = {self.ids["rent"]: cents - garage} | ({self.ids["garage"]: garage} if garage else {})
        async with scope(self.parts.engine, SLUG) as conn:
            await insert_payment(conn, landlord=SLUG, new=new, parts=parts, blocks=False)
        return await self.payment(payment)

    async def hear(self, held: PaymentRow, *events: PaymentEvent, channel: Channel = "poll") -> Heard:
        config = await self.parts.config(SLUG)
        async with scope(self.parts.engine, SLUG) as conn:
            return await hear(conn, config, held.id, events, channel=channel, now=self.clock.now())

    async def paid(self, cents: int = 30_000, *, came: int | None = None, garage: int = 0, ref: str = "") -> PaymentRow:
        """A payment that was paid, in full unless `came` says otherwise."""
        held = await self.begin(cents, garage=garage)
        await self.hear(held, self.captured(held, came, ref))
        return await self.payment(held.id)

    def captured(self, held: PaymentRow, cents: int | None = None, ref: str = "") -> PaymentEvent:
        ref = ref or f"tx-{held.reference}"
        amount = held.amount_cents if cents is None else cents
        return PaymentEvent(f"captured-{ref}", EventKind.CAPTURED, self.clock.now(), ref, amount)

    def fact(self, kind: EventKind, *, ref: str = "", cents: int | None = None, reason: str = "") -> PaymentEvent:
        return PaymentEvent(f"{kind.value}-{ref}", kind, self.clock.now(), ref, cents, reason=reason)

    async def payment(self, payment: UUID) -> PaymentRow:
        async with scope(self.parts.engine, SLUG) as conn:
            found = await get_payment(conn, payment)
        assert found is not None
        return found

    async def posting(self, held: PaymentRow, number: int = 0) -> PostingRow:
        async with scope(self.parts.engine, SLUG) as conn:
            return (await postings_of(conn, held.id))[number]

    async def work(self, *queues: str) -> int:
        """Do the jobs that are due."""
        return sum([await drain(self.runtime, queue=queue) for queue in queues or ("payments", "postings")])

    async def entry(self, name: str, cents: int, *, account: str = "rent", on: date = date(2026, 11, 20)) -> UUID:
        """An entry that came with the ledger, told apart from ours by nobody yet."""
        entry = new_id()
        await self.rows(
            """insert into ledger_entry (landlord_id, id, source, external_id, account_id, posted_on, source_sequence,
                kind, label, amount_cents, changed_run)
            values (:slug, :id, 'erp', :name, :account, :on, 1, 'payment_card', 'CB', :cents, 2) returning 1""",
            slug=SLUG, id=entry, name=name, account=self.ids[account], on=on, cents=cents,
        )  # fmt: skip
        return entry

    async def round(self) -> None:
        await make_paying_round(self.parts)

    async def type(self, *words: str) -> Said:
        """What `housing-hub …` prints."""
        real, registry, clock = build_operator, self.parts.sync.registry, self.clock

        def same(settings: Settings, **how: Any) -> OperatorParts:
            made = real(self.settings, clock=clock)
            return replace(made, sync=replace(made.sync, registry=registry))

        self.monkeypatch.setattr(hub.bootstrap, "build_operator", same)
        done = await asyncio.to_thread(CliRunner().invoke, build(), list(words))
        self.monkeypatch.setattr(hub.bootstrap, "build_operator", real)
        error = done.exception if isinstance(done.exception, HubError) else None
        if done.exception is not None and error is None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.output, done.exit_code, error)


_OBJECTS = ("person", "contract", "rent", "garage", "link", "due")


@pytest.fixture
async def office(fresh_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """A landlord with a tenant, an ERP that can be asked, and a till."""
    TILL.facts, TILL.remittances, TILL.asked = {}, [], []
    LEDGER.entered, LEDGER.refuses = [], ""
    settings = Settings(database_url=fresh_database.url, data_dir=tmp_path / "data", master_key=KEY)
    clock = FakeClock(datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
    worker = build_worker(settings, clock=clock)
    made = worker.runtime.handlers["pay.check"].keywords["parts"]  # type: ignore[attr-defined]  # a partial
    known = made.sync.registry
    registry = replace(
        known,
        connectors={**known.connectors, "ledger_erp": LedgerErp},
        providers={**known.providers, "till": TillProvider, "quiet_till": QuietTill},
    )
    parts = replace(made, sync=replace(made.sync, registry=registry))
    handlers = {
        kind: partial(one.func, parts=parts) if getattr(one, "keywords", {}).get("parts") is made else one  # type: ignore[attr-defined]  # a partial
        for kind, one in worker.runtime.handlers.items()
    }
    runtime = replace(worker.runtime, handlers=handlers)
    opened = Office(worker, parts, runtime, clock, settings, tmp_path, monkeypatch)
    await opened.apply()
    await opened.house()
    yield opened
    await worker.close()
