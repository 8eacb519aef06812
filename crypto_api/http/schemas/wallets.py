from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Line, QueryFlag, ReadSchema, RequestSchema, Secret, Time, Word
from crypto_api.kit.amounts import SignedMoney
from crypto_api.wallets.documents import Opening, Wallet, WalletType


class WalletCreate(RequestSchema):
    name: Line = Field(examples=["Operations"])
    wallet_type: Choice[WalletType] = Field(examples=["watch"])
    network: Word = Field(examples=["ethereum"], description="The slug of a network of this installation.")
    address: Word | None = Field(
        default=None, examples=["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"], description="EIP-55; needed unless a key is stored."
    )
    private_key: Secret | None = Field(default=None, description="Only for wallet_type private_key. It is sealed at once and never comes back.")
    monitoring_enabled: bool = True


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
            created_by=wallet.created_by,
            created_at=wallet.created_at,
            updated_at=wallet.updated_at,
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
