from pydantic import BaseModel, ConfigDict, Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.auth import Email
from crypto_api.http.schemas.base import QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.identity.documents import User
from crypto_api.organizations.documents import Membership


class MemberInvite(RequestSchema):
    email: Email = Field(examples=["grace@example.com"])
    role: Word = Field(examples=["ACCOUNTANT"], description="A built-in role, or the id of one of the organisation's own.")


class MemberUpdate(RequestSchema):
    """What is left out stays as it is."""

    role: Word | None = Field(default=None, examples=["APPROVER"])
    suspended: bool | None = Field(default=None, description="A suspended member keeps the place and may do nothing.")


class MemberQuery(PageQuery):
    role: Word | None = None
    suspended: QueryFlag | None = None
    q: Word | None = Field(default=None, description="Part of a name or of an address.")


class MemberNamed(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    user_id: Word


class MemberRead(ReadSchema):
    user_id: str = Field(examples=["usr_01k9x5r3v8"])
    username: str = Field(examples=["grace"])
    email: str = Field(examples=["grace@example.com"])
    first_name: str = Field(examples=["Grace"])
    last_name: str = Field(examples=["Hopper"])
    role: str = Field(examples=["ACCOUNTANT"])
    second_factor: bool = Field(description="Whether an authenticator app is set up.")
    suspended_at: Time | None
    joined_at: Time

    @classmethod
    def of(cls, row: Membership, user: User) -> "MemberRead":
        return cls(
            user_id=row.user_id,
            username=user.username,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            role=row.role,
            second_factor=user.totp is not None and user.totp.confirmed_at is not None,
            suspended_at=row.suspended_at,
            joined_at=row.created_at,
        )


class PersonPresentRead(ReadSchema):
    user_id: str = Field(examples=["usr_01k9x5r3v8"])
    username: str
    first_name: str
    last_name: str
    role: str
    suspended: bool
    sessions: int = Field(description="That act in this organisation.")
    last_seen_at: Time | None
    locked_until: Time | None = Field(description="When the next log-in from a strange device is admitted; known devices do not wait.")


class PresenceRead(ReadSchema):
    members: int = Field(examples=[12])
    online: int
    sessions: int
    locked_out: int
    people: list[PersonPresentRead] = Field(description="Those who are logged in first. Empty without `members.read`.")
