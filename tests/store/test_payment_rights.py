"""What a request may write of payments: one of the person asking, and nothing that was decided elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Table, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.engine import make_engine
from hub.store.roles import Role
from hub.store.tables import metadata

HERE, THERE = "aubes", "brise"
PAYMENTS = [
    pytest.param(metadata.tables[name], id=name)
    for name in metadata.tables
    if name.startswith("payment") or name in ("erp_posting", "posting_batch", "settlement", "settlement_line")
]
UNSEEN = ("payment_event", "payment_refund", "payment_webhook", "settlement", "settlement_line", "posting_batch")
Enter = Callable[..., Any]


@pytest.fixture(scope="module")
async def as_person(probed: Any) -> AsyncIterator[Enter]:
    """A request's transaction of one of a landlord's two persons, rolled back."""
    engine = make_engine(probed.url, Role.API)

    @asynccontextmanager
    async def entered(person: int = 1, landlord: str = HERE) -> AsyncIterator[AsyncConnection]:
        mine = probed.rows[landlord, person]
        who = {"landlord": landlord, "contracts": [mine["contract"]["id"]], "person": str(mine["person"]["id"])}
        async with engine.connect() as conn:
            await conn.execution_options(**who)
            async with conn.begin() as transaction:
                yield conn
                await transaction.rollback()

    yield entered
    await engine.dispose()


def refused() -> Any:
    return pytest.raises(ProgrammingError, match="InsufficientPrivilege")


def new_payment(probed: Any, **changed: Any) -> dict[str, Any]:
    """A row as `startPayment` writes it, for the first person."""
    like = probed.rows[HERE, 1]["payment"]
    begun = {"state": "created", "reason": ""} | dict.fromkeys(
        ("gross_cents", "captured_cents", "refunded_cents", "lost_cents", "contested_cents", "checks"), 0
    )
    unique = {"id": uuid4(), "reference": uuid4().hex, "idempotency_key": uuid4().hex}
    return {**like, **unique, **begun, "provider_ref": "", "started_at": None, "paid_at": None, **changed}


async def test_a_request_begins_a_payment_of_the_person_asking(as_person: Enter, probed: Any) -> None:
    row = new_payment(probed)
    account = probed.rows[HERE, 1]["account"]["id"]
    part = {"landlord_id": HERE, "payment_id": row["id"], "account_id": account, "amount_cents": 1, "is_open": False}
    async with as_person() as conn:
        await conn.execute(insert(metadata.tables["payment"]).inline(), row)
        await conn.execute(insert(metadata.tables["payment_part"]).inline(), part)


@pytest.mark.parametrize(
    "changed",
    [
        {"landlord_id": THERE},
        {"state": "succeeded"},
        {"state": "review"},
        {"gross_cents": 1},
        {"captured_cents": 1},
        {"refunded_cents": 1},
        {"lost_cents": 1},
        {"contested_cents": 1},
        {"provider_ref": "theirs"},
        {"checks": 1},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_request_begins_nothing_that_is_decided_already(
    as_person: Enter, probed: Any, changed: dict[str, Any]
) -> None:
    async with as_person() as conn:
        with refused():
            await conn.execute(insert(metadata.tables["payment"]).inline(), new_payment(probed, **changed))


async def test_a_request_begins_no_payment_of_another_person(as_person: Enter, probed: Any) -> None:
    other = probed.rows[HERE, 2]["person"]["id"]
    async with as_person() as conn:
        with refused():
            await conn.execute(insert(metadata.tables["payment"]).inline(), new_payment(probed, person_id=other))


async def test_a_request_names_no_account_of_another_person(as_person: Enter, probed: Any) -> None:
    row, other = new_payment(probed), probed.rows[HERE, 2]["account"]["id"]
    part = {"landlord_id": HERE, "payment_id": row["id"], "account_id": other, "amount_cents": 1, "is_open": False}
    async with as_person() as conn:
        await conn.execute(insert(metadata.tables["payment"]).inline(), row)
        with refused():
            await conn.execute(insert(metadata.tables["payment_part"]).inline(), part)


@pytest.mark.parametrize("table", PAYMENTS)
async def test_a_request_changes_and_removes_no_row_of_payments(as_person: Enter, table: Table) -> None:
    for statement in (update(table).values(landlord_id=HERE), table.delete()):
        async with as_person() as conn:
            with refused():
                await conn.execute(statement)


@pytest.mark.parametrize("name", ["payment_event", "payment_action", "payment_refund", "erp_posting", "settlement"])
async def test_a_request_tells_no_fact_of_a_payment(as_person: Enter, probed: Any, name: str) -> None:
    async with as_person() as conn:
        with refused():
            await conn.execute(insert(metadata.tables[name]).inline(), probed.rows[HERE, 1][name])


@pytest.mark.parametrize("name", [*UNSEEN, "job", "domain_event"])
async def test_a_request_reads_neither_jobs_nor_the_inbox_nor_what_was_heard(as_person: Enter, name: str) -> None:
    async with as_person() as conn:
        with refused():
            await conn.execute(select(func.count()).select_from(metadata.tables[name]))


@pytest.mark.parametrize(
    "job",
    [
        "('aubes', 'sync', 'sync', 'x', now(), now(), 'ready')",
        "('aubes', 'postings', 'erp.post', 'x', now(), now(), 'ready')",
        "('aubes', 'payments', 'pay.start', 'x', now(), now(), 'done')",
        "('brise', 'payments', 'pay.start', 'x', now(), now(), 'ready')",
    ],
)
async def test_a_request_asks_for_no_work_but_its_landlords_payments(as_person: Enter, job: str) -> None:
    ask = f"insert into job (landlord_id, queue, kind, dedup_key, run_at, created_at, state) values {job}"
    async with as_person() as conn:
        with refused():
            await conn.execute(text(ask))


async def test_a_webhook_comes_in_as_new_or_not_at_all(as_person: Enter) -> None:
    told = """insert into payment_webhook (landlord_id, provider, channel, sha256, sealed, key_id, received_at, state)
        values ('{landlord}', 'card', 'webhook', 'x', '', 1, now(), '{state}')"""
    async with as_person() as conn:
        await conn.execute(text(told.format(landlord=HERE, state="new")))
    for landlord, state in ((HERE, "applied"), (HERE, "parked"), (THERE, "new")):
        async with as_person() as conn:
            with refused():
                await conn.execute(text(told.format(landlord=landlord, state=state)))


async def test_what_a_person_has_to_do_is_seen_by_nobody_else(as_person: Enter, probed: Any) -> None:
    action = metadata.tables["payment_action"]
    for person in (1, 2):
        async with as_person(person) as conn:
            found = (await conn.execute(select(action.c.payment_id))).scalars().all()
        assert found == [probed.rows[HERE, person]["payment"]["id"]]


async def test_a_landlord_sees_no_payment_of_another(as_person: Enter, probed: Any) -> None:
    """The rows of both landlords have the same ids: only the policy stands between."""
    for landlord in (HERE, THERE):
        async with as_person(landlord=landlord) as conn:
            for name in ("payment", "payment_part", "payment_action", "erp_posting", "payment_means"):
                shown = select(metadata.tables[name].c.landlord_id)
                assert set((await conn.execute(shown)).scalars()) == {landlord}
