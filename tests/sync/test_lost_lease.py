"""A worker that is too late: another has its job, and nothing it still writes may be kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

SFTP = "cite-des-tilleuls"
WAITS = """
    select from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a using (pid)
    where c.relname = %s and not l.granted and a.datname = current_database()"""
TAKE = "update job set token = token + 1 where state = 'leased'"


@asynccontextmanager
async def lease_lost_at(house: Any, table: str) -> AsyncIterator[None]:
    """A night that waits for `table` while another worker takes its job; ends when the night has."""
    with house.admin() as conn, conn.transaction():
        conn.execute(f"lock table {table} in share mode")
        working = asyncio.create_task(house.work())
        async with asyncio.timeout(30):
            while not waits_for(house, table):
                assert not working.done()
                await asyncio.sleep(0.02)
        with house.admin() as thief:
            thief.execute(TAKE)
        yield
    await working


def waits_for(house: Any, table: str) -> bool:
    with house.admin() as conn:
        return conn.execute(WAITS, [table]).fetchone() is not None


async def everything(house: Any) -> dict[str, Any]:
    """All a worker writes to, besides what has no owner."""
    tables = ("contract", "artifact", "feed_state", "feed_run", "quarantine", "run", "connector_state", "blob")
    held = {table: sorted(map(str, await house.rows(SFTP, f"select t.*, xmin from {table} t"))) for table in tables}
    return held | {"dump": await house.dump(SFTP)}


@pytest.mark.parametrize("table", ["contract", "artifact", "feed_run"])
async def test_a_worker_that_lost_its_lease_leaves_nothing_behind(home: Any, table: str) -> None:
    """Whatever it was about to write: rows, a claim, a report."""
    home.sandbox.advance(days=1)
    home.clock.move(days=1)
    await home.apply(SFTP, lambda text: text.replace('erp_label = { column = "LIB_ETAT" }\n', ""))
    run_id = await home.ask(SFTP, "contracts")

    async with lease_lost_at(home, table):
        before = await everything(home)

    assert before == await everything(home)
    assert "running" == (await home.run(SFTP, run_id)).state
    assert ("leased", 2) == ((await home.job()).state, (await home.job()).token)


async def test_the_worker_that_has_the_lease_now_does_it_all(home: Any) -> None:
    home.sandbox.advance(days=1)
    home.clock.move(days=1)
    run_id = await home.ask(SFTP)
    async with lease_lost_at(home, "artifact"):
        pass
    with home.admin() as conn:
        conn.execute("update job set lease_until = now() where state = 'leased'")

    await home.work()

    assert "done" == (await home.run(SFTP, run_id)).state
    assert home.truth(SFTP) == await home.holds(SFTP)
