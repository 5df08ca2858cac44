"""The trial `payments`: tenants pay while everything is killed; then three books are compared.

The business clock runs faster than the machine's for all processes of the hub, so that the schedule at which a provider
is asked (2 s … 24 h) is lived through and not shortened; when all have paid it is moved on to each next look. Leases,
time-outs of calls and the provider's own delays are in real time.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg
from bank import AT_REST, TROUBLE, Bank, Forger, trouble_the_till
from blows import Blow, told
from fast_clock import FastClock
from fleet import SOAP, Fleet, HarnessError, persistently, until
from payers import Payers
from payment_blows import draw_for_payments
from payment_verdict import JOBS_LEFT, OPEN_PARTS, PAYMENTS, POSTINGS, WEBHOOKS, Books

from hub.errors import HubError
from hub.paying.refund import ask_refund
from hub.sandbox.bookings import read_bookings
from hub.services.start_sync import start_sync
from hub.store.access_tokens import issue_token
from hub.store.engine import scope
from hub.store.handles import StoreError

SPEED: Final = 30.0
LEASE: Final = 5.0
QUIET_SECONDS: Final = 600.0
LONGEST_WAIT: Final = timedelta(days=9)
HOLDERS: Final = """
    select distinct p.person_id from party p
    join contract c on c.landlord_id = p.landlord_id and c.id = p.contract_id
    where p.landlord_id = %s and p.role = 'holder' and p.missing_since is null
      and c.status in ('current', 'under_notice')
    order by 1"""
BLOCKED: Final = """
    select 1 from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a using (pid)
    where c.relname = %s and not l.granted and a.usename = 'hub_sync' and a.datname = current_database()"""
WAITING: Final = """
    select count(*) filter (where state = 'leased' or run_at <= %s) as due, min(run_at) as next
    from job where state in ('ready', 'leased')"""
TO_REFUND: Final = """
    select id, amount_cents from payment p where state in ('authorized', 'succeeded') and not exists (
        select from payment_refund r where r.landlord_id = p.landlord_id and r.payment_id = p.id)
    order by random() limit 1"""

Say = Callable[[str], None]


class PaymentFleet(Fleet):
    """A hub of one landlord whose tenants may pay in advance, so that a small payment always fits. Its ERP takes four
    postings at a time, so that those of different accounts overtake each other."""

    fast_clock: FastClock

    def clock_now(self) -> datetime:
        return self.fast_clock.now()

    def _ours(self, text: str) -> str:
        for standing, ours in (
            ('minimum = "1.00"\n', 'minimum = "1.00"\nadvance = "90000.00"\n'),
            ('plugin = "soap"\n', 'plugin = "soap"\nmax_at_once = 4\n'),
        ):
            text = text.replace(standing, ours)
        return super()._ours(text)


def fleet_of(
    folder: Path, *, workers: int, contracts: int, mistake: str | None, patience: int | None = None
) -> PaymentFleet:
    clock = FastClock.begin(folder / "clock", speed=SPEED)
    asked: dict[str, Any] = {"lease": LEASE, "first_wait": None, "clock": str(folder / "clock")}
    if mistake:
        asked["mistake"] = mistake
    fleet = PaymentFleet(
        folder,
        workers=workers,
        contracts=contracts,
        patience=patience,
        asked=asked,
        landlords=(SOAP,),
        clock=clock,
    )
    fleet.fast_clock = clock
    return fleet


async def tokens_of(fleet: Fleet, most: int) -> list[str]:
    """A token for each of so many holders of contracts."""
    clock, tokens = fleet.parts.sync.clock, []
    for row in (await fleet.sql(HOLDERS, SOAP))[:most]:
        async with scope(fleet.parts.sync.engine, SOAP) as conn:
            now = clock.now()
            valid = now + timedelta(days=300)
            issued = await issue_token(conn, landlord=SOAP, person_id=row.person_id, now=now, expires_at=valid)
        tokens.append(issued.token)
    return tokens


async def first_night(fleet: Fleet) -> None:
    parts = fleet.parts
    await persistently(lambda: start_sync(parts.sync.engine, parts.sync.clock, parts.bell, SOAP))

    async def quiet() -> bool:
        return not await fleet.sql("select 1 from job where state in ('ready', 'leased') limit 1")

    await until(quiet, "the first night ends", seconds=300)


@dataclass
class Payday:
    """One trial. `struck`: the blows that fell."""

    fleet: PaymentFleet
    count: int
    seed: int
    blows: list[Blow]
    say: Say
    at_once: int = 24
    patience: float = 240.0
    struck: list[Blow] = field(default_factory=list)
    refunds: int = 0
    refused_refunds: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    forged: Counter[str] = field(default_factory=Counter)
    codes: dict[str, int] = field(default_factory=dict)
    webhooks: list[Any] = field(default_factory=list)
    business: timedelta = timedelta()

    async def live(self) -> Books:
        """Pay, be struck, come to rest; gives the books."""
        began = time.monotonic()
        async with self.fleet as fleet:
            self.bank = Bank(fleet.folder / "sandbox")
            await first_night(fleet)
            tokens = await tokens_of(fleet, max(30, self.count // 8))
            self.payers = self.new_payers()
            await self.payers.find_purses(tokens)
            self.seconds["set up"] = time.monotonic() - began
            self._begun_at = fleet.clock_now()
            await self.bank.order("chaos", seed=self.seed, **TROUBLE)
            await self._payday()
            await self._come_to_rest()
            books = await self._books()
            self.business = fleet.clock_now() - self._begun_at
            self.codes = await fleet.stop_workers()
        return books

    def new_payers(self) -> Payers:
        return Payers(self.fleet.port, self.count, self.at_once, self.seed, self.patience)

    async def _payday(self) -> None:
        began = time.monotonic()
        forger = Forger(self.fleet, self.bank, self.seed)
        async with (
            self._meanwhile(
                forger.forge_for_ever(every=0.7), trouble_the_till(self.fleet), self._give_back(every=2.0), self._tell()
            ),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self.payers.pay_all())
            group.create_task(self._strike_all())
        self.forged = forger.sent
        self.seconds["payments"] = time.monotonic() - began

    @asynccontextmanager
    async def _meanwhile(self, *endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one) for one in endless]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for found in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(found, Exception):
                    raise found

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(20)
            self.say(f"{self.payers.begun} payments begun, {len(self.struck)} blows, {dict(self.payers.met)}")

    async def _give_back(self, *, every: float) -> None:
        """An operator gives a part of some payments back."""
        chance, parts = Random(f"{self.seed}/refunds"), self.fleet.parts
        while True:
            await asyncio.sleep(every)
            try:
                for row in await self.fleet.sql(TO_REFUND):
                    cents = chance.randint(1, row.amount_cents - 1)
                    await ask_refund(
                        parts.paying, parts.bell, SOAP, row.id, amount_cents=cents, why="asked for", by="operator"
                    )
                    self.refunds += 1
            except (HubError, StoreError, psycopg.Error) as error:
                self.refused_refunds[type(error).__name__] += 1

    # --- blows --------------------------------------------------------------------------------------------------------

    async def _strike_all(self) -> None:
        """Each blow falls at its share of the payments, a random moment later."""
        chance, plan = Random(f"{self.seed}/moments"), list(self.blows)
        for number, blow in enumerate(plan, 1):
            due = 0.95 * self.count * number / (len(plan) + 1)
            while self.payers.begun < due and len(self.payers.intentions) < self.count:
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, 0.3))
            await self._strike(blow, chance)
            self.struck.append(blow)

    async def _strike(self, blow: Blow, chance: Random) -> None:
        fleet = self.fleet
        match blow.kind:
            case "workers":
                await self._kill_workers(blow.victims, chance)
            case "mid-write":
                await self._kill_while_writing(blow, chance)
            case "api" | "scheduler":
                await fleet.kill(blow.kind)
                fleet.start(blow.kind)
            case "broker":
                await fleet.kill_broker(blow.pause)
            case "flush":
                await fleet.flush_broker()
            case "database":
                await fleet.crash_database(blow.how, blow.pause)

    async def _kill_workers(self, victims: int, chance: Random) -> None:
        names = chance.sample(self.fleet.workers, min(victims, len(self.fleet.workers)))
        await self.fleet.kill(*names)
        for name in names:
            self.fleet.start(name)

    async def _kill_while_writing(self, blow: Blow, chance: Random) -> None:
        """Somebody else's lock makes a write wait in the middle of its transaction; there the workers die."""
        with self.fleet.admin() as conn, conn.transaction():
            conn.execute(f"lock table {blow.how} in share mode")

            async def caught() -> bool:
                return conn.execute(BLOCKED, [blow.how]).fetchone() is not None

            with suppress(HarnessError):
                await until(caught, "a write waits", seconds=3, every=0.02)
            await self._kill_workers(blow.victims, chance)

    # --- at rest ------------------------------------------------------------------------------------------------------

    async def _come_to_rest(self) -> None:
        """All is right again; late webhooks arrive, money is captured, and time goes on until nobody waits for any."""
        began = time.monotonic()
        await self.bank.order("chaos", **AT_REST)
        await self.fleet.sandbox(do="behave", landlord=SOAP)
        order = {"what": "post-twice", "file": "", "times": None, "until": None}
        await self.fleet.sandbox(do="misbehave", landlord=SOAP, order=order)
        await self.bank.order("deliver")
        await self._wait_for_work()
        await self.bank.order("capture")
        await self._let_time_pass()
        self.seconds["to rest"] = time.monotonic() - began

    async def _let_time_pass(self) -> None:
        clock = self.fleet.fast_clock
        last = clock.now() + LONGEST_WAIT
        while clock.now() < last:
            await self._wait_for_work()
            (row,) = await self.fleet.sql(WAITING, clock.now())
            if row.next is None:
                return
            clock.move_on((row.next - clock.now()).total_seconds() + 600)

    async def _wait_for_work(self) -> None:
        async def none_due() -> bool:
            (row,) = await self.fleet.sql(WAITING, self.fleet.clock_now())
            return not row.due

        with suppress(HarnessError):  # the verdict says what is left
            await until(none_due, "what is due is done", seconds=QUIET_SECONDS)

    async def _books(self) -> Books:
        fleet = self.fleet
        self.webhooks = await fleet.sql(WEBHOOKS)
        return Books(
            charges=(await self.bank.ask("charges"))["charges"],
            payments=await fleet.sql(PAYMENTS),
            postings=await fleet.sql(POSTINGS),
            bookings=list(read_bookings(fleet.folder / "sandbox", SOAP)),
            jobs=await fleet.sql(JOBS_LEFT),
            crowded=await fleet.sql(OPEN_PARTS),
            keys={one.key: one.payment for one in self.payers.intentions},
            seen_paid={one.key for one in self.payers.intentions if one.seen_paid},
        )


