"""Spans of what a process does, for whoever follows one request from the API through the queue to a worker. Off until an adapter is put in
(`adapters/telemetry.py`); a span then costs one comparison and nothing else.

A span says what kind of work took how long, never whose: its attributes are those of `ATTRIBUTES` and no others, so that neither an organisation, a
person, an address, an amount nor a token can stand in one by mistake. What an exception says is not told, only its kind.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import Protocol

ATTRIBUTES = frozenset(
    {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "db.system.name",
        "db.operation.name",
        "db.collection.name",
        "messaging.destination.name",  # the kind of a job
        "messaging.delivery_attempt",
        "rpc.system",
        "rpc.method",
        "coffer.network",
        "coffer.count",
        "error.type",
    }
)
Value = str | int


class Kind(StrEnum):
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    def set(self, name: str, value: Value) -> None:
        """KeyError for a name that is none of `ATTRIBUTES`."""


class Tracer(Protocol):
    def span(self, name: str, kind: Kind, attributes: Mapping[str, Value], carried: str | None) -> AbstractContextManager[Span]: ...

    def carried(self) -> str | None: ...

    def trace_id(self) -> str | None: ...


class _Nothing:
    def set(self, name: str, value: Value) -> None: ...


_NOTHING = _Nothing()
_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """From here on spans go there; None: nowhere."""
    global _tracer  # noqa: PLW0603  one of each process, as its log is
    _tracer = tracer


@contextmanager
def span(name: str, kind: Kind = Kind.INTERNAL, attributes: Mapping[str, Value] | None = None, *, carried: str | None = None) -> Iterator[Span]:
    """What runs inside is part of it. `carried`: what another process gave along by `carried()`; the span continues that trace."""
    if _tracer is None:
        yield _NOTHING
        return
    with _tracer.span(name, kind, attributes or {}, carried) as current:
        yield current


def part(name: str, kind: Kind = Kind.INTERNAL, attributes: Mapping[str, Value] | None = None) -> AbstractContextManager[Span]:
    """A span where it is part of another, else none: what is done again and again by itself would be more traces than anybody reads."""
    return nullcontext(_NOTHING) if _tracer is None or _tracer.trace_id() is None else _tracer.span(name, kind, attributes or {}, None)


def carried() -> str | None:
    """The current span as a W3C traceparent, to be given to another process of ours. None where there is none. It is given to nobody else: no request
    to a node, a webhook or a mail server says of which trace it is."""
    return _tracer.carried() if _tracer is not None else None


def trace_id() -> str | None:
    """Of the current span, 32 hexadecimal digits, for the log."""
    return _tracer.trace_id() if _tracer is not None else None
