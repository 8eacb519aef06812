"""A payslip as a statement that is signed (EIP-712): whoever has it and the signature finds out with any library whose key made it."""

from typing import Any

from eth_abi.exceptions import EncodingError
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from crypto_api.kit.amounts import text, to_units
from crypto_api.payroll.documents import Payout, Payslip
from crypto_api.payroll.types import PayoutState

_DOMAIN_TYPE = [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}]
_TRANSFER_TYPE = [
    {"name": "network", "type": "string"},
    {"name": "payee", "type": "address"},
    {"name": "asset", "type": "string"},
    {"name": "amount", "type": "string"},
    {"name": "rate", "type": "string"},
    {"name": "transaction", "type": "string"},
]
NAMES = ("payslip", "employer", "employee", "periodStart", "periodEnd", "payDate", "currency", "gross", "tax", "deductions", "net", "status")
_PAYSLIP_TYPE = [*({"name": name, "type": "string"} for name in NAMES), {"name": "transfers", "type": "Transfer[]"}]


TYPES = {"EIP712Domain": _DOMAIN_TYPE, "Payslip": _PAYSLIP_TYPE, "Transfer": _TRANSFER_TYPE}
DOMAIN = {"name": "Coffer payslip", "version": "1"}


def statement_of(row: Payslip, payouts: list[Payout]) -> dict[str, Any]:
    """For `eth_signTypedData_v4`. Of what is on a chain only what is paid stands in it: amounts in whole units, rates in the payslip's currency."""
    rates = {lock.asset: lock.rate for lock in row.rates}
    paid = [one for one in payouts if one.state is PayoutState.PAID and one.hash is not None]
    transfers = [
        {
            "network": one.network,
            "payee": one.address,
            "asset": one.asset,
            "amount": text(to_units(int(one.raw_amount), one.decimals)),
            "rate": text(rates[one.asset]),
            "transaction": one.hash,
        }
        for one in paid
    ]
    return {
        "types": TYPES,
        "primaryType": "Payslip",
        "domain": DOMAIN,
        "message": {
            "payslip": row.id,
            "employer": row.employer,
            "employee": row.employee_name,
            "periodStart": row.start_date.isoformat(),
            "periodEnd": row.end_date.isoformat(),
            "payDate": row.pay_date.isoformat(),
            "currency": row.currency,
            "gross": text(row.gross),
            "tax": text(row.tax),
            "deductions": text(row.gross - row.tax - row.net),
            "net": text(row.net),
            "status": row.status.value,
            "transfers": transfers,
        },
    }


def sign(statement: dict[str, Any], key: bytes) -> str:
    """0x…, 65 bytes; the same each time (RFC 6979)."""
    return "0x" + bytes(Account.sign_message(encode_typed_data(full_message=statement), private_key=key).signature).hex()


def signer_of(statement: dict[str, Any], signature: str) -> str | None:
    """The address (EIP-55) whose key signed exactly this statement; None when the signature, or the statement, is none."""
    try:
        return str(Account.recover_message(encode_typed_data(full_message=statement), signature=signature))
    except (ValueError, TypeError, KeyError, BadSignature, ValidationError, EncodingError):
        return None


def new_key() -> tuple[bytes, str]:
    """A fresh key and its address (EIP-55)."""
    account = Account.create()
    return bytes(account.key), str(account.address)
