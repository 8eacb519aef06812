"""What the writer of a socket does until the console is to be closed, over ports, so that the same code runs in a simulator: what is asked for anew
begins where the client stopped, what waits is sent, and what was missed is paged from the log, all in the order of the numbers."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from crypto_api.sockets.console import Closing, Console
from crypto_api.sockets.timing import REPLAY_MAX


class Served(Protocol):
    """The log of the console's organisation, as far as this process serves it: the hub."""

    async def missed(self, console: Console) -> list[str]: ...

    async def head(self, console: Console, at_least: int) -> int: ...


Send = Callable[[str], Awaitable[None]]
Snapshot = Callable[[Console, int], Awaitable[str]]
"""The frame with the whole state as of that number or later."""


async def serve(console: Console, served: Served, send: Send, snapshot: Snapshot, *, follows_state: bool = False) -> Closing:
    """`follows_state`: each frame is the whole state, so a resume is answered by one more."""
    while console.closing is None:
        if console.asked is not None:
            after, again = console.question()
            head = await served.head(console, after)
            if follows_state or not head - REPLAY_MAX <= after <= head:
                console.begin_resume(head)
                await send(await snapshot(console, head))
            else:
                console.begin_resume(after, again=again)
        elif (frame := console.take()) is not None:
            await send(frame)
        elif not console.live:
            for frame in await served.missed(console):
                await send(frame)
        else:
            await console.woken()
    while (frame := console.take()) is not None:  # an error frame explains the close
        await send(frame)
    return console.closing
