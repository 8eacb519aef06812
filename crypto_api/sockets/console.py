"""One open socket as the hub sees it: who it is, what it may see, how far it was served, and what waits to be sent to it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from crypto_api.organizations.types import Principal
from crypto_api.sockets.timing import TOLD_AT_ONCE

OUTBOX_MAX = 2_000  # frames; a socket that lets more pile up is closed and may come back and resume

OVERFLOW = 4408
UNAUTHENTICATED = 4401
FORBIDDEN = 4403
BAD_FRAME = 4400
TRY_LATER = 1013
AWAY = 1012  # the server restarts


@dataclass(frozen=True)
class View:
    """What a console may see of the log: kinds with this prefix, for which it has the permission (None: everything)."""

    permissions: frozenset[str] | None
    prefix: str = ""

    def shows(self, kind: str, permission: str) -> bool:
        return kind.startswith(self.prefix) and (self.permissions is None or permission in self.permissions)


@dataclass(frozen=True)
class Closing:
    code: int
    reason: str


State = Callable[["Console"], Awaitable[dict[str, Any]]]


class Console:
    """`sent` is the last number handed to the socket. While `live`, the hub puts frames into the outbox; otherwise the socket's writer
    pages through the log until it has caught up. There is one writer, so frames leave in the order of their numbers.
    """

    __slots__ = (
        "_outbox",
        "_waiter",
        "again",
        "asked",
        "closing",
        "follow",
        "gap",
        "heard_at",
        "live",
        "org_id",
        "principal",
        "sent",
        "spoke",
        "start",
        "state_key",
        "view",
    )

    def __init__(
        self, principal: Principal, org_id: str, view: View, *, heard_at: float, state_key: Hashable = None, follow: State | None = None
    ) -> None:
        self.principal = principal
        self.org_id = org_id
        self.view = view
        self.state_key = state_key  # consoles of one organisation with the same key are shown the same state
        self.follow = follow  # reads the state that is told again and again, where the console is of that kind
        self.sent = self.start = 0  # set when it joins its channel
        self.gap: tuple[int, int] | None = None  # (after, up to) to be replayed before going on behind `sent`
        self.asked: int | None = None  # a resume that the writer has not yet begun
        self.again = False  # that one stands for several: what was told on this line is told again
        self.live = False
        self.spoke = False
        self.heard_at = heard_at
        self.closing: Closing | None = None
        self._outbox: deque[tuple[int | None, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, frame: str, seq: int | None = None, *, wake: bool = True) -> None:
        """Queues a frame for the writer. A full outbox closes the socket: others must not wait for it. Without `wake` it is sent when the writer
        is woken, or looks by itself."""
        if self.closing is not None:
            return
        if len(self._outbox) >= OUTBOX_MAX:
            self.close(OVERFLOW, "too slow: come back and resume")
            return
        self._outbox.append((seq, frame))
        if wake:
            self.wake()

    def resume(self, after: int) -> None:
        """Of two that wait for their answer, each may want what the other does not: both are answered by everything behind the earlier number."""
        if self.asked is not None and self.asked != after:
            self.again = True
        self.asked = after if self.asked is None else min(self.asked, after)
        self.wake()

    def heard(self, now: float) -> None:
        """The client said something."""
        self.heard_at = now
        self.spoke = True
        self.wake()

    def close(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = Closing(code, reason)
            self.hold()
            self.wake()

    def hold(self) -> None:
        """No longer live: events that wait in the outbox are dropped, and paged from the log again if they are still due."""
        self.live = False
        self._outbox = deque(item for item in self._outbox if item[0] is None)

    def question(self) -> tuple[int, bool]:
        """The number behind which is asked for, and whether several asked; from here on it is being answered."""
        assert self.asked is not None, "nobody asked"
        asked = self.asked, self.again
        self.asked, self.again = None, False
        return asked

    def begin_resume(self, after: int, *, again: bool = False) -> None:
        """Go on behind `after`. A client that came back, but asked only after live frames had left, gets what lies before those and no
        frame twice, each naming the one before it in the log; one that names a number of this very socket gets again what followed it, and
        so does one that asked before its question of before was answered (`again`, or a gap that is left)."""
        self.hold()
        if after < self.start < self.sent and self.gap is None and not again:
            self.gap = (after, self.start)
        else:
            self.sent, self.gap = after, None
        self.start = min(self.start, after)

    def take(self) -> str | None:
        """The next frame that waits, if any."""
        if not self._outbox:
            return None
        seq, frame = self._outbox.popleft()
        if seq is not None:
            self.sent = seq
        return frame

    async def woken(self) -> None:
        """Returns when there may be something to do for the writer."""
        if not self._outbox and self.closing is None and self.asked is None:
            await self._pause()

    async def first_word(self) -> None:
        """Returns when the client has said something, in the address or since, or is to be closed."""
        while not self.spoke and self.asked is None and self.closing is None:
            await self._pause()

    async def _pause(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def wake(consoles: Iterable[Console]) -> None:
    """Some in each turn of the event loop: thousands of writers in one would hold up whoever asks something else."""
    for number, console in enumerate(consoles, 1):
        console.wake()
        if number % TOLD_AT_ONCE == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0)  # or what follows would come into the turn of the last
