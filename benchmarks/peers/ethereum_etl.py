"""ethereum-etl: blocks and transactions to CSV, then token transfers to CSV; the way its own documentation exports a range."""

import csv
import sys
from pathlib import Path

from benchmarks.peers.peer import Asked, Run, install, measured

NAME, VERSION = "ethereum-etl", "2.4.2"
WORKERS, BATCH = "5", "100"
# It asks for a parsimonious that does not start on Python 3.11 and later, and for a setuptools that still brings pkg_resources.
IN_ITS_PLACE = ("parsimonious==0.10.0", "setuptools<81")


async def prepare(folder: Path) -> None:
    """A virtual environment of its own."""
    home = folder / NAME
    if not (home / f"installed-{VERSION}").exists():
        home.mkdir(parents=True, exist_ok=True)
        await install(NAME, [sys.executable, "-m", "venv", "--clear", home / "venv"], home)
        pip: list[str | Path] = [home / "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        await install(NAME, [*pip, f"{NAME}=={VERSION}"], home)
        await install(NAME, [*pip, "--upgrade", *IN_ITS_PLACE], home)
        (home / f"installed-{VERSION}").touch()


async def run(asked: Asked, folder: Path) -> Run:
    home = folder / NAME
    program, most = home / "venv/bin/ethereumetl", str(asked.blocks)
    where = ["--start-block", "1", "--end-block", most, "--provider-uri", asked.url, "-w", WORKERS, "-b", BATCH]
    blocks, transactions, transfers = (home / f"{name}.csv" for name in ("blocks", "transactions", "token_transfers"))
    first = await measured(
        [program, "export_blocks_and_transactions", *where, "--blocks-output", blocks, "--transactions-output", transactions], home, home / "log"
    )
    second = await measured([program, "export_token_transfers", *where, "--output", transfers], home, home / "log")
    counted, paid = {"blocks": _count(blocks)}, set[str]()
    for name, path, column in (("transactions", transactions, "hash"), ("token transfers", transfers, "transaction_hash")):
        rows = _read(path)
        counted[name] = len(rows)
        paid |= {row[column] for row in rows if row["to_address"] in asked.watched}
    return Run(
        NAME,
        VERSION,
        "blocks, transactions, token transfers; to CSV",
        asked.blocks,
        asked.blocks / (first[0] + second[0]),
        first[1] + second[1],
        max(first[2], second[2]),
        frozenset(paid),
        counted,
    )


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        csv.field_size_limit(2**24)
        return list(csv.DictReader(file))


def _count(path: Path) -> int:
    return len(_read(path))
