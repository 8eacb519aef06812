"""After a new master key was given to the signer: every wallet's key goes into an envelope under it. The key itself is seen by the signer alone.

What is done is done one wallet at a time, so it can be broken off and begun again; an envelope that was replaced meanwhile is left alone.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.signing import SigningRefused
from crypto_api.wallets import store
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork


class Rewrapper(Protocol):
    async def rewrap(self, org_id: str, wallet_id: str) -> dict[str, Any] | None:
        """None when it stands under the current key. SigningRefused when it does not open; SignerUnavailable."""


@dataclass
class Rewrapped:
    done: int = 0
    before: int = 0  # stood under the current key already
    broken: list[str] = field(default_factory=list)  # wallet and why, in words


async def rewrap_keys(uow: UnitOfWork, clock: Clock, vault: Rewrapper, org_ids: Collection[str]) -> Rewrapped:
    """Of deleted wallets too: what their addresses hold is not lost with them. SignerUnavailable breaks it off."""
    told = Rewrapped()
    for org_id in org_ids:
        for wallet in await store.with_key(org_id):
            await _rewrap(uow, clock, vault, wallet, told)
    return told


async def _rewrap(uow: UnitOfWork, clock: Clock, vault: Rewrapper, wallet: Wallet, told: Rewrapped) -> None:
    try:
        envelope = await vault.rewrap(wallet.org_id, wallet.id)
    except SigningRefused as error:
        told.broken.append(f"{wallet.id}: {error.detail}")
        return
    if envelope is None:
        told.before += 1
        return
    now, old = clock.now(), wallet.sealed_key or {}

    async def work(session: Session) -> bool:
        if not await store.replace_envelope(session, wallet.org_id, wallet.id, old, envelope):
            return False
        summary = f"The key of the wallet {wallet.name} was sealed again, under the master key {envelope['key_id']}."
        keys = {"master_key_id": old.get("key_id")}, {"master_key_id": envelope["key_id"]}
        await audit.record(session, wallet.org_id, "wallet.key_rewrapped", summary, now, subject=("wallet", wallet.id), before=keys[0], after=keys[1])
        return True

    told.done += await uow.run(work)
