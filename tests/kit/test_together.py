"""Questions that come together are asked as one, and nobody is given what was read before they asked."""

import asyncio
from collections.abc import Collection

import pytest

from crypto_api.kit.together import Together


class Oracle:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.free = asyncio.Event()
        self.fails = False

    async def __call__(self, keys: Collection[str]) -> dict[str, int]:
        self.asked.append(list(keys))
        await self.free.wait()
        if self.fails:
            raise OSError("away")
        return {key: len(self.asked) for key in keys if key != "nobody"}


async def started(oracle: Oracle, count: int) -> None:
    async with asyncio.timeout(30):
        while len(oracle.asked) < count:
            await asyncio.sleep(0)


async def test_those_who_ask_while_one_is_under_way_share_the_next() -> None:
    oracle = Oracle()
    together = Together(oracle, at_once=3)
    first = asyncio.create_task(together.answer("a"))
    await started(oracle, 1)
    rest = [asyncio.create_task(together.answer(key)) for key in ("a", "b", "nobody", "a", "c")]
    gone = asyncio.create_task(together.answer("b"))
    await asyncio.sleep(0)
    gone.cancel()
    oracle.free.set()
    assert await first == 1
    assert await asyncio.gather(*rest) == [2, 2, None, 2, 3]  # the second "a" was asked after the first reading had begun
    assert oracle.asked == [["a"], ["a", "b", "nobody"], ["c"]]
    assert await together.answer("a") == 4


async def test_a_question_that_fails_fails_for_those_who_asked_it_alone() -> None:
    oracle = Oracle()
    together = Together(oracle, at_once=2)
    oracle.fails = True
    oracle.free.set()
    assert [type(one) for one in await asyncio.gather(*(together.answer(key) for key in "abc"), return_exceptions=True)] == [OSError] * 3
    oracle.fails = False
    assert await together.answer("a") == 3
    oracle.free.clear()
    waits = [asyncio.create_task(together.answer(key)) for key in ("a", "b", "c")]
    await started(oracle, 4)
    await together.close()
    for one in waits:
        with pytest.raises(asyncio.CancelledError):
            await one
