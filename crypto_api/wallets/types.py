"""Values and ports of the slice."""

from dataclasses import dataclass, field
from typing import Any, Protocol

ACTIVE_MAX = 10  # wallets a person may have at a time


class Sealer(Protocol):
    """Seals a secret so that it opens only for this wallet."""

    def seal(self, secret: bytes, *, org_id: str, wallet_id: str, address: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class NewWallet:
    name: str
    wallet_type: str
    network: str
    address: str | None = None
    private_key: str | None = field(default=None, repr=False)
    monitoring_enabled: bool = True


@dataclass(frozen=True)
class WalletChanges:
    """None leaves as it is."""

    name: str | None = None
    monitoring_enabled: bool | None = None
