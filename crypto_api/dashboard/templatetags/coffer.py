"""How figures, times and identifiers stand on a page. Amounts stay `Decimal` until they are text; nothing here ever makes a float."""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from zoneinfo import ZoneInfo

from django import template
from django.template import defaultfilters
from django.template.loader import get_template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_noop

from crypto_api.dashboard import addresses, number_formats
from crypto_api.dashboard.columns import ColumnsOf, ListColumns
from crypto_api.dashboard.list_views import ListViews
from crypto_api.dashboard.number_formats import MINUS, count, exact
from crypto_api.dashboard.script_words import words_of
from crypto_api.dashboard.translation import gettext, ngettext
from crypto_api.flows.known_addresses import KnownNames
from crypto_api.kit import amounts
from crypto_api.ledger.types import Line

register = template.Library()

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
NO_VALUE = "\N{EM DASH}"
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
QUANTITY_PLACES = 6
NAME_LENGTH_MAX = 28
DATE_FORMS = (
    gettext_noop("j M"),
    gettext_noop("j F"),
    gettext_noop("j M Y"),
    gettext_noop("j F Y"),
    gettext_noop("M Y"),
    gettext_noop("F Y"),
    gettext_noop("j M H:i:s"),
    gettext_noop("j F Y, H:i:s T"),
    gettext_noop("j M Y, H:i"),
    gettext_noop("j M Y, H:i:s"),
)
"""How a day stands in English. The catalogues say how it does elsewhere: `j. F Y`, `j \\d\\e F \\d\\e Y`."""
_WIDE = Context(prec=120)
_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


def _grouped(value: Decimal, places: int) -> str:
    return number_formats.active().shown(value, places)


def money(value: Decimal | None, currency: str) -> str:
    """`$1,234.50`. A small amount keeps the digits that make it not zero: a fee of $0.0003 stands as such."""
    if value is None:
        return NO_VALUE
    places = 2 if value == 0 or abs(value) >= Decimal("0.01") else min(-value.adjusted() + 1, 8)
    digits = _grouped(value, places)
    sign = MINUS if value < 0 else ""
    return f"{sign}{SIGNS[currency]}{digits}" if currency in SIGNS else f"{sign}{digits}{NARROW_SPACE}{currency}"


def figure(value: Decimal | None) -> str:
    """Two decimals, no sign of a currency: for columns that name it in their head. Nothing stands for zero."""
    return figure_or_zero(value) if value else ""


def figure_or_zero(value: Decimal | None) -> str:
    """The same for a total, of which there is one in any case."""
    return money(value or Decimal(0), "USD").replace("$", "")


def quantity(value: Decimal | None) -> str:
    """At most six decimals, without trailing zeros; `exact` has them all."""
    if value is None:
        return gettext("unknown amount")
    if value == 0:
        return "0"
    smallest = Decimal(1).scaleb(-QUANTITY_PLACES)
    if abs(value) < smallest:
        return f"{MINUS if value < 0 else ''}<{NARROW_SPACE}{_grouped(smallest, QUANTITY_PLACES)}"
    rounded = amounts.plain(value.quantize(smallest, ROUND_HALF_EVEN, context=_WIDE))
    places = max(-int(rounded.as_tuple().exponent), 0)
    return (MINUS if value < 0 else "") + _grouped(rounded, places)


def plain(value: Decimal | None) -> str:
    """Every digit, for a machine: what is copied into a wallet has a point and no groups, in every language."""
    return "" if value is None else amounts.text(value)


def amount(value: Decimal | None) -> str:
    """With the decimals that it has, 1,240.00 with two: of an amount that was rounded to its currency, which stands beside it."""
    if value is None:
        return NO_VALUE
    return (MINUS if value < 0 else "") + _grouped(value, max(-int(value.as_tuple().exponent), 0))


def percent(value: Decimal | None) -> str:
    """A share 0..1, or a return below or above zero, as `12.3 %`."""
    if value is None:
        return NO_VALUE
    sign = MINUS if value <= Decimal("-0.0005") else ""
    return f"{sign}{_grouped(amounts.multiply(value, Decimal(100)), 1)}{NARROW_SPACE}%"


def share_value(value: Decimal) -> str:
    """The same for a machine: `0.1234`, and nothing for what is below zero, which no drawing has a length for."""
    return format(max(value, Decimal(0)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN, context=_WIDE), "f")


def file_size(value: int | None) -> str:
    """`1.2 MB`."""
    return number_formats.active().typed(defaultfilters.filesizeformat(value))


def typed(value: str) -> str:
    """A plain number, `1234.50`, as a form of this page reads it: for an example in a field, and what an address says."""
    return number_formats.active().typed(value)


def short(value: str) -> str:
    """A hash, address or asset id cut in its middle; whatever stands before a colon or slash is left out."""
    bare = value.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
    return bare if len(bare) <= 14 else f"{bare[:6]}…{bare[-4:]}"


