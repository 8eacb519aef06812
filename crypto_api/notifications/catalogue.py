"""Which events people are told of: to whom, how urgently, in which words, and until when. An event that is not here tells nobody."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crypto_api.kit.languages import Language, noted, said
from crypto_api.notifications.types import Priority, Topic
from crypto_api.organizations.types import Permission

TITLE_MAX = 400
_WORD_MAX = 180
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Notice:
    """`title`, `path` and `cause` name fields of the event's data. Of one that is told, the title still does: who reads it says in which language."""

    topic: Topic
    priority: Priority
    to: Permission  # whoever has it
    title: str
    path: str
    cause: str
    only_if: tuple[str, str] | None = None  # a field of the data and the value that it must have
    words: Mapping[str, str] = field(default_factory=dict)  # of the data, made harmless

    def title_in(self, language: Language | None) -> str:
        return titled(self.title, self.words, language)


NUMBERS = frozenset({"amount", "rate"})
"""Words of titles that are plain numbers."""
_PAYMENT = "/payments/{payment_id}/"

NOTICES: Mapping[str, Notice] = {
    "payment.submitted": Notice(
        Topic.APPROVALS,
        Priority.HIGH,
        Permission.PAYMENTS_APPROVE,
        noted("{amount} {asset} to {payee_name} wait for approval"),
        _PAYMENT,
        "approval:{payment_id}",
        ("state", "PENDING_APPROVAL"),
    ),
    "payment.failed": Notice(
        Topic.PAYMENTS,
        Priority.HIGH,
        Permission.PAYMENTS_PREPARE,
        noted("The payment of {amount} {asset} to {payee_name} failed on the chain"),
        _PAYMENT,
        "failed:{payment_id}",
    ),
    "payment.reorganised": Notice(
        Topic.PAYMENTS,
        Priority.HIGH,
        Permission.PAYMENTS_PREPARE,
        noted("The block with the payment of {amount} {asset} to {payee_name} is gone"),
        _PAYMENT,
        "reorganised:{payment_id}",
    ),
    "payment.confirmed": Notice(
        Topic.PAYMENTS,
        Priority.LOW,
        Permission.PAYMENTS_PREPARE,
        noted("{amount} {asset} to {payee_name} are paid"),
        _PAYMENT,
        "confirmed:{payment_id}",
    ),
    "payee.added": Notice(
        Topic.APPROVALS,
        Priority.NORMAL,
        Permission.ADDRESS_BOOK_VERIFY,
        noted("An address in the address book waits to be verified"),
        "/address-book/{payee_id}/",
        "payee:{payee_id}",
    ),
    "payment_policy.proposed": Notice(
        Topic.APPROVALS,
        Priority.HIGH,
        Permission.POLICIES_WRITE,
        noted("Another payment policy waits to be confirmed"),
        "/payment-policy/",
        "policy",
    ),
    "lot_policy.proposed": Notice(
        Topic.APPROVALS,
        Priority.NORMAL,
        Permission.LEDGER_WRITE,
        noted("Another method of lots waits to be confirmed"),
        "/lot-policy/",
        "lot_policy",
    ),
    "inbox.opened": Notice(Topic.INBOX, Priority.NORMAL, Permission.INBOX_WRITE, noted("{title}"), "/inbox/{item_id}/", "inbox:{item_id}"),
    "invoice.overdue": Notice(
        Topic.RECEIVABLES,
        Priority.NORMAL,
        Permission.INVOICES_WRITE,
        noted("{number} is overdue"),
        "/invoices/{invoice_id}/",
        "overdue:{invoice_id}",
    ),
    "invoice.paid": Notice(
        Topic.RECEIVABLES, Priority.LOW, Permission.INVOICES_WRITE, noted("{number} is paid"), "/invoices/{invoice_id}/", "paid:{invoice_id}"
    ),
    "receiving_key.changed": Notice(
        Topic.RECEIVABLES,
        Priority.URGENT,
        Permission.INVOICES_WRITE,
        noted("Where clients pay in crypto was changed: invoices get their addresses from another key, or from none"),
        "/invoices/receiving/",
        "receiving_key:{change_id}",
    ),
    "invoice_delivery.failed": Notice(
        Topic.RECEIVABLES,
        Priority.HIGH,
        Permission.INVOICES_WRITE,
        noted("A letter with an invoice could not be delivered"),
        "/invoices/{invoice_id}/",
        "letter:{delivery_id}",
    ),
    "recurring_invoice.stuck": Notice(
        Topic.RECEIVABLES,
        Priority.HIGH,
        Permission.INVOICES_WRITE,
        noted("A recurring invoice could not be written"),
        "/invoices/recurring/{recurring_id}/",
        "stuck:{recurring_id}",
    ),
    "receipt.open": Notice(
        Topic.RECEIVABLES,
        Priority.NORMAL,
        Permission.INVOICES_WRITE,
        noted("Money came that belongs to no invoice yet"),
        "/receipts/{receipt_id}/",
        "receipt:{receipt_id}",
    ),
    "employee.added": Notice(
        Topic.PEOPLE,
        Priority.NORMAL,
        Permission.EMPLOYEES_VERIFY,
        noted("Somebody waits to be verified"),
        "/team/verification/",
        "employee:{employee_id}",
    ),
    "ledger_period.reopened": Notice(
        Topic.BOOKS, Priority.HIGH, Permission.LEDGER_CLOSE, noted("A closed month was opened again"), "/closing/", "reopened:{period}"
    ),
    "price_alert.fired": Notice(
        Topic.PRICES,
        Priority.NORMAL,
        Permission.PRICES_READ,
        noted("{asset} stands at {rate} {quote}"),
        "/prices/alerts/",
        "price_alert:{alert_id}",
    ),
    "wallet.opening_waits": Notice(
        Topic.SYSTEM,
        Priority.NORMAL,
        Permission.WALLETS_WRITE,
        noted("The books of a wallet wait to be opened"),
        "/wallets/{wallet_id}/",
        "opening:{wallet_id}",
    ),
    "payment.sender_frozen": Notice(
        Topic.PAYMENTS,
        Priority.URGENT,
        Permission.PAYMENTS_APPROVE,
        noted("Payments of a wallet were stopped"),
        "/payments/",
        "frozen:{wallet_id}",
    ),
    "webhook.suspended": Notice(
        Topic.SYSTEM,
        Priority.HIGH,
        Permission.WEBHOOKS_WRITE,
        noted("The webhook to {host} is suspended: {problem}"),
        "/webhooks/{webhook_id}/",
        "webhook:{webhook_id}",
    ),
}

ENDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("payment.approved", "payment.rejected", "payment.cancelled", "payment.approval_lapsed", "payment.failed"), ("approval:{payment_id}",)
    ),
    "payment.confirmed": ("approval:{payment_id}", "reorganised:{payment_id}"),
    "payment.mined": ("reorganised:{payment_id}",),
    "payment.sender_resumed": ("frozen:{wallet_id}",),
    **dict.fromkeys(("payee.verified", "payee.rejected", "payee.removed"), ("payee:{payee_id}",)),
    **dict.fromkeys(("payment_policy.changed", "payment_policy.proposal_rejected"), ("policy",)),
    **dict.fromkeys(("lot_policy.changed", "lot_policy.proposal_rejected"), ("lot_policy",)),
    **dict.fromkeys(("inbox.resolved", "inbox.waived"), ("inbox:{item_id}",)),
    **dict.fromkeys(("invoice.paid", "invoice.cancelled", "invoice.credited"), ("overdue:{invoice_id}",)),
    "invoice.payment_taken_back": ("paid:{invoice_id}",),
    "invoice_delivery.sent": ("letter:{delivery_id}",),
    **dict.fromkeys(("recurring_invoice.made", "recurring_invoice.changed", "recurring_invoice.deleted"), ("stuck:{recurring_id}",)),
    **dict.fromkeys(("receipt.applied", "receipt.resolved", "receipt.gone"), ("receipt:{receipt_id}",)),
    **dict.fromkeys(("employee.verified", "employee.removed"), ("employee:{employee_id}",)),
    "ledger_period.closed": ("reopened:{period}",),
    **dict.fromkeys(("price_alert.acknowledged", "price_alert.deleted", "price_alert.changed"), ("price_alert:{alert_id}",)),
    **dict.fromkeys(("wallet.opened", "wallet.deleted"), ("opening:{wallet_id}",)),
    **dict.fromkeys(("webhook.changed", "webhook.deleted"), ("webhook:{webhook_id}",)),
}
"""Which causes an event ends."""


def notice_of(kind: str, data: Mapping[str, Any]) -> Notice | None:
    """What is told of this event."""
    found = NOTICES.get(kind)
    if found is None or (found.only_if is not None and data.get(found.only_if[0]) != found.only_if[1]):
        return None
    words = {name: harmless(str(value)) for name, value in data.items()}
    return Notice(
        found.topic,
        found.priority,
        found.to,
        found.title,
        found.path.format_map(words),
        found.cause.format_map(words),
        words={name: words[name] for name in _PLACE.findall(found.title)},
    )


def titled(title: str, words: Mapping[str, str], language: Language | None) -> str:
    """The title filled in, as this language says it."""
    return said(title, language).format_map(words)[:TITLE_MAX]


def ended_by(kind: str, data: Mapping[str, Any]) -> list[str]:
    """The causes that no longer hold after this event."""
    words = {name: harmless(str(value)) for name, value in data.items()}
    return [cause.format_map(words) for cause in ENDS.get(kind, ())]


def harmless(text: str) -> str:
    """Strangers' text on one line, without what a reader would not see; where it is too long, that is said: half a number would be another one."""
    line = " ".join("".join(char for char in text[:1_000] if unicodedata.category(char)[0] != "C" or char in "\n\t").split())
    return line if len(line) <= _WORD_MAX else f"{line[: _WORD_MAX - 1]}…"
