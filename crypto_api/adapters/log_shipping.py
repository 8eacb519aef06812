"""The log, sent on while it is written: as OTLP over HTTP (protobuf) to a collector on another system, where nobody who gets into this one alters it.

Nothing of it is imported unless `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` is set. The SDK's own variables hold for certificates, headers and batches. A
thread of the SDK sends; what a collector that is away does not take is sent again for a while and then left out there, and stands in the files here.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from crypto_api.adapters.telemetry import ended_by, otlp_session
from crypto_api.kit import log

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

_logger = log.get(__name__)


@asynccontextmanager
async def shipped(process: str, endpoint: str) -> AsyncIterator[None]:
    """Inside, every line of this process's log goes to `endpoint` as well (`https://host:4318/v1/logs`); where that is empty, nothing happens."""
    if not endpoint:
        yield
        return
    provider = _provider(process, endpoint)
    try:
        with log.also_to(_Sending(provider)):
            _logger.info("log_is_shipped")
            yield
    finally:
        await ended_by(provider.shutdown)


def _provider(process: str, endpoint: str) -> "LoggerProvider":
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"coffer-{process}"}
    provider = LoggerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint, session=otlp_session("LOGS"))))
    return provider


class _Sending(logging.Handler):
    def __init__(self, provider: "LoggerProvider") -> None:
        from opentelemetry._logs import LogRecord, SeverityNumber

        super().__init__()
        self._record, self._severity = LogRecord, SeverityNumber
        self._to = provider.get_logger("coffer")

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "urllib3", "requests")):  # what sending itself says would be sent, and so on
            return
        severity = self._severity(max(1, min(record.levelno // 10 * 4 + 1, 21)))  # INFO 9, WARN 13, ERROR 17 (OpenTelemetry, "Logs Data Model")
        line = self._record(timestamp=int(record.created * 1e9), severity_text=record.levelname, severity_number=severity, body=self.format(record))
        self._to.emit(line)
