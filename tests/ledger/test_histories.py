"""Whatever happens to the books, in whatever order: booked from a chain, brought, corrected, written by hand, backdated, orphaned, reversed, sealed,
settled, closed and reopened. Each step goes through the flow that the product takes, on a real database; what must hold is counted from the raw
documents, by code that shares nothing with what wrote them.

    COFFER_SEARCH=1 python -m pytest tests/ledger/test_histories.py        many more histories, and others in every run
"""

import io
import json
import os
import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact
from itertools import count
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crypto_api.classification import service as classification
from crypto_api.classification.types import CounterpartyKind
from crypto_api.flows.annotate_transaction import Annotation
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.close_period import close_period, reopen_period
from crypto_api.flows.export_seals import export_seals
from crypto_api.flows.record_transaction import change_transaction, record_transaction
from crypto_api.flows.remove_import import remove_import
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.settle_lots import plan_corrections, settle_lots
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import drafts, seal_store, service, verify
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.ledger.errors import PeriodClosed, PeriodNotReady
from crypto_api.ledger.types import AsOf, EntryDraft, Line, Source, SourceKind
from crypto_api.lots import service as lot_policies
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.lots.types import LotMethod, LotScope
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction, Movement
from mongodb_config.unit_of_work import Session
from tests.factories.booking import book_transaction
from tests.factories.treasury import NETWORK, NETWORKS, Treasury, address_of, new_treasury
from tests.flows.test_book_transaction import ETH_FEED, Feeds

D = Decimal
SEARCH = os.environ.get("COFFER_SEARCH") == "1"
STARTS = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
FIRST_DAY, MONTHS, DAYS = date(2026, 8, 1), ("2026-08", "2026-09", "2026-10"), 92
TINY = D("0.00000001")
EXACT = Context(prec=200, traps=[Inexact])
Key = tuple[str, str | None, str | None]
Sums = dict[Key, tuple[Decimal, Decimal, Decimal]]
Effects = tuple[tuple[str, Decimal], ...]
"""What something moved: wallet, ether in or out."""
_numbers = count()


def added(*parts: Decimal) -> Decimal:
    total = D(0)
    for part in parts:
        total = EXACT.add(total, part)
    return total


async def raw_entries(org_id: str) -> list[dict[str, Any]]:
    """Those that count, as they stand in the database."""
    found = JournalEntry.get_pymongo_collection().find({"org_id": org_id, "status": {"$in": ["posted", "reversed"]}})
    return [row async for row in found]


def sums_of(entries: list[dict[str, Any]], last: date | None = None) -> Sums:
    """By account, wallet and asset: debit, credit, quantity of every line up to the day."""
    found: Sums = {}
    for entry in entries:
        if last is None or entry["date"].date() <= last:
            for line in entry["lines"]:
                key = (line["account_code"], line["wallet_id"], line["asset"])
                debit, credit, quantity = found.get(key, (D(0), D(0), D(0)))
                moved = D(0) if line["quantity"] is None else line["quantity"].to_decimal()
                found[key] = added(debit, line["debit"].to_decimal()), added(credit, line["credit"].to_decimal()), added(quantity, moved)
    return {key: values for key, values in found.items() if any(values)}


