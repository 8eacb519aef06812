from datetime import datetime

from pydantic import BaseModel, ConfigDict

from crypto_api.policies.types import PaymentPolicy
from mongodb_config.kept_row import KeptRow


class Proposal(BaseModel):
    """A change that waits for a second person."""

    model_config = ConfigDict(extra="forbid")

    policy: PaymentPolicy
    proposed_by: str
    proposed_at: datetime


class OrganizationPolicy(KeptRow):
    policy: PaymentPolicy
    proposal: Proposal | None = None

    class Settings:
        name = "payment_policies"
