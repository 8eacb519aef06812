"""The close gate: every reason alone keeps a month open, and a closed month takes nothing."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.chains.documents import ChainBlock, ChainCursor, FollowState
from crypto_api.chains.types import BlockRange
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.flows import close_period as closing
from crypto_api.flows.close_gate import checks_of
from crypto_api.flows.close_period import close_period, digest_of, list_periods, reopen_period
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.settle_lots import settle_lots
from crypto_api.inbox import service as inbox
from crypto_api.inbox.types import Finding, ItemKind
from crypto_api.kit.ids import new_id
from crypto_api.ledger import day_store, drafts, period_store, service, store
from crypto_api.ledger.documents import JournalEntry, PeriodCertificate
from crypto_api.ledger.errors import LaterPeriodClosed, PeriodAlreadyClosed, PeriodClosed, PeriodNotClosed, PeriodNotReady
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.lots.types import LotMethod
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Booking, Direction, Finality
from crypto_api.wallets.documents import Wallet
from tests.factories.treasury import NETWORK, NETWORKS, Treasury, hash_of, new_treasury

D = Decimal
NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
IN_OCTOBER = datetime(2026, 10, 20, 12, tzinfo=UTC)
MONTH = "2026-10"


class Fixed:
    def now(self) -> datetime:
        return NOW


class Books:
    """A treasury with one watched wallet on a followed network, in which nothing keeps October from being closed."""

    def __init__(self, runtime: Runtime, treasury: Treasury, wallet: Wallet) -> None:
        self.runtime, self.treasury, self.wallet = runtime, treasury, wallet

    @property
    def org_id(self) -> str:
        return self.treasury.org_id

    async def close(self, month: str = MONTH) -> PeriodCertificate:
        return await close_period(self.runtime.uow, Fixed(), self.runtime.networks, self.org_id, month, self.treasury.admin.id)

    async def reopen(self, month: str = MONTH) -> None:
        await reopen_period(self.runtime.uow, Fixed(), self.org_id, month, self.treasury.admin.id, "An invoice came late")

    async def reasons(self) -> list[str]:
        with pytest.raises(PeriodNotReady) as refused:
            await self.close()
        assert refused.value.errors is not None
        return [error.field for error in refused.value.errors]

    async def draft(self, day: date) -> JournalEntry:
        body = entry("draft", day, SourceKind.MANUAL)
        return await self.runtime.uow.run(lambda session: drafts.create_draft(session, self.org_id, body, "u1", NOW))

    async def post(self, body: EntryDraft) -> JournalEntry:
        return await self.runtime.uow.run(lambda session: service.post(session, self.org_id, body, NOW))

    async def settle(self) -> None:
        """What the workers do within seconds: compare with the lots, seal."""
        await settle_lots(self.runtime.uow, self.runtime.clock, self.org_id)
        await seal_entries(self.runtime.uow, self.runtime.clock)

    async def checkpoint(self, **changes: Any) -> None:
        values: dict[str, Any] = {
            "id": f"{self.org_id}|{self.wallet.id}|ETH",
            "created_at": NOW,
            "org_id": self.org_id,
            "wallet_id": self.wallet.id,
            "network": NETWORK,
            "asset": "ETH",
            "contract": None,
            "decimals": 18,
            "block_number": 1_100,
            "block_hash": hash_of("1100"),
            "chain_raw": "2" + "0" * 18,
            "ledger_quantity": D(2),
            "difference": D(0),
            "agreed_at_block": 1_100,
            "at": NOW - timedelta(days=1),
        }
        await Checkpoint.find({"_id": values["id"]}).delete()
        await Checkpoint(**values | changes).insert()


def entry(source: str, day: date, kind: SourceKind = SourceKind.TRANSACTION, value: str = "5") -> EntryDraft:
    lines = [Line(account_code="1000", debit=D(value)), Line(account_code="4900", credit=D(value))]
    return EntryDraft(date=day, description=f"Grant {source}", source=Source(kind=kind, id=source, purpose="movements"), lines=lines)


def received(source: str) -> EntryDraft:
    lines = [
        Line(account_code="1100", debit=D(5), asset="DAI", quantity=D(5), wallet_id="elsewhere"),
        Line(account_code="4100", credit=D(5), asset="DAI", quantity=D(-5)),
    ]
    return entry(source, date(2026, 10, 6)).model_copy(update={"lines": lines})


@pytest.fixture
async def books(make_config: Any) -> Any:
    async with open_runtime(make_config(NETWORKS)) as runtime:
        treasury = await new_treasury(runtime.uow, now=IN_OCTOBER)
        wallet = await treasury.wallet("Operations")
        await treasury.opening(wallet, "ETH", "2", "6000", IN_OCTOBER)
        await treasury.cursor(1_200)
        await ChainCursor.find_one({"_id": NETWORK}).set({"confirmed": 1_150, "gaps": [], "state": FollowState.FOLLOWING})
        block = {"created_at": NOW, "network": NETWORK, "parent_hash": hash_of("x"), "orphaned": False}
        for number, at in ((1_100, NOW - timedelta(days=1)), (1_150, NOW - timedelta(hours=1)), (1_200, NOW)):
            await ChainBlock(id=f"eip155:31337:{hash_of(str(number))}", number=number, hash=hash_of(str(number)), timestamp=at, **block).insert()
        made = Books(runtime, treasury, wallet)
        await made.checkpoint()
        await made.settle()
        yield made


async def test_a_month_in_which_everything_agrees_is_closed_with_a_certificate(books: Books) -> None:
    certificate = await books.close()
    assert (certificate.closed_through, certificate.entries, certificate.seal_seq) == (date(2026, 10, 31), 1, 1)
    assert [(row.account_code, row.debit, row.credit) for row in certificate.totals] == [("1100", D(6000), D(0)), ("3100", D(0), D(6000))]
    assert len(certificate.checks) == 12 and all(check.passed for check in certificate.checks)
    stored = await period_store.certificate(books.org_id, certificate.id)
    assert stored is not None and digest_of(stored) == certificate.digest
    await PeriodCertificate.find_one({"_id": certificate.id}).set({"entries": 2})
    changed = await period_store.certificate(books.org_id, certificate.id)
    assert changed is not None and digest_of(changed) != certificate.digest
    with pytest.raises(PeriodAlreadyClosed):
        await books.close()
    assert [(row.period, row.status) for row in await list_periods(books.org_id, Fixed())] == [("2026-11", "open"), (MONTH, "closed")]


async def _draft(books: Books) -> None:
    await books.draft(date(2026, 10, 31))


async def _gap(books: Books) -> None:
    gap = BlockRange(first=10, last=20).model_dump()
    await ChainCursor.find_one({"_id": NETWORK}).set({"gaps": [gap]})


async def _stopped(books: Books) -> None:
    await ChainCursor.find_one({"_id": NETWORK}).set({"state": FollowState.STOPPED})


async def _not_final(books: Books) -> None:
    await ChainCursor.find_one({"_id": NETWORK}).set({"confirmed": 900})


async def _not_followed(books: Books) -> None:
    await ChainCursor.find({"_id": NETWORK}).delete()


async def _differs(books: Books) -> None:
    await books.checkpoint(difference=D("0.000000000000000001"))


async def _old_checkpoint(books: Books) -> None:
    await books.checkpoint(at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC))


async def _no_checkpoint(books: Books) -> None:
    await Checkpoint.find({"org_id": books.org_id}).delete()


async def _unpriced(books: Books) -> None:
    lines = [
        Line(account_code="1100", asset="DAI", quantity=D(1), wallet_id="elsewhere"),
        Line(account_code="4100", asset="DAI", quantity=D(-1)),
    ]
    body = entry("tx9", date(2026, 10, 5)).model_copy(update={"lines": lines, "unpriced": True})
    await books.post(body)
    await books.settle()


async def _due(books: Books) -> None:
    treasury = books.treasury
    row = treasury.transaction([treasury.movement(books.wallet, Direction.IN, "1", "ETH", other="x")], IN_OCTOBER, booking=Booking.DUE)
    await treasury.record(row)


async def _pending(books: Books) -> None:
    treasury = books.treasury
    moved = [treasury.movement(books.wallet, Direction.IN, "1", "ETH", other="x")]
    await treasury.record(treasury.transaction(moved, IN_OCTOBER, booking=Booking.NONE, finality=Finality.PENDING))


async def _issue(books: Books) -> None:
    finding = Finding(ItemKind.PAYMENT_NEEDS_HUMAN, new_id("key"), ("payment", new_id("pay")), "A payment hangs", "Nobody knows why.", "")
    await books.runtime.uow.run(lambda session: inbox.note(session, books.org_id, finding, NOW))


async def _unsealed(books: Books) -> None:
    await books.post(entry("tx8", date(2026, 10, 7)))


async def _unsettled(books: Books) -> None:
    await books.post(received("tx6"))
    await seal_entries(books.runtime.uow, books.runtime.clock)


async def _other_method(books: Books) -> None:
    policy = LotPolicy(id=books.org_id, org_id=books.org_id, created_at=NOW, updated_at=NOW, rules=[LotRule(method=LotMethod.FIFO)], rules_version=1)
    await policy.insert()


async def _tampered(books: Books) -> None:
    await JournalEntry.find_one({"org_id": books.org_id}).set({"description": "Something else"})


async def _earlier(books: Books) -> None:
    await books.post(entry("tx7", date(2026, 8, 7)))
    await seal_entries(books.runtime.uow, books.runtime.clock)


@pytest.mark.parametrize(
    ("spoil", "reasons"),
    [
        (_draft, ["drafts"]),
        (_gap, ["coverage"]),
        (_stopped, ["coverage"]),
        (_not_final, ["coverage", "checkpoints"]),
        (_not_followed, ["coverage", "checkpoints"]),
        (_differs, ["checkpoints"]),
        (_old_checkpoint, ["checkpoints"]),
        (_no_checkpoint, ["checkpoints"]),
        (_unpriced, ["unpriced"]),
        (_due, ["transactions"]),
        (_pending, ["transactions"]),
        (_issue, ["inbox"]),
        (_unsealed, ["seals"]),
        (_unsettled, ["lots"]),
        (_other_method, ["lots"]),
        (_tampered, ["verification"]),
        (_earlier, ["earlier_periods"]),
    ],
)
async def test_each_reason_alone_keeps_a_month_open(books: Books, spoil: Any, reasons: list[str]) -> None:
    await spoil(books)
    assert await books.reasons() == reasons
    assert await period_store.closed_through(books.org_id) is None and await period_store.certificates(books.org_id, MONTH) == []


async def test_what_was_compared_with_the_lots_no_longer_keeps_it_open(books: Books) -> None:
    for spoil in (_unsettled, _other_method):
        await spoil(books)
        with pytest.raises(PeriodNotReady, match="compared with the lots: wait a few seconds"):
            await books.close()
        await books.settle()
    certificate = await books.close()
    found = next(check for check in certificate.checks if check.name == "lots")
    assert (found.passed, found.detail, certificate.entries) == (True, "Every disposal costs what its lots did.", 2)


async def test_an_entry_that_was_drafted_long_before_it_is_posted_is_compared_too(books: Books) -> None:
    """Its id is older than everything that was compared since."""
    body = received("by hand").model_copy(update={"source": Source(kind=SourceKind.MANUAL, id="by hand", purpose="entry")})
    row = await books.runtime.uow.run(lambda session: drafts.create_draft(session, books.org_id, body, "u1", NOW))
    old = row.model_copy(update={"id": f"je_{'0' * 26}"})
    await JournalEntry.find_one({"_id": row.id}).delete()
    await old.insert()
    await _unsettled(books)
    await books.settle()
    await books.runtime.uow.run(lambda session: drafts.post_draft(session, books.org_id, old.id, old.version, NOW))
    await seal_entries(books.runtime.uow, books.runtime.clock)
    assert await books.reasons() == ["lots"]
    await books.settle()
    assert (await books.close()).entries == 3


async def test_what_came_in_since_the_gate_was_asked_is_compared_first(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posted and sealed between the gate and the unit of work that closes, and not compared: the certificate would call its gains final."""

    async def slow_gate(*given: Any) -> Any:
        checks = await checks_of(*given)
        await _unsettled(books)
        return checks

    monkeypatch.setattr(closing, "checks_of", slow_gate)
    assert await books.reasons() == ["lots"]
    assert await period_store.closed_through(books.org_id) is None and await period_store.certificates(books.org_id, MONTH) == []


