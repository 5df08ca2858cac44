"""Workers killed for real, at chosen and at random instants: what is held in the end is what it would have been."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hub.jobs import NoBell
from hub.services.quarantine import retry

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
KILLS = 8
BLOCKED = """
    select from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a using (pid)
    where c.relname = %s and not l.granted and a.usename = 'hub_sync' and a.datname = current_database()"""


class Mortal:
    """Worker processes on a house's database, one after the other."""

    def __init__(self, house: Any) -> None:
        self.house, self.process = house, None
        # A job is due by the clock of who asked for it: these workers go by the real one.
        house.clock.instant = datetime.now(UTC)

    def start(self, **asked: Any) -> None:
        settings = self.house.settings
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOUSING_HUB_")},
            "HOUSING_HUB_DATABASE_URL": settings.database_url,
            "HOUSING_HUB_DATA_DIR": str(settings.data_dir),
            "HOUSING_HUB_MASTER_KEY": settings.master_key.get_secret_value(),
        }
        command = [sys.executable, str(Path(__file__).with_name("mortal_worker.py")), json.dumps(asked)]
        with (self.house.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def kill(self) -> None:
        """The whole process, and whatever it started."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def end_lease(self) -> None:
        """As if its time had passed. More kills are made here than a job is given attempts."""
        with self.house.admin() as conn:
            conn.execute("update job set lease_until = now(), attempts = 1 where state = 'leased'")

    async def until(self, done: Callable[[], Awaitable[bool]], what: str) -> None:
        for _ in range(1200):
            if await done():
                return
            if self.process is not None and self.process.poll() is not None:
                break
            await asyncio.sleep(0.05)
        pytest.fail(f"never {what}\n{(self.house.folder / 'worker.log').read_text()[-4000:]}")

    async def is_done(self) -> bool:
        return bool((await self.house.job()).state == "done")

    async def are_all_done(self) -> bool:
        with self.house.admin() as conn:
            return conn.execute("select from job where state <> 'done'").fetchone() is None

    async def is_blocked(self, table: str = "contract") -> bool:
        with self.house.admin() as conn:
            return conn.execute(BLOCKED, [table]).fetchone() is not None

    @contextmanager
    def in_the_way_of_contracts(self) -> Iterator[None]:
        """Somebody else's lock, for which an apply waits in the middle of its transaction."""
        with self.house.admin() as conn, conn.transaction():
            conn.execute("lock table contract in share mode")
            yield

    @contextmanager
    def in_the_way_of_settling(self) -> Iterator[None]:
        """Refused lines can be locked, and what they say be applied; they cannot be settled."""
        with self.house.admin() as conn, conn.transaction():
            conn.execute("lock table quarantine in share mode")
            yield

    async def finish(self) -> None:
        self.end_lease()
        self.start()
        await self.until(self.is_done, "done")
        self.kill()


@pytest.fixture
def mortal(house: Any) -> Iterator[Mortal]:
    made = Mortal(house)
    yield made
    made.kill()


@pytest.fixture
async def sandbox(evening: Any, open_sandbox: Any) -> Any:
    """The world of the evening, whose night was not disturbed."""
    return open_sandbox()


async def kill_in_the_middle_of_contracts(mortal: Mortal, slug: str, **asked: Any) -> int:
    await mortal.house.apply(slug)
    run_id: int = await mortal.house.ask(slug)
    with mortal.in_the_way_of_contracts():
        mortal.start(**asked)
        await mortal.until(mortal.is_blocked, "blocked")
        mortal.kill()
    return run_id


def without_times(run: Any) -> list[Any]:
    return [replace(one, started_at=None, finished_at=None, files=len(one.files)) for one in run.feed_runs]


def temporary_tables(house: Any) -> list[Any]:
    with house.admin() as conn:
        return list(conn.execute("select relname from pg_class where relpersistence = 't' and relkind = 'r'"))


@pytest.mark.parametrize("slug", [SOAP, SFTP])
async def test_a_worker_killed_while_applying_is_as_if_it_never_was(mortal: Mortal, evening: Any, slug: str) -> None:
    house = mortal.house
    run_id = await kill_in_the_middle_of_contracts(mortal, slug)
    assert 0 == len(await house.rows(slug, "select from contract"))
    assert (house.folder / "data/work/spool").is_dir()

    await mortal.finish()

    assert evening.dumps[slug] == await house.dump(slug)
    run = await house.run(slug, run_id)
    assert "done" == run.state
    assert without_times(evening.runs[slug]) == without_times(run)
    assert {"applied"} == {row.state for row in await house.rows(slug, "select state from artifact")}
    assert evening.artifacts[slug] == len(await house.rows(slug, "select from artifact"))
    assert [] == temporary_tables(house)
    assert [] == list((house.folder / "data/work/spool").iterdir())


async def test_a_checkpoint_moved_before_the_rows_would_be_found_out(mortal: Mortal, evening: Any) -> None:
    """The control: with this mistake in it, the test above is red."""
    await kill_in_the_middle_of_contracts(mortal, SFTP, checkpoint_first=True)

    await mortal.finish()

    assert 0 == len(await mortal.house.rows(SFTP, "select from contract"))
    assert evening.dumps[SFTP] != await mortal.house.dump(SFTP)


async def has_begun(house: Any, run_id: int, feeds: int) -> bool:
    return len((await house.run(SFTP, run_id)).feed_runs) >= feeds


async def test_a_first_night_killed_again_and_again_ends_as_one_that_was_not(mortal: Mortal, evening: Any) -> None:
    house, instants = mortal.house, random.Random(20261120)
    await house.apply(SFTP)
    run_id = await house.ask(SFTP)
    begun = []
    for number in range(KILLS):
        mortal.end_lease()
        mortal.start()
        await mortal.until(partial(has_begun, house, run_id, 1 + number * 10 // KILLS), "so far")
        await asyncio.sleep(instants.uniform(0, 0.2))
        mortal.kill()
        begun.append(len((await house.run(SFTP, run_id)).feed_runs))
    assert len(set(begun)) > KILLS / 2, begun
    await mortal.finish()

    assert evening.dumps[SFTP] == await house.dump(SFTP)
    assert "done" == (await house.run(SFTP, run_id)).state
    assert house.truth(SFTP) == await house.holds(SFTP)
    assert {"applied"} == {row.state for row in await house.rows(SFTP, "select state from artifact")}
    counts = "select (select count(*) from document) as documents, (select count(*) from document_file) as files"
    (found,) = await house.rows(SFTP, counts)
    assert found.documents == found.files > 0
    assert 2 == len(await house.quarantine(SFTP, "ledger"))


async def test_a_worker_killed_between_two_files_of_a_feed_leaves_the_second_to_the_next(home: Any) -> None:
    """What was read before counts in the report; what was not is read in the same run."""
    mortal = Mortal(home)
    for _ in range(2):
        home.sandbox.advance(days=31)
    run_id = await home.ask(SFTP)
    before = home.truth(SFTP)["counts"]["ledger_entries"] - len(await home.rows(SFTP, "select from ledger_entry"))

    mortal.start(die_after="ledger")
    mortal.process.wait(60)
    (report,) = [one for one in (await home.run(SFTP, run_id)).feed_runs if one.feed == "ledger"]
    assert ("reading", None, 1) == (report.state, report.finished_at, len(report.files))
    await mortal.finish()

    run = await home.run(SFTP, run_id)
    (report,) = [one for one in run.feed_runs if one.feed == "ledger"]
    assert ("done", "applied", 2, before) == (run.state, report.state, len(report.files), report.added)
    assert home.truth(SFTP) == await home.holds(SFTP)


async def test_a_worker_killed_between_applying_a_refused_line_and_settling_it_does_neither(home: Any) -> None:
    """Its successor does both, once."""
    count = "select count(*) from ledger_entry"
    ((before,),) = await home.rows(SFTP, count)
    await home.apply(SFTP, lambda text: text.replace('RBT = "refund"\n', 'RBT = "refund"\nRGL2 = "payment_cash"\n'))
    mortal = Mortal(home)
    queued = await retry(home.parts.engine, home.clock, NoBell(), SFTP, feed="ledger")
    with mortal.in_the_way_of_settling():
        mortal.start()
        await mortal.until(partial(mortal.is_blocked, "quarantine"), "blocked")
        mortal.kill()
    assert [(before,)] == await home.rows(SFTP, count)
    assert 2 == len(await home.quarantine(SFTP, "ledger"))

    await mortal.finish()

    assert [(before + 1,)] == await home.rows(SFTP, count)
    assert ["BAD_DATE"] == [row.code for row in await home.quarantine(SFTP, "ledger")]
    note = (await home.run(SFTP, queued.run_id)).feed_runs[0].note or ""
    assert note.startswith("1 quarantined line applied"), note


async def test_one_worker_reads_two_landlords_at_once(mortal: Mortal, evening: Any) -> None:
    house = mortal.house
    for slug in (SOAP, SFTP):
        await house.apply(slug)
    runs = {slug: await house.ask(slug) for slug in (SOAP, SFTP)}

    mortal.start()
    await mortal.until(mortal.are_all_done, "done")

    first, second = [await house.run(slug, runs[slug]) for slug in runs]
    assert max(first.started_at, second.started_at) < min(first.finished_at, second.finished_at)
    assert evening.dumps == {slug: await house.dump(slug) for slug in runs}
