"""Values and ports of the slice."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from crypto_api.kit.signing import KeyParcels, SealedKey

ACTIVE_MAX = 10  # wallets a person may have at a time


class KeyVault(Protocol):
    """The process that holds the master key."""

    async def seal(self, org_id: str, wallet_id: str, key: KeyParcels) -> SealedKey:
        """Its address, and an envelope that opens for this wallet alone. InvalidInput, SignerUnavailable."""


@dataclass(frozen=True)
class NewWallet:
    """Secrets are parcels: sealed to the signer's key before they came here."""

    name: str
    wallet_type: str
    network: str
    address: str | None = None
    private_key: str | None = field(default=None, repr=False)  # parcel
    keystore: str | None = field(default=None, repr=False)  # JSON text
    keystore_password: str | None = field(default=None, repr=False)  # parcel
    monitoring_enabled: bool = True


@dataclass(frozen=True)
class WalletChanges:
    """None leaves as it is."""

    name: str | None = None
    monitoring_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """A wallet as the watch list needs it; `counts` says whether it is to be looked for."""

    id: str
    org_id: str
    address: str  # lower case
    updated_at: datetime
    counts: bool
