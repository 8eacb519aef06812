"""A long list leaves others their turns."""

import asyncio

from crypto_api.kit.turns import in_turns


async def test_it_makes_what_map_makes_and_others_get_a_turn_after_each_part() -> None:
    made_at: list[int] = []
    turn = 0

    async def turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def make(number: int) -> int:
        made_at.append(turn)
        return number * 2

    counting = asyncio.create_task(turns())
    await asyncio.sleep(0)
    assert await in_turns(make, (number for number in range(250)), at_once=100) == [number * 2 for number in range(250)]
    assert [made_at.count(at) for at in sorted(set(made_at))] == [100, 100, 50]
    assert await in_turns(make, []) == []
    counting.cancel()
