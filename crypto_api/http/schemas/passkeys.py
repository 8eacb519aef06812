"""Passkeys. What the browser says keeps the names of the standard: it is `PublicKeyCredential.toJSON()` as it is."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from crypto_api.http.schemas.base import Choice, Line, ReadSchema, RequestSchema, Time
from crypto_api.identity.types import Purpose

_BASE64URL = r"^[A-Za-z0-9_-]+$"

CredentialId = Annotated[str, StringConstraints(min_length=16, max_length=1_364, pattern=_BASE64URL)]  # at most 1023 bytes
ClientData = Annotated[str, StringConstraints(min_length=1, max_length=8_192, pattern=_BASE64URL)]
Attestation = Annotated[str, StringConstraints(min_length=1, max_length=32_768, pattern=_BASE64URL)]
AuthenticatorData = Annotated[str, StringConstraints(min_length=1, max_length=8_192, pattern=_BASE64URL)]
Signature = Annotated[str, StringConstraints(min_length=1, max_length=2_048, pattern=_BASE64URL)]
UserHandle = Annotated[str, StringConstraints(min_length=1, max_length=88, pattern=_BASE64URL)]  # at most 64 bytes
PublicKey = Annotated[str, StringConstraints(min_length=1, max_length=8_192, pattern=_BASE64URL)]
Transport = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-z-]+$")]
Attachment = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-z-]+$")]

_CLIENT_DATA = Field(description="What the browser signed for, in base64url.", examples=["eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiw"])


class CredentialProperties(RequestSchema):
    rk: bool | None = None


class ExtensionResults(RequestSchema):
    """We ask for no extension; some password managers answer this one all the same."""

    credProps: CredentialProperties | None = None  # noqa: N815


class AttestationResponse(RequestSchema):
    clientDataJSON: ClientData = _CLIENT_DATA  # noqa: N815
    attestationObject: Attestation = Field(examples=["o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVi"])  # noqa: N815
    authenticatorData: AuthenticatorData | None = None  # noqa: N815
    transports: Annotated[list[Transport], Field(max_length=16)] | None = Field(default=None, examples=[["internal", "hybrid"]])
    publicKey: PublicKey | None = None  # noqa: N815
    publicKeyAlgorithm: int | None = None  # noqa: N815


class AssertionResponse(RequestSchema):
    clientDataJSON: ClientData = _CLIENT_DATA  # noqa: N815
    authenticatorData: AuthenticatorData = Field(examples=["SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ"])  # noqa: N815
    signature: Signature = Field(examples=["MEUCIQ"])
    userHandle: UserHandle | None = Field(default=None, examples=["dXNyXzAxazl4NXIzdjg"])  # noqa: N815


class _Credential(RequestSchema):
    id: CredentialId = Field(examples=["3q2-7wAAAAAAAAAAAAAAAA"])
    rawId: CredentialId = Field(examples=["3q2-7wAAAAAAAAAAAAAAAA"])  # noqa: N815
    type: Literal["public-key"] = Field(examples=["public-key"])
    authenticatorAttachment: Attachment | None = None  # noqa: N815
    clientExtensionResults: ExtensionResults | None = None  # noqa: N815


class NewCredential(_Credential):
    response: AttestationResponse


class ShownCredential(_Credential):
    response: AssertionResponse


class AddPasskey(RequestSchema):
    name: Line = Field(description="What the person calls it.", examples=["Ada's phone"])
    credential: NewCredential


class RenamePasskey(RequestSchema):
    name: Line = Field(examples=["Ada's old phone"])


class LogInWithPasskey(RequestSchema):
    credential: ShownCredential


class BeginPasskeyApproval(RequestSchema):
    purpose: Choice[Purpose] = Field(
        default=Purpose.KEYS, description="keys: use a wallet's key. security: change how you get in.", examples=["keys"]
    )


class ApproveByPasskey(RequestSchema):
    credential: ShownCredential
    purpose: Choice[Purpose] = Field(default=Purpose.KEYS, description="As in the options.")


class PasskeyOptionsRead(ReadSchema):
    public_key: dict[str, Any] = Field(
        description="For PublicKeyCredential.parseCreationOptionsFromJSON() or parseRequestOptionsFromJSON().",
        examples=[{"challenge": "nnKb9ty6eQ…", "rpId": "localhost", "userVerification": "required", "allowCredentials": []}],
    )
    expires_at: Time


class PasskeyRead(ReadSchema):
    id: str = Field(examples=["3q2-7wAAAAAAAAAAAAAAAA"])
    name: str = Field(examples=["Ada's phone"])
    backed_up: bool = Field(description="Whether the device keeps a copy elsewhere, as synchronised passkeys do.")
    transports: list[str] = Field(examples=[["internal", "hybrid"]])
    created_at: Time
    last_used_at: Time | None


class PasskeysRead(ReadSchema):
    items: list[PasskeyRead]
