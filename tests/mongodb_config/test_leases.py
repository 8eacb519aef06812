"""Keeping a lease while the server stops answering for a moment, and for longer than the lease lasts."""

import asyncio
from typing import Any

import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect

from crypto_api.runtime import Runtime
from mongodb_config import leases as module
from mongodb_config.leases import Lease, Leases


class Away(Leases):
    """Asks a server that does not answer the next few times."""

    times = 0
    renewed = 0

    async def renew(self, lease: Lease) -> bool:
        if self.times:
            self.times -= 1
            raise AutoReconnect("connection closed")
        self.renewed += 1
        return await super().renew(lease)


async def test_a_server_that_is_away_for_a_moment_has_not_taken_the_lease(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEWAL_S", 0.01)
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)
    leases = Away(runtime.database)
    lease = await leases.wait_for("work", "one")
    leases.times = 5
    keeping = asyncio.create_task(leases.keep(lease))
    async with asyncio.timeout(30):
        while leases.renewed < 3:
            await asyncio.sleep(0.01)
    assert leases.times == 0 and not keeping.done()
    assert await Leases(runtime.database).acquire("work", "two") is None
    await runtime.database["leases"].update_one({"_id": "work"}, {"$set": {"holder": "two"}, "$inc": {"fence": 1}})
    async with asyncio.timeout(30):
        assert await keeping is None  # type: ignore[func-returns-value]


async def test_one_that_is_away_for_longer_than_the_lease_lasts_is_the_reason_given(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)
    monkeypatch.setattr(module, "DURATION_S", 0.1)
    leases = Away(runtime.database)
    lease = await leases.wait_for("work", "one")
    leases.times = 1_000_000
    with pytest.raises(AutoReconnect, match="connection closed"):
        await asyncio.wait_for(leases.keep(lease), 30)
    assert leases.renewed == 0


async def test_a_server_that_answers_nothing_to_the_taking_is_asked_who_has_it(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded one under load: whether it took it for us is read, and not guessed."""
    leases, ask = Leases(runtime.database), AsyncCollection.find_one_and_update

    async def says_nothing(self: AsyncCollection[Any], *arguments: Any, **options: Any) -> None:
        await ask(self, *arguments, **options)

    async def does_nothing(self: AsyncCollection[Any], *arguments: Any, **options: Any) -> None: ...

    monkeypatch.setattr(AsyncCollection, "find_one_and_update", does_nothing)
    assert await leases.acquire("work", "one") is None, "nobody has it"
    monkeypatch.setattr(AsyncCollection, "find_one_and_update", says_nothing)
    lease = await leases.acquire("work", "one")
    assert lease is not None and lease.fence == 1
    monkeypatch.setattr(AsyncCollection, "find_one_and_update", does_nothing)
    assert await leases.acquire("work", "two") is None, "another has it"
    monkeypatch.undo()
    assert await leases.held("work") and await leases.acquire("work", "two") is None
