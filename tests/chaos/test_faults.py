"""A few cycles of the swarms, with faults that are always there: what each promise says is looked at in full at the end. The long form is
`manage.py chaos --of faults`."""

import json
import time
from collections import Counter
from contextlib import suppress
from math import nan
from pathlib import Path

import pytest

from tests.chaos import blocks, clocks, faults
from tests.chaos.fault_list import all_faults
from tests.chaos.faults import fault_cycles, planned, plans
from tests.chaos.processes import Kept, context, says_what_time_it_is

SEED = 7


@pytest.mark.timeout(600)  # some twenty seconds on a machine that has nothing else to do
async def test_every_promise_holds_after_a_swarm_of_faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker, the follower, the database, Valkey and links die or break in it, and the chain is reorganised."""
    names = {
        "clocks up to thirty days ahead", "relay gets no more memory", "mongodb killed while an index is built",
        "worker-1 killed", "follower killed", "mongodb killed", "valkey flushed", "links to mongodb: the reply is lost after its effect",
    }  # fmt: skip
    chosen = [fault for fault in all_faults() if fault.name in names | {"reorganisation of depth 2 to 3", "links to api: reset"}]
    monkeypatch.setattr(faults, "all_faults", lambda: list(chosen))
    monkeypatch.setattr(faults, "SIZES", (0, 0, 0, 0, 1))
    monkeypatch.setattr(faults, "LOADED_MACHINE", 40)  # a test measures nothing
    monkeypatch.setattr(faults, "REST_WITHIN_S", 500)
    outcomes = [outcome async for outcome in fault_cycles(SEED, 2, logs=tmp_path)]
    assert [outcome.problems for outcome in outcomes] == [[], []]
    fired = sum((outcome.fired for outcome in outcomes), start=Counter())
    assert fired["mongodb killed"] + fired["worker-1 killed"] + fired["follower killed"] >= 2
    counted = sum((outcome.counted for outcome in outcomes), start=Counter())
    assert counted["processes killed"] >= 1 and counted["payments"] + counted["refused"] >= 4


CHOSEN = ("clock", "memory")


@pytest.mark.timeout(300)
def test_each_process_has_a_clock_of_its_own_that_can_be_set_while_it_runs(tmp_path: Path) -> None:
    clocks.needed()  # says what is to be installed
    files = {name: (tmp_path / f"clock-{name}", tmp_path / name) for name in ("one", "other")}
    for clock, _ in files.values():
        clocks.put_right(clock)
    forks = context()
    processes = [
        Kept(forks, name, says_what_time_it_is, {"clock": str(clock), "told": str(told)})  # type: ignore[arg-type]
        for name, (clock, told) in files.items()
    ]

    def differs_s(name: str) -> float:
        """By how much that process is ahead, now."""
        with suppress(OSError, ValueError):
            by_time, by_datetime, _ = (float(part) for part in files[name][1].read_text().split())
            assert abs(by_time - by_datetime) < 60
            return by_time - time.time()
        return nan

    def is_ahead(name: str, by_s: float) -> None:
        deadline = time.monotonic() + 120
        while not abs(differs_s(name) - by_s) < 20:  # however late a loaded machine is
            assert time.monotonic() < deadline, f"{name} is {differs_s(name)} s ahead, and is to be {by_s}"
            time.sleep(0.05)

    try:
        is_ahead("one", 0)
        is_ahead("other", 0)
        for by_s in (30 * 86_400.0, -30 * 86_400.0, 3_600.0):
            clocks.put_wrong(files["one"][0], by_s)
            is_ahead("one", by_s)
            is_ahead("other", 0)
        clocks.put_right(files["one"][0])
        is_ahead("one", 0)
        assert 0 < float(files["one"][1].read_text().split()[2]) < 600, "what passes is measured as before"
    finally:
        for process in processes:
            process.end()


def test_kinds_can_be_chosen_and_those_come_more_often() -> None:
    chosen = {fault.name for fault in all_faults() if fault.kind in CHOSEN}
    counted = sum((planned(seed, 100, CHOSEN) for seed in range(1, 6)), start=Counter())
    share = sum(count for name, count in counted.items() if name in chosen) / counted.total()
    assert len(chosen) == 17 and 0.7 < share < 0.85 and len(counted) > 2 * len(chosen)


def test_without_libfaketime_nothing_is_left_out_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "library", lambda: None)
    with pytest.raises(clocks.NoClocks, match="apt-get install libfaketime"):
        clocks.needed()


def test_the_same_seed_deals_the_same_and_every_fault_comes_equally_often() -> None:
    assert [str(plan) for plan in plans(SEED, 20)] == [str(plan) for plan in plans(SEED, 20)]
    assert [str(plan) for plan in plans(SEED, 20)] != [str(plan) for plan in plans(SEED + 1, 20)]
    names = [fault.name for fault in all_faults()]
    assert len(set(names)) == len(names)
    counted = sum((planned(seed, 100) for seed in range(1, 12)), start=Counter())
    assert set(counted) == set(names) and min(counted.values()) >= 20
    assert counted.total() / 1_100 >= 3, "the mean of a swarm"


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
