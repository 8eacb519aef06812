"""A cancelled task ends, wherever in its conversation with the database it stands."""

import asyncio
import random

import pytest

from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session


@pytest.mark.parametrize("seed", range(4))
async def test_a_cancelled_task_ends_wherever_it_stands(runtime: Runtime, seed: int) -> None:
    """With the driver's gaps open, one in ten went on for ever."""
    rows = runtime.database["cancelled"]
    await rows.insert_one({"_id": 1, "n": 0})

    async def count(session: Session) -> None:
        await rows.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)

    async def for_ever() -> None:
        while True:
            await runtime.uow.run(count)
            await rows.find_one({"_id": 1})

    chance = random.Random(seed)
    for _ in range(60):
        task = asyncio.create_task(for_ever())
        await asyncio.sleep(chance.uniform(0, 0.02))
        task.cancel()
        ended, _ = await asyncio.wait({task}, timeout=30)
        if not ended:
            while not task.done():  # so that the failure below is told, not a hanging session
                task.cancel()
                await asyncio.wait({task}, timeout=0.2)
            pytest.fail("the cancellation was swallowed")
        assert task.cancelled()
