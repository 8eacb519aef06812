"""In front of Django, behind the guards: no more requests at work at a time than one process gets on with, and a queue that is worth the wait.

Without it everybody waits for everybody: at five times what a process can do each answer comes later than the one before, until all give up on
answers that are still being made. With it most are answered as ever, and the rest hear at once when to come again (503 with `Retry-After`).

A queue that a burst left may take its second. One that stands is of no use, it only makes all wait: then nobody waits longer than a twentieth
(the controlled delay of Nichols and Jacobson, as Maurer describes it for servers in "Fail at Scale", ACM Queue 13(8), 2015).
"""

import asyncio
import time
from collections import deque
from functools import cache

from django.http import parse_cookie

from crypto_api.dashboard.views_errors import busy_page
from crypto_api.kit.languages import COOKIE, Language
from crypto_api.kit.measuring import ADMITTED_RUNNING, ADMITTED_WAITING, SHED
from crypto_project.processes import HEALTH_PATH
from crypto_project.refusal import App, Message, Receive, Refused, Scope, Send, refuse

BURST_WAIT_S = 1.0
STANDING_WAIT_S = 0.05
CALM_S = 2.0
"""So long nobody has to be sent away until a burst may wait its second again: else the queue would grow and be thrown away in turn."""

PLACE_S = 1.0
"""After that a request waits for somebody else, a node or a mail server: its place is another's, until `SLOW_TIMES` as many are at it."""

SLOW_TIMES = 4
RETRY_AFTER_S = 2
APART = (HEALTH_PATH, "/static/")
"""What tells that the process lives, and what is read from memory. Consoles are sockets, and no requests."""


class Admission:
    """`running_max`: requests at work at a time; `waiting_max`: how many more may wait for one of their places."""

    def __init__(self, app: App, *, running_max: int, waiting_max: int) -> None:
        self._app, self._running_max, self._waiting_max = app, running_max, waiting_max
        self._running = self._at_it = 0  # who has a place; who has not come to an end
        self._queue: deque[tuple[asyncio.Future[bool], float]] = deque()
        self._queued_since = 0.0
        self._shed_at = -CALM_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(APART):
            await self._app(scope, receive, send)
        elif reason := await self._refused():
            SHED.labels(reason).inc()
            self._shed_at = time.monotonic()
            await _send_away(scope, send)
        else:
            await self._admitted(scope, receive, send)

    async def _refused(self) -> str:
        """Empty as soon as there is a place, which then is taken."""
        if self._running < self._running_max and not self._queue:
            self._take()
            return ""
        if len(self._queue) >= self._waiting_max:
            return "queue_full"
        return "" if await self._waited() else "waited_too_long"

    async def _waited(self) -> bool:
        loop, now = asyncio.get_running_loop(), time.monotonic()
        if not self._queue:
            self._queued_since = now
        turn: asyncio.Future[bool] = loop.create_future()
        self._queue.append((turn, now))
        ADMITTED_WAITING.set(len(self._queue))
        patience = loop.call_later(self._patience_s(now), _settle, turn, False)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._give_on()
                self._at_it -= 1
            raise
        finally:
            patience.cancel()
            while self._queue and self._queue[0][0].done():
                self._queue.popleft()

    def _patience_s(self, now: float) -> float:
        """How long it is worth to wait. A queue that stands never gets shorter by waiting."""
        standing = now - self._queued_since > BURST_WAIT_S or now - self._shed_at < CALM_S
        return STANDING_WAIT_S if standing else BURST_WAIT_S

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        held = True

        def let_go() -> None:
            nonlocal held
            if held:
                held = False
                self._give_on()

        def slow() -> None:
            if self._at_it < SLOW_TIMES * self._running_max:
                let_go()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                let_go()  # the work is done: how fast the client reads is its own affair
            await send(message)

        clock = asyncio.get_running_loop().call_later(PLACE_S, slow)
        try:
            await self._app(scope, receive, sending)
        finally:
            clock.cancel()
            self._at_it -= 1
            let_go()

    def _take(self) -> None:
        self._running += 1
        self._at_it += 1
        ADMITTED_RUNNING.set(self._running)

    def _give_on(self) -> None:
        """The place is free: whoever has waited longest has it, unless they have waited too long to be glad of it."""
        self._running -= 1
        now = time.monotonic()
        while self._queue and self._running < self._running_max:
            turn, since = self._queue.popleft()
            if turn.done():
                continue
            comes = now - since <= self._patience_s(now)
            if comes:
                self._take()
            turn.set_result(comes)
        ADMITTED_RUNNING.set(self._running)
        ADMITTED_WAITING.set(len(self._queue))


def _settle(turn: asyncio.Future[bool], result: bool) -> None:
    if not turn.done():
        turn.set_result(result)


async def _send_away(scope: Scope, send: Send) -> None:
    """The connection stays: to open another would be more work than this answer."""
    headers = dict(scope["headers"])
    told = {"Retry-After": str(RETRY_AFTER_S)}
    if b"text/html" not in headers.get(b"accept", b"") or scope["path"].startswith("/api/"):
        detail = f"More is asked of this server than it can do at the moment. Nothing was changed. Come again in {RETRY_AFTER_S} s."
        await refuse(send, scope, Refused(503, "overloaded", "Service Unavailable", detail, **told), closing=False)
        return
    if scope["method"] == "GET":
        told["Refresh"] = str(RETRY_AFTER_S)
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    page = _page(Language(chosen) if (chosen := cookies.get(COOKIE)) in set(Language) else Language.ENGLISH)
    await refuse(send, scope, Refused(503, "overloaded", "Service Unavailable", "", **told), closing=False, page=page)


@cache
def _page(language: Language) -> bytes:
    """Made once: there is no time for it when it is needed."""
    return busy_page(language)
