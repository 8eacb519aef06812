"""Reads all that a decision stands on, from the database alone."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from crypto_api.address_book import store as address_book
from crypto_api.flows.authenticate import permissions_of
from crypto_api.flows.signing_decision import Person, SigningCase
from crypto_api.identity import store as identities
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store as organizations
from crypto_api.policies import service as policies
from signer import store


async def signing_case(org_id: str, payment_id: str, attempt_id: str, now: datetime) -> SigningCase:
    """NotFound when the organisation has no such payment or attempt."""
    payment, attempts = await asyncio.gather(store.payment(org_id, payment_id), store.attempts(org_id, payment_id))
    attempt = next((row for row in attempts if row.id == attempt_id), None)
    if payment is None or attempt is None:
        raise NotFound
    organization = await organizations.get(org_id)
    zone = ZoneInfo(organization.time_zone if organization else "UTC")
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    wallet, slot, lane = await asyncio.gather(
        store.wallet(org_id, payment.wallet_id),
        store.slot(attempt.chain_id, attempt.from_address, attempt.nonce),
        store.lane(payment.chain_id, payment.from_address),
    )
    policy, people, payees = await asyncio.gather(
        policies.current(org_id, now), _people(org_id, {row.user_id for row in payment.approvals}), address_book.at(org_id, payment.payee_address)
    )
    limited = policy.policy.day_max is not None  # else nobody asks what was paid today, which takes longer with each payment
    signed_today = await store.signed_since(org_id, midnight, but=payment_id) if limited else None
    return SigningCase(organization, wallet, payment, attempt, attempts, slot, lane, policy.policy, people, payees, signed_today)


async def _people(org_id: str, user_ids: Collection[str]) -> dict[str, Person]:
    """Those who are members, as they stand now."""
    members, users, keys = await asyncio.gather(
        organizations.members_among(org_id, user_ids), identities.users(sorted(user_ids)), store.keys_of(user_ids)
    )
    suspended = {row.id for row in users if row.suspended_at is not None}
    known = {row.id for row in users}
    return {
        row.user_id: Person(
            role=row.role,
            permissions=await permissions_of(org_id, row.role),
            suspended=row.suspended_at is not None or row.user_id in suspended,
            addresses=frozenset(key.address for key in keys if key.user_id == row.user_id),
        )
        for row in members
        if row.user_id in known
    }