class Story:
    """One organisation, what it did, and what its wallets must therefore hold."""

    def __init__(self, runtime: Runtime, treasury: Treasury) -> None:
        self.runtime, self.treasury, self.clock = runtime, treasury, FixedClock(STARTS)
        self.network = NetworkConfig.model_validate(NETWORKS[0])
        self.booked: dict[str, Effects] = {}  # what stands of what came from the chain
        self.brought: dict[str, Effects] = {}
        self.by_hand: dict[str, Effects] = {}
        self.closed: list[tuple[str, Sums]] = []
        self.done: Counter[str] = Counter()

    @property
    def org_id(self) -> str:
        return self.treasury.org_id

    async def take(self, step: tuple[Any, ...]) -> None:
        """A refusal (by a closed month, by one that is not ready, of a price that comes to nothing) is a step as well: nothing must have happened."""
        name, *values = step
        self.clock.at += timedelta(minutes=7)
        try:
            await getattr(self, name)(*values)
            self.done[name] += 1
        except (PeriodClosed, PeriodNotReady, InvalidInput):
            self.done[f"{name} refused"] += 1
        await self.closed_months_stand()

    # ---- from the chain

    async def receive(self, day: int, wallet: str, units: Decimal, rate: int) -> None:
        await self._chain(day, rate, self.treasury.movement(self.treasury.wallets[wallet], Direction.IN, str(units), "ETH", other="Acme"))

    async def spend(self, day: int, wallet: str, units: Decimal, rate: int) -> None:
        await self._chain(day, rate, self.treasury.movement(self.treasury.wallets[wallet], Direction.OUT, str(units), "ETH", other="Printer"))

    async def between(self, day: int, wallet: str, units: Decimal, rate: int) -> None:
        own, other = (self.treasury.wallets[name] for name in (wallet, other_than(wallet)))
        moved = self.treasury.movement(own, Direction.INTERNAL, str(units), "ETH", other=other.name, counter_wallet_id=other.id)
        await self._chain(day, rate, moved.model_copy(update={"to_address": other.address}))

    async def _chain(self, day: int, rate: int, moved: Movement) -> None:
        at = at_noon(day)
        row = await self.treasury.record(self.treasury.transaction([moved], at))
        feeds = Feeds({ETH_FEED: (rate * 10**8, 8, int(at.timestamp()) - 60)})
        await book_transaction(self.runtime.uow, self.clock, row, self.network, feeds)
        units = moved.amount or D(0)
        names = {wallet.id: name for name, wallet in self.treasury.wallets.items()}
        own = names[moved.wallet_id]
        if moved.direction is Direction.INTERNAL:
            self.booked[row.id] = ((own, units.copy_negate()), (other_than(own), units))
        else:
            self.booked[row.id] = ((own, units if moved.direction is Direction.IN else units.copy_negate()),)

    async def orphan(self, which: int) -> None:
        """Its block is gone: what a rewind does with each row of it. Another may be booked in its stead by a later step."""
        if (row := await self._row(self.booked, which)) is not None:

            async def work(session: Session) -> None:
                await reverse_bookings(session, row, self.clock.now())
                await transactions.orphan(session, row, self.clock.now())

            await self.runtime.uow.run(work)
            del self.booked[row.id]

    # ---- brought, corrected, taken back

    async def bring(self, day: int, kind: str, wallet: str, units: Decimal, rate: int) -> None:
        said = {"timestamp": f"{at_noon(day):%Y-%m-%dT%H:%M:%SZ}", "type": kind, "asset": "ETH", "amount": f"{units:f}", "wallet": wallet}
        said |= {"to_wallet": other_than(wallet)} if kind == "TRANSFER" else {"price": str(rate), "fee": "1.25"}
        made = await record_transaction(self.runtime.uow, self.clock, {NETWORK: self.network}, self.org_id, said, Annotation())
        self.brought[made.row.id] = effects_of(kind, wallet, units)

    async def correct(self, which: int, units: Decimal) -> None:
        if (row := await self._row(self.brought, which)) is not None:
            assert row.brought is not None
            said, nothing = {"amount": f"{units:f}"}, Annotation()
            await change_transaction(self.runtime.uow, self.clock, {NETWORK: self.network}, self.org_id, row.id, said, nothing)
            names = {wallet.id: name for name, wallet in self.treasury.wallets.items()}
            self.brought[row.id] = effects_of(row.brought.type.value, names[row.brought.wallet_id or ""], units)

    async def remove(self, which: int) -> None:
        if (row := await self._row(self.brought, which)) is not None:
            await remove_import(self.runtime.uow, self.clock, self.org_id, row.id)
            del self.brought[row.id]

    # ---- by hand

    async def write(self, day: int, wallet: str, units: Decimal, rate: int) -> None:
        """Ether found in a drawer, drafted and posted."""
        value, own = max(EXACT.multiply(units, D(rate)).quantize(TINY), TINY), self.treasury.wallets[wallet]
        lines = [
            Line(account_code="1100", debit=value, asset="ETH", quantity=units, wallet_id=own.id),
            Line(account_code="4900", credit=value, asset="ETH", quantity=units.copy_negate()),
        ]
        source = Source(kind=SourceKind.MANUAL, id="", purpose="manual")
        body = EntryDraft(date=at_noon(day).date(), description=f"Found in a drawer “{units}”", source=source, lines=lines)

        async def work(session: Session) -> JournalEntry:
            draft = await drafts.create_draft(session, self.org_id, body, self.treasury.admin.id, self.clock.now())
            return await drafts.post_draft(session, self.org_id, draft.id, draft.version, self.clock.now())

        self.by_hand[(await self.runtime.uow.run(work)).id] = ((wallet, units),)

    async def reverse(self, which: int, day: int) -> None:
        if self.by_hand:
            entry_id = sorted(self.by_hand)[which % len(self.by_hand)]
            on = at_noon(day).date()
            await self.runtime.uow.run(
                lambda session: service.reverse(session, self.org_id, entry_id, self.clock.now(), "a mistake", on=on, by=self.treasury.admin.id)
            )
            del self.by_hand[entry_id]

    # ---- what the workers do, and the months

    async def seal(self) -> None:
        while await seal_entries(self.runtime.uow, self.clock):
            pass

    async def settle(self) -> None:
        await settle_lots(self.runtime.uow, self.clock, self.org_id)

    async def close(self) -> None:
        """The next month, with what the workers would have done by then."""
        month = MONTHS[len(self.closed)] if len(self.closed) < len(MONTHS) else ""
        if month:
            await self.settle()
            await self.seal()
            certificate = await close_period(self.runtime.uow, self.clock, {}, self.org_id, month, self.treasury.admin.id)
            self.closed.append((month, sums_of(await raw_entries(self.org_id), certificate.closed_through)))

    async def reopen(self) -> None:
        if self.closed:
            month, _ = self.closed[-1]
            await reopen_period(self.runtime.uow, self.clock, self.org_id, month, self.treasury.admin.id, "An invoice came late")
            self.closed.pop()

    async def _row(self, known: dict[str, Effects], which: int) -> Transaction | None:
        return await transactions.get(self.org_id, sorted(known)[which % len(known)]) if known else None

    # ---- what must hold

    async def closed_months_stand(self) -> None:
        if self.closed:
            entries = await raw_entries(self.org_id)
            for month, then in self.closed:
                assert sums_of(entries, last_day(month)) == then, f"{month} is closed and changed"

    async def holds(self) -> None:
        """Everything that is kept, against what the raw lines say, and the quantities against what was moved."""
        entries = await raw_entries(self.org_id)
        for entry in entries:
            debit, credit = (added(*(line[side].to_decimal() for line in entry["lines"])) for side in ("debit", "credit"))
            assert debit == credit == entry["total_debit"].to_decimal() == entry["total_credit"].to_decimal(), entry["_id"]
        lines = sums_of(entries)
        kept = {(row.account_code, row.wallet_id, row.asset): (row.debit, row.credit, row.quantity) for row in await ledger.balances(self.org_id)}
        assert {key: values for key, values in kept.items() if any(values)} == lines
        for day in (None, last_day(MONTHS[0]), last_day(MONTHS[1]), date(2026, 10, 15)):
            as_of = await self.runtime.uow.run(lambda session, day=day: seal_store.sums(session, self.org_id, AsOf(at=day)))  # type: ignore[misc]
            told = {key: (part.debit, part.credit, part.quantity) for key, part in as_of.items()}
            assert {key: values for key, values in told.items() if any(values)} == sums_of(entries, day), day
        for name, wallet in self.treasury.wallets.items():
            moved = [units for effects in self._standing() for owner, units in effects if owner == name]
            held = added(*(values[2] for key, values in lines.items() if key[:2] == ("1100", wallet.id)))
            assert held == added(*moved), f"{name} holds {held}"

    def _standing(self) -> list[Effects]:
        return [*self.booked.values(), *self.brought.values(), *self.by_hand.values()]

    async def rebuilt(self) -> None:
        """A rebuild from the entries alone says what is kept: balances, sums, seals, lots and their checkpoints."""
        await self.settle()
        await self.seal()
        await self.holds()
        report = await verify_ledger(self.runtime.uow, self.org_id, {}, {})
        assert report.ok, report.first_failure
        assert report.checked["seals"] == report.checked["entries"] == len(await raw_entries(self.org_id))
        policy = await lot_policies.current(self.org_id, self.clock.now())
        rules = lot_policies.rules_of(policy)
        plan = await plan_corrections(self.treasury.organization, rules, policy.rules_version, None, self.clock.now())
        assert plan.corrections == [] and plan.orphans == []


