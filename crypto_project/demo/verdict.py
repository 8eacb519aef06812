"""The outcome of the scenario: figures from the chain on one side, from the database and a console on the other, and what does not agree."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from statistics import quantiles
from typing import Any

from crypto_api.classification.types import Category
from crypto_project.demo.chain_census import ChainCensus, Counted
from crypto_project.demo.database_census import EventFacts, LedgerFacts, MovementFacts
from crypto_project.demo.event_listener import Heard
from crypto_project.demo.story import Story

MOVEMENTS_MIN, FAILED_MIN, SPAM_MIN, REORGANISATIONS_MIN = 300, 20, 20, 3
SHOWN_PER_PROBLEM = 5
_EXACT = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Evidence:
    story: Story
    chain: ChainCensus
    balances: Mapping[tuple[str, str], int]  # (wallet in lower case, symbol) → base units
    decimals: Mapping[str, int]
    database: MovementFacts
    ledger: LedgerFacts
    events: EventFacts
    heard: Heard
    seconds: float


def judge(evidence: Evidence) -> dict[str, Any]:
    chain, database, ledger, events, heard = evidence.chain, evidence.database, evidence.ledger, evidence.events, evidence.heard
    wrong_quantities = _wrong_quantities(evidence)
    missing = heard.missing(events.head)
    problems = [*_few(evidence), *_movements(evidence), *_categories(evidence), *ledger.faults, *wrong_quantities, *_events(evidence, missing)]
    return {
        "movements": {
            "on_chain": chain.movements.total(),
            "stored": database.movements.total(),
            "classified": database.classified,
            "booked": database.booked,
            "spam": database.spam.total(),
            "orphaned": database.orphaned,
            "failed": len(chain.failed),
        },
        "ledger": {"balanced": not ledger.faults, "equals_chain": not wrong_quantities, "entries": ledger.entries},
        "events": {
            "written": events.head - (heard.start or 0) + events.unnumbered,
            "delivered": sum(seq <= events.head for seq in heard.seen),  # more are told while this counts
            "duplicates": heard.duplicates,
            "gaps": len(missing) + heard.broken_links,
        },
        "latency_ms": {"block_to_stored": _latency(_to_stored(evidence)), "block_to_frame": _latency(_to_frame(evidence))},
        "faults": evidence.story.faults,
        "problems": problems,
        "seconds": round(evidence.seconds, 1),
        "ok": not problems,
    }


def _few(evidence: Evidence) -> list[str]:
    """A scenario that was too tame proves nothing."""
    counted = {
        "movements": (evidence.chain.movements.total(), MOVEMENTS_MIN),
        "failed transactions": (len(evidence.chain.failed), FAILED_MIN),
        "spam movements": (evidence.chain.spam.total(), SPAM_MIN),
        "reorganisations": (sum(fault["kind"] == "reorganisation" for fault in evidence.story.faults), REORGANISATIONS_MIN),
        "kills of the follower": (len(evidence.story.outages), 1),
        "orphaned transactions": (len(evidence.database.orphaned_transactions), 1),
    }
    return [f"only {count} {what}, {least} are needed" for what, (count, least) in counted.items() if count < least]


def _movements(evidence: Evidence) -> list[str]:
    chain, database = evidence.chain, evidence.database
    problems = [
        *_difference("on the chain and not stored", chain.movements, database.movements),
        *_difference("stored and not on the chain", database.movements, chain.movements),
        *_difference("spam and not marked so", chain.spam, database.spam),
        *_difference("marked as spam and none", database.spam, chain.spam),
    ]
    due = chain.movements.total() - chain.spam.total()
    if database.booked != due:
        problems.append(f"{database.booked} movements are booked, {due} should be")
    if database.unfinished or database.unconfirmed:
        problems.append(f"{database.unfinished} transactions are not finished with, {database.unconfirmed} not confirmed")
    if standing := database.orphaned_transactions & chain.transactions:
        problems.append(f"{len(standing)} transactions are called orphaned and stand on the chain")
    if unknown := database.orphaned_transactions - evidence.story.dropped:
        problems.append(f"{len(unknown)} transactions are called orphaned that never left the chain")
    return problems


def _difference(what: str, left: Counter[Counted], right: Counter[Counted]) -> list[str]:
    rest = left - right
    return [f"{rest.total()} movements are {what}: {_some(rest.elements())}"] if rest else []


def _categories(evidence: Evidence) -> list[str]:
    """The company's own idea of each transaction, except that what reverted is a failure whatever was meant."""
    told, problems = evidence.database.categories, []
    for hash_, meant in evidence.story.plays.meant.items():
        expected = Category.FAILED if hash_ in evidence.chain.failed else meant
        if hash_ in told and expected is not Category.UNCLASSIFIED and told[hash_] != expected:
            problems.append(f"{hash_} is {told[hash_]}, not {expected}")
    return [f"{len(problems)} transactions are in a wrong category: {_some(problems)}"] if problems else []


def _wrong_quantities(evidence: Evidence) -> list[str]:
    actual = {key: _EXACT.scaleb(Decimal(raw), -evidence.decimals[key[1]]) for key, raw in evidence.balances.items()}
    booked = evidence.ledger.quantities
    nothing = Decimal(0)
    return [
        f"wallet {wallet} has {actual.get((wallet, asset), nothing)} {asset} on the chain and {booked.get((wallet, asset), nothing)} in the books"
        for wallet, asset in sorted(actual.keys() | booked.keys())
        if actual.get((wallet, asset), nothing) != booked.get((wallet, asset), nothing)
    ]


def _events(evidence: Evidence, missing: list[int]) -> list[str]:
    events, heard, problems = evidence.events, evidence.heard, []
    if events.unnumbered or not events.contiguous:
        problems.append(f"{events.unnumbered} events have no number; numbers without gaps: {events.contiguous}")
    if missing:
        problems.append(f"{len(missing)} events were never delivered: {_some(missing)}")
    if heard.duplicates or heard.broken_links:
        problems.append(f"{heard.duplicates} events came twice, {heard.broken_links} did not follow their predecessor")
    return problems


def _to_stored(evidence: Evidence) -> list[float]:
    return [late for key, at in evidence.database.stored_at.items() if (late := _since_mined(evidence.story, key, at)) is not None]


def _to_frame(evidence: Evidence) -> list[float]:
    frames = [frame for frame in evidence.heard.frames if frame.kind == "transaction.recorded"]
    keyed = [((frame.data["hash"], frame.data["block_number"]), frame.received_at) for frame in frames]
    return [late for key, at in keyed if (late := _since_mined(evidence.story, key, at)) is not None]


def _since_mined(story: Story, key: tuple[str, int], at: float) -> float | None:
    """Milliseconds. None for what was mined while there was no follower."""
    mined = [moment for moment in story.plays.mined_at.get(key, []) if moment <= at]
    if not mined or any(start <= mined[-1] <= end for start, end in story.outages):
        return None
    return (at - mined[-1]) * 1000


def _latency(samples: list[float]) -> dict[str, float | None]:
    if len(samples) < 2:
        return {"p50": None, "p99": None}
    cuts = quantiles(samples, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


def _some(items: Iterable[Any]) -> str:
    shown = [str(item) for item in items]
    return ", ".join(shown[:SHOWN_PER_PROBLEM]) + (", …" if len(shown) > SHOWN_PER_PROBLEM else "")
