from datetime import datetime
from enum import StrEnum

from pydantic import Field

from crypto_api.flows.invitations import Joined, Offer
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import ReadSchema, RequestSchema, Secret, Time
from crypto_api.organizations.documents import Invitation, InvitationState


class Standing(StrEnum):
    """As stored, and `expired` for an open one whose days are over."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationQuery(PageQuery):
    state: InvitationState | None = Field(default=None, description="`open` includes those that have expired.")


class InvitationAnswer(RequestSchema):
    token: Secret = Field(examples=["VGhlIHRva2VuIGZyb20gdGhlIG1haWw"], description="From the mail.")


class InvitationRead(ReadSchema):
    """As the organisation sees it."""

    id: str = Field(examples=["inv_01k9x5r3v8"])
    email: str = Field(examples=["grace@example.com"])
    role: str = Field(examples=["ACCOUNTANT"])
    state: Standing
    invited_by: str = Field(examples=["usr_01k9x5r3v8"])
    employee_id: str | None = Field(description="The employee who becomes a member by it.")
    expires_at: Time
    sent_at: Time | None = Field(description="When the last mail left.")
    answered_at: Time | None
    created_at: Time

    @classmethod
    def of(cls, row: Invitation, now: datetime) -> "InvitationRead":
        expired = row.state is InvitationState.OPEN and row.expires_at <= now
        return cls(
            id=row.id,
            email=row.named,
            role=row.role,
            state=Standing.EXPIRED if expired else Standing(row.state.value),
            invited_by=row.invited_by,
            employee_id=row.employee_id,
            expires_at=row.expires_at,
            sent_at=row.sent_at,
            answered_at=row.answered_at,
            created_at=row.created_at,
        )


class OfferRead(ReadSchema):
    """As the invited person sees it."""

    id: str = Field(examples=["inv_01k9x5r3v8"])
    organization_id: str = Field(examples=["org_01k9x5r3v8"])
    organization_name: str = Field(examples=["Byron Treasury"])
    role: str = Field(examples=["ACCOUNTANT"])
    role_name: str = Field(examples=["ACCOUNTANT"])
    invited_by: str = Field(examples=["Ada Byron"])
    expires_at: Time

    @classmethod
    def of(cls, offer: Offer) -> "OfferRead":
        inviter = offer.inviter
        return cls(
            id=offer.invitation.id,
            organization_id=offer.organization.id,
            organization_name=offer.organization.name,
            role=offer.invitation.role,
            role_name=offer.role_name,
            invited_by=f"{inviter.first_name} {inviter.last_name}" if inviter else "",
            expires_at=offer.invitation.expires_at,
        )


class JoinedRead(ReadSchema):
    organization_id: str = Field(examples=["org_01k9x5r3v8"])
    organization_name: str = Field(examples=["Byron Treasury"])
    role: str = Field(examples=["ACCOUNTANT"])
    current: bool = Field(description="Whether this session acts there now: so where it acted in no organisation before.")

    @classmethod
    def of(cls, joined: Joined, *, current: bool) -> "JoinedRead":
        organization = joined.organization
        return cls(organization_id=organization.id, organization_name=organization.name, role=joined.membership.role, current=current)
