"""The balance around a payment, looked at every minute of a week: it changes once, by the amount, and jumps nowhere.

The ERP goes on: each night is read in two steps, with a look between them. What the balance ought to be is worked out
from the ERP's own books, without the payment's entry in them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.sandbox import Sandbox
from hub.services.pay import payable_cents
from hub.services.read_account import accounts_by_id
from hub.store.access_tokens import token_hash
from hub.store.engine import make_engine, role_url
from hub.store.reads import Reading
from hub.store.roles import Role

RIVES = "rives-doise"
PARIS = ZoneInfo("Europe/Paris")
CENTS = 1_200
MINUTES = 7 * 24 * 60
FIRST = ("sites", "units", "persons", "contracts", "contract_units", "parties", "price_components")
ACCOUNTS = ("accounts", "account_contracts")
LEDGER = ("ledger", "notices", "notice_lines")


@dataclass
class Week:
    """A house on a world of its own, and what was seen minute by minute."""

    house: Any
    tenant: Any
    engine: Any
    balance: str
    seen: list[tuple[datetime, int, int, int]] = field(default_factory=list)
    erp_cents: int = 0
    paid: int = 0
    numbers: dict[Any, str] = field(default_factory=dict)

    async def look(self) -> tuple[int, int, int]:
        """Balance, due now and payable, as the API reads them."""
        now = self.house.clock.now()
        async with Reading(self.engine, RIVES) as reading:
            assert await reading.open_session(token_hash(self.tenant.token), now=now)
            day = now.astimezone(PARIS).date()
            found = (await accounts_by_id(reading, [self.tenant.account], today=day))[self.tenant.account]
        seen = found.balance_cents, found.due_now_cents, payable_cents(found)
        self.seen.append((now, *seen))
        return seen

    async def check(self) -> None:
        balance, _, payable = await self.look()
        assert (self.house.clock.now(), balance) == (self.house.clock.now(), self.erp_cents - self.paid)
        assert payable == max(0, balance)

    def erp_without_us(self) -> int:
        """What the ERP's own books say, less the entry of our payment."""
        number = self.numbers[self.tenant.account]
        told = self.house.sandbox.truth(RIVES)["balances"][number]["balance_cents"]
        booked = sum(one.cents for one in self.house.sandbox.bookings.of(RIVES) if one.account == number)
        return int(told) - booked


@pytest.fixture(params=["of_record", "summed"])
async def week(
    request: pytest.FixtureRequest, pg_server: Any, template_db: str, clone_of: Any, tmp_path: Any, making: Any
) -> AsyncIterator[Week]:
    async with AsyncExitStack() as stack:
        today = datetime.now(UTC).date()
        sandbox = stack.enter_context(Sandbox(tmp_path / "world", seed=1, contracts=14, today=today))
        database = stack.enter_context(clone_of(template_db))
        name = str(database.url).partition("?")[0].rpartition("/")[2]
        house = await making.open_house(tmp_path, sandbox, database, pg_server.url(name), stack)
        setting = f'locale = "fr-FR"\nbalance = "{request.param}"\n'
        await making.apply(house, RIVES, lambda text: text.replace('locale = "fr-FR"\n', setting, 1))
        await house.sync(RIVES)
        clock = house.clock
        clock.instant += timedelta(minutes=5 - clock.now().minute % 5, seconds=-clock.now().second)
        tenant = await who_is_late(house, await making.find_tenants(house, RIVES))
        engine = make_engine(role_url(house.settings.database_url or "", Role.API, None), Role.API)
        stack.push_async_callback(engine.dispose)
        made = Week(house, tenant, engine, request.param)
        keys = "select object_id, external_id from external_key where object_type = 'account'"
        made.numbers = {row.object_id: row.external_id for row in await house.rows(keys)}
        made.erp_cents = made.erp_without_us()
        yield made


async def who_is_late(house: Any, tenants: list[Any]) -> Any:
    """The tenant with most due now: so that a payment shows in it."""
    due = [(Decimal((await house.figures(one))[1]), place) for place, one in enumerate(tenants)]
    most, place = max(due)
    assert most * 100 > CENTS
    return tenants[place]


async def night(week: Week) -> None:
    """The ERP's day ends: its accounts are read, then its ledger, and the balance follows the one that counts."""
    week.house.sandbox.advance()
    await week.house.sync(RIVES, *FIRST)
    await week.check()
    await week.house.sync(RIVES, *ACCOUNTS)
    if week.balance == "of_record":
        week.erp_cents = week.erp_without_us()
    await week.check()
    await week.house.sync(RIVES, *LEDGER)
    week.erp_cents = week.erp_without_us()
    await week.check()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("told_after", "every"),
    [(timedelta(minutes=1), 1), (timedelta(hours=22), 5)],
    ids=["told_at_once", "told_next_day"],
)
async def test_the_balance_of_a_week_changes_once_by_the_amount(week: Week, told_after: timedelta, every: int) -> None:
    house, clock = week.house, week.house.clock
    began = clock.now()
    pays_at = began + timedelta(days=2, hours=3, minutes=15)
    told_at = pays_at + told_after
    await week.check()
    for minute in range(every, MINUTES + 1, every):
        clock.instant = began + timedelta(minutes=minute)
        local = clock.now().astimezone(PARIS)
        if (local.hour, local.minute) == (4, 30):
            await night(week)
        if clock.now() == pays_at:
            assert (await house.start(week.tenant, "12.00", "pretend"))["__typename"] == "PaymentDone"
            week.paid = CENTS
            with (
                house.admin() as conn
            ):  # the ERP takes nothing until then; a job that is due would keep the night waiting
                conn.execute("update job set run_at = %s where queue = 'postings'", [told_at])
        if clock.now() == told_at:
            assert await house.post() > 0
        if minute % 240 == 0:
            await house.work()
        await week.check()
    postings = await house.rows("select state from erp_posting")
    assert [row.state for row in postings] == ["reflected"]
    assert len(week.seen) > MINUTES // every
    check_steps(week, pays_at)


def check_steps(week: Week, pays_at: datetime) -> None:
    """What is due falls with the payment and never rises by it; the payment is one step of its own."""
    steps = [
        (after[0], after[1] - before[1], after[2] - before[2], after[3] - before[3])
        for before, after in zip(week.seen, week.seen[1:], strict=False)
        if after[1:] != before[1:]
    ]
    at_payment = [step for step in steps if step[0] == pays_at]
    assert at_payment == [(pays_at, -CENTS, -CENTS, -CENTS)]
    for moment, balance, due, payable in steps:
        assert CENTS not in (balance, due, payable)
        local = moment.astimezone(PARIS)
        own_time = (local.hour, local.minute) in ((4, 30), (0, 0)) or moment == pays_at
        assert own_time, (moment, balance, due, payable)
