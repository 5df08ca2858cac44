"""Lakeside Homes from the wire to the served rows, on good nights and bad ones."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hub.sandbox import Sandbox
from hub.sandbox.mischief import Order

SLUG = "lakeside-homes"
LEDGER = """select k.external_id, e.posted_on, e.source_sequence, e.label, e.amount_cents from ledger_entry e
    join external_key k on k.landlord_id = e.landlord_id and k.object_type = 'account' and k.object_id = e.account_id
    order by k.external_id, e.posted_on, e.source_sequence, e.id"""
BALANCES = """select k.external_id, a.balance_cents from account a
    join external_key k on k.landlord_id = a.landlord_id and k.object_type = 'account' and k.object_id = a.id"""
TABLES = ("site", "unit", "person", "contract", "contract_unit", "party", "price_component", "account")


async def holds(house: Any) -> dict[str, Any]:
    """Rows, the ledger's order and the balances, as the hub serves them."""
    counts = {name: (await house.rows(SLUG, f"select count(*) from {name}"))[0][0] for name in TABLES}
    digest = hashlib.sha256()
    for account, posted_on, sequence, label, cents in await house.rows(SLUG, LEDGER):
        digest.update(f"{account}\t{posted_on.isoformat()}\t{sequence}\t{label}\t{cents}\n".encode())
    balances = {row[0]: row[1] for row in await house.rows(SLUG, BALANCES)}
    return {"counts": counts, "digest": digest.hexdigest(), "balances": balances}


def truth(sandbox: Sandbox) -> dict[str, Any]:
    told = sandbox.truth("lakeside-homes")
    names = {"contract_unit": "contract_units", "party": "parties", "price_component": "price_components"}
    counts = {name: told["counts"][names.get(name, f"{name}s")] for name in TABLES}
    balances = {account: one["balance_cents"] for account, one in told["balances"].items()}
    return {"counts": counts, "digest": told["order_digest"], "balances": balances}


@pytest.fixture
async def lakeside(open_house: Any, open_sandbox: Callable[..., Sandbox], tmp_path: Path) -> AsyncIterator[Any]:
    """A hub that holds the first night of Lakeside Homes, on a world a test may change as it likes."""
    async with AsyncExitStack() as stack:
        house = await open_house(stack, tmp_path, open_sandbox(contracts=60))
        await house.apply(SLUG)
        run = await house.sync(SLUG)
        assert [] == [(one.feed, one.error) for one in run.feed_runs if one.state != "applied"]
        yield house


def pass_days(house: Any, days: int) -> None:
    house.sandbox.advance(days=days)
    house.clock.move(days=days)


async def test_what_the_erp_holds_is_held_the_first_night_and_after_a_month(lakeside):
    assert await holds(lakeside) == truth(lakeside.sandbox)
    again = await lakeside.sync(SLUG)
    assert [] == [(one.feed, one.error) for one in again.feed_runs if one.state not in ("applied", "unchanged")]
    pass_days(lakeside, 31)
    run = await lakeside.sync(SLUG)
    assert [] == [(one.feed, one.error) for one in run.feed_runs if one.state not in ("applied", "unchanged")]
    held, told = await holds(lakeside), truth(lakeside.sandbox)
    assert (held["digest"], held["balances"]) == (told["digest"], told["balances"])


async def test_a_code_nobody_announced_waits_in_quarantine_and_the_rest_is_applied(lakeside):
    lakeside.sandbox.misbehave(SLUG, Order("new-code"))
    lakeside.clock.move(days=(lakeside.sandbox.day - lakeside.clock.now().date()).days)
    run = await lakeside.sync(SLUG)
    (ledger,) = [one for one in run.feed_runs if one.feed == "ledger"]
    assert (ledger.state, ledger.quarantined) == ("applied", 2)
    assert {row.code for row in await lakeside.quarantine(SLUG, "ledger")} == {"UNKNOWN_CODE"}


@pytest.mark.parametrize(
    ("what", "state", "said"),
    [
        ("drop-contracts", "held", "would disappear"),
        ("wrong-landlord", "held", "another landlord"),
        ("rename-header", "refused", "Customers/Customer/@Type is blank"),
    ],
)
async def test_a_bad_night_changes_no_contract_and_has_a_good_morning(lakeside, what, state, said):
    before = await holds(lakeside)
    pass_days(lakeside, 1)
    lakeside.sandbox.misbehave(SLUG, Order(what))
    run = await lakeside.sync(SLUG)
    (contracts,) = [one for one in run.feed_runs if one.feed == "contracts"]
    assert contracts.state == state
    assert said in str(contracts.error), contracts
    assert (await holds(lakeside))["counts"]["contract"] == before["counts"]["contract"]

    lakeside.sandbox.behave(SLUG)
    run = await lakeside.sync(SLUG)
    assert [] == [(one.feed, one.error) for one in run.feed_runs if one.state not in ("applied", "unchanged")]
    held, told = await holds(lakeside), truth(lakeside.sandbox)
    assert (held["digest"], held["balances"]) == (told["digest"], told["balances"])
