"""One transaction into the books, as the worker takes it."""

from crypto_api.flows.book_transaction import BookingResult, book_valued, value
from crypto_api.flows.decide_transaction import decide
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.prices.types import PriceSources
from crypto_api.transactions.documents import Transaction
from mongodb_config.unit_of_work import UnitOfWork


async def book_transaction(uow: UnitOfWork, clock: Clock, row: Transaction, network: NetworkConfig, feeds: PriceSources) -> BookingResult:
    valued = await value(row, await decide(row, network), network, feeds, clock.now())
    return (await book_valued(uow, clock, [valued]))[0]
