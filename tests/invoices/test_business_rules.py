"""The e-invoice keeps the business rules of EN 16931, which are stricter than its schema: sums, categories of VAT, who has to be named."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_api.invoices import einvoice
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import CryptoTerms, InvoiceKind, InvoiceStatus, Item, Rounding, RoundingMode, Tax, TaxCategory, TaxRounding
from tests.invoices.issued import BUYER, LOW, SELLER, VAT, D, invoice, item, own_settings
from tests.invoices.schematron import broken

pytestmark = pytest.mark.usefixtures("runtime")  # documents are made of a database that is open

WORK = ("Analysis", "2.5", "120.00")


def of(category: TaxCategory, rate: str = "0") -> Tax:
    return Tax(rate=D(rate), category=category)


def many() -> list[Item]:
    """Sixty lines of three rates, with discounts of both kinds and prices of many digits."""
    rates = (VAT, LOW, of(TaxCategory.ZERO))
    off: tuple[dict[str, Decimal], ...] = ({}, {"discount": D("0.07")}, {"discount_percent": D("3.3333")})
    return [
        item(f"Part {at}", f"{at}.{at:03}", f"{1 + at * 7 % 13}.{at:04}", rates[at % 3], unit=("", "h", "kg")[at % 3], **off[at // 3 % 3])
        for at in range(1, 61)
    ]


def with_ids(seller: str, buyer: str, country: str, *taxes: Tax) -> Invoice:
    """Where tax ids have no letters of a country before them."""
    sides = {"seller": SELLER.model_copy(update={"tax_id": seller, "country": country}), "buyer": BUYER.model_copy(update={"tax_id": buyer})}
    return invoice(item(*WORK, *taxes), **sides)


NAMELESS = BUYER.model_copy(update={"line1": "", "city": "", "postal_code": "", "tax_id": ""})
ON_CHAIN = {"crypto": CryptoTerms(asset="USDC", network="ethereum")}
CASES: dict[str, Callable[[], Invoice]] = {
    "standard": lambda: invoice(item(*WORK, VAT, unit="h")),
    "several rates": lambda: invoice(item(*WORK, VAT), item("Books", "3", "9.99", LOW), item("Bread", "7", "0.33", of(TaxCategory.ZERO))),
    "one rate of two names": lambda: invoice(item(*WORK, VAT), item("Books", "3", "9.99", Tax(name="USt", rate=D(19)))),
    "a rate of many digits": lambda: invoice(item(*WORK, Tax(name="GST", rate=D("10.5555")))),
    "exempt": lambda: invoice(item(*WORK, of(TaxCategory.EXEMPT)), item("Books", "1", "5.00", VAT)),
    "outside, said and not said": lambda: invoice(item(*WORK, of(TaxCategory.OUTSIDE_SCOPE)), item("Gift", "1", "1.00")),
    "no tax": lambda: invoice(item("Gift", "1", "10.00"), discount=D(3)),
    "reverse charge": lambda: invoice(item(*WORK, of(TaxCategory.REVERSE_CHARGE)), discount_percent=D(10)),
    "intra-community": lambda: invoice(item(*WORK, of(TaxCategory.INTRA_COMMUNITY))),
    "export": lambda: invoice(item(*WORK, of(TaxCategory.EXPORT)), buyer=BUYER.model_copy(update={"country": "US", "tax_id": ""})),
    "discounts": lambda: invoice(
        item("Analysis", "2", "100.00", VAT, discount=D(10)),
        item("Books", "1", "33.33", LOW, discount_percent=D(7)),
        discount_percent=D("12.5"),
        discount=D(1),
    ),
    "free of charge": lambda: invoice(item("Analysis", "2", "100.00", VAT, discount=D(200))),
    "nothing": lambda: invoice(item("Analysis", "0", "1.00", VAT)),
    "inclusive": lambda: invoice(item("Tickets", "3", "9.99", VAT), item("Food", "1", "20.00", LOW), prices_include_tax=True, discount=D(5)),
    "inclusive, sixty lines": lambda: invoice(*many(), prices_include_tax=True, discount_percent=D("2.5")),
    "rounded per line": lambda: invoice(*[item("Bit", "1", "0.33", VAT)] * 60, rounding=Rounding(tax=TaxRounding.PER_LINE)),
    "sixty lines": lambda: invoice(*many(), discount=D("17.77"), note="Line one\nLine two <b>&"),
    "half even": lambda: invoice(*many(), rounding=Rounding(mode=RoundingMode.HALF_EVEN)),
    "credit note": lambda: invoice(item(*WORK, VAT), kind=InvoiceKind.CREDIT_NOTE, number="CN-2026-00001", due_date=None),
    "yen": lambda: invoice(item("Analysis", "1", "5000", VAT), currency="JPY"),
    "dollars": lambda: invoice(item(*WORK, VAT), currency="USD"),
    "partly paid": lambda: invoice(item(*WORK, VAT), status=InvoiceStatus.PARTIAL).model_copy(update={"paid": D(100)}),
    "on a chain": lambda: invoice(item(*WORK, VAT)).model_copy(update=ON_CHAIN),
    "a buyer of little": lambda: invoice(item(*WORK, VAT), buyer=NAMELESS),
    "a Greek buyer": lambda: invoice(item(*WORK, VAT), buyer=BUYER.model_copy(update={"country": "GR", "tax_id": "EL094259216"})),
    "ids without letters": lambda: with_ids("51824753556", "12345678", "AU", VAT),
    "reverse charge without letters": lambda: with_ids("51824753556", "12345678", "AU", of(TaxCategory.REVERSE_CHARGE)),
}


async def test_no_business_rule_is_broken_and_one_that_is_would_be_found(tmp_path: Path) -> None:
    files = []
    for name, make in CASES.items():
        for way, own in (("by bank", own_settings()), ("otherwise", None)):
            assert einvoice.obstacle(make()) == "", name
            files.append(tmp_path / f"{name}, {way}.xml")
            files[-1].write_bytes(einvoice.write_xml(make(), own, CASES["standard"]()))
    for rule, (before, after) in BROKEN.items():
        xml = (tmp_path / "standard, by bank.xml").read_text()
        assert xml.count(before) == 1, rule
        files.append(tmp_path / f"breaks {rule}.xml")
        files[-1].write_text(xml.replace(before, after))
    found = broken(files)
    broke = {name: found.pop(f"breaks {name}.xml") for name in BROKEN}
    assert {name: faults for name, faults in found.items() if faults} == {} and len(found) == 2 * len(CASES)
    assert {name: any(fault.startswith(f"{name} ") for fault in faults) for name, faults in broke.items()} == dict.fromkeys(BROKEN, True), broke


BROKEN = {
    "BR-CO-15": ("<ram:GrandTotalAmount>357.00<", "<ram:GrandTotalAmount>357.01<"),
    "BR-S-08": ("<ram:BasisAmount>300.00<", "<ram:BasisAmount>300.01<"),
    "BR-CO-09": (">DE136695976<", ">136695976<"),
}
"""Each by itself passes the schema."""


async def test_what_the_rules_do_not_allow_has_no_e_invoice() -> None:
    unnamed = BUYER.model_copy(update={"tax_id": ""})
    assert "two decimals" in einvoice.obstacle(invoice(item("Analysis", "1", "5.123", VAT), currency="KWD"))
    assert "reverse charge" in einvoice.obstacle(invoice(item(*WORK, of(TaxCategory.REVERSE_CHARGE)), buyer=unnamed))
    assert "client's VAT" in einvoice.obstacle(invoice(item(*WORK, of(TaxCategory.INTRA_COMMUNITY)), buyer=unnamed))
    assert "client's VAT" in einvoice.obstacle(with_ids(SELLER.tax_id, "136695976", "GB", of(TaxCategory.INTRA_COMMUNITY)))
    assert "seller's VAT" in einvoice.obstacle(with_ids("51824753556", "", "AU", of(TaxCategory.EXPORT)))


async def test_the_means_of_payment_are_those_there_are() -> None:
    row = invoice(item(*WORK, VAT))
    bank, none = einvoice.write_xml(row, own_settings()).decode(), einvoice.write_xml(row, None).decode()
    chain = einvoice.write_xml(row.model_copy(update=ON_CHAIN), None).decode()
    dollars = einvoice.write_xml(invoice(item(*WORK, VAT), currency="USD"), own_settings()).decode()
    codes = [re.findall(r"PaymentMeans>\s*<ram:TypeCode>(\w+)<", xml) for xml in (bank, dollars, chain, none)]
    assert codes == [["58"], ["30"], ["ZZZ"], ["1"]]
    assert "USDC on ethereum" in chain and "DE89370400440532013000" in dollars and "IBANID" not in none


async def test_quantities_prices_and_rates_are_told_to_the_last_digit() -> None:
    row = invoice(item("Gas", "0.123456", "1234.000000000000000001", Tax(rate=D("10.5555"))))
    xml = einvoice.write_xml(row, None).decode()
    assert ">0.123456<" in xml and ">1234.000000000000000001<" in xml and ">10.5555<" in xml
