"""The bell: never waits, never raises, and is quiet after a failure."""

from __future__ import annotations

import threading
import time
from collections import Counter

from hub.jobs import ThreadBell


class Broker:
    """Takes messages, slowly or not at all."""

    def __init__(self, *, down: bool = False) -> None:
        self.down, self.tried, self.messages = down, 0, list[str]()
        self.open = threading.Event()
        self.open.set()

    def publish(self, queue: str) -> None:
        self.tried += 1
        self.open.wait(10)
        if self.down:
            raise ConnectionError("broker down")
        self.messages.append(queue)


def test_a_ring_reaches_the_broker() -> None:
    broker = Broker()
    bell = ThreadBell(broker.publish)
    bell.ring("sync")
    bell.close(5)
    assert broker.messages == ["sync"]


def test_ringing_does_not_wait_for_a_broker_that_hangs() -> None:
    broker = Broker()
    broker.open.clear()
    bell = ThreadBell(broker.publish)
    began = time.monotonic()
    for _ in range(1000):
        bell.ring("sync")
    assert time.monotonic() - began < 0.5
    broker.open.set()
    bell.close(5)


def test_rings_for_a_message_still_to_be_sent_join_it() -> None:
    broker, counted = Broker(), Counter[str]()
    broker.open.clear()
    bell = ThreadBell(broker.publish)
    bell.report_to(lambda rung: counted.update([rung]))
    bell.ring("sync")
    while not broker.tried:
        time.sleep(0.001)
    for _ in range(5):
        bell.ring("sync")  # the first message is on its way already: one more is needed, not five
    bell.ring("post")
    broker.open.set()
    bell.close(5)
    assert broker.messages == ["sync", "sync", "post"]
    assert counted == {"sent": 3, "joined": 4}


def test_after_a_failure_the_bell_is_quiet_for_a_while_and_then_rings_again() -> None:
    broker, counted = Broker(down=True), Counter[str]()
    bell = ThreadBell(broker.publish, quiet_seconds=0.3)
    bell.report_to(lambda rung: counted.update([rung]))
    bell.ring("sync")
    while not counted["failed"]:
        time.sleep(0.001)
    bell.ring("sync")
    assert (broker.tried, counted["quiet"]) == (1, 1)
    broker.down = False
    time.sleep(0.35)
    bell.ring("sync")
    bell.close(5)
    assert broker.messages == ["sync"]


def test_a_closed_bell_drops_rings_and_closing_twice_is_harmless() -> None:
    broker = Broker()
    bell = ThreadBell(broker.publish)
    bell.close()
    bell.ring("sync")
    bell.close()
    assert broker.messages == []
