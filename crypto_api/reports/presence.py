"""Who of an organisation is logged in to it at the moment, and who is kept waiting because somebody tried wrong passwords for them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.identity import store as identities
from crypto_api.identity.documents import Attempts, Session, User
from crypto_api.identity.service import strange_doors
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Membership


@dataclass(frozen=True)
class Presence:
    """One member. `locked_until` is when the next log-in from a strange device is admitted; known devices are not concerned."""

    membership: Membership
    user: User
    sessions: int
    last_seen_at: datetime | None
    locked_until: datetime | None


async def presence(org_id: str, now: datetime) -> list[Presence]:
    """Every member, those who are logged in first, then by name."""
    memberships = {row.user_id: row for row in await organizations.members(org_id)}
    users = await identities.users(list(memberships))
    live, locked = await _live_sessions(org_id, now), await _locked(users, now)
    rows = []
    for user in users:
        count, seen = live.get(user.id, (0, None))
        rows.append(Presence(memberships[user.id], user, count, seen, locked.get(user.id)))
    return sorted(rows, key=lambda row: (not row.sessions, row.user.last_name.casefold(), row.user.first_name.casefold(), row.user.id))


async def online(org_id: str, now: datetime) -> tuple[int, int]:
    """How many people are logged in to the organisation, and in how many sessions."""
    live = await _live_sessions(org_id, now)
    return len(live), sum(count for count, _ in live.values())


async def _live_sessions(org_id: str, now: datetime) -> dict[str, tuple[int, datetime | None]]:
    """By person: how many sessions act here, and when the last of them did."""
    stages: list[dict[str, Any]] = [
        {"$match": {"org_id": org_id, "ended_at": None, "expires_at": {"$gt": now}}},
        {"$group": {"_id": "$user_id", "count": {"$sum": 1}, "seen": {"$max": "$last_seen_at"}}},
    ]
    return {row["_id"]: (int(row["count"]), row["seen"]) async for row in await Session.get_pymongo_collection().aggregate(stages)}


async def _locked(users: Collection[User], now: datetime) -> dict[str, datetime]:
    doors = {door: user.id for user in users for door in strange_doors(user)}
    found: dict[str, datetime] = {}
    for row in await Attempts.find({"_id": {"$in": list(doors)}, "blocked_until": {"$gt": now}}).to_list():
        if row.blocked_until is not None:
            found[doors[row.id]] = max(row.blocked_until, found.get(doors[row.id], row.blocked_until))
    return found
