"""The judge of `demo --once` says "ok" of what agrees, and names whatever does not."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crypto_api.classification.types import Category
from crypto_project.demo.chain_census import ChainCensus, Counted
from crypto_project.demo.database_census import EventFacts, LedgerFacts, MovementFacts
from crypto_project.demo.event_listener import Frame, Heard
from crypto_project.demo.story import Story
from crypto_project.demo.verdict import Evidence, judge

WALLET, CLIENT, LURE = "0xaa", "0xcc", "0xdd"
MINED_AT = 1_000.0
OUTAGE = (2_000.0, 2_006.0)


def hash_of(number: int) -> str:
    return f"0x{number:064x}"


INCOME = [Counted(hash_of(n), "erc20", "0xusdc", CLIENT, WALLET, 1_500_000) for n in range(300)]
FAILED = [Counted(hash_of(n), "gas", "", WALLET, "0x00", 10**15) for n in range(300, 320)]
SPAM = [Counted(hash_of(n), "erc20", LURE, "0x00", WALLET, 7) for n in range(320, 340)]
EVERYTHING = Counter([*INCOME, *FAILED, *SPAM])


def agreeing() -> Evidence:
    hashes = frozenset(hash_of(n) for n in range(340))
    meant = {hash_of(n): Category.INCOME for n in range(300)} | {hash_of(n): Category.FAILED for n in range(300, 320)}
    plays = SimpleNamespace(meant=meant, mined_at={(hash_, 7): [MINED_AT] for hash_ in hashes})
    story = Story(cast("Any", plays), dropped={hash_of(999)}, outages=[OUTAGE])
    story.faults = [{"kind": "reorganisation", "depth": depth} for depth in (3, 6, 1)]
    return Evidence(
        story=story,
        chain=ChainCensus(9, "0x9", EVERYTHING, Counter(SPAM), frozenset(hash_of(n) for n in range(300, 320)), hashes),
        balances={(WALLET, "USDC"): 450_000_000},
        decimals={"USDC": 6},
        database=MovementFacts(
            movements=EVERYTHING,
            spam=Counter(SPAM),
            classified=340,
            booked=320,
            orphaned=1,
            orphaned_transactions=frozenset({hash_of(999)}),
            unfinished=0,
            unconfirmed=0,
            categories={hash_of(n): "income" if n < 300 else "failed" if n < 320 else "spam" for n in range(340)},
            stored_at={(hash_of(n), 7): MINED_AT + 0.05 for n in range(340)},
        ),
        ledger=LedgerFacts(320, [], {(WALLET, "USDC"): Decimal(450)}),
        events=EventFacts(12, 0, 12, True),
        heard=heard_of(range(3, 13)),
        seconds=30,
    )


def heard_of(numbers: range) -> Heard:
    heard = Heard(start=2)
    for seq in numbers:
        heard.seen.add(seq)
        data = {"hash": hash_of(seq), "block_number": 7}
        heard.frames.append(Frame(seq, "transaction.recorded", data, MINED_AT + seq / 100))
    return heard


def test_what_agrees_is_ok() -> None:
    summary = judge(agreeing())
    assert summary["ok"] and summary["problems"] == []
    assert summary["movements"] == {"on_chain": 340, "stored": 340, "classified": 340, "booked": 320, "spam": 20, "orphaned": 1, "failed": 20}
    assert summary["ledger"] == {"balanced": True, "equals_chain": True, "entries": 320}
    assert summary["events"] == {"written": 10, "delivered": 10, "duplicates": 0, "gaps": 0}
    assert summary["latency_ms"]["block_to_stored"] == {"p50": 50.0, "p99": 50.0}
    assert summary["latency_ms"]["block_to_frame"]["p50"] == 75.0


def with_database(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, database=replace(evidence.database, **changes))


WRONG: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "one is not stored": (with_database(movements=EVERYTHING - Counter(INCOME[:1])), "1 movements are on the chain and not stored"),
    "one is stored twice": (with_database(movements=EVERYTHING + Counter(INCOME[:1])), "1 movements are stored and not on the chain"),
    "an amount is wrong": (
        with_database(movements=EVERYTHING - Counter(INCOME[:1]) + Counter([replace(INCOME[0], raw=1)])),
        "1 movements are stored and not on the chain",
    ),
    "spam is taken for money": (with_database(spam=Counter(SPAM[1:])), "1 movements are spam and not marked so"),
    "money is taken for spam": (with_database(spam=Counter([*SPAM, INCOME[0]])), "1 movements are marked as spam and none"),
    "one is not booked": (with_database(booked=319), "319 movements are booked, 320 should be"),
    "one is not finished": (with_database(unfinished=1), "1 transactions are not finished with"),
    "one that stands is orphaned": (with_database(orphaned_transactions=frozenset({hash_of(3)})), "stand on the chain"),
    "one that never left is orphaned": (with_database(orphaned_transactions=frozenset({hash_of(4_000)})), "never left the chain"),
    "a category is wrong": (
        lambda evidence: with_database(categories=evidence.database.categories | {hash_of(0): "expense"})(evidence),
        "1 transactions are in a wrong category",
    ),
    "the books hold less": (
        lambda evidence: replace(evidence, ledger=LedgerFacts(320, [], {(WALLET, "USDC"): Decimal("449.999999")})),
        "450.000000 USDC on the chain and 449.999999 in the books",
    ),
    "the books hold what is not there": (
        lambda evidence: replace(evidence, ledger=LedgerFacts(320, [], {(WALLET, "USDC"): Decimal(450), (WALLET, LURE): Decimal(1)})),
        "0 0xdd on the chain and 1 in the books",
    ),
    "an entry does not balance": (lambda evidence: replace(evidence, ledger=replace(evidence.ledger, faults=["entry x"])), "entry x"),
    "an event is lost": (lambda evidence: replace(evidence, heard=heard_of(range(3, 12))), "1 events were never delivered: 12"),
    "an event has no number": (lambda evidence: replace(evidence, events=EventFacts(13, 1, 12, True)), "1 events have no number"),
    "numbers have a gap": (lambda evidence: replace(evidence, events=EventFacts(11, 0, 12, False)), "numbers without gaps: False"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_agree_is_named(what: str) -> None:
    change, words = WRONG[what]
    summary = judge(change(agreeing()))
    assert not summary["ok"]
    assert any(words in problem for problem in summary["problems"]), summary["problems"]


def test_an_event_heard_twice_is_named() -> None:
    evidence = agreeing()
    evidence.heard.duplicates = 1
    summary = judge(evidence)
    assert summary["events"]["duplicates"] == 1 and not summary["ok"]


def test_a_tame_scenario_proves_nothing() -> None:
    evidence = agreeing()
    evidence.story.faults.pop()
    evidence.story.outages.clear()
    assert judge(evidence)["problems"] == ["only 2 reorganisations, 3 are needed", "only 0 kills of the follower, 1 are needed"]


def test_latency_leaves_out_what_waited_for_a_follower() -> None:
    evidence = agreeing()
    evidence.story.plays.mined_at[hash_of(0), 7] = [OUTAGE[0] + 1]
    evidence.database.stored_at[hash_of(0), 7] = OUTAGE[1]
    assert judge(evidence)["latency_ms"]["block_to_stored"]["p99"] == 50.0


def test_latency_counts_from_the_block_in_which_it_stands_now() -> None:
    evidence = agreeing()
    for key in evidence.story.plays.mined_at:
        evidence.story.plays.mined_at[key] = [MINED_AT - 5, MINED_AT, MINED_AT + 60]
    assert judge(evidence)["latency_ms"]["block_to_stored"]["p50"] == 50.0
