"""Why the crypto assets of the books changed over some days: every line on their accounts (1100, 1110 and what stands below them), with its reason.

What stands there is read line by line, with what an entry says of it: two lines in a row that mirror one another are a transfer or a change of form;
one with other accounts behind it came from there or went there, and what it realised stands with them. An entry and its reversal that were both for
these days and both known are left out together. What a correction by lots (`SourceKind.LOTS`) changes belongs to the one reason of the entry that it
corrects, or, where that has several, stands by itself.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import Account, JournalEntry
from crypto_api.ledger.rules import less
from crypto_api.ledger.types import AccountCode, AccountType, EntryStatus, Line, SourceKind, SumKey
from crypto_api.reports.lot_events import RESULTS
from mongodb_config.unit_of_work import Session

ZERO = Decimal(0)
_BATCH = 1000
_SHOWN = ("lines", "date", "description", "reverses", "reversed_by", "source_kind", "source_id", "transaction_id", "transaction_hash")


class Reason(StrEnum):
    """Why something came in or went out. Additions first, then disposals, then what is neither."""

    BROUGHT_IN = "brought_in"  # held when watching of a wallet began
    PURCHASES = "purchases"
    RECEIPTS = "receipts"
    REWARDS = "rewards"
    EXCHANGED_IN = "exchanged_in"
    TRANSFERS_IN = "transfers_in"
    CONVERTED_IN = "converted_in"
    UNIDENTIFIED_IN = "unidentified_in"
    OTHER_IN = "other_in"
    PAYMENTS = "payments"
    FEES = "fees"
    SALES = "sales"
    EXCHANGED_OUT = "exchanged_out"
    TRANSFERS_OUT = "transfers_out"
    CONVERTED_OUT = "converted_out"
    UNIDENTIFIED_OUT = "unidentified_out"
    OTHER_OUT = "other_out"
    LOT_COSTS = "lot_costs"
    CORRECTIONS = "corrections"  # reversals of entries for earlier days
    REVALUED = "revalued"  # the value alone was changed, by hand


IN_AND_OUT = {
    "purchases": (Reason.PURCHASES, Reason.SALES),
    "exchanged": (Reason.EXCHANGED_IN, Reason.EXCHANGED_OUT),
    "unidentified": (Reason.UNIDENTIFIED_IN, Reason.UNIDENTIFIED_OUT),
    "opening": (Reason.BROUGHT_IN, Reason.BROUGHT_IN),
    "rewards": (Reason.REWARDS, Reason.OTHER_OUT),
    "income": (Reason.RECEIPTS, Reason.OTHER_OUT),
    "fees": (Reason.OTHER_IN, Reason.FEES),
    "expense": (Reason.OTHER_IN, Reason.PAYMENTS),
    "other": (Reason.OTHER_IN, Reason.OTHER_OUT),
}
TRANSFERS = frozenset({Reason.TRANSFERS_IN, Reason.TRANSFERS_OUT, Reason.CONVERTED_IN, Reason.CONVERTED_OUT})
_BY_ACCOUNT: dict[str, str] = {
    AccountCode.CASH: "purchases",
    AccountCode.RECEIVABLES: "income",
    AccountCode.UNAPPLIED: "income",
    AccountCode.SUSPENSE: "unidentified",
    AccountCode.EXCHANGES: "exchanged",
    AccountCode.OPENING: "opening",
    AccountCode.REWARDS: "rewards",
    AccountCode.NETWORK_FEES: "fees",
}
_BY_TYPE = {
    AccountType.ASSET: "other",
    AccountType.LIABILITY: "expense",
    AccountType.EQUITY: "other",
    AccountType.INCOME: "income",
    AccountType.EXPENSE: "expense",
}


@dataclass(frozen=True, slots=True)
class HoldingChange:
    """One line of a holding account. `realised` is what its entry booked as a gain for it, below zero as a loss; `value` what came in was worth, or
    what was received for it: its cost and what it realised. `other`: of a transfer the place at its other end; what it is worth is told by prices."""

    place: SumKey
    reason: Reason
    quantity: Decimal
    cost: Decimal
    realised: Decimal
    value: Decimal
    entry_id: str
    day: date
    description: str
    transaction_id: str | None
    transaction_hash: str | None
    other: SumKey | None = None


_Noted = dict[SumKey, set[Reason]]


class HoldingChart:
    """Which accounts hold crypto assets, and what the others say of a line that stands against them: the nearest account above it that says, itself
    first; else by its type."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._by_code = {account.code: account for account in accounts}
        held = {AccountCode.CRYPTO, AccountCode.CUSTODY}
        self.codes = frozenset(code for code in self._by_code if held & set(self._upwards(code)))

    def word(self, code: str) -> str:
        account = self._by_code.get(code)
        if account is None:
            return "other"
        for above in self._upwards(code):
            if above in _BY_ACCOUNT and self._by_code[above].account_type is account.account_type:
                return _BY_ACCOUNT[above]
        return _BY_TYPE[account.account_type]

    def _upwards(self, code: str) -> Iterator[str]:
        seen: set[str] = set()
        at: str | None = code
        while at is not None and at in self._by_code and at not in seen:
            yield at
            seen.add(at)
            at = self._by_code[at].parent_code


