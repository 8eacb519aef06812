"""What the database keeps of a block that concerns nobody, and of a movement of a watched address that was stored, booked, sealed and confirmed.

A chain on which nobody watched is paid is followed for so many blocks and for more: the difference is what blocks cost that concern nobody. Then
one on which a transaction in so many pays a watched address. Follower, relay and sealing do it by their own steps: read, store, book, number, seal,
confirm, forget. Counted are the documents of every collection, their bytes as BSON, and those of their indexes as the server tells them
(`collStats`), all before any compression. The database's own log comes on top.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bson.raw_bson import RawBSONDocument
from rich.console import Console
from rich.table import Table

from benchmarks.chain import bench, cpu_of
from crypto_api.flows.relay_events import relay_pass
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.flows.seal_entries import seal_entries
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
    indexes: int  # bytes

    def __sub__(self, other: "Held") -> "Held":
        return Held(self.documents - other.documents, self.size - other.size, self.indexes - other.indexes)


NOTHING = Held(0, 0, 0)
State = Mapping[str, Held]


@dataclass(frozen=True)
class Followed:
    """What the database holds before and after, by collection; how many transactions were stored, and what process and server computed, in ms."""

    before: State
    after: State
    stored: int
    computed: Mapping[str, float]


async def followed(blocks: int, one_in: int, transfers: int = 100) -> Followed:
    async with bench(blocks, transfers, WATCHED, one_in) as at:
        runtime = at.runtime
        (network,) = runtime.networks.values()
        now = runtime.clock.now()
        await Organization(id=ORG, created_at=now, name="Growth").insert()
        await runtime.uow.run(lambda session: ledger.create_chart(session, ORG, now))
        follower, watched = Follower(runtime, network), WatchList(network.slug)
        before, marks = await held(runtime), [computed(at.database_pid)]
        for part in (lambda: follower._until_caught_up(watched), follower._book, lambda: settled(runtime)):
            await part()
            marks.append(computed(at.database_pid))
        after = await held(runtime)
        stored = await Transaction.find({"booking": "done"}).count()
        if stored != at.paid:
            raise SystemExit(f"wrong result: {stored} booked, the chain has {at.paid}")
    names = ("read_and_stored", "booked", "numbered_and_sealed")
    return Followed(before, after, stored, {name: end - begin for name, begin, end in zip(names, marks, marks[1:], strict=False)})


def computed(server: int) -> float:
    """Milliseconds, of this process and the database server."""
    return (time.process_time() + cpu_of(server)) * 1_000


async def settled(runtime: Runtime) -> None:
    """Every event has its number, every entry and every record of the audit log its seal."""
    uow, clock = runtime.uow, runtime.clock
    while await relay_pass(uow, clock, runtime.frames) or await seal_entries(uow, clock) or await seal_pass(uow, clock):
        pass


async def held(runtime: Runtime) -> dict[str, Held]:
    client = connect(runtime.config.mongodb_uri)
    database = client.get_database(runtime.config.mongodb_database)
    found: dict[str, Held] = {}
    for name in await database.list_collection_names():
        collection = database.get_collection(name).with_options(codec_options=database.codec_options.with_options(document_class=RawBSONDocument))
        sizes = [len(row.raw) async for row in collection.find()]
        found[name] = Held(len(sizes), sum(sizes), int((await database.command("collStats", name))["totalIndexSize"]))
    await client.close()
    return found


def grown(first: State, last: State) -> dict[str, Held]:
    """By collection, those that changed."""
    changes = {name: last.get(name, NOTHING) - first.get(name, NOTHING) for name in {*first, *last}}
    return {name: change for name, change in sorted(changes.items()) if change != NOTHING}


def total(changes: Mapping[str, Held]) -> Held:
    held = changes.values()
    return Held(sum(one.documents for one in held), sum(one.size for one in held), sum(one.indexes for one in held))


def show(title: str, changes: Mapping[str, Held], per: float) -> None:
    table = Table(title=title)
    for name in ("collection", "documents", "bytes", "bytes of indexes"):
        table.add_column(name, justify="left" if name == "collection" else "right")
    for name, change in [*changes.items(), ("all", total(changes))]:
        table.add_row(name, f"{change.documents / per:,.2f}", f"{change.size / per:,.0f}", f"{change.indexes / per:,.0f}")
    Console(stderr=True).print(table)


async def measure(blocks: int, more: int, one_in: int) -> dict[str, float]:
    few, many = (await followed(blocks, 0)).after, (await followed(more, 0)).after
    silent = grown(few, many)
    show("1,000 blocks more that concern nobody", silent, (more - blocks) / 1000)
    found = await followed(blocks, one_in)
    stored = found.stored
    movements = grown({**found.before, "chain_blocks": few["chain_blocks"]}, found.after)  # as many headers are kept either way
    show("One movement of a watched address", movements, stored)
    of_blocks, of_movements = total(silent), total(movements)
    return {
        "documents_per_1000_blocks": round(of_blocks.documents * 1000 / (more - blocks)),
        "bytes_per_1000_blocks": round(of_blocks.size * 1000 / (more - blocks)),
        "headers_kept": many["chain_blocks"].documents,
        "movements": stored,
        "bytes_per_movement": round(of_movements.size / stored),
        "index_bytes_per_movement": round(of_movements.indexes / stored),
        **{f"cpu_ms_per_movement_{name}": round(spent / stored, 1) for name, spent in found.computed.items()},
    }
