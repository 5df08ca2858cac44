"""A run an operator asked for, and the job that does it, in the transaction that decides it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.domain.replay import Replay
from hub.jobs import RUN_KIND, RUN_ORDER_KEY, RUN_QUEUE
from hub.store.handles import Connection
from hub.store.job_rows import enqueue
from hub.store.run_rows import create_run


async def queue_run(
    conn: Connection,
    landlord: str,
    feeds: Sequence[str],
    *,
    version: int,
    now: datetime,
    replay: Replay | None = None,
    needs: Sequence[str] = (),
) -> int:
    """Queue a run of these feeds under a version of the landlord's file; gives its id. Ring the bell after the commit.

    `replay`: what of kept input is read again; `needs`: the connectors it calls.
    """
    run_id = await create_run(
        conn, landlord=landlord, asked_by="operator", feeds=feeds, config_version=version, now=now
    )
    again = {} if replay is None else {"replay": replay.payload()}
    await enqueue(
        conn,
        landlord=landlord,
        queue=RUN_QUEUE,
        kind=RUN_KIND,
        dedup_key=job_of(run_id),
        order_key=RUN_ORDER_KEY,
        payload={"run_id": run_id, **again},
        needs=needs,
        now=now,
    )
    return run_id


def job_of(run_id: int) -> str:
    """The dedup key of the job that does a run."""
    return f"run-{run_id}"
