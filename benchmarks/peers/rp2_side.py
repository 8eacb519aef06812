"""rp2, run by the Python in which it is installed. Reads trades as JSON lines; writes, for each method, the seconds of computing and every portion of
every disposal: rows of disposal and lot, cost, gain, and whether it is long-term.

<python with rp2> benchmarks/peers/rp2_side.py TRADES.json CONFIG.ini
"""

import json
import logging
import sys
import time
from pathlib import Path

from prezzemolo.avl_tree import AVLTree  # type: ignore[import-not-found]
from rp2.accounting_engine import AccountingEngine  # type: ignore[import-not-found]
from rp2.configuration import MAX_DATE, MIN_DATE, Configuration  # type: ignore[import-not-found]
from rp2.entry_types import EntrySetType  # type: ignore[import-not-found]
from rp2.in_transaction import InTransaction  # type: ignore[import-not-found]
from rp2.input_data import InputData  # type: ignore[import-not-found]
from rp2.out_transaction import OutTransaction  # type: ignore[import-not-found]
from rp2.plugin.accounting_method import fifo, hifo, lifo  # type: ignore[import-not-found]
from rp2.plugin.country.us import US  # type: ignore[import-not-found]
from rp2.rp2_decimal import RP2Decimal  # type: ignore[import-not-found]
from rp2.tax_engine import compute_tax  # type: ignore[import-not-found]
from rp2.transaction_set import TransactionSet  # type: ignore[import-not-found]


def main(trades: Path, config: Path) -> None:
    logging.disable(logging.CRITICAL)
    configuration = Configuration(str(config), US())
    kinds = (EntrySetType.IN, EntrySetType.OUT, EntrySetType.INTRA)
    sets = {kind: TransactionSet(configuration, kind.name, "ETH", MIN_DATE, MAX_DATE) for kind in kinds}
    for row, line in enumerate(trades.read_text().splitlines()):
        buy, at, *texts = json.loads(line)
        quantity, price, fee = (RP2Decimal(text) for text in texts)
        common = (configuration, at, "ETH", "Kraken", "Bob", "BUY" if buy else "SELL", price, quantity)
        if buy:
            sets[EntrySetType.IN].add_entry(InTransaction(*common, fiat_fee=fee, row=row))
        else:
            sets[EntrySetType.OUT].add_entry(OutTransaction(*common, RP2Decimal("0"), row=row))
    data = InputData("ETH", *sets.values())
    for name, method in (("fifo", fifo), ("lifo", lifo), ("hifo", hifo)):
        years = AVLTree()
        years.insert_node(0, method.AccountingMethod())
        started = time.process_time()
        computed = compute_tax(configuration, AccountingEngine(years), data)
        rows = [
            (row.taxable_event, row.acquired_lot, row.fiat_cost_basis, row.fiat_gain, row.is_long_term_capital_gains())
            for row in computed.gain_loss_set
        ]
        took = time.process_time() - started
        told = [(sold.row, lot.row, f"{cost:.6f}", f"{gain:.6f}", long) for sold, lot, cost, gain, long in rows]
        sys.stdout.write(json.dumps({"method": name, "s": took, "portions": told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
