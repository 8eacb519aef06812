"""The doorbell: whoever rings it goes on, whatever becomes of the connection."""

import asyncio
import time
from typing import Any

import pytest

from crypto_api.adapters import channel_layer
from crypto_api.adapters.channel_layer import Frames


async def test_a_connection_that_never_answers_holds_up_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past every timeout of the driver: one that waits for ever."""
    monkeypatch.setattr(channel_layer, "_ANNOUNCED_S", 0.05)
    async with Frames("redis://127.0.0.1:1/0") as frames:

        async def for_ever(*_: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(frames._redis, "publish", for_ever)
        began = time.monotonic()
        async with asyncio.timeout(30):
            await frames.announce("org_1", 7)
            await frames.announce("org_1", 8)
        assert time.monotonic() - began >= 0.1


async def test_a_valkey_that_is_not_there_holds_up_nobody() -> None:
    async with Frames("redis://127.0.0.1:1/0") as frames, asyncio.timeout(30):
        await frames.announce("org_1", 7)
        await frames.announce("org_1", 8)
        assert frames._silent
