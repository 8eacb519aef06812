from typing import Annotated

from pydantic import AfterValidator, EmailStr, Field, StringConstraints, model_validator

from crypto_api.http.schemas.base import Choice, Line, ReadSchema, RequestSchema, Secret, Time, Word
from crypto_api.http.schemas.mfa import Otp
from crypto_api.identity.rules import is_username
from crypto_api.identity.types import Factor
from crypto_api.kit.languages import Language
from crypto_api.organizations.types import Denied, Permission

Email = Annotated[EmailStr, StringConstraints(max_length=254)]


def _username(value: str) -> str:
    if not is_username(value.strip().casefold()):
        raise ValueError("must be 3 to 40 characters of a-z, 0-9, dot, dash and underscore")
    return value


class RegisterAccount(RequestSchema):
    username: Annotated[str, StringConstraints(max_length=100), AfterValidator(_username)] = Field(examples=["ada"])
    email: Email = Field(examples=["ada@example.com"])
    password: Secret = Field(examples=["a-river-of-9-stones"])
    first_name: Line = Field(examples=["Ada"])
    last_name: Line = Field(examples=["Byron"])
    organization_name: Line | None = Field(default=None, examples=["Byron Treasury"])


class AskMail(RequestSchema):
    email: Email = Field(examples=["ada@example.com"])


class ResetPassword(RequestSchema):
    token: Word = Field(examples=["4f0c…"])
    new_password: Secret = Field(examples=["a-lake-of-7-herons"])


class ChangePassword(RequestSchema):
    current_password: Secret = Field(examples=["a-river-of-9-stones"])
    new_password: Secret = Field(examples=["a-lake-of-7-herons"])


class EditProfile(RequestSchema):
    """What is left out stays as it is."""

    first_name: Line | None = Field(default=None, examples=["Ada"])
    last_name: Line | None = Field(default=None, examples=["Byron"])
    username: Annotated[str, StringConstraints(max_length=100), AfterValidator(_username)] | None = None
    email: Email | None = Field(default=None, description="Counts once the link in the mail to it is opened. Needs a step-up for `security`.")
    language: Choice[Language] | None = Field(default=None, description="Of the pages and of the letters to them.", examples=["de"])


class VerifyEmail(RequestSchema):
    token: Word = Field(examples=["4f0c…"])


class LogIn(RequestSchema):
    """One of `email` and `username`."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=254)] | None = Field(default=None, examples=["ada@example.com"])
    username: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    password: Secret = Field(examples=["a-river-of-9-stones"])
    otp: Otp | None = Field(default=None, description="The second factor, where one is set up.")

    @model_validator(mode="after")
    def _one_name(self) -> "LogIn":
        if (self.email is None) == (self.username is None):
            raise ValueError("give either email or username")
        return self


class RefreshTokens(RequestSchema):
    refresh: Secret = Field(examples=["eW91ciByZWZyZXNoIHRva2Vu"])


class UserRead(ReadSchema):
    id: str = Field(examples=["usr_01k9x5r3v8"])
    username: str = Field(examples=["ada"])
    email: str = Field(examples=["ada@example.com"])
    first_name: str = Field(examples=["Ada"])
    last_name: str = Field(examples=["Byron"])
    email_verified: bool
    organization_id: str | None = Field(examples=["org_01k9x5r3v8"])
    role: str | None
    created_at: Time


class SecondFactorRead(ReadSchema):
    totp: bool = Field(description="Codes of an authenticator app are asked for at the log-in.")
    recovery_codes_left: int
    passkeys: int
    ethereum_accounts: int


class ProfileRead(UserRead):
    pending_email: str | None = Field(description="The address that this one becomes when the link in the mail to it is opened.")
    language: Language | None = Field(
        description="Of the pages and of the letters to them. Null: none was chosen; letters are in English.", examples=["de"]
    )
    has_password: bool
    platform_admin: bool
    second_factor: SecondFactorRead
    session_approved: bool = Field(description="Whether keys may be used without confirming the password again.")
    denied: Denied | None = Field(description="Why there are no permissions at the moment.")
    permissions: list[Permission]


class SessionRead(ReadSchema):
    id: str = Field(examples=["ses_01k9x5r3v8"])
    created_at: Time
    last_seen_at: Time | None = Field(description="To the minute.")
    expires_at: Time
    ip: str | None = Field(examples=["198.51.100.7"])
    device: str = Field(examples=["Firefox on Linux"])
    user_agent: str | None
    organization_id: str | None
    organization_name: str | None
    factors: list[Factor] = Field(description="What was shown to open it.")
    current: bool
    approved_until: Time | None = Field(description="Until when keys may be used in it without confirming the password again.")


class LoggedInRead(ReadSchema):
    access: str = Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9…"])
    refresh: str = Field(examples=["eW91ciByZWZyZXNoIHRva2Vu"])
    expires_in: int = Field(description="Seconds until the access token runs out.", examples=[900])
    session_approved: bool = Field(description="Whether keys may be used without confirming the password again.")
    user: UserRead


class TicketRead(ReadSchema):
    ticket: str = Field(examples=["b25lIHdlYiBzb2NrZXQ"])
    expires_in: int = Field(examples=[30])


class MessageRead(ReadSchema):
    detail: str = Field(examples=["Done."])
