"""What an organisation lets its payments do. Amounts are in its functional currency; an asset without a price counts as above every limit."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.kit.amounts import StoredDecimal


class Payees(StrEnum):
    """Who may be paid."""

    ADDRESS_BOOK = "address_book"
    """Only an entry of the address book that another person verified, after its cooling-off."""
    ANY = "any"


class PaymentPolicy(BaseModel):
    """The strictest sensible one is the default. A change needs a second person, as a payment does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    payees: Payees = Payees.ADDRESS_BOOK
    cooling_off_hours: int = Field(default=24, ge=0, le=24 * 30)  # of a new or changed entry of the address book
    approvals_required: int = Field(default=1, ge=0, le=10)  # by people other than the one who prepared it
    approval_free_max: StoredDecimal = Decimal(0)  # up to this value nobody need approve
    manager_max: StoredDecimal = Decimal(0)  # up to this value the approval of a MANAGER counts
    transaction_max: StoredDecimal | None = None
    day_max: StoredDecimal | None = None  # of all payments of the organisation, by its calendar day
    delay_above: StoredDecimal | None = None
    delay_hours: int = Field(default=0, ge=0, le=24 * 30)  # between the last approval and the signature, above `delay_above`
    signed_above: StoredDecimal | None = None  # above it every approval is an EIP-712 signature by the approver's own Ethereum account
    fee_per_gas_max_gwei: int = Field(default=500, ge=1, le=1_000_000)  # no attempt, and no speed-up, ever bids more

    delegated_batches: bool = False  # whether wallets that are let may run our batch contract as their own code (EIP-7702)

    @property
    def cooling_off(self) -> timedelta:
        return timedelta(hours=self.cooling_off_hours)
