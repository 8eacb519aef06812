"""A few cycles of the swarms, with faults that are always there: what each promise says is looked at in full at the end. The long form is
`manage.py chaos --of faults`."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos import blocks, faults
from tests.chaos.fault_list import all_faults
from tests.chaos.faults import fault_cycles, planned, plans

SEED = 7


@pytest.mark.timeout(600)  # some twenty seconds on a machine that has nothing else to do
async def test_every_promise_holds_after_a_swarm_of_faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker, the follower, the database, Valkey and links die or break in it, and the chain is reorganised."""
    names = {"worker-1 killed", "follower killed", "mongodb killed", "valkey flushed", "links to mongodb: the reply is lost after its effect"}
    chosen = [fault for fault in all_faults() if fault.name in names | {"reorganisation of depth 2 to 3", "links to api: reset"}]
    monkeypatch.setattr(faults, "all_faults", lambda: list(chosen))
    monkeypatch.setattr(faults, "SIZES", (0, 0, 0, 1))
    monkeypatch.setattr(faults, "LOADED_MACHINE", 40)  # a test measures nothing
    monkeypatch.setattr(faults, "REST_WITHIN_S", 500)
    outcomes = [outcome async for outcome in fault_cycles(SEED, 2, logs=tmp_path)]
    assert [outcome.problems for outcome in outcomes] == [[], []]
    fired = sum((outcome.fired for outcome in outcomes), start=Counter())
    assert fired["mongodb killed"] + fired["worker-1 killed"] + fired["follower killed"] >= 2
    counted = sum((outcome.counted for outcome in outcomes), start=Counter())
    assert counted["processes killed"] >= 1 and counted["payments"] + counted["refused"] >= 4


def test_the_same_seed_deals_the_same_and_every_fault_comes_equally_often() -> None:
    assert [str(plan) for plan in plans(SEED, 20)] == [str(plan) for plan in plans(SEED, 20)]
    assert [str(plan) for plan in plans(SEED, 20)] != [str(plan) for plan in plans(SEED + 1, 20)]
    names = [fault.name for fault in all_faults()]
    assert len(set(names)) == len(names)
    counted = sum((planned(seed, 100) for seed in range(1, 11)), start=Counter())
    assert set(counted) == set(names) and min(counted.values()) >= 20
    assert counted.total() / 1_000 >= 3, "the mean of a swarm"


def test_blocks_are_added_up_and_what_came_too_seldom_is_named(tmp_path: Path) -> None:
    names = [fault.name for fault in all_faults()]
    took = {"API": {"p50": 0.1, "p99": 2.0, "max": 3.0}}
    for seed in (1, 2):
        fired = {name: 10 for name in names if seed == 1 or name != "api killed"}
        block: dict[str, object] = {
            "seed": seed,
            "runs": 100,
            "seconds": 5,
            "fired": fired,
            "counted": {"payments": 200},
            "took_s": took,
            "failed": [],
        }
        (tmp_path / f"faults-{seed}.json").write_text(json.dumps(block))
    total = blocks.added_up(tmp_path)
    assert (total["cycles"], total["seldom"], total["counted"], total["failed"]) == (200, ["api killed"], {"payments": 400}, [])
    assert (total["fired"]["mongodb killed"], total["took_s"]["API"]) == (20, took["API"])
