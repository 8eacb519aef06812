"""Transactions of public networks: what is told of them agrees with their logs, and of some it is known by hand what it has to be.

REAL_CHAIN_DATA=<folder with transactions.jsonl.gz> python -m pytest tests/protocols/test_real_chain.py
"""

import os
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.decoding import glance_of, rows_of, table
from crypto_api.kit.ethereum import DEPOSIT_TOPIC, WITHDRAWAL_TOPIC
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.reading import actions_of
from crypto_api.protocols.types import ActionKind, Portion

DATA = os.environ.get("REAL_CHAIN_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="REAL_CHAIN_DATA names no folder")
KNOWN = Path(__file__).with_name("real_transactions.toml")
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
    assert checked > 380


def test_what_failed_is_told_nothing_of_by_its_logs() -> None:
    failed = [row for row in rows() if row["receipt"].get("status") == "0x0"]
    assert failed and all(
        not actions_of(glance_of(row))[0] for row in failed if row["transaction"]["input"][:10] != "0xe63d38ed" and not glance_of(row).value
    )


def leg(portion: Portion) -> str:
    return f"{portion.raw_amount} {(portion.contract or 'coin').lower()}"


def test_of_some_it_is_known_what_they_are() -> None:
    """Checked by hand against logs and calls, without what is tested here: `real_transactions.toml` says of each why."""
    by_hash = {row["transaction"]["hash"]: row for row in rows()}
    known = tomllib.loads(KNOWN.read_text())["transactions"]
    assert len(known) >= 79
    for case in known:
        told = [
            {
                "kind": action.kind.value,
                "protocol": action.protocol,
                "verified": action.verified,
                "gives": [leg(part) for part in action.gives],
                "takes": [leg(part) for part in action.takes],
            }
            for action in actions_of(glance_of(by_hash[case["hash"]], case.get("party")))[0]
        ]
        assert told == case["actions"], (case["hash"], case["reason"])


def test_the_share_that_is_told_does_not_shrink() -> None:
    whole = table(rows()).splitlines()[-1]
    recognised, verified = (int(cell.strip(" *")) for cell in whole.split("|")[3:5])
    assert recognised >= 260 and verified >= 195
