"""A person asks for the history of a wallet before its books were opened, when it is added or later."""

from collections.abc import Collection

from crypto_api.audit import service as audit
from crypto_api.backfills import store
from crypto_api.backfills.documents import Backfill
from crypto_api.backfills.errors import NotWatched
from crypto_api.backfills.types import FIRST, TASK_KIND
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.ids import new_id
from crypto_api.tasks import service as tasks
from crypto_api.tasks.documents import Task
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Wallet
from crypto_api.wallets.types import KeyVault, NewWallet
from mongodb_config.unit_of_work import Session, UnitOfWork


async def request_backfill(uow: UnitOfWork, clock: Clock, org_id: str, wallet_id: str, from_block: int | None, by: str) -> Task:
    """From that block, or (None) from the first in which the address did anything. NotFound, NotWatched, or BackfillRunning."""

    async def work(session: Session) -> Task:
        wallet = await wallet_store.get(org_id, wallet_id, session)
        if wallet is None:
            raise NotFound
        if not wallet.monitoring_enabled:
            raise NotWatched
        return await queue_backfill(session, clock, wallet, from_block, by)

    return await uow.run(work)


async def add_wallet(
    uow: UnitOfWork,
    clock: Clock,
    vault: KeyVault,
    networks: Collection[str],
    org_id: str,
    user_id: str,
    new: NewWallet,
    history_from: int | str | None,
) -> Wallet:
    """A new wallet, and with `history_from` (a block, or "first") its history too: both, or neither. Errors as of `wallets.service.create`."""
    if history_from is None:
        return await wallets.create(uow, clock, vault, networks, org_id, user_id, new)
    if not new.monitoring_enabled:
        raise InvalidInput.of("history_from", "needs a wallet that is watched", "not_watched")
    from_block = None if history_from == FIRST else int(history_from)

    async def also(session: Session, wallet: Wallet) -> None:
        await queue_backfill(session, clock, wallet, from_block, user_id)

    return await wallets.create(uow, clock, vault, networks, org_id, user_id, new, also)


async def queue_backfill(session: Session, clock: Clock, wallet: Wallet, from_block: int | None, by: str) -> Task:
    """In the caller's unit of work, which may be the one that makes the wallet."""
    now, origin = clock.now(), "the first block of the address" if from_block is None else f"block {from_block}"
    task = await tasks.queue(session, wallet.org_id, TASK_KIND, now, summary=f"{wallet.name}: history from {origin}")
    row = Backfill(
        id=new_id("bkf"),
        created_at=now,
        org_id=wallet.org_id,
        wallet_id=wallet.id,
        network=wallet.network,
        task_id=task.id,
        requested_by=by,
        from_block=from_block,
    )
    await store.insert(session, row)
    summary = f"The history of {wallet.name} was asked for, from {origin}."
    await audit.record(session, wallet.org_id, "wallet.backfilled", summary, now, subject=("wallet", wallet.id), after={"from_block": from_block})
    return task
