"""Records what rp2 makes of its own example inputs and of our generated histories. Run where rp2 is installed, beside its source distribution:

    python -m venv rp2 && rp2/bin/pip install rp2==1.7.2 && pip download --no-deps --no-binary :all: rp2==1.7.2 && tar xzf rp2-1.7.2.tar.gz
    rp2/bin/python tests/lots/record_rp2.py rp2-1.7.2 tests/lots/data

The inputs are rp2's (Apache License 2.0); the outputs are what the package computed, in full precision.
"""

import gzip
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from generated import COUNT, history  # type: ignore[import-not-found]
from prezzemolo.avl_tree import AVLTree  # type: ignore[import-not-found]
from rp2.accounting_engine import AccountingEngine  # type: ignore[import-not-found]
from rp2.configuration import MAX_DATE, MIN_DATE, Configuration  # type: ignore[import-not-found]
from rp2.entry_types import EntrySetType  # type: ignore[import-not-found]
from rp2.in_transaction import InTransaction  # type: ignore[import-not-found]
from rp2.input_data import InputData  # type: ignore[import-not-found]
from rp2.ods_parser import open_ods, parse_ods  # type: ignore[import-not-found]
from rp2.out_transaction import OutTransaction  # type: ignore[import-not-found]
from rp2.plugin.accounting_method import fifo, hifo, lifo  # type: ignore[import-not-found]
from rp2.plugin.country.us import US  # type: ignore[import-not-found]
from rp2.rp2_decimal import RP2Decimal  # type: ignore[import-not-found]
from rp2.tax_engine import compute_tax  # type: ignore[import-not-found]
from rp2.transaction_set import TransactionSet  # type: ignore[import-not-found]

METHODS = {"fifo": fifo, "lifo": lifo, "hifo": hifo}
EXAMPLES = {  # input → configuration
    "crypto_example": "crypto_example",
    "test_data": "test_data",
    "test_data2": "test_data",
    "test_data3": "test_data",
    "test_data4": "test_data4",
    "test_hifo": "test_data",
    "test_hifo2": "test_data",
    "test_many_year_data": "test_data",
}


def engine(method):  # type: ignore[no-untyped-def]
    years = AVLTree()
    years.insert_node(0, METHODS[method].AccountingMethod())
    return AccountingEngine(years)


def events(data):  # type: ignore[no-untyped-def]
    """Acquisitions, and disposals as rp2 counts them: with what a fee took of the same asset."""
    found = []
    for row in data.unfiltered_in_transaction_set:
        found.append(
            ["in", row.internal_id, str(row.timestamp), str(row.crypto_in), str(row.fiat_in_no_fee), str(row.fiat_in_with_fee), str(row.spot_price)]
        )
    for some in (data.unfiltered_out_transaction_set, data.unfiltered_intra_transaction_set):
        for row in some:
            if row.is_taxable():
                found.append(["out", row.internal_id, str(row.timestamp), str(row.crypto_balance_change), str(row.fiat_taxable_amount)])
    return found


def lots(configuration, data, method):  # type: ignore[no-untyped-def]
    computed = compute_tax(configuration, engine(method), data)
    return [
        [
            row.taxable_event.internal_id,
            row.acquired_lot.internal_id,
            str(row.crypto_amount),
            str(row.taxable_event_fiat_amount_with_fee_fraction),
            str(row.fiat_cost_basis),
            row.is_long_term_capital_gains(),
        ]
        for row in computed.gain_loss_set
        if row.acquired_lot is not None
    ]


def examples(source):  # type: ignore[no-untyped-def]
    for name, config in EXAMPLES.items():
        configuration = Configuration(str(source / "config" / f"{config}.ini"), US(), allow_negative_balances=True)
        handle = open_ods(configuration, str(source / "input" / f"{name}.ods"))
        for asset in handle.sheets.names():
            if asset not in configuration.assets:
                continue
            data = parse_ods(configuration, asset, handle)
            if data.unfiltered_in_transaction_set.is_empty():
                continue
            yield {"name": f"{name} {asset}", "events": events(data), **{method: lots(configuration, data, method) for method in METHODS}}


def data_of(configuration, trades):  # type: ignore[no-untyped-def]
    sets = {
        kind: TransactionSet(configuration, kind.name, "B1", MIN_DATE, MAX_DATE) for kind in (EntrySetType.IN, EntrySetType.OUT, EntrySetType.INTRA)
    }
    for row, (buy, at, quantity, price, fee) in enumerate(trades):
        values = [RP2Decimal(str(part)) for part in (price, quantity, fee)]
        common = (configuration, str(at), "B1", "Kraken", "Bob", "BUY" if buy else "SELL", values[0], values[1])
        if buy:
            sets[EntrySetType.IN].add_entry(InTransaction(*common, fiat_fee=values[2], row=row))
        else:
            net = values[0] * values[1] - values[2]
            sets[EntrySetType.OUT].add_entry(OutTransaction(*common, RP2Decimal("0"), fiat_out_no_fee=net, row=row))
    return InputData("B1", *sets.values())


def generated(configuration):  # type: ignore[no-untyped-def]
    for number in range(COUNT):
        data = data_of(configuration, history(number))
        found = {}
        for method in METHODS:
            computed = compute_tax(configuration, engine(method), data)
            found[method] = [
                [
                    row.taxable_event.row,
                    row.acquired_lot.row,
                    str(row.crypto_amount.normalize()),
                    f"{row.fiat_cost_basis:.4f}",
                    f"{row.fiat_gain:.4f}",
                ]
                for row in computed.gain_loss_set
            ]
        yield found


def main(source: Path, target: Path) -> None:
    logging.disable(logging.CRITICAL)
    for name, rows in (
        ("rp2_examples", list(examples(source))),
        ("rp2_generated", list(generated(Configuration(str(source / "config" / "test_data.ini"), US(), allow_negative_balances=True)))),
    ):
        with gzip.GzipFile(target / f"{name}.json.gz", "wb", mtime=0) as file:
            file.write(json.dumps(rows).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
