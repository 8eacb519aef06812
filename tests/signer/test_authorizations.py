"""What a key authorizes (EIP-7702), whoever asks the vault: our batch contract or nobody, once, on one chain, in the next nonce."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE
from signer.uses import sign_one

KEY = bytes.fromhex("51" * 32)
OWN = Account.from_key(KEY).address


def transaction(**changes: Any) -> dict[str, Any]:
    asked = {"chain_id": 31337, "address": BATCH_DELEGATE, "nonce": 8} | changes.pop("authorization", {})
    fees = {"type": "0x4", "gas": 100_000, "maxFeePerGas": "0x2", "maxPriorityFeePerGas": "0x1"}
    values = {"chainId": 31337, "nonce": 7, "to": OWN, "value": "0x0", "data": "0x", **fees, "authorization": asked} | changes
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("delegate", [BATCH_DELEGATE, ZERO_ADDRESS])
def test_one_authorization_is_signed_by_the_account_itself_and_always_by_the_same_bytes(delegate: str) -> None:
    told = sign_one(transaction(authorization={"address": delegate}), KEY)
    assert told == sign_one(transaction(authorization={"address": delegate}), KEY)
    raw = HexBytes(told["raw"])
    assert str(Account.recover_transaction(raw)) == OWN
    (row,) = TypedTransaction.from_bytes(raw).as_dict()["authorizationList"]
    assert (row["chainId"], "0x" + bytes(row["address"]).hex(), row["nonce"]) == (31337, delegate.lower(), 8)
    by_the_key = Account.sign_authorization({"chainId": 31337, "address": delegate, "nonce": 8}, KEY)
    assert (row["yParity"], row["r"], row["s"]) == (by_the_key.y_parity, by_the_key.r, by_the_key.s)


REFUSED: dict[str, dict[str, Any]] = {
    "every chain": {"chainId": 0, "authorization": {"chain_id": 0}},
    "every chain by the authorization alone": {"authorization": {"chain_id": 0}},
    "another chain": {"authorization": {"chain_id": 1}},
    "somebody else's code": {"authorization": {"address": "0x8ba1f109551bD432803012645Ac136ddd64DBA72"}},
    "the contract that others call": {"authorization": {"address": BATCH_CONTRACT}},
    "ours in other letters": {"authorization": {"address": BATCH_DELEGATE.lower()}},
    "the transaction's own nonce": {"authorization": {"nonce": 7}},
    "a later nonce": {"authorization": {"nonce": 9}},
    "more than is asked for": {"authorization": {"signature": "0x00"}},
    "another account": {"to": BATCH_DELEGATE},
    "something sent along": {"value": "0x1"},
    "a list made elsewhere": {"authorization": None, "authorizationList": []},
    "a list made elsewhere beside it": {"authorizationList": [{}]},
    "type 4 without one": {"authorization": None},
    "type 2 with one": {"type": "0x2"},
    "no type with one": {"type": None},
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_else_is_signed(name: str) -> None:
    changes = dict(REFUSED[name])
    made = transaction(**{key: value for key, value in changes.items() if not (key == "authorization" and value is None)})
    if "authorization" in changes and changes["authorization"] is None:
        del made["authorization"]
    assert sign_one(made, KEY) == {"refused": "The transaction is none that can be signed."}


def test_what_carries_none_is_signed_as_ever() -> None:
    made = transaction(type="0x2", to=BATCH_DELEGATE, value="0x5")
    del made["authorization"]
    assert TypedTransaction.from_bytes(HexBytes(sign_one(made, KEY)["raw"])).transaction_type == 2
