"""Book what was stored and is not in the books yet, in the order of the chain.

Storing and booking are units of work of their own: the chain is followed even when one organisation's books refuse an entry, and a
crash in between leaves rows marked as due, which the next pass takes up.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime

from pymongo.errors import PyMongoError

from crypto_api.chains import store as chain_store
from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.flows.book_transaction import BookingResult, Valued, book_valued, value
from crypto_api.flows.decide_transaction import decide
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
TOGETHER_MAX = 16  # in one unit of work: most of what sharing it saves, and whoever waits for a turn comes soon
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
    what is spent of it has no cost before it is in the books. Each unit of work holds `turn`, so that whoever writes many of these rows at once comes
    in between (flows/confirm_transactions.py)."""
    done, failed, waiting = 0, set[str](), set[str]()
    while rows := [
        row for row in await transactions.due_for_booking_of_network(network.slug, ROWS_AT_ONCE + len(failed), waiting) if row.id not in failed
    ]:
        for together in _together(rows, waiting):
            valued, answers = await _valued(together, network, feeds, clock.now(), failed)
            async with turn or nullcontext():
                results = await _booked(uow, clock, valued, failed)
            for one, result in results:
                done += result.booked
                if result.booked and moved is not None:
                    moved.update((one.transaction.org_id, wallet_id) for wallet_id in one.transaction.wallet_ids)
                if result.unclassified:
                    await queue.put(ClassifyTransaction(org_id=one.transaction.org_id, transaction_id=one.transaction.id))
            if not answers:
                return done
            if not all(result.booked for _, result in results):
                break  # something was changed since it was read, and those after it maybe too
    return done


def _together(rows: Sequence[Transaction], waiting: set[str]) -> list[Sequence[Transaction]]:
    """What may be booked in one unit of work: of one organisation, in the order of the chain. Who waits for providers goes into `waiting`."""
    by_org: dict[str, list[Transaction]] = {}
    for row in rows:
        if row.agreement is Agreement.WANTED:
            waiting.add(row.org_id)
        if row.org_id not in waiting:
            by_org.setdefault(row.org_id, []).append(row)
    return [some[at : at + TOGETHER_MAX] for some in by_org.values() for at in range(0, len(some), TOGETHER_MAX)]


async def _valued(
    rows: Sequence[Transaction], network: NetworkConfig, feeds: PriceSources, now: datetime, failed: set[str]
) -> tuple[list[Valued], bool]:
    """What is known of each before it is booked, and whether the node still answers. What fails goes into `failed`."""
    valued: list[Valued] = []
    for row in rows:
        try:
            valued.append(await _value(row, network, feeds, now))
        except ChainUnavailable as error:
            logger.warning("booking waits for the node", transaction=row.id, reason=error.detail)
            return valued, False
        except PyMongoError:
            raise
        except Exception:
            # One organisation's entry must not hold up every other's: it stays due, and loud.
            logger.exception("booking failed", transaction=row.id, org_id=row.org_id)
            failed.add(row.id)
    return valued, True


async def _booked(uow: UnitOfWork, clock: Clock, valued: Sequence[Valued], failed: set[str]) -> list[tuple[Valued, BookingResult]]:
    """In one unit of work; where that is refused each in its own, so that only what is wrong stays due."""
    if not valued:
        return []
    try:
        return list(zip(valued, await book_valued(uow, clock, valued), strict=True))
    except PyMongoError:
        raise
    except Exception:
        if len(valued) == 1:
            row = valued[0].transaction
            logger.exception("booking failed", transaction=row.id, org_id=row.org_id)
            failed.add(row.id)
            return []
    return [result for one in valued for result in await _booked(uow, clock, [one], failed)]


async def _value(row: Transaction, network: NetworkConfig, feeds: PriceSources, now: datetime) -> Valued:
    """What the node refuses to tell of a block so deep that it cannot be gone is a state that it no longer keeps: no feed tells a price there."""
    decision = await decide(row, network)
    try:
        return await value(row, decision, network, feeds, now)
    except CallRefused:
        cursor = await chain_store.cursor(network.slug)
        if cursor is None or row.block_number >= cursor.height - network.reorg_depth_max:
            raise
        logger.info("booked without feeds", transaction=row.id, block=row.block_number)
        return await value(row, decision, network, _WithoutFeeds(feeds), now)


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
