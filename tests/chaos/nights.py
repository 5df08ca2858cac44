"""The story both hubs live through: nights of two landlords, in one of them with blows falling."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from blows import Blow
from fleet import BOTH, HOST, SFTP, SOAP, Fleet, HarnessError, persistently, until
from mortal_process import FREEZE, FROZEN, THAWED
from onlookers import Tenant, Told

from hub.cli.demo import TENANTS
from hub.domain.clock import SystemClock
from hub.services.issue_token import issue_token
from hub.services.start_sync import start_sync
from hub.store.dump import canonical_dump
from hub.store.engine import scope
from hub.store.job_rows import replay

MAX_BLOWS = 5
LONG = 16
NIGHT_SECONDS = 300.0
EXCUSED_SECONDS = 3.0
BLOCKED = """
    select 1 from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a using (pid)
    where c.relname = %s and not l.granted and a.usename = 'hub_sync' and a.datname = current_database()"""
LAST_RUNS = "select distinct on (landlord_id) landlord_id, state from run order by landlord_id, id desc"
BUSY = "select 1 from job where kind = 'sync' and state = 'leased' and lease_until > now() limit 1"
OPEN = "select 1 from job where state in ('ready', 'leased') limit 1"
DEAD = "select landlord_id, id from job where state = 'dead'"
FACTS = {
    "runs": "select count(*) from run",
    "jobs": "select count(*) from job",
    "taken up again": "select coalesce(sum(token - 1), 0) from job",
    "runs without an end": "select count(*) from run where finished_at is null or state in ('queued', 'running')",
    "jobs not done": "select count(*) from job where state <> 'done'",
    "slots with two runs": """
        select count(*) from (
            select from run where slot is not null group by landlord_id, slot having count(*) > 1) as doubled""",
    "inputs claimed and not settled": "select count(*) from artifact where state = 'claimed'",
    "documents without their file": """
        select (select count(*) from document)
            - (select count(distinct (landlord_id, document_id)) from document_file)""",
    "holds that wait": "select count(*) from hold where state in ('open', 'approved')",
    "problems still open": "select count(*) from alert where state = 'open'",
}
SLOT = "update schedule set next_run = now() where landlord_id = %s"


@dataclass
class Lived:
    """What is left of a story."""

    nights: int = 0
    asked: int = 0
    asked_again: int = 0
    replayed: int = 0
    struck: list[Blow] = field(default_factory=list)
    zombies: int = 0
    back: list[float] = field(default_factory=list)
    dumps: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Story:
    """Nights at a hub. `blows` fall in the first ones; then two calm ones, in the first of which a worker freezes with
    a reading in its hand that it lets go of after the second.

    The story that `follows` another lives as many nights as that one, none of them disturbed.
    """

    def __init__(
        self,
        fleet: Fleet,
        told: Told,
        *,
        seed: int,
        say: Callable[[str], None],
        blows: Sequence[Blow] = (),
        follows: Story | None = None,
    ) -> None:
        self.fleet, self.told, self.seed, self.say = fleet, told, seed, say
        self.blows, self._follows = list(blows), follows
        self.disturbed: int | None = None
        self.chance = Random(f"{seed}/victims")
        self.lived = Lived()
        self.tenants: list[Tenant] = []
        self._beside: set[asyncio.Task[None]] = set()
        self._clock = SystemClock()

    async def live(self) -> None:
        """As many nights as the blows take, then the last two."""
        began = time.monotonic()
        async with self.fleet:
            await self.night(days=0)
            async with self._tenants():
                while await self._another():
                    await self.night(days=self._jump(), bad=self.lived.nights % 4 == 2)
                self.disturbed = self.lived.nights
                await self._last_two(zombie=self._follows is None)
            await self._end()
        self.lived.seconds = time.monotonic() - began

    async def _another(self) -> bool:
        """Whether another night comes before the last two."""
        other = self._follows
        if other is None:
            return bool(self.blows)

        async def known() -> bool:
            return other.disturbed is not None or other.lived.nights > self.lived.nights

        await until(known, "the other story goes on", seconds=4 * NIGHT_SECONDS)
        return other.disturbed is None or other.disturbed > self.lived.nights

    def _jump(self) -> int:
        """Days until the next night somebody asks for a sync: of the seed and the night's number alone."""
        return Random(f"{self.seed}/night/{self.lived.nights}").randint(1, 3)

    async def night(self, *, days: int, bad: bool = False, zombie: bool = False) -> None:
        """One night of both landlords, to its good end."""
        began = time.monotonic()
        if days:
            await self.fleet.sandbox(do="night", nights=days)
        if bad:
            order = {"what": "truncate-contracts", "file": "", "times": None, "until": None}
            await self.fleet.sandbox(do="misbehave", landlord=SFTP, order=order)
        by_clock = Random(f"{self.seed}/asked/{self.lived.nights}").random() < 0.5
        self.lived.nights += 1
        for slug in BOTH:
            await self.ask(slug, by_clock=by_clock)
            if (
                zombie and slug == SOAP
            ):  # before the other's sync can stand still in its hands, holding rows for minutes
                await self._freeze_one()
        await self._strike_while_busy()
        await until(self._is_quiet, "the night ends", seconds=NIGHT_SECONDS)
        if bad:
            await self.fleet.sandbox(do="behave", landlord=SFTP)
            await self.ask(SFTP)
            await until(self._is_quiet, "the night ends", seconds=NIGHT_SECONDS)
        await self._make_good()
        seconds, fallen = time.monotonic() - began, len(self.lived.struck)
        fell = "undisturbed" if self._follows else f"{fallen} blows so far, {len(self.blows)} to come"
        self.say(f"night {self.lived.nights}: {seconds:.1f} s, {fell}")

    async def ask(self, slug: str, *, by_clock: bool = False) -> None:
        """Ask for a sync: the slot of the schedule comes, or a person asks."""
        self.lived.asked += 1
        if by_clock:
            await persistently(lambda: self.fleet.sql(SLOT, slug))
            await until(lambda: self._slot_is_taken(slug), "the scheduler takes the slot")
            return
        parts = self.fleet.parts
        await persistently(lambda: start_sync(parts.sync.engine, self._clock, parts.bell, slug))

    async def _slot_is_taken(self, slug: str) -> bool:
        return not await self.fleet.sql("select 1 from schedule where landlord_id = %s and next_run <= now()", slug)

    async def _is_quiet(self) -> bool:
        """Nothing is asked for that is not done; what was given up on is tried again, as an operator would."""
        for landlord, job in await self.fleet.sql(DEAD):
            async with scope(self.fleet.parts.sync.engine, landlord) as conn:
                await replay(conn, job, now=self._clock.now())
            self.lived.replayed += 1
        return not await self.fleet.sql(OPEN)

    async def _make_good(self) -> None:
        """A run that ended badly is asked for again in the morning."""
        for _ in range(5):
            runs = await until(lambda: self.fleet.sql(LAST_RUNS), "the runs are told")
            bad = [slug for slug, state in runs if state != "done"]
            if not bad:
                return
            for slug in bad:
                self.lived.asked_again += 1
                await self.ask(slug)
            await until(self._is_quiet, "the morning ends", seconds=NIGHT_SECONDS)
        raise HarnessError(f"the runs of {', '.join(bad)} never end well")

    # --- blows --------------------------------------------------------------------------------------------------------

    async def _strike_while_busy(self) -> None:
        for _ in range(MAX_BLOWS):
            if not self.blows or not await self._work_is_seen():
                return
            blow = self.blows.pop(0)
            await asyncio.sleep(blow.after)
            await self.strike(blow)
            self.lived.struck.append(blow)

    async def _work_is_seen(self) -> bool:
        async def seen() -> str:
            if await self.fleet.sql(BUSY):
                return "busy"
            return "" if await self.fleet.sql(OPEN) else "quiet"

        return await until(seen, "work goes on", seconds=60, every=0.02) == "busy"

    async def strike(self, blow: Blow) -> None:
        """Let one blow fall, and have what it struck come back."""
        fleet = self.fleet
        match blow.kind:
            case "workers":
                await self._kill_workers(blow.victims)
            case "mid-write":
                await self._kill_while_writing(blow)
            case "api":
                await self._kill_api()
            case "scheduler":
                await fleet.kill("scheduler")
                fleet.start("scheduler")
            case "broker":
                self._go_on_beside(fleet.kill_broker(blow.pause))
            case "flush":
                await fleet.flush_broker()
            case "freeze":
                self._go_on_beside(self._freeze(self.chance.choice(fleet.workers), blow.pause))
            case "database":
                with self._excused():
                    await fleet.crash_database(blow.how, blow.pause)

    async def _kill_workers(self, victims: int) -> None:
        names = self.chance.sample(self.fleet.workers, min(victims, len(self.fleet.workers)))
        await self.fleet.kill(*names)
        for name in names:
            self.fleet.start(name)

    async def _kill_while_writing(self, blow: Blow) -> None:
        """Somebody else's lock makes a write wait in the middle of its transaction; there the workers die."""
        with self.fleet.admin() as conn, conn.transaction():
            conn.execute(f"lock table {blow.how} in share mode")

            async def caught() -> str:
                if conn.execute(BLOCKED, [blow.how]).fetchone() is not None:
                    return "caught"
                return "" if conn.execute(OPEN).fetchone() else "quiet"

            with suppress(HarnessError):  # this night writes nothing there: they die all the same
                await until(caught, "a write waits", seconds=15, every=0.02)
            await self._kill_workers(blow.victims)

    async def _kill_api(self) -> None:
        with self._excused():
            await self.fleet.kill("api")
            began = time.monotonic()
            self.fleet.start("api")
            await until(self.fleet.api_answers, "the API answers again", seconds=60, every=0.02)
            self.lived.back.append(time.monotonic() - began)

    async def _freeze(self, name: str, seconds: float) -> None:
        """A worker stands still, perhaps for longer than its lease, and then goes on as if nothing had been."""
        if len(self.fleet.workers) < 2:
            return
        process = self.fleet.processes[name]
        self.fleet.frozen.add(name)
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(process.pid, signal.SIGCONT)
        self.fleet.frozen.discard(name)

    def _go_on_beside(self, blow: Coroutine[Any, Any, None]) -> None:
        """What was struck stays away while other blows fall."""
        self._beside.add(asyncio.create_task(blow))

    # --- the last two nights ------------------------------------------------------------------------------------------

    async def _last_two(self, *, zombie: bool) -> None:
        """So many days pass before each that balances are others."""
        await asyncio.gather(*self._beside)
        await self.night(days=LONG, zombie=zombie)
        await self.night(days=LONG)
        if zombie:
            await self._thaw_it()

    async def _freeze_one(self) -> None:
        folder = self.fleet.folder
        (folder / FREEZE).write_text(f"{SOAP} accounts")

        async def frozen() -> int:
            found = folder / FROZEN
            return int(found.read_text() or 0) if found.exists() else 0

        self.fleet.frozen.add(self.fleet.name_of(await until(frozen, "a worker freezes")))

    async def _thaw_it(self) -> None:
        (name,) = self.fleet.frozen
        os.kill(self.fleet.processes[name].pid, signal.SIGCONT)

        async def over() -> bool:
            return (self.fleet.folder / THAWED).exists()

        await until(over, "the thawed worker lets go")
        self.fleet.frozen.discard(name)
        self.lived.zombies += 1

    # --- looking on ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _tenants(self) -> AsyncIterator[None]:
        """From the first night on, a tenant of each landlord asks the API all the time."""
        self.tenants = [await self._tenant(slug) for slug in BOTH]
        asking = [asyncio.create_task(tenant.ask_for_ever(every=0.25)) for tenant in self.tenants]
        try:
            yield
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _tenant(self, slug: str) -> Tenant:
        engine = self.fleet.parts.sync.engine
        hours = timedelta(hours=8)
        issued = await persistently(
            lambda: issue_token(
                engine, self._clock, profile="developer", landlord=slug, person=TENANTS[slug], valid=hours
            )
        )
        headers = {"Authorization": f"Bearer {issued.token}"}
        return Tenant(f"http://{HOST}:{self.fleet.port}/{slug}/graphql", headers)

    @contextmanager
    def _excused(self) -> Iterator[None]:
        """Meanwhile, and for some seconds more, the API need not answer."""
        for tenant in self.tenants:
            tenant.excused_until = math.inf
        yield
        for tenant in self.tenants:
            tenant.excused_until = time.monotonic() + EXCUSED_SECONDS

    async def _end(self) -> None:
        """The workers leave in good order; then what is left is looked at."""
        self.lived.codes = await self.fleet.stop_workers()
        for fact, statement in FACTS.items():
            ((count,),) = await self.fleet.sql(statement)
            self.lived.facts[fact] = int(count)
        self.lived.facts["folders left in the spool"] = len(list((self.fleet.folder / "work/spool").iterdir()))
        for slug in BOTH:
            async with scope(self.fleet.parts.sync.engine, slug, readonly=True) as conn:
                self.lived.dumps[slug] = await canonical_dump(conn)
