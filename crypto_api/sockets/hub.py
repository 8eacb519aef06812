"""The hub: one per API process, between the doorbell and the open sockets.

Upon a doorbell it pages the new events of that organisation from MongoDB, once for all its consoles. Every second it looks at the heads
of the organisations that have consoles, so that a doorbell that stayed silent (Valkey down or flushed, a relay killed after its commit)
costs a second and nothing else.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from typing import Any, Protocol

from pymongo.errors import PyMongoError

from crypto_api.events import store
from crypto_api.flows.authenticate import authenticate_dashboards
from crypto_api.flows.recheck_principals import Lost, recheck_principals
from crypto_api.kit import log, tracing
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.clock import Clock
from crypto_api.kit.measuring import CONSOLES
from crypto_api.kit.together import Together
from crypto_api.organizations.types import Principal
from crypto_api.sockets import frames
from crypto_api.sockets.channel import Channel
from crypto_api.sockets.console import AWAY, FORBIDDEN, OVERFLOW, UNAUTHENTICATED, Console, State, View, wake
from crypto_api.sockets.shared_states import SharedStates
from crypto_api.sockets.timing import ADMITTED_AT_ONCE, HEAD_S, HEARTBEAT_S, POLL_S, RECHECK_S, RETRY_S, SILENT_S_MAX, STATE_S, TOLD_AT_ONCE

_logger = log.get(__name__)


class Bell(Protocol):
    def subscribe(self) -> AsyncIterator[tuple[str, int]]:
        """(organisation, head) as they are announced, without end."""


class EventHub:
    """`async with EventHub(runtime.frames, runtime.clock) as hub:`"""

    def __init__(self, bell: Bell, clock: Clock) -> None:
        self._bell = bell
        self._clock = clock
        self._channels: dict[str, Channel] = {}
        self._channel_of: dict[Console, Channel] = {}
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._states = SharedStates()
        self.members = Together[str, Principal](lambda cookies: authenticate_dashboards(cookies, clock.now()), ADMITTED_AT_ONCE)
        """Who shows a cookie of the dashboard: a thousand that come back together cost a few reads."""
        self._told: dict[tuple[str, Hashable], tuple[int, float, dict[str, Any]]] = {}
        self._beats = 0

    async def __aenter__(self) -> "EventHub":
        steps = ((self._poll, POLL_S), (self._beat, HEAD_S), (self._recheck, RECHECK_S), (self._tell_states, STATE_S), (self._listen, RETRY_S))
        self._tasks = [asyncio.create_task(_repeat(step, pause_s), name=f"hub {step.__name__}") for step, pause_s in steps]
        return self

    async def __aexit__(self, *_: object) -> None:
        for console in self._consoles():
            console.close(AWAY, "come back and resume")
        await self.members.close()
        await cancel_and_wait(*self._tasks, *self._pumps.values())

    # ---- what a socket asks for

    async def join(self, principal: Principal, view: View, *, state_key: Hashable = None, follow: State | None = None) -> Console:
        """A console of the member's organisation, not yet live: its writer first catches up."""
        assert principal.org_id is not None, "only members are admitted"
        console = Console(principal, principal.org_id, view, heard_at=time.monotonic(), state_key=state_key, follow=follow)
        channel = self._channels.get(console.org_id)
        if channel is None:
            channel = self._channels[console.org_id] = Channel(console.org_id)
            self._pumps[console.org_id] = asyncio.create_task(_pump(channel), name=f"hub pump {console.org_id}")
        channel.users += 1
        try:
            await channel.join(console)
        except BaseException:
            channel.users -= 1
            raise
        self._channel_of[console] = channel
        CONSOLES.inc()
        if self._channels.get(channel.org_id) is not channel:  # dropped meanwhile
            console.close(AWAY, "come back and resume")
        return console

    def leave(self, console: Console) -> None:
        channel = self._channel_of.pop(console, None)
        if channel is not None:
            channel.consoles.discard(console)
            channel.users -= 1
            CONSOLES.dec()

    async def missed(self, console: Console) -> list[str]:
        return await self._channel_of[console].missed(console)

    async def head(self, console: Console, at_least: int) -> int:
        return await self._channel_of[console].head(at_least)

    async def state(self, console: Console, head: int, read: State) -> dict[str, Any]:
        """What the console begins with, as of `head` or later; read once for all that ask for the same at the same time."""
        key = (console.org_id, console.state_key, head)
        return await self._states.get(key, lambda: read(console))

    def online(self, org_id: str) -> int:
        channel = self._channels.get(org_id)
        return len(channel.consoles) if channel else 0

    # ---- what goes on by itself

    async def _listen(self) -> None:
        async for org_id, head in self._bell.subscribe():
            channel = self._channels.get(org_id)
            if channel is not None and head > channel.last:
                channel.ring.set()

    async def _poll(self) -> None:
        if not self._channels:
            return
        heads = await store.heads(self._channels.keys())
        for org_id, channel in list(self._channels.items()):
            head = heads.get(org_id, 0)
            if head > channel.last:
                channel.ring.set()
            elif head < channel.last:
                self._forget_future(channel)
            elif not channel.users:
                self._drop(channel)

    def _forget_future(self, channel: Channel) -> None:
        """The log ends before what was served: the database was restored from a backup. Everybody begins anew."""
        _logger.error("log_went_back", org_id=channel.org_id, served=channel.last)
        for console in channel.consoles:
            console.close(AWAY, "come back and resume")
        self._drop(channel)

    def _drop(self, channel: Channel) -> None:
        self._told = {key: told for key, told in self._told.items() if key[0] != channel.org_id}
        if self._channels.pop(channel.org_id, None) is not None:
            self._pumps.pop(channel.org_id).cancel()

    async def _beat(self) -> None:
        """The head for everybody, a ping now and then, and the end of those who went silent."""
        self._beats += 1
        ping = frames.ping(self._beats) if self._beats % round(HEARTBEAT_S / HEAD_S) == 0 else None
        served = 0
        for channel in list(self._channels.values()):
            head = frames.encode("heartbeat", self._clock.now(), {}, seq=channel.last)
            for console in list(channel.consoles):
                if time.monotonic() - console.heard_at > SILENT_S_MAX:
                    console.close(OVERFLOW, "silent for too long")
                console.offer(head)
                if ping is not None:
                    console.offer(ping)
                served += 1
                if served % TOLD_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _recheck(self) -> None:
        """Closes what should not be open any more: the session ended, the role changed."""
        consoles = self._consoles()
        if not consoles:
            return
        lost = await recheck_principals({console.principal for console in consoles}, self._clock.now())
        for console in consoles:
            if why := lost.get(console.principal):
                log.security.info("socket_closed", session_id=console.principal.session_id, reason=why.value)
                console.close(FORBIDDEN if why is Lost.MEMBERSHIP else UNAUTHENTICATED, why.value)

    async def _tell_states(self) -> None:
        """A new snapshot to consoles that follow a state: upon events at once, else every few seconds if it has changed."""
        followers: dict[tuple[str, Hashable], list[Console]] = defaultdict(list)
        for console in self._consoles():
            if console.follow is not None:
                followers[console.org_id, console.state_key].append(console)
        self._told = {key: told for key, told in self._told.items() if key in followers}
        for key, consoles in followers.items():
            await self._tell_state(key, consoles)

    async def _tell_state(self, key: tuple[str, Hashable], consoles: Sequence[Console]) -> None:
        """One read for all that are shown the same; nobody is shown another one's."""
        channel, reader = self._channels.get(key[0]), consoles[0]
        told_head, told_at, told = self._told.get(key, (-1, 0.0, {}))
        now = time.monotonic()
        if channel is None or reader.follow is None or (channel.last == told_head and now - told_at < HEAD_S):
            return
        head = channel.last
        data = await reader.follow(reader)
        self._told[key] = (head, now, data)
        if data != told:
            frame = frames.encode("snapshot", self._clock.now(), data, seq=head)
            for console in consoles:
                console.offer(frame, wake=False)
            await wake(consoles)

    def _consoles(self) -> list[Console]:
        return list(self._channel_of)


async def _pump(channel: Channel) -> None:
    """Serves the channel whenever its bell was rung. While MongoDB is away it tries on: nothing is lost, since the log is there."""
    while True:
        await channel.ring.wait()
        channel.ring.clear()
        try:
            with tracing.span("push to consoles", attributes={"coffer.count": len(channel.consoles)}):
                await channel.advance()
        except PyMongoError as error:
            _logger.warning("hub_waits_for_database", org_id=channel.org_id, error=str(error))
            channel.ring.set()
            await asyncio.sleep(RETRY_S)
        except Exception:
            _logger.exception("hub_pump_failed", org_id=channel.org_id)
            channel.ring.set()
            await asyncio.sleep(RETRY_S)


async def _repeat(step: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """One of the hub's rounds, for ever: a database that is away is warned about, any other failure is loud, and neither ends it."""
    while True:
        try:
            await step()
        except PyMongoError as error:
            _logger.warning("hub_waits_for_database", error=str(error))
        except Exception:
            _logger.exception("hub_round_failed")
        await asyncio.sleep(pause_s)
