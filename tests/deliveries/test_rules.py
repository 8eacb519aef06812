"""When a letter is tried again, and which reminder is due."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from crypto_api.deliveries.rules import TRIES_MAX, reminder_due, retry_after
from crypto_api.invoices import letters
from crypto_api.invoices.letter_words import WORDS
from crypto_api.invoices.types import InvoiceKind
from crypto_api.kit.languages import Language


def test_pauses_grow_and_end_after_four_days() -> None:
    pauses = [pause for tries in range(1, TRIES_MAX + 1) if (pause := retry_after(tries)) is not None]
    assert pauses == sorted(pauses) and len(pauses) == TRIES_MAX - 1
    assert timedelta(days=4) < sum(pauses, timedelta()) < timedelta(days=6)
    assert (retry_after(1), retry_after(TRIES_MAX)) == (timedelta(minutes=1), None)


@pytest.mark.parametrize(
    ("days", "today", "wanted"),
    [
        ([-3, 1, 14], "12-06", None),
        ([-3, 1, 14], "12-07", -3),
        ([-3, 1, 14], "12-10", -3),  # made up for
        ([-3, 3, 14], "12-11", None),  # too late for it
        ([-3, 1, 14], "12-11", 1),  # one at a time: the newest
        ([0], "12-10", 0),
        ([-20, 1], "11-22", None),  # before the day of issue, which was the 25th of November
        ([-15], "11-25", None),
        ([-14], "11-26", -14),
        ([], "12-10", None),
        ([1], "12-20", None),
    ],
)
def test_which_reminder_is_due(days: list[int], today: str, wanted: int | None) -> None:
    assert reminder_due(days, date(2026, 12, 10), date(2026, 11, 25), date.fromisoformat(f"2026-{today}")) == wanted


def test_texts_name_only_what_there_is() -> None:
    whole = "".join(f"{{{place}}}" for place in letters.PLACES)
    for text in ("", "Dear {client}, {number}", "a } and a {", whole):
        letters.check(text)
    for text in ("{0}", "{}", "{client.org_id}", "{password}", "{client!r}"):
        with pytest.raises(ValueError, match="means nothing here"):
            letters.check(text)
    assert letters.filled("{client}{other}", {"client": "{number}", "number": "1"}) == "{number}{other}", "what a client is called is no template"


def test_letters_are_in_the_language_of_the_client() -> None:
    named = {"number": "INV-7", "client_name": "Kaffee GmbH", "seller": SimpleNamespace(name="Engines"), "reference": "", "currency": "EUR"}
    row: Any = SimpleNamespace(**named, kind=InvoiceKind.INVOICE, total=Decimal("1240.00"), due=Decimal("240.00"), due_date=date(2026, 3, 1))
    own: Any = SimpleNamespace(mail_subject="", mail_text="", reminder_subject="", reminder_text_before="", reminder_text_after="")
    subject, text = letters.invoice_letter(row, None, date(2026, 2, 1), Language.GERMAN)
    assert (subject, "Rechnung INV-7 über 1,240.00 EUR, fällig am 1. März 2026." in text) == ("Rechnung INV-7 von Engines", True)
    assert "Ansehen und online bezahlen" in letters.with_link(text, "https://here.example/pay/x", Language.GERMAN)
    assert "{" not in letters.with_link(text, "", Language.GERMAN) and "online" not in letters.with_link(text, "", Language.GERMAN)
    subject, text = letters.reminder_letter(row, own, 3, date(2026, 3, 4), Language.SPANISH)
    assert subject == "Recordatorio: la factura INV-7 de Engines"
    assert "\nLa factura INV-7 por 1,240.00 EUR venció el 1 de marzo de 2026; siguen pendientes 240.00 EUR." in text
    row.kind = InvoiceKind.QUOTE
    assert letters.invoice_letter(row, None, date(2026, 2, 1), Language.GERMAN, "Wie besprochen, {document}.")[1] == "Wie besprochen, Angebot.\n"
    for words in WORDS.values():
        assert len(words.months) == 12 and words.documents.keys() == set(InvoiceKind)
        for template in (words.subject, words.text, words.invoice_text, words.reminder_subject, words.before_text, words.after_text):
            letters.check(template)
