"""The log of one organisation as this process serves it: a window of the last events in memory, and who looks at it."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from crypto_api.events import store
from crypto_api.events.documents import Event
from crypto_api.sockets import frames
from crypto_api.sockets.console import Console, View, wake

PAGE = 500
WINDOW = 1_000


class Log(Protocol):
    """The log as it is served; in the database it is `events/store.py`."""

    async def after(self, org_id: str, seq: int, limit: int) -> list[Event]: ...

    async def latest(self, org_id: str, limit: int) -> list[Event]: ...

    async def head(self, org_id: str) -> int: ...

    async def seq_visible_at(self, org_id: str, seq: int, permissions: Iterable[str] | None, kind_prefix: str = "") -> int: ...


class LoggedEvent:
    """An event with its frames: encoded once for each `prev`, whoever it goes to."""

    __slots__ = ("_at", "_data", "_frames", "kind", "permission", "seq")

    def __init__(self, row: Event) -> None:
        assert row.seq is not None, "only numbered events are served"
        self.seq = row.seq
        self.kind = row.kind
        self.permission = row.permission
        self._at: datetime = row.created_at
        self._data: dict[str, Any] = row.data
        self._frames: dict[int, str] = {}

    def frame(self, prev: int) -> str:
        if prev not in self._frames:
            self._frames[prev] = frames.encode(self.kind, self._at, self._data, seq=self.seq, prev=prev)
        return self._frames[prev]


class Channel:
    """`last` is the number up to which consoles were served. Between two awaits everything here is consistent: numbers are handed out and
    `last` is moved in one step, without a pause in which a console could join or go live."""

    def __init__(self, org_id: str, log: Log = store) -> None:
        self.org_id = org_id
        self._log = log
        self.consoles: set[Console] = set()
        self.users = 0  # consoles, and those that are about to be
        self.last = 0
        self.ring = asyncio.Event()
        self._window: deque[LoggedEvent] = deque(maxlen=WINDOW)
        self._visible: dict[View, int] = {}  # the last number up to `last` that a view shows
        self._lock = asyncio.Lock()
        self._open = False

    async def join(self, console: Console) -> None:
        """From here on `console.sent` is the head that it was told, and nothing behind it will be missed."""
        async with self._lock:
            if not self._open:
                self._keep([LoggedEvent(row) for row in await self._log.latest(self.org_id, WINDOW)])
                self._open = True
            if console.view not in self._visible:
                self._visible[console.view] = await self._seq_visible_at(console.view, self.last)
            console.sent = console.start = self.last
            self.consoles.add(console)

    async def advance(self) -> None:
        """Serves everything behind `last` to those who are live."""
        async with self._lock:
            while self._open:
                page = [LoggedEvent(row) for row in await self._log.after(self.org_id, self.last, PAGE)]
                await wake(self._serve(page))
                if len(page) < PAGE:
                    return

    def _serve(self, page: Sequence[LoggedEvent]) -> list[Console]:
        """Those who have something to send, and are to be woken."""
        live = defaultdict(list)
        for console in self.consoles:
            if console.live:
                live[console.view].append(console)
        for view, prev in self._visible.items():
            for event in page:
                if not view.shows(event.kind, event.permission):
                    continue
                frame = event.frame(prev)
                for console in live[view]:
                    if event.seq > console.sent:
                        console.offer(frame, event.seq, wake=False)
                self._visible[view] = prev = event.seq
        self._keep(page)
        return [console for consoles in live.values() for console in consoles]

    def _keep(self, page: Sequence[LoggedEvent]) -> None:
        self._window.extend(page)
        if page:
            self.last = page[-1].seq

    async def head(self, at_least: int) -> int:
        """The last number of the organisation. Another process may have served more of the log than this one."""
        return self.last if at_least <= self.last else max(self.last, await self._log.head(self.org_id))

    async def missed(self, console: Console) -> list[str]:
        """The next frames for a console that is not live, perhaps none. As soon as nothing is left it is live, without a pause between."""
        if console.gap is None and console.sent >= self.last:
            console.live = True
            return []
        start, end = console.gap or (console.sent, None)
        prev = await self._seq_visible_at(console.view, start)
        while end is None or start < end:
            page = [event for event in await self._page_after(start) if end is None or event.seq <= end]
            if not page:
                break
            shown = []
            for event in page:
                if console.view.shows(event.kind, event.permission):
                    shown.append(event.frame(prev))
                    prev = event.seq
            start = page[-1].seq
            self._note_progress(console, start)
            if shown:
                return shown
        console.gap = None
        return []

    @staticmethod
    def _note_progress(console: Console, seq: int) -> None:
        if console.gap is not None:
            console.gap = (seq, console.gap[1])
        else:
            console.sent = seq

    async def _page_after(self, seq: int) -> list[LoggedEvent]:
        if seq >= self.last:
            return []
        if self._window and self._window[0].seq <= seq + 1:
            first = seq + 1 - self._window[0].seq  # the window has no gaps
            return [self._window[index] for index in range(first, min(first + PAGE, len(self._window)))]
        return [LoggedEvent(row) for row in await self._log.after(self.org_id, seq, PAGE)]

    async def _seq_visible_at(self, view: View, seq: int) -> int:
        for event in reversed(self._window):
            if event.seq <= seq and view.shows(event.kind, event.permission):
                return event.seq
        return await self._log.seq_visible_at(self.org_id, seq, view.permissions, view.prefix)
