"""The trial `absence`: the ERP is away for thirty days by the business clock, and tenants go on paying.

The payments are begun by the service the API calls, in this process, with the rights of its role; workers settle and
post them. The provider is the `dummy`: it is the ERP that is on trial.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from fleet import HOST, SOAP, until
from onlookers import Tenant
from payers import Purse
from payment_story import Payday, PaymentFleet, first_night, fleet_of, tokens_of
from payment_verdict import JOBS_LEFT, OPEN_PARTS, PAYMENTS, POSTINGS, Books

from hub.bootstrap import engine_of
from hub.config import Settings
from hub.domain.clock import today
from hub.sandbox.bookings import read_bookings
from hub.services.open_session import open_session
from hub.services.pay import PaymentRequest, begin_payment
from hub.store.reads import Reading
from hub.store.roles import Role
from tenant_api import ids

DAYS: Final = 30
STEPS: Final = 4
HOUR: Final = 3600.0
PATIENCE: Final = 3
_WAIT: Final = 900.0
_NOT_PAID: Final = "select 1 from payment where gross_cents = 0 limit 1"
_WAITING: Final = "select count(*) from erp_posting where state in ('pending', 'unknown')"
_OVERDUE: Final = "select count(*) from domain_event where kind = 'posting.overdue'"
_AT_ONCE: Final = 4
_STEP_SECONDS: Final = 0.15
"""What six hours last here."""

Say = Callable[[str], None]


@dataclass
class Absence:
    """`count` payments over thirty days, then the ERP's return."""

    fleet: PaymentFleet
    count: int
    seed: int
    say: Say
    wrong: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    most_waiting: int = 0
    overdue: int = 0
    answers: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    async def live(self) -> Books:
        fleet = self.fleet
        async with fleet:
            await first_night(fleet)
            tokens = await tokens_of(fleet, max(10, self.count // 16))
            payday = Payday(fleet, 0, self.seed, [], self.say)
            payers = payday.new_payers()
            await payers.find_purses(tokens)
            self._purses: deque[Purse] = payers.purses
            self._engine = engine_of(self._settings(), Role.API)
            try:
                async with self._tenant_looks_on(tokens[0]):
                    await self._thirty_days()
                    await self._it_returns()
            finally:
                await self._engine.dispose()
            return await self._books()

    async def _thirty_days(self) -> None:
        began = time.monotonic()
        order = {"what": "hang", "file": "", "times": None, "until": None}
        await self.fleet.sandbox(do="misbehave", landlord=SOAP, order=order)
        for day in range(DAYS):
            upto = self.count * (day + 1) // DAYS
            await self._pay(upto - len(self.keys))
            for _ in range(STEPS):
                self.fleet.fast_clock.move_on(24 * HOUR / STEPS)
                await asyncio.sleep(_STEP_SECONDS)
            self.say(f"day {day + 1}: {len(self.keys)} payments begun")
        self.most_waiting = (await self.fleet.sql(_WAITING))[0][0]
        self.overdue = (await self.fleet.sql(_OVERDUE))[0][0]
        self.seconds["thirty days"] = time.monotonic() - began

    async def _pay(self, count: int) -> None:
        """So many payments, an account at a time; all are paid before the day goes on."""
        chance = Random(f"{self.seed}/{len(self.keys)}")
        while count > 0:
            purses = [self._purses.popleft() for _ in range(min(count, len(self._purses)))]
            gate = asyncio.Semaphore(_AT_ONCE)
            await asyncio.gather(*(self._begin(purse, chance.randint(2, 40) * 50, gate) for purse in purses))
            self._purses.extend(purses)
            count -= len(purses)
            await until(self._all_paid, "the payments of the day are paid", seconds=_WAIT, every=0.2)

    async def _begin(self, purse: Purse, cents: int, gate: asyncio.Semaphore) -> None:
        fleet, key = self.fleet, f"absence-{len(self.keys):05}"
        self.keys[key] = ""
        clock = fleet.parts.sync.clock
        request = PaymentRequest(
            {ids.decode(purse.account)[1]: cents}, "pretend", "http://127.0.0.1:8000/pay", "fr", key
        )
        async with gate, Reading(self._engine, SOAP) as reading:
            session = await open_session(reading, f"Bearer {purse.token}", now=clock.now())
            day = today(clock, "Europe/Paris")
            begun = await begin_payment(reading, session, request, now=clock.now(), today=day)
        if not begun.is_new:
            self.wrong.append(f"{key} was not begun: its account is taken")
        self.keys[key] = str(begun.payment_id)
        fleet.parts.bell.ring("payments")

    async def _all_paid(self) -> bool:
        return not await self.fleet.sql(_NOT_PAID)

    async def _it_returns(self) -> None:
        """At most half an hour later it is tried again, and everything goes in."""
        began = time.monotonic()
        await self.fleet.sandbox(do="behave", landlord=SOAP)
        await self.fleet.sandbox(
            do="misbehave", landlord=SOAP, order={"what": "post-twice", "file": "", "times": None, "until": None}
        )
        self.fleet.fast_clock.move_on(HOUR)

        async def all_told() -> bool:
            (row,) = await self.fleet.sql(_WAITING)
            return not row.count

        with suppress(Exception):  # the verdict says what is left
            await until(all_told, "the ERP has them all", seconds=_WAIT, every=0.5)
        self.seconds["return"] = time.monotonic() - began

    @asynccontextmanager
    async def _tenant_looks_on(self, token: str) -> AsyncIterator[None]:
        """The API answers all the time, whatever day it is."""
        tenant = Tenant(f"http://{HOST}:{self.fleet.port}/{SOAP}/graphql", {"Authorization": f"Bearer {token}"})
        asking = asyncio.create_task(tenant.ask_for_ever(every=0.25))
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            self.answers = tenant.answers
            self.wrong += tenant.wrong[:5]

    async def _books(self) -> Books:
        fleet = self.fleet
        return Books(
            charges=[],
            payments=await fleet.sql(PAYMENTS),
            postings=await fleet.sql(POSTINGS),
            bookings=list(read_bookings(fleet.folder / "sandbox", SOAP)),
            jobs=await fleet.sql(JOBS_LEFT),
            crowded=await fleet.sql(OPEN_PARTS),
            keys=self.keys,
            seen_paid=set(),
            has_provider=False,
        )

    def _settings(self) -> Settings:
        return self.fleet.parts.settings


async def absence(folder: Path, *, seed: int, count: int, say: Say, aside: Say, workers: int = 2) -> list[str]:
    """The whole trial; sentences for what is wrong."""
    fleet = fleet_of(
        folder / "absence", workers=workers, contracts=max(20, min(300, count // 16)), mistake=None, patience=PATIENCE
    )
    story = Absence(fleet, count, seed, aside)
    books = await story.live()
    wrong = [*story.wrong[:5], *books.differences()]
    if story.most_waiting < count:
        wrong.append(f"{story.most_waiting} postings waited in the end, {count} were due")
    states: Counter[str] = Counter(row.state for row in books.payments)
    parts = ", ".join(f"{name} {took:.0f} s" for name, took in story.seconds.items())
    say(
        f"absence  {len(books.payments)} payments ({dict(states)}) in {DAYS} days without ERP, {story.most_waiting} "
        f"postings waited, people told of {story.overdue}; then {len(books.bookings)} bookings on "
        f"{books.counts['accounts']} accounts; {story.answers} answers of the API meanwhile; {parts}"
    )
    return wrong
