"""The comparison with others: that it runs, that a difference fails it, and that who is not there is told as absent. No figure is asserted."""

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.peers import lots, posting
from benchmarks.peers.comparison import Comparison, ResultsDiffer, Row, cells, differences, report
from benchmarks.peers.peer import Home
from crypto_api.runtime import Runtime
from mongodb_config.client import connect


def of_rp2(ours: Row, **changed: str) -> dict[str, object]:
    """What rp2 would tell that came to what ours did, but for the gains that are named by disposal and lot."""
    portions = []
    for name, cost in ours.found.items():
        if name.startswith("cost of "):
            sold, lot = name.removeprefix("cost of ").split(" from lot ")
            gain = ours.found[name.replace("cost of", "gain of")]
            portions.append((int(sold), int(lot), str(cost), changed.get(f"{sold}_{lot}", str(gain)), False))
    return {"method": "fifo", "s": 1.0, "portions": portions, "peak_mb": 1}


async def test_lots_without_the_peer_and_beside_one_that_is_a_cent_off(tmp_path: Path) -> None:
    found = await lots.compare(60, Home(tmp_path, may_install=False))
    fifo, lifo, hifo = found
    for comparison in found:
        comparison.check()
        assert cells(comparison)[-1][:2] == ["rp2", "no figures: rp2 1.7.2 is not installed"]
    assert len(fifo.ours.found) > 20 and fifo.ours.found != lifo.ours.found != hifo.ours.found

    beside = replace(fifo, absent={}, rows=[fifo.ours, lots._row(of_rp2(fifo.ours), 60, fifo.ours)])
    beside.check()
    name = next(name for name in fifo.ours.found if name.startswith("gain of "))
    sold, lot = name.removeprefix("gain of ").split(" from lot ")
    gain = fifo.ours.found[name]
    assert isinstance(gain, Decimal)
    wrong = of_rp2(fifo.ours, **{f"{sold}_{lot}": str(gain + Decimal("0.01"))})
    with pytest.raises(ResultsDiffer, match=f"Lots by FIFO.*rp2 has 1 other results, of them {name}"):
        replace(beside, rows=[fifo.ours, lots._row(wrong, 60, fifo.ours)]).check()


async def test_posting_beside_the_raw_driver_comes_to_the_same_balances(runtime: Runtime, tmp_path: Path) -> None:
    class Here(posting.Server):
        def database(self) -> str:
            return runtime.config.mongodb_database

    async with connect(runtime.config.mongodb_uri) as client:
        at, home = Here(client, runtime.config.mongodb_uri, os.getpid()), Home(tmp_path, may_install=False)
        compared = await posting._compare(at, posting.AT_ONCE, posting.entries_of(40), home, "medici is not installed")
    compared.check()
    limit, ours = compared.rows
    assert sum(amount for amount in ours.found.values() if isinstance(amount, Decimal)) == 0 and len(ours.found) > 20

    lost, *kept = sorted(limit.found)
    short = {name: limit.found[name] for name in kept}
    with pytest.raises(ResultsDiffer, match=f"raw driver has 1 other results, of them {lost}"):
        replace(compared, rows=[replace(limit, found=short), ours]).check()


def test_amounts_may_differ_by_less_than_half_a_cent_and_nothing_else_at_all() -> None:
    wanted = {"a": Decimal("1.00"), "b": Decimal("2.00"), "c": "0xab", "d": 3}
    assert differences({"a": Decimal("1.004"), "b": Decimal("2.005"), "c": "0xab", "d": 3}, wanted) == ["b"]
    assert differences({"a": Decimal("1.00"), "b": Decimal("2.00"), "c": "0xac", "e": 3}, wanted) == ["c", "d", "e"]


def test_the_report_has_ratios_of_one_run_and_says_who_is_absent() -> None:
    rows = [
        Row("raw client", "", "reads", 4_000.0, 0.25, is_limit=True),
        Row("coffer", "", "stores", 2_000.0, 0.5, 120),
        Row("ponder", "0.16.10", "one token", 40.0, 30.0, 600),
    ]
    text = report([Comparison("following", "Following", "blocks", "hashes", rows, {"cryo": "is not here"})], "python -m benchmarks.peers", (1.0, 2.0))
    assert "| ponder 0.16.10 | one token | 40 | 0.010 | 50.00 × | 60.00 × | 30 | 600 |" in text
    assert "| coffer | stores | 2,000 | 0.500 |  |  | 0.5 | 120 |" in text
    assert "| cryo | no figures: is not here |" in text
    assert "load of the machine 1.0 before, 2.0 after" in text
