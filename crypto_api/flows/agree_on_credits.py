"""A large credit waits until as many providers as its network asks for tell the same of it: a single one can make up a block, and all that is in it,
that agrees with itself.

    what waits → each provider for itself, block by block ┐ outside of any unit of work
                                                          └ in it: the row, compare-and-set │ or why it waits on, in words

Until then it is neither booked nor confirmed, and nothing of its organisation is booked that stands after it in the chain.
"""

from collections.abc import Sequence
from itertools import groupby

from crypto_api.chains.types import Witnesses
from crypto_api.events import service as events
from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import Testimony
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store as transactions
from crypto_api.transactions.agreement import agreeing, holdings, weighed
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionRecorded
from crypto_api.transactions.types import Agreement, Origin
from mongodb_config.unit_of_work import Session, UnitOfWork

ROWS_AT_ONCE = 100
logger = log.get(__name__)


async def agree_on_credits(uow: UnitOfWork, clock: Clock, network: NetworkConfig, providers: Witnesses) -> int:
    """Returns how many need not wait any longer. ChainUnavailable when no provider answers."""
    freed = 0
    rows = await transactions.waiting_of_network(network.slug, ROWS_AT_ONCE)
    for (number, block_hash), group in groupby(rows, key=lambda row: (row.block_number, row.block_hash)):
        of_block = list(group)
        asked = [row for row in of_block if weighed(network, row).agreement is Agreement.WANTED]  # the networks file may say otherwise by now
        hashes = sorted({row.hash for row in asked if row.origin is Origin.TRANSACTION})
        told = await providers.testimonies(number, block_hash, hashes, holdings(asked)) if asked else []
        for row in of_block:
            freed += await _decide(uow, clock, network, row, told, needed=row in asked)
    return freed


async def _decide(uow: UnitOfWork, clock: Clock, network: NetworkConfig, row: Transaction, told: Sequence[Testimony], *, needed: bool) -> bool:
    hosts = agreeing(row, told)
    if needed and len(hosts) < network.agreement:
        reason = _why(network, row, told, hosts)
        if reason != row.waits:
            logger.warning("a credit waits until providers agree", transaction=row.id, reason=reason)
            await uow.run(lambda session: _put(session, clock, row, Agreement.WANTED, reason))
        return False
    reached = Agreement.REACHED if needed else Agreement.NOT_NEEDED
    return await uow.run(lambda session: _put(session, clock, row, reached, None))


async def _put(session: Session, clock: Clock, row: Transaction, agreement: Agreement, waits: str | None) -> bool:
    if not await transactions.put_agreement(session, row, agreement, waits):
        return False
    await events.append(session, row.org_id, TransactionRecorded(**row.event_fields()), clock.now())
    return True


def _why(network: NetworkConfig, row: Transaction, told: Sequence[Testimony], hosts: Sequence[str]) -> str:
    """For people: who said so, who said otherwise, who said nothing."""
    first = weighed(network, row).waits or ""
    against = sorted(each.host for each in told if each.host not in hosts and each.block_hash is not None)
    behind = {each.host for each in told if each.block_hash is None}
    silent = sorted((network.hosts() - {each.host for each in told}) | behind)
    parts = [f"{', '.join(sorted(hosts)) or 'None'} told so" + (f", {', '.join(against)} told otherwise" if against else "")]
    if silent:
        parts.append(f"nothing was heard from {', '.join(silent)}")
    return f"{first} So far {'; '.join(parts)}."
