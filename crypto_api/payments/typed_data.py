"""What an approval is over, as EIP-712 typed data: the one form that is shown, hashed, signed and checked again by the signer."""

from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import PaymentKind

_DOMAIN_TYPE = [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}, {"name": "chainId", "type": "uint256"}]
_PAYMENT_TYPE = [
    {"name": "organization", "type": "string"},
    {"name": "payment", "type": "string"},
    {"name": "purpose", "type": "string"},
    {"name": "from", "type": "address"},
    {"name": "payee", "type": "address"},
    {"name": "asset", "type": "string"},
    {"name": "token", "type": "address"},
    {"name": "amount", "type": "uint256"},
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "data", "type": "bytes"},
]
_SHARE_TYPE = [{"name": "payee", "type": "address"}, {"name": "amount", "type": "uint256"}, {"name": "reference", "type": "string"}]
_BATCH_TYPE = [*_PAYMENT_TYPE, {"name": "payees", "type": "Share[]"}]
_DELEGATION_TYPE = [{"name": "delegate", "type": "address"}, {"name": "authorizes", "type": "bool"}]


def typed_data(payment: Payment) -> dict[str, Any]:
    """For `eth_signTypedData_v4`. `token` is the zero address for the coin; `to`, `value` and `data` are the call itself. A batch shows every
    payee beside the contract; what runs as the account's own code (EIP-7702) shows whose code that is."""
    origin, batch = payment.origin, payment.kind is PaymentKind.BATCH
    shares = [{"payee": row.address, "amount": int(row.raw_amount), "reference": row.reference} for row in payment.payees]
    more, delegated = ([], {}) if payment.delegation is None else (_DELEGATION_TYPE, payment.delegation.model_dump())
    types = {"Batch": [*_BATCH_TYPE, *more], "Share": _SHARE_TYPE} if batch else {"Payment": [*_PAYMENT_TYPE, *more]}
    return {
        "types": {"EIP712Domain": _DOMAIN_TYPE} | types,
        "primaryType": "Batch" if batch else "Payment",
        "domain": {"name": "Coffer", "version": "1", "chainId": payment.chain_id},
        "message": {
            "organization": payment.org_id,
            "payment": payment.id,
            "purpose": ":".join(part for part in (origin.kind, origin.id, origin.component) if part),
            "from": payment.from_address,
            "payee": payment.payee_address,
            "asset": payment.asset,
            "token": payment.token_contract or ZERO_ADDRESS,
            "amount": int(payment.raw_amount),
            "to": payment.call.to,
            "value": int(payment.call.value_raw),
            "data": payment.call.data,
        }
        | ({"payees": shares} if batch else {})
        | delegated,
    }


def as_json(value: Any) -> Any:
    """Typed data, or a part of it, with its numbers of 256 bits as strings, which wallets take as well: JSON readers lose digits beyond 2^53."""
    match value:
        case dict():
            return {name: as_json(each) for name, each in value.items()}
        case bool():
            return value
        case list():
            return [as_json(each) for each in value]
    return str(value) if isinstance(value, int) else value


def digest(payment: Payment) -> str:
    """The 32 bytes that are signed, 0x…"""
    message = encode_typed_data(full_message=typed_data(payment))
    return "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()


def signer_of(payment: Payment, signature: str) -> str | None:
    """The address (EIP-55) whose key signed exactly this payment; None when the signature is none."""
    try:
        return str(Account.recover_message(encode_typed_data(full_message=typed_data(payment)), signature=signature))
    except (ValueError, TypeError, BadSignature, ValidationError):
        return None
