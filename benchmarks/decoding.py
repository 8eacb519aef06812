"""What is told of real transactions: the share that is recognised, by protocol, what stays unknown, and how fast, beside eth-abi over the same logs.

    REAL_CHAIN_DATA=<folder with transactions.jsonl.gz> python -m benchmarks.decoding [--rounds 5]

Each transaction is seen as its sender sees it; what a Safe carries out as the Safe does, a batch of CoW as the owner of its first order.
`recognised`: at least one action is told beside plain transfers; `verified`: by a contract that is known as the protocol's own. Prints Markdown.
"""

import argparse
import gzip
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from crypto_api.kit.ethereum import TRANSFER_TOPIC, WireLog, address_of_topic
from crypto_api.protocols.glance import Coin, Glance
from crypto_api.protocols.reading import actions_of

WRAPPED = {
    1: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    10: "0x4200000000000000000000000000000000000006",
    56: "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c",
    100: "0xe91d153e0b41518a2ce8dd3d7944fa863463a97d",
    137: "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270",
    8453: "0x4200000000000000000000000000000000000006",
    42161: "0x82af49447d8a07e3bd95bd0d56f35241523fbab1",
    534352: "0x5300000000000000000000000000000000000004",
}


_EXECUTES = "0x6a761202"  # execTransaction of a Safe
_TRADE = "0xa07a543ab8a018198e99ca0184c93fe9050a79400a0a723441f84de1d972cc17"  # of CoW's settlement


def parties_of(row: dict[str, Any]) -> frozenset[str]:
    """Whose transaction it is: its sender's, with the Safe that carries something out, or the owner of the first order that a solver settles."""
    transaction = row["transaction"]
    found = {transaction["from"].lower()}
    if transaction["input"][:10] == _EXECUTES:
        found.add(transaction["to"].lower())
    orders = [log for log in row["receipt"]["logs"] if log["topics"][:1] == [_TRADE]]
    return frozenset(found | {address_of_topic(log["topics"][1]) for log in orders[:1]})


def glance_of(row: dict[str, Any], party: str | None = None) -> Glance:
    """As `party` sees it, else those whose it is. Where nobody traced, what came of the coin by calls is not known."""
    transaction, receipt = row["transaction"], row["receipt"]
    sender, recipient, value = transaction["from"].lower(), (transaction["to"] or "").lower(), int(transaction["value"], 16)
    own = frozenset({party}) if party else parties_of(row)
    logs = [
        WireLog(log["address"].lower(), tuple(log["topics"]), log["data"], transaction["hash"], int(log["logIndex"], 16)) for log in receipt["logs"]
    ]
    net: defaultdict[Coin, int] = defaultdict(int)
    net[None] += value * ((recipient in own) - (sender in own))
    for log in logs:
        if len(log.topics) == 3 and log.topics[0] == TRANSFER_TOPIC and len(log.data) == 66:
            giver, taker = map(address_of_topic, log.topics[1:])
            net[log.address] += int(log.data, 16) * ((taker in own) - (giver in own))
    for call in row["internal"] or ():
        if call["isError"] == "0":
            net[None] += int(call["value"]) * (((call["to"] or "").lower() in own) - (call["from"].lower() in own))
    return Glance(
        chain_id=row["chain_id"],
        sender=sender,
        recipient=recipient or None,
        value=value,
        input=transaction["input"],
        logs=logs,
        wrapped=WRAPPED.get(row["chain_id"]),
        own=own,
        net={coin: raw for coin, raw in net.items() if raw},
    )


def rows_of(folder: str) -> list[dict[str, Any]]:
    with gzip.open(Path(folder) / "transactions.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def table(rows: Sequence[dict[str, Any]]) -> str:
    total, told, verified, kinds = Counter[str](), Counter[str](), Counter[str](), defaultdict[str, Counter[str]](Counter)
    for row in rows:
        name = row["protocol"]
        actions = actions_of(glance_of(row))[0] if row["receipt"].get("status", "0x1") == "0x1" else []
        total[name] += 1
        told[name] += bool(actions)
        verified[name] += any(action.verified for action in actions)
        kinds[name].update({action.kind.value for action in actions})
    lines = ["| about | transactions | recognised | verified | as |", "|---|---:|---:|---:|---|"]
    common = [name for name, count in total.most_common() if count >= 3]
    for name in common:
        words = ", ".join(f"{kind} {count}" for kind, count in kinds[name].most_common(4))
        lines.append(f"| {name} | {total[name]} | {told[name]} | {verified[name]} | {words or 'unknown'} |")
    rest = [name for name in total if name not in common]
    lines.append(f"| {len(rest)} others | {sum(total[n] for n in rest)} | {sum(told[n] for n in rest)} | {sum(verified[n] for n in rest)} | |")
    share = f"{told.total() / total.total():.0%}, {verified.total() / total.total():.0%}"
    lines.append(f"| **all** | **{total.total()}** | **{told.total()}** | **{verified.total()}** | {share} |")
    return "\n".join(lines)


# ---- speed -----------------------------------------------------------------------------------------------------------------------


def bare(glances: Sequence[Glance]) -> int:
    """eth-abi over the data of the same logs, a word at a time as uint256: what reading them costs at least with it."""
    read = 0
    for glance in glances:
        for row in glance.logs:
            words = (len(row.data) - 2) // 64
            try:
                decode(["uint256"] * words, bytes.fromhex(row.data[2:]))
            except (DecodingError, ValueError):
                continue
            read += 1
    return read


def best(rounds: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("REAL_CHAIN_DATA", ""))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not options.data:
        parser.error("REAL_CHAIN_DATA names no folder")
    rows = rows_of(options.data)
    print(table(rows))
    made = [glance_of(row) for row in rows]
    logs = sum(len(glance.logs) for glance in made)

    def fresh() -> list[Glance]:  # what a glance has worked out is kept in it
        return [Glance(g.chain_id, g.sender, g.recipient, g.value, g.input, g.logs, g.wrapped, g.own, g.net) for g in made]

    ours = best(options.rounds, lambda: [actions_of(glance) for glance in fresh()])
    theirs = best(options.rounds, lambda: bare(made))
    print(f"\n{logs / ours:,.0f} logs/s ({len(rows) / ours:,.0f} transactions/s) told; bare eth-abi reads {logs / theirs:,.0f} logs/s; ", end="")
    print(f"{ours / theirs:.2f} of its time. Best of {options.rounds}, {logs} logs, one process.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
