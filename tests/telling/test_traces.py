"""One trace from the schedule's tick to the rows applied, and nothing at all where nobody asked for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hub.jobs.traces import carried, span, tracing


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced during the test."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with tracing(provider.get_tracer("test")):
        yield kept
    provider.shutdown()


def _by_name(kept: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {one.name: one for one in kept.get_finished_spans()}


def test_a_job_goes_on_with_the_trace_of_the_tick_that_asked_for_it(spans: InMemorySpanExporter) -> None:
    with span("schedule tick", landlord="aubes"):
        payload = {"slot": "x", **carried()}
    with span("job", parent=payload, attempt=2), span("run"):
        pass
    found = _by_name(spans)
    assert len({one.context.trace_id for one in found.values() if one.context}) == 1
    parents = {name: one.parent and one.parent.span_id for name, one in found.items()}
    ids = {name: one.context.span_id for name, one in found.items() if one.context}
    assert parents == {"schedule tick": None, "job": ids["schedule tick"], "run": ids["job"]}
    assert dict(found["job"].attributes or {}) == {"housing_hub.attempt": 2}


def test_an_error_marks_its_span_by_its_class_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Madame Personne"), span("read"):
        raise ValueError("Madame Personne")
    (one,) = spans.get_finished_spans()
    assert (one.status.is_ok, one.status.description, one.events) == (False, "ValueError", ())


def test_without_an_endpoint_opentelemetry_is_not_even_imported() -> None:
    program = (
        "import sys\nfrom hub.jobs.traces import carried, exporting, span\n"
        "with exporting('worker'), span('job', parent={'traceparent': 'x'}):\n    assert carried() == {}\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={})
