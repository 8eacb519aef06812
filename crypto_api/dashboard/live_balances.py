"""What wallets hold on their chain now, for pages that ask again and again: a reading serves everybody who looks within a few seconds, a node that
does not answer is left alone for a moment, and what was read last is remembered, with its block and its age."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from weakref import WeakKeyDictionary

from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.flows.wallet_balance import read_holdings
from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet

FRESH = timedelta(seconds=4)
REST = timedelta(seconds=10)
"""How long a node that did not answer is not asked again."""
PATIENCE_S = 2.5
WALLETS_KEPT = 2_000
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one wallet, after one block."""

    block_number: int
    read_at: datetime
    held: Mapping[str, Decimal]


@dataclass(slots=True)
class _Memory:
    """Of one network of this process."""

    readings: dict[str, Reading] = field(default_factory=dict)  # by wallet; the one read longest ago comes first
    rests_until: datetime | None = None


_memories: WeakKeyDictionary[JsonRpcChain, _Memory] = WeakKeyDictionary()


def known(runtime: Runtime, wallets: Sequence[Wallet]) -> dict[str, Reading]:
    """By wallet, what was read last; no node is asked."""
    found = {}
    for wallet in wallets:
        chain = runtime.rpc.get(wallet.network)
        reading = _memories[chain].readings.get(wallet.id) if chain is not None and chain in _memories else None
        if reading is not None:
            found[wallet.id] = reading
    return found


async def read(runtime: Runtime, wallets: Sequence[Wallet], booked: Mapping[str, Set[str]]) -> dict[str, Reading]:
    """By wallet, not older than a few seconds where a node answers, else the last known. `booked`: the assets in the books of each wallet."""
    by_network: dict[str, list[Wallet]] = {}
    for wallet in wallets:
        by_network.setdefault(wallet.network, []).append(wallet)
    due = [_read_network(runtime, network, by_network[slug], booked) for slug, network in runtime.networks.items() if slug in by_network]
    await asyncio.gather(*due)
    return known(runtime, wallets)


async def _read_network(runtime: Runtime, network: NetworkConfig, wallets: Sequence[Wallet], booked: Mapping[str, Set[str]]) -> None:
    chain, now = runtime.rpc[network.slug], runtime.clock.now()
    memory = _memories.setdefault(chain, _Memory())
    due = [row for row in wallets if row.id not in memory.readings or now - memory.readings[row.id].read_at > FRESH]
    if not due or (memory.rests_until is not None and now < memory.rests_until):
        return
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await read_holdings(chain, network, due, booked)
    except (ChainUnavailable, TimeoutError) as error:
        memory.rests_until = now + REST
        logger.info("balances not read", network=network.slug, reason=str(error) or "no answer in time")
        return
    memory.rests_until = None
    for wallet_id, held in found.held.items():
        memory.readings.pop(wallet_id, None)
        memory.readings[wallet_id] = Reading(found.block_number, now, held)
    for wallet_id in list(memory.readings)[:-WALLETS_KEPT]:
        del memory.readings[wallet_id]
