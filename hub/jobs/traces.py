"""Spans from a schedule's tick to the rows applied, where OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing at all.

Context travels in a job's payload as W3C `traceparent`. Spans hold names and numbers of ours, never a row's values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
CARRIED: Final = "traceparent"


class _Tracing:
    """The process's tracer. OpenTelemetry is not even imported while there is none."""

    tracer: Tracer | None = None


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """Give spans to a tracer while the block lasts."""
    before, _Tracing.tracer = _Tracing.tracer, tracer
    try:
        yield
    finally:
        _Tracing.tracer = before


@contextmanager
def exporting(process: str) -> Iterator[None]:
    """Send spans by OTLP over HTTP, as OpenTelemetry's own variables say; off without endpoint."""
    if not os.environ.get(ENDPOINT):
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME") or f"housing-hub-{process}"
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        with tracing(provider.get_tracer("housing-hub")):
            yield
    finally:
        provider.shutdown()


@contextmanager
def span(name: str, *, parent: Mapping[str, Any] | None = None, **attributes: str | int) -> Iterator[None]:
    """A span around a block; an error in it marks it by its class alone. `parent`: a payload `carried` was put into."""
    if _Tracing.tracer is None:
        yield
        return
    from opentelemetry.trace import Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = TraceContextTextMapPropagator().extract(parent) if parent and CARRIED in parent else None
    named = {f"housing_hub.{key}": value for key, value in attributes.items()}
    with _Tracing.tracer.start_as_current_span(
        name, context=above, attributes=named, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def carried() -> dict[str, str]:
    """What a job's payload takes along of the current span; empty where there is none."""
    carrier: dict[str, str] = {}
    if _Tracing.tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(carrier)
    return carrier
