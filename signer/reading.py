"""Reads all that a decision stands on, from the database alone."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.address_book import store as address_book
from crypto_api.flows.authenticate import permissions_of
from crypto_api.flows.signing_decision import Person, SigningCase
from crypto_api.identity import store as identities
from crypto_api.kit.signing import SigningAsk
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.payments.documents import Payment, PaymentAttempt, SenderLane
from crypto_api.policies import service as policies
from signer import store


class SignedToday:
    """What an organisation's payments are worth for which something was signed in this calendar day, as it grows by what is signed now."""

    def __init__(self, values: Mapping[str, Decimal | None]) -> None:
        self._values = dict(values)
        self._priced = sum((value for value in self._values.values() if value is not None), Decimal(0))
        self._unpriced = {payment_id for payment_id, value in self._values.items() if value is None}

    def of_others(self, payment_id: str) -> Decimal | None:
        """None when one of them has no value."""
        if self._unpriced - {payment_id}:
            return None
        return self._priced - (self._values.get(payment_id) or Decimal(0))

    def add(self, payment: Payment) -> None:
        if payment.id not in self._values:
            self._values[payment.id] = payment.value
            self._priced += payment.value or Decimal(0)
            if payment.value is None:
                self._unpriced.add(payment.id)


@dataclass(frozen=True)
class OfOrganization:
    """What is asked of one organisation. `limited`: its policy has a limit of a day; else nobody asks what was signed today, which takes longer with
    each payment."""

    cases: Mapping[str, SigningCase]  # by attempt; what is not here there is not
    limited: bool
    today: SignedToday


async def signing_cases(org_id: str, asked: Sequence[SigningAsk], now: datetime) -> OfOrganization:
    """All that decisions about these attempts stand on, read now, each thing once. `signed_today` is told when a case has its turn."""
    payment_ids = {each.payment_id for each in asked}
    payments, attempts = await asyncio.gather(store.payments(org_id, payment_ids), store.attempts(org_id, payment_ids))
    found: list[tuple[Payment, PaymentAttempt]] = []
    for each in asked:
        payment = payments.get(each.payment_id)
        attempt = next((row for row in attempts.get(each.payment_id, []) if row.id == each.attempt_id), None)
        if payment is not None and attempt is not None:
            found.append((payment, attempt))
    organization, policy, wallets, slots = await asyncio.gather(
        organizations.get(org_id),
        policies.current(org_id, now),
        store.wallets(org_id, {payment.wallet_id for payment, _ in found}),
        store.slots([attempt for _, attempt in found]),
    )
    people, payees, lanes = await asyncio.gather(
        _people(org_id, {row.user_id for payment, _ in found for row in payment.approvals}),
        address_book.at_any(org_id, {address for payment, _ in found for address in payment.paid_addresses}),
        _lanes({(payment.chain_id, payment.from_address) for payment, _ in found}),
    )
    paid = {payment.id: frozenset(payment.paid_addresses) for payment, _ in found}
    cases = {
        attempt.id: SigningCase(
            organization,
            wallets.get(payment.wallet_id),
            payment,
            attempt,
            attempts[payment.id],
            slots.get(store.slot_id(attempt)),
            lanes[payment.chain_id, payment.from_address],
            policy.policy,
            people,
            [row for row in payees if row.address in paid[payment.id]],
            None,
        )
        for payment, attempt in found
    }
    limited = policy.policy.day_max is not None
    return OfOrganization(cases, limited, SignedToday(await _signed_today(org_id, organization, now) if limited else {}))


async def _signed_today(org_id: str, organization: Organization | None, now: datetime) -> dict[str, Decimal | None]:
    zone = ZoneInfo(organization.time_zone if organization else "UTC")
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return await store.signed_since(org_id, midnight)


async def _lanes(senders: Collection[tuple[int, str]]) -> dict[tuple[int, str], SenderLane | None]:
    return {(chain_id, address): await store.lane(chain_id, address) for chain_id, address in senders}


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
