"""Book what was stored and is not in the books yet, in the order of the chain.

Storing and booking are units of work of their own: the chain is followed even when one organisation's books refuse an entry, and a
crash in between leaves rows marked as due, which the next pass takes up.
"""

import asyncio
from contextlib import nullcontext
from datetime import datetime

from pymongo.errors import PyMongoError

from crypto_api.chains import store as chain_store
from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.flows.book_transaction import BookingResult, book_transaction
from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import CallRefused, ChainUnavailable
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.price_settings import PriceProvider, PriceSettings
from crypto_api.kit.rates import Answer, FeedRound
from crypto_api.prices.types import PriceSources
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Agreement
from mongodb_config.unit_of_work import UnitOfWork

ROWS_AT_ONCE = 500
logger = log.get(__name__)


async def book_due(
    uow: UnitOfWork,
    clock: Clock,
    network: NetworkConfig,
    feeds: PriceSources,
    queue: Jobs,
    moved: set[tuple[str, str]] | None = None,
    turn: asyncio.Lock | None = None,
) -> int:
    """Returns how many were booked; (organisation, wallet) of what was goes into `moved`. Stops early where the node cannot answer for a price:
    its block may be gone, and following finds out. Where a credit waits until providers agree, so does all that its organisation has after it:
    what is spent of it has no cost before it is in the books. Each booking holds `turn`, so that whoever writes many of these rows at once comes in
    between (flows/confirm_transactions.py)."""
    done, failed, waiting = 0, set[str](), set[str]()
    while rows := [
        row for row in await transactions.due_for_booking_of_network(network.slug, ROWS_AT_ONCE + len(failed), waiting) if row.id not in failed
    ]:
        for row in rows:
            if row.agreement is Agreement.WANTED:
                waiting.add(row.org_id)
            if row.org_id in waiting:
                continue
            try:
                async with turn or nullcontext():
                    result = await _book(uow, clock, row, network, feeds)
            except ChainUnavailable as error:
                logger.warning("booking waits for the node", transaction=row.id, reason=error.detail)
                return done
            except PyMongoError:
                raise
            except Exception:
                # One organisation's entry must not hold up every other's: it stays due, and loud.
                logger.exception("booking failed", transaction=row.id, org_id=row.org_id)
                failed.add(row.id)
                continue
            if not result.booked:
                break  # it was changed since it was read, and those after it maybe too
            done += 1
            if moved is not None:
                moved.update((row.org_id, wallet_id) for wallet_id in row.wallet_ids)
            if result.unclassified:
                await queue.put(ClassifyTransaction(org_id=row.org_id, transaction_id=row.id))
    return done


async def _book(uow: UnitOfWork, clock: Clock, row: Transaction, network: NetworkConfig, feeds: PriceSources) -> BookingResult:
    """What the node refuses to tell of a block so deep that it cannot be gone is a state that it no longer keeps: no feed tells a price there."""
    try:
        return await book_transaction(uow, clock, row, network, feeds)
    except CallRefused:
        cursor = await chain_store.cursor(network.slug)
        if cursor is None or row.block_number >= cursor.height - network.reorg_depth_max:
            raise
        logger.info("booked without feeds", transaction=row.id, block=row.block_number)
        return await book_transaction(uow, clock, row, network, _WithoutFeeds(feeds))


class _WithoutFeeds:
    """The other sources, where the networks' feeds tell nothing."""

    def __init__(self, others: PriceSources) -> None:
        self._others = others

    @property
    def settings(self) -> PriceSettings:
        return self._others.settings

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        return None

    async def ask(self, provider: PriceProvider, base: str, quote: str, at: datetime, now: datetime) -> Answer:
        return await self._others.ask(provider, base, quote, at, now)
