"""What an invoice asks for in crypto, what a payment settles of it, and which payments may be meant for which invoices. Pure."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from itertools import combinations

from crypto_api.receivables.types import PLACES_MAX, RATE_AGE_MAX, Came, Known, RateLock, ReceiptFlag, Suggestion

_WIDE = Context(prec=120)
ZERO = Decimal(0)


# ---- what is asked for -----------------------------------------------------------------------------------------------------------


def fresh(rate: Decimal, at: datetime, now: datetime) -> bool:
    """Whether it may be locked: a rate above zero, and not from long ago."""
    return rate > 0 and now - at <= RATE_AGE_MAX


def asked_amount(due: Decimal, rate: Decimal, decimals: int, taken: Sequence[Decimal] = ()) -> Decimal:
    """What of the asset is worth `due`, rounded up, so that it is never short. `taken`: amounts that others are asked for at the same address;
    it is the smallest step more than those, since there the amount alone tells who paid."""
    places = min(decimals, PLACES_MAX)
    step = Decimal(1).scaleb(-places)
    amount = _WIDE.divide(due, rate).quantize(step, ROUND_UP, context=_WIDE)
    while amount in taken:
        amount = _WIDE.add(amount, step)
    return amount


def payment_link(address: str, chain_id: int, raw_amount: int, contract: str | None) -> str:
    """EIP-681: what a wallet reads out of a code."""
    if contract is None:
        return f"ethereum:{address}@{chain_id}?value={raw_amount}"
    return f"ethereum:{contract}@{chain_id}/transfer?address={address}&uint256={raw_amount}"


def lock_at(locks: Sequence[RateLock], at: datetime) -> RateLock | None:
    """The one that was in force then."""
    return next((lock for lock in reversed(locks) if lock.covers(at)), None)


# ---- what a payment settles ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settled:
    """`quantity` of what came settles `amount` of the invoice; the rest is open, and `flags` say why."""

    quantity: Decimal
    amount: Decimal
    flags: tuple[ReceiptFlag, ...] = ()


def settle_locked(quantity: Decimal, before: Decimal, lock: RateLock, due: Decimal, places: int, decimals: int) -> Settled:
    """At a locked rate. `before`: what came under this lock earlier; `due`: what the invoice still waits for; `places`: of its currency; `decimals`:
    of the asset. All that came under a lock settles together its part of what the lock is for, so that small payments lose nothing to rounding."""
    together = _WIDE.add(quantity, before)
    whole, earlier = _under(together, lock, places), _under(before, lock, places)
    amount = min(_WIDE.subtract(whole, earlier), due)
    if amount <= 0:
        return _nothing(due)
    needed = quantity
    if together >= lock.amount:
        needed = min(quantity, _WIDE.subtract(lock.amount, before))
    if amount == due and amount < _WIDE.subtract(whole, earlier):  # something else settled a part of what the lock is for
        part = _WIDE.divide(_WIDE.multiply(lock.amount, due), lock.due).quantize(Decimal(1).scaleb(-decimals), ROUND_UP, context=_WIDE)
        needed = min(needed, part)
    return Settled(needed, amount, (ReceiptFlag.OVERPAID,) if needed < quantity else ())


def _under(quantity: Decimal, lock: RateLock, places: int) -> Decimal:
    if quantity >= lock.amount:
        return lock.due
    return _WIDE.divide(_WIDE.multiply(lock.due, quantity), lock.amount).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, context=_WIDE)


def settle_at(quantity: Decimal, rate: Decimal, due: Decimal, places: int, decimals: int) -> Settled:
    """At the rate of its block: `rate` of the invoice's currency for one unit."""
    worth = _WIDE.multiply(quantity, rate).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, context=_WIDE)
    if due <= 0 or worth <= 0:
        return _nothing(due)
    if worth < due:
        return Settled(quantity, worth)
    needed = min(quantity, _WIDE.divide(due, rate).quantize(Decimal(1).scaleb(-decimals), ROUND_UP, context=_WIDE))
    return Settled(needed, due, (ReceiptFlag.OVERPAID,) if needed < quantity else ())


def _nothing(due: Decimal) -> Settled:
    return Settled(ZERO, ZERO, (ReceiptFlag.PAID_TWICE,) if due <= 0 else (ReceiptFlag.TOO_SMALL,))


