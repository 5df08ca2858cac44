"""The health server: answers those who ask properly, and outlives those who do not."""

from __future__ import annotations

import asyncio

import pytest

from hub.errors import SettingsError
from hub.jobs.health import Health
from hub.jobs.loop import Pulse
from hub.jobs.metrics import JobMetrics
from hub.jobs.scheduler import Beat
from hub.worker.health import HealthServer


async def _ask(port: int | None, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_process_in_trouble_is_not_ready_and_says_why() -> None:
    health = Health(pulses={"sync": Pulse(slots=1)}, beat=Beat())
    health.pulses["sync"].last_claim -= 100
    assert health.beat is not None
    health.beat.last_tick -= 40
    async with HealthServer(health, JobMetrics(), 0) as server:
        answer = await _ask(server.port, b"GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n")
        alive = await _ask(server.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"queue sync: no successful claim for 100 s" in answer
    assert b"no look at the schedules for 40 s" in answer
    assert alive.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_head_request_gets_no_content() -> None:
    async with HealthServer(Health(), JobMetrics(), 0) as server:
        answer = await _ask(server.port, b"HEAD /healthz HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("nonsense", [b"\r\n\r\n", b"\x16\x03\x01\xff\xfe\r\n\r\n", b"GET\r\n\r\n"])
async def test_nonsense_is_refused_and_the_next_request_answered(nonsense: bytes) -> None:
    async with HealthServer(Health(), JobMetrics(), 0) as server:
        assert (await _ask(server.port, nonsense)).split(b" ")[1] in (b"404", b"405")
        assert b"200 OK" in await _ask(server.port, b"GET /healthz HTTP/1.1\r\n\r\n")


async def test_an_endless_request_is_cut_off() -> None:
    async with HealthServer(Health(), JobMetrics(), 0) as server:
        assert await _ask(server.port, b"GET /" + b"x" * 20_000) == b""


async def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    async with HealthServer(Health(), JobMetrics(), 0) as server:
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{server.port}"):
            await HealthServer(Health(), JobMetrics(), server.port).__aenter__()


async def test_without_a_port_nothing_listens() -> None:
    async with HealthServer(Health(), JobMetrics(), None) as server:
        assert server.port is None