async def test_every_reason_is_named_at_once_and_a_month_that_runs_is_not_closed(books: Books) -> None:
    await _draft(books)
    await _issue(books)
    assert await books.reasons() == ["inbox", "drafts"]
    with pytest.raises(PeriodNotReady, match="is not over"):
        await books.close("2026-11")


async def test_a_closed_month_takes_nothing_and_what_arrives_late_says_so(books: Books) -> None:
    before = await books.post(entry("tx1", date(2026, 10, 9)))
    await seal_entries(books.runtime.uow, books.runtime.clock)
    waiting = await books.draft(date(2026, 11, 2))
    await books.close()
    by_hand = [books.post(entry(f"by hand on {day}", day, SourceKind.MANUAL)) for day in (date(2026, 9, 1), date(2026, 10, 31))]
    for refused in (books.draft(date(2026, 10, 31)), *by_hand):
        with pytest.raises(PeriodClosed):
            await refused
    with pytest.raises(PeriodClosed):
        body = entry("x", date(2026, 10, 31), SourceKind.MANUAL)
        await books.runtime.uow.run(lambda session: drafts.edit_draft(session, books.org_id, waiting.id, waiting.version, body, "u1", NOW))
    with pytest.raises(PeriodClosed):
        await books.runtime.uow.run(lambda session: service.reverse(session, books.org_id, before.id, NOW, "x", on=date(2026, 10, 31), by="u1"))
    late, on_the_last = await books.post(entry("tx2", date(2026, 10, 30))), await books.post(entry("tx4", date(2026, 10, 31)))
    mirror = await books.runtime.uow.run(lambda session: service.reverse(session, books.org_id, before.id, NOW, "block orphaned"))
    assert (late.date, late.original_date) == (date(2026, 11, 1), date(2026, 10, 30))
    assert (on_the_last.date, on_the_last.original_date) == (date(2026, 11, 1), date(2026, 10, 31))
    assert (mirror.date, mirror.original_date) == (date(2026, 11, 1), date(2026, 10, 9))
    on_time = await books.post(entry("tx3", date(2026, 11, 2)))
    assert (on_time.date, on_time.original_date) == (date(2026, 11, 2), None)
    stored = await store.entry(books.org_id, late.id)
    assert stored is not None and stored.original_date == date(2026, 10, 30)