async def holding_changes(
    session: Session, org_id: str, chart: HoldingChart, first: date, last: date, known_at: datetime | None
) -> AsyncIterator[HoldingChange]:
    """Of the entries for the days `first` to `last` that were known at an instant. Costs grow with the entries of those days."""
    reasons: dict[str, _Noted] = {}
    undone: dict[str, _Entry] = {}  # reversed entries, until their mirror is met
    mirrors: list[_Entry] = []
    lots: list[_Entry] = []
    cursor = JournalEntry.get_pymongo_collection().find(
        _query(org_id, chart.codes, first, last, known_at), dict.fromkeys(_SHOWN, 1), session=session, batch_size=_BATCH
    )
    async for row in cursor:
        entry = _Entry.of(row)
        if entry.reversed_by is not None:
            undone[entry.id] = entry
        elif entry.reverses is not None:
            mirrors.append(entry)
        elif entry.by_lots:
            lots.append(entry)
        else:
            for change in _told(entry, chart, reasons):
                yield change
    paired = {entry.reverses for entry in mirrors} & undone.keys()
    for entry in undone.values():
        if entry.id not in paired:
            for change in _told(entry, chart, reasons) if not entry.by_lots else entry.by_lots_of(chart, reasons):
                yield change
    for entry in mirrors:
        if entry.reverses not in paired:
            for change in entry.changes(chart, Reason.CORRECTIONS):
                yield change
    for entry in lots:
        for change in entry.by_lots_of(chart, reasons):
            yield change


def _told(entry: "_Entry", chart: HoldingChart, reasons: dict[str, _Noted]) -> Iterator[HoldingChange]:
    """And notes for what reason the entry moved something in each place."""
    noted = reasons.setdefault(entry.id, {})
    for change in entry.changes(chart):
        noted.setdefault(change.place, set()).add(change.reason)
        yield change


def _query(org_id: str, codes: Collection[str], first: date, last: date, known_at: datetime | None) -> dict[str, Any]:
    query: dict[str, Any] = {
        "org_id": org_id,
        "status": {"$in": [EntryStatus.POSTED, EntryStatus.REVERSED]},
        "lines.account_code": {"$in": sorted(codes)},
        "date": ledger.bounds(first, last),
    }
    return query | ({"posted_at": {"$lte": known_at}} if known_at is not None else {})


