"""A loop that was held up says by what, and whether the machine or we are to blame."""

import asyncio
import time
from collections.abc import Callable

import pytest

from crypto_api.kit.loop_watch import Cause, Sample, Stall, loop_watched


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def sleep_in_the_loop() -> None:
    time.sleep(0.6)


async def stalls_of(hold_up: Callable[[], None], *, times: int = 1) -> list[Stall]:
    """What is told while so many tasks call `hold_up` in one turn of the loop."""
    told: list[Stall] = []

    async def task() -> None:
        hold_up()

    async with loop_watched(told.append):
        await asyncio.gather(*(task() for _ in range(times)))
        async with asyncio.timeout(60):
            while not told:
                await asyncio.sleep(0.01)
    return told


async def test_a_callback_that_computes_is_named() -> None:
    stall = max(await stalls_of(lambda: compute(0.5)), key=lambda found: found.computed_s)
    assert stall.computed_s >= 0.4 and stall.ours
    assert stall.cause in (Cause.COMPUTING, Cause.NOT_SCHEDULED), "the latter where others used the machine for longer than it took"
    assert any(place.startswith("tests/kit/test_loop_watch.py:") and place.endswith(" compute") for place in stall.where)


async def test_a_call_that_waits_is_told_from_one_that_computes() -> None:
    stall = max(await stalls_of(sleep_in_the_loop), key=lambda found: found.blocked_s)
    assert stall.blocked_s >= 0.4 and stall.computed_s < stall.blocked_s and stall.cause is Cause.BLOCKED and stall.ours
    assert any(place.endswith(" sleep_in_the_loop") for place in stall.where)


async def test_many_short_callbacks_are_no_long_one() -> None:
    stall = max(await stalls_of(lambda: compute(0.05), times=12), key=lambda found: found.computed_s)
    assert stall.computed_s >= 0.4 and len({sample.task for sample in stall.samples}) > 1


SAMPLES = (Sample(1, ("a:1 one", "b:2 two")), Sample(1, ("a:1 one", "b:2 two")), Sample(1, ("c:3 three",)))


@pytest.mark.parametrize(
    ("took", "computed", "queued", "samples", "cause", "ours"),
    [
        (0.3, 0.28, 0.01, SAMPLES, Cause.COMPUTING, True),
        (0.3, 0.28, 0.01, (*SAMPLES, *(Sample(number, ()) for number in range(2, 9))), Cause.CROWD, False),
        (0.3, 0.28, 0.01, (), Cause.COMPUTING, True),
        (0.3, 0.05, 0.24, SAMPLES, Cause.NOT_SCHEDULED, False),
        (0.3, 0.05, 0.05, SAMPLES, Cause.BLOCKED, True),
        (0.5, 0.15, 0.35, SAMPLES[:1], Cause.NOT_SCHEDULED, True),  # with the machine to itself it would still have been one
    ],
)
def test_the_cause_is_what_took_most(took: float, computed: float, queued: float, samples: tuple[Sample, ...], cause: Cause, ours: bool) -> None:
    stall = Stall(took, computed, queued, samples)
    assert (stall.cause, stall.ours) == (cause, ours)


def test_the_place_is_where_it_was_seen_most_often() -> None:
    assert Stall(0.3, 0.3, 0, SAMPLES).where == ["a:1 one", "b:2 two"]
    (told,) = Stall(0.3, 0.3, 0, ()).where
    assert "no other thread" in told


async def test_a_loop_that_waits_for_others_is_not_held_up() -> None:
    told: list[Stall] = []
    async with loop_watched(told.append):
        await asyncio.sleep(0.4)
    assert not [stall for stall in told if stall.computed_s > 0.1], "what others on the machine take is not counted as ours"
