"""ethereum-etl: blocks and transactions to CSV, then token transfers to CSV; the way its own documentation exports a range."""

import csv
from pathlib import Path

from benchmarks.peers.peer import Home, run
from benchmarks.peers.reading import Asked, Reading

NAME, VERSION = "ethereum-etl", "2.4.2"
WORKERS, BATCH = "5", "100"
# It asks for a parsimonious that does not start on Python 3.11 and later, and for a setuptools that still brings pkg_resources.
IN_ITS_PLACE = ("parsimonious==0.10.0", "setuptools<81")


async def prepare(home: Home) -> None:
    await home.venv(NAME, VERSION, *IN_ITS_PLACE)


async def read(asked: Asked, home: Home) -> Reading:
    place, program, most = home.folder / NAME, await home.venv(NAME, VERSION) / "ethereumetl", str(asked.blocks)
    where = ["--start-block", "1", "--end-block", most, "--provider-uri", asked.url, "-w", WORKERS, "-b", BATCH]
    blocks, transactions, transfers = (place / f"{name}.csv" for name in ("blocks", "transactions", "token_transfers"))
    exported = ["--blocks-output", blocks, "--transactions-output", transactions]
    first = await run([program, "export_blocks_and_transactions", *where, *exported], place, place / "said.log")
    second = await run([program, "export_token_transfers", *where, "--output", transfers], place, place / "said.log")
    counted, paid = {"blocks": len(_rows(blocks))}, set[str]()
    for name, path, column in (("transactions", transactions, "hash"), ("token transfers", transfers, "transaction_hash")):
        rows = _rows(path)
        counted[name] = len(rows)
        paid |= {row[column] for row in rows if row["to_address"] in asked.watched}
    return Reading(
        NAME,
        VERSION,
        f"blocks, transactions, logs; {counted['transactions']:,} transactions and {counted['token transfers']:,} transfers to CSV",
        asked.blocks,
        first.seconds + second.seconds,
        first.cpu_s + second.cpu_s,
        max(first.peak_mb, second.peak_mb),
        frozenset(paid),
        counted,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        csv.field_size_limit(2**24)
        return list(csv.DictReader(file))
