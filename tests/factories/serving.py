"""uvicorn in the test's own process, as the product configures it, and ending at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

POLL_S = 0.005


class Server(uvicorn.Server):
    """uvicorn looks each tenth of a second whether to end, and when it ends waits for as long again: this one is told, and looks more often.
    It waits for the same things, for as long."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to pytest

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):  # sets the Date header
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 0.1)

    async def shutdown(self, sockets: Any = None) -> None:
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        await self.lifespan.shutdown()

    @property
    def port(self) -> int:
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[Server]:
    """`options` are uvicorn's; without `port` it takes a free one. A connection that a slow client leaves idle stays open: closed after five
    seconds, it could be closed at the very moment in which the next request comes."""
    server = Server(uvicorn.Config(app, **{"port": 0, "log_config": None, "access_log": False, "timeout_keep_alive": 300} | options))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(POLL_S)
    try:
        yield server
    finally:
        server.end()
        await task
