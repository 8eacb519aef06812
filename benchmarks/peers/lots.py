"""Lots: the same trades by ours and by rp2. Both have them read already; each disposal with its lots, cost, proceeds, gain and term is computed."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.lots import Trade, computed, events_of, timed, trades
from benchmarks.peers.comparison import Comparison, Row
from benchmarks.peers.peer import Home, PeerUnavailable, run
from crypto_api.lots.types import Disposed, LotMethod

NAME, VERSION = "rp2", "1.7.2"
METHODS = (LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO)
COMPARED = "cost and gain of every portion of every disposal against its lot, to the cent"
CONFIG = """[general]
assets = ETH
exchanges = Kraken
holders = Bob
[in_header]
timestamp = 0
asset = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_in = 6
fiat_fee = 7
notes = 8
[out_header]
timestamp = 0
asset = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_out_no_fee = 6
crypto_fee = 7
notes = 8
[intra_header]
timestamp = 0
asset = 1
from_exchange = 2
from_holder = 3
to_exchange = 4
to_holder = 5
spot_price = 6
crypto_sent = 7
crypto_received = 8
notes = 9
"""


async def compare(count: int, home: Home) -> list[Comparison]:
    made = trades(count)
    ours = {method: _ours(made, method) for method in METHODS}
    absent, peer = {}, dict[str, dict[str, Any]]()
    try:
        peer = await _rp2(made, home)
    except PeerUnavailable as error:
        absent[NAME] = str(error)
    found = []
    for method in METHODS:
        rows = [ours[method]]
        if (told := peer.get(method.value)) is not None:
            rows.append(_row(told, count, ours[method]))
        found.append(Comparison("lots", f"Lots by {method.value.upper()} ({count:,} trades)", "trades", COMPARED, rows, absent))
    return found


def _ours(made: Sequence[Trade], method: LotMethod) -> Row:
    events = events_of(made)
    took, disposals = timed(lambda: computed(events, method))
    sold = [event.ref for event in events if event.kind == "dispose"]
    found = _portions(zip(sold, disposals, strict=True))
    return Row("coffer", "", "integers", len(made) / took, took * 1_000 / len(made), found=found, wanted=found)


def _portions(disposals: Any) -> dict[str, object]:
    """By disposal and lot: cost and gain."""
    found: dict[str, object] = {}
    for ref, disposed in disposals:
        assert isinstance(disposed, Disposed)
        for portion in disposed.portions:
            assert portion.cost is not None and portion.gain is not None
            found[f"cost of {ref} from lot {portion.lot.ref}"] = Decimal(portion.cost).scaleb(-8)
            found[f"gain of {ref} from lot {portion.lot.ref}"] = Decimal(portion.gain).scaleb(-8)
    return found


async def _rp2(made: Sequence[Trade], home: Home) -> dict[str, dict[str, Any]]:
    python, place = await home.venv(NAME, VERSION) / "python", home.folder / NAME
    file, config = place / "trades.json", place / "rp2.ini"
    file.write_text("\n".join(json.dumps(trade) for trade in made))
    config.write_text(CONFIG)
    ran = await run([python, Path(__file__).with_name("rp2_side.py"), file, config], place, place / "said.log")
    return {row["method"]: row | {"peak_mb": ran.peak_mb} for row in map(json.loads, ran.said.splitlines())}


def _row(told: dict[str, Any], count: int, ours: Row) -> Row:
    found: dict[str, object] = {}
    for sold, lot, cost, gain, _ in told["portions"]:
        found[f"cost of {sold} from lot {lot}"], found[f"gain of {sold} from lot {lot}"] = Decimal(cost), Decimal(gain)
    return Row(NAME, VERSION, "decimals of 31 digits", count / told["s"], told["s"] * 1_000 / count, told["peak_mb"], found=found, wanted=ours.found)
