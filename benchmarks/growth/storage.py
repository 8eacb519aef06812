"""What the database keeps of a block that concerns nobody, and of a movement of a watched address that was stored, booked and confirmed.

A chain on which nobody watched is paid is followed for so many blocks and for more: the difference is what blocks cost that concern nobody. Then
one on which a transaction in so many pays a watched address. The follower's own steps do it: read, store, book, confirm, forget. Counted are the
documents of every collection and their bytes as BSON; indexes and the database's own log come on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bson.raw_bson import RawBSONDocument
from rich.console import Console
from rich.table import Table

from benchmarks.chain import bench
from crypto_api.ledger import service as ledger
from crypto_api.organizations.documents import Organization
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.client import connect
from workers.chains import Follower

WATCHED = 100
ORG = "org_0"


@dataclass(frozen=True)
class Held:
    documents: int
    size: int  # bytes

    def __sub__(self, other: "Held") -> "Held":
        return Held(self.documents - other.documents, self.size - other.size)


NOTHING = Held(0, 0)
State = Mapping[str, Held]


async def followed(blocks: int, one_in: int, transfers: int = 100) -> tuple[State, State, int]:
    """What the database holds before and after, by collection, and how many transactions were stored."""
    async with bench(blocks, transfers, WATCHED, one_in) as at:
        runtime = at.runtime
        (network,) = runtime.networks.values()
        now = runtime.clock.now()
        await Organization(id=ORG, created_at=now, name="Growth").insert()
        await runtime.uow.run(lambda session: ledger.create_chart(session, ORG, now))
        follower, watched = Follower(runtime, network), WatchList(network.slug)
        before = await held(runtime)
        await follower._until_caught_up(watched)
        await follower._book()
        after = await held(runtime)
        stored = await Transaction.find({"booking": "done"}).count()
        if stored != at.paid:
            raise SystemExit(f"wrong result: {stored} booked, the chain has {at.paid}")
    return before, after, stored


async def held(runtime: Runtime) -> dict[str, Held]:
    client = connect(runtime.config.mongodb_uri)
    database = client.get_database(runtime.config.mongodb_database)
    found: dict[str, Held] = {}
    for name in await database.list_collection_names():
        collection = database.get_collection(name).with_options(codec_options=database.codec_options.with_options(document_class=RawBSONDocument))
        sizes = [len(row.raw) async for row in collection.find()]
        found[name] = Held(len(sizes), sum(sizes))
    await client.close()
    return found


def grown(first: State, last: State) -> dict[str, Held]:
    """By collection, those that changed."""
    changes = {name: last.get(name, NOTHING) - first.get(name, NOTHING) for name in {*first, *last}}
    return {name: change for name, change in sorted(changes.items()) if change != NOTHING}


def show(title: str, changes: Mapping[str, Held], per: float) -> None:
    table = Table(title=title)
    for name in ("collection", "documents", "bytes"):
        table.add_column(name, justify="left" if name == "collection" else "right")
    for name, change in changes.items():
        table.add_row(name, f"{change.documents / per:,.2f}", f"{change.size / per:,.0f}")
    table.add_row("all", f"{sum(c.documents for c in changes.values()) / per:,.2f}", f"{sum(c.size for c in changes.values()) / per:,.0f}")
    Console(stderr=True).print(table)


async def measure(blocks: int, more: int, one_in: int) -> dict[str, int]:
    _, few, _ = await followed(blocks, 0)
    _, many, _ = await followed(more, 0)
    silent = grown(few, many)
    show("1,000 blocks more that concern nobody", silent, (more - blocks) / 1000)
    before, after, stored = await followed(blocks, one_in)
    movements = grown({**before, "chain_blocks": few["chain_blocks"]}, after)  # as many headers are kept either way
    show("One movement of a watched address", movements, stored)
    of_blocks = {"documents": sum(c.documents for c in silent.values()), "bytes": sum(c.size for c in silent.values())}
    told = {f"{name}_per_1000_blocks": round(value * 1000 / (more - blocks)) for name, value in of_blocks.items()}
    per_movement = round(sum(c.size for c in movements.values()) / stored)
    return told | {"headers_kept": many["chain_blocks"].documents, "bytes_per_movement": per_movement, "movements": stored}
