"""What a list of transactions is narrowed to: read from the address of the page, and written back into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from bson.decimal128 import Decimal128
from django.http import HttpRequest

from crypto_api.classification.types import Category
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.number_formats import ENGLISH, NumberFormat
from crypto_api.dashboard.translation import gettext
from crypto_api.transactions.types import Direction, Finality, MovementKind, Status
from mongodb_config import pages

TEXT_MAX = 100
DIGITS_MAX = 34  # of an amount: more the database does not hold
FIELDS = ("wallet", "network", "asset", "category", "status", "direction", "kind", "date_from", "date_to", "amount_min", "amount_max", "q")
MORE = ("network", "direction", "kind", "date_from", "date_to", "amount_min", "amount_max")
"""Those that stand behind "More filters"."""
AMOUNTS = ("amount_min", "amount_max")
_IN_API = {"wallet": "wallet_id"}
_SEARCHED = ("hash", "counterparty", "explanation", "note", "from_address", "to_address", "movements.from_address", "movements.to_address")
_OFFERED: dict[str, frozenset[str]] = {
    "category": frozenset(Category),
    "status": frozenset(Status.__members__),
    "direction": frozenset(Direction),
    "kind": frozenset(MovementKind),
}


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """Spam is shown apart: either only it, or none of it. What is not offered anywhere does not narrow; what was typed and cannot be read is told at
    its field, and does not narrow either."""

    given: Mapping[str, str] = field(default_factory=dict)
    spam: bool = False
    in_wallet: bool = False  # the list stands on the page of a wallet
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))  # in which days begin and end
    numbers: NumberFormat = ENGLISH  # of the amounts in `given`: plain, unless one cannot be read, which stays as it was typed

    @classmethod
    def of(cls, request: HttpRequest, zone: ZoneInfo, *, wallet: str | None = None) -> "TransactionFilter":
        given = {name: text for name in FIELDS if (text := request.GET.get(name, "").strip()[:TEXT_MAX])}
        given = {name: text for name, text in given.items() if name not in _OFFERED or text in _OFFERED[name]}
        in_wallet = wallet is not None or (request.GET.get("in") == "wallet" and "wallet" in given)
        if wallet is not None:
            given["wallet"] = wallet
        typed = cls(given, request.GET.get("view") == "spam", in_wallet, zone, number_formats.asked(request.GET))
        plain = replace(typed, given=typed._in_plain(), numbers=ENGLISH)
        if all(plain[name] == "" or typed._amount(name) is not None for name in AMOUNTS):
            return plain
        number_formats.follow(request.GET)  # what cannot be read is shown as it was typed, on a page that writes as it does
        return typed

    @classmethod
    def of_saved(cls, filters: Mapping[str, str]) -> "TransactionFilter":
        return cls({name: filters[_IN_API.get(name, name)] for name in FIELDS if _IN_API.get(name, name) in filters})

    def __getitem__(self, name: str) -> str:
        """So that a template reads `filter.asset`."""
        if name not in FIELDS:
            raise KeyError(name)
        return self.given.get(name, "")

    @property
    def narrows(self) -> bool:
        return bool(self.given.keys() - ({"wallet"} if self.in_wallet else set()))

    @property
    def more(self) -> int:
        """How many of the filters that stand behind "More filters" are set."""
        return len(self.given.keys() & set(MORE))

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with what was typed, by field."""
        unread = {name for name in ("date_from", "date_to") if self._day(name) is None} | {
            name for name in ("amount_min", "amount_max") if self._amount(name) is None
        }
        amount = gettext("must be an amount such as %(example)s") % {"example": self.numbers.typed("1250.50")}
        wrong = {"date": gettext("must be a date such as 2026-11-21"), "amou": amount}
        found = {name: wrong[name[:4]] for name in FIELDS if name in unread and name in self.given}
        first, last, least, most = self._day("date_from"), self._day("date_to"), self._amount("amount_min"), self._amount("amount_max")
        if first is not None and last is not None and last < first:
            found["date_to"] = gettext("must not be before the first day")
        if least is not None and most is not None and most < least:
            found["amount_max"] = gettext("must not be less than the least")
        return found

    def query_string(self) -> str:
        said = {} if self.numbers is ENGLISH else {number_formats.FIELD: self.numbers.code.value}
        return urlencode(dict(self.given) | said | ({"view": "spam"} if self.spam else {}) | ({"in": "wallet"} if self.in_wallet else {}))

    def told(self) -> dict[str, Any]:
        """For the audit log."""
        return self._in_plain() | ({"spam": True} if self.spam else {})

    def saved(self) -> dict[str, str]:
        """By the names of the API; without what is wrong."""
        return {_IN_API.get(name, name): text for name, text in self._in_plain().items() if name not in self.errors}

    def typed(self) -> dict[str, str]:
        """The amounts as they stand in their fields."""
        read, written = self._amounts(), number_formats.active()
        return {name: self[name] if found is None else written.typed(found) for name, found in read.items()}

    def _in_plain(self) -> dict[str, str]:
        return dict(self.given) | {name: f"{found:f}" for name, found in self._amounts().items() if found is not None}

    def _amounts(self) -> dict[str, Decimal | None]:
        return {name: self._amount(name) for name in AMOUNTS}

    def where(self) -> dict[str, Any]:
        query: dict[str, Any] = {"category": "spam" if self.spam else self["category"] or {"$ne": "spam"}}
        query |= {stored: self[name] for name, stored in (("wallet", "wallet_ids"), ("network", "network")) if self[name]}
        if self["status"]:
            query |= _of_status(Status[self["status"]])
        if (days := self._days()) is not None:
            query["timestamp"] = days
        query |= self._movements()
        if self["q"]:
            query["$or"] = [{name: pages.contains(self["q"])} for name in _SEARCHED]
        return query

    def _movements(self) -> dict[str, Any]:
        """All of one movement: 500 USDC that went out is not 500 DAI that came in beside USDC that went out. An asset alone has an index."""
        of_one: dict[str, Any] = {name: self[name] for name in ("asset", "direction", "kind") if self[name]}
        if "amount_max" not in self.errors:
            bounds = {"$gte": self._amount("amount_min"), "$lte": self._amount("amount_max")}
            amount = {operator: Decimal128(bound) for operator, bound in bounds.items() if bound is not None}
            of_one |= {"amount": amount} if amount else {}
        if not of_one.keys() - {"asset"}:
            return {"assets": self["asset"]} if of_one else {}
        return {"movements": {"$elemMatch": of_one}}

    def _days(self) -> dict[str, datetime] | None:
        """From the beginning of the first day to the end of the last, in the zone of whoever reads."""
        first, last = self._day("date_from"), self._day("date_to")
        bounds: dict[str, datetime] = {}
        if first is not None:
            bounds["$gte"] = datetime.combine(first, time(), self.zone)
        if last is not None and "date_to" not in self.errors:
            bounds["$lt"] = datetime.combine(last + timedelta(days=1), time(), self.zone)
        return bounds or None

    def _day(self, name: str) -> date | None:
        try:
            found = date.fromisoformat(self[name])
        except ValueError:
            return None
        return found if 2000 <= found.year < 3000 else None

    def _amount(self, name: str) -> Decimal | None:
        try:
            found = self.numbers.read(self[name])
        except ValueError:
            return None
        return found if len(found.as_tuple().digits) <= DIGITS_MAX else None


def _of_status(status: Status) -> dict[str, Any]:
    if status is Status.ORPHANED:
        return {"finality": Finality.ORPHANED}
    if status is Status.FAILED:
        return {"succeeded": False, "finality": {"$ne": Finality.ORPHANED}}
    return {"succeeded": True, "finality": Finality.CONFIRMED if status is Status.CONFIRMED else Finality.PENDING}
