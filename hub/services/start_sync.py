"""Ask for a landlord's feeds to be brought up to date now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.domain.breaker import Breaker, refusal
from hub.domain.clock import Clock
from hub.errors import NotFoundError
from hub.jobs import RUN_KIND, RUN_ORDER_KEY, RUN_QUEUE, Bell
from hub.services.queue_run import job_of, queue_run
from hub.store.breaker_rows import get_breaker
from hub.store.engine import scope
from hub.store.handles import Connection, Engine
from hub.store.job_rows import NextTry, find_next_try, hurry
from hub.store.landlord_rows import live_config
from hub.store.run_rows import Run, get_run


async def start_sync(engine: Engine, clock: Clock, bell: Bell, landlord: str, feeds: Sequence[str] = ()) -> int:
    """Queue a run of these feeds (all, if none is named), in dependency order; gives the run's id.

    Raises NotFoundError for a landlord or feed that is not configured, BreakerOpenError when all their ERPs are being
    left alone.
    """
    now = clock.now()
    async with scope(engine, landlord) as conn:
        live = await live_config(conn, landlord=landlord)
        if live is None:
            raise NotFoundError(f"no landlord {landlord} is configured", hint="`housing-hub apply landlords/….toml`")
        chosen = _chosen(live.config, landlord, feeds)
        needs = sorted({feed["connector"] for feed in live.config["feeds"] if feed["name"] in chosen})
        await _refuse_if_all_open(conn, landlord, needs, now=now)
        # Runs go one after the other: an earlier one that waits to be tried again must not keep a person waiting.
        await hurry(conn, landlord=landlord, order_key=RUN_ORDER_KEY, now=now)
        run_id = await queue_run(conn, landlord, chosen, version=live.version, now=now, needs=needs)
    bell.ring(RUN_QUEUE)
    return run_id


async def _refuse_if_all_open(conn: Connection, landlord: str, needs: Sequence[str], *, now: datetime) -> None:
    """A person is told at once what a run would only say after waiting."""
    held = {name: await get_breaker(conn, landlord=landlord, connector=name) for name in needs}
    closed = [name for name, one in held.items() if one is None or not one.holds(now)]
    if held and not closed:
        name = needs[0]
        raise refusal(held[name] or Breaker(), landlord, name)


def _chosen(config: dict[str, Any], landlord: str, wanted: Sequence[str]) -> list[str]:
    known = [feed["name"] for feed in config["feeds"]]
    for name in wanted:
        if name not in known:
            raise NotFoundError(f"{landlord} has no feed {name}", hint=f"its feeds are {', '.join(known)}")
    return [name for name in known if name in wanted] if wanted else known


async def watch_run(engine: Engine, landlord: str, run_id: int) -> Run:
    """The run as it stands. Raises NotFoundError."""
    async with scope(engine, landlord, readonly=True) as conn:
        run = await get_run(conn, run_id)
    if run is None:
        raise NotFoundError(f"{landlord} has no run {run_id}", hint=f"`housing-hub runs list {landlord}`")
    return run


async def next_try(engine: Engine, landlord: str, run_id: int) -> NextTry | None:
    """When a run an operator asked for is tried again, None while nothing of it has failed for now."""
    async with scope(engine, landlord, readonly=True) as conn:
        return await find_next_try(conn, kind=RUN_KIND, dedup_key=job_of(run_id))
