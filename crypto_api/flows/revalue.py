"""Value anew what stands in the books without a price or a cost: as prices and holdings are known now.

What stood there is taken back by a mirror entry and posted again with its values, in one unit of work. Quantities never change by it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from crypto_api.chains.types import ChainReader
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import PURPOSE, Valued, draft, draw_up, source_of, value
from crypto_api.flows.decide_transaction import decided_before
from crypto_api.flows.take_back_receipts import reprice_receipts
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, Line, Place, Posting, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.prices.types import Moment, PriceSources
from crypto_api.transactions import store as transactions
from crypto_api.transactions.events import TransactionBooked
from crypto_api.transactions.types import Booking
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

WHY = "valued anew"


class _NothingNew(Exception):
    """It would stand there as it does: this unit of work leaves nothing behind."""


class _Overtaken(Exception):
    """The row changed meanwhile: look again."""


@dataclass(frozen=True)
class Revalued:
    changed: bool
    unpriced: bool


async def revalue_transaction(
    uow: UnitOfWork, clock: Clock, org_id: str, transaction_id: str, network: NetworkConfig, feeds: PriceSources
) -> Revalued:
    """NotFound; ChainUnavailable when a price has to be read and no node answers."""
    while True:
        row = await transactions.get(org_id, transaction_id)
        if row is None:
            raise NotFound
        if row.booking is not Booking.DONE:
            return Revalued(False, row.unpriced)
        now = clock.now()
        valued = await value(row, decided_before(row), network, feeds, now)
        try:
            return Revalued(True, await uow.run(lambda session, valued=valued, now=now: _post_transaction(session, valued, now)))  # type: ignore[misc]
        except _NothingNew:
            return Revalued(False, row.unpriced)
        except _Overtaken:
            continue


async def revalue_opening(uow: UnitOfWork, clock: Clock, wallet: Wallet, network: NetworkConfig, chain: ChainReader, feeds: PriceSources) -> Revalued:
    """Of a wallet whose books are open. ChainUnavailable when the node does not tell its block, or no price there."""
    moment = await opening_moment_of(wallet, network, chain)
    organization = await organizations.get(wallet.org_id)
    if organization is None or wallet.opened_at_hash is None:
        raise NotFound
    source_id, now = f"{wallet.id}@{wallet.opened_at_hash}", clock.now()
    assets = await _assets_of_opening(uow, wallet.org_id, source_id)
    rates: dict[str, Decimal] = {}
    for asset in sorted(assets):
        quote = await prices.rate_at(wallet.org_id, asset, organization.functional_currency, moment, feeds, now)
        if quote is not None:
            rates[asset] = quote.rate
    try:
        return Revalued(True, await uow.run(lambda session: _post_opening(session, wallet, source_id, rates, now)))
    except _NothingNew:
        return Revalued(False, True)


async def opening_moment_of(wallet: Wallet, network: NetworkConfig, chain: ChainReader) -> Moment:
    """The block at which the wallet was opened."""
    if wallet.opened_at_height is None or wallet.opened_at_hash is None:
        raise NotFound
    header = await chain.header(wallet.opened_at_height)
    if header is None or header.hash != wallet.opened_at_hash:
        raise ChainUnavailable("the node does not know the block at which the wallet was opened")
    return Moment(network, header.number, header.hash, datetime.fromtimestamp(header.timestamp, UTC))


# ---- transactions ----------------------------------------------------------------------------------------------------------------


async def _post_transaction(session: Session, valued: Valued, now: datetime) -> bool:
    row, org_id = valued.transaction, valued.transaction.org_id
    standing = await ledger_store.posted_of_transaction(org_id, row.id, session)
    await ledger.reverse_transaction(session, org_id, row.id, now, WHY)
    posting = await draw_up(session, org_id, valued.changes)
    if _same([line for entry in standing if entry.source_kind is not SourceKind.LOTS for line in entry.lines], posting):
        raise _NothingNew
    purpose = await ledger.open_purpose(session, org_id, SourceKind.TRANSACTION, source_of(row), PURPOSE)
    entry = await ledger.post(session, org_id, draft(valued, posting, purpose), now)
    if not await transactions.revalue(session, row, valued.movements, entry.id, posting.unpriced):
        raise _Overtaken
    await reprice_receipts(session, row, valued.movements, now)
    await events.append(session, org_id, TransactionBooked(**row.event_fields()), now)
    return posting.unpriced


def _same(lines: list[Line], posting: Posting) -> bool:
    shown = {"account_code", "wallet_id", "asset", "quantity", "debit", "credit"}
    before, after = ([line.model_dump(include=shown) for line in some] for some in (lines, posting.lines))
    return before == after


# ---- openings --------------------------------------------------------------------------------------------------------------------


async def _assets_of_opening(uow: UnitOfWork, org_id: str, source_id: str) -> set[str]:
    entries = await uow.run(lambda session: ledger_store.entries_of_source(org_id, SourceKind.OPENING, source_id, session))
    return {line.asset for entry in entries for line in entry.lines if line.asset}


async def _post_opening(session: Session, wallet: Wallet, source_id: str, rates: dict[str, Decimal], now: datetime) -> bool:
    standing = await ledger.standing_of_source(session, wallet.org_id, SourceKind.OPENING, source_id)
    if standing is None:
        raise _NothingNew
    await ledger.reverse(session, wallet.org_id, standing.id, now, WHY)
    changes = changes_of_opening(standing.lines, rates)
    posting = await draw_up(session, wallet.org_id, changes)
    if _same(standing.lines, posting):
        raise _NothingNew
    await ledger.post(session, wallet.org_id, again(standing, posting, await _purpose(session, standing)), now)
    return posting.unpriced


def changes_of_opening(lines: list[Line], rates: dict[str, Decimal]) -> list[Change]:
    """What an opening entry brought in or took away, valued by these rates."""
    changes: list[Change] = []
    for line in lines:
        if line.account_code != AccountCode.CRYPTO or line.asset is None or not line.quantity:
            continue
        place, quantity = Place(AccountCode.CRYPTO, line.wallet_id, line.asset), line.quantity.copy_abs()
        worth = ledger_rules.value_of(quantity, rates[line.asset]) if line.asset in rates else line.debit or line.credit or None
        kind = Acquisition if line.quantity > 0 else Disposal
        changes.append(kind(place, quantity, worth, AccountCode.OPENING, line.description))
    return changes


async def _purpose(session: Session, entry: JournalEntry) -> str:
    return await ledger.open_purpose(session, entry.org_id, entry.source_kind, entry.source_id, entry.source_purpose.partition(":")[0])


def again(entry: JournalEntry, posting: Posting, purpose: str) -> EntryDraft:
    """The same entry with other lines."""
    return EntryDraft(
        date=entry.date,
        description=entry.description,
        source=Source(kind=entry.source_kind, id=entry.source_id, purpose=purpose),
        reference=entry.reference,
        lines=list(posting.lines),
        unpriced=posting.unpriced,
    )
