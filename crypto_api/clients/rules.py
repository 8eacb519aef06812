"""Pure decisions of the slice: whether a tax id can be one of its country."""

from stdnum import get_cc_module
from stdnum.eu.vat import MEMBER_STATES
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError

from crypto_api.clients.types import TaxId

_VAT_PREFIX = {"GR": "EL"}  # what stands before a VAT number where it is not the country's ISO code (Directive 2006/112/EC, article 215)
_PREFIXED = frozenset(code.upper() for code in MEMBER_STATES) | {"GB"}
_KINDS = ("vat", "tin")
_ISLAND = {"MC": "FR", "IM": "GB"}  # territories whose taxable persons are numbered by another state (same article; Monaco, Isle of Man)


def checked_tax_id(value: str, country: str) -> TaxId:
    """The number as it is written there: a VAT number with the prefix of its country, as invoices over a border must show it (EN 16931, BR-CO-09).
    Only the number itself is judged (length, shape, check digits); whether the person is registered, the tax office alone knows. ValueError with
    what is wrong. Without a country, or with one whose rule is not known, it is taken as it is."""
    text = " ".join(value.split())
    if not text:
        return TaxId("", "")
    home = _ISLAND.get(country, country)
    modules = [(kind, module) for kind in _KINDS if (module := get_cc_module(home.lower(), kind))] if home else []
    if not modules:
        return TaxId(text, "")
    problem = ""
    for kind, module in modules:
        try:
            number = str(module.validate(text))
        except ValidationError as error:
            problem = problem or _why(error, country)
            continue
        return TaxId(_prefixed(number, home) if kind == "vat" else number, f"{home.lower()}.{kind}")
    raise ValueError(problem)


def _prefixed(number: str, country: str) -> str:
    if country not in _PREFIXED:
        return number
    prefix = _VAT_PREFIX.get(country, country)
    return number if number.startswith(prefix) else prefix + number


def _why(error: ValidationError, country: str) -> str:
    match error:
        case InvalidChecksum():
            return f"has a wrong check digit for {country}: look for a typing error"
        case InvalidLength():
            return f"has not the length of a tax id of {country}"
        case InvalidFormat():
            return f"has not the form of a tax id of {country}"
    return f"is no valid tax id of {country}"
