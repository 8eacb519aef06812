"""Who has access to an organisation, as a list shows it: the membership with what is known of the person and of their log-ins."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from crypto_api.identity import store as identities
from crypto_api.identity.documents import Passkey, Session, User
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Membership, Organization


@dataclass(frozen=True)
class Standing:
    """One member."""

    membership: Membership
    user: User
    second_factor: bool
    last_seen: datetime | None  # in this organisation

    @property
    def name(self) -> str:
        return name_of(self.user)


@dataclass(frozen=True)
class Belonging:
    """One organisation of a person."""

    membership: Membership
    organization: Organization

    @property
    def suspended(self) -> bool:
        return self.membership.suspended_at is not None or self.organization.suspended_at is not None


def name_of(user: User) -> str:
    return f"{user.first_name} {user.last_name}".strip() or user.username


async def members(org_id: str) -> list[Standing]:
    """Everybody, by name."""
    return await _standings(org_id, await organizations.members(org_id))


async def member(org_id: str, user_id: str) -> Standing | None:
    row = await organizations.membership(org_id, user_id)
    found = await _standings(org_id, [row]) if row else []
    return found[0] if found else None


async def _standings(org_id: str, memberships: list[Membership]) -> list[Standing]:
    user_ids = [row.user_id for row in memberships]
    users = {user.id: user for user in await identities.users(user_ids)}
    keyed, seen = await _with_passkeys(user_ids), await _last_seen(org_id, user_ids)
    rows = [
        Standing(row, user, (user.totp is not None and user.totp.confirmed_at is not None) or user.id in keyed, seen.get(user.id))
        for row in memberships
        if (user := users.get(row.user_id)) is not None
    ]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.user.id))


async def belongings(user_id: str) -> list[Belonging]:
    """The organisations that a person may enter, in the order in which they came to them."""
    memberships = await organizations.memberships_of(user_id)
    found = {row.id: row for row in await organizations.by_ids([row.org_id for row in memberships])}
    return [Belonging(row, found[row.org_id]) for row in memberships if row.org_id in found]


async def names_of(user_ids: Collection[str]) -> dict[str, str]:
    return {user.id: name_of(user) for user in await identities.users(sorted(user_ids))} if user_ids else {}


async def _with_passkeys(user_ids: Collection[str]) -> set[str]:
    return set(await Passkey.get_pymongo_collection().distinct("user_id", {"user_id": {"$in": list(user_ids)}}))


async def _last_seen(org_id: str, user_ids: Collection[str]) -> dict[str, datetime]:
    stages = [
        {"$match": {"org_id": org_id, "user_id": {"$in": list(user_ids)}}},
        {"$group": {"_id": "$user_id", "opened": {"$max": "$created_at"}, "seen": {"$max": "$last_seen_at"}}},
    ]
    rows = [row async for row in await Session.get_pymongo_collection().aggregate(stages)]
    return {row["_id"]: max(row["opened"], row["seen"] or row["opened"]) for row in rows}
