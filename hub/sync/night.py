"""A run: a landlord's feeds in dependency order, resumable after a kill, one report each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from hub.config import LandlordConfig
from hub.domain.clock import today
from hub.domain.replay import Replay
from hub.errors import (
    DeadlineError,
    HubError,
    MisconfiguredError,
    NotFoundError,
    RateLimitedError,
    RetryableError,
    UnreachableError,
)
from hub.jobs import Job, JobRuntime, LeaseLostError, finish, put_off
from hub.jobs.traces import span
from hub.store import job_rows
from hub.store.engine import scope
from hub.store.feed_states import get_feed_state
from hub.store.gap_rows import find_gaps
from hub.store.handles import Connection, StoreError
from hub.store.landlord_rows import get_config, live_config
from hub.store.quarantine_rows import feeds_with_parked
from hub.store.run_rows import (
    FeedRun,
    Run,
    create_run,
    end_abandoned_runs,
    find_run_of_slot,
    finish_run,
    get_run,
    put_feed_run,
    start_run,
)
from hub.store.vault import get_secrets
from hub.sync.balances import compare_balances
from hub.sync.breaker import is_waited_for, note_end, pass_breaker
from hub.sync.connectors import open_connector
from hub.sync.feed import failure, report_failure, sync_feed
from hub.sync.parts import FeedTask, Progress, SyncParts, log
from hub.sync.replay import apply_parked, replay_feed
from hub.sync.retention import sweep_expired, sweep_unnamed
from hub.sync.sequence import on_top_of, order_of
from hub.sync.spool import spool_folder
from hub.sync.storage import disk_trouble_named
from hub.sync.waiting import approved_hold, hold_above, never_brought, waiting_for
from hub.telling.alerts import NOTIFY_QUEUE, tell_end_of_run

_GOOD = ("applied", "unchanged")
_CONNECTOR_IS_OUT = (UnreachableError, DeadlineError, MisconfiguredError)
"""Errors of one feed that its connector's other feeds would only meet again."""


async def handle_sync(job: Job, runtime: JobRuntime, parts: SyncParts) -> None:
    """The job of kind `sync`: payload `{run_id}` (an operator asked) or `{schedule, slot}`."""
    run = await _run_of(job, parts)
    try:
        # A run that ended because an ERP did not answer goes on with the configuration in force.
        config = await load_config(parts, job.landlord, None if run.finished_at else run.config_version)
    except HubError:
        async with scope(parts.engine, job.landlord) as conn:
            await finish_run(conn, run.id, state="failed", now=parts.clock.now())
        raise
    with span("run", landlord=job.landlord, run=run.id):
        await _Night(parts, job, runtime, run, config).go()
    await sweep_expired(parts, job.landlord, raw_days=config.identity.keep_raw_days)
    await sweep_unnamed(parts, job.landlord)


async def load_config(parts: SyncParts, landlord: str, version: int | None = None) -> LandlordConfig:
    """The landlord's configuration as applied (the live one unless told), its secrets opened."""
    async with scope(parts.engine, landlord) as conn:
        stored = await (
            live_config(conn, landlord=landlord)
            if version is None
            else get_config(conn, landlord=landlord, version=version)
        )
        secrets = await get_secrets(conn, parts.vault, landlord=landlord)
    if stored is None:
        raise NotFoundError(f"no landlord {landlord} is configured", hint="`housing-hub apply landlords/….toml`")
    return LandlordConfig.from_json(stored.config, parts.registry).with_secrets(secrets)


async def _run_of(job: Job, parts: SyncParts) -> Run:
    """The run this job is about; a schedule's is made at its first attempt and found again at the next."""
    async with scope(parts.engine, job.landlord) as conn:
        if (run_id := job.payload.get("run_id")) is None:
            run_id = await _run_of_slot(job, conn, parts)
        run = await get_run(conn, run_id)
    if run is None:
        raise NotFoundError(f"there is no run {run_id}", hint="ask again with `housing-hub sync`")
    return run


async def _run_of_slot(job: Job, conn: Connection, parts: SyncParts) -> int:
    stored = await live_config(conn, landlord=job.landlord)
    if stored is None:
        raise NotFoundError("the landlord has no configuration", hint="`housing-hub apply landlords/….toml`")
    config = LandlordConfig.from_json(stored.config, parts.registry)
    feeds = [feed.name for feed in config.feeds if config.plan(feed).text == job.payload["schedule"]]
    slot = datetime.fromisoformat(job.payload["slot"])
    known = await find_run_of_slot(conn, slot=slot, feeds=feeds)
    if known is not None:
        return known.id
    return await create_run(
        conn,
        landlord=job.landlord,
        asked_by="schedule",
        slot=slot,
        feeds=feeds,
        config_version=stored.version,
        now=parts.clock.now(),
    )


