from datetime import datetime

from pydantic import BaseModel, ConfigDict

from crypto_api.policies.types import PaymentPolicy
from mongodb_config.base_document import TenantDocument


class Proposal(BaseModel):
    """A change that waits for a second person."""

    model_config = ConfigDict(extra="forbid")

    policy: PaymentPolicy
    proposed_by: str
    proposed_at: datetime


class OrganizationPolicy(TenantDocument):
    """`_id` is the organisation's. Where there is none, the default holds."""

    policy: PaymentPolicy
    proposal: Proposal | None = None
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "payment_policies"