def share_of(value_left: Decimal, left: Decimal, quantity: Decimal, places: Decimal) -> Decimal:
    """What of the worth of a receipt goes with `quantity` of what is left of it. Whoever takes the last takes all that is left: nothing is lost."""
    if quantity >= left:
        return value_left
    return _WIDE.divide(_WIDE.multiply(value_left, quantity), left).quantize(places, ROUND_HALF_EVEN, context=_WIDE)


# ---- which may be meant for which ------------------------------------------------------------------------------------------------

CLOSE = Decimal("0.05")  # a worth that differs by more is no suggestion
_NEAR = ((Decimal("0.001"), 50), (Decimal("0.01"), 40), (Decimal("0.03"), 25), (CLOSE, 15))
_TOGETHER_MAX, _AMONG_MAX = 3, 12
_NEAREST, _OF_CLIENT_MAX = 24, 50  # invoices that are looked at for a receipt: by worth, and of whom its sender paid for before
SCORE_MIN = 20
_SOON = timedelta(days=7)
Payers = Mapping[str, frozenset[str]]
"""By address: the clients whom it paid for before."""


def match(came: Sequence[Came], known: Sequence[Known], payers: Payers, *, each: int = 3) -> list[Suggestion]:
    """What is certain first; then, for each receipt, the likeliest few with their reasons. Certain is what was asked for at an address of its own, or
    an amount that was asked for once at that wallet. n log n: invoices are looked up by their worth, never compared one by one."""
    exact, taken_receipts, taken_invoices = _exact(came, known)
    rest = [row for row in came if row.id not in taken_receipts]
    open_ = sorted((row for row in known if row.id not in taken_invoices), key=lambda row: row.worth)
    worths, clients = [row.worth for row in open_], _by_client(open_)
    found = list(exact)
    for row in rest:
        near = {invoice.id: invoice for invoice in _about(row.worth, open_, worths)}
        near |= {invoice.id: invoice for client_id in payers.get(row.payer, ()) for invoice in clients.get(client_id, ())[:_OF_CLIENT_MAX]}
        ranked = sorted(near.values(), key=lambda invoice: (-_score(row, invoice, payers), invoice.id))[:each]
        likely = [*(_scored(row, invoice, payers) for invoice in ranked), *_several_invoices(row, clients, payers)]
        found += sorted((one for one in likely if one.score >= SCORE_MIN), key=lambda one: (-one.score, one.invoice_ids))[:each]
    return found + list(_several_receipts(rest, open_, worths, payers))


def _exact(came: Sequence[Came], known: Sequence[Known]) -> tuple[list[Suggestion], set[str], set[str]]:
    """One receipt and one invoice each. Where two of either fit, nothing is certain."""
    asked: dict[tuple[str, str, str], list[Known]] = defaultdict(list)
    for invoice in known:
        if invoice.wallet_id is not None and invoice.asset is not None and invoice.raw_amount is not None:
            asked[invoice.wallet_id, invoice.asset, invoice.raw_amount].append(invoice)
    paid: dict[tuple[str, str, str], list[Came]] = defaultdict(list)
    for row in came:
        paid[row.wallet_id, row.asset, row.raw_amount].append(row)
    found = []
    for key, rows in paid.items():
        fit = [invoice for invoice in asked.get(key, ()) if invoice.issued_at <= rows[0].at]
        if len(rows) == 1 == len(fit):
            where = "at the address of its own" if fit[0].own else "and nothing else was asked for with that amount"
            found.append(Suggestion((rows[0].id,), (fit[0].id,), 100, (f"Exactly what {fit[0].number} asked for, {where}.",), exact=True))
    return found, {one.receipt_ids[0] for one in found}, {one.invoice_ids[0] for one in found}


