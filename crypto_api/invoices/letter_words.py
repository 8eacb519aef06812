"""What our own letters about invoices say, in each language in which people are written to. An organisation's own text goes before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from crypto_api.invoices.types import InvoiceKind
from crypto_api.kit.languages import Language


@dataclass(frozen=True)
class LetterWords:
    subject: str
    text: str  # of a quote or credit note
    invoice_text: str
    reminder_subject: str
    before_text: str
    after_text: str
    online: str  # the paragraph around the link to the payer's page
    documents: Mapping[InvoiceKind, str]
    months: tuple[str, ...]
    day: str

    def date(self, on: date) -> str:
        return self.day.format(day=on.day, month=self.months[on.month - 1], year=on.year)


def _months(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _documents(invoice: str, credit_note: str, quote: str) -> Mapping[InvoiceKind, str]:
    return {InvoiceKind.INVOICE: invoice, InvoiceKind.CREDIT_NOTE: credit_note, InvoiceKind.QUOTE: quote}


WORDS: Mapping[Language, LetterWords] = {
    Language.ENGLISH: LetterWords(
        subject="{document} {number} from {seller}",
        text="""Hello {client},

please find attached {document} {number} over {total}.

With kind regards
{seller}
""",
        invoice_text="""Hello {client},

please find attached {document} {number} over {total}, due on {due_date}.
{link}
With kind regards
{seller}
""",
        reminder_subject="Reminder: {document} {number} from {seller}",
        before_text="""Hello {client},

{document} {number} over {total} is due on {due_date}; {due} of it is open. It is attached once more.
{link}
If you have paid it already, there is nothing to do.

With kind regards
{seller}
""",
        after_text="""Hello {client},

{document} {number} over {total} was due on {due_date}; {due} of it is still open. It is attached once more.
{link}
If you have paid it in the last days, there is nothing to do.

With kind regards
{seller}
""",
        online="To see it and to pay it online, open",
        documents=_documents("invoice", "credit note", "quote"),
        months=_months("January February March April May June July August September October November December"),
        day="{day} {month} {year}",
    ),
    Language.GERMAN: LetterWords(
        subject="{document} {number} von {seller}",
        text="""Guten Tag {client},

anbei erhalten Sie: {document} {number} über {total}.

Mit freundlichen Grüßen
{seller}
""",
        invoice_text="""Guten Tag {client},

anbei erhalten Sie {document} {number} über {total}, fällig am {due_date}.
{link}
Mit freundlichen Grüßen
{seller}
""",
        reminder_subject="Zahlungserinnerung: {document} {number} von {seller}",
        before_text="""Guten Tag {client},

{document} {number} über {total} ist am {due_date} fällig; davon sind {due} offen. Sie liegt noch einmal bei.
{link}
Falls Sie bereits gezahlt haben, ist nichts weiter zu tun.

Mit freundlichen Grüßen
{seller}
""",
        after_text="""Guten Tag {client},

{document} {number} über {total} war am {due_date} fällig; davon sind noch {due} offen. Sie liegt noch einmal bei.
{link}
Falls Sie in den letzten Tagen gezahlt haben, ist nichts weiter zu tun.

Mit freundlichen Grüßen
{seller}
""",
        online="Ansehen und online bezahlen können Sie hier:",
        documents=_documents("Rechnung", "Gutschrift", "Angebot"),
        months=_months("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        day="{day}. {month} {year}",
    ),
    Language.SPANISH: LetterWords(
        subject="{document} {number} de {seller}",
        text="""Buenos días, {client}:

Le adjuntamos {document} {number} por {total}.

Un cordial saludo,
{seller}
""",
        invoice_text="""Buenos días, {client}:

Le adjuntamos {document} {number} por {total}, con vencimiento el {due_date}.
{link}
Un cordial saludo,
{seller}
""",
        reminder_subject="Recordatorio: {document} {number} de {seller}",
        before_text="""Buenos días, {client}:

{document} {number} por {total} vence el {due_date}; quedan pendientes {due}. La adjuntamos de nuevo.
{link}
Si ya la ha pagado, no tiene que hacer nada.

Un cordial saludo,
{seller}
""",
        after_text="""Buenos días, {client}:

{document} {number} por {total} venció el {due_date}; siguen pendientes {due}. La adjuntamos de nuevo.
{link}
Si la ha pagado en los últimos días, no tiene que hacer nada.

Un cordial saludo,
{seller}
""",
        online="Para verla y pagarla en línea, abra",
        documents=_documents("la factura", "la factura rectificativa", "el presupuesto"),
        months=_months("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
        day="{day} de {month} de {year}",
    ),
}
