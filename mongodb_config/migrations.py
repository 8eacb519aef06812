"""The deploy step: collections, validators, indexes and numbered migrations, once, before processes start.

Nothing happens when nothing changed: one read of the `schema_state` row decides. Two deploys at once are safe, a lease lets one work.
A migration is a resumable step with a recorded position. It must leave a database on which the release before still runs, since old
and new processes overlap; what only the old release needs is removed by a migration of the next release. The row therefore also says which
release is the oldest that may run: the one before may be started again, to go back or because it died, any older one is refused. What
processes of the release before wrote while the migrations ran past them is caught up with by running the same migrations `again`.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bson import json_util
from pymongo import IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, OperationFailure

from mongodb_config.base_document import BaseDocument
from mongodb_config.client import Database, MongoClient
from mongodb_config.leases import Leases
from mongodb_config.process_name import process_name

COLLECTION = "schema_state"
_STATE_ID = "schema"
_LEASE = "deploy"
_COMPARED_OPTIONS = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds")
_EXISTS = 48  # NamespaceExists
_INDEX_REFUSED = {85, 86, 11000}  # same keys under another name, same name with other keys, duplicates in the data

Documents = Sequence[type[BaseDocument]]
Result = TypeVar("Result")


class DeployFailed(RuntimeError):
    """The database could not be brought to what the code expects; the message says why in one line."""

    EXIT_CODE = 78  # EX_CONFIG


class NewerDatabase(DeployFailed):
    def __init__(self, position: int, known: int) -> None:
        super().__init__(
            f"the database is at migration {position} and this release knows {known}: it was written by a newer release. "
            "Start that release, or restore a backup from before it."
        )


class Checkpoint:
    """How far a migration came in an earlier, interrupted run. `at` is what was last given to `reached`, None at first."""

    def __init__(self, state: "_State", number: int, at: Any) -> None:
        self._state, self._number, self.at = state, number, at

    async def reached(self, at: Any) -> None:
        """Call after each batch: a run that is interrupted starts again behind it."""
        await self._state.update(self._number - 1, {"step_at": at})
        self.at = at


class _FromTheBeginning(Checkpoint):
    """Of a migration that has been through: nothing is recorded, and one that is interrupted begins anew."""

    def __init__(self) -> None:
        self.at = None

    async def reached(self, at: Any) -> None:
        self.at = at


@dataclass(frozen=True)
class Migration:
    """`number` counts from 1 without gaps. `step` may run again from its last checkpoint, so each batch must be safe to repeat."""

    number: int
    name: str
    step: Callable[[Database, Checkpoint], Awaitable[None]]


@dataclass
class DeployReport:
    collections: list[str] = field(default_factory=list)
    validators: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    migrations: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    """What the database has otherwise than the code: reported, never rebuilt by itself, for on a large collection that is the operator's."""
    seconds: float = 0.0

    newer: bool = False
    """The release after this one has been here, and this one still runs beside it: nothing was touched."""

    @property
    def changed(self) -> bool:
        return bool(self.collections or self.validators or self.indexes or self.migrations)


async def deploy(
    client: MongoClient,
    database_name: str,
    documents: Documents,
    *,
    migrations: Sequence[Migration] = (),
    release_before: int | None = None,
    verify: bool = False,
    again: bool = False,
) -> DeployReport:
    """Brings the database to what the code expects. `verify` compares everything even where the fingerprint says that nothing changed.

    `release_before` is how many of the migrations the release before knows, None where it may not run beside this one. `again` runs those that it
    does not know once more, for what its processes wrote meanwhile: once the last of them has ended.

    NewerDatabase when a newer release has been here; DeployFailed when a unique index cannot be had, since correctness rests on those.
    """
    started, database = time.monotonic(), client[database_name]
    _check_numbers(migrations)
    known = len(migrations)
    wanted = _Wanted(documents, migrations, known if release_before is None else release_before, verify, again)
    state, report = _State(database), DeployReport()
    report.newer = await state.is_newer(known)
    if not report.newer and (verify or again or not await state.is_at(wanted.fingerprint, known)):
        leases = Leases(database)
        await _under_lease(leases, lambda: _apply(database, state, wanted, report))
    report.seconds = time.monotonic() - started
    return report


