"""Recompute everything from the entries, and compare with what is kept and with the chain.

    seals follow one another and hold each entry byte for byte │ entries balance │ reversals mirror │ kept balances = sums of the lines │
    kept sums over days = sums of the sealed lines │ quantities = balances on chain at the last block processed

The seals come first: whatever was changed in a sealed entry is named at that entry, before it shows in what was added up from it.

The books and the cursor are read so that they belong together: no booking is due before, one snapshot, and the cursor has not moved after.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crypto_api.chains import service as chain_service
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainReader, Position
from crypto_api.flows.verify_lots import verify_lots
from crypto_api.kit.amounts import add_exactly, is_exact, text, to_units
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.seals import NO_HEAD, Head, link
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import seal_store
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import AccountBalance, AccountSum, EntrySeal, JournalEntry
from crypto_api.ledger.types import AccountCode, EntryStatus, Line, Sums
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Booking
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

_COUNTS = ("entries", "lines", "balances", "seals", "waiting", "sums", "wallets", "quantities")
_ATTEMPTS_MAX = 60
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
    """Read so that they belong together."""

    entries: list[JournalEntry]
    balances: list[AccountBalance]
    wallets: list[Wallet]
    positions: dict[str, Position]
    seals: list[EntrySeal]
    sums: list[AccountSum]


class _Unsettled(Exception):
    """The chain never stood still long enough, or something is not booked."""


async def verify_ledger(
    uow: UnitOfWork, org_id: str, networks: Mapping[str, NetworkConfig], chains: Mapping[str, ChainReader], *, noted: Head | None = None
) -> VerifyReport:
    """Stops at the first failure. `noted` is a head of the chain of seals that somebody wrote down earlier: the chain must still go through it;
    without one, a chain that was made anew as a whole looks sound. Raises ChainUnavailable when a balance cannot be read."""
    report = VerifyReport()
    try:
        books = await _read(uow, org_id, networks)
    except _Unsettled as error:
        report.first_failure = Failure("bookings", org_id, str(error))
        return report
    report.first_failure = (
        _seals(books, noted, report) or _entries(books.entries, report) or _kept_balances(books, report) or _kept_sums(books, report)
    )
    if report.first_failure is None:
        report.first_failure = await _lots(uow, org_id, report)
    if report.first_failure is None:
        report.first_failure = await _chain(books, networks, chains, report)
    return report


# ---- reading ---------------------------------------------------------------------------------------------------------------------


async def _read(uow: UnitOfWork, org_id: str, networks: Mapping[str, NetworkConfig]) -> _Books:
    due = 0
    for _ in range(_ATTEMPTS_MAX):
        before = await _positions(networks)
        due = await transactions.count(org_id, {"booking": Booking.DUE, "network": {"$in": sorted(networks)}})
        if due == 0:
            wallets = await wallet_store.active(org_id)
            entries, balances, seals, sums = await uow.run(lambda session: _snapshot(session, org_id))
            if await _positions(networks) == before:
                return _Books(entries, balances, wallets, before, seals, sums)
        await asyncio.sleep(_PAUSE_S)
    raise _Unsettled(f"{due} transactions wait to be booked" if due else "new blocks came in all the time")


async def _positions(networks: Mapping[str, NetworkConfig]) -> dict[str, Position]:
    return {row.id: Position(row.height, row.hash) for row in await chain_store.cursors() if row.id in networks}


async def _snapshot(session: Session, org_id: str) -> tuple[list[JournalEntry], list[AccountBalance], list[EntrySeal], list[AccountSum]]:
    return (
        await ledger_store.counted_entries(org_id, session),
        await ledger_store.balances(org_id, session),
        await seal_store.seals_after(org_id, 0, 0, session),
        await seal_store.all_sums(org_id, session),
    )


# ---- entries ---------------------------------------------------------------------------------------------------------------------


def _entries(entries: Sequence[JournalEntry], report: VerifyReport) -> Failure | None:
    by_id = {entry.id: entry for entry in entries}
    for entry in entries:
        report.checked["entries"] += 1
        report.checked["lines"] += len(entry.lines)
        if (failure := _entry(entry) or _reversal(entry, by_id)) is not None:
            return failure
    return None


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
        if mirror is None or mirror.reverses != entry.id or _sums(mirror.lines) != _sums(ledger_rules.mirror(entry.lines)):
            return Failure("reversal", entry.id, "It is reversed, but no entry mirrors it.")
    if entry.reverses is not None:
        reversed_entry = by_id.get(entry.reverses)
        if reversed_entry is None or reversed_entry.reversed_by != entry.id:
            return Failure("reversal", entry.id, "It reverses an entry that does not say so.")
    return None


_Sums = dict[tuple[str, str | None, str | None], tuple[Decimal, Decimal, Decimal]]


def _sums(lines: Iterable[Line]) -> _Sums:
    """(account, wallet, asset) → debit, credit, quantity"""
    found: _Sums = {}
    for line in lines:
        key = (line.account_code, line.wallet_id, line.asset)
        debit, credit, quantity = found.get(key, (Decimal(0), Decimal(0), Decimal(0)))
        found[key] = add_exactly([debit, line.debit]), add_exactly([credit, line.credit]), add_exactly([quantity, line.quantity or Decimal(0)])
    return found


def _kept_balances(books: _Books, report: VerifyReport) -> Failure | None:
    kept = {(row.account_code, row.wallet_id, row.asset): (row.debit, row.credit, row.quantity) for row in books.balances}
    rebuilt = _sums(line for entry in books.entries for line in entry.lines)
    zero = (Decimal(0), Decimal(0), Decimal(0))
    for key in sorted(rebuilt.keys() | kept.keys(), key=str):
        report.checked["balances"] += 1
        expected, found = rebuilt.get(key, zero), kept.get(key, zero)
        if expected != found:
            subject = " ".join(part for part in key if part)
            return Failure("balance", subject, "The kept balance is not the sum of the entries.", _shown(expected), _shown(found))
    return None


def _shown(sums: tuple[Decimal, Decimal, Decimal]) -> str:
    return f"debit {text(sums[0])}, credit {text(sums[1])}, quantity {text(sums[2])}"


# ---- seals -----------------------------------------------------------------------------------------------------------------------


def _seals(books: _Books, noted: Head | None, report: VerifyReport) -> Failure | None:
    by_id = {entry.id: entry for entry in books.entries}
    for seal in books.seals:
        if (failure := _seal(seal, by_id.get(seal.entry_id), report.head)) is not None:
            return failure
        report.head = Head(seal.seq, seal.hash)
        report.checked["seals"] += 1
        if noted is not None and noted.seq == seal.seq and noted.hash != seal.hash:
            return Failure("seal", seal.entry_id, "The chain is another one at the head that was noted down.", noted.hash, seal.hash)
    if noted is not None and noted.seq > report.head.seq:
        return Failure("seal", "", "The chain ends before the head that was noted down.", str(noted.seq), str(report.head.seq))
    sealed = {seal.entry_id for seal in books.seals}
    for entry in books.entries:
        report.checked["waiting"] += entry.unsealed
        if entry.unsealed is (entry.id in sealed):
            detail = "It waits for a seal and has one." if entry.unsealed else "It has no seal, and does not wait for one."
            return Failure("seal", entry.id, detail)
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
    if (content := ledger_rules.sealed_content(entry)) != seal.content or entry.seal_seq != seal.seq:
        return Failure("seal", entry.id, "The entry is not what was sealed.", seal.content.decode(errors="replace"), content.decode())
    return None


def _kept_sums(books: _Books, report: VerifyReport) -> Failure | None:
    rebuilt = seal_store.cells_of([entry for entry in books.entries if not entry.unsealed])
    kept = seal_store.of_rows(books.sums)
    for cell in sorted(rebuilt.keys() | kept.keys(), key=str):
        report.checked["sums"] += 1
        expected, found = rebuilt.get(cell, Sums()), kept.get(cell, Sums())
        if expected != found:
            subject = " ".join(str(part) for part in (*cell[:3], *cell[3]) if part)
            return Failure("sum", subject, "The kept sum is not that of the sealed entries.", _told(expected), _told(found))
    return None


def _told(sums: Sums) -> str:
    return _shown((sums.debit, sums.credit, sums.quantity))


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
