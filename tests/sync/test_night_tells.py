"""A real night asks for its messages in the transaction of its end, is counted, and is one trace."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hub.jobs.traces import tracing

SFTP = "cite-des-tilleuls"
NOTIFY = '\n[[notify]]\nmail = ["it@example.org"]\n'


async def test_a_night_that_cannot_log_in_is_told_once_and_counted(house: Any) -> None:
    await house.apply(SFTP, lambda text: text.replace('user = "', 'user = "not-') + NOTIFY)
    for _ in range(3):
        run = await house.sync(SFTP, "sites")
        assert run.state == "failed"
    asked = await house.rows(SFTP, "select payload from job where kind = 'notify'")
    assert [row.payload["event"] for row in asked] == ["problem"]
    assert asked[0].payload["run_id"] == run.id - 2
    counted = house.runtime.metrics.registry.get_sample_value
    assert counted("hub_feed_runs_total", {"landlord": SFTP, "feed": "sites", "state": "failed"}) == 3

    await house.apply(SFTP, lambda text: text + NOTIFY)
    assert (await house.sync(SFTP, "sites")).state == "done"
    asked = await house.rows(SFTP, "select payload from job where kind = 'notify' order by id")
    assert [row.payload["event"] for row in asked] == ["problem", "recovered"]


async def test_a_night_is_one_trace_from_job_to_apply(house: Any) -> None:
    await house.apply(SFTP)
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with tracing(provider.get_tracer("test")):
        await house.sync(SFTP, "sites")
    provider.shutdown()
    spans = [one for one in kept.get_finished_spans() if one.context]
    named = {one.context.span_id: one.name for one in spans if one.context}
    above = {one.name: one.parent and named[one.parent.span_id] for one in spans}
    assert len({one.context.trace_id for one in spans if one.context}) == 1
    steps = ("discover", "fetch", "read", "stage", "apply")
    assert above == {"job": None, "run": "job", "feed": "run"} | dict.fromkeys(steps, "feed")
