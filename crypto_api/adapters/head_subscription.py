"""New heads of a chain, by web3's subscription over a WebSocket. A module of its own: web3 takes a second to import, and only followers need it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from web3 import AsyncWeb3, WebSocketProvider
from web3.utils.subscriptions import NewHeadsSubscription

from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable

logger = log.get(__name__)


async def new_heads(ws_url: str) -> AsyncIterator[int]:
    """Block numbers as the node announces them, until the connection ends; then ChainUnavailable. Open it anew with a pause of your own:
    web3's reconnect spins when labelled subscriptions are re-registered."""
    heads: asyncio.Queue[int | None] = asyncio.Queue()
    listening = asyncio.create_task(_listen(ws_url, heads))
    listening.add_done_callback(lambda _: heads.put_nowait(None))
    try:
        while (head := await heads.get()) is not None:
            yield head
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await listening
    raise ChainUnavailable("the subscription ended")


async def _listen(ws_url: str, heads: asyncio.Queue[int | None]) -> None:
    async def on_head(context: Any) -> None:
        heads.put_nowait(int(context.result["number"]))

    try:
        provider = WebSocketProvider(ws_url, max_connection_retries=1, websocket_kwargs={"ping_interval": 5, "ping_timeout": 5})
        async with AsyncWeb3(provider) as w3:
            await w3.subscription_manager.subscribe([NewHeadsSubscription(label="heads", handler=on_head)])
            await w3.subscription_manager.handle_subscriptions()
    except asyncio.CancelledError:
        raise
    except Exception as error:  # websockets and web3 raise a dozen types here, and each means the same: the line is down
        logger.warning("head subscription ended", reason=f"{type(error).__name__}: {error}"[:200])
