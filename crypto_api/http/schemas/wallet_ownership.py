from pydantic import Field

from crypto_api.http.schemas.base import RequestSchema
from crypto_api.http.schemas.ethereum_log_in import Message, Signature

_MESSAGE = "https://coffer.example.com wants you to sign in with your Ethereum account:\n0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045\n\n…"


class OwnershipProof(RequestSchema):
    message: Message = Field(description="As it was given, byte for byte.", examples=[_MESSAGE])
    signature: Signature = Field(examples=["0x1b2c…1b"])