def other_than(wallet: str) -> str:
    return "side" if wallet == "main" else "main"


def effects_of(kind: str, wallet: str, units: Decimal) -> Effects:
    if kind == "TRANSFER":
        return ((wallet, units.copy_negate()), (other_than(wallet), units))
    return ((wallet, units if kind in ("BUY", "INCOME") else units.copy_negate()),)


def at_noon(day: int) -> datetime:
    return datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, 12, tzinfo=UTC) + timedelta(days=day)


def last_day(month: str) -> date:
    year, number = map(int, month.split("-"))
    return date(year, number + 1, 1) - timedelta(days=1)


async def begin(runtime: Runtime, method: LotMethod = LotMethod.FIFO, scope: LotScope = LotScope.WALLET) -> Story:
    number = next(_numbers)
    treasury = await new_treasury(runtime.uow, name=f"House {number}", first=f"Ada{number}", now=STARTS)
    story = Story(runtime, treasury)
    for name in ("main", "side"):
        await treasury.wallet(name, monitoring_enabled=False)
    for name, kind in (("Acme", CounterpartyKind.CLIENT), ("Printer", CounterpartyKind.SUPPLIER)):
        await runtime.uow.run(
            lambda session, name=name, kind=kind: classification.add_counterparty(  # type: ignore[misc]
                session, story.org_id, address=address_of(name), name=name, kind=kind, now=STARTS
            )
        )
    rule = LotRule(method=method, scope=scope)
    await LotPolicy(id=story.org_id, org_id=story.org_id, created_at=STARTS, updated_at=STARTS, rules=[rule]).insert()
    await story.settle()  # from now on the lots are kept, and what comes in its order is booked by them
    return story


