"""The house inside a Celery worker: an event loop in a thread of its own, beside the consumer.

A consumer without broker runs nothing; this loop polls all the same, and Celery only rings.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from hub.jobs import Alarm
from hub.worker.serve import Built, serve_jobs

_log: Final = structlog.get_logger(__name__)
_START_SECONDS: Final = 60.0
JOIN_SECONDS: Final = 9.0


class House:
    """Owns the thread. `ended` is called from it should the work end before it was asked to."""

    def __init__(
        self, build: Built, queues: Sequence[str], *, health_port: int | None, ended: Callable[[], None]
    ) -> None:
        self._build, self._queues, self._health_port, self._ended = build, queues, health_port, ended
        self._thread = threading.Thread(target=self._run, name="house", daemon=True)
        self._begun = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._alarms: dict[str, Alarm] = {}
        self._asked_to_stop = False
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start working; gives back once it does. Raises what stopped it from starting."""
        self._thread.start()
        self._begun.wait(_START_SECONDS)
        if self.failure is not None:
            raise self.failure

    def ring(self, queue: str) -> None:
        """Wake the loop of a queue, from any thread; one of a newer version is passed over."""
        alarm = self._alarms.get(queue)
        if self._loop is not None and alarm is not None and not self._asked_to_stop:
            self._loop.call_soon_threadsafe(alarm.set)

    def stop(self) -> None:
        """Finish or give back what runs, and wait for that. Harmless twice."""
        if not self._asked_to_stop and self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._asked_to_stop = True
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001  # told by whoever started us
            self.failure = error
        finally:
            self._begun.set()
            if not self._asked_to_stop:
                self._ended()

    async def _main(self) -> None:
        self._alarms = {queue: Alarm() for queue in self._queues}
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve_jobs(
            self._build, alarms=self._alarms, ready=self._begun.set, stop=self._stop, health_port=self._health_port
        )


def bootstep(house: House) -> type[Any]:
    """The worker's step: it starts after the pool and before the consumer, which blocks while there is no broker."""
    from celery import bootsteps

    class HouseStep(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
        requires = ("celery.worker.components:Pool",)

        def start(self, worker: Any) -> None:
            house.start()

        def stop(self, worker: Any) -> None:
            house.stop()

        terminate = stop

    return HouseStep
