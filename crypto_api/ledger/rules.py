"""What a change of assets posts. Pure: the holdings come in, lines come out.

Every entry balances by construction: a value appears once on either side, and what a disposal realises is the exact difference of two
8-decimal amounts. A line of an asset carries its quantity, and so does its contra line, with the other sign: per asset, an entry without
a change of form sums to zero in quantity as in value.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from crypto_api.kit.amounts import DECIMAL128_DIGITS, add_exactly, divide, is_exact, multiply, text, to_functional
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.seals import canonical, link
from crypto_api.ledger.types import (
    AccountCode,
    Acquisition,
    Change,
    Disposal,
    Holding,
    Line,
    LotCosts,
    Place,
    Posting,
    Relocation,
    Sealable,
    Span,
    SumKey,
    Sums,
)

ZERO = Decimal(0)
LINES_MAX = 1000
_PLACES = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})
_PERIOD = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])", re.ASCII)
VALUE_MAX = Decimal(10) ** 24  # with 8 decimals 32 of the 34 digits: sums of a hundred such still are exact


# ---- entries ---------------------------------------------------------------------------------------------------------------------


def check_lines(lines: Sequence[Line], field: str = "line_items") -> None:
    """InvalidInput unless the lines make an entry: at least two, each debit or credit and not negative, balanced to the last unit."""
    errors = [FieldError(f"{field}.{i}", message, "invalid_line") for i, line in enumerate(lines) if (message := _line_problem(line))]
    if not 2 <= len(lines) <= LINES_MAX:
        errors.append(FieldError(field, f"an entry has 2 to {LINES_MAX} lines", "line_count"))
    if errors:
        raise InvalidInput(*errors)
    debit, credit = totals(lines)
    if debit != credit:
        raise InvalidInput.of(field, f"debits are {text(debit)} and credits {text(credit)}: they must be equal", "unbalanced")
    if not is_exact(debit):
        raise InvalidInput.of(field, f"the total has more than {DECIMAL128_DIGITS} digits", "too_large")


def _line_problem(line: Line) -> str | None:
    amounts = (line.debit, line.credit, *(() if line.quantity is None else (line.quantity,)))
    if not all(amount.is_finite() and is_exact(amount) for amount in amounts):
        return f"has an amount of more than {DECIMAL128_DIGITS} digits"
    if line.debit < 0 or line.credit < 0:
        return "must not be negative"
    if line.debit != to_functional(line.debit) or line.credit != to_functional(line.credit):
        return "has more than 8 decimals"
    if line.debit and line.credit:
        return "is either debit or credit, not both"
    if (line.quantity is None) != (line.asset is None):
        return "carries an asset and its quantity, or neither"
    if not line.debit and not line.credit and not line.quantity:
        return "has neither an amount nor a quantity"
    return None


def totals(lines: Iterable[Line]) -> tuple[Decimal, Decimal]:
    """(debit, credit)"""
    rows = list(lines)
    return add_exactly([line.debit for line in rows]), add_exactly([line.credit for line in rows])


def mirror(lines: Iterable[Line]) -> list[Line]:
    """The lines that undo these: debit and credit change sides, quantities change sign."""
    return [
        line.model_copy(
            update={"debit": line.credit, "credit": line.debit, "quantity": None if line.quantity is None else line.quantity.copy_negate()}
        )
        for line in lines
    ]


# ---- postings --------------------------------------------------------------------------------------------------------------------


def places(changes: Iterable[Change]) -> set[Place]:
    """The holdings that `post` has to know."""
    found: set[Place] = set()
    for change in changes:
        found |= {change.source, change.target} if isinstance(change, Relocation) else {change.place}
    return found


def value_of(quantity: Decimal, rate: Decimal) -> Decimal | None:
    """In the functional currency with 8 decimals, half-even. None beyond VALUE_MAX: a token with such a value has no price."""
    value = to_functional(multiply(quantity, rate))
    return value if value <= VALUE_MAX else None


def post(changes: Iterable[Change], holdings: Mapping[Place, Holding]) -> Posting:
    """The lines of the changes in their order. Disposals take the average cost of what their place holds at that moment."""
    return post_in_turn([changes], holdings)[0]


def post_in_turn(entries: Iterable[Iterable[Change]], holdings: Mapping[Place, Holding]) -> list[Posting]:
    """`post` of several entries one behind another: each finds the holdings as the one before it leaves them."""
    postings = []
    for changes in entries:
        posting, holdings = post_next(changes, holdings)
        postings.append(posting)
    return postings


def post_next(changes: Iterable[Change], holdings: Mapping[Place, Holding], costs: LotCosts | None = None) -> tuple[Posting, Mapping[Place, Holding]]:
    """Lines, and the holdings as they leave them. Costs by the lots where they are known, else by the average of each place."""
    desk = _Desk(holdings, costs)
    for change in changes:
        if isinstance(change, Acquisition):
            desk.acquire(change)
        elif isinstance(change, Disposal):
            desk.dispose(change)
        else:
            desk.relocate(change)
    assert costs is None or desk.taken == len(costs.each), "a cost for each thing that is taken"
    return Posting(tuple(desk.lines), desk.unpriced, desk.short, desk.taken), desk.holdings


def moves_assets(lines: Iterable[Line]) -> bool:
    """Whether something comes into a place or leaves it: what concerns lots."""
    return any(line.account_code in _PLACES and line.asset is not None and line.quantity for line in lines)


def average_cost(holding: Holding, quantity: Decimal) -> Decimal:
    """What `quantity` of the holding cost, with 8 decimals; all of it when everything, or more than is there, goes."""
    if holding.cost <= 0 or holding.quantity <= 0:
        return ZERO
    if quantity >= holding.quantity:
        return holding.cost
    return to_functional(divide(multiply(holding.cost, quantity), holding.quantity))


def less(left: Decimal, right: Decimal) -> Decimal:
    """left - right to the last digit: the operators round to 28."""
    return add_exactly([left, right.copy_negate()])


class _Desk:
    """Works through the changes of one entry, keeping the holdings as they become."""

    def __init__(self, holdings: Mapping[Place, Holding], costs: LotCosts | None) -> None:
        self.holdings = dict(holdings)
        self.lines: list[Line] = []
        self.unpriced = self.short = False
        self.taken = 0
        self._costs = costs

    def acquire(self, change: Acquisition) -> None:
        value = ZERO if change.value is None else change.value
        self.unpriced |= change.value is None
        self._put(change.place, change.quantity, value, change.description)
        self._contra(change.contra, change.place.asset, change.quantity.copy_negate(), credit=value, description=change.description)

    def dispose(self, change: Disposal) -> None:
        """Without a price it leaves at cost: nothing is realised until somebody says what it was worth."""
        cost = self._take(change.place, change.quantity, change.description)
        self.unpriced |= change.value is None
        value = cost if change.value is None else change.value
        self._contra(change.contra, change.place.asset, change.quantity, debit=value, description=change.description)
        if value > cost:
            self.lines.append(Line(account_code=AccountCode.GAINS, credit=less(value, cost), description=change.description))
        elif value < cost:
            self.lines.append(Line(account_code=AccountCode.LOSSES, debit=less(cost, value), description=change.description))

    def relocate(self, change: Relocation) -> None:
        if change.source == change.target:
            return
        if change.source.account_code == AccountCode.CUSTODY and self._held(change.source).quantity < change.quantity:
            # More comes back than went there (it was bought there): what it cost is for a person to say.
            self.acquire(Acquisition(change.target, change.quantity, change.value, AccountCode.SUSPENSE, change.description))
            return
        cost = self._take(change.source, change.quantity, change.description)
        assert self._costs is None or not self._costs.apart or self._costs.each[self.taken - 1] is None, "a wrap of lots of all wallets"
        self._put(change.target, change.quantity, cost, change.description)

    def _held(self, place: Place) -> Holding:
        return self.holdings.get(place, Holding())

    def _put(self, place: Place, quantity: Decimal, cost: Decimal, description: str) -> None:
        held = self._held(place)
        self.holdings[place] = Holding(add_exactly([held.quantity, quantity]), add_exactly([held.cost, cost]))
        self._line(place, quantity, debit=cost, description=description)

    def _take(self, place: Place, quantity: Decimal, description: str) -> Decimal:
        held, by_lots = self._held(place), self._cost_by_lots()
        average = average_cost(held, quantity)
        here = average if by_lots is None or (self._costs is not None and self._costs.apart) else by_lots
        missing = less(quantity, max(held.quantity, ZERO))
        self.short |= missing > 0
        if missing > 0:
            description = f"{description} (missing acquisition of {text(missing)} {place.asset})".strip()
        # A holding that came in without a price has no cost to take: as incomplete as one that never came in.
        self.unpriced |= missing > 0 or (by_lots is None and average == 0 == held.cost)
        self.holdings[place] = Holding(less(held.quantity, quantity), less(held.cost, here))
        self._line(place, quantity.copy_negate(), credit=here, description=description)
        if by_lots is None:
            return here
        if more := less(by_lots, here):
            together = Place(AccountCode.CRYPTO, None, place.asset)
            self._line(together, ZERO, debit=max(more.copy_negate(), ZERO), credit=max(more, ZERO), description=description)
        return by_lots

    def _cost_by_lots(self) -> Decimal | None:
        at, self.taken = self.taken, self.taken + 1
        return self._costs.each[at] if self._costs is not None and at < len(self._costs.each) else None

    def _line(self, place: Place, quantity: Decimal, *, debit: Decimal = ZERO, credit: Decimal = ZERO, description: str) -> None:
        self.lines.append(
            Line(
                account_code=place.account_code,
                debit=debit,
                credit=credit,
                asset=place.asset,
                quantity=quantity,
                wallet_id=place.wallet_id,
                description=description,
            )
        )

    def _contra(self, account_code: str, asset: str, quantity: Decimal, *, debit: Decimal = ZERO, credit: Decimal = ZERO, description: str) -> None:
        self.lines.append(Line(account_code=account_code, debit=debit, credit=credit, asset=asset, quantity=quantity, description=description))


# ---- sums and seals --------------------------------------------------------------------------------------------------------------


def first_day(span: Span, day: date) -> date:
    """Of the span in which the day lies."""
    if span in (Span.DAY, Span.HELD_DAY):
        return day
    return day.replace(day=1) if span is Span.MONTH else day.replace(month=1, day=1)


def sums_of(lines: Iterable[Line]) -> dict[SumKey, Sums]:
    """By account, wallet and asset."""
    found: dict[SumKey, list[Line]] = {}
    for line in lines:
        found.setdefault((line.account_code, line.wallet_id, line.asset), []).append(line)
    return {
        key: Sums(
            add_exactly([line.debit for line in rows]),
            add_exactly([line.credit for line in rows]),
            add_exactly([line.quantity or ZERO for line in rows]),
        )
        for key, rows in found.items()
    }


def added(parts: Iterable[Sums]) -> Sums:
    rows = list(parts)
    return Sums(add_exactly([row.debit for row in rows]), add_exactly([row.credit for row in rows]), add_exactly([row.quantity for row in rows]))


def sealed_content(entry: Sealable) -> bytes:
    """What a seal holds of a posted entry: everything that never changes again, as canonical JSON. Amounts are decimal text. That it was reversed
    later is told by the mirror, which is sealed too."""
    return canonical(
        {
            "id": entry.id,
            "org_id": entry.org_id,
            "date": entry.date,
            "original_date": entry.original_date,
            "posted_at": entry.posted_at,
            "description": entry.description,
            "reference": entry.reference,
            "source": {"kind": entry.source_kind.value, "id": entry.source_id, "purpose": entry.source_purpose},
            "lines": [_sealed_line(line) for line in entry.lines],
            "total_debit": text(entry.total_debit),
            "total_credit": text(entry.total_credit),
            "transaction_id": entry.transaction_id,
            "transaction_hash": entry.transaction_hash,
            "unpriced": entry.unpriced,
            "reverses": entry.reverses,
            "created_by": entry.created_by,
            "approved_by": entry.approved_by,
        }
    )


def _sealed_line(line: Line) -> dict[str, str | None]:
    return {
        "account_code": line.account_code,
        "debit": text(line.debit),
        "credit": text(line.credit),
        "asset": line.asset,
        "quantity": None if line.quantity is None else text(line.quantity),
        "wallet_id": line.wallet_id,
        "description": line.description,
    }


def digests_in(data: bytes) -> list[str]:
    """Every 32 bytes in a row of a transaction's input, in hexadecimal, wherever they begin: bare, or an argument among others."""
    return list(dict.fromkeys(data[at : at + 32].hex() for at in range(len(data) - 31)))


# ---- periods ---------------------------------------------------------------------------------------------------------------------


def days_of(period: str) -> tuple[date, date]:
    """The first and the last day of a month such as 2026-11. ValueError for anything else."""
    if not _PERIOD.fullmatch(period):
        raise ValueError("must be a month such as 2026-11")
    first = date.fromisoformat(f"{period}-01")
    return first, last_of_month(first)


def last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def period_of(day: date) -> str:
    return f"{day:%Y-%m}"


def certificate_digest(facts: Mapping[str, object]) -> str:
    """Over everything that a certificate says."""
    return link("", 0, canonical(facts))
