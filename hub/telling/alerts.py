"""What has to be told, and to whom: asked for in the transaction that saw it, as one job for each who is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import NAMESPACE_URL, uuid5

from hub.config import LandlordConfig
from hub.config.notify import Notify
from hub.store.alert_rows import Alert, Problem, close_alerts, open_alert
from hub.store.handles import Connection
from hub.store.job_rows import enqueue
from hub.store.run_rows import FeedRun

NOTIFY_QUEUE: Final = "notify"
NOTIFY_KIND: Final = "notify"
Event = Literal["problem", "recovered", "reminder", "summary", "test"]

_MAX_ATTEMPTS: Final = 8  # with the usual back-off, most of an hour
_PROBLEM: Final[dict[str, Problem]] = {"held": "held", "refused": "failed", "failed": "failed"}
_OF_RUNS: Final[tuple[Problem, ...]] = ("held", "failed")
_GOOD: Final = ("applied", "unchanged")


async def tell_end_of_run(
    conn: Connection, config: LandlordConfig, *, run_id: int, reports: Collection[FeedRun], now: datetime
) -> None:
    """Open and close the feeds' problems, and ask for the messages about those that are new or over.

    What is known already is not told again. A feed that only waited or was skipped says nothing: what kept it is told.
    """
    opened: list[Alert] = []
    closed: list[Alert] = []
    for report in reports:
        if (problem := _PROBLEM.get(report.state)) is not None:
            found = await open_alert(
                conn, landlord=config.slug, feed=report.feed, problem=problem, run_id=run_id, now=now
            )
            opened += [found] if found else []
        elif report.state in _GOOD:
            closed += await close_alerts(conn, landlord=config.slug, feed=report.feed, problems=_OF_RUNS, now=now)
    await ask_to_tell(conn, config, "problem", opened, run_id=run_id, key=f"run-{run_id}", now=now)
    await ask_to_tell(conn, config, "recovered", closed, run_id=run_id, key=f"run-{run_id}", now=now)


async def ask_to_tell(
    conn: Connection,
    config: LandlordConfig,
    event: Event,
    alerts: Sequence[Alert],
    *,
    key: str,
    now: datetime,
    run_id: int | None = None,
) -> int:
    """One job for each who wants to know of some of the alerts. Gives how many; a key is told once."""
    asked = 0
    for target in config.notify:
        wanted = [one.id for one in alerts if one.problem in target.on]
        if wanted and (event != "recovered" or "recovered" in target.on):
            await _ask(conn, config.slug, target, event, wanted, run_id=run_id, key=key, now=now)
            asked += 1
    return asked


async def ask_for_summary(conn: Connection, config: LandlordConfig, *, slot: datetime, now: datetime) -> int:
    """One job for each who wants the daily summary. Gives how many."""
    wanting = [target for target in config.notify if "summary" in target.on]
    for target in wanting:
        await _ask(conn, config.slug, target, "summary", [], run_id=None, key=slot.isoformat(), now=now)
    return len(wanting)


async def _ask(
    conn: Connection,
    landlord: str,
    target: Notify,
    event: Event,
    alerts: Sequence[int],
    *,
    run_id: int | None,
    key: str,
    now: datetime,
) -> None:
    dedup_key = f"{event}-{key}-{target.called}"
    # The same at every attempt: by it, whoever receives a message twice knows.
    message_id = str(uuid5(NAMESPACE_URL, f"housing-hub:{landlord}:{dedup_key}"))
    payload = {"id": message_id, "target": target.called, "event": event, "alerts": list(alerts), "run_id": run_id}
    await enqueue(
        conn,
        landlord=landlord,
        queue=NOTIFY_QUEUE,
        kind=NOTIFY_KIND,
        dedup_key=dedup_key,
        payload=payload,
        now=now,
        max_attempts=_MAX_ATTEMPTS,
    )
