"""From an empty organisation to its first booked movement: what is done already, read from what there is, and what this person may do next."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from crypto_api.chains import store as chains
from crypto_api.classification.types import Category
from crypto_api.ledger import store as ledger
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission, Principal
from crypto_api.policies import store as policies
from crypto_api.policies.types import PaymentPolicy
from crypto_api.transactions import store as transactions
from crypto_api.wallets import store as wallets


class Step(StrEnum):
    """In their order."""

    NETWORK = "network"  # a network is followed: the operator's matter
    WALLET = "wallet"
    HISTORY = "history"  # what a wallet holds is read and stands in the books
    UNDERSTOOD = "understood"  # a movement has a category that somebody or something is sure of
    BOOKED = "booked"
    PEOPLE = "people"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class StepNow:
    step: Step
    done: bool


async def first_steps(principal: Principal) -> list[StepNow]:
    """Those that this person may take; none for somebody who may take none. Each is asked of what there is, by an index, so that it costs the same in
    a large house."""
    assert principal.org_id is not None, "permissions come with an organisation"
    return [StepNow(step, await done(principal.org_id)) for step, (permission, done) in _STEPS.items() if principal.may(permission)]


async def _followed(org_id: str) -> bool:
    return any(cursor.height > 0 or cursor.head for cursor in await chains.cursors())


async def _has_wallet(org_id: str) -> bool:
    return await wallets.any_of_people(org_id, opened=False)


async def _is_read(org_id: str) -> bool:
    return await wallets.any_of_people(org_id, opened=True)


async def _is_understood(org_id: str) -> bool:
    return await transactions.any_booked_as(org_id, [category for category in Category if category not in (Category.SPAM, Category.UNCLASSIFIED)])


async def _is_booked(org_id: str) -> bool:
    return await ledger.any_of_transactions(org_id)


async def _has_people(org_id: str) -> bool:
    return (await organizations.count_of_members([org_id])).get(org_id, 0) > 1 or await organizations.any_open_invitation(org_id)


async def _has_policy(org_id: str) -> bool:
    kept = await policies.get(org_id)
    return kept is not None and kept.policy != PaymentPolicy()


_STEPS: dict[Step, tuple[Permission, Callable[[str], Awaitable[bool]]]] = {
    Step.NETWORK: (Permission.WALLETS_WRITE, _followed),
    Step.WALLET: (Permission.WALLETS_WRITE, _has_wallet),
    Step.HISTORY: (Permission.WALLETS_WRITE, _is_read),
    Step.UNDERSTOOD: (Permission.TRANSACTIONS_WRITE, _is_understood),
    Step.BOOKED: (Permission.TRANSACTIONS_WRITE, _is_booked),
    Step.PEOPLE: (Permission.MEMBERS_WRITE, _has_people),
    Step.POLICY: (Permission.POLICIES_WRITE, _has_policy),
}
"""With the permission without which a step is nobody's."""
