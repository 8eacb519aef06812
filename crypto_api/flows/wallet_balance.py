"""What a wallet holds on the chain at its head, beside what the books say."""

from collections.abc import Mapping, Sequence, Set
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


@dataclass(frozen=True)
class ChainReading:
    """What wallets of one network hold, all of it after the same block: by wallet and asset, in whole units."""

    block_number: int
    block_at: datetime
    held: Mapping[str, Mapping[str, Decimal]]


async def read_holdings(chain: BalancePort, network: NetworkConfig, wallets: Sequence[Wallet], booked: Mapping[str, Set[str]]) -> ChainReading:
    """Of each wallet the listed assets, and what else its books hold (`booked`, by wallet). ChainUnavailable when no node answers."""
    header = await chain.header(await chain.block_number())
    if header is None:
        raise ChainUnavailable("the node does not know the block that it told of")
    known = await chain_service.assets_with(network, {asset for assets in booked.values() for asset in assets})
    listed = {asset.name for asset in chain_service.listed_assets(network)}
    asked = [(wallet, asset) for wallet in wallets for asset in known if asset.name in listed or asset.name in booked.get(wallet.id, ())]
    amounts = await chain.balances([(wallet.address, asset.contract) for wallet, asset in asked], header.hash)
    held: dict[str, dict[str, Decimal]] = {wallet.id: {} for wallet in wallets}
    for (wallet, asset), raw in zip(asked, amounts, strict=True):
        held[wallet.id][asset.name] = to_units(raw, asset.decimals)
    return ChainReading(header.number, datetime.fromtimestamp(header.timestamp, UTC), held)
