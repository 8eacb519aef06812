from typing import Annotated

from pydantic import Field, StringConstraints

from crypto_api.http.schemas.base import ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.mfa import Otp
from crypto_api.identity.siwe import MESSAGE_MAX, SIGNATURE_BYTES_MAX

ChainId = Annotated[int, Field(ge=1, le=2**53 - 1)]
Message = Annotated[str, StringConstraints(min_length=1, max_length=MESSAGE_MAX)]
"""Compared byte for byte with what was to be signed, so nothing of it is cleaned up."""
Signature = Annotated[str, StringConstraints(min_length=1, max_length=2 + 2 * SIGNATURE_BYTES_MAX)]

_ADDRESS = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
_MESSAGE = f"https://coffer.example.com wants you to sign in with your Ethereum account:\n{_ADDRESS}\n\nSign in to Coffer.\n\nURI: …"


class AskForText(RequestSchema):
    address: Word = Field(examples=[_ADDRESS])
    chain_id: ChainId | None = Field(default=None, description="The network that the text names; the first configured one when absent.", examples=[1])


class TextRead(ReadSchema):
    """To be signed as it is, by personal_sign (EIP-191)."""

    message: str = Field(examples=[_MESSAGE])
    nonce: str = Field(examples=["3f9c0d7e5b1a4c2d8e6f0a1b2c3d4e5f"])
    expires_at: Time


class LogInWithEthereum(RequestSchema):
    message: Message = Field(description="As it was given, byte for byte.", examples=[_MESSAGE])
    signature: Signature = Field(examples=["0x1b2c…1b"])
    otp: Otp | None = Field(default=None, description="The second factor, where one is set up.", examples=["492039"])


class LinkEthereumAccount(RequestSchema):
    message: Message = Field(description="As it was given, byte for byte.", examples=[_MESSAGE])
    signature: Signature = Field(examples=["0x1b2c…1b"])


class EthereumAccountRead(ReadSchema):
    id: str = Field(examples=[f"eip155:1:{_ADDRESS.lower()}"])
    address: str = Field(examples=[_ADDRESS])
    chain_id: int = Field(examples=[1])
    is_contract: bool = Field(description="A contract wallet, asked by EIP-1271 on its network. Otherwise a key, which is the same on every network.")
    created_at: Time
    last_used_at: Time | None


class EthereumAccountsRead(ReadSchema):
    items: list[EthereumAccountRead]
