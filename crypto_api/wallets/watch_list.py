"""The addresses that the follower of a network looks for, in memory: the cost of a block does not grow with their number."""

from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from crypto_api.kit.clock import Clock, SystemClock
from crypto_api.wallets import store
from crypto_api.wallets.documents import Opening, Wallet
from crypto_api.wallets.types import Watched

# A wallet's change may become visible after a later one's (its transaction took longer): look back this far, every so often, until it is past.
_OVERLAP = timedelta(seconds=30)
_LOOK_BACK_EVERY = timedelta(seconds=5)
_TICK = timedelta(milliseconds=1)  # of the database's clock
_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass
class WatchList:
    """Wallets whose books are open, by address (lower case), then organisation. `in` works as on a set of addresses."""

    network: str
    _wallets: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # (organisation, wallet) of each; one nearly always
    _addresses: dict[str, set[str]] = field(default_factory=dict)  # the same by organisation
    clock: Clock = field(default_factory=SystemClock)
    _changed_at: datetime | None = None
    _looked_back_at: datetime = _LONG_AGO
    version: int = 0  # counts changes of who is watched
    openings: int = 0  # as many as the network's cursor counts: it knows of all wallets opened until then

    @classmethod
    def of(cls, network: str, wallets: Iterable[Wallet]) -> "WatchList":
        """Of these wallets alone, as far as they are on that network and their books are open."""
        watched = cls(network)
        for row in wallets:
            if row.network == network:
                counts = row.active and row.monitoring_enabled and row.opening is Opening.DONE
                watched._take(Watched(row.id, row.org_id, row.address.lower(), row.updated_at, counts))
        return watched

    def __contains__(self, address: object) -> bool:
        return address in self._wallets

    @property
    def addresses(self) -> Set[str]:
        """All of them, lower case, as they are at each moment: looked up at a dictionary's own speed."""
        return self._wallets.keys()

    def __len__(self) -> int:
        return len(self._wallets)

    def organizations(self, addresses: Iterable[str]) -> dict[str, dict[str, str]]:
        """By organisation: which of these addresses are its wallets, and which wallet each is."""
        found: dict[str, dict[str, str]] = {}
        for address in addresses:
            for org_id, wallet_id in self._wallets.get(address, ()):
                found.setdefault(org_id, {})[address] = wallet_id
        return found

    def wallets(self) -> list[tuple[str, str]]:
        """(organisation, wallet) of all."""
        return [(org_id, wallet_id) for owners in self._wallets.values() for org_id, wallet_id in owners]

    def org_ids(self) -> set[str]:
        return set(self._addresses)

    def addresses_of(self, org_id: str) -> frozenset[str]:
        return frozenset(self._addresses.get(org_id, ()))

    async def refresh(self, openings: int) -> None:
        """Takes over what changed since the last time: as much work as there are changes, however many are watched. `openings` is what the network's
        cursor counted when it was read, just before: where somebody else opened wallets meanwhile, all are read again."""
        now, since = self.clock.now(), None
        if self._changed_at is not None and openings == self.openings:
            since = self._changed_at + _TICK
            if since > now - _OVERLAP and now - self._looked_back_at >= _LOOK_BACK_EVERY:
                since, self._looked_back_at = min(since, now - _OVERLAP), now
        for row in await store.watched_on_network(self.network, since):
            self._take(row)
            self._changed_at = max(self._changed_at or row.updated_at, row.updated_at)
        self.openings = openings

    async def opened(self, wallet_ids: Collection[str]) -> None:
        """Those at once, whatever their clocks say: the follower itself has just opened them, each once, and the next block counts."""
        self.openings += len(wallet_ids)
        for row in await store.watched_on_network(self.network, None, ids=wallet_ids):
            self._take(row)

    def _take(self, row: Watched) -> None:
        owners = self._wallets.get(row.address, ())
        others = tuple(owner for owner in owners if owner[0] != row.org_id)
        mine = (row.org_id, row.id)
        self.version += row.counts != (mine in owners)
        if row.counts:
            self._wallets[row.address] = (*others, mine)
            self._addresses.setdefault(row.org_id, set()).add(row.address)
        elif mine in owners:
            self._addresses[row.org_id].discard(row.address)
            if others:
                self._wallets[row.address] = others
            else:
                del self._wallets[row.address]
