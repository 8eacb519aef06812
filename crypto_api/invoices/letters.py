"""The words of the letters that go out with invoices. Pure: an organisation may write its own, with names in braces for what differs."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.types import InvoiceKind

PLACES = ("number", "document", "client", "seller", "total", "due", "due_date", "days", "reference", "link")
"""What a text may name: `{total}` and `{due}` with their currency, `{days}` to or since the due date, `{link}` to the payer's page or nothing."""

SUBJECT = "{document} {number} from {seller}"
TEXT = """Hello {client},

please find attached {document} {number} over {total}.

With kind regards
{seller}
"""
INVOICE_TEXT = """Hello {client},

please find attached {document} {number} over {total}, due on {due_date}.
{link}
With kind regards
{seller}
"""
REMINDER_SUBJECT = "Reminder: {document} {number} from {seller}"
BEFORE_TEXT = """Hello {client},

{document} {number} over {total} is due on {due_date}; {due} of it is open. It is attached once more.
{link}
If you have paid it already, there is nothing to do.

With kind regards
{seller}
"""
AFTER_TEXT = """Hello {client},

{document} {number} over {total} was due on {due_date}; {due} of it is still open. It is attached once more.
{link}
If you have paid it in the last days, there is nothing to do.

With kind regards
{seller}
"""
_PLACE = re.compile(r"\{([^{}]*)\}")
_WORDS = {InvoiceKind.INVOICE: "invoice", InvoiceKind.CREDIT_NOTE: "credit note", InvoiceKind.QUOTE: "quote"}


def check(template: str) -> None:
    """ValueError for a name in braces that means nothing here."""
    for name in _PLACE.findall(template):
        if name not in PLACES:
            raise ValueError(f"names {{{name}}}, which means nothing here: there are {', '.join(f'{{{place}}}' for place in PLACES)}")


def filled(template: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: values.get(found.group(1), found.group(0)), template)


def values_of(row: Invoice, today: date) -> dict[str, str]:
    """All but the link, which no letter holds until it leaves: whoever has it can pay and see the invoice."""
    days = abs((today - row.due_date).days) if row.due_date is not None else 0
    return {
        "number": row.number or "",
        "document": _WORDS[row.kind],
        "client": row.client_name,
        "seller": row.seller.name if row.seller else "",
        "total": money(row.total, row.currency),
        "due": money(row.due, row.currency),
        "due_date": f"{row.due_date:%-d %B %Y}" if row.due_date else "",
        "days": str(days),
        "reference": row.reference,
    }


def with_link(text: str, link: str) -> str:
    """The text as it leaves; without a link nothing stands in its place."""
    return filled(text, {"link": f"\nTo see it and to pay it online, open\n\n    {link}\n" if link else ""})


def invoice_letter(row: Invoice, own: InvoiceSettings | None, today: date, message: str = "") -> tuple[str, str]:
    """(subject, text); `message`: what a person wrote for this one alone, instead of the text."""
    default = INVOICE_TEXT if row.kind is InvoiceKind.INVOICE else TEXT
    return _worded(row, (own.mail_subject if own else "") or SUBJECT, message or (own.mail_text if own else "") or default, today)


def reminder_letter(row: Invoice, own: InvoiceSettings, days: int, today: date) -> tuple[str, str]:
    """`days` after the due date, before it where they are negative."""
    text = (own.reminder_text_before or BEFORE_TEXT) if days <= 0 else (own.reminder_text_after or AFTER_TEXT)
    return _worded(row, own.reminder_subject or REMINDER_SUBJECT, text, today)


def money(value: Decimal, currency: str) -> str:
    return f"{value:,f} {currency}"


def _worded(row: Invoice, subject: str, text: str, today: date) -> tuple[str, str]:
    values = values_of(row, today)
    line = " ".join(filled(subject, values).split())
    return line[:1].upper() + line[1:], "\n".join(_sentence(part) for part in filled(text, values).strip().split("\n")) + "\n"


def _sentence(line: str) -> str:
    """A line that begins with {document} begins a sentence."""
    return line[:1].upper() + line[1:] if line.startswith(tuple(_WORDS.values())) else line