@dataclass(slots=True)
class _Night:
    parts: SyncParts
    job: Job
    runtime: JobRuntime
    run: Run
    config: LandlordConfig
    out: dict[str, dict[str, Any]] = field(default_factory=dict)
    resting: set[str] = field(default_factory=set)
    again: RetryableError | None = None
    began: datetime = field(init=False)

    async def go(self) -> None:
        self.began = now = self.parts.clock.now()
        async with self._transaction() as conn:
            await end_abandoned_runs(conn, self.run.id, now=now)
            await start_run(conn, self.run.id, now=now)
        done = {report.feed: report for report in self.run.feed_runs if _is_settled(report)}
        known = {feed.name for feed in self.config.feeds}
        for name in self.run.feeds:
            if name in known and name not in done:
                done[name] = await self._one(name)
        if self.again is not None and not self.job.is_last_attempt:
            raise self.again
        await self._apply_parked(done)
        await self._finish(done)

    async def _apply_parked(self, done: dict[str, FeedRun]) -> None:
        """Lines that waited for what this run brought. Those that cannot be read again go on waiting."""
        async with scope(self.parts.engine, self.job.landlord) as conn:
            waiting = await feeds_with_parked(conn, landlord=self.job.landlord)
        for name in [feed.name for feed in self.config.feeds if feed.name in waiting]:
            try:
                async with self._task(name) as task:
                    if (report := await apply_parked(task, done.get(name))) is not None:
                        done[name] = report
            except (LeaseLostError, StoreError):
                raise
            except Exception as error:  # noqa: BLE001  # a plugin may raise anything: the night was good without these
                log.warning("parked rows of feed %s of %s: %s", name, self.job.landlord, type(error).__name__)

    async def _finish(self, reports: dict[str, FeedRun]) -> None:
        async with scope(self.parts.engine, self.job.landlord) as conn:
            now, ended = self.parts.clock.now(), reports.values()
            await compare_balances(conn, self.config, run_id=self.run.id, reports=reports, now=now)
            await finish_run(conn, self.run.id, state=_outcome(ended), now=now)
            await find_gaps(conn, landlord=self.job.landlord)
            await tell_end_of_run(conn, self.config, run_id=self.run.id, reports=ended, now=now)
            await self._leave(conn)
        seconds = (now - (self.run.started_at or self.began)).total_seconds()
        self.parts.metrics.count_run(self.job.landlord, ended, seconds=seconds, attempts=self.job.claimed.attempts)
        self.runtime.bell.ring(NOTIFY_QUEUE)

    async def _leave(self, conn: Connection) -> None:
        """Done, or to be gone on with when an ERP that is left alone now answers again."""
        needs = sorted(self.resting)
        if not needs or await is_waited_for(conn, self.job, needs):
            await finish(conn, self.job)
            return
        payload, reason = {**self.job.payload, "run_id": self.run.id}, f"waits for {', '.join(needs)} to answer"
        await put_off(conn, self.job, needs=needs, payload=payload, reason=reason)

    async def _one(self, name: str) -> FeedRun:
        """One feed; its connector is skipped once it is known to be out of reach or wrongly set up."""
        connector = self.config.feed(name).connector
        if (cause := self.out.get(connector) or await self._waits(name)) is not None:
            return await self._write(name, {**cause, "state": "skipped", "error": f"not tried: {cause['error']}"})
        async with scope(self.parts.engine, self.job.landlord) as conn:
            hold = await hold_above(conn, self.config, name)
        if hold is not None:
            return await self._write(name, waiting_for(hold, self.job.landlord))
        try:
            if self._calls:
                await pass_breaker(self.parts, self.config, connector)
            async with self._task(name) as task:
                return await self._tried(task)
        except (LeaseLostError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # a plugin that cannot even be made may raise anything
            facts = self._failure(name, error)
            await self._note(error, connector, facts, is_out=True)
            return await self._write(name, facts)

    async def _waits(self, name: str) -> dict[str, Any] | None:
        async with scope(self.parts.engine, self.job.landlord) as conn:
            error = await never_brought(conn, self.config, name)
        return None if error is None else self._failure(name, error)

    async def _tried(self, task: FeedTask) -> FeedRun:
        try:
            replay = Replay.of(self.job.payload)
            with span("feed", feed=task.feed.name, stream=task.feed.stream):
                report = await (sync_feed(task) if replay is None else replay_feed(task, replay))
        except LeaseLostError:
            raise
        except Exception as error:  # a plugin may raise anything: it becomes the feed's report
            if isinstance(error, StoreError) and not self.job.is_last_attempt:
                raise  # our database's trouble, not the feed's: the job is tried again
            facts = self._failure(task.feed.name, error)
            await self._note(error, task.config.connector, facts, is_out=isinstance(error, _CONNECTOR_IS_OUT))
            return await report_failure(task, facts)
        if self._calls:
            await note_end(self.parts, self.job.landlord, task.config.connector, None)
        return report

    @property
    def _calls(self) -> bool:
        """Whether the ERP is called: what is read again from kept input says nothing of it."""
        return Replay.of(self.job.payload) is None

    def _failure(self, name: str, error: Exception) -> dict[str, Any]:
        plugin = self.config.connectors[self.config.feed(name).connector].plugin
        return failure(error, landlord=self.job.landlord, feed=name, plugin=plugin)

    async def _note(self, error: Exception, connector: str, facts: dict[str, Any], *, is_out: bool) -> None:
        """What an error of one feed means for the others, for its connector and for the job."""
        if is_out:
            self.out[connector] = facts
        if await note_end(self.parts, self.job.landlord, connector, error):
            self.resting.add(connector)
        elif isinstance(error, RetryableError) and not isinstance(self.again, RateLimitedError):
            self.again = error

    async def _write(self, name: str, facts: dict[str, Any]) -> FeedRun:
        """The report of a feed that was not begun."""
        report = replace(self._begun(name), **facts, finished_at=self.parts.clock.now())
        async with self._transaction() as conn:
            await put_feed_run(conn, landlord=self.job.landlord, run_id=self.run.id, report=report)
        return report

    def _begun(self, name: str) -> FeedRun:
        """What earlier attempts at this run did of the feed."""
        before = next((report for report in self.run.feed_runs if report.feed == name), None)
        if before is None:
            return FeedRun(feed=name, stream=self.config.feed(name).stream, state="waiting")
        clear = {"error_code": None, "error": None, "hint": None, "hold_id": None, "note": None, "finished_at": None}
        return replace(before, state="waiting", **clear)  # type: ignore[arg-type]  # names are FeedRun's own

    @asynccontextmanager
    async def _task(self, name: str) -> AsyncIterator[FeedTask]:
        feed = self.config.feed(name)
        async with scope(self.parts.engine, self.job.landlord) as conn:
            state = await get_feed_state(conn, landlord=self.job.landlord, feed=name)
            order = await order_of(conn, self.parts.engine, self.config, feed, state)
            approved = await approved_hold(
                conn, feed, landlord=self.job.landlord, run_id=self.run.id, now=self.parts.clock.now()
            )
        cursor = state.cursor_for(feed.mapping_version, feed.connector) if state else None
        async with open_connector(self.parts, self.job.landlord, self.config, feed.connector) as connector:
            with disk_trouble_named(), spool_folder(self.parts.work_dir / "spool") as folder:
                yield FeedTask(
                    parts=replace(self.parts, raw_days=self.config.identity.keep_raw_days),
                    landlord=self.job.landlord,
                    run_id=self.run.id,
                    config=feed,
                    feed=self.config.build_feed(name, today=today(self.parts.clock, self.config.identity.time_zone)),
                    connector=connector,
                    fence=self._fence,
                    cursor=cursor,
                    known=state is not None,
                    source_before=state.source if state else None,
                    folder=folder,
                    progress=Progress(self._begun(name)),
                    approved=approved,
                    order=order,
                    on_top=on_top_of(self.config, name),
                    match_days=self.config.payments.match_days,
                )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with scope(self.parts.engine, self.job.landlord) as conn:
            yield conn
            await self._fence(conn)

    async def _fence(self, conn: Connection) -> None:
        held = await job_rows.extend_lease(conn, self.job.claimed, lease_seconds=self.runtime.lease_seconds)
        if held != "held":
            raise LeaseLostError(f"job {self.job.id} is another worker's now")


def _outcome(reports: Collection[FeedRun]) -> Literal["done", "held", "failed"]:
    """What became of a run whose feeds have all ended."""
    bad = [report for report in reports if report.state not in _GOOD]
    if not bad:
        return "done"
    return "held" if all(report.hold_id is not None for report in bad) else "failed"


def _is_settled(report: FeedRun) -> bool:
    """Whether an earlier attempt brought this feed to an end that another attempt would not change."""
    return report.state in _GOOD or (report.finished_at is not None and report.error_code not in _codes(RetryableError))


def _codes(kind: type[HubError]) -> set[str]:
    return {kind.code}.union(*(_codes(one) for one in kind.__subclasses__()))
