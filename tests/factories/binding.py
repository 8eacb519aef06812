"""What a runtime needs of a database, without making it anew for each test.

Documents are bound to a database without looking at their classes again, which takes Beanie most of the time that a runtime needs to open, and a
class is the same whichever database its rows are in. The first time in a process it is Beanie's own work.

The driver's client is lent: its connections and server sessions go on to the next runtime. The embedded server looks through every session that
ever began a transaction whenever a statement runs in one, so with new ones for each test it becomes slower from test to test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import beanie

from crypto_api import bootstrap
from mongodb_config.client import Database, MongoClient, connect

Models = Sequence[type[beanie.Document]]

_bound: set[type[beanie.Document]] = set()


async def bind(*, database: Database, document_models: Models, skip_indexes: bool) -> None:
    """In the place of `init_beanie`."""
    assert skip_indexes, "indexes are the deploy step's"
    if not _bound.issuperset(document_models):
        await beanie.init_beanie(database=database, document_models=document_models, skip_indexes=True)
        _bound.update(document_models)
        return
    for model in document_models:
        model.set_database(database)
        model.set_collection(database[model.get_collection_name()])


@asynccontextmanager
async def lending(uri: str) -> AsyncIterator[None]:
    """Inside, every runtime on that server and in this loop works through one client, and closes none. Whatever else is asked for is made."""
    lent, loop, close = connect(uri), asyncio.get_running_loop(), MongoClient.close

    def borrowed(wanted: str) -> MongoClient:
        return lent if wanted == uri and asyncio.get_running_loop() is loop else connect(wanted)

    setattr(lent, "close", _go_on)  # noqa: B010
    bootstrap.connect = borrowed  # type: ignore[assignment]
    try:
        yield
    finally:
        bootstrap.connect = connect
        await close(lent)


async def _go_on() -> None: ...
