"""What was typed into a form, and what is wrong with it. The services decide; here stands what an HTML form adds: that everything is text."""

import re
from collections.abc import Collection, Iterable
from datetime import date

from django.http import Http404, HttpRequest
from django.utils import dates
from pydantic import validate_email
from pydantic_core import PydanticCustomError

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.number_formats import NumberFormat
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.standards import CURRENCIES, is_month_day, time_zones

EMAIL_MAX = 254
LINE_MAX = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

CURRENCY_CHOICES = sorted(CURRENCIES)
TIME_ZONE_CHOICES = [*sorted(zone for zone in time_zones() if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/", "SystemV/"))), "UTC"]
MONTHS = tuple((f"{month:02d}", name) for month, name in dates.MONTHS.items())
DAYS = tuple(f"{day:02d}" for day in range(1, 32))


class Form:
    """The fields of a POST by name, and the first thing that is wrong with each."""

    def __init__(self, request: HttpRequest, *names: str) -> None:
        self.request = request
        self.given: dict[str, str] = {name: request.POST.get(name, "").replace("\r\n", "\n").strip() for name in names}
        self.errors: dict[str, str] = {}
        number_formats.follow(request.POST)

    @property
    def numbers(self) -> NumberFormat:
        """In which the numbers were typed. Whoever reads one answers in it."""
        return number_formats.posted(self.request.POST)

    def __getitem__(self, name: str) -> str:
        return self.given[name]

    def wrong(self, name: str, message: str) -> None:
        self.errors.setdefault(name, message)

    def line(self, name: str, *, most: int = LINE_MAX, needed: bool = True) -> str:
        """One line of text that a person wrote."""
        text = self.given[name]
        if needed and not text:
            self.wrong(name, gettext("is needed"))
        if "\n" in text:
            self.wrong(name, gettext("must stand on one line"))
        return self.prose(name, most=most)

    def prose(self, name: str, *, most: int) -> str:
        text = self.given[name]
        if len(text) > most:
            self.wrong(name, gettext("has more than %(n)s characters") % {"n": most})
        if _CONTROL.search(text):
            self.wrong(name, gettext("must not hold control or text-direction characters"))
        return text

    def email(self, name: str) -> str:
        text = self.line(name, most=EMAIL_MAX)
        if name not in self.errors:
            try:
                return validate_email(text)[1]
            except PydanticCustomError:
                self.wrong(name, gettext("is not an e-mail address"))
        return text

    def one_of(self, name: str, choices: Collection[str], *, needed: bool = True) -> str:
        text = self.given[name]
        if (needed or text) and text not in choices:
            self.wrong(name, gettext("is not one of those offered") if text else gettext("must be chosen"))
        return text

    def day(self, name: str) -> str | None:
        """A date, or nothing."""
        text = self.given[name]
        try:
            return date.fromisoformat(text).isoformat() if text else None
        except ValueError:
            self.wrong(name, gettext("is not a date such as 2026-11-21"))
            return None

    def month_day(self, month: str, day: str, field: str) -> str:
        """`MM-DD` out of two choices; what is wrong stands at `field`."""
        text = f"{self.given[month]}-{self.given[day]}"
        if not is_month_day(text):
            self.wrong(field, gettext("must begin on a day that every year has"))
        return text

    def refused(self, error: InvalidInput, fields: Iterable[str]) -> str:
        """Puts what a service refused at its fields; what belongs to none of them is given back, for the form as a whole."""
        known, rest = set(fields), []
        for row in error.errors:
            if row.field in known:
                self.wrong(row.field, refusal_in_words(row.message))
            else:
                rest.append(f"{gettext(row.field.replace('_', ' ').capitalize())} {refusal_in_words(row.message)}")
        return " ".join(rest)


def refusal_in_words(message: str) -> str:
    """What a service refuses, in the reader's language; a sentence that no catalogue has, with its numbers as the page writes them."""
    said = gettext(message)
    return number_formats.active().in_sentence(said) if said == message else said


def fields_in_words(error: InvalidInput) -> str:
    """What a service refused, where the page has no fields to put it at."""
    return " ".join(
        gettext("The %(field)s %(problem)s.") % {"field": row.field.replace("_", " "), "problem": refusal_in_words(row.message)}
        for row in error.errors
    )


def version_of(request: HttpRequest) -> list[int] | None:
    """What the form was filled in from; somebody else's change in between is then noticed. None: it does not say."""
    given = request.POST.get("version", "")
    return [int(given)] if given.isascii() and given.isdecimal() and len(given) < 10 else None


def only_post(request: HttpRequest) -> None:
    if request.method != "POST":
        raise Http404
