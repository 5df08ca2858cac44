"""The one place that builds everything; every part, the clock included, is a parameter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from hub.config import Settings
from hub.domain.clock import Clock, SystemClock
from hub.errors import SettingsError
from hub.jobs import RUN_KIND, Bell, Handler, JobRuntime, NoBell, WorkerParts
from hub.jobs.metrics import JobMetrics
from hub.paying.cancel import handle_cancel
from hub.paying.check import handle_check
from hub.paying.parts import PAYMENTS, POSTINGS, PayingParts
from hub.paying.post import handle_batch, handle_post
from hub.paying.refund import REFUND_KIND, handle_refund
from hub.paying.rounds import ANSWERS_KIND, SETTLE_KIND, handle_answers, handle_settle, make_paying_round
from hub.paying.seen import handle_seen
from hub.paying.start import handle_start
from hub.paying.webhook import handle_webhook
from hub.registry import Registry
from hub.services.download import link_key
from hub.services.parts import ApiParts
from hub.store.blobs import BlobStore
from hub.store.engine import make_engine, role_url
from hub.store.handles import Engine
from hub.store.roles import Role
from hub.store.vault import Vault
from hub.sync.dead_run import end_run_of_dead_job
from hub.sync.night import handle_sync
from hub.sync.parts import SyncParts
from hub.telling.alerts import NOTIFY_KIND, NOTIFY_QUEUE
from hub.telling.metrics import FeedMetrics
from hub.telling.parts import TellingParts
from hub.telling.rounds import make_round
from hub.telling.send import handle_notify

SLOTS = {"sync": 16, NOTIFY_QUEUE: 2, PAYMENTS: 8, POSTINGS: 4}
"""Jobs at a time in one worker, by queue. A sync mostly waits for an ERP; a landlord's takes one slot at most."""
LEASE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class OperatorParts:
    """What the command line works with."""

    settings: Settings
    sync: SyncParts
    bell: Bell

    @property
    def paying(self) -> PayingParts:
        return PayingParts(self.sync, self.settings.public_url)

    async def close(self) -> None:
        self.bell.close()
        await self.sync.engine.dispose()


def engine_of(settings: Settings, role: Role, *, pool_size: int = 5) -> Engine:
    """An engine that connects as one role, for the event loop it is made in."""
    if not settings.database_url:
        raise SettingsError(
            "no database is running or named",
            hint="start `housing-hub up` (or `make demo`) in another terminal, or set HOUSING_HUB_DATABASE_URL",
        )
    url = role_url(settings.database_url, role, settings.load_master_key())
    return make_engine(url, role, pool_size=pool_size)


def build_sync(
    settings: Settings,
    *,
    clock: Clock | None = None,
    engine: Engine | None = None,
    metrics: CollectorRegistry | None = None,
) -> SyncParts:
    """What reading and applying feeds needs."""
    return SyncParts(
        engine=engine or engine_of(settings, Role.SYNC),
        vault=Vault(settings.load_master_key()),
        blobs=BlobStore(settings.blob_url),
        registry=Registry.load(settings.plugins),
        clock=clock or SystemClock(),
        work_dir=settings.data_dir.absolute() / "work",
        metrics=FeedMetrics(metrics),
    )


def build_telling(settings: Settings, sync: SyncParts) -> TellingParts:
    """What telling people needs."""
    return TellingParts(
        engine=sync.engine,
        vault=sync.vault,
        registry=sync.registry,
        clock=sync.clock,
        smtp_url=settings.smtp_url,
        mail_from=settings.mail_from,
        metrics=sync.metrics,
    )


def build_operator(settings: Settings, *, bell: Bell | None = None, clock: Clock | None = None) -> OperatorParts:
    """What one command needs."""
    return OperatorParts(settings, build_sync(settings, clock=clock), bell or NoBell())


def build_worker(settings: Settings, *, bell: Bell | None = None, clock: Clock | None = None) -> WorkerParts:
    """A worker's or scheduler's parts, to be made inside the event loop that uses them."""
    clock = clock or SystemClock()
    dispatch = engine_of(settings, Role.DISPATCH)
    shown = CollectorRegistry()
    engine = engine_of(settings, Role.SYNC, pool_size=sum(SLOTS.values()) + 2)
    sync = build_sync(settings, clock=clock, engine=engine, metrics=shown)
    telling = build_telling(settings, sync)
    paying = PayingParts(sync, settings.public_url)
    runtime = JobRuntime(
        dispatch_engine=dispatch,
        sync_engine=sync.engine,
        clock=clock,
        handlers={
            "sync": partial(handle_sync, parts=sync),
            NOTIFY_KIND: partial(handle_notify, parts=telling),
            **_paying_handlers(paying),
        },
        bell=bell or NoBell(),
        metrics=JobMetrics(shown),
        lease_seconds=LEASE_SECONDS,
        on_death={RUN_KIND: partial(end_run_of_dead_job, clock=clock)},
    )
    close = _closing(bell, dispatch, sync.engine)

    async def rounds() -> None:
        await make_round(telling)
        await make_paying_round(paying)

    return WorkerParts(runtime=runtime, slots=SLOTS, close=close, rounds=rounds)


def _paying_handlers(paying: PayingParts) -> dict[str, Handler]:
    return {
        kind: partial(handle, parts=paying)
        for kind, handle in {
            "pay.start": handle_start,
            "pay.check": handle_check,
            "pay.cancel": handle_cancel,
            "pay.webhook": handle_webhook,
            "pay.seen": handle_seen,
            REFUND_KIND: handle_refund,
            SETTLE_KIND: handle_settle,
            "erp.post": handle_post,
            "erp.batch": handle_batch,
            ANSWERS_KIND: handle_answers,
        }.items()
    }


def _closing(bell: Bell | None, *engines: Engine) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        for engine in engines:
            await engine.dispose()
        if bell is not None:
            bell.close()

    return close


def build_api(settings: Settings, *, bell: Bell | None = None, clock: Clock | None = None) -> ApiParts:
    """An API process's parts, to be made inside its event loop."""
    master_key = settings.load_master_key()
    return ApiParts(
        engine=engine_of(settings, Role.API, pool_size=10),
        blobs=BlobStore(settings.blob_url),
        vault=Vault(master_key),
        link_key=link_key(master_key),
        clock=clock or SystemClock(),
        profile=settings.profile,
        public_url=settings.public_url,
        metrics=CollectorRegistry(),
        bell=bell or NoBell(),
    )
