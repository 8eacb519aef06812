"""A stored transaction into the books: decided, valued at its block, posted once, told once."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.classification import service as classification
from crypto_api.classification.types import Category, CounterpartyKind
from crypto_api.events.documents import Event
from crypto_api.flows.book_transaction import BookingResult, book_valued, reverse_bookings, value
from crypto_api.flows.decide_transaction import decide
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.price_settings import PriceProvider, PriceSettings
from crypto_api.kit.rates import Answer, FeedRound
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.prices import service as prices
from crypto_api.prices.documents import OraclePrice
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction, Movement, MovementKind
from mongodb_config.unit_of_work import Session
from tests.factories.booking import book_transaction
from tests.factories.treasury import NETWORKS, Treasury, address_of, hash_of, new_treasury

D = Decimal
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
BLOCK_AT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
NETWORK = NetworkConfig.model_validate(NETWORKS[0])
ETH_FEED, USDC_FEED = NETWORK.price_feeds[0].address, NETWORK.price_feeds[1].address
WETH = NETWORK.wrapped_native.address if NETWORK.wrapped_native else ""
FRESH = int(BLOCK_AT.timestamp()) - 60


class Feeds:
    """Answers of feed contracts by address: (answer, decimals, updated at); counts how often it is asked."""

    settings = PriceSettings()

    def __init__(self, answers: Mapping[str, tuple[int, int, int] | None]) -> None:
        self.answers, self.asked = answers, 0

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        self.asked += 1
        told = self.answers.get(feed_address)
        return FeedRound(*told) if told is not None else None

    async def ask(self, provider: PriceProvider, base: str, quote: str, at: datetime, now: datetime) -> Answer:
        raise AssertionError("no provider is configured")


class DeadFeeds(Feeds):
    def __init__(self) -> None:
        super().__init__({})

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        raise ChainUnavailable("no node")


def fresh() -> Feeds:
    return Feeds({ETH_FEED: (3_000_00000000, 8, FRESH), USDC_FEED: (99990000, 8, FRESH)})


class Office:
    """One organisation with two wallets, and shorthands."""

    def __init__(self, runtime: Runtime, treasury: Treasury) -> None:
        self.runtime, self.treasury, self.feeds = runtime, treasury, fresh()
        self.clock = FixedClock(NOW)

    @property
    def org_id(self) -> str:
        return self.treasury.org_id

    async def store(self, *movements: Movement, **changes: Any) -> Transaction:
        gas = next((row.raw_amount for row in movements if row.kind is MovementKind.GAS), None)
        return await self.treasury.record(self.treasury.transaction(list(movements), BLOCK_AT, gas_fee_raw=gas, **changes))

    async def book(self, row: Transaction, feeds: Any = None) -> BookingResult:
        return await book_transaction(self.runtime.uow, self.clock, row, NETWORK, feeds or self.feeds)

    async def booked(self, *movements: Movement, **changes: Any) -> tuple[Transaction, list[tuple[str, str, str, str | None]]]:
        """The row afterwards, and the lines of its entry."""
        row = await self.store(*movements, **changes)
        await self.book(row)
        after = await transactions.get(self.org_id, row.id)
        assert after is not None
        entries = [await ledger.entry(self.org_id, entry_id) for entry_id in after.entry_ids]
        lines = [line for entry in entries if entry is not None for line in entry.lines]
        return after, [
            (line.account_code, str(line.debit.normalize()), str(line.credit.normalize()), None if line.quantity is None else f"{line.quantity:f}")
            for line in lines
        ]

    async def know(self, name: str, kind: CounterpartyKind) -> None:
        await self.runtime.uow.run(
            lambda session: classification.add_counterparty(session, self.org_id, address=address_of(name), name=name, kind=kind, now=NOW)
        )

    async def holdings(self) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        names = {wallet.id: name for name, wallet in self.treasury.wallets.items()}
        return {(names[wallet_id], asset): held for (wallet_id, asset), held in (await ledger.holdings(self.org_id)).items()}

    def moved(
        self, direction: Direction, units: str, coin: str = "ETH", *, wallet: str = "main", other: str = "stranger", **changes: Any
    ) -> Movement:
        return self.treasury.movement(self.treasury.wallets[wallet], direction, units, coin, other=other, **changes)

    def internal(self, units: str, coin: str = "ETH") -> Movement:
        other = self.treasury.wallets["side"]
        return self.moved(Direction.INTERNAL, units, coin, other="side", counter_wallet_id=other.id, to_address=other.address)

    def gas(self, units: str = "0.001") -> Movement:
        return self.moved(Direction.OUT, units, key="gas", kind=MovementKind.GAS, other="nobody")


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    treasury = await new_treasury(runtime.uow, now=NOW)
    made = Office(runtime, treasury)
    await treasury.wallet("main")
    await treasury.wallet("side")
    return made


async def stored(office: Office, row: Transaction) -> Transaction:
    found = await transactions.get(office.org_id, row.id)
    assert found is not None
    return found


async def test_several_are_booked_in_one_unit_of_work_as_if_one_after_another(office: Office) -> None:
    """The second disposes of what the first brought, the third of the rest; none where one was changed since it was read."""
    rows = [
        await office.store(office.moved(Direction.IN, "3", value="9000")),
        await office.store(office.gas("1"), office.moved(Direction.OUT, "1")),
        await office.store(office.moved(Direction.OUT, "1")),
    ]
    valued = [await value(row, await decide(row, NETWORK), NETWORK, office.feeds, NOW) for row in rows]
    await Transaction.find_one({"_id": rows[1].id}).set({"version": rows[1].version + 1})
    assert [result.booked for result in await book_valued(office.runtime.uow, office.clock, valued)] == [False] * 3
    assert await JournalEntry.find({"org_id": office.org_id}).count() == await Event.find({"org_id": office.org_id}).count() == 0
    await Transaction.find_one({"_id": rows[1].id}).set({"version": rows[1].version})
    results = await book_valued(office.runtime.uow, office.clock, valued)
    assert [result.booked for result in results] == [True] * 3
    taken = [await ledger.entry(office.org_id, result.entry_id or "") for result in results]
    assert [(entry.total_debit, entry.unpriced) for entry in taken if entry is not None] == [(D(9000), False), (D(6000), False), (D(3000), False)]
    assert (await office.holdings())["main", "ETH"] == (D(0), D(0))
    assert [(await stored(office, row)).booking for row in rows] == [Booking.DONE] * 3
    assert [result.booked for result in await book_valued(office.runtime.uow, office.clock, valued)] == [False] * 3
    told = await Event.find({"org_id": office.org_id, "kind": "transaction.booked"}).sort("+_id").to_list()
    assert [event.data["transaction_id"] for event in told] == [row.id for row in rows]


async def test_a_receipt_of_a_client_is_revenue_at_the_price_of_its_block(office: Office) -> None:
    await office.know("Acme", CounterpartyKind.CLIENT)
    row, lines = await office.booked(office.moved(Direction.IN, "500", "USDC", other="Acme"))
    assert lines == [("1100", "499.95", "0", "500"), ("4100", "0", "499.95", "-500")]
    assert (row.booking, row.category, row.category_source, row.counterparty, row.confidence) == (Booking.DONE, "income", "rule", "Acme", 1)
    movement = row.movements[0]
    assert (movement.value, movement.rate, movement.price_source) == (D("499.95"), D("0.9999"), "oracle")
    assert movement.price_at == datetime.fromtimestamp(FRESH, UTC)
    (event,) = await Event.find({"org_id": office.org_id, "kind": "transaction.booked"}).to_list()
    assert (event.data["transaction_id"], event.data["category"]) == (row.id, "income")
    (entry,) = await JournalEntry.find({"org_id": office.org_id}).to_list()
    assert (entry.date, entry.transaction_hash, entry.source_id) == (date(2026, 11, 20), row.hash, f"{row.id}@{row.block_hash}")


@pytest.mark.parametrize(
    ("kind", "direction", "category", "account"),
    [
        (CounterpartyKind.EMPLOYEE, Direction.OUT, "payroll", "5200"),
        (CounterpartyKind.SUPPLIER, Direction.OUT, "expense", "5300"),
        (CounterpartyKind.CLIENT, Direction.OUT, "unclassified", "1900"),  # a refund? a person has to say
        (CounterpartyKind.EMPLOYEE, Direction.IN, "unclassified", "1900"),
        (CounterpartyKind.OTHER, Direction.IN, "unclassified", "1900"),
    ],
)
async def test_who_is_known_decides_what_it_is(office: Office, kind: CounterpartyKind, direction: Direction, category: str, account: str) -> None:
    await office.know("Known", kind)
    row, lines = await office.booked(office.moved(direction, "1", other="Known"))
    assert row.category == category
    assert account in [line[0] for line in lines]


async def test_a_stranger_leaves_it_in_suspense_with_a_reason(office: Office) -> None:
    row, lines = await office.booked(office.moved(Direction.IN, "2"))
    assert lines == [("1100", "6E+3", "0", "2"), ("1900", "0", "6E+3", "-2")]
    assert row.category == "unclassified"
    assert row.explanation == f"Received 2 ETH from {address_of('stranger')}, which is not known."


async def test_an_own_transfer_moves_cost_and_realises_nothing_but_its_fee(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "2"))
    office.feeds = Feeds({ETH_FEED: (4_000_00000000, 8, FRESH)})
    row, lines = await office.booked(office.internal("1"), office.gas())
    assert row.category == "own_transfer"
    assert lines == [
        ("1100", "0", "3", "-0.001"),
        ("5100", "4", "0", "0.001"),
        ("4200", "0", "1", None),
        ("1100", "0", "3E+3", "-1"),
        ("1100", "3E+3", "0", "1"),
    ]
    assert await office.holdings() == {("main", "ETH"): (D("0.999"), D(2997)), ("side", "ETH"): (D(1), D(3000))}


async def test_a_failed_transaction_costs_its_fee(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "1"))
    row, lines = await office.booked(office.gas(), succeeded=False)
    assert (row.category, row.booking) == ("failed", Booking.DONE)
    assert lines == [("1100", "0", "3", "-0.001"), ("5100", "3", "0", "0.001")]


async def test_wrapping_carries_the_cost(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "2"))
    office.feeds = Feeds({ETH_FEED: (9_999_00000000, 8, FRESH)})
    there = office.moved(Direction.OUT, "1", to_address=WETH)
    form = office.moved(Direction.IN, "1", "WETH", key="log:1", from_address=WETH)
    row, lines = await office.booked(there, form)
    assert row.category == "wrap"
    assert lines == [("1100", "0", "3E+3", "-1"), ("1100", "3E+3", "0", "1")]
    assert row.movements[1].rate == D(9999), "the wrapped coin is priced as the coin"
    back = office.moved(Direction.OUT, "1", "WETH", key="log:1", to_address=WETH)
    coin = office.moved(Direction.IN, "1", key="log:1:native", from_address=WETH)
    await office.booked(back, coin)
    assert await office.holdings() == {("main", "ETH"): (D(2), D(6000)), ("main", "WETH"): (D(0), D(0))}


async def test_to_an_exchange_and_back_realises_nothing(office: Office) -> None:
    await office.know("Kraken", CounterpartyKind.EXCHANGE)
    await office.booked(office.moved(Direction.IN, "2"))
    office.feeds = Feeds({ETH_FEED: (9_999_00000000, 8, FRESH)})
    _, lines = await office.booked(office.moved(Direction.OUT, "1", other="Kraken"))
    assert lines == [("1100", "0", "3E+3", "-1"), ("1110", "3E+3", "0", "1")]
    await office.booked(office.moved(Direction.IN, "1", other="Kraken"))
    assert await office.holdings() == {("main", "ETH"): (D(2), D(6000))}


async def test_spam_posts_nothing_and_says_why(office: Office) -> None:
    lure = office.moved(Direction.IN, "1000", "USDC", asset="eip155:31337/erc20:0xbad", spam_reason="A token that is not listed came unasked.")
    row, lines = await office.booked(lure)
    assert lines == []
    assert (row.booking, row.category, row.explanation) == (Booking.NONE, "spam", "A token that is not listed came unasked.")
    assert office.feeds.asked == 0
    assert await JournalEntry.find({"org_id": office.org_id}).count() == 0
    assert await Event.find({"org_id": office.org_id, "kind": "transaction.booked"}).count() == 1


async def test_spam_beside_a_real_movement_is_left_out(office: Office) -> None:
    lure = office.moved(Direction.IN, "1000", "USDC", key="log:9", asset="bad", spam_reason="Bait.")
    _, lines = await office.booked(office.moved(Direction.IN, "1"), lure)
    assert [line[3] for line in lines] == ["1", "-1"]


async def test_an_amount_that_34_digits_do_not_hold_stays_out(office: Office) -> None:
    row, lines = await office.booked(office.moved(Direction.IN, "1", "DAI", amount=None, raw_amount=str(2**256 - 1)))
    assert (lines, row.booking, row.movements[0].raw_amount) == ([], Booking.NONE, str(2**256 - 1))


# ---- prices ----------------------------------------------------------------------------------------------------------------------

STALE = int((BLOCK_AT - timedelta(days=1, seconds=1)).timestamp())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (0, 8, FRESH),
        (-1, 8, FRESH),
        (3_000_00000000, 8, STALE),
        (3_000_00000000, 8, 0),
        (3_000_00000000, 8, FRESH + 7200),
        (3_000_00000000, 77, FRESH),
        (3_000_00000000, 8, 2**255),
    ],
)
async def test_what_is_no_price_leaves_it_unpriced_and_never_zero(office: Office, answer: tuple[int, int, int] | None) -> None:
    office.feeds = Feeds({ETH_FEED: answer})
    row, lines = await office.booked(office.moved(Direction.IN, "2"))
    assert lines == [("1100", "0", "0", "2"), ("1900", "0", "0", "-2")]
    assert row.unpriced and row.movements[0].value is None and row.movements[0].rate is None
    (entry,) = await JournalEntry.find({"org_id": office.org_id}).to_list()
    assert entry.unpriced
    assert await OraclePrice.find_all().count() == 0
    assert await office.holdings() == {("main", "ETH"): (D(2), D(0))}


async def test_a_price_exactly_as_old_as_allowed_is_used(office: Office) -> None:
    office.feeds = Feeds({ETH_FEED: (3_000_00000000, 8, STALE + 1)})
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    assert row.movements[0].value == D(6000)


async def test_a_price_by_hand_goes_before_the_feed_from_its_time_on(office: Office) -> None:
    async def enter(rate: str, at: datetime) -> None:
        await office.runtime.uow.run(
            lambda session: prices.set_manual(session, office.org_id, asset="ETH", quote="USD", at=at, rate=D(rate), reason="", user_id="u", now=NOW)
        )

    await enter("1234.5", BLOCK_AT)
    await enter("9999", BLOCK_AT + timedelta(milliseconds=1))
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    assert (row.movements[0].value, row.movements[0].price_source, row.movements[0].price_at) == (D(2469), "manual", BLOCK_AT)
    assert office.feeds.asked == 0


async def test_a_feed_in_another_currency_goes_on_by_one_step(office: Office) -> None:
    await office.treasury.organization.set({"functional_currency": "EUR"})
    unpriced, _ = await office.booked(office.moved(Direction.IN, "1"))
    assert unpriced.unpriced
    await office.runtime.uow.run(
        lambda session: prices.set_manual(
            session, office.org_id, asset="USD", quote="EUR", at=BLOCK_AT, rate=D("0.9"), reason="", user_id="u", now=NOW
        )
    )
    row, _ = await office.booked(office.moved(Direction.IN, "1"))
    assert (row.movements[0].value, row.movements[0].price_source) == (D(2700), "derived")


async def test_a_block_is_asked_once_for_its_price(office: Office) -> None:
    for _ in range(2):
        await office.booked(
            office.moved(Direction.IN, "1"), office.moved(Direction.IN, "1", key="log:1"), block_number=7, block_hash=hash_of("seven")
        )
    assert office.feeds.asked == 1


async def test_a_dead_node_changes_nothing(office: Office) -> None:
    row = await office.store(office.moved(Direction.IN, "1"))
    with pytest.raises(ChainUnavailable):
        await office.book(row, DeadFeeds())
    assert (await stored(office, row)).booking is Booking.DUE
    assert (await office.book(row)).booked


async def test_more_going_out_than_is_held_is_said_and_never_a_negative_cost(office: Office) -> None:
    row, lines = await office.booked(office.moved(Direction.OUT, "1"))
    assert lines[0] == ("1100", "0", "0", "-1")
    assert row.unpriced
    (entry,) = await JournalEntry.find({"org_id": office.org_id}).to_list()
    assert "missing acquisition of 1 ETH" in entry.lines[0].description


# ---- once, and back --------------------------------------------------------------------------------------------------------------


async def test_booking_32_times_at_once_books_once(office: Office) -> None:
    row = await office.store(office.moved(Direction.IN, "1"))
    results = await asyncio.gather(*(office.book(row) for _ in range(32)))
    assert sum(result.booked for result in results) == 1
    assert await JournalEntry.find({"org_id": office.org_id}).count() == 1
    assert await office.holdings() == {("main", "ETH"): (D(1), D(3000))}
    assert await Event.find({"org_id": office.org_id, "kind": "transaction.booked"}).count() == 1
    assert len((await stored(office, row)).entry_ids) == 1


async def test_different_transactions_at_once_keep_the_average_cost_exact(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "16"))
    office.feeds = Feeds({ETH_FEED: (4_000_00000000, 8, FRESH)})
    rows = [await office.store(office.moved(Direction.OUT, "1"), office.gas("0")) for _ in range(16)]
    await asyncio.gather(*(office.book(row) for row in rows))
    assert await office.holdings() == {("main", "ETH"): (D(0), D(0))}
    totals = {row.account_code: row.credit - row.debit for row in await ledger.trial_balance(office.org_id)}
    assert totals["4200"] == D(16_000)


async def test_a_reorganisation_takes_it_back_and_another_block_books_it_again(office: Office) -> None:
    row = await office.store(office.moved(Direction.IN, "1"))
    await office.book(row)

    async def undo(session: Session) -> None:
        current = (await transactions.stored_of_network(session, [row.id]))[row.id]
        await reverse_bookings(session, current, NOW)
        await transactions.orphan(session, current, NOW)

    async def again(block: str) -> None:
        async def work(session: Session) -> None:
            current = (await transactions.stored_of_network(session, [row.id]))[row.id]
            await transactions.put_in_block(session, [], [(current, row.model_copy(update={"block_hash": hash_of(block)}))])

        await office.runtime.uow.run(work)

    await office.runtime.uow.run(undo)
    assert await office.holdings() == {("main", "ETH"): (D(0), D(0))}
    assert (await office.book(row)).booked is False, "it is in no block"
    await again("other")
    assert (await office.book(await stored(office, row))).booked
    await office.runtime.uow.run(undo)
    await again("back to the first")
    await office.runtime.uow.run(undo)
    await again("other")  # a branch that wins after all: the same block, a second time
    assert (await office.book(await stored(office, row))).booked
    assert await office.holdings() == {("main", "ETH"): (D(1), D(3000))}
    entries = await JournalEntry.find({"org_id": office.org_id}).sort("+_id").to_list()
    assert [entry.status for entry in entries] == ["reversed", "posted", "reversed", "posted", "posted"]
    assert entries[-1].source_purpose == "movements:2"


async def test_a_block_that_is_gone_meanwhile_is_not_booked(office: Office) -> None:
    row = await office.store(office.moved(Direction.IN, "1"))
    stale = row.model_copy(update={"block_hash": hash_of("elsewhere")})
    assert (await office.book(stale)).booked is False
    assert await JournalEntry.find({"org_id": office.org_id}).count() == 0


async def test_a_persons_word_stands(office: Office) -> None:
    await office.know("Acme", CounterpartyKind.CLIENT)
    movement = office.moved(Direction.IN, "1", other="Acme")
    row, lines = await office.booked(movement, category="reward", category_source="person", explanation="A bounty.")
    assert (row.category, row.category_source, row.explanation) == ("reward", "person", "A bounty.")
    assert [line[0] for line in lines] == ["1100", "4300"]


async def test_every_category_a_person_may_choose_keeps_the_quantities(office: Office) -> None:
    expected = D(0)
    for category in Category:
        for direction in (Direction.IN, Direction.OUT):
            await office.booked(office.moved(direction, "3" if direction is Direction.IN else "1"), category=category, category_source="person")
            expected += 3 if direction is Direction.IN else -1
    assert (await office.holdings())["main", "ETH"][0] == expected
