"""What waits for one person: payments to approve, addresses to verify, policies to confirm. Reads across slices, changes nothing."""

from dataclasses import dataclass
from typing import Any

from bson.decimal128 import Decimal128

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.lots.documents import LotPolicy
from crypto_api.organizations.types import Permission, Principal, Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Hold, PaymentState, Way
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import PaymentPolicy
from crypto_api.reports.overview import up_to

SHOWN = 50


@dataclass(frozen=True)
class Needs:
    """Oldest first, at most `SHOWN` of each."""

    approvals: list[Payment]
    wallet: list[Payment]  # to be sent by the person's own wallet
    stopped: list[Payment]  # which nothing but a person sets going again
    payees: list[Payee]
    policy: OrganizationPolicy | None
    lots: LotPolicy | None

    @property
    def anything(self) -> bool:
        return bool(self.approvals or self.wallet or self.stopped or self.payees or self.policy or self.lots)


async def count_of(org_id: str, principal: Principal) -> int:
    """For the badge beside the menu, and for the overview: of payments at most `COUNT_MAX` of each kind."""
    counts = [await up_to(org_id, Payment, where) for where in await _payments(org_id, principal)]
    if principal.may(Permission.ADDRESS_BOOK_VERIFY):
        counts.append(await Payee.find(_payees(org_id, principal)).count())
    if principal.may(Permission.POLICIES_WRITE):
        counts.append(int(await OrganizationPolicy.find_one(_policy(org_id, principal)) is not None))  # by its key: there is one at most
    if principal.may(Permission.LEDGER_APPROVE):
        counts.append(int(await LotPolicy.find_one(_policy(org_id, principal)) is not None))
    return sum(counts)


async def needs_of(org_id: str, principal: Principal) -> Needs:
    approvals, wallet, stopped = [await Payment.find(where, limit=SHOWN).sort("+_id").to_list() for where in await _payments(org_id, principal)]
    verifies, decides = principal.may(Permission.ADDRESS_BOOK_VERIFY), principal.may(Permission.POLICIES_WRITE)
    return Needs(
        approvals=approvals,
        wallet=wallet,
        stopped=stopped,
        payees=await Payee.find(_payees(org_id, principal), limit=SHOWN).sort("+_id").to_list() if verifies else [],
        policy=await OrganizationPolicy.find_one(_policy(org_id, principal)) if decides else None,
        lots=await LotPolicy.find_one(_policy(org_id, principal)) if principal.may(Permission.LEDGER_APPROVE) else None,
    )


async def _payments(org_id: str, principal: Principal) -> list[dict[str, Any]]:
    """To approve, to send from an own wallet, stopped; a right that is missing finds nothing."""
    nobody = {"$in": list[str]()}
    approves, prepares = principal.may(Permission.PAYMENTS_APPROVE), principal.may(Permission.PAYMENTS_PREPARE)
    others = {"$ne": principal.user_id} if approves else nobody
    waiting: dict[str, Any] = {"state": PaymentState.PENDING_APPROVAL, "prepared_by": others, "approvals.user_id": {"$ne": principal.user_id}}
    if principal.role == Role.MANAGER:  # above the limit of the policy their approval does not count
        row = await OrganizationPolicy.find_one({"_id": org_id, "org_id": org_id})
        waiting["value"] = {"$lte": Decimal128((row.policy if row else PaymentPolicy()).manager_max)}
    own = {"state": PaymentState.APPROVED, "way": Way.BROWSER, "hash": None, "prepared_by": principal.user_id if prepares else nobody}
    stuck = {"holds": {"$in": [Hold.NEEDS_HUMAN, Hold.SENDER_FROZEN]}, "ended_at": None, **({} if approves else {"_id": nobody})}
    return [{"org_id": org_id, **where} for where in (waiting, own, stuck)]


def _payees(org_id: str, principal: Principal) -> dict[str, Any]:
    return {"org_id": org_id, "state": PayeeState.UNVERIFIED, "address_changed_by": {"$ne": principal.user_id}}


def _policy(org_id: str, principal: Principal) -> dict[str, Any]:
    return {"_id": org_id, "org_id": org_id, "proposal": {"$ne": None}, "proposal.proposed_by": {"$ne": principal.user_id}}
