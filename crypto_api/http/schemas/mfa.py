from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.http.schemas.base import Choice, ReadSchema, RequestSchema, Secret, Time, inert
from crypto_api.identity.types import Purpose

Otp = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(inert)]
"""A code of an authenticator app or a recovery code, with or without spaces and dashes."""


class TotpOffer(ReadSchema):
    secret: str = Field(description="Base 32; for an app without a camera. It is shown this once.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    otpauth_uri: str = Field(examples=["otpauth://totp/Coffer:ada%40example.com?secret=JBSWY3DP…&issuer=Coffer"])
    qr_svg: str = Field(description="The same as a QR code: a data: address of an SVG picture.", examples=["data:image/svg+xml;charset=utf-8,…"])


class ConfirmTotp(RequestSchema):
    otp: Otp = Field(description="The code that the app shows now.", examples=["492039"])


class RecoveryCodesRead(ReadSchema):
    recovery_codes: list[str] = Field(
        description="Each opens the account once. They are shown this once.", examples=[["7h2k-9qsv-c4xm-31te-w0pz-55rd-n8ga"]]
    )
    recovery_codes_remaining: int = Field(examples=[10])


class SecondFactorsRead(ReadSchema):
    """How this person gets in."""

    password: bool = Field(description="Whether there is a password.")
    totp: bool = Field(description="Whether codes of an authenticator app are asked for at the log-in.")
    totp_confirmed_at: Time | None
    recovery_codes_remaining: int = Field(examples=[10])
    passkeys: int = Field(examples=[1])
    ethereum_accounts: int = Field(examples=[0])
    session_strong: bool = Field(description="Whether this session was opened with a second factor, or has shown one since.")


class ConfirmPassword(RequestSchema):
    password: Secret = Field(examples=["a-river-of-9-stones"])
    otp: Otp | None = Field(default=None, description="The second factor, where one is set up.", examples=["492039"])
    purpose: Choice[Purpose] = Field(default=Purpose.KEYS, description="keys: use a wallet's key. security: change how you get in.")


class SessionApprovedRead(ReadSchema):
    session_approved: bool = Field(examples=[True])
    approved_until: Time
    purpose: Purpose


class ApprovalRead(ReadSchema):
    purpose: Purpose
    organization_id: str | None = Field(description="The organisation in which it counts.", examples=["org_01k9x5r3v8"])
    approved_until: Time
    by_log_in: bool = Field(description="Nobody confirmed anything: the log-in was a moment ago.")


class ApprovalsRead(ReadSchema):
    items: list[ApprovalRead]
