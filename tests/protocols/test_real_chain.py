"""Transactions of public networks: what is told of them agrees with their logs, and of some it is known by hand what it has to be.

REAL_CHAIN_DATA=<folder with transactions.jsonl.gz> python -m pytest tests/protocols/test_real_chain.py
"""

import os
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from benchmarks.decoding import glance_of, rows_of, table
from crypto_api.kit.ethereum import DEPOSIT_TOPIC, WITHDRAWAL_TOPIC
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.reading import actions_of
from crypto_api.protocols.types import ActionKind

DATA = os.environ.get("REAL_CHAIN_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="REAL_CHAIN_DATA names no folder")
_BY_CALL = frozenset({ActionKind.DISPERSE, ActionKind.APPROVAL})


@cache
def rows() -> list[dict[str, Any]]:
    return rows_of(DATA)


def told_by_logs(glance: Glance) -> dict[str, set[int]]:
    """By contract: each amount that a log moved, what each party gave, got, and has more or less of by it."""
    sums: defaultdict[str, set[int]] = defaultdict(set)
    for party, transfers in glance.by_party.items():
        for contract in {row.contract for row in transfers}:
            mine = [row for row in transfers if row.contract == contract]
            got, gave = (sum(row.raw for row in mine if side(row) == party) for side in (lambda row: row.recipient, lambda row: row.sender))
            sums[contract] |= {got, gave, abs(got - gave), *(row.raw for row in mine)}
    for topic in (DEPOSIT_TOPIC, WITHDRAWAL_TOPIC):
        for row in glance.by_topic.get(topic, ()):
            sums[row.address].add(int(row.data[:66], 16))
    return sums


def test_every_leg_is_an_amount_that_the_logs_moved() -> None:
    """One vault pays in the coin what its event calls the wrapped coin: of that the coin's way is no log."""
    checked = 0
    for row in rows():
        glance = glance_of(row)
        actions, _ = actions_of(glance)
        sums = told_by_logs(glance)
        for action in actions:
            for part in (*action.gives, *action.takes) if action.kind not in _BY_CALL else ():
                if part.contract is None or part.raw_amount is None or (part.contract.lower() == glance.wrapped and "Balancer" in action.protocol):
                    continue
                assert int(part.raw_amount) in sums[part.contract.lower()], (row["protocol"], row["transaction"]["hash"], action)
                checked += 1
        assert all(0 <= index <= max(log.log_index for log in glance.logs) for action in actions for index in action.evidence)
    assert checked > 400


def test_what_failed_is_told_nothing_of_by_its_logs() -> None:
    failed = [row for row in rows() if row["receipt"].get("status") == "0x0"]
    assert failed and all(
        not actions_of(glance_of(row))[0] for row in failed if row["transaction"]["input"][:10] != "0xe63d38ed" and not glance_of(row).value
    )


# hash → actions as (kind, protocol, verified, gives, takes); None is the coin
KNOWN: dict[str, list[tuple[str, str, bool, list[tuple[str | None, str]], list[tuple[str | None, str]]]]] = {
    "0x84f192deebcbed6ca2ca4058e60fd0e8ca7b61d1c8addf0f9fb7b07118388f70": [
        (
            "swap",
            "Uniswap v3",
            True,
            [("0x7F5c764cBc14f9669B88837ca1490cCa17c31607", "45000000")],
            [("0x4200000000000000000000000000000000000006", "37247201582146691")],
        ),
    ],
    "0x8d0b3f89d2c591368482d605c5be223dedd7c8373769a8407edce21bf17953a0": [
        ("unwrap", "Wrapped coin", True, [("0x4200000000000000000000000000000000000006", "20000000000000000")], [(None, "20000000000000000")]),
    ],
    "0x757633ab2801de5f235adaff7f6df3112699675d77beb275b541440de21cf06d": [
        ("bridge_arrival", "Optimism bridge", True, [], [(None, "30000000000000000")]),
    ],
    "0xa483f4a4c5ac48d45b245809a24fdcfb66a8660981eab75d08233534d7800f68": [
        ("wrap", "Wrapped coin", True, [(None, "18000000000000000")], [("0x4200000000000000000000000000000000000006", "18000000000000000")]),
    ],
    "0xa99ce12e628620861215c88ee2c51f6c0468442dfe0504c9e5f2c918cf63fc8c": [
        (
            "swap",
            "1inch",
            True,
            [("0xdAC17F958D2ee523a2206206994597C13D831ec7", "710921537")],
            [("0xD533a949740bb3306d119CC777fa900bA034cd52", "790785045156438592337")],
        ),
    ],
    "0x56c57b83508f46d45af6b3230ee882f99df315c089af3250fbe5494ea59e5624": [
        ("repay", "Aave v3", True, [("0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9", "2353181360")], []),
        ("withdraw", "Aave v3", True, [], [("0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", "3038166066433018795")]),
        ("safe_execution", "shaped like Safe", False, [], []),
    ],
    "0x92b6fef0623a3f56daa651968819f2e5b7a982037c19fed2166e4c00ba4d6350": [
        ("borrow", "Aave v3", True, [], [("0xc1CBa3fCea344f92D9239c08C0568f6F2F0ee452", "181000000000000000")]),
    ],
    "0x01456be6d500a21b91941e569df54ec4760868d4b51ba9ef2ddab59d33d3c21f": [
        ("bridge_deposit", "Across", True, [("0xdAC17F958D2ee523a2206206994597C13D831ec7", "422866751")], []),
    ],
    "0x2eb4686e6b9857f02c1c8a035dc1ac7dcaf160fd52248b56a76de7774482390d": [
        ("bridge_deposit", "Arbitrum bridge", True, [("0x6B175474E89094C44Da98b954EedeAC495271d0F", "25000000000000000000000")], []),
    ],
    "0xbd58a2802a40659da35ff838017a00ba0e251dd0c96ae0c802bd41b5a999f366": [
        ("bridge_deposit", "Base bridge", True, [(None, "200000000000000000000")], []),
    ],
    "0x90128b2988d709e7719dc157aaf08ea76792934cac4e47fa01e93c80d21d30fd": [
        ("bridge_deposit", "CCTP", True, [("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "4253283606")], []),
    ],
    "0xd8ba70d3e993cae4b89a68d5b991d0a85dd9888c0e6a07814c9ddd2ff4ba93d2": [
        ("withdraw", "Compound v3", True, [], [("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "8158266856")]),
    ],
    "0x23a3ee601475424e91bdc0999a780afe57bf37cbcce6d1c09a4dfaaae1765451": [
        ("stake", "Lido", True, [(None, "1121373970000000000")], [("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84", "1121373969999999999")]),
    ],
    "0x21e291c980e6ca90b6b52bf13bc43c26bead4d3129bdbc463e140592294fe5bd": [
        (
            "wrap",
            "Lido",
            True,
            [("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84", "26235763844022460916")],
            [("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", "22101307407211190709")],
        ),
    ],
    "0x6539828c45548f323febc685498457880b0651375ca5077338a162676574048c": [
        ("claim", "Merkl", True, [], [("0xBa3335588D9403515223F109EdC4eB7269a9Ab5D", "1412737469800492924993")]),
    ],
    "0x5798c5d91658e6a3722f8507ca25ac9b21d7df555d364f5cd1f5578c92329412": [
        ("bridge_deposit", "Optimism bridge", True, [("0x7F5c764cBc14f9669B88837ca1490cCa17c31607", "2718857536")], []),
    ],
    "0x1c50c336329a7ee41f722ce5d848ebd066b72bf44a1eaafcaa92e8c0282049d2": [
        (
            "swap",
            "Uniswap v3 router",
            True,
            [(None, "636154607647108921")],
            [("0x5A98FcBEA516Cf06857215779Fd812CA3beF1B32", "1000000000000000000000")],
        ),
    ],
    "0x418f03068bdfcd64693f133908a40a6e87acba416a88fe4436939079a1853e26": [
        ("bridge_deposit", "Polygon bridge", True, [(None, "7624084200852464793")], []),
    ],
    "0x4720a52fc768591cb3997da3a2eab76c54b69176f3c3f8d9a817c2d60dd449ac": [],
}


def test_of_some_it_is_known_what_they_are() -> None:
    by_hash = {row["transaction"]["hash"]: row for row in rows()}
    for hash_, expected in KNOWN.items():
        told = [
            (
                action.kind.value,
                action.protocol,
                action.verified,
                [(part.contract, part.raw_amount) for part in action.gives],
                [(part.contract, part.raw_amount) for part in action.takes],
            )
            for action in actions_of(glance_of(by_hash[hash_]))[0]
        ]
        assert told == expected, hash_


def test_the_share_that_is_told_does_not_shrink() -> None:
    whole = table(rows()).splitlines()[-1]
    recognised, verified = (int(cell.strip(" *")) for cell in whole.split("|")[3:5])
    assert recognised >= 260 and verified >= 195
