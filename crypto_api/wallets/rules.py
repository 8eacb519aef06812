"""Pure decisions of the slice: what a new wallet's address and key are."""

import re
from collections.abc import Collection

from eth_account import Account
from eth_utils.exceptions import ValidationError as BadKey

from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.ethereum import ZERO_ADDRESS, parse_address
from crypto_api.wallets.types import ACTIVE_MAX, NewWallet

_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)
STORED_KEY = "private_key"


def address_and_secret(new: NewWallet, networks: Collection[str]) -> tuple[str, bytes | None]:
    """The EIP-55 address and, for a stored key, its 32 bytes. InvalidInput names every field that is wrong, and never says what stood in it."""
    errors: list[FieldError] = []
    if new.network not in networks:
        errors.append(FieldError("network", "is not a network of this installation", "unknown_network"))
    address = _given_address(new, errors)
    secret = _given_secret(new, errors)
    if secret is not None:
        derived = str(Account.from_key(secret).address)
        if address is not None and address != derived:
            errors.append(FieldError("address", "is not the address of this private key", "address_mismatch"))
        address = derived
    if errors:
        raise InvalidInput(*errors)
    assert address is not None
    return address, secret


def _given_address(new: NewWallet, errors: list[FieldError]) -> str | None:
    if new.address is None:
        if new.wallet_type != STORED_KEY:
            errors.append(FieldError("address", "is needed for a wallet without a stored key", "required"))
        return None
    try:
        address = parse_address(new.address)
    except ValueError as error:
        errors.append(FieldError("address", str(error), "invalid_address"))
        return None
    if address == ZERO_ADDRESS:
        errors.append(FieldError("address", "is the zero address, which nobody owns", "invalid_address"))
    return address


def _given_secret(new: NewWallet, errors: list[FieldError]) -> bytes | None:
    if new.wallet_type != STORED_KEY:
        if new.private_key is not None:
            errors.append(FieldError("private_key", f"is only taken for wallet_type {STORED_KEY}", "not_allowed"))
        return None
    if new.private_key is None:
        errors.append(FieldError("private_key", f"is needed for wallet_type {STORED_KEY}", "required"))
        return None
    try:
        if not _KEY.fullmatch(new.private_key):
            raise ValueError
        secret = bytes.fromhex(new.private_key.removeprefix("0x"))
        Account.from_key(secret)
    except (ValueError, BadKey):
        errors.append(FieldError("private_key", "is not a secp256k1 private key: 64 hexadecimal digits, not zero, below its order", "invalid_key"))
        return None
    return secret


def free_slot(taken: Collection[int]) -> int | None:
    """The lowest free place among a person's active wallets; None when all are taken."""
    return next((slot for slot in range(ACTIVE_MAX) if slot not in taken), None)
