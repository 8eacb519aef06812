"""The consoles: admission, hello, the state they begin with, and from then on what the hub hands them."""

import asyncio
import contextlib
import time
from collections.abc import Hashable
from typing import Any, ClassVar

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from pymongo.errors import PyMongoError

from crypto_api.flows import console_state
from crypto_api.flows.verification_queue import verification_queue
from crypto_api.kit import log
from crypto_api.organizations.types import Permission, Principal, Role
from crypto_api.runtime import Runtime, runtime_of
from crypto_api.sockets import frames
from crypto_api.sockets.admission import Refused, admit
from crypto_api.sockets.console import BAD_FRAME, TRY_LATER, Closing, Console, View
from crypto_api.sockets.hub import EventHub
from crypto_api.sockets.serving import serve
from crypto_api.sockets.timing import (
    ADMISSION_S_MAX,
    CLOSE_S_MAX,
    FRAMES_AT_ONCE,
    FRAMES_PER_S,
    HEARTBEAT_S,
    READ_TURNS,
    RESUME_GRACE_S,
)
from crypto_api.tasks.events import KIND_PREFIX

_logger = log.get(__name__)


class ConsoleConsumer(AsyncConsumer):
    """One socket. Channels calls the `websocket_…` methods one after another; `_write` runs beside them and is the only one that sends."""

    permission: ClassVar[Permission | None] = None
    follows_state: ClassVar[bool] = False

    def __init__(self) -> None:
        self._console: Console | None = None
        self._writer: asyncio.Task[None] | None = None
        self._given_up = False
        self._allowance, self._counted_at = float(FRAMES_AT_ONCE), time.monotonic()

    # ---- what differs from console to console

    def view(self, principal: Principal) -> View:
        raise NotImplementedError

    async def state(self, console: Console) -> dict[str, Any]:
        raise NotImplementedError

    def shown_alike(self, principal: Principal) -> Hashable:
        """Members for whom this is equal are shown the same state."""
        return principal.permissions

    # ---- the connection

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self._runtime: Runtime = runtime_of(scope)
        self._hub: EventHub = scope["state"]["hub"]
        self._task = asyncio.current_task()
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self._given_up:
                raise
        finally:
            if self._console is not None:
                self._hub.leave(self._console)
            if self._writer is not None:
                self._writer.cancel()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own dispatch first closes connections of Django's ORM, in a thread, for every frame: here is no ORM.
        match message["type"]:
            case "websocket.connect":
                await self._connect()
            case "websocket.receive":
                self._receive(message.get("text"))
            case _:
                raise StopConsumer

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(ADMISSION_S_MAX):
                principal = await admit(self.scope, self._runtime, self.permission)
                resume = frames.resume_in_address(self.scope["after"])
                key = (type(self).__name__, self.shown_alike(principal))
                console = await self._hub.join(principal, self.view(principal), state_key=key, follow=self.state if self.follows_state else None)
        except Refused as refused:
            await self._refuse(refused.code, refused.reason)
        except frames.BadFrame as error:
            await self._refuse(BAD_FRAME, "bad frame", self._explained(error))
        except (PyMongoError, TimeoutError) as error:
            _logger.warning("socket_waits_for_database", error=str(error))
            await self._refuse(TRY_LATER, "try again in a moment")
        else:
            self._console = console
            if resume is not None:
                console.resume(resume.after)
            await self.base_send({"type": "websocket.accept"})
            self._writer = asyncio.create_task(self._write(console))

    async def _refuse(self, code: int, reason: str, explained: str | None = None) -> None:
        # Accepted first: a handshake that is refused carries no close code, so the client could not tell why.
        await self.base_send({"type": "websocket.accept"})
        if explained is not None:
            await self._send(explained)
        await self.base_send({"type": "websocket.close", "code": code, "reason": reason})

    def _receive(self, text: str | None) -> None:
        console = self._console
        if console is None or console.closing is not None:
            return
        try:
            self._count_frame()
            if text is None:
                raise frames.BadFrame("frames are text")
            frame = frames.decode(text)
        except frames.BadFrame as error:
            console.offer(self._explained(error))
            console.close(BAD_FRAME, "bad frame")
            return
        console.heard(time.monotonic())
        if isinstance(frame, frames.Resume):
            console.resume(frame.after)
        elif isinstance(frame, frames.Ping):
            console.offer(frames.pong(frame))

    def _explained(self, error: frames.BadFrame) -> str:
        return frames.encode("error", self._runtime.clock.now(), {"code": "bad_frame", "message": str(error)})

    def _count_frame(self) -> None:
        now = time.monotonic()
        self._allowance = min(FRAMES_AT_ONCE, self._allowance + (now - self._counted_at) * FRAMES_PER_S) - 1
        self._counted_at = now
        if self._allowance < 0:
            raise frames.BadFrame("too many frames")

    # ---- the writer

    async def _write(self, console: Console) -> None:
        try:
            await self._send(frames.encode("hello", self._runtime.clock.now(), {"seq": console.sent, "heartbeat": HEARTBEAT_S}))
            await self._send(await self._snapshot(console, console.sent))
            await self._hear_first_word(console)
            closing = await serve(console, self._hub, self._send, self._snapshot, follows_state=self.follows_state)
        except PyMongoError as error:
            _logger.warning("socket_waits_for_database", error=str(error))
            closing = Closing(TRY_LATER, "come back and resume")
        except OSError:  # the client is gone; Channels hears of it too
            return
        except Exception:
            _logger.exception("socket_failed", path=self.scope["path"])
            closing = Closing(1011, "internal error")
        await self._close(console, closing)

    async def _hear_first_word(self, console: Console) -> None:
        """Gives the client the time to say where it stopped, so that this comes before anything live. What arrived in that time counts, however
        late a busy process gets to read it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESUME_GRACE_S):
                await console.first_word()
                return
        for _ in range(READ_TURNS):
            await asyncio.sleep(0)

    async def _snapshot(self, console: Console, head: int) -> str:
        data = await self._hub.state(console, head, self.state)
        return frames.encode("snapshot", self._runtime.clock.now(), data, seq=head)

    async def _send(self, frame: str) -> None:
        await self.base_send({"type": "websocket.send", "text": frame})

    async def _close(self, console: Console, closing: Closing) -> None:
        console.close(closing.code, closing.reason)
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await self.base_send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})
        except TimeoutError:  # it reads nothing, not even this
            self._given_up = True
            if self._task is not None:
                self._task.cancel()
        except OSError:
            return


class EventsConsole(ConsoleConsumer):
    """Every event that the member may see; an ADMIN sees every number."""

    def view(self, principal: Principal) -> View:
        return View(None if principal.role == Role.ADMIN else frozenset(principal.permissions))

    async def state(self, console: Console) -> dict[str, Any]:
        return await console_state.events_state(console.org_id, console.principal.permissions)


class TaskLogConsole(ConsoleConsumer):
    """What works by itself for the organisation."""

    permission = Permission.CONSOLES_READ

    def view(self, principal: Principal) -> View:
        return View(frozenset(principal.permissions), KIND_PREFIX)

    async def state(self, console: Console) -> dict[str, Any]:
        return await console_state.task_log_state(console.org_id)


class DashboardStatsConsole(ConsoleConsumer):
    """How things stand, told anew when it changes. Each of its frames is the whole state, so a resume is answered by one more."""

    permission = Permission.CONSOLES_READ
    follows_state = True

    def view(self, principal: Principal) -> View:
        return View(frozenset())

    async def state(self, console: Console) -> dict[str, Any]:
        online = self._hub.online(console.org_id)
        return await console_state.dashboard_stats(console.org_id, self._runtime.queue.depth, online, self._runtime.clock.now())


class ManagerVerificationConsole(ConsoleConsumer):
    """Who waits for the decision of this member, told anew when it changes. Events are seen by permission, and this by team: therefore each of
    its frames is the whole queue, and a resume is answered by one more."""

    permission = Permission.EMPLOYEES_VERIFY
    follows_state = True

    def view(self, principal: Principal) -> View:
        return View(frozenset())

    def shown_alike(self, principal: Principal) -> Hashable:
        return principal.user_id, principal.permissions

    async def state(self, console: Console) -> dict[str, Any]:
        return await verification_queue(console.principal)


class UserManagementConsole(ConsoleConsumer):
    """Who is logged in to the organisation and who is locked out, told anew when it changes. A resume is answered by one frame more."""

    permission = Permission.CONSOLES_READ
    follows_state = True

    def view(self, principal: Principal) -> View:
        return View(frozenset())

    async def state(self, console: Console) -> dict[str, Any]:
        return await console_state.user_management_state(console.org_id, console.principal.permissions, self._runtime.clock.now())


CONSOLES: tuple[type[ConsoleConsumer], ...] = (
    EventsConsole,
    TaskLogConsole,
    DashboardStatsConsole,
    ManagerVerificationConsole,
    UserManagementConsole,
)
