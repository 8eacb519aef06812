"""Spans by OpenTelemetry, sent as OTLP over HTTP (protobuf) to a collector of the operator's: Tempo, Jaeger, or any other.

Nothing of it is imported unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. The SDK's own variables hold for the rest (headers, certificates, sampler,
service name). A thread of the SDK sends in batches; a collector that is away costs spans and no request.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from crypto_api.kit import log, tracing
from crypto_api.kit.tracing import ATTRIBUTES, Kind, Span, Value
from mongodb_config import measuring

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan

FLUSH_S_MAX = 3.0
_logger = log.get(__name__)


@asynccontextmanager
async def traced(process: str, endpoint: str) -> AsyncIterator[None]:
    """Inside, spans of this process are sent to the collector at `endpoint`; where that is empty, nothing happens. Begin it before the database is
    connected."""
    if not endpoint:
        yield
        return
    provider = _provider(process, endpoint)
    tracer = _Tracer(provider)
    tracing.install(tracer)
    measuring.watchers.append(tracer.database)
    measuring.watch_units(lambda: tracing.part("unit of work"))
    _logger.info("traces_are_sent")
    try:
        yield
    finally:
        measuring.watchers.remove(tracer.database)
        measuring.watch_units()
        tracing.install(None)
        await ended_by(provider.shutdown)


def _provider(process: str, endpoint: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"coffer-{process}"}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", session=otlp_session("TRACES"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def otlp_session(signal: str) -> "requests.Session":
    """By which the exporter of `signal` (`TRACES`, `LOGS`) asks. Where an authority is named for the collector no other is believed: `requests` would
    let REQUESTS_CA_BUNDLE go before it."""
    import requests

    session = requests.Session()
    names = (f"OTEL_EXPORTER_OTLP_{signal}_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")
    session.trust_env = not any(os.environ.get(name) for name in names)
    return session


async def ended_by(shutdown: Callable[[], None]) -> None:
    """What waits is sent, if that is quick: a collector that hangs does not hold up the end of the process."""
    done, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        shutdown()
        with contextlib.suppress(RuntimeError):  # the loop did not wait
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=end, name="last of telemetry", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), FLUSH_S_MAX)


class _Span:
    def __init__(self, span: "OtelSpan") -> None:
        self._span = span

    def set(self, name: str, value: Value) -> None:
        if name not in ATTRIBUTES:
            raise KeyError(name)
        self._span.set_attribute(name, value)


class _Tracer:
    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._tracer = provider.get_tracer("coffer")
        self._w3c = TraceContextTextMapPropagator()
        self._kinds = {kind: trace.SpanKind[kind.name] for kind in Kind}
        self.database = measuring.Watching(self._command)

    @contextmanager
    def span(self, name: str, kind: Kind, attributes: Mapping[str, Value], carried: str | None) -> Iterator[Span]:
        context = self._w3c.extract({"traceparent": carried}) if carried else None
        options: dict[str, Any] = {"kind": self._kinds[kind], "record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, context=context, **options) as current:
            ours = _Span(current)
            for key, value in attributes.items():
                ours.set(key, value)
            try:
                yield ours
            except BaseException as error:
                self._fail(current, type(error).__name__)
                raise

    def _fail(self, span: "OtelSpan", kind: str) -> None:
        span.set_attribute("error.type", kind)
        span.set_status(self._trace.StatusCode.ERROR)  # without what it says: that may name whom it concerns

    def carried(self) -> str | None:
        told: dict[str, str] = {}
        self._w3c.inject(told)
        return told.get("traceparent")

    def trace_id(self) -> str | None:
        context = self._trace.get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None

    def _command(self, command: str, collection: str | None, duration_ns: int, failed: str | None) -> None:
        """What the database has answered, as a part of what asked. Looks that nobody traces are none: a worker looks many times a second."""
        if not self._trace.get_current_span().is_recording():
            return
        ended = time.time_ns()
        name = f"{command} {collection}" if collection else command
        span = self._tracer.start_span(name, kind=self._kinds[Kind.CLIENT], start_time=ended - duration_ns)
        ours = _Span(span)
        ours.set("db.system.name", "mongodb")
        ours.set("db.operation.name", command)
        if collection:
            ours.set("db.collection.name", collection)
        if failed is not None:
            self._fail(span, failed)
        span.end(end_time=ended)
