"""A classification rule as a form: what was typed, read into conditions and an outcome, and a rule written back into the fields."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from crypto_api.classification.documents import ClassificationRule
from crypto_api.classification.types import (
    LISTED_MAX,
    RULE_CATEGORIES,
    Category,
    Conditions,
    CounterpartyKind,
    MovementWay,
    NewRule,
    Outcome,
    TaxTreatment,
)
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.forms import Form
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import parse_address

LINES = ("addresses", "counterparty_names")
WORDS = ("assets", "methods")
CHOICES = ("ways", "counterparty_kinds", "wallet_ids", "networks", "weekdays")
BOUNDS = ("amount_min", "amount_max", "date_from", "date_to", "hour_from", "hour_to")
SAID = ("category", "subcategory", "counterparty", "purpose", "tax_category", "account")
FIELDS = ("name", *LINES, *WORDS, *BOUNDS, *SAID)
_METHOD = re.compile(r"0x([0-9a-f]{8})?", re.ASCII)
_TEXT_MAX = 8_000


class RuleForm(Form):
    """`chosen` holds the boxes by the name of their field."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, *FIELDS)
        self.chosen: dict[str, list[str]] = {name: request.POST.getlist(name)[:LISTED_MAX] for name in CHOICES}
        self.enabled = request.POST.get("enabled") == "on"

    def rule(self) -> NewRule | None:
        """None where something is wrong: `errors` says what."""
        name = self.line("name")
        conditions, outcome = self._conditions(), self._outcome()
        return None if self.errors or conditions is None or outcome is None else NewRule(
            name=name, conditions=conditions, outcome=outcome, enabled=self.enabled
        )  # fmt: skip

    def take(self, error: InvalidInput) -> str:
        """What the flow refused, at the fields of this form; what belongs to none is given back."""
        rows = [(row.field.removeprefix("conditions.").removeprefix("outcome.").partition(".")[0], row.message) for row in error.errors]
        for field, message in rows:
            if field in FIELDS or field in CHOICES:
                self.wrong(field, gettext(message))
        return " ".join(f"{gettext('A rule')} {gettext(message)}." if field == "conditions" else "" for field, message in rows).strip()

    def _conditions(self) -> Conditions | None:
        values: dict[str, Any] = {
            "addresses": self._many("addresses", "\n", parse_address),
            "counterparty_names": self._many("counterparty_names", "\n", str),
            "assets": self._many("assets", ",", str),
            "methods": self._many("methods", ",", _method),
            "ways": self._choices("ways", MovementWay),
            "counterparty_kinds": self._choices("counterparty_kinds", CounterpartyKind),
            "wallet_ids": tuple(self.chosen["wallet_ids"]),
            "networks": tuple(self.chosen["networks"]),
            "weekdays": self._choices("weekdays", _weekday),
        }
        for name in ("amount_min", "amount_max"):
            values[name] = self._read(
                name, self.numbers.read, gettext("must be an amount such as %(example)s") % {"example": self.numbers.typed("250.5")}
            )
        for name, least, most in (("hour_from", 0, 23), ("hour_to", 1, 24)):
            values[name] = self._read(
                name, _between(least, most), gettext("must be an hour from %(least)s to %(most)s") % {"least": least, "most": most}
            )
        for name in ("date_from", "date_to"):
            values[name] = self.day(name)
        return None if self.errors else Conditions.model_validate(values)

    def _outcome(self) -> Outcome | None:
        category = self.one_of("category", [one.value for one in RULE_CATEGORIES])
        words = {name: self.line(name, needed=False) for name in ("subcategory", "counterparty", "purpose", "account")}
        tax = self.one_of("tax_category", [one.value for one in TaxTreatment], needed=False)
        return None if self.errors else Outcome(category=Category(category), tax_category=TaxTreatment(tax) if tax else None, **words)

    def _many(self, name: str, divider: str, read: Callable[[str], str]) -> tuple[str, ...]:
        parts = [part.strip() for part in self.prose(name, most=_TEXT_MAX).split(divider) if part.strip()]
        if len(parts) > LISTED_MAX or any(len(part) > 200 for part in parts):
            self.wrong(name, gettext("must be at most %(n)s values of at most 200 characters") % {"n": LISTED_MAX})
            return ()
        try:
            return tuple(dict.fromkeys(read(part) for part in parts))
        except ValueError as error:
            self.wrong(name, gettext(str(error)))
            return ()

    def _choices(self, name: str, read: Callable[[str], Any]) -> tuple[Any, ...]:
        try:
            return tuple(dict.fromkeys(read(value) for value in self.chosen[name]))
        except ValueError:
            self.wrong(name, gettext("is not one of those offered"))
            return ()

    def _read(self, name: str, read: Callable[[str], Any], message: str) -> Any:
        try:
            return read(self[name]) if self[name] else None
        except ValueError:
            self.wrong(name, message)
            return None


def _method(value: str) -> str:
    if not _METHOD.fullmatch(value.lower()):
        raise ValueError(gettext("holds %(value)s, which is no selector: 0x and eight hexadecimal digits") % {"value": value[:20]})
    return value.lower()


def _weekday(value: str) -> int:
    if value not in "1234567" or len(value) != 1:
        raise ValueError
    return int(value)


def _between(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdecimal() and len(value) < 3 and least <= int(value) <= most):
            raise ValueError
        return int(value)

    return read


def given_of(rule: ClassificationRule) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The fields and boxes as the rule has them."""
    found, said = rule.conditions, rule.outcome
    given = {"name": rule.name, "enabled": "on" if rule.enabled else ""}
    given |= {name: "\n".join(getattr(found, name)) for name in LINES} | {name: ", ".join(getattr(found, name)) for name in WORDS}
    for name in BOUNDS:
        value = getattr(found, name)
        given[name] = "" if value is None else number_formats.active().typed(text(value)) if name.startswith("amount") else str(value)
    given |= {name: str(getattr(said, name) or "") for name in SAID}
    return given, {name: [str(value) for value in getattr(found, name)] for name in CHOICES}
