"""The words of the letters that go out with invoices. Pure: an organisation may write its own, with names in braces for what differs."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.letter_words import WORDS, LetterWords
from crypto_api.invoices.types import InvoiceKind
from crypto_api.kit.languages import Language

PLACES = ("number", "document", "client", "seller", "total", "due", "due_date", "days", "reference", "link")
"""What a text may name: `{total}` and `{due}` with their currency, `{days}` to or since the due date, `{link}` to the payer's page or nothing."""

_PLACE = re.compile(r"\{([^{}]*)\}")


def check(template: str) -> None:
    """ValueError for a name in braces that means nothing here."""
    for name in _PLACE.findall(template):
        if name not in PLACES:
            raise ValueError(f"names {{{name}}}, which means nothing here: there are {', '.join(f'{{{place}}}' for place in PLACES)}")


def filled(template: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: values.get(found.group(1), found.group(0)), template)


def values_of(row: Invoice, today: date, words: LetterWords) -> dict[str, str]:
    """All but the link, which no letter holds until it leaves: whoever has it can pay and see the invoice."""
    days = abs((today - row.due_date).days) if row.due_date is not None else 0
    return {
        "number": row.number or "",
        "document": words.documents[row.kind],
        "client": row.client_name,
        "seller": row.seller.name if row.seller else "",
        "total": money(row.total, row.currency),
        "due": money(row.due, row.currency),
        "due_date": words.date(row.due_date) if row.due_date else "",
        "days": str(days),
        "reference": row.reference,
    }


def with_link(text: str, link: str, language: Language) -> str:
    """The text as it leaves; without a link nothing stands in its place."""
    return filled(text, {"link": f"\n{WORDS[language].online}\n\n    {link}\n" if link else ""})


def invoice_letter(row: Invoice, own: InvoiceSettings | None, today: date, language: Language, message: str = "") -> tuple[str, str]:
    """(subject, text); `message`: what a person wrote for this one alone, instead of the text."""
    words = WORDS[language]
    default = words.invoice_text if row.kind is InvoiceKind.INVOICE else words.text
    subject, text = (own.mail_subject if own else "") or words.subject, message or (own.mail_text if own else "") or default
    return _worded(row, subject, text, today, words)


def reminder_letter(row: Invoice, own: InvoiceSettings | None, days: int, today: date, language: Language) -> tuple[str, str]:
    """`days` after the due date, before it where they are negative."""
    words = WORDS[language]
    own_text = (own.reminder_text_before if days <= 0 else own.reminder_text_after) if own else ""
    text = own_text or (words.before_text if days <= 0 else words.after_text)
    return _worded(row, (own.reminder_subject if own else "") or words.reminder_subject, text, today, words)


def money(value: Decimal, currency: str) -> str:
    return f"{value:,f} {currency}"


def _worded(row: Invoice, subject: str, text: str, today: date, words: LetterWords) -> tuple[str, str]:
    values = values_of(row, today, words)
    line = " ".join(filled(subject, values).split())
    documents = tuple(words.documents.values())
    lines = [_sentence(part, documents) for part in filled(text, values).strip().split("\n")]
    return line[:1].upper() + line[1:], "\n".join(lines) + "\n"


def _sentence(line: str, documents: tuple[str, ...]) -> str:
    """A line that begins with {document} begins a sentence."""
    return line[:1].upper() + line[1:] if line.startswith(documents) else line