def _about(worth: Decimal, open_: Sequence[Known], worths: Sequence[Decimal], most: int = _NEAREST) -> Sequence[Known]:
    """Invoices worth about as much, nearest first."""
    low, high = bisect_left(worths, worth / (1 + CLOSE)), bisect_right(worths, worth / (1 - CLOSE))
    if high - low > most:
        middle = bisect_left(worths, worth)
        low, high = max(low, middle - most // 2), min(high, middle + most // 2)
    return open_[low:high]


def _score(row: Came, invoice: Known, payers: Payers) -> int:
    """As `_scored`, without the words: most of what is looked at is never told of."""
    off = abs(row.worth - invoice.worth)
    score = next((score for most, score in _NEAR if off <= invoice.worth * most), 0) if invoice.worth > 0 else 0
    if not score:
        return 0
    score += 30 if invoice.client_id in payers.get(row.payer, ()) else 0
    score += 8 * (invoice.asset == row.asset) + 6 * (invoice.wallet_id == row.wallet_id)
    return min(score + (-30 if invoice.issued_at > row.at else 5 if row.at - invoice.issued_at <= _SOON else 0), 99)


def _nearness(worth: Decimal, due: Decimal) -> tuple[int, str]:
    if due <= 0:
        return 0, ""
    off = abs(worth - due) / due
    score = next((score for most, score in _NEAR if off <= most), 0)
    if off == 0:
        return score, "It is worth exactly what is due."
    return score, f"It is worth {off * 100:.2f} % {'more' if worth > due else 'less'} than what is due."


def _scored(row: Came, invoice: Known, payers: Payers) -> Suggestion:
    score, reason = _nearness(row.worth, invoice.worth)
    more, reasons = _circumstances(row, [invoice], payers)
    return Suggestion((row.id,), (invoice.id,), min(score + more, 99) if score else 0, (reason, *reasons))


def _circumstances(row: Came, invoices: Sequence[Known], payers: Payers) -> tuple[int, list[str]]:
    score, reasons = 0, []
    first = invoices[0]
    if first.client_id in payers.get(row.payer, frozenset()):
        score += 30
        reasons.append(f"The sender paid for {first.client} before.")
    if any(invoice.asset == row.asset for invoice in invoices):
        score += 8
        reasons.append(f"{row.asset} was asked for.")
    if any(invoice.wallet_id == row.wallet_id for invoice in invoices):
        score += 6
        reasons.append("It came to the wallet that was named.")
    latest = max(invoice.issued_at for invoice in invoices)
    if latest > row.at:
        return score - 30, [*reasons, "It came before the invoice was sent."]
    if row.at - latest <= _SOON:
        score += 5
        reasons.append("It came within a week of the invoice.")
    return score, reasons


def _by_client(open_: Sequence[Known]) -> dict[str, list[Known]]:
    found: dict[str, list[Known]] = defaultdict(list)
    for invoice in open_:
        found[invoice.client_id].append(invoice)
    return found


def _several_invoices(row: Came, clients: Mapping[str, Sequence[Known]], payers: Payers) -> Iterator[Suggestion]:
    """Of a client whom the sender paid for before: two or three that come to what was paid, or all that are open."""
    for client_id in payers.get(row.payer, frozenset()):
        mine = clients.get(client_id, ())[:_AMONG_MAX]
        groups = [group for size in range(2, _TOGETHER_MAX + 1) for group in combinations(mine, size)]
        groups += [tuple(mine)] if len(mine) > _TOGETHER_MAX else []
        for group in groups:
            score, reason = _nearness(row.worth, sum((invoice.worth for invoice in group), ZERO))
            if score >= 40:
                more, reasons = _circumstances(row, group, payers)
                numbers = ", ".join(invoice.number for invoice in group)
                yield Suggestion((row.id,), tuple(one.id for one in group), min(score + more, 99), (f"{numbers} together. {reason}", *reasons))


def _several_receipts(rest: Sequence[Came], open_: Sequence[Known], worths: Sequence[Decimal], payers: Payers) -> Iterator[Suggestion]:
    """Two or three payments of one sender that come to what is due of one invoice."""
    by_payer: dict[str, list[Came]] = defaultdict(list)
    for row in rest:
        by_payer[row.payer].append(row)
    for rows in by_payer.values():
        if not 2 <= len(rows) <= _AMONG_MAX:
            continue
        for group in (group for size in range(2, _TOGETHER_MAX + 1) for group in combinations(rows, size)):
            worth = sum((row.worth for row in group), ZERO)
            for invoice in _about(worth, open_, worths, most=4):
                score, reason = _nearness(worth, invoice.worth)
                if score >= 50:
                    more, reasons = _circumstances(group[-1], [invoice], payers)
                    yield Suggestion(
                        tuple(row.id for row in group),
                        (invoice.id,),
                        min(score + more, 99),
                        (f"{len(group)} payments of one sender. {reason}", *reasons),
                    )