def asset_name(value: str) -> str:
    """A listed asset by its symbol; an unlisted one, whose id is CAIP-19, by its shortened contract."""
    return short(value) if ":" in value else capped(value)


def unlisted(value: str) -> bool:
    return ":" in value


def capped(value: str, length: int = NAME_LENGTH_MAX) -> str:
    """Untrusted text: on one line, without control and direction characters, bounded."""
    clean = " ".join("".join(mark for mark in value if mark.isprintable()).split())
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def inert_lines(value: str) -> str:
    """Untrusted text on several lines: marks that turn or hide text stand as their codes, so that nothing looks like something else."""
    return "".join(mark if mark == "\n" or mark.isprintable() else " " if mark == "\t" else f"⟨U+{ord(mark):04X}⟩" for mark in value[:100_000])


def when(moment: datetime | None, zone: ZoneInfo) -> SafeString | str:
    """`21 Nov 14:03:07` in the reader's zone, the full UTC time behind it."""
    return _time(moment, zone, "j M H:i:s")


def when_long(moment: datetime | None, zone: ZoneInfo) -> SafeString | str:
    return _time(moment, zone, "j F Y, H:i:s T")


def when_day(moment: datetime | None, zone: ZoneInfo) -> SafeString | str:
    """`21 November 2026`."""
    return _time(moment, zone, "j F Y")


def when_minute(moment: datetime | None, zone: ZoneInfo) -> SafeString | str:
    """`21 Nov 2026, 14:03`."""
    return _time(moment, zone, "j M Y, H:i")


def when_short_day(moment: datetime | None, zone: ZoneInfo) -> SafeString | str:
    """`21 Nov 2026`."""
    return _time(moment, zone, "j M Y")


def when_old(moment: datetime | None, seconds: int) -> SafeString | str:
    """`12 minutes`: how old it is, the full UTC time behind it."""
    return NO_VALUE if moment is None else _behind(moment, age(seconds))


def when_text(moment: datetime, zone: ZoneInfo) -> str:
    """`21 Nov 2026, 14:03` in the reader's zone, without the element: for names of controls, which are read aloud and have no place for one."""
    return str(date_format(moment.astimezone(zone), gettext("j M Y, H:i")))


def _time(moment: datetime | None, zone: ZoneInfo, form: str) -> SafeString | str:
    return NO_VALUE if moment is None else _behind(moment, date_format(moment.astimezone(zone), gettext(form)))


def _behind(moment: datetime, shown: str) -> SafeString:
    """Each moment on a page is this element: what is shown, and the full UTC time when one points at it."""
    in_utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        in_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        f"{in_utc:%Y-%m-%d %H:%M:%S} UTC",
        shown,
    )


def localized_date(day: date | datetime | str | None, form: str) -> str:
    """Django's filter `date`, whose place it takes: the form is written in English, and the order is that of the reader's language.

    In a template it is for days that have no time. A moment is one day here and another there, and stands by `when` and those beside it."""
    return str(defaultfilters.date(day, gettext(form)))


def words(value: object) -> str:
    """An identifier as words in the reader's language: `own_transfer` is `Own transfer`. The catalogues have each that a page shows."""
    text = str(value).replace("_", " ").strip()
    return gettext(text[:1].upper() + text[1:].lower()) if text else ""


def sentence(text: object) -> str:
    """With a full stop, unless it ends in a mark already."""
    said = str(text).strip()
    return said if not said or said[-1] in ".!?…" else f"{said}."


def translated(text: object) -> str:
    """What another part of Coffer says in English, such as why something was refused: in the reader's language where the catalogues know it."""
    said = str(text) if text else ""
    return gettext(said) if said else ""