# ---- one entry -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    day: date
    description: str
    lines: Sequence[Line]
    reverses: str | None
    reversed_by: str | None
    by_lots: bool
    source_id: str
    transaction_id: str | None
    transaction_hash: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "_Entry":
        lines = [
            Line.model_construct(**{**line, **{name: line[name].to_decimal() if line[name] is not None else None for name in _AMOUNTS}})
            for line in row["lines"]
        ]
        return cls(
            row["_id"],
            row["date"].date(),
            row["description"],
            lines,
            row.get("reverses"),
            row.get("reversed_by"),
            row["source_kind"] == SourceKind.LOTS,
            row["source_id"],
            row.get("transaction_id"),
            row.get("transaction_hash"),
        )

    def changes(self, chart: HoldingChart, always: Reason | None = None) -> Iterator[HoldingChange]:
        """`always`: for that reason, whatever its lines say."""
        lines, at, early = self.lines, 0, [line for line in self._before(chart) if line.account_code in RESULTS]
        while at < len(lines):
            line = lines[at]
            if line.account_code not in chart.codes:
                at += 1
                continue
            following = lines[at + 1] if at + 1 < len(lines) else None
            if following is not None and line.quantity and following.account_code in chart.codes and _mirrored(line, following):
                yield from self._transfer(line, following, always)
                at += 2
                continue
            end = at + 1
            while end < len(lines) and lines[end].account_code not in chart.codes:
                end += 1
            behind = lines[at + 1 : end]
            realised = add_exactly([less(one.credit, one.debit) for one in (*early, *behind) if one.account_code in RESULTS])
            yield self._change(line, always or self._reason(line, behind, chart), realised)
            early, at = [], end

    def by_lots_of(self, chart: HoldingChart, reasons: Mapping[str, _Noted]) -> Iterator[HoldingChange]:
        """A correction: what more a disposal cost it realised less; what was received for it stays. Of several assets each has its own; what then is
        left stands with the last."""
        held = [line for line in self.lines if line.account_code in chart.codes]
        realised = [less(line.credit, line.debit) for line in self.lines if line.account_code in RESULTS]
        shares = [less(line.debit, line.credit) if realised else ZERO for line in held]
        if held:
            shares[-1] = add_exactly([*realised, *(share.copy_negate() for share in shares[:-1])])
        for line, share in zip(held, shares, strict=True):
            known = _reasons_of(_place(line), reasons.get(self.source_id, {}))
            yield self._change(line, next(iter(known)) if len(known) == 1 else Reason.LOT_COSTS, share, value=ZERO)

    def _before(self, chart: HoldingChart) -> Iterator[Line]:
        for line in self.lines:
            if line.account_code in chart.codes:
                return
            yield line

    def _transfer(self, first: Line, second: Line, always: Reason | None) -> Iterator[HoldingChange]:
        for line, other in ((first, second), (second, first)):
            came, same = (line.quantity or ZERO) > 0, line.asset == other.asset
            into, out = (Reason.TRANSFERS_IN, Reason.TRANSFERS_OUT) if same else (Reason.CONVERTED_IN, Reason.CONVERTED_OUT)
            reason = into if came else out
            yield self._change(line, always or reason, ZERO, None if always else (other.account_code, other.wallet_id, other.asset))

    def _reason(self, line: Line, behind: Sequence[Line], chart: HoldingChart) -> Reason:
        if not line.quantity:
            return Reason.REVALUED
        others = [one for one in self.lines if one.account_code not in chart.codes and one.account_code not in RESULTS]
        own = [one for one in behind if one.account_code not in RESULTS]
        contra = next((one for one in own if one.asset == line.asset and one.quantity == line.quantity.copy_negate()), None)
        contra = contra or next(iter(own or others), None)
        word = chart.word(contra.account_code) if contra is not None else "other"
        if word == "unidentified" and self._is_exchange(chart):
            word = "exchanged"
        return IN_AND_OUT[word][0 if line.quantity > 0 else 1]

    def _is_exchange(self, chart: HoldingChart) -> bool:
        """One asset goes out and another comes in, both against suspense."""
        moved = [one for one in self.lines if one.account_code == AccountCode.SUSPENSE and one.asset is not None and one.quantity]
        came, went = ({one.asset for one in moved if ((one.quantity or ZERO) < 0) is into} for into in (True, False))
        return bool(came) and bool(went) and not came & went

    def _change(self, line: Line, reason: Reason, realised: Decimal, other: SumKey | None = None, *, value: Decimal | None = None) -> HoldingChange:
        cost = less(line.debit, line.credit)
        return HoldingChange(
            _place(line),
            reason,
            line.quantity or ZERO,
            cost,
            realised,
            less(cost, realised) if value is None else value,
            self.id,
            self.day,
            self.description,
            self.transaction_id,
            self.transaction_hash,
            other,
        )


def _place(line: Line) -> SumKey:
    return (line.account_code, line.wallet_id, line.asset)


def _reasons_of(place: SumKey, noted: _Noted) -> set[Reason]:
    """In that place; where all lots are together, in any place of the asset."""
    if place in noted:
        return noted[place]
    return {reason for (_, _, asset), some in noted.items() if asset == place[2] for reason in some} - TRANSFERS


_AMOUNTS = ("debit", "credit", "quantity")


def _mirrored(first: Line, second: Line) -> bool:
    """A transfer, or a change of form at the same cost."""
    if not second.quantity or first.asset is None or second.asset is None or first.quantity != second.quantity.copy_negate():
        return False
    return first.asset == second.asset or less(first.debit, first.credit) == less(second.credit, second.debit)