async def drop_indexes(collection: AsyncCollection[Any], *names: str) -> None:
    """Those of them that are there: a migration that was broken off runs again."""
    there = await collection.index_information()
    for name in names:
        if name in there:
            await collection.drop_index(name)


async def refuse_newer(database: Database, migrations: Sequence[Migration]) -> None:
    """NewerDatabase when a release has migrated it beside which this one may not run. One read; every process does it at its start."""
    await _State(database).is_newer(len(migrations))


@dataclass(frozen=True)
class _Wanted:
    documents: Documents
    migrations: Sequence[Migration]
    release_before: int
    verify: bool
    again: bool

    @property
    def fingerprint(self) -> str:
        return _fingerprint(self.documents, self.migrations)


async def _apply(database: Database, state: "_State", wanted: _Wanted, report: DeployReport) -> None:
    if await state.is_at(wanted.fingerprint, len(wanted.migrations)) and not wanted.verify and not wanted.again:  # the holder before us did it
        return
    await _make_collections(database, wanted.documents, report)
    # Migrations run between: they find the collections, and clean up what a new index or validator would refuse.
    await _migrate(database, state, wanted, report)
    await _set_validators(database, wanted.documents, report)
    for document in wanted.documents:
        await _make_indexes(database, document, report)
    if not report.drift:  # with drift it is looked at, and said, at every start
        await state.update(len(wanted.migrations), {"fingerprint": wanted.fingerprint})


async def _make_collections(database: Database, documents: Documents, report: DeployReport) -> None:
    present = set(await database.list_collection_names())
    for name in [_collection_of(document) for document in documents]:
        if name not in present:
            try:
                await database.create_collection(name, check_exists=False)  # the driver would list them all again for each
                report.collections.append(name)
            except OperationFailure as problem:
                if problem.code != _EXISTS:  # a writer made it meanwhile
                    raise


async def _migrate(database: Database, state: "_State", wanted: _Wanted, report: DeployReport) -> None:
    position, at = await state.progress()
    for migration in wanted.migrations[wanted.release_before : position] if wanted.again else []:
        await migration.step(database, _FromTheBeginning())
        report.migrations.append(f"{migration.number} {migration.name}, again")
    if position < len(wanted.migrations):  # before the first of them changes anything: who is older may not be started any more
        await state.update(position, {"runs_from": wanted.release_before})
    for migration in wanted.migrations[position:]:
        await migration.step(database, Checkpoint(state, migration.number, at))
        await state.update(migration.number - 1, {"position": migration.number, "step_at": None})
        report.migrations.append(f"{migration.number} {migration.name}")
        at = None


async def _set_validators(database: Database, documents: Documents, report: DeployReport) -> None:
    present = {row["name"]: row.get("options", {}) async for row in await database.list_collections()}
    for document in documents:
        name, wanted = _collection_of(document), document.VALIDATOR or {}
        if present.get(name, {}).get("validator", {}) != wanted:
            await database.command("collMod", name, validator=wanted, validationLevel="strict", validationAction="error")
            report.validators.append(name)


async def _make_indexes(database: Database, document: type[BaseDocument], report: DeployReport) -> None:
    name = _collection_of(document)
    present = await database[name].index_information()
    wanted = {model.document["name"]: model for model in _indexes_of(document)}
    missing = [model for key, model in wanted.items() if key not in present]
    await _make_together(database, name, missing)
    report.indexes += [f"{name}.{model.document['name']}" for model in missing]
    for key, model in wanted.items():
        if key in present and _shape(present[key]) != _shape(model.document):
            if model.document.get("unique"):
                raise DeployFailed(f"unique index {name}.{key} differs from the code's: drop it, then deploy again.")
            report.drift.append(f"{name}.{key} differs from the code's")
    report.drift += [f"{name}.{key} is not in the code" for key, index in present.items() if key not in wanted and not _is_the_servers(key, index)]


async def _make_together(database: Database, collection: str, models: list[IndexModel]) -> None:
    """In one command, which reads what is there once for all of them; each by itself where one is refused, to say which."""
    if not models:
        return
    try:
        await database[collection].create_indexes(models)
    except (OperationFailure, DuplicateKeyError):
        for model in models:
            await _make_index(database, collection, model)


