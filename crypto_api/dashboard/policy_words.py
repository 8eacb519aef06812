"""The payment policy in plain words: what holds, and what a change would change."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from crypto_api.dashboard.number_formats import count
from crypto_api.dashboard.templatetags.coffer import money
from crypto_api.dashboard.translation import gettext, ngettext
from crypto_api.policies.types import Payees, PaymentPolicy


@dataclass(frozen=True, slots=True)
class Said:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    title: str
    was: str
    becomes: str
    looser: bool  # whether it lets payments do more than before


Words = Callable[[PaymentPolicy, str], str]


def hours(number: int) -> str:
    """`24 hours`, `3 days`."""
    if number and number % 24 == 0 and number > 24:
        return ngettext("%(n)s day", "%(n)s days", number // 24) % {"n": number // 24}
    return ngettext("%(n)s hour", "%(n)s hours", number) % {"n": number}


def _payees(policy: PaymentPolicy, currency: str) -> str:
    if policy.payees is Payees.ANY:
        return gettext("Anybody, at any address. The address book is a help, no condition.")
    return gettext("Only entries of the address book that another person verified.")


def _cooling_off(policy: PaymentPolicy, currency: str) -> str:
    if not policy.cooling_off_hours:
        return gettext("None.")
    return gettext("A new or changed address is payable %(time)s after it was verified.") % {"time": hours(policy.cooling_off_hours)}


def _approvals(policy: PaymentPolicy, currency: str) -> str:
    if policy.approvals_required == 0:
        return gettext("None: whoever prepares a payment pays it alone.")
    n, above = policy.approvals_required, money(policy.approval_free_max, currency) if policy.approval_free_max > 0 else ""
    if n == 1:
        told = "By one other person above %(amount)s; nobody need approve what is below." if above else "By one other person, whatever the amount."
    else:
        told = (
            "By %(n)s other people above %(amount)s; nobody need approve what is below." if above else "By %(n)s other people, whatever the amount."
        )
    return gettext(told) % {"n": n, "amount": above}


def _managers(policy: PaymentPolicy, currency: str) -> str:
    if policy.manager_max <= 0:
        return gettext("Do not count.")
    return gettext("Count up to %(amount)s.") % {"amount": money(policy.manager_max, currency)}


def _signed(policy: PaymentPolicy, currency: str) -> str:
    if policy.signed_above is None:
        return gettext("Not needed: a confirmed log-in is enough.")
    told = gettext("Above %(amount)s every approver signs with their own Ethereum account.")
    return told % {"amount": money(policy.signed_above, currency)}


def _limit(value: Decimal | None, currency: str) -> str:
    return gettext("No limit.") if value is None else gettext("At most %(amount)s.") % {"amount": money(value, currency)}


def _transaction(policy: PaymentPolicy, currency: str) -> str:
    return _limit(policy.transaction_max, currency)


def _day(policy: PaymentPolicy, currency: str) -> str:
    return _limit(policy.day_max, currency)


def _delay(policy: PaymentPolicy, currency: str) -> str:
    if policy.delay_above is None or policy.delay_hours == 0:
        return gettext("None: an approved payment goes out at once.")
    told = gettext("Above %(amount)s an approved payment waits %(time)s before it goes out.")
    return told % {"amount": money(policy.delay_above, currency), "time": hours(policy.delay_hours)}


def _fees(policy: PaymentPolicy, currency: str) -> str:
    return gettext("No transaction ever bids more than %(n)s gwei.") % {"n": count(policy.fee_per_gas_max_gwei)}


def _delegated(policy: PaymentPolicy, currency: str) -> str:
    if not policy.delegated_batches:
        return gettext("Many are paid at once through our batch contract alone.")
    return gettext("A wallet that is let may run our batch contract as its own code (EIP-7702).")


LINES: tuple[tuple[str, Words], ...] = (
    ("Who may be paid", _payees),
    ("Cooling-off", _cooling_off),
    ("Approval", _approvals),
    ("Approvals by managers", _managers),
    ("Signed approvals", _signed),
    ("One payment", _transaction),
    ("All payments of a day", _day),
    ("Delay", _delay),
    ("Network fees", _fees),
    ("Wallets that run code", _delegated),
)


def said(policy: PaymentPolicy, currency: str) -> list[Said]:
    return [Said(gettext(title), words(policy, currency)) for title, words in LINES]


def changes(before: PaymentPolicy, after: PaymentPolicy, currency: str) -> list[Change]:
    """What reads differently, each with whether it lets payments do more."""
    looser = _looser(before, after)
    return [
        Change(gettext(title), was, becomes, title in looser)
        for title, words in LINES
        if (was := words(before, currency)) != (becomes := words(after, currency))
    ]


def _looser(before: PaymentPolicy, after: PaymentPolicy) -> set[str]:
    checks = {
        "Who may be paid": after.payees is Payees.ANY and before.payees is not Payees.ANY,
        "Cooling-off": after.cooling_off_hours < before.cooling_off_hours,
        "Approval": after.approvals_required < before.approvals_required or after.approval_free_max > before.approval_free_max,
        "Approvals by managers": after.manager_max > before.manager_max,
        "Signed approvals": _raised(before.signed_above, after.signed_above),
        "One payment": _raised(before.transaction_max, after.transaction_max),
        "All payments of a day": _raised(before.day_max, after.day_max),
        "Delay": _raised(before.delay_above, after.delay_above) or after.delay_hours < before.delay_hours,
        "Wallets that run code": after.delegated_batches and not before.delegated_batches,
        "Network fees": after.fee_per_gas_max_gwei > before.fee_per_gas_max_gwei,
    }
    return {title for title, looser in checks.items() if looser}


def _raised(before: Decimal | None, after: Decimal | None) -> bool:
    """A limit that is gone is the highest."""
    return before is not None and (after is None or after > before)
