"""Structured JSON logs: one object a line, with the request or job id of whatever is running.

`crypto_accounting.log` holds everything, `security.log` what concerns access. Neither ever holds a secret: the processor below
blanks known names before anything is written.
"""

import logging
import logging.handlers
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

from crypto_api.kit import tracing

SECRET_NAMES = frozenset(
    {"password", "new_password", "current_password", "private_key", "token", "access", "refresh", "ticket", "secret", "authorization", "key"}
)

_FILE_MODE = 0o640
"""Of each file, whatever the umask says: nobody but its user writes, nobody but its group reads."""

bound = bound_contextvars
"""`with bound(request_id=…):` every line inside carries it."""


def _without_secrets(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name in SECRET_NAMES & event.keys():
        event[name] = "[hidden]"
    return event


def _with_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if (trace_id := tracing.trace_id()) is not None:
        event["trace_id"] = trace_id
    return event


def _json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _handler(path: Path, formatter: logging.Formatter) -> logging.Handler:
    path.touch(mode=_FILE_MODE)
    if path.stat().st_uid == os.geteuid():
        path.chmod(path.stat().st_mode & _FILE_MODE)
    # WatchedFileHandler: several processes append to one file (O_APPEND, a line a write), and rotation is the operator's
    handler = logging.handlers.WatchedFileHandler(path, encoding="utf-8")
    handler.setFormatter(formatter)
    return handler


def configure(log_dir: Path, *, process: str, console: bool = False) -> None:
    """Sets up logging of this process. Call once, before anything logs."""
    log_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
    shared: list[structlog.typing.Processor] = [
        merge_contextvars,
        _with_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(_json)],
    )
    root = logging.getLogger()
    root.handlers = [_handler(log_dir / "crypto_accounting.log", formatter)]
    root.setLevel(logging.INFO)
    logging.getLogger("security").handlers = [_handler(log_dir / "security.log", formatter)]
    if console:
        stream = logging.StreamHandler(sys.stderr)
        stream.setFormatter(formatter)
        root.addHandler(stream)
    for noisy in ("httpx", "httpcore", "websockets", "web3", "aiohttp.access", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)


@contextmanager
def also_to(handler: logging.Handler) -> Iterator[None]:
    """Inside, every line of this process goes to `handler` as well, as it stands in the file. After `configure`."""
    root = logging.getLogger()
    handler.setFormatter(root.handlers[0].formatter if root.handlers else None)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def get(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


security: structlog.stdlib.BoundLogger = get("security")
"""Every security event: log-ins, refusals, revocations."""
