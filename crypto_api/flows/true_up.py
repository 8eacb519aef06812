"""What stands in the books without a price gets one as soon as there is one: the entry is taken back and posted again with its values.

What was asked for in vain is asked for again after a pause that doubles, and at once when a person entered a price of the asset or asked for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from crypto_api.chains.types import ChainReader
from crypto_api.flows.revalue import Revalued, revalue_opening, revalue_transaction
from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import CoreError
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import SourceKind
from crypto_api.prices import store
from crypto_api.prices.documents import PriceGap
from crypto_api.prices.types import PriceSources
from crypto_api.tasks import service as tasks
from crypto_api.tasks.documents import Task
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import Session, UnitOfWork

TASK_KIND = "true_up_prices"
PAUSE_FIRST, PAUSE_MAX = timedelta(minutes=5), timedelta(days=1)
ENTRIES_AT_ONCE = 500
_logger = log.get(__name__)


@dataclass(frozen=True)
class Desk:
    """What the flow works with."""

    uow: UnitOfWork
    clock: Clock
    networks: Mapping[str, NetworkConfig]
    chains: Mapping[str, ChainReader]
    feeds: PriceSources


@dataclass(frozen=True)
class TrueUp:
    looked_at: int
    changed: int
    left: int  # of those looked at, still without a price or a cost


async def ask_for_true_up(uow: UnitOfWork, clock: Clock, org_id: str) -> Task:
    """Everything is due, and a task tells how it goes."""

    async def work(session: Session) -> Task:
        await store.ask_again(session, org_id)
        return await tasks.queue(session, org_id, TASK_KIND, clock.now(), summary="Look up the prices that are missing")

    return await uow.run(work)


async def true_up(desk: Desk, org_id: str, *, everything: bool = False) -> TrueUp:
    """Of one organisation: what is due, or everything. Costs that depended on a price are looked at once a price was found."""
    gaps = await store.due_gaps(org_id, desk.clock.now(), PAUSE_FIRST, PAUSE_MAX)
    if not gaps and not everything:
        return TrueUp(0, 0, 0)
    entries = (await ledger.unpriced(org_id))[:ENTRIES_AT_ONCE]
    rows = {row.id: row for row in await transactions.by_ids(org_id, [entry.transaction_id for entry in entries if entry.transaction_id])}
    done: list[Revalued] = []
    put_off: list[JournalEntry] = []
    for costs_too in (False, True):
        for entry in list(entries):
            row = rows.get(entry.transaction_id or "")
            if everything or _is_due(entry, row, gaps) or (costs_too and any(one.changed for one in done) and not _lacks_a_price(row)):
                entries.remove(entry)
                result = await _revalue(desk, org_id, entry, rows)
                if result is None:
                    put_off.append(entry)
                else:
                    done.append(result)
    for gap in gaps:
        if not any(_is_due(entry, rows.get(entry.transaction_id or ""), [gap]) for entry in put_off):
            await store.forget_gap(org_id, gap.id, gap.attempts)
    return TrueUp(len(done), sum(row.changed for row in done), sum(row.unpriced for row in done))


def _is_due(entry: JournalEntry, row: Transaction | None, gaps: Sequence[PriceGap]) -> bool:
    assets = {line.asset for line in entry.lines if line.asset}
    return any(gap.asset in assets and (row is None or gap.at == row.timestamp) for gap in gaps)


def _lacks_a_price(row: Transaction | None) -> bool:
    """Else it is a cost that is missing, which may be known once another entry has its price."""
    return row is None or any(movement.value is None and movement.amount and not movement.spam for movement in row.movements)


async def _revalue(desk: Desk, org_id: str, entry: JournalEntry, rows: Mapping[str, Transaction]) -> Revalued | None:
    """None where it cannot be looked at now; one that fails holds up no other."""
    row = rows.get(entry.transaction_id or "")
    try:
        if row is not None:
            network = desk.networks.get(row.network)
            return await revalue_transaction(desk.uow, desk.clock, org_id, row.id, network, desk.feeds) if network is not None else None
        if entry.source_kind is not SourceKind.OPENING:
            return None
        wallet = await wallets.get(org_id, entry.source_id.partition("@")[0])
        if wallet is None or wallet.network not in desk.networks:
            return None
        return await revalue_opening(desk.uow, desk.clock, wallet, desk.networks[wallet.network], desk.chains[wallet.network], desk.feeds)
    except CoreError as error:
        _logger.warning("true_up_waits", entry=entry.id, reason=error.detail)
        return None
