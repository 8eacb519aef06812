"""Writes to several collections in one command (MongoDB 8.0's `bulkWrite`): what stands together travels together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, ClientBulkWriteException, DuplicateKeyError, OperationFailure, PyMongoError, WriteError

from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

IN_ONE_MAX = 12
"""Beyond it a command for each collection costs less: of a `bulkWrite` the embedded server makes a command of each write, and of a collection's
writes one for all of them."""
_WRITE_CONFLICT, _DUPLICATE_KEY = 112, 11000


@dataclass(frozen=True)
class Insert:
    row: dict[str, Any]


@dataclass(frozen=True)
class Upsert:
    query: dict[str, Any]
    change: dict[str, Any]


@dataclass(frozen=True)
class Writes:
    """In one collection, in their order."""

    collection: AsyncCollection[dict[str, Any]]
    each: Sequence[Insert | Upsert]


async def write_all(session: Session, parts: Sequence[Writes]) -> None:
    """All of them, in their order, in a unit of work that has asked for something already: the embedded server begins no transaction with a
    `bulkWrite`. DuplicateKeyError; WriteError where a validator refuses a row; a conflict is labelled as everywhere, so that the unit runs again."""
    wanted = [part for part in parts if part.each]
    try:
        if len(wanted) > 1 and sum(len(part.each) for part in wanted) <= IN_ONE_MAX:
            named = [_operation(write, part.collection.full_name) for part in wanted for write in part.each]
            await wanted[0].collection.database.client.bulk_write(named, session=session)
        else:
            for part in wanted:
                for some in in_parts(part.each):
                    await part.collection.bulk_write([_operation(write) for write in some], session=session)
    except (BulkWriteError, ClientBulkWriteException) as error:
        raise _meant(error) from error


def _operation(write: Insert | Upsert, namespace: str | None = None) -> InsertOne[dict[str, Any]] | UpdateOne:
    if isinstance(write, Insert):
        return InsertOne(write.row, namespace=namespace)
    return UpdateOne(write.query, write.change, upsert=True, namespace=namespace)


def _meant(error: BulkWriteError | ClientBulkWriteException) -> PyMongoError:
    """What one write by itself would have raised: the driver wraps it, and a conflict's label, which has the unit of work run again, with it."""
    if isinstance(whole := (error.details or {}).get("error"), PyMongoError):
        return whole
    refused = next(iter((error.details or {}).get("writeErrors") or ()), None)
    if refused is None:
        return error
    code, told = refused["code"], str(refused.get("errmsg", ""))
    if code == _WRITE_CONFLICT:
        conflict = OperationFailure(told, code, refused)
        conflict._add_error_label("TransientTransactionError")  # the server labels a command, and not a write in it
        return conflict
    return DuplicateKeyError(told, code, refused) if code == _DUPLICATE_KEY else WriteError(told, code, refused)