async def _make_index(database: Database, collection: str, model: IndexModel) -> None:
    try:
        await database[collection].create_indexes([model])
    except (OperationFailure, DuplicateKeyError) as error:
        if error.code not in _INDEX_REFUSED:
            raise
        reason = "the data holds duplicates" if error.code == 11000 else "another index has its keys or its name"
        raise DeployFailed(f"index {collection}.{model.document['name']} cannot be made: {reason}.") from error


def _is_the_servers(name: str, index: dict[str, Any]) -> bool:
    """The one on `_id`, and that of the shard key (scripts/shard.js)."""
    return name == "_id_" or "hashed" in dict(index["key"]).values()


def _collection_of(document: type[BaseDocument]) -> str:
    return str(vars(document.Settings)["name"])  # read here, so that a deploy needs no initialised Beanie


def _indexes_of(document: type[BaseDocument]) -> list[IndexModel]:
    return list(vars(document.Settings).get("indexes", []))


def _shape(index: dict[str, Any]) -> str:
    """What tells two indexes apart, whichever side it comes from."""
    keys = index["key"].items() if hasattr(index["key"], "items") else index["key"]
    options = {name: index[name] for name in _COMPARED_OPTIONS if index.get(name) is not None and index[name] is not False}
    return json_util.dumps({"key": [[name, direction] for name, direction in keys], **options}, sort_keys=True)


def _fingerprint(documents: Documents, migrations: Sequence[Migration]) -> str:
    parts: list[Any] = [len(migrations)]
    for document in documents:
        indexes = {model.document["name"]: _shape(model.document) for model in _indexes_of(document)}
        parts.append([_collection_of(document), indexes, document.VALIDATOR])
    return hashlib.sha256(json_util.dumps(parts, sort_keys=True).encode()).hexdigest()


def _check_numbers(migrations: Sequence[Migration]) -> None:
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise DeployFailed("migrations must be numbered 1, 2, 3 … without gaps.")


async def _under_lease(leases: Leases, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Runs `work` while holding the lease, and stops it when the lease is lost."""
    lease = await leases.wait_for(_LEASE, f"{process_name()}|{id(work)}")
    working, keeping = asyncio.create_task(work()), asyncio.create_task(leases.keep(lease))
    try:
        await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await keeping  # what the server said, where it stopped answering
            raise DeployFailed("the lease on the deploy step was lost; another process has taken over.")
        return working.result()
    finally:
        for task in (working, keeping):
            task.cancel()
        await asyncio.gather(working, keeping, return_exceptions=True)
        await leases.release(lease)


class _State:
    """The one row that says what the database is at."""

    def __init__(self, database: Database) -> None:
        self._rows = database[COLLECTION]

    async def is_newer(self, known: int) -> bool:
        """True where the release after one that knows so many migrations has been here, and that one still runs. NewerDatabase where it does not."""
        row = await self._rows.find_one({"_id": _STATE_ID})
        if row is None or row["position"] <= known:
            return False
        if (row["runs_from"] if "runs_from" in row else row["position"]) > known:
            raise NewerDatabase(row["position"], known)
        return True

    async def is_at(self, fingerprint: str, position: int) -> bool:
        row = await self._rows.find_one({"_id": _STATE_ID})
        if row is None:
            return False
        if row["position"] > position:
            raise NewerDatabase(row["position"], position)
        return bool(row["position"] == position and row.get("fingerprint") == fingerprint)

    async def progress(self) -> tuple[int, Any]:
        await self._rows.update_one({"_id": _STATE_ID}, {"$setOnInsert": {"position": 0}}, upsert=True)
        row = await self._rows.find_one({"_id": _STATE_ID})
        assert row is not None
        return row["position"], row.get("step_at")

    async def update(self, expected_position: int, changes: dict[str, Any]) -> None:
        done = await self._rows.update_one({"_id": _STATE_ID, "position": expected_position}, {"$set": changes})
        if done.matched_count != 1:
            raise DeployFailed("another deploy moved on meanwhile; start again.")
