"""The addresses that the follower of a network looks for, in memory: the cost of a block does not grow with their number."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crypto_api.wallets import store
from crypto_api.wallets.documents import Opening, Wallet

# A wallet's change may become visible after a later one's (its transaction took longer): look back this far at each refresh.
_OVERLAP = timedelta(seconds=30)


@dataclass
class WatchList:
    """Wallets whose books are open, by address (lower case), then organisation. `in` works as on a set of addresses."""

    network: str
    _wallets: dict[str, dict[str, str]] = field(default_factory=dict)
    _addresses: dict[str, set[str]] = field(default_factory=dict)  # the same by organisation
    _changed_at: datetime | None = None

    @classmethod
    def of(cls, network: str, wallets: Iterable[Wallet]) -> "WatchList":
        """Of these wallets alone, as far as they are on that network and their books are open."""
        watched = cls(network)
        for wallet in wallets:
            if wallet.network == network:
                watched._take(wallet)
        return watched

    def __contains__(self, address: object) -> bool:
        return address in self._wallets

    def __len__(self) -> int:
        return len(self._wallets)

    def organizations(self, addresses: Iterable[str]) -> dict[str, dict[str, str]]:
        """By organisation: which of these addresses are its wallets, and which wallet each is."""
        found: dict[str, dict[str, str]] = {}
        for address in addresses:
            for org_id, wallet_id in self._wallets.get(address, {}).items():
                found.setdefault(org_id, {})[address] = wallet_id
        return found

    def wallets(self) -> list[tuple[str, str]]:
        """(organisation, wallet) of all."""
        return [(org_id, wallet_id) for owners in self._wallets.values() for org_id, wallet_id in owners.items()]

    def org_ids(self) -> set[str]:
        return set(self._addresses)

    def addresses_of(self, org_id: str) -> frozenset[str]:
        return frozenset(self._addresses.get(org_id, ()))

    async def refresh(self) -> None:
        """Takes over what changed since the last time."""
        since = self._changed_at - _OVERLAP if self._changed_at else None
        for wallet in await store.changed_on_network(self.network, since):
            self._take(wallet)
            self._changed_at = max(self._changed_at or wallet.updated_at, wallet.updated_at)

    def _take(self, wallet: Wallet) -> None:
        address = wallet.address.lower()
        owners = self._wallets.setdefault(address, {})
        if wallet.active and wallet.monitoring_enabled and wallet.opening is Opening.DONE:
            owners[wallet.org_id] = wallet.id
            self._addresses.setdefault(wallet.org_id, set()).add(address)
        elif owners.get(wallet.org_id) == wallet.id:
            del owners[wallet.org_id]
            self._addresses[wallet.org_id].discard(address)
        if not owners:
            del self._wallets[address]
