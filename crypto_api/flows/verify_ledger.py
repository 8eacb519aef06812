"""Recompute everything from the entries, and compare with what is kept and with the chain.

    seals follow one another, through what is anchored on chain, and hold each entry byte for byte │ entries balance │ reversals mirror │
    kept balances = sums of the lines │ kept sums over days = sums of the sealed lines │ lots │ quantities = balances on chain at the last block
    processed

The seals come first: whatever was changed in a sealed entry is named at that entry, before it shows in what was added up from it.

Entries are walked through along their seals, in batches, and let go of: what is sealed never changes. What came since the walk began, and the kept
balances, are read in one snapshot, which fixes the last seal that is looked at. The books and the cursor belong together: no booking is due before,
and the cursor has not moved after. Everything else that is kept is read some at a time, each read by itself: what a later seal has changed meanwhile
is looked at again, together with that seal.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from crypto_api.chains import service as chain_service
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainReader, Position
from crypto_api.flows.verify_lots import verify_lots
from crypto_api.kit.amounts import is_exact, text, to_units
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.seals import NO_HEAD, Head, link
from crypto_api.ledger import anchor_store, day_store, seal_store
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import AccountBalance, EntrySeal, JournalEntry, SealAnchor
from crypto_api.ledger.types import AccountCode, EntryStatus, SumKey, Sums
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Booking
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

_COUNTS = ("entries", "lines", "balances", "seals", "waiting", "anchors", "sums", "wallets", "quantities")
_NO_SEAL = "It has no seal, and does not wait for one."
_BATCH = 500
_PATIENCE_S = 3.0
_PAUSE_S = 0.05


@dataclass(frozen=True)
class Failure:
    """The first thing that does not agree."""

    check: str
    subject: str
    detail: str
    expected: str = ""
    found: str = ""


@dataclass
class VerifyReport:
    checked: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0) | {"blocks": {}})
    first_failure: Failure | None = None
    head: Head = NO_HEAD  # of the chain of seals

    @property
    def ok(self) -> bool:
        return self.first_failure is None


@dataclass(frozen=True)
class _Books:
    """Read so that they belong together. They grow with accounts and days, not with entries."""

    balances: list[AccountBalance]
    wallets: list[Wallet]
    positions: dict[str, Position]


@dataclass
class _Walk:
    """What the entries that were looked at come to: they themselves are let go of, batch by batch."""

    report: VerifyReport
    sums: dict[SumKey, Sums] = field(default_factory=dict)
    cells: dict[seal_store.Cell, Sums] = field(default_factory=dict)  # of what is sealed
    wrong: Failure | None = None  # the first entry that is no entry, told when all seals have been looked at
    anchors: list[SealAnchor] = field(default_factory=list)
    first: date = date.max  # of the entries' days
    last: date = date.min

    def copy(self) -> "_Walk":
        """To go on from here more than once: a unit of work may run again."""
        report = replace(self.report, checked=self.report.checked | {"blocks": {}})
        return _Walk(report, dict(self.sums), dict(self.cells), self.wrong, self.anchors, self.first, self.last)

    def add(self, entries: Sequence[JournalEntry], *, sealed: bool) -> None:
        self.report.checked["entries"] += len(entries)
        self.report.checked["lines"] += sum(len(entry.lines) for entry in entries)
        days = [entry.date for entry in entries]
        self.first, self.last = min([self.first, *days]), max([self.last, *days])
        _collect(self.sums, ledger_rules.sums_of(line for entry in entries for line in entry.lines))
        if sealed:
            _collect(self.cells, seal_store.cells_of(entries))


class _Unsettled(Exception):
    """The chain never stood still long enough, or something is not booked."""


async def verify_ledger(
    uow: UnitOfWork,
    org_id: str,
    networks: Mapping[str, NetworkConfig],
    chains: Mapping[str, ChainReader],
    *,
    noted: Head | None = None,
    patience_s: float = _PATIENCE_S,
) -> VerifyReport:
    """Stops at the first failure. `noted` is a head of the chain of seals that somebody wrote down earlier: the chain must still go through it;
    without one, a chain that was made anew as a whole looks sound. What is being booked is waited for, `patience_s` at most. Raises ChainUnavailable
    when a balance cannot be read."""
    walk = _Walk(VerifyReport(), anchors=await anchor_store.every(org_id))
    failure = await _sealed(walk, org_id, noted, upto=(await seal_store.head(org_id)).seq)
    if failure is not None:
        walk.report.first_failure = failure
        return walk.report
    try:
        walk, books = await _read(uow, walk, org_id, noted, networks, patience_s)
    except _Unsettled as error:
        walk.report.first_failure = Failure("bookings", org_id, str(error))
        return walk.report
    report = walk.report
    if report.first_failure is None:
        report.first_failure = (
            await _all_seen(walk, org_id) or walk.wrong or _kept_balances(walk, books.balances) or await _kept_sums(uow, walk, org_id)
        )
    if report.first_failure is None:
        report.first_failure = await _lots(uow, org_id, report)
    if report.first_failure is None:
        report.first_failure = await _chain(books, networks, chains, report)
    return report


# ---- reading ---------------------------------------------------------------------------------------------------------------------


async def _read(
    uow: UnitOfWork, walk: _Walk, org_id: str, noted: Head | None, networks: Mapping[str, NetworkConfig], patience_s: float
) -> tuple[_Walk, _Books]:
    until = time.monotonic() + patience_s
    while True:
        before = await _positions(networks)
        due = await transactions.count(org_id, {"booking": Booking.DUE, "network": {"$in": sorted(networks)}})
        if due == 0:
            wallets = await wallet_store.active(org_id)
            upto, balances = await uow.run(lambda session: _snapshot(session, walk.copy(), org_id, noted))
            if await _positions(networks) == before:
                return upto, _Books(balances, wallets, before)
        if time.monotonic() > until:
            raise _Unsettled(f"{due} transactions wait to be booked" if due else "new blocks came in all the time")
        await asyncio.sleep(_PAUSE_S)


async def _positions(networks: Mapping[str, NetworkConfig]) -> dict[str, Position]:
    return {row.id: Position(row.height, row.hash) for row in await chain_store.cursors() if row.id in networks}


async def _snapshot(session: Session, walk: _Walk, org_id: str, noted: Head | None) -> tuple[_Walk, list[AccountBalance]]:
    """What came since, and the kept balances, in one snapshot: what was sealed before never changes, and has been looked at."""
    balances = await ledger_store.balances(org_id, session)
    walk.report.first_failure = await _sealed(walk, org_id, noted, session=session) or _all_there(walk, noted)
    await _waiting(session, walk, org_id)
    return walk, balances


# ---- entries ---------------------------------------------------------------------------------------------------------------------


async def _waiting(session: Session, walk: _Walk, org_id: str) -> None:
    """Entries that have no seal yet."""
    async for entries in seal_store.every_waiting(org_id, _BATCH, session):
        by_id = await _with_related(org_id, entries, session)
        for entry in entries:
            walk.wrong = walk.wrong or _entry(entry) or _reversal(entry, by_id)
        walk.report.checked["waiting"] += len(entries)
        walk.add(entries, sealed=False)


async def _with_related(org_id: str, entries: Sequence[JournalEntry], session: Session | None) -> dict[str, JournalEntry]:
    """By id, with the mirrors of those that were reversed, and what mirrors take back."""
    by_id = {entry.id: entry for entry in entries}
    named = {name for entry in entries for name in (entry.reverses, entry.reversed_by) if name is not None} - by_id.keys()
    return by_id | {entry.id: entry for entry in await ledger_store.entries_by_ids(org_id, named, session)}


def _entry(entry: JournalEntry) -> Failure | None:
    try:
        ledger_rules.check_lines(entry.lines)
    except InvalidInput as error:
        return Failure("entry", entry.id, "; ".join(row.message for row in error.errors))
    debit, credit = ledger_rules.totals(entry.lines)
    if (debit, credit) != (entry.total_debit, entry.total_credit):
        return Failure("entry_totals", entry.id, "The totals are not the sums of the lines.", text(debit), text(entry.total_debit))
    return None


def _reversal(entry: JournalEntry, by_id: Mapping[str, JournalEntry]) -> Failure | None:
    if entry.status is EntryStatus.REVERSED:
        mirror = by_id.get(entry.reversed_by or "")
        mirrored = ledger_rules.sums_of(ledger_rules.mirror(entry.lines))
        if mirror is None or mirror.reverses != entry.id or ledger_rules.sums_of(mirror.lines) != mirrored:
            return Failure("reversal", entry.id, "It is reversed, but no entry mirrors it.")
    if entry.reverses is not None:
        reversed_entry = by_id.get(entry.reverses)
        if reversed_entry is None or reversed_entry.reversed_by != entry.id:
            return Failure("reversal", entry.id, "It reverses an entry that does not say so.")
    return None


Key = TypeVar("Key")


def _collect(sums: dict[Key, Sums], more: Mapping[Key, Sums]) -> None:
    for key, part in more.items():
        sums[key] = ledger_rules.added((sums[key], part)) if key in sums else part


def _kept_balances(walk: _Walk, rows: Sequence[AccountBalance]) -> Failure | None:
    kept = {(row.account_code, row.wallet_id, row.asset): Sums(row.debit, row.credit, row.quantity) for row in rows}
    for key in sorted(walk.sums.keys() | kept.keys(), key=str):
        walk.report.checked["balances"] += 1
        expected, found = walk.sums.get(key, Sums()), kept.get(key, Sums())
        if expected != found:
            subject = " ".join(part for part in key if part)
            return Failure("balance", subject, "The kept balance is not the sum of the entries.", _told(expected), _told(found))
    return None


def _told(sums: Sums) -> str:
    return f"debit {text(sums.debit)}, credit {text(sums.credit)}, quantity {text(sums.quantity)}"


# ---- seals -----------------------------------------------------------------------------------------------------------------------


async def _sealed(walk: _Walk, org_id: str, noted: Head | None, *, upto: int | None = None, session: Session | None = None) -> Failure | None:
    """The chain from where the walk is, and the entries that it seals, in batches."""
    report = walk.report
    while seals := await seal_store.seals_after(org_id, report.head.seq, _BATCH, session):
        entries = await ledger_store.entries_by_ids(org_id, {seal.entry_id for seal in seals}, session)
        by_id = await _with_related(org_id, entries, session)
        for seal in seals:
            entry = by_id.get(seal.entry_id)
            if (failure := _seal(seal, entry, report.head)) is not None:
                return failure
            assert entry is not None, "a seal without its entry is a failure"
            walk.wrong = walk.wrong or _entry(entry) or _reversal(entry, by_id)
            if (failure := _anchored(walk, seal)) is not None:
                return failure
            report.head = Head(seal.seq, seal.hash)
            report.checked["seals"] += 1
            if noted is not None and noted.seq == seal.seq and noted.hash != seal.hash:
                return Failure("seal", seal.entry_id, "The chain is another one at the head that was noted down.", noted.hash, seal.hash)
        walk.add(entries, sealed=True)
        if upto is not None and report.head.seq >= upto:
            return None
    return None


def _anchored(walk: _Walk, seal: EntrySeal) -> Failure | None:
    for anchor in walk.anchors:
        if anchor.seq == seal.seq:
            walk.report.checked["anchors"] += 1
            if anchor.seal_hash != seal.hash:
                detail = "The chain is another one at the seal that this transaction anchors."
                return Failure("anchor", anchor.transaction_hash, detail, anchor.seal_hash, seal.hash)
    return None


def _all_there(walk: _Walk, noted: Head | None) -> Failure | None:
    report = walk.report
    for anchor in walk.anchors:
        if not 0 < anchor.seq <= report.head.seq:
            detail = "The chain ends before the seal that this transaction anchors."
            return Failure("anchor", anchor.transaction_hash, detail, str(anchor.seq), str(report.head.seq))
    if noted is not None and noted.seq > report.head.seq:
        return Failure("seal", "", "The chain ends before the head that was noted down.", str(noted.seq), str(report.head.seq))
    return None


async def _all_seen(walk: _Walk, org_id: str) -> Failure | None:
    """Whether there are entries that count beside those that are sealed or wait for it. Each of the seals that were looked at is named by its entry:
    where no more entries name one of them than there are, no other does. Only where there are more, the seal of each is looked up."""
    head, count = walk.report.head.seq, 0
    async for named in day_store.every_sealed(org_id, walk.first, walk.last, _BATCH):
        later = {entry_id: seq for entry_id, seq in named.items() if seq is None or not 0 < seq <= head}
        if later and (left := await seal_store.without_seal(org_id, later)):
            return Failure("seal", left[0], _NO_SEAL)
        count += len(named) - len(later)
    if count > head:
        async for named in day_store.every_sealed(org_id, walk.first, walk.last, _BATCH):
            if left := await seal_store.without_seal(org_id, named):
                return Failure("seal", left[0], _NO_SEAL)
    return None


def _seal(seal: EntrySeal, entry: JournalEntry | None, head: Head) -> Failure | None:
    if seal.seq != head.seq + 1:
        return Failure("seal", seal.entry_id, "A seal is gone: the next one is another.", str(head.seq + 1), str(seal.seq))
    if seal.prev != head.hash:
        return Failure("seal", seal.entry_id, "The seal does not follow from the one before it.", head.hash, seal.prev)
    if (digest := link(seal.prev, seal.seq, seal.content)) != seal.hash:
        return Failure("seal", seal.entry_id, "The seal is not what was sealed.", digest, seal.hash)
    if entry is None:
        return Failure("seal", seal.entry_id, "The entry was sealed and is gone.")
    if entry.unsealed:
        return Failure("seal", entry.id, "It waits for a seal and has one.")
    if (content := ledger_rules.sealed_content(entry)) != seal.content or entry.seal_seq != seal.seq:
        return Failure("seal", entry.id, "The entry is not what was sealed.", seal.content.decode(errors="replace"), content.decode())
    return None


async def _kept_sums(uow: UnitOfWork, walk: _Walk, org_id: str) -> Failure | None:
    """Cells that are not as the walk makes them are looked at again together with whatever was sealed since it ended."""
    other = sorted((await _other_sums(walk, org_id)).items(), key=str)
    for at in range(0, len(other), _BATCH):
        some = dict(other[at : at + _BATCH])
        if (failure := await uow.run(lambda session, some=some: _sums_again(session, walk.copy(), org_id, some))) is not None:  # type: ignore[misc]
            return failure
    return None


async def _other_sums(walk: _Walk, org_id: str) -> dict[seal_store.Cell, set[str]]:
    """With the ids of their rows, of which there should be one."""
    unseen, other = set(walk.cells), dict[seal_store.Cell, set[str]]()
    async for rows in seal_store.every_sum(org_id, walk.first, walk.last):
        for row in rows:
            cell, sums = seal_store.cell_of(row)
            if cell not in unseen or sums != walk.cells[cell]:
                other.setdefault(cell, set()).add(row.id)
            unseen.discard(cell)
        await asyncio.sleep(0)
    walk.report.checked["sums"] += len(walk.cells)
    return other | {cell: set() for cell in unseen - other.keys()}


async def _sums_again(session: Session, walk: _Walk, org_id: str, cells: Mapping[seal_store.Cell, set[str]]) -> Failure | None:
    if (failure := await _sealed(walk, org_id, None, session=session)) is not None:
        return failure
    kept: dict[seal_store.Cell, Sums] = {}
    for row in await seal_store.sums_of_cells(org_id, cells, session):
        _collect(kept, dict([seal_store.cell_of(row)]))
    for cell in cells:
        expected, found = walk.cells.get(cell, Sums()), kept.get(cell, Sums())
        if expected != found:
            subject = " ".join(str(part) for part in (*cell[:3], *cell[3]) if part)
            return Failure("sum", subject, "The kept sum is not that of the sealed entries.", _told(expected), _told(found))
    return None


# ---- lots ------------------------------------------------------------------------------------------------------------------------


async def _lots(uow: UnitOfWork, org_id: str, report: VerifyReport) -> Failure | None:
    found = await verify_lots(uow, org_id)
    report.checked |= {"lot_events": found.events, "lots": found.lots, "lot_checkpoints": found.checkpoints}
    if found.failure is None:
        return None
    return Failure("lots", found.failure.subject, found.failure.detail, found.failure.expected, found.failure.found)


# ---- chain -----------------------------------------------------------------------------------------------------------------------


async def _chain(books: _Books, networks: Mapping[str, NetworkConfig], chains: Mapping[str, ChainReader], report: VerifyReport) -> Failure | None:
    held = {(row.wallet_id, row.asset): row.quantity for row in books.balances if row.account_code == AccountCode.CRYPTO and row.wallet_id}
    for slug, position in sorted(books.positions.items()):
        report.checked["blocks"][slug] = position.height
        watched = [row for row in books.wallets if row.network == slug and row.monitoring_enabled and row.opening is Opening.DONE]
        for wallet in watched:
            report.checked["wallets"] += 1
            assets = await chain_service.assets_with(
                networks[slug], {asset for wallet_id, asset in held if wallet_id == wallet.id and asset is not None}
            )
            raws = await chains[slug].balances([(wallet.address, asset.contract) for asset in assets], position.hash)
            for asset, raw in zip(assets, raws, strict=True):
                report.checked["quantities"] += 1
                on_chain, booked = to_units(raw, asset.decimals), held.get((wallet.id, asset.name), Decimal(0))
                if on_chain != booked and is_exact(on_chain):
                    detail = f"Wallet {wallet.name} at block {position.height} of {slug}: the books do not hold what the chain does."
                    return Failure("quantity", f"{wallet.id} {asset.name}", detail, text(on_chain), text(booked))
    return None
