"""After a restore: the backup has forgotten what was sent since, and its nonces look free. So no wallet signs anything until a person has looked at
what the chain has of it (`resume_sender`), which finds each forgotten payment in its nonce and lets it go on as sent.
"""

from datetime import datetime

from crypto_api.chains import store as chains
from crypto_api.payments import store as payments
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import Session, UnitOfWork


async def freeze_senders(uow: UnitOfWork, taken_at: datetime, now: datetime) -> int:
    """Every wallet with a key on every network that was followed. Returns how many. A wallet that had sent nothing by then is looked at from its
    first nonce on: what it sent since is forgotten as well."""
    reason = f"The database is a backup of {taken_at:%Y-%m-%d %H:%M} UTC, which knows of nothing that was sent since. A person has to look first."
    count = 0
    for cursor in await chains.cursors():
        for address in await wallets.with_key_on_network(cursor.id):
            await uow.run(lambda session, chain_id=cursor.chain_id, address=address: _freeze(session, chain_id, address, reason, now))  # type: ignore[misc]
            count += 1
    return count


async def _freeze(session: Session, chain_id: int, address: str, reason: str, now: datetime) -> None:
    last = await payments.last_slot(session, chain_id, address)
    await payments.freeze_lane(session, chain_id, address, reason, last.nonce + last.uses if last is not None else 0, now)
