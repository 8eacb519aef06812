"""How numbers stand on a page, and how its forms read them: by one table, so that what is shown is what is read (docs/decisions/0071).

A number that is shown follows the reader's language. A form says in a hidden field (`FIELD`) in which format it was rendered, and is read in that
one: whoever changes the language in another tab changes the meaning of nothing that stands in this one. A form, link or program that says nothing
writes plain English numbers. What is no page (API, addresses, files, events, the audit log) has `amounts.text` and nothing else.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from django.core.exceptions import BadRequest

from crypto_api.dashboard.translation import language
from crypto_api.kit import amounts
from crypto_api.kit.languages import Language

FIELD = "number_format"
"""Of a form, or of the address that a form for a list makes."""
HEADER = "X-Number-Format"
"""With which a part of a page asks for itself, so that it stands in the format of the page around it."""
MINUS = "\N{MINUS SIGN}"
GROUP_DIGITS = 3
_WIDE = Context(prec=120)
_IN_ENGLISH = re.compile(r"(?<![\w.,:/-])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\w/-]|[.,:]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """Marks and grouping of a language, as the CLDR has them (`symbols-numberSystem-latn`, `minimumGroupingDigits`)."""

    code: Language
    point: str
    group: str
    grouped_from: int  # whole digits with which grouping begins: Spanish writes 1234,50 and 12.345,67

    def shown(self, value: Decimal, places: int) -> str:
        """The size of it with so many decimals, rounded half-even, grouped. Signs are for whoever shows it."""
        whole, _, decimals = format(value.copy_abs().quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, context=_WIDE), "f").partition(".")
        return self._grouped(whole) + (self.point + decimals if decimals else "")

    def typed(self, value: Decimal | str) -> str:
        """As somebody types it into a field: every digit, nothing grouped. A text is one of `amounts.text`."""
        return (format(value, "f") if isinstance(value, Decimal) else value).replace(".", self.point)

    def read(self, typed: str, *, signed: bool = False) -> Decimal:
        """Exactly. ValueError for what this format does not write: groups of other than three digits, another language's marks, spaces, an exponent,
        digits of other scripts, zeros in front; and, unless `signed`, for a sign."""
        sign = typed[:1] if signed and typed[:1] in ("-", MINUS) else ""
        whole, mark, decimals = typed[len(sign) :].partition(self.point)
        value = amounts.parse(f"{self._ungrouped(whole, alone=not mark)}.{decimals}" if mark else self._ungrouped(whole, alone=True))
        return value.copy_negate() if sign else value

    def whole(self, typed: str, most: int) -> int:
        """ValueError as of `read()`, for a fraction, and for more than `most`."""
        value = self.read(typed)
        if self.point in typed or value > most:
            raise ValueError("must be a whole number, and not that large")
        return int(value)

    def in_sentence(self, text: str) -> str:
        """A sentence made in English, with those of its numbers that another format would write otherwise as this one does."""
        if self.code is Language.ENGLISH:
            return text
        return _IN_ENGLISH.sub(lambda found: self.shown(Decimal(found[0].replace(",", "")), len(found[0].partition(".")[2])), text)

    def _grouped(self, whole: str) -> str:
        if len(whole) < self.grouped_from:
            return whole
        first = len(whole) % GROUP_DIGITS or GROUP_DIGITS
        return self.group.join([whole[:first], *(whole[at : at + GROUP_DIGITS] for at in range(first, len(whole), GROUP_DIGITS))])

    def _ungrouped(self, whole: str, *, alone: bool) -> str:
        """Without its groups. A number that this language would not have grouped may be when its decimals follow (1.234,50 in Spanish can be nothing
        else); alone it could as well be 1.234 of a reader who writes a point, and is refused."""
        first, *rest = whole.split(self.group)
        wrong = rest and not (0 < len(first) <= GROUP_DIGITS and all(len(part) == GROUP_DIGITS for part in rest))
        if wrong or (rest and alone and len(first) + GROUP_DIGITS * len(rest) < self.grouped_from):
            raise ValueError("is not grouped as this language groups")
        return first + "".join(rest)


ENGLISH = NumberFormat(Language.ENGLISH, ".", ",", 4)
FORMATS: Mapping[str, NumberFormat] = {
    one.code: one for one in (ENGLISH, NumberFormat(Language.GERMAN, ",", ".", 4), NumberFormat(Language.SPANISH, ",", ".", 5))
}
_OF_PAGE: ContextVar[NumberFormat | None] = ContextVar("number_format", default=None)


def active() -> NumberFormat:
    """In which this answer is written: that of the page or form that asks, where it says so; else that of the reader's language."""
    return _OF_PAGE.get() or FORMATS[language()]


def exact(value: Decimal | None) -> str:
    """Every digit there is."""
    return "" if value is None else _signed(amounts.plain(value))


def count(value: object) -> str:
    """A whole number, or a measured one with the decimals that it has. Nothing for what is not there."""
    return "" if value is None or value == "" else _signed(amounts.plain(Decimal(str(value))))


def written(plain: str) -> str:
    """A plain number within a sentence that programs are told too: with the mark of this page, and not grouped there either. What is none stays."""
    try:
        ENGLISH.read(plain, signed=True)
    except ValueError:
        return plain
    return active().typed(plain)


def _signed(value: Decimal) -> str:
    return (MINUS if value < 0 else "") + active().shown(value, max(-int(value.as_tuple().exponent), 0))


@contextmanager
def of_request(said: str | None) -> Iterator[None]:
    """Around one request. `said`: what its header says, where it has one."""
    token = _OF_PAGE.set(FORMATS.get(said or ""))
    try:
        yield
    finally:
        _OF_PAGE.reset(token)


def follow(fields: Mapping[str, str]) -> None:
    """The answer to a form that says its format stands in that: what was typed is shown again as it was typed, and read as it was. BadRequest for a
    format that no page has."""
    if FIELD in fields:
        _OF_PAGE.set(_named(fields))


def posted(fields: Mapping[str, str]) -> NumberFormat:
    """In which the numbers of a form are written; the answer to it stands in it as well."""
    found = _named(fields)
    _OF_PAGE.set(found)
    return found


def asked(fields: Mapping[str, str]) -> NumberFormat:
    """The same for an address, whose answer need not follow: plain where it says nothing."""
    return _named(fields)


def _named(fields: Mapping[str, str]) -> NumberFormat:
    found = FORMATS.get(fields.get(FIELD, ENGLISH.code))
    if found is None:
        raise BadRequest("A form has a number format that no page has.")
    return found
