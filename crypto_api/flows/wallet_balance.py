"""What a wallet holds on the chain at its head, beside what the books say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from crypto_api.chains import service as chain_service
from crypto_api.kit.amounts import to_units
from crypto_api.kit.ethereum import BlockHeader, ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import store as ledger
from crypto_api.wallets.documents import Wallet


class BalancePort(Protocol):
    async def block_number(self) -> int: ...

    async def header(self, number: int) -> BlockHeader | None: ...

    async def balances(self, holdings: Sequence[tuple[str, str | None]], block_hash: str) -> list[int]: ...


@dataclass(frozen=True)
class AssetBalance:
    asset: str
    contract: str | None
    decimals: int
    raw: int
    units: Decimal
    ledger_units: Decimal


@dataclass(frozen=True)
class WalletBalance:
    header: BlockHeader
    at: datetime
    assets: list[AssetBalance]


async def wallet_balance(chain: BalancePort, network: NetworkConfig, wallet: Wallet) -> WalletBalance:
    """All at one block. ChainUnavailable when no node answers."""
    header = await chain.header(await chain.block_number())
    if header is None:
        raise ChainUnavailable("the node does not know the block that it told of")
    assets = chain_service.listed_assets(network)
    found = await chain.balances([(wallet.address, asset.contract) for asset in assets], header.hash)
    booked = await ledger.holdings(wallet.org_id)
    balances = [
        AssetBalance(
            row.name, row.contract, row.decimals, raw, to_units(raw, row.decimals), booked.get((wallet.id, row.name), (Decimal(0), Decimal(0)))[0]
        )
        for row, raw in zip(assets, found, strict=True)
    ]
    return WalletBalance(header, datetime.fromtimestamp(header.timestamp, UTC), balances)