def duration(wait_s: float) -> str:
    """A wait in words: `40 seconds`, `12 minutes`, `2 hours`; never less than there is to wait."""
    seconds = math.ceil(wait_s)
    if seconds > 2 * 3600:
        return _hours(-(-seconds // 3600))
    return _minutes(-(-seconds // 60)) if seconds > 2 * 60 else _seconds(seconds)


def age(seconds: int) -> str:
    """How old, roughly and never older than it is: `40 seconds`, `12 minutes`, `3 days`."""
    if seconds >= 86_400:
        return ngettext("%(n)s day", "%(n)s days", seconds // 86_400) % {"n": seconds // 86_400}
    if seconds >= 3600:
        return _hours(seconds // 3600)
    return _minutes(seconds // 60) if seconds >= 60 else _seconds(seconds)


def ago(seconds: int) -> str:
    """When, as `age` says it: `3 days ago`. Its own words, since languages decline what has passed."""
    if seconds >= 86_400:
        return ngettext("%(n)s day ago", "%(n)s days ago", seconds // 86_400) % {"n": seconds // 86_400}
    if seconds >= 3600:
        return ngettext("%(n)s hour ago", "%(n)s hours ago", seconds // 3600) % {"n": seconds // 3600}
    if seconds >= 60:
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", seconds // 60) % {"n": seconds // 60}
    return ngettext("%(n)s second ago", "%(n)s seconds ago", seconds) % {"n": seconds}


def _hours(n: int) -> str:
    return ngettext("%(n)s hour", "%(n)s hours", n) % {"n": n}


def _minutes(n: int) -> str:
    return ngettext("%(n)s minute", "%(n)s minutes", n) % {"n": n}


def _seconds(n: int) -> str:
    return ngettext("%(n)s second", "%(n)s seconds", n) % {"n": n}


def entry_of(mapping: dict[str, object] | None, key: str) -> object:
    """What a mapping has under a key that is itself a variable; nothing for one it does not have."""
    return mapping.get(key, "") if mapping else ""


def of_list(columns: ColumnsOf, name: str) -> ListColumns:
    return columns[name]


def codes_of(lines: Iterable[Line]) -> list[str]:
    """Each account once, in the order of the lines."""
    return list(dict.fromkeys(line.account_code for line in lines))


def icon(name: str, css: str = "") -> SafeString:
    """Written `{% icon "#tabler-wallet" %}`: the sprite is cut down to the names that stand in templates that way."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}{}"></use></svg>', css, static("vendor/icons.svg"), name
    )


def script(name: str) -> SafeString:
    """The element of a script of this dashboard that says something, with what it says in the reader's language (script_words.py)."""
    said = json.dumps(words_of(name), ensure_ascii=False, separators=(",", ":"))
    return format_html('<script src="{}" data-words="{}" defer></script>', static(f"dashboard/{name}.js"), said)


def number_format() -> SafeString:
    """Stands in each form in which numbers are typed: says in which format the page has written them, and reads them."""
    return format_html('<input type="hidden" name="{}" value="{}">', number_formats.FIELD, number_formats.active().code.value)


def number_format_code() -> str:
    return number_formats.active().code.value


def saved_views(context: template.Context, name: str) -> SafeString:
    """`{% saved_views "payments" %}`: the reader's views of this list, which the page's `filter` narrows (list_views.py)."""
    views: ListViews = context["list_views"]
    return views.put(name, context["filter"])


def party(
    context: template.Context, value: str, network: str = "", *, name: str = "", said: str = "", named: bool = True, bare: bool = False
) -> SafeString:
    """`{% party row.address row.network %}`: picture, name and shortened digits of an address, with buttons to copy it and to look it up.

    `name` stands where the organisation has none of its own for it, `said` in any case; `named=False` where the name stands beside it anyway; `bare`
    is for the inside of a link. What is no address stands as it is."""
    if not (address := addresses.checked(value)):
        return format_html("{}", capped(said or name or value, 60))
    place = addresses.Place(address, network or "", name or "", said or "", named, bare)
    page: addresses.Addresses | None = context.get("addresses")
    if page is None:
        return addresses.shown_as(place, KnownNames(), {}, set())
    return page.put(place)


def transaction_hash(context: template.Context, value: str | None, of: str | None = "", *, label: str = "") -> SafeString:
    """`{% transaction_hash row.hash row.network %}`: shortened, with a button to copy it and one to look it up in the network's explorer.

    `of` is the network, or the id of the transaction as Coffer keeps it: that names the chain, and leads to the transaction's page. An id alone will
    do, as the value. Where there is no hash, as of a row that somebody brought, the page is led to by name."""
    kept = next((text for text in (of, value) if text and ":" in text), "")
    hash_ = (value or "").rsplit(":", 1)[-1]
    path = reverse("transaction", args=[kept]) if kept else ""
    if not _HASH.fullmatch(hash_):
        return format_html('<a href="{}">{}</a>', path, gettext("Brought row")) if path else SafeString("")
    page: addresses.Addresses | None = context.get("addresses")
    values = {
        "value": hash_,
        "label": label or gettext("transaction hash"),
        "link": page.transaction_link(hash_, kept or of or "") if page is not None else "",
        "transaction_path": path,
    }
    rendered = get_template("dashboard/parts/hash.html").render(values)  # escaped there
    return SafeString(rendered.strip())  # nosec B703


for _filter in (
    amount,
    money,
    figure,
    figure_or_zero,
    quantity,
    exact,
    plain,
    percent,
    share_value,
    count,
    file_size,
    typed,
    short,
    asset_name,
    unlisted,
    capped,
    inert_lines,
    when,
    when_long,
    when_day,
    when_minute,
    when_short_day,
    when_old,
    when_text,
    words,
    sentence,
    translated,
    duration,
    age,
    ago,
    entry_of,
    codes_of,
    of_list,
):
    register.filter(_filter.__name__, _filter)
register.filter("date", localized_date)
register.simple_tag(icon, name="icon")
register.simple_tag(script, name="script")
register.simple_tag(number_format, name="number_format")
register.simple_tag(number_format_code, name="number_format_code")
register.simple_tag(party, name="party", takes_context=True)
register.simple_tag(transaction_hash, name="transaction_hash", takes_context=True)
register.simple_tag(saved_views, name="saved_views", takes_context=True)
