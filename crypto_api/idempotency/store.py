"""Every query of the slice. Single statements: each is its own unit of work, so that a request in progress is seen by its twin."""

from datetime import datetime

from pymongo.errors import DuplicateKeyError

from crypto_api.idempotency.documents import IdempotentRequest


async def insert(org_id: str, row: IdempotentRequest) -> bool:
    """False when the key is in use in this organisation."""
    assert row.org_id == org_id
    try:
        await row.insert()
    except DuplicateKeyError:
        return False
    return True


async def get(org_id: str, key: str) -> IdempotentRequest | None:
    return await IdempotentRequest.find_one({"org_id": org_id, "key": key})


async def take_over(org_id: str, key: str, stale_claim: str, claim: str, now: datetime) -> bool:
    """False when somebody else was first."""
    done = await IdempotentRequest.get_pymongo_collection().update_one(
        {"org_id": org_id, "key": key, "claim": stale_claim, "status": None}, {"$set": {"claim": claim, "claimed_at": now}}
    )
    return done.modified_count == 1


async def finish(org_id: str, key: str, claim: str, status: int, body: str, headers: dict[str, str]) -> None:
    await IdempotentRequest.get_pymongo_collection().update_one(
        {"org_id": org_id, "key": key, "claim": claim, "status": None}, {"$set": {"status": status, "body": body, "headers": headers}}
    )


async def release(org_id: str, key: str, claim: str) -> None:
    """The request had no effect: its key is free again."""
    await IdempotentRequest.get_pymongo_collection().delete_one({"org_id": org_id, "key": key, "claim": claim, "status": None})
