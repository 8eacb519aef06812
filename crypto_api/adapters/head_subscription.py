"""New heads of a chain, by web3's subscription over a WebSocket. A module of its own: web3 takes a second to import, and only followers need it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from web3 import AsyncWeb3, WebSocketProvider
from web3.utils.subscriptions import NewHeadsSubscription

from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import ProviderHealth, ProviderState, host_of

logger = log.get(__name__)

PAUSE_S_MIN, PAUSE_S_MAX = 0.25, 5.0
SECOND_CHOICE_S = 60.0  # for so long a connection to another than the preferred one is kept before that one is tried again


@dataclass
class _Line:
    url: str
    asked: bool = False
    listening: bool = False
    head: int | None = None
    error: str | None = None


class HeadSubscription:
    """Heads from the first of `ws_urls` that announces them, for as long as it is asked. One connection at a time, each a new one: web3's own
    reconnect spins when labelled subscriptions are registered again."""

    def __init__(self, ws_urls: Sequence[str], chain_id: int) -> None:
        self._lines = [_Line(url) for url in ws_urls]
        self._chain_id = chain_id

    async def heads(self) -> AsyncIterator[int]:
        """Never ends. After a line broke the next one is tried; when all have failed there is a pause, longer each time."""
        pause_s, at = PAUSE_S_MIN, 0
        while self._lines:
            line, heard = self._lines[at], False
            async for head in self._listen(line, None if at == 0 else SECOND_CHOICE_S):
                heard, pause_s = True, PAUSE_S_MIN
                yield head
            preferred_is_due = at > 0 and line.error is None
            at = 0 if preferred_is_due else (at + 1) % len(self._lines)
            if at == 0 and not preferred_is_due:
                await asyncio.sleep(pause_s)
                pause_s = PAUSE_S_MIN if heard else min(pause_s * 2, PAUSE_S_MAX)

    def report(self) -> list[ProviderHealth]:
        return [
            ProviderHealth(host=host_of(line.url), kind="websocket", state=_state(line), head=line.head, error=line.error) for line in self._lines
        ]

    async def _listen(self, line: _Line, for_s: float | None) -> AsyncIterator[int]:
        """Until the line breaks, which its `error` then tells, or until the first head after `for_s`."""
        line.asked = True
        line.error = None
        until = time.monotonic() + for_s if for_s is not None else None
        announced = new_heads(line.url, self._chain_id)
        try:
            async for head in announced:
                line.listening, line.head = True, head
                yield head
                if until is not None and time.monotonic() > until:
                    return
        except ChainUnavailable as error:
            line.error = error.detail
            logger.info("heads by polling for now", host=host_of(line.url), reason=error.detail)
        finally:
            line.listening = False
            await announced.aclose()


async def new_heads(ws_url: str, chain_id: int | None = None) -> AsyncGenerator[int, None]:
    """Block numbers as the node announces them, until the connection ends; then ChainUnavailable, as it is when the node is of another chain.
    Open it anew with a pause of your own."""
    heads: asyncio.Queue[int | None] = asyncio.Queue()
    listening = asyncio.create_task(_listen(ws_url, chain_id, heads))
    listening.add_done_callback(lambda _: heads.put_nowait(None))
    try:
        while (head := await heads.get()) is not None:
            yield head
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await listening
    raise ChainUnavailable(listening.result())


async def _listen(ws_url: str, chain_id: int | None, heads: asyncio.Queue[int | None]) -> str:
    """Why it ended, in words that tell nothing of the address but its host: its path may hold an access key, and web3 names it whole."""

    async def on_head(context: Any) -> None:
        heads.put_nowait(int(context.result["number"]))

    try:
        provider = WebSocketProvider(ws_url, max_connection_retries=1, websocket_kwargs={"ping_interval": 5, "ping_timeout": 5})
        async with AsyncWeb3(provider) as w3:
            if chain_id is not None and (found := await w3.eth.chain_id) != chain_id:
                return f"the node answers for chain {found}, not {chain_id}"
            await w3.subscription_manager.subscribe([NewHeadsSubscription(label="heads", handler=on_head)])
            await w3.subscription_manager.handle_subscriptions()
    except asyncio.CancelledError:
        raise
    except Exception as error:  # websockets and web3 raise a dozen types here, and each means the same: the line is down
        return f"the subscription ended ({type(error).__name__})"
    return "the subscription ended"


def _state(line: _Line) -> ProviderState:
    if line.listening:
        return ProviderState.IN_USE
    if not line.asked:
        return ProviderState.STANDBY
    return ProviderState.UNREACHABLE if line.error else ProviderState.UNKNOWN
