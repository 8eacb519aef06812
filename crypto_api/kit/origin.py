"""Where what is being done comes from: the request or job at hand. Bound by the edges, read by the audit log.

Ambient like the request id in the logs, because every change of the product would otherwise carry it as one more argument to no end of
its own. It decides nothing: rights come from the `Principal` that is handed down.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Origin:
    request_id: str | None = None
    ip: str | None = None
    device: str | None = None
    user_id: str | None = None
    user_name: str = ""  # as it is at this moment: the audit log keeps it
    session_id: str | None = None


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  it is frozen


def current() -> Origin:
    return _current.get()


@contextmanager
def of(origin: Origin) -> Iterator[None]:
    """Everything inside comes from there."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)


def identified(user_id: str, session_id: str | None, user_name: str = "") -> None:
    """From here on in this request or job it is known who acts."""
    _current.set(replace(_current.get(), user_id=user_id, session_id=session_id, user_name=user_name))
