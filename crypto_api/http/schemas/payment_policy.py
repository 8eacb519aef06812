from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from crypto_api.http.schemas.base import Choice, ReadSchema, RequestSchema, Time
from crypto_api.kit.amounts import Money, SignedMoney, is_exact, to_functional
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy


def _storable(value: Decimal) -> Decimal:
    if not is_exact(value) or to_functional(value) != value:
        raise ValueError("must have at most 8 decimals, and 34 digits in all")
    return value


Limit = Annotated[Money, AfterValidator(_storable)]
"""An amount in the organisation's functional currency."""

_FREE = "Up to this value nobody need approve."
_MANAGER = "Up to this value the approval of a MANAGER counts."
_COOLING = "Hours between the verification of a payee and the first payment to it."
_DELAY = "Above it an approved payment waits for `delay_hours`."
_DELEGATED = "Whether wallets that are let may run our batch contract as their own code (EIP-7702), to pay many at once out of their own balance."
_SIGNED = "Above it every approval is an EIP-712 signature by the approver's own Ethereum account."


class PaymentPolicyUpdate(RequestSchema):
    """What is left out stays as it is; null takes a limit away."""

    payees: Choice[Payees] = Field(default=Payees.ADDRESS_BOOK, examples=["address_book"])
    cooling_off_hours: int = Field(default=24, ge=0, le=720, examples=[24], description=_COOLING)
    approvals_required: int = Field(default=1, ge=0, le=10, examples=[2], description="By people other than the one who prepared the payment.")
    approval_free_max: Limit = Field(default=Decimal(0), examples=["500"], description=_FREE)
    manager_max: Limit = Field(default=Decimal(0), examples=["1000"], description=_MANAGER)
    transaction_max: Limit | None = Field(default=None, examples=["50000"], description="No payment is ever above it.")
    day_max: Limit | None = Field(default=None, examples=["100000"], description="All payments of a calendar day of the organisation.")
    delay_above: Limit | None = Field(default=None, examples=["10000"], description=_DELAY)
    delay_hours: int = Field(default=0, ge=0, le=720, examples=[12])
    signed_above: Limit | None = Field(default=None, examples=["25000"], description=_SIGNED)
    fee_per_gas_max_gwei: int = Field(default=500, ge=1, le=1_000_000, examples=[500], description="No transaction of ours ever bids more.")

    delegated_batches: bool = Field(default=False, examples=[False], description=_DELEGATED)

    def fields(self) -> dict[str, Any]:
        """Those that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ProposalDecision(RequestSchema):
    version: int = Field(
        ge=1, le=2**53, examples=[3], description="Of the policy with the proposal, as it was read: nobody decides about another one."
    )


class _PolicyRead(ReadSchema):
    payees: Payees
    cooling_off_hours: int = Field(examples=[24], description=_COOLING)
    approvals_required: int = Field(examples=[2], description="By people other than the one who prepared the payment.")
    approval_free_max: SignedMoney = Field(examples=["500"], description=_FREE)
    manager_max: SignedMoney = Field(examples=["1000"], description=_MANAGER)
    transaction_max: SignedMoney | None = Field(examples=["50000"])
    day_max: SignedMoney | None = Field(examples=["100000"])
    delay_above: SignedMoney | None = Field(examples=["10000"], description=_DELAY)
    delay_hours: int = Field(examples=[12])
    signed_above: SignedMoney | None = Field(examples=["25000"], description=_SIGNED)
    fee_per_gas_max_gwei: int = Field(examples=[500])
    delegated_batches: bool = Field(examples=[False], description=_DELEGATED)


class ProposedPolicyRead(_PolicyRead):
    proposed_by: str = Field(examples=["usr_01k9x5r3v8"])
    proposed_at: Time


class PaymentPolicyRead(_PolicyRead):
    """The policy that holds, and the one that waits for a second person."""

    currency: str = Field(examples=["USD"], description="Of the amounts: the organisation's functional one.")
    proposal: ProposedPolicyRead | None
    version: int = Field(examples=[3], description="0: the default, which nobody has changed yet.")
    updated_at: Time | None

    @classmethod
    def of(cls, row: OrganizationPolicy, currency: str) -> "PaymentPolicyRead":
        waiting = row.proposal
        proposal = (
            ProposedPolicyRead(**_values(waiting.policy), proposed_by=waiting.proposed_by, proposed_at=waiting.proposed_at) if waiting else None
        )
        updated_at = row.updated_at if row.version else None
        return cls(**_values(row.policy), currency=currency, proposal=proposal, version=row.version, updated_at=updated_at)


def _values(policy: PaymentPolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in _PolicyRead.model_fields}
