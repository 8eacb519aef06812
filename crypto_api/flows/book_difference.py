"""A person explains the difference between chain and books: it is booked as they say, for exactly what it is at this moment.

The same unit of work holds the cursor, compares, posts, and keeps the checkpoint that agrees: two who click at once book it once.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.audit import service as audit
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainReader, Position
from crypto_api.flows.checkpoint_wallets import Reading, hold_at_rest, keep_checkpoints, read_balances
from crypto_api.kit.amounts import add_exactly, text, to_units
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import InvalidInput, NotFound, Unavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, Holding, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.prices.types import Moment, PriceSources
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork


class NotAtRest(Unavailable):
    code = "not_at_rest"

    def __init__(self) -> None:
        super().__init__("Blocks come in, or something waits to be booked: try again in a moment.", retry_after_s=2)


@dataclass(frozen=True)
class Explanation:
    """`account_code` says why it came or went."""

    account_code: str
    reason: str
    by: str  # the person's id


async def book_difference(
    uow: UnitOfWork,
    clock: Clock,
    wallet: Wallet,
    asset: str,
    network: NetworkConfig,
    chain: ChainReader,
    feeds: PriceSources,
    explanation: Explanation,
) -> JournalEntry | None:
    """None when there is no difference (any more). NotFound, InvalidInput for the account, NotAtRest, ChainUnavailable."""
    await check_account(wallet.org_id, explanation.account_code)
    cursor, organization = await chain_store.cursor(network.slug), await organizations.get(wallet.org_id)
    if cursor is None or organization is None:
        raise NotFound
    here, now = Position(cursor.height, cursor.hash), clock.now()
    readings = (await read_balances(network, chain, [wallet], here)).get(wallet.org_id, [])
    reading = next((row for row in readings if row.asset.name == asset), None)
    header = await chain.header(here.height)
    if reading is None or header is None or header.hash != here.hash:
        raise NotAtRest
    moment = Moment(network, here.height, here.hash, datetime.fromtimestamp(header.timestamp, now.tzinfo))
    quote = await prices.rate_at(wallet.org_id, asset, organization.functional_currency, moment, feeds, now)
    rate = quote.rate if quote else None
    day = day_of(moment.at, organization.time_zone)

    async def work(session: Session) -> JournalEntry | None:
        if not await hold_at_rest(session, wallet.org_id, network, here):
            raise NotAtRest
        held = await ledger_store.holdings_in(wallet.org_id, {reading.place}, session)
        difference = add_exactly([to_units(reading.raw, reading.asset.decimals), held.get(reading.place, Holding()).quantity.copy_negate()])
        entry = None
        if difference != 0:
            posting = ledger_rules.post([_change(reading, difference, rate, explanation)], held)
            draft = EntryDraft(
                date=day,
                description=f"Difference between chain and books of {wallet.name}: {explanation.reason}"[:500],
                source=Source(kind=SourceKind.DIFFERENCE, id=f"{wallet.id}|{asset}@{here.hash}", purpose=f"difference {text(difference)}"),
                reference=f"block {here.height}",
                lines=list(posting.lines),
                unpriced=posting.unpriced,
            )
            entry = await ledger.post(session, wallet.org_id, draft, now, by=explanation.by)
            await _record(session, wallet, asset, difference, explanation, entry, now)
        held = await ledger_store.holdings_in(wallet.org_id, {reading.place}, session)
        await keep_checkpoints(session, wallet.org_id, here, [reading], held, now)
        return entry

    return await uow.run(work)


async def check_account(org_id: str, code: str) -> None:
    """InvalidInput for one that is none, or that holds the asset itself."""
    found = await ledger_store.accounts(org_id, [code])
    if not found or not found[0].active:
        raise InvalidInput.of("account_code", "is not an active account of this organisation", "unknown_account")
    if code in (AccountCode.CRYPTO, AccountCode.CUSTODY):
        raise InvalidInput.of("account_code", "is where the asset lies: name the account that says why it came or went", "wrong_account")


def _change(reading: Reading, difference: Decimal, rate: Decimal | None, explanation: Explanation) -> Change:
    quantity = difference.copy_abs()
    value = ledger_rules.value_of(quantity, rate) if rate is not None else None
    kind = Acquisition if difference > 0 else Disposal
    return kind(reading.place, quantity, value, explanation.account_code, explanation.reason)


async def _record(
    session: Session, wallet: Wallet, asset: str, difference: Decimal, explanation: Explanation, entry: JournalEntry, now: datetime
) -> None:
    summary = f"The difference of {text(difference)} {asset} of {wallet.name} was booked on {explanation.account_code}: {explanation.reason}"
    told = {"asset": asset, "difference": difference, "account_code": explanation.account_code, "reason": explanation.reason}
    await audit.record(session, wallet.org_id, "journal_entry.posted", summary, now, subject=("journal_entry", entry.id), after=told)
