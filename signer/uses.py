"""The four things that are done with a key. Each runs in a child of the vault that ends right after it; none of them gives a key out."""

import re
from typing import Any

from eth_account import Account
from eth_keys.datatypes import PrivateKey
from eth_utils.exceptions import ValidationError

from crypto_api.adapters.key_sealing import SealBroken
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.payments.batch import BATCH_DELEGATE
from signer.keyring import Keyring
from signer.keystores import KeystoreRefused, WrongPassword, open_keystore
from signer.parcels import OtherIntakeKey, ParcelBroken, open_parcel

Answer = dict[str, Any]
_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1
_NO_KEY = "is not a secp256k1 private key: 64 hexadecimal digits, not zero, below its order"
_DELEGATES = (BATCH_DELEGATE, ZERO_ADDRESS)
_STALE = "was sealed to a key that is not in use any more: load the page, or ask for the key, again"


class _Invalid(Exception):
    def __init__(self, field: str, message: str, code: str) -> None:
        self.row = [field, message, code]


def warm_up() -> None:
    """Loads and prepares what the first signature would, so that no child has to: with a key made for this alone."""
    account = Account.create()
    fees = {"gas": 21_000, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x1"}
    account.sign_transaction({"type": 2, "chainId": 1, "nonce": 0, "to": account.address, "value": "0x0", "data": "0x", **fees})


def use(keyring: Keyring, question: dict[str, Any]) -> Answer:
    match question:
        case {"use": "seal"}:
            return _seal(keyring, question)
        case {"use": "sign"}:
            return _sign(keyring, question)
        case {"use": "rewrap"}:
            return _rewrap(keyring, question)
    raise ValueError(f"unknown use: {question.get('use')}")


def _seal(keyring: Keyring, question: dict[str, Any]) -> Answer:
    try:
        key = _from_keystore(keyring, question) if "keystore" in question else _from_parcel(keyring, question)
    except _Invalid as invalid:
        return {"invalid": [invalid.row]}
    except OtherIntakeKey:
        return {"invalid": [[_secret_field(question), _STALE, "stale_seal"]]}
    except ParcelBroken:
        return {"invalid": [[_secret_field(question), "is not sealed to the signer's key, or was altered on its way", "not_sealed"]]}
    address = PrivateKey(key).public_key.to_checksum_address()
    envelope = keyring.sealer.seal(key, org_id=question["org_id"], wallet_id=question["wallet_id"], address=address)
    return {"result": {"address": address, "envelope": envelope}}


def _secret_field(question: dict[str, Any]) -> str:
    return "keystore_password" if "keystore" in question else "private_key"


def _from_parcel(keyring: Keyring, question: dict[str, Any]) -> bytes:
    told = open_parcel(question["private_key"], keyring.intake_keys)
    if not isinstance(told, str) or not _KEY.fullmatch(told):
        raise _Invalid("private_key", _NO_KEY, "invalid_key")
    key = bytes.fromhex(told.removeprefix("0x"))
    if not _is_private_key(key):
        raise _Invalid("private_key", _NO_KEY, "invalid_key")
    return key


def _from_keystore(keyring: Keyring, question: dict[str, Any]) -> bytes:
    password = open_parcel(question["keystore_password"], keyring.intake_keys)
    if not isinstance(password, str):
        raise _Invalid("keystore_password", "must be text", "invalid_password")
    try:
        key = open_keystore(question["keystore"], password)
    except WrongPassword:
        raise _Invalid("keystore_password", "does not open this keystore", "wrong_password") from None
    except KeystoreRefused as refused:
        raise _Invalid("keystore", str(refused), "invalid_keystore") from None
    if not _is_private_key(key):
        raise _Invalid("keystore", "holds no secp256k1 private key", "invalid_keystore")
    return key


def _is_private_key(key: bytes) -> bool:
    return len(key) == 32 and 0 < int.from_bytes(key) < _ORDER


def _sign(keyring: Keyring, question: dict[str, Any]) -> Answer:
    """Transactions of one wallet. The nonce of a signature follows from key and transaction (RFC 6979): the same question has the same answer."""
    key = _opened(keyring, question)
    if isinstance(key, dict):
        return key
    faultpoint("vault.opened")
    return {"result": {"signed": [sign_one(transaction, key) for transaction in question["transactions"]]}}


def sign_one(transaction: dict[str, Any], key: bytes) -> Answer:
    try:
        signed = Account.sign_transaction(_authorized(transaction, key), key)
    except (KeyError, TypeError, ValueError, ValidationError):
        return {"refused": "The transaction is none that can be signed."}
    faultpoint("vault.signed")
    return {"raw": "0x" + bytes(signed.raw_transaction).hex(), "hash": "0x" + bytes(signed.hash).hex()}


def _authorized(transaction: dict[str, Any], key: bytes) -> dict[str, Any]:
    """With what its sender authorizes, where it is of type 4 (EIP-7702): one delegation, on the same chain, in the next nonce, to our batch contract
    or to nobody, and the call goes to the account itself with nothing sent along. So no key here ever authorizes anybody else's code, whoever asks.
    ValueError otherwise."""
    if "authorizationList" in transaction:
        raise ValueError("what is authorized is signed here")
    asked = transaction.get("authorization")
    if (asked is None) is (transaction.get("type") == "0x4"):
        raise ValueError("a transaction of type 4, and no other, carries an authorization")
    if asked is None:
        return transaction
    own, chain_id = PrivateKey(key).public_key.to_checksum_address(), transaction["chainId"]
    rest = {name: value for name, value in transaction.items() if name != "authorization"}
    if set(asked) != {"chain_id", "address", "nonce"} or asked["address"] not in _DELEGATES:
        raise ValueError("an account runs our code or none")
    if chain_id == 0 or asked["chain_id"] != chain_id or asked["nonce"] != transaction["nonce"] + 1:
        raise ValueError("an authorization holds on one chain, in the next nonce")
    if transaction["to"] != own or int(transaction["value"], 16) != 0:
        raise ValueError("the account calls itself, and sends nothing along")
    given = {"chainId": chain_id, "address": asked["address"], "nonce": asked["nonce"]}
    return {**rest, "authorizationList": [Account.sign_authorization(given, key)]}


def _rewrap(keyring: Keyring, question: dict[str, Any]) -> Answer:
    if question["envelope"].get("key_id") == keyring.sealer.key_id and question["envelope"].get("version") == keyring.sealer.version:
        return {"result": {"envelope": None}}
    key = _opened(keyring, question)
    if isinstance(key, dict):
        return key
    return {"result": {"envelope": keyring.sealer.seal(key, **_bound_to(question))}}


def _opened(keyring: Keyring, question: dict[str, Any]) -> bytes | Answer:
    try:
        key = keyring.sealer.open(question["envelope"], **_bound_to(question))
    except SealBroken as broken:
        return {"refused": f"The key of this wallet does not open: {broken}."}
    if PrivateKey(key).public_key.to_checksum_address() != question["address"]:
        return {"refused": "The key of this wallet belongs to another address."}
    return key


def _bound_to(question: dict[str, Any]) -> dict[str, str]:
    return {name: question[name] for name in ("org_id", "wallet_id", "address")}