# ---- changed bytes ---------------------------------------------------------------------------------------------------------------


def changed(entry: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """One thing that is sealed, changed by as little as there is: a letter, a last digit, a millisecond."""
    number = chance.randrange(len(entry["lines"]))
    line = entry["lines"][number]
    text = entry["description"]
    at = chance.randrange(len(text))
    side = "debit" if line["debit"].to_decimal() else "credit"
    amount = line[side].to_decimal()
    quantity = D(0) if line["quantity"] is None else line["quantity"].to_decimal()
    return chance.choice(
        [
            {"description": f"{text[:at]}{chr(ord(text[at]) ^ 1)}{text[at + 1 :]}"},
            {"date": entry["date"] + timedelta(days=1)},
            {"posted_at": entry["posted_at"] + timedelta(milliseconds=1)},
            {"source_id": f"{entry['source_id'][:-1]}~"},
            {"unpriced": not entry["unpriced"]},
            {"total_debit": Decimal128(added(entry["total_debit"].to_decimal(), D("0.00000001")))},
            {f"lines.{number}.account_code": f"{line['account_code'][:-1]}9"},
            {f"lines.{number}.{side}": Decimal128(added(amount, D("0.00000001")))},
            {f"lines.{number}.quantity": Decimal128(added(quantity, D("0.000000000000000001")))},
            {f"lines.{number}.wallet_id": "wal_of_somebody"},
        ]
    )


async def changes_are_found(story: Story, chance: random.Random, times: int) -> None:
    """By `verify_ledger`, each alone, at the entry that was changed."""
    entries, collection = await raw_entries(story.org_id), JournalEntry.get_pymongo_collection()
    for entry in chance.choices(entries, k=times) if entries else ():
        changes = changed(entry, chance)
        where = {"_id": entry["_id"], "org_id": story.org_id}
        await collection.update_one(where, {"$set": changes}, bypass_document_validation=True)
        report = await verify_ledger(story.runtime.uow, story.org_id, {}, {})
        assert report.first_failure is not None, f"not found: {changes}"
        assert report.first_failure.subject == entry["_id"], f"{changes} is named {report.first_failure}"
        await collection.replace_one(where, entry)


async def bytes_are_found(story: Story, chance: random.Random, times: int) -> None:
    """In the export, by the verifier that stands alone, at the line of the entry whose byte was changed."""
    text = b"".join([part async for part in await export_seals(story.runtime.uow, story.clock, story.org_id)]).decode()
    whole, lines = verify.verify(io.StringIO(text)), text.splitlines()
    kept: dict[str, list[Decimal]] = {}
    for row in await AccountBalance.find({"org_id": story.org_id}).to_list():
        both = kept.setdefault(row.account_code, [D(0), D(0)])
        both[:] = added(both[0], row.debit), added(both[1], row.credit)
    assert whole.balances == kept
    for _ in range(times if len(lines) > 2 else 0):
        number = chance.randrange(1, len(lines) - 1)
        at, line = chance.randrange(len(lines[number])), lines[number]
        other = line[:at] + chance.choice(list('0a"}~ ')) + line[at + 1 :]
        with suppress(ValueError):
            if json.loads(other) == json.loads(line):
                continue  # the same byte, or a blank between two names
        with pytest.raises(verify.Broken, match=rf"^line {number + 1}\b"):
            verify.verify(io.StringIO("\n".join([*lines[:number], other, *lines[number + 1 :]])))


# ---- histories -------------------------------------------------------------------------------------------------------------------

EVERYTHING: list[tuple[Any, ...]] = [
    ("receive", 3, "main", D("2.000000000000000001"), 1000),
    ("bring", 5, "BUY", "main", D(1), 3000),
    ("between", 9, "main", D("0.5"), 2500),
    ("spend", 12, "main", D("0.25"), 2600),
    ("write", 20, "side", D("0.1"), 1800),
    ("close",),  # August
    ("receive", 8, "main", D(1), 900),  # late: it stands on the first of September
    ("bring", 2, "BUY", "main", D(1), 800),  # a person's, into August: refused
    ("spend", 40, "side", D("0.2"), 2700),
    ("write", 41, "main", D("0.3"), 2000),
    ("close",),  # September
    ("orphan", 0),  # of a closed month: taken back on the first open day
    ("receive", 70, "main", D("1.5"), 3100),  # another in its stead
    ("reverse", 0, 75),
    ("reopen",),
    ("bring", 44, "SELL", "main", D(1), 3300),
    ("correct", 1, D("0.75")),
    ("settle",),
    ("bring", 35, "BUY", "main", D("0.4"), 500),  # backdated: what the sale cost changes
    ("remove", 2),
    ("close",),
    ("seal",),
]


async def test_a_history_with_everything_in_it(runtime: Runtime) -> None:
    story, chance = await begin(runtime), random.Random(7)
    for step in EVERYTHING:
        await story.take(step)
    assert story.done["bring refused"] == 1 and story.done["reopen"] == 1
    assert story.done["close"] == 3 and [month for month, _ in story.closed] == ["2026-08", "2026-09"]
    late = await JournalEntry.find({"org_id": story.org_id, "original_date": {"$ne": None}}).to_list()
    assert late and all(row.date > last_day(MONTHS[0]) for row in late)
    await story.rebuilt()
    await changes_are_found(story, chance, 12)
    await bytes_are_found(story, chance, 200)


day, which = st.integers(0, DAYS), st.integers(0, 50)
wallet = st.sampled_from(("main", "side"))
units = st.decimals(D("0.000000000000000001"), D(5), allow_nan=False, places=18) | st.sampled_from((D(1), D("0.5"), D("0.1")))
rate = st.sampled_from((1, 900, 1000, 2500, 3100))
STEPS = st.one_of(
    st.tuples(st.sampled_from(("receive", "receive", "spend", "between", "write")), day, wallet, units, rate),
    st.tuples(st.just("bring"), day, st.sampled_from(("BUY", "BUY", "SELL", "TRANSFER", "INCOME", "EXPENSE")), wallet, units, rate),
    st.tuples(st.just("correct"), which, units),
    st.tuples(st.sampled_from(("orphan", "remove")), which),
    st.tuples(st.just("reverse"), which, day),
    st.tuples(st.sampled_from(("seal", "settle", "close", "close", "reopen"))),
)


@given(
    steps=st.lists(STEPS, min_size=6, max_size=40 if SEARCH else 24),
    method=st.sampled_from(list(LotMethod)),
    scope=st.sampled_from(list(LotScope)),
    seed=st.integers(0, 2**16),
)
@settings(
    max_examples=300 if SEARCH else 6,
    deadline=None,
    phases=list(Phase) if SEARCH else [Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
async def test_any_history(runtime: Runtime, steps: list[tuple[Any, ...]], method: LotMethod, scope: LotScope, seed: int) -> None:
    story, chance = await begin(runtime, method, scope), random.Random(seed)
    for step in steps:
        await story.take(step)
    await story.holds()
    await story.rebuilt()
    await changes_are_found(story, chance, 2)
    await bytes_are_found(story, chance, 30)
