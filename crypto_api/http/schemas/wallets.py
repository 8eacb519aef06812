from typing import Annotated, Literal

import orjson
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from crypto_api.flows.wallet_delegation import DelegationStanding, Runs
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Line, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.kit.amounts import SignedMoney
from crypto_api.payments.batch import BATCH_DELEGATE
from crypto_api.wallets.documents import Opening, Wallet, WalletType

KEYSTORE_BYTES_MAX = 8_192


def _text(value: object) -> object:
    """An object as its JSON text: what is in it concerns the signer alone."""
    if not isinstance(value, dict):
        return value
    if "version" not in value:
        raise ValueError("must be a keystore of Web3 Secret Storage, with its version")
    return orjson.dumps(value).decode()


Sealed = Annotated[str, StringConstraints(min_length=1, max_length=8_192), Field(json_schema_extra={"writeOnly": True, "format": "password"})]
"""A secret for the signer alone. In the clear it is text, and the door makes a compact JWE of it (RFC 7516) before anything reads it."""

Keystore = Annotated[
    str,
    BeforeValidator(_text),
    StringConstraints(min_length=2, max_length=KEYSTORE_BYTES_MAX, pattern=r"^[\t\r\n\x20-\x7e]+$"),
    WithJsonSchema({"oneOf": [{"type": "object"}, {"type": "string"}], "writeOnly": True}),
]


class WalletCreate(RequestSchema):
    name: Line = Field(examples=["Operations"])
    wallet_type: Choice[WalletType] = Field(examples=["watch"])
    network: Word = Field(examples=["ethereum"], description="The slug of a network of this installation.")
    address: Word | None = Field(
        default=None, examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"], description="EIP-55; needed unless a key is stored."
    )
    private_key: Sealed | None = Field(
        default=None, description="Only for wallet_type private_key. It is sealed to the signer at the door, or by the client itself."
    )
    keystore: Keystore | None = Field(default=None, description="Instead of private_key: Web3 Secret Storage, version 3, as an object or as text.")
    keystore_password: Sealed | None = Field(default=None, description="Of the keystore. It is sealed as a private_key is.")
    monitoring_enabled: bool = True
    history_from: Literal["first"] | Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        default=None,
        examples=["first"],
        description="Read what moved before now too: from a block, or from the first in which the address did anything. Else it opens with what it "
        "holds.",
    )


class WalletBackfill(RequestSchema):
    from_block: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        default=None, examples=[19_000_000], description="The first block in which the address did anything when left out, where the node can tell."
    )


class WalletUpdate(RequestSchema):
    name: Line | None = Field(default=None, examples=["Operations, cold"])
    monitoring_enabled: bool | None = None


class WalletMonitor(RequestSchema):
    monitoring_enabled: bool = Field(examples=[True])


class WalletQuery(PageQuery):
    network: Word | None = None
    wallet_type: WalletType | None = None
    monitoring_enabled: QueryFlag | None = None
    q: Word | None = Field(default=None, description="Part of the name or of the address.")


class WalletRead(ReadSchema):
    id: str = Field(examples=["wal_01k9x5r3v8"])
    name: str = Field(examples=["Operations"])
    address: str = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"])
    wallet_type: WalletType
    network: str = Field(examples=["ethereum"])
    monitoring_enabled: bool
    opening: Opening = Field(description="Whether what it held when watching began stands in the books.")
    opening_waits: str | None = Field(description="Why it does not yet: providers do not agree on what it held. Null where nothing is in the way.")
    owner_verified_at: Time | None = Field(description="Since when it is known to be ours: by its stored key, or by a signature of its owner.")
    created_by: str
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, wallet: Wallet) -> "WalletRead":
        return cls(
            id=wallet.id,
            name=wallet.name,
            address=wallet.address,
            wallet_type=wallet.wallet_type,
            network=wallet.network,
            monitoring_enabled=wallet.monitoring_enabled,
            opening=wallet.opening,
            opening_waits=wallet.opening_waits,
            owner_verified_at=wallet.owner_verified_at,
            created_by=wallet.created_by,
            created_at=wallet.created_at,
            updated_at=wallet.updated_at,
        )


class WalletDelegation(RequestSchema):
    allowed: bool = Field(examples=[True], description="Whether it may run our batch contract as its own code (EIP-7702).")


class WalletDelegationRead(ReadSchema):
    """What code the account runs now, and whether its next batch is paid that way."""

    wallet_id: str = Field(examples=["wal_01k9x5r3v8"])
    network: str = Field(examples=["ethereum"])
    address: str = Field(examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"])
    runs: Runs = Field(description="others: somebody else's code, by EIP-7702. contract: the account is a contract itself.")
    delegate: str | None = Field(examples=["0x4e59b44847b379578588920cA78FbF26c0B4956C"], description="Whose code it runs.")
    contract: str = Field(examples=["0x4e59b44847b379578588920cA78FbF26c0B4956C"], description="Our code for accounts; the same on every network.")
    contract_stands: bool = Field(examples=[True], description="Whether exactly our code is there on this network.")
    allowed: bool = Field(examples=[True], description="By whoever may change the payment policy, for this wallet.")
    policy_allows: bool = Field(examples=[True], description="By the payment policy, for the organisation.")
    pays: bool = Field(examples=[True], description="Whether its next batch is paid so. Otherwise it goes through the batch contract.")
    revocation_id: str | None = Field(examples=["pay_01k9x5r3v8"], description="The payment that takes the delegation back, while it is on its way.")

    @classmethod
    def of(cls, row: DelegationStanding) -> "WalletDelegationRead":
        return cls(
            wallet_id=row.wallet.id,
            network=row.wallet.network,
            address=row.wallet.address,
            runs=row.runs,
            delegate=row.delegate,
            contract=BATCH_DELEGATE,
            contract_stands=row.contract_stands,
            allowed=row.wallet.pays_delegated,
            policy_allows=row.policy_allows,
            pays=row.pays,
            revocation_id=row.revocation.id if row.revocation is not None else None,
        )


class AssetBalanceRead(ReadSchema):
    asset: str = Field(examples=["ETH"])
    contract: str | None
    decimals: int = Field(examples=[18])
    raw_amount: str = Field(examples=["250000000000000000"], description="Base units on the chain.")
    amount: SignedMoney = Field(examples=["0.25"], description="Whole units on the chain.")
    ledger_quantity: SignedMoney = Field(examples=["0.25"], description="Whole units in the books.")


class WalletBalanceRead(ReadSchema):
    wallet_id: str
    network: str
    address: str
    block_number: int = Field(examples=[21_000_000])
    block_hash: str
    block_at: Time
    balances: list[AssetBalanceRead]
