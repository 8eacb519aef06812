"""Which of many payments may be meant for which of many invoices: `python -m benchmarks.matching [RECEIPTS] [INVOICES]`.

10,000 transfers against 10,000 open invoices unless told otherwise: some of them exactly what was asked for, some a little off, from senders who are
known or not, and some that belong to nothing. What is measured is the rules alone, as the desk calls them (`receivables/rules.py`, `match()`): no
database. Beside it stands the plain way, every receipt against every invoice, on a part of them.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from crypto_api.receivables import rules
from crypto_api.receivables.types import Came, Known

SENT = datetime(2026, 11, 1, tzinfo=UTC)
PLAIN = 500  # of each, for the plain way: it grows with the product


def cases(receipts: int, invoices: int, seed: int = 7) -> tuple[list[Came], list[Known], dict[str, frozenset[str]], dict[str, str]]:
    """(what came, what is open, who paid for whom before, and of those that are certain the invoice)."""
    random = Random(seed)
    known = [_known(random, number) for number in range(invoices)]
    payers: dict[str, frozenset[str]] = {}
    came: list[Came] = []
    certain: dict[str, str] = {}
    for number in range(receipts):
        invoice, luck = known[number % invoices], random.random()
        payer = f"0x{number:040x}"
        if random.random() < 0.5:
            payers[payer] = frozenset({invoice.client_id})
        exact = luck < 0.6
        worth = invoice.worth if exact else invoice.worth * Decimal(random.uniform(0.97, 1.04)).quantize(Decimal("0.0001"))
        if luck > 0.95:
            worth = Decimal(random.randrange(10**6, 10**8))  # nobody asked for that
        raw = invoice.raw_amount if exact else str(int(worth * 10**6))
        assert raw is not None and invoice.wallet_id is not None
        came.append(Came(f"r{number}", invoice.wallet_id, "USDC", raw, worth, payer, SENT + timedelta(days=random.uniform(1, 20))))
        if exact:
            certain[f"r{number}"] = invoice.id
    return came, known, payers, certain


def _known(random: Random, number: int) -> Known:
    worth = Decimal(random.randrange(1_000, 5_000_000)) / 100
    raw = str(int(worth * 10**6) + number)  # a shared wallet: each amount is asked for once
    return Known(f"i{number}", f"INV-{number:05}", f"c{number % 900}", f"Client {number % 900}", worth, SENT, "USDC", raw, f"w{number % 3}")


def plain(came: Sequence[Came], known: Sequence[Known]) -> int:
    """Every receipt against every invoice: how many pairs are close enough to be looked at."""
    return sum(1 for row in came for invoice in known if abs(row.worth - invoice.worth) <= invoice.worth * rules.CLOSE)


def main() -> None:
    receipts, invoices = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (10_000, 10_000)
    came, known, payers, certain = cases(receipts, invoices)
    began = time.perf_counter()
    found = rules.match(came, known, payers)
    took = time.perf_counter() - began
    exact = {one.receipt_ids[0]: one.invoice_ids[0] for one in found if one.exact}
    wrong = sum(1 for receipt_id, invoice_id in exact.items() if certain.get(receipt_id) != invoice_id)
    with_any = {receipt_id for one in found for receipt_id in one.receipt_ids}
    began = time.perf_counter()
    plain(came[:PLAIN], known[:PLAIN])
    each = (time.perf_counter() - began) / (PLAIN * PLAIN)
    print(f"{receipts:,} receipts against {invoices:,} invoices: {took:.2f} s, {receipts / took:,.0f} receipts a second")
    print(f"certain: {len(exact):,} of {len(certain):,} that were, {wrong} wrong; with a suggestion: {len(with_any):,} of {receipts:,}")
    whole = each * receipts * invoices
    print(f"the plain way, comparing every pair once and scoring none: {whole:.1f} s ({whole / took:.1f} times as long)")
    print("scores:", dict(sorted(Counter(one.score // 20 * 20 for one in found).items())))


if __name__ == "__main__":
    main()
