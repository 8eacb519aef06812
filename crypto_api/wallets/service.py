"""The verbs of wallets. A key comes in sealed to the signer, which alone opens it; what is kept here is the envelope that the signer made."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.wallets import store
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.errors import WalletLimitReached
from crypto_api.wallets.events import WalletCreated, WalletDeleted, WalletUpdated
from crypto_api.wallets.rules import address_of, checked, free_slot
from crypto_api.wallets.types import ACTIVE_MAX, KeyVault, NewWallet, WalletChanges
from mongodb_config.unit_of_work import Session, UnitOfWork


async def watch_address(session: Session, org_id: str, user_id: str, name: str, address: str, network: str, invoice_id: str, now: datetime) -> Wallet:
    """An address at which one invoice is paid, watched from now on. It is nobody's wallet: of the ten that a person may have it takes none.
    WalletExists."""
    wallet = Wallet(
        id=new_id("wal"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name=name,
        address=address,
        wallet_type=WalletType.WATCH,
        network=network,
        created_by=user_id,
        receives=invoice_id,
    )
    await store.insert(session, wallet)
    created = WalletCreated(wallet_id=wallet.id, network=network, address=address, name=name, monitoring_enabled=True)
    await events.append(session, org_id, created, now)
    return wallet


async def create(
    uow: UnitOfWork,
    clock: Clock,
    vault: KeyVault,
    networks: Collection[str],
    org_id: str,
    user_id: str,
    new: NewWallet,
    also: Callable[[Session, Wallet], Awaitable[object]] | None = None,
) -> Wallet:
    """InvalidInput naming the fields, WalletExists, WalletLimitReached, or SignerUnavailable. `networks` are the slugs of this installation;
    `also` takes part in the unit of work that makes it."""
    given, key = checked(new, networks)
    now, wallet_id = clock.now(), new_id("wal")
    sealed = await vault.seal(org_id, wallet_id, key) if key is not None else None
    address = address_of(given, sealed) if sealed is not None else given
    assert address is not None, "checked"
    wallet = Wallet(
        id=wallet_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name=new.name,
        address=address,
        wallet_type=WalletType(new.wallet_type),
        network=new.network,
        monitoring_enabled=new.monitoring_enabled,
        sealed_key=sealed.envelope if sealed is not None else None,
        owner_verified_at=now if sealed is not None else None,  # whoever gives a key has it
        owner_verified_by=user_id if sealed is not None else None,
        created_by=user_id,
    )

    async def work(session: Session) -> None:
        slot = free_slot(await store.taken_slots(session, org_id, user_id))
        if slot is None:
            raise WalletLimitReached(ACTIVE_MAX)
        wallet.slot = slot
        await store.insert(session, wallet)
        await events.append(session, org_id, WalletCreated(**_told(wallet)), now)
        await _record(session, "wallet.created", f"The wallet {wallet.name} was added.", now, None, wallet)
        if also is not None:
            await also(session, wallet)

    while True:  # at most ACTIVE_MAX times: each time round another wallet of this person has taken a place
        try:
            await uow.run(work)
            return wallet
        except store.SlotTaken:
            continue


async def update(
    uow: UnitOfWork, clock: Clock, org_id: str, wallet_id: str, changes: WalletChanges, versions: Collection[int] | None = None
) -> Wallet:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    now = clock.now()
    given = {name: value for name, value in vars(changes).items() if value is not None}
    if given.get("monitoring_enabled") is False:
        given |= {"opening": Opening.DUE, "opening_waits": None}  # what moves while nobody watches comes in as a difference when watching goes on

    async def work(session: Session) -> Wallet:
        before, wallet = await _changed(session, org_id, wallet_id, versions, {**given, "updated_at": now})
        await events.append(session, org_id, WalletUpdated(**_told(wallet)), now)
        await _record(session, *_what_changed(before, wallet), now, before, wallet)
        return wallet

    return await uow.run(work)


async def delete(uow: UnitOfWork, clock: Clock, org_id: str, wallet_id: str, versions: Collection[int] | None = None) -> None:
    """No longer watched or shown. Its history stays, and so does a sealed key, without which what the address holds would be lost.
    NotFound or PreconditionFailed as in `update`."""
    now = clock.now()

    async def work(session: Session) -> None:
        before, wallet = await _changed(session, org_id, wallet_id, versions, {"active": False, "slot": None, "updated_at": now})
        await events.append(session, org_id, WalletDeleted(**_told(wallet)), now)
        await _record(session, "wallet.deleted", f"The wallet {wallet.name} was removed.", now, before, None)

    await uow.run(work)


async def prove_owned(uow: UnitOfWork, clock: Clock, org_id: str, wallet_id: str, user_id: str) -> Wallet:
    """Whoever calls it has checked the signature. NotFound."""
    now = clock.now()

    async def work(session: Session) -> Wallet:
        changes = {"owner_verified_at": now, "owner_verified_by": user_id, "updated_at": now}
        before, wallet = await _changed(session, org_id, wallet_id, None, changes)
        await events.append(session, org_id, WalletUpdated(**_told(wallet)), now)
        await _record(session, "wallet.ownership_proven", f"The wallet {wallet.name} was shown to be ours.", now, before, wallet)
        return wallet

    return await uow.run(work)


async def let_pay_delegated(
    session: Session, org_id: str, wallet_id: str, versions: Collection[int] | None, now: datetime, *, allowed: bool
) -> Wallet:
    """Whether it may run our batch contract as its own code (EIP-7702). NotFound, PreconditionFailed. What it is already changes nothing."""
    before = await store.get(org_id, wallet_id, session)
    if before is not None and before.pays_delegated is allowed and (versions is None or before.version in versions):
        return before
    before, wallet = await _changed(session, org_id, wallet_id, versions, {"pays_delegated": allowed, "updated_at": now})
    await events.append(session, org_id, WalletUpdated(**_told(wallet)), now)
    may = "may run our batch contract as its own code" if allowed else "may not run our batch contract as its own code any more"
    action = "wallet.delegation_allowed" if allowed else "wallet.delegation_forbidden"
    await _record(session, action, f"The wallet {wallet.name} {may}.", now, before, wallet)
    return wallet


async def _changed(session: Session, org_id: str, wallet_id: str, versions: Collection[int] | None, changes: dict[str, Any]) -> tuple[Wallet, Wallet]:
    """As it was, and as it is."""
    before = await store.get(org_id, wallet_id, session)
    if before is None:
        raise NotFound
    wallet = await store.change(session, org_id, wallet_id, versions, changes)
    if wallet is None:
        raise PreconditionFailed
    return before, wallet


def _what_changed(before: Wallet, after: Wallet) -> tuple[str, str]:
    if before.monitoring_enabled != after.monitoring_enabled:
        return ("wallet.watched", f"{after.name} is watched.") if after.monitoring_enabled else ("wallet.unwatched", f"{after.name} is not watched.")
    return "wallet.renamed", f"The wallet {before.name} is called {after.name}."


async def _record(session: Session, action: str, summary: str, now: datetime, before: Wallet | None, after: Wallet | None) -> None:
    wallet = after or before
    assert wallet is not None
    was, became = (_audited(row) if row is not None else None for row in (before, after))
    await audit.record(session, wallet.org_id, action, summary, now, subject=("wallet", wallet.id), before=was, after=became)


def _audited(wallet: Wallet) -> dict[str, Any]:
    return {
        "name": wallet.name,
        "address": wallet.address,
        "network": wallet.network,
        "wallet_type": wallet.wallet_type,
        "monitoring_enabled": wallet.monitoring_enabled,
        "owner_verified_at": wallet.owner_verified_at,
        "pays_delegated": wallet.pays_delegated,
    }


def _told(wallet: Wallet) -> dict[str, Any]:
    return {
        "wallet_id": wallet.id,
        "network": wallet.network,
        "address": wallet.address,
        "name": wallet.name,
        "monitoring_enabled": wallet.monitoring_enabled,
    }
