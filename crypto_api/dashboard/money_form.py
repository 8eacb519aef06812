"""Currency, time zone and fiscal year: the same three in the forms of an organisation and of a company."""

from collections.abc import Iterable, Mapping
from datetime import date

from django.utils.dateformat import format as date_format

from crypto_api.dashboard.forms import CURRENCY_CHOICES, DAYS, MONTHS, TIME_ZONE_CHOICES, Form
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.standards import time_zones

MONEY_FIELDS = ("functional_currency", "time_zone", "fiscal_month", "fiscal_day")


def read_money_fields(form: Form) -> dict[str, str]:
    return {
        "functional_currency": form.one_of("functional_currency", CURRENCY_CHOICES),
        "time_zone": form.one_of("time_zone", time_zones()),
        "fiscal_year_start": form.month_day("fiscal_month", "fiscal_day", "fiscal_year_start"),
    }


def money_values(functional_currency: str, time_zone: str, fiscal_year_start: str) -> dict[str, str]:
    """What stands in the fields before anybody types."""
    month, day = fiscal_year_start.split("-")
    return {"functional_currency": functional_currency, "time_zone": time_zone, "fiscal_month": month, "fiscal_day": day}


def money_choices(given: Mapping[str, str], currencies: Iterable[str] = CURRENCY_CHOICES) -> dict[str, object]:
    zone = given.get("time_zone", "")
    unlisted = [zone] if zone in time_zones() and zone not in TIME_ZONE_CHOICES else []
    return {"currencies": list(currencies), "time_zones": unlisted + TIME_ZONE_CHOICES, "months": MONTHS, "days": DAYS}


def fiscal_words(fiscal_year_start: str) -> str:
    """`6 April`."""
    month, day = fiscal_year_start.split("-")
    return str(date_format(date(2000, int(month), int(day)), gettext("j F")))
