"""Questions that come together are asked as one, and nobody is given what was read before they asked."""

import asyncio
from collections.abc import Collection

import pytest

from crypto_api.kit.together import SharedReads, Together


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


class Kept:
    """Something that is read, and that changes."""

    def __init__(self) -> None:
        self.value, self.begun = 0, 0
        self.free = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        seen = self.value
        await self.free.wait()
        if seen < 0:
            raise OSError(f"away {seen}")
        return seen

    async def reading(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.begun < count:
                await asyncio.sleep(0)


async def test_one_reading_of_a_key_is_under_way_and_nobody_is_given_what_was_read_before_they_asked() -> None:
    kept, reads = Kept(), SharedReads()
    first = asyncio.create_task(reads.read("a", kept.read))
    await kept.reading(1)
    kept.value = 1
    rest = [asyncio.create_task(reads.read("a", kept.read)) for _ in range(5)]
    await asyncio.sleep(0)
    kept.value = 2  # nobody has begun to read it for them
    kept.free.set()
    assert await first == 0
    assert await asyncio.gather(*rest) == [2] * 5
    kept.value = 3
    assert await reads.read("a", kept.read) == 3
    assert kept.begun == 3


async def test_readings_go_on_one_after_another_while_somebody_asks() -> None:
    kept, reads, found = Kept(), SharedReads(), []
    kept.free.set()

    async def asks(number: int) -> None:
        for _ in range(20):
            kept.value += 1
            least = kept.value
            found.append(await reads.read("a", kept.read) >= least)

    await asyncio.gather(*map(asks, range(5)))
    assert len(found) == 100 and all(found)
    assert kept.begun <= 41, "five share each reading but the first"


async def test_other_keys_do_not_wait() -> None:
    kept, other, reads = Kept(), Kept(), SharedReads()
    other.free.set()
    waits = asyncio.create_task(reads.read("a", kept.read))
    await kept.reading(1)
    assert await asyncio.wait_for(reads.read("b", other.read), 30) == 0
    kept.free.set()
    assert await waits == 0


async def test_a_reading_that_fails_fails_for_those_who_shared_it_and_the_next_is_another() -> None:
    kept, reads = Kept(), SharedReads()
    kept.value = -1
    first = asyncio.create_task(reads.read("a", kept.read))
    await kept.reading(1)
    kept.value = -2
    shared = [asyncio.create_task(reads.read("a", kept.read)) for _ in range(2)]
    kept.free.set()
    told = [str(error) for error in await asyncio.gather(first, *shared, return_exceptions=True)]
    assert told == ["away -1", "away -2", "away -2"]
    kept.value = 7
    assert await reads.read("a", kept.read) == 7


async def test_who_goes_away_takes_no_reading_with_them_and_a_reading_that_nobody_awaits_ends() -> None:
    kept, reads = Kept(), SharedReads()
    first = asyncio.create_task(reads.read("a", kept.read))
    await kept.reading(1)
    second, third = (asyncio.create_task(reads.read("a", kept.read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    kept.value = 5
    kept.free.set()
    assert await third == 5
    assert kept.begun == 2
    kept.free.clear()
    waits = [asyncio.create_task(reads.read(key, kept.read)) for key in ("a", "a", "b")]
    await kept.reading(4)
    await reads.close()
    assert [type(error) for error in await asyncio.gather(*waits, return_exceptions=True)] == [asyncio.CancelledError] * 3
