"""A worker or scheduler as a process: signals, its end within ten seconds, and the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from hub.errors import HubError, SetupError
from hub.jobs import Alarm
from hub.worker.bell import TASK, celery_queue, make_app
from hub.worker.house import House, bootstep
from hub.worker.serve import Built, serve_jobs, serve_schedules

_log: Final = structlog.get_logger(__name__)
LEAVE_SECONDS: Final = 9.5
FAILED: Final = 1
NOT_SET_UP: Final = 3


def run_worker(
    build: Built, *, queues: Sequence[str], broker_url: str | None = None, health_port: int | None = None
) -> int:
    """Do jobs until SIGTERM or Ctrl-C; gives the exit code. With a broker the bell wakes it, without one it polls."""
    if broker_url:
        return _run_celery(build, queues, broker_url, health_port)

    async def poll(stop: asyncio.Event) -> None:
        alarms = {queue: Alarm() for queue in queues}
        await serve_jobs(build, alarms=alarms, ready=_tell_ready, stop=stop, health_port=health_port)

    return _run_alone(poll)


def run_scheduler(build: Built, *, health_port: int | None = None) -> int:
    """Make due schedules into jobs until SIGTERM or Ctrl-C; gives the exit code."""
    return _run_alone(lambda stop: serve_schedules(build, stop=stop, health_port=health_port))


def _run_alone(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> int:
    async def until_told() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def leave() -> None:
            leave_in_time()
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, leave)
        await work(stop)

    try:
        asyncio.run(until_told())
    except HubError as error:
        return _tell_failure(error)
    return 0


def _run_celery(build: Built, queues: Sequence[str], broker_url: str, health_port: int | None) -> int:
    from celery import signals

    house = House(build, queues, health_port=health_port, ended=_stop_myself)
    app = make_app(broker_url)
    app.steps["worker"].add(bootstep(house))
    app.task(name=TASK)(house.ring)
    signals.setup_logging.connect(_keep_our_logs)
    signals.worker_shutting_down.connect(_leave_on_signal)
    worker = app.Worker(
        pool="threads",
        concurrency=1,
        queues=[celery_queue(queue) for queue in queues],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    house.stop()
    if house.failure is not None:
        return _tell_failure(house.failure)
    if worker.exitcode:  # Celery gives up on a broker that refuses a password; the work does not need it
        _log.error(
            "the broker refuses us: polling", hint="is HOUSING_HUB_BROKER_URL right? Start the worker again then"
        )
        return run_worker(build, queues=queues, health_port=health_port)
    return 0


def leave_in_time() -> None:
    """Once asked to stop, be gone within ten seconds: a thread in a hung call cannot be stopped otherwise.

    What it was doing is another worker's when its lease runs out.
    """
    timer = threading.Timer(LEAVE_SECONDS, os._exit, [FAILED])
    timer.daemon = True
    timer.start()


def _leave_on_signal(**told: Any) -> None:
    leave_in_time()


def _keep_our_logs(**told: Any) -> None:
    """A receiver keeps Celery from setting up logs of its own."""


def _stop_myself() -> None:
    """The house is down: a consumer alone would ring for nobody."""
    os.kill(os.getpid(), signal.SIGTERM)


def _tell_ready() -> None:
    _log.info("worker ready", bell=False)


def _tell_failure(error: BaseException) -> int:
    known = isinstance(error, HubError)
    _log.error("stopped", reason=str(error) if known else type(error).__name__)
    print(error if known else type(error).__name__, file=sys.stderr)  # noqa: T201  # for who started it by hand
    return exit_code(error)


def exit_code(error: BaseException) -> int:
    """The command's codes (docs/operations.md): whether someone has to put a setting right."""
    return NOT_SET_UP if isinstance(error, SetupError) else FAILED
