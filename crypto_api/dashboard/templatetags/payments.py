"""How addresses and payments stand on a page."""

from dataclasses import dataclass

from django import template

from crypto_api.dashboard.addresses import checked
from crypto_api.dashboard.identicons import identicon
from crypto_api.dashboard.number_formats import exact
from crypto_api.dashboard.payment_words import STATES
from crypto_api.kit import amounts
from crypto_api.payments.documents import Payment
from crypto_api.payroll.documents import Payout

register = template.Library()

GROUP = 4


@dataclass(frozen=True, slots=True)
class Group:
    text: str
    differs: bool


@register.inclusion_tag("dashboard/payments/address.html")
def address(value: str, against: str = "", *, big: bool = False, copy: bool = False, link: str = "") -> dict[str, object]:
    """An address as people compare it: `0x`, then groups of four. With another one, the groups that differ from it are marked."""
    mine, other = _groups(value), _groups(against)
    groups = [Group(text, bool(other) and (number >= len(other) or text.lower() != other[number].lower())) for number, text in enumerate(mine)]
    return {"value": value, "groups": groups, "picture": _picture(value), "big": big, "copy": copy, "link": link}


def _picture(value: str) -> str:
    known = checked((value or "").strip())  # what somebody is still typing has none
    return identicon(known) if known else ""


def _groups(value: str) -> list[str]:
    text = (value or "").strip()[:64]
    digits = text.removeprefix("0x")
    return [*(["0x"] if text.startswith("0x") else []), *(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))]


@register.filter
def whole_units(payout: Payout) -> str:
    """What a share comes to on the chain: every digit there is."""
    return exact(amounts.to_units(int(payout.raw_amount), payout.decimals))


@register.filter
def sentence_start(text: str) -> str:
    return text[:1].upper() + text[1:]


@register.filter
def state_word(payment: Payment) -> str:
    return str(STATES[payment.state])
