"""Assets of a chain. Facts of token contracts are read once, pinned, and never believed."""

from collections.abc import Iterable, Set
from datetime import datetime

from crypto_api.chains import rules, store
from crypto_api.chains.documents import TokenContract
from crypto_api.chains.types import ChainAsset, ChainReader, TokenFacts
from crypto_api.kit.ethereum import NATIVE_DECIMALS, checksummed
from crypto_api.kit.networks import ListedToken, NetworkConfig

_SYMBOL, _NAME, _DECIMALS = "0x95d89b41", "0x06fdde03", "0x313ce567"  # EIP-20 symbol(), name(), decimals()


async def token_facts(network: NetworkConfig, contracts: Iterable[str], chain: ChainReader, now: datetime) -> dict[str, TokenFacts]:
    """By contract address in lower case. What the installation lists is believed; everything else is asked of the contract once."""
    wanted = {checksummed(contract) for contract in contracts}
    listed = {token.address: token for token in network.listed()}
    pinned = {row.address: row for row in await store.tokens(network.slug, wanted)}
    facts = {address: _facts_of_listed(listed[address], pinned.get(address)) for address in wanted & listed.keys()}
    for address in sorted(wanted - facts.keys()):
        row = pinned.get(address) or await _pin(network, address, chain, now)
        facts[address] = TokenFacts(address, row.symbol, row.name, row.decimals, False, row.id, row.by_balance)
    return {address.lower(): fact for address, fact in facts.items()}


def _facts_of_listed(token: ListedToken, pinned: TokenContract | None) -> TokenFacts:
    by_balance = token.believe == "balance" or (pinned is not None and pinned.by_balance)
    return TokenFacts(token.address, token.symbol, token.name, token.decimals, True, token.symbol, by_balance)


async def believe_by_balance(network: NetworkConfig, facts: TokenFacts, now: datetime) -> None:
    """From now on its logs are compared with what they did. Harmless when done twice."""
    row = TokenContract(
        id=rules.asset_id(network.chain_id, facts.contract),
        created_at=now,
        network=network.slug,
        address=facts.contract,
        symbol=facts.symbol,
        name=facts.name,
        decimals=facts.decimals,
        by_balance=True,
    )
    await store.pin_token(row)


def listed_assets(network: NetworkConfig) -> list[ChainAsset]:
    """The coin, and every token that the installation lists."""
    return [
        ChainAsset(network.native_asset, None, NATIVE_DECIMALS),
        *(ChainAsset(token.symbol, token.address, token.decimals) for token in network.listed()),
    ]


async def assets_with(network: NetworkConfig, held: Set[str]) -> list[ChainAsset]:
    """What a wallet's books and its balances are compared in: the listed assets, and what else of this network is `held`."""
    listed = listed_assets(network)
    others = {name for name in held - {asset.name for asset in listed} if name.startswith(rules.asset_id(network.chain_id, ""))}
    pinned = await store.tokens_by_id(network.slug, others) if others else []
    return listed + [ChainAsset(row.id, row.address, row.decimals) for row in pinned if row.decimals is not None]


async def _pin(network: NetworkConfig, address: str, chain: ChainReader, now: datetime) -> TokenContract:
    row = TokenContract(
        id=rules.asset_id(network.chain_id, address),
        created_at=now,
        network=network.slug,
        address=address,
        symbol=rules.token_text(await chain.call(address, _SYMBOL), rules.SYMBOL_LENGTH_MAX),
        name=rules.token_text(await chain.call(address, _NAME), rules.NAME_LENGTH_MAX),
        decimals=rules.token_decimals(await chain.call(address, _DECIMALS)),
    )
    await store.pin_token(row)
    return row
