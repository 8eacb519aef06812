from pydantic import Field

from crypto_api.http.schemas.base import ReadSchema, RequestSchema
from crypto_api.http.schemas.ethereum_log_in import Message, Signature

_MESSAGE = "https://coffer.example.com wants you to sign in with your Ethereum account:\n0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045\n\n…"


class OwnershipProof(RequestSchema):
    message: Message = Field(description="As it was given, byte for byte.", examples=[_MESSAGE])
    signature: Signature = Field(examples=["0x1b2c…1b"])


class IntakeKeyRead(ReadSchema):
    """A JWK on P-256 (RFC 7518, 6.2)."""

    kty: str = Field(default="EC", examples=["EC"])
    crv: str = Field(default="P-256", examples=["P-256"])
    use: str = Field(default="enc", examples=["enc"])
    alg: str = Field(default="ECDH-ES", examples=["ECDH-ES"])
    kid: str = Field(examples=["YgXebi60RpHFsiI8Aqn-XWxt8hmeCsXnISZRCMKUrOY"], description="Its thumbprint (RFC 7638).")
    x: str = Field(examples=["PSCvwoBh7ER2iCvk32sxfLhCRAy2_ELXPibKrRITlO4"])
    y: str = Field(examples=["hKhLAmBo9-ttXlIRjP0KXjNjXP1ODlJ9EwFfkERPO_s"])
