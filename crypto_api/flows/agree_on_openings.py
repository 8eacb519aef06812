"""What a wallet opens with is what as many providers as its network asks for tell of it: everything later is measured by it, and a single one that
is wrong, or lies, would stand in the books for good."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from crypto_api.chains.types import ChainAsset, ChainReader, Position, Witnesses
from crypto_api.events import service as events
from crypto_api.kit import log
from crypto_api.kit.amounts import text, to_units
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import Testimony
from crypto_api.kit.networks import NetworkConfig
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Wallet
from crypto_api.wallets.events import WalletOpeningWaits
from mongodb_config.unit_of_work import Session, UnitOfWork

logger = log.get(__name__)


class OpeningReader(ChainReader, Witnesses, Protocol):
    """One network, and its providers each for itself."""


class NotAgreed(Exception):
    """Fewer providers than must agree tell the same. The text says of what, for people."""


async def agreed_balances(network: NetworkConfig, chain: OpeningReader, address: str, assets: Sequence[ChainAsset], at: Position) -> list[int]:
    """In base units, one for each asset. NotAgreed; ChainUnavailable when nobody answers."""
    holdings = [(address, asset.contract) for asset in assets]
    if network.agreement < 2:
        return await chain.balances(holdings, at.hash)
    told = await chain.testimonies(at.height, at.hash, [], holdings)
    by_balances: dict[tuple[int, ...], list[Testimony]] = defaultdict(list)
    for each in told:
        if each.block_hash == at.hash:
            by_balances[tuple(each.balances[holding] for holding in holdings)].append(each)
    balances, same = max(by_balances.items(), key=lambda row: len(row[1]), default=((), []))
    if len(same) < network.agreement:
        raise NotAgreed(_why(network, assets, at, told, by_balances))
    return list(balances)


async def note_waiting(uow: UnitOfWork, clock: Clock, wallet: Wallet, reason: str) -> None:
    """Where it is shown: once for each reason."""
    if reason == wallet.opening_waits:
        return
    logger.warning("the opening of a wallet waits until providers agree", org_id=wallet.org_id, wallet_id=wallet.id, reason=reason)

    async def work(session: Session) -> None:
        if await wallet_store.put_opening_waits(session, wallet, reason):
            event = WalletOpeningWaits(
                wallet_id=wallet.id,
                network=wallet.network,
                address=wallet.address,
                name=wallet.name,
                monitoring_enabled=wallet.monitoring_enabled,
                reason=reason,
            )
            await events.append(session, wallet.org_id, event, clock.now())

    await uow.run(work)


def _why(
    network: NetworkConfig,
    assets: Sequence[ChainAsset],
    at: Position,
    told: Sequence[Testimony],
    by_balances: dict[tuple[int, ...], list[Testimony]],
) -> str:
    """Who says what of the assets of which they say different things; who names another block; who says nothing."""
    parts = []
    for place, asset in enumerate(assets):
        if len({balances[place] for balances in by_balances}) > 1:
            said = [f"{text(to_units(row[place], asset.decimals))} by {_hosts(each)}" for row, each in sorted(by_balances.items())]
            parts.append(f"{asset.name.rpartition(':')[2]}: {', '.join(said)}")
    if len(by_balances) == 1:
        parts.append(f"{_hosts(*by_balances.values())} told its balances")
    others = [each for each in told if each.block_hash is not None and each.block_hash != at.hash]
    if others:
        parts.append(f"another block is named by {_hosts(others)}")
    heard = {each.host for each in told if each.block_hash is not None}
    if silent := sorted(network.hosts() - heard):
        parts.append(f"nothing was heard from {', '.join(silent)}")
    return f"It waits until {network.agreement} providers tell the same of what it held. So far {'; '.join(parts)}."


def _hosts(told: Sequence[Testimony]) -> str:
    return " and ".join(sorted(each.host for each in told))
