"""Whose movements count at a block. A wallet counts from the block after the one at which its books were opened, and in what was read of its
history; what it held before stands in its opening."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crypto_api.backfills import store as backfills
from crypto_api.backfills.documents import Backfill
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet


@dataclass(frozen=True)
class CountedWallets:
    """Of one organisation, or of all, on one network, as they are now."""

    wallets: Sequence[Wallet]
    history: Sequence[tuple[str, int, int]]  # wallet, first and last block

    def at(self, height: int) -> list[Wallet]:
        past = {wallet_id for wallet_id, first, last in self.history if first <= height <= last}
        return [row for row in self.wallets if row.id in past or (row.opened_at_height is not None and row.opened_at_height < height)]

    def borders(self) -> list[int]:
        """Heights at which the answer may become another one."""
        opened = [row.opened_at_height + 1 for row in self.wallets if row.opened_at_height is not None]
        return sorted({*opened, *(first for _, first, _ in self.history), *(last + 1 for _, _, last in self.history)})

    def including(self, wallet_ids: Iterable[str], height: int) -> list[Wallet]:
        """Those, and what a stored row of that block says that it concerns."""
        named = set(wallet_ids)
        counted = self.at(height)
        return counted + [row for row in self.wallets if row.id in named and row not in counted]


async def counted_wallets(org_id: str, network: str) -> CountedWallets:
    rows = [row for row in await wallet_store.active(org_id) if row.network == network]
    return _counted(rows, await backfills.begun(org_id, network))


async def counted_on_network(network: str) -> CountedWallets:
    """Of every organisation."""
    rows = [row for row in await wallet_store.changed_on_network(network, None) if row.active]
    return _counted(rows, await backfills.begun_on_network(network))


def _counted(wallets: Iterable[Wallet], read: Iterable[Backfill]) -> CountedWallets:
    open_ = [row for row in wallets if row.opening is Opening.DONE and row.monitoring_enabled]
    history = [(row.wallet_id, row.first_block, row.position) for row in read if row.first_block is not None and row.position is not None]
    return CountedWallets(open_, history)