async def payments(
    folder: Path,
    *,
    seed: int,
    kills: int,
    count: int,
    say: Say,
    aside: Say,
    workers: int = 3,
    mistake: str | None = None,
) -> list[str]:
    """The whole trial; sentences for what is wrong."""
    blows, began = draw_for_payments(seed, kills, workers=workers), time.monotonic()
    say(f"seed {seed}: {count} payments, {told(blows)}")
    fleet = fleet_of(folder / "payments", workers=workers, contracts=max(40, min(300, count // 8)), mistake=mistake)
    day = Payday(fleet, count, seed, blows, aside, at_once=min(32, max(8, count // 10)))
    if mistake:
        day.patience = 10.0
    books = await day.live()
    wrong = [*day.payers.wrong[:5], *books.differences()]
    wrong += [f"{name} ended with code {code} when told to stop" for name, code in day.codes.items() if code]
    _report(day, books, say, time.monotonic() - began)
    return wrong


def _report(day: Payday, books: Books, say: Say, seconds: float) -> None:
    counts, met = books.counts, day.payers.met
    say(f"fell     {told(day.struck)}")
    say(f"tenants  {day.payers.begun} began payments on {len(day.payers.purses)} accounts; {_listed(met)}")
    states = Counter(row.state for row in books.payments)
    say(f"hub      {len(books.payments)} payments: {_listed(states)}")
    say(
        f"provider {counts['charges']} charges, {counts['paid cents']} cents; {counts['refunded cents']} refunded "
        f"({day.refunds} refunds asked for, not asked: {_listed(day.refused_refunds)})"
    )
    hooks = ", ".join(f"{row.count} {row.state} {row.reason}".strip() for row in day.webhooks)
    say(f"webhooks {hooks}; forged: {_listed(day.forged)}")
    say(f"ERP      {counts['bookings']} bookings ({counts['reversals']} reversals) on {counts['accounts']} accounts")
    parts = ", ".join(f"{name} {took:.0f} s" for name, took in day.seconds.items())
    say(f"took     {seconds:.0f} s ({parts}); {day.business.total_seconds() / 3600:.0f} h by the business clock")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
