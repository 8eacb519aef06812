"""Pure decisions of the slice: what may be a new wallet."""

import re
from collections.abc import Collection

from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.ethereum import ZERO_ADDRESS, parse_address
from crypto_api.kit.signing import UNSEALED, KeyParcels, SealedKey, SignerUnavailable
from crypto_api.wallets.types import ACTIVE_MAX, NewWallet

_PARCEL = re.compile(r"eyJ[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}", re.ASCII)  # a compact JWE without a wrapped key
STORED_KEY = "private_key"
_OF_KEY = ("private_key", "keystore", "keystore_password")


def checked(new: NewWallet, networks: Collection[str]) -> tuple[str | None, KeyParcels | None]:
    """The EIP-55 address that was given, and the key that is to be stored. InvalidInput names every field that is wrong, and never says what stood
    in it. What is in a parcel only the signer can say."""
    errors: list[FieldError] = []
    if new.network not in networks:
        errors.append(FieldError("network", "is not a network of this installation", "unknown_network"))
    address = _given_address(new, errors)
    key = _given_key(new, errors)
    if errors:
        raise InvalidInput(*errors)
    if UNSEALED in (new.private_key, new.keystore_password):
        raise SignerUnavailable
    return address, key


def address_of(given: str | None, sealed: SealedKey) -> str:
    """InvalidInput when the key is another address's than was given."""
    if given is not None and given != sealed.address:
        raise InvalidInput.of("address", "is not the address of this private key", "address_mismatch")
    return sealed.address


def is_parcel(text: str) -> bool:
    return _PARCEL.fullmatch(text) is not None


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


def _given_key(new: NewWallet, errors: list[FieldError]) -> KeyParcels | None:
    given = {name: value for name in _OF_KEY if (value := getattr(new, name)) is not None}
    if new.wallet_type != STORED_KEY:
        errors += [FieldError(name, f"is only taken for wallet_type {STORED_KEY}", "not_allowed") for name in given]
        return None
    if "private_key" in given:
        errors += [FieldError(name, "is not taken beside private_key", "not_allowed") for name in given if name != "private_key"]
    elif not given:
        errors.append(FieldError("private_key", f"is needed for wallet_type {STORED_KEY}, or a keystore with its password", "required"))
    else:
        errors += [FieldError(name, "is needed", "required") for name in ("keystore", "keystore_password") if name not in given]
    for name in ("private_key", "keystore_password"):
        if name in given and given[name] != UNSEALED and not is_parcel(given[name]):
            errors.append(FieldError(name, "must be sealed to the signer's key (a compact JWE) before it comes here", "not_sealed"))
    return KeyParcels(**given)


def free_slot(taken: Collection[int]) -> int | None:
    """The lowest free place among a person's active wallets; None when all are taken."""
    return next((slot for slot in range(ACTIVE_MAX) if slot not in taken), None)