async def test_a_posting_beside_the_closing_is_in_the_certificate_or_behind_it(books: Books) -> None:
    """Sixteen late bookings and a closing at once: the totals of the certificate are those of every entry that stands in the month."""
    results = await asyncio.gather(books.close(), *(books.post(entry(f"tx{i}", date(2026, 10, 15))) for i in range(16)), return_exceptions=True)
    assert all(isinstance(result, JournalEntry | PeriodCertificate | PeriodNotReady) for result in results), results
    certificates = await period_store.certificates(books.org_id, MONTH)
    inside = await day_store.counted_between(books.org_id, date(2026, 10, 1), date(2026, 10, 31))
    if certificates:
        assert certificates[0].entries == inside
    else:
        assert inside == 17 and await period_store.closed_through(books.org_id) is None


async def test_the_last_closed_month_is_reopened_and_closed_anew(books: Books) -> None:
    first = await books.close()
    with pytest.raises(PeriodNotClosed):
        await books.reopen("2026-11")
    await books.reopen()
    entry_in = await books.post(entry("tx4", date(2026, 10, 12)))
    assert (entry_in.date, entry_in.original_date) == (date(2026, 10, 12), None)
    await seal_entries(books.runtime.uow, books.runtime.clock)
    second = await books.close()
    assert second.id != first.id and second.entries == 2
    assert [row.id for row in await period_store.certificates(books.org_id, MONTH)] == [second.id, first.id]
    row = await period_store.period(books.org_id, MONTH)
    assert row is not None and (row.certificate_id, row.version) == (second.id, 3)


async def test_only_the_last_one_is_reopened(books: Books) -> None:
    await books.post(entry("tx5", date(2026, 9, 7)))
    await seal_entries(books.runtime.uow, books.runtime.clock)
    await books.close("2026-09")
    await books.close()
    with pytest.raises(LaterPeriodClosed):
        await books.reopen("2026-09")
    await books.reopen()
    assert await period_store.closed_through(books.org_id) == date(2026, 9, 30)
    await books.reopen("2026-09")
    assert await period_store.closed_through(books.org_id) is None
