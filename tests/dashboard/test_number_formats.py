"""Numbers stand on a page as its forms read them, in every language; and a form keeps its meaning, whatever is chosen elsewhere meanwhile."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import BadRequest
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st
from playwright.async_api import expect

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.invoice_form import tax_mark
from crypto_api.dashboard.number_formats import FIELD, FORMATS, HEADER
from crypto_api.dashboard.templatetags import coffer
from crypto_api.invoices.documents import Invoice
from crypto_api.kit.languages import Language
from crypto_api.ledger.documents import JournalEntry
from crypto_api.policies import service as policies
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.dashboard.test_invoice_pages import drafted
from tests.dashboard.test_payment_pages import desk_of
from tests.factories.treasury import Treasury

__all__ = ["sits"]
TEMPLATES = Path(number_formats.__file__).parent / "templates"
EN, DE, ES = (FORMATS[code] for code in Language)
READ = {
    "1234": (1234, 1234, 1234),
    "1.234": ("1.234", 1234, None),  # of a Spanish page 1.234 is no number: alone it could be either
    "1,234": (1234, "1.234", "1.234"),
    "1.234,50": (None, "1234.50", "1234.50"),
    "1,234.50": ("1234.50", None, None),
    "1234.50": ("1234.50", None, None),
    "1234,50": (None, "1234.50", "1234.50"),
    "12.345": ("12.345", 12345, 12345),
    "12.345,67": (None, "12345.67", "12345.67"),
    "1.234.567": (None, 1234567, 1234567),
    "1,234,567.8": ("1234567.8", None, None),
    "0": (0, 0, 0),
    "0,5": (None, "0.5", "0.5"),
}
"""What is typed: what it is in English, German and Spanish. None: refused."""
NOWHERE = (
    *(
        "",
        " ",
        "1 234",
        "1\N{NO-BREAK SPACE}234",
        "1\N{NARROW NO-BREAK SPACE}234",
        "1'234",
        "1_234",
        "1,23,456",
        "1.23.456",
        "12345,678.90",
        "1,234.567.8",
        "1.234,567,8",
    ),
    *(",5", ".5", "5.", "5,", "1,,234", "1..234", "01", "007", "0,123,456", "1e3", "1E3", "NaN", "Infinity", "+1", "-1", "\N{MINUS SIGN}1", "0x10"),
    *(
        "\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}",
        "\N{FULLWIDTH DIGIT ONE}",
        "1\N{ARABIC DECIMAL SEPARATOR}5",
        "1234,5x",
        "$5",
        "5 %",
        "1" * 61,
    ),
)
SIZES = st.decimals(min_value=0, max_value=Decimal("1e24"), allow_nan=False, allow_infinity=False, places=18) | st.decimals(
    min_value=0, max_value=Decimal("1e7"), allow_nan=False, allow_infinity=False, places=2
)


@pytest.fixture(params=list(Language))
def spoken(request: pytest.FixtureRequest) -> Iterator[Language]:
    with translation.override(request.param.value):
        yield request.param


@given(value=SIZES, places=st.integers(0, 30), negative=st.booleans())
@example(value=Decimal(1234), places=0, negative=False)
@example(value=Decimal("999999.995"), places=2, negative=True)
def test_what_is_shown_is_read_back_exactly(value: Decimal, places: int, negative: bool) -> None:
    for form in FORMATS.values():
        with translation.override(form.code.value):
            shown = form.shown(value, places)
            assert form.read(shown) == Decimal(format(value.quantize(Decimal(1).scaleb(-places), context=coffer._WIDE), "f"))
            sized = -value if negative else value
            assert form.read(number_formats.exact(sized), signed=True) == sized
            assert form.read(coffer.amount(sized), signed=True) == sized
            assert form.read(form.typed(value)) == value
            assert form.read(coffer.money(value, "USD").removeprefix("$")) == Decimal(EN.read(EN.shown(value, _places(value))))
            assert form.whole(number_formats.count(int(value)), 10**30) == int(value)


def _places(value: Decimal) -> int:
    return 2 if value == 0 or value >= Decimal("0.01") else min(-value.adjusted() + 1, 8)


def test_each_language_groups_as_it_does() -> None:
    for value, told in {
        "1234.5": ("1,234.50", "1.234,50", "1234,50"),
        "12345.67": ("12,345.67", "12.345,67", "12.345,67"),
        "999": ("999.00", "999,00", "999,00"),
    }.items():
        assert tuple(form.shown(Decimal(value), 2) for form in (EN, DE, ES)) == told


def test_what_is_typed_is_read_one_way_or_refused() -> None:
    for typed, meant in READ.items():
        for form, value in zip((EN, DE, ES), meant, strict=True):
            if value is None:
                with pytest.raises(ValueError):
                    form.read(typed)
            else:
                assert form.read(typed) == Decimal(value), (form.code, typed)
    for typed in NOWHERE:
        for form in FORMATS.values():
            with pytest.raises(ValueError):
                form.read(typed)
    assert DE.read("-1.234,5", signed=True) == DE.read("\N{MINUS SIGN}1234,5", signed=True) == Decimal("-1234.5")
    for typed in ("--1", "-", "-\N{MINUS SIGN}1"):
        with pytest.raises(ValueError):
            DE.read(typed, signed=True)
    for typed in ("1,5", "1001", "1.5"):
        with pytest.raises(ValueError):
            EN.whole(typed, 1000)


def test_figures_of_a_page_follow_the_language(spoken: Language) -> None:
    found = (
        coffer.money(Decimal("-13804.81"), "EUR"),
        coffer.quantity(Decimal("1250000.5")),
        coffer.percent(Decimal("0.1234")),
        number_formats.count(1234),
        coffer.quantity(Decimal("4E-7")),
    )
    assert (
        found
        == {
            Language.ENGLISH: ("\N{MINUS SIGN}€13,804.81", "1,250,000.5", "12.3\u202f%", "1,234", "<\u202f0.000001"),
            Language.GERMAN: ("\N{MINUS SIGN}€13.804,81", "1.250.000,5", "12,3\u202f%", "1.234", "<\u202f0,000001"),
            Language.SPANISH: ("\N{MINUS SIGN}€13.804,81", "1.250.000,5", "12,3\u202f%", "1234", "<\u202f0,000001"),
        }[spoken]
    )
    assert coffer.share_value(Decimal("0.12345")) == "0.1234", "a drawing is no text"
    assert coffer.figure_or_zero(Decimal(0)) == FORMATS[spoken].typed("0.00") and coffer.figure(Decimal(0)) == ""


def test_a_sentence_of_a_service_is_written_as_the_page_is() -> None:
    said = "debits are 1200.5 and credits 1000: see 2026-11-21, 127.0.0.1 and v1.2, 5,303.00 USD."
    assert EN.in_sentence(said) == said
    assert DE.in_sentence(said) == "debits are 1.200,5 and credits 1000: see 2026-11-21, 127.0.0.1 and v1.2, 5.303,00 USD."


def test_the_format_is_that_of_the_page_that_asks() -> None:
    with translation.override("es"):
        assert number_formats.active() is ES
        with number_formats.of_request("de"):
            assert number_formats.active() is DE
            assert number_formats.posted({}) is EN and number_formats.active() is EN, "who says nothing writes plain numbers, and is answered in them"
        with number_formats.of_request("tlh"):
            assert number_formats.active() is ES
            number_formats.follow({"name": "x"})
            assert number_formats.active() is ES, "a form without numbers changes nothing"
            number_formats.follow({FIELD: "de"})
            assert number_formats.active() is DE
        assert number_formats.active() is ES
        with pytest.raises(BadRequest):
            number_formats.posted({FIELD: "tlh"})
    assert (tax_mark(EN), tax_mark(DE)) == (",", ";")


PAGES = (
    *("/journal/new/", "/invoices/new/", "/transactions/new/", "/prices/", "/prices/alerts/", "/payroll/tax-tables/add/"),
    *("/classification-rules/new/", "/organization/", "/recurring-payments/add/"),
)


def numberless(page: str) -> list[str]:
    """Forms in which numbers are typed and that do not say how."""
    forms = re.findall(r"<form\b.*?</form>", page, re.DOTALL)
    return [form[:200] for form in forms if 'inputmode="decimal"' in form and f'name="{FIELD}"' not in form]


def test_each_form_of_numbers_says_how_it_reads_them() -> None:
    texts = {str(path.relative_to(TEMPLATES)): path.read_text() for path in TEMPLATES.rglob("*.html")}
    tag, typed = "{% number_format %}", [name for name, text in texts.items() if 'inputmode="decimal"' in text]
    assert len(typed) > 15
    for name in typed:
        around = [name] if tag in texts[name] else [other for other, text in texts.items() if f'"{name}"' in text]
        assert around and all(tag in texts[other] for other in around), name


async def test_a_german_invoice_is_read_as_it_was_typed_whatever_the_language_is_by_then(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await desk_of(sits, treasury)
    client_id = (await drafted(runtime, treasury)).client_id
    ada.http.cookies.set("coffer_language", "de")
    for path in PAGES:
        page = await ada.text(path)
        assert f'name="{FIELD}" value="de"' in page and numberless(page) == [] and 'data-numbers="de"' in page, path
    head = {"client_id": client_id, "currency": "USD", "description": "Beratung", "taxes": "USt 19,5; Stadt 2", "discount": "10,5 %", "quantity": "1"}
    german = head | {"price": "1.234,50", FIELD: "de"}

    async def kept(**fields: str) -> Invoice:
        row = await Invoice.get((await ada.does("/invoices/new/", **fields)).split("/")[2])
        assert row is not None
        return row

    row = await kept(**german)
    (item,) = row.items
    assert (item.unit_price, item.discount_percent, [(tax.name, tax.rate) for tax in item.taxes]) == (
        Decimal("1234.50"),
        Decimal("10.5"),
        [("USt", Decimal("19.5")), ("Stadt", Decimal(2))],
    )
    page = await ada.text(f"/invoices/{row.id}/edit/")
    assert all(f'value="{typed}"' in page for typed in ("1234,50", "10,5 %", "USt 19,5; Stadt 2"))
    assert "1.104,88" in await ada.text(f"/invoices/{row.id}/")
    assert "1.104,88" in (await ada.post("/fragments/invoices/preview/", **german)).text

    ada.http.cookies.set("coffer_language", "en")
    assert (await kept(**german)).items[0].unit_price == Decimal("1234.50"), "it was rendered in German"
    assert (await kept(**german | {"price": "1.234"})).items[0].unit_price == Decimal(1234)
    assert "1,104.88" in await ada.text(f"/invoices/{row.id}/")
    around = await ada.http.get(f"/invoices/{row.id}/", headers={HEADER: "de"})
    assert "1.104,88" in around.text, "a part of a German page stays German"
    refused = await ada.refused(422, "/invoices/new/", **german | {"price": "1,234.50"})
    assert "Price is not a number such as 1234,50." in refused and 'value="1,234.50"' in refused and f'name="{FIELD}" value="de"' in refused
    english = head | {"taxes": "19", "discount": ""}
    for typed in ({"price": "1.234,50"}, {"price": "1.234,50", FIELD: "en"}):
        refused = await ada.refused(422, "/invoices/new/", **english | typed)
        assert "Price is not a number such as 1234.50." in refused and 'value="1.234,50"' in refused and f'name="{FIELD}" value="en"' in refused
    ada.http.cookies.set("coffer_language", "es")
    assert (await ada.post("/invoices/new/", **english, price="1", **{FIELD: "tlh"})).status_code == 400
    before = await Invoice.find({"org_id": treasury.org_id}).count()
    assert "1234,50" in await ada.refused(422, "/invoices/new/", **english, price="1.234", **{FIELD: "es"})
    assert await Invoice.find({"org_id": treasury.org_id}).count() == before == 4


async def test_forms_and_lists_read_what_their_page_shows(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await desk_of(sits, treasury)
    ada.http.cookies.set("coffer_language", "de")
    lines: dict[str, str | list[str]] = {"account": ["5300", "2100"], "note": ["", ""], "debit": ["1.200,50", ""], "credit": ["", "1200,50"]}
    lines |= {"asset": ["", ""], "quantity": ["", ""], "date": "2026-11-20", "description": "Server", "then": "draft", FIELD: "de"}
    path = (await ada.does("/journal/new/", **lines)).partition("?")[0]
    entry = await JournalEntry.get(path.split("/")[2])
    assert entry is not None and entry.total_debit == Decimal("1200.5")
    assert 'value="1200,5"' in await ada.text(f"{path}edit/") and "1.200,50" in await ada.text(path)
    unbalanced = await ada.refused(422, "/journal/new/", **lines | {"credit": ["", "1.000,5"]})
    assert "1.200,5" in unbalanced and "1200.5" not in unbalanced, "what the books refuse is told as the page writes"

    policy = {
        "payees": "any",
        "cooling_off_hours": "24",
        "approvals_required": "2",
        "approval_free_max": "1.000",
        "manager_max": "0",
        "delay_hours": "0",
    }
    policy |= {"fee_per_gas_max_gwei": "1.500", "step": "propose", FIELD: "de"}
    page = await ada.text("/payment-policy/change/")
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    assert "muss ein Betrag wie 1234,50 sein" in await ada.refused(422, "/payment-policy/change/", **policy | {"day_max": "1,000.5"})
    review = (await ada.post("/payment-policy/change/", **policy | {"step": "review"})).text
    assert f'name="{FIELD}" value="de"' in review and "$1.000,00" in review and "1.500" in review
    assert await ada.does("/payment-policy/change/", **policy, version=version[1]) == "/payment-policy/?done=holds", "of an organisation of one"
    kept = (await policies.current(treasury.org_id, runtime.clock.now())).policy
    assert (kept.approval_free_max, kept.fee_per_gas_max_gwei) == (Decimal(1000), 1500)

    plain = await ada.get("/transactions/", amount_min="1.234,50", asset="USDC", **{FIELD: "de"})
    assert plain.headers["location"] == "/transactions/?asset=USDC&amount_min=1234.50", "an address is plain"
    listed = await ada.text("/transactions/", amount_min="1234.50")
    assert 'value="1234,50"' in listed and "amount_min=1234.50" in listed and numberless(listed) == [] and f'name="{FIELD}" value="de"' in listed
    wrong = await ada.text("/transactions/", amount_min="1,234.50", **{FIELD: "de"})
    assert 'value="1,234.50"' in wrong and "1250,50" in wrong and wrong.count('aria-invalid="true"') == 1
    ada.http.cookies.set("coffer_language", "en")
    assert f'name="{FIELD}"' not in await ada.text("/transactions/"), "what is plain anyway is not said"


async def test_scripts_read_and_write_as_the_server_does(window: Window, treasury: Treasury) -> None:
    await window.go("/login/")
    texts = [*READ, *NOWHERE]
    found = await window.page.evaluate("(texts) => ['en', 'de', 'es'].map((code) => texts.map((text) => numbersOf(code).read(text)))", texts)
    for form, told in zip((EN, DE, ES), found, strict=True):
        for typed, plain in zip(texts, told, strict=True):
            try:
                meant: Decimal | None = form.read(typed)
            except ValueError:
                meant = None
            assert (None if plain is None else Decimal(plain)) == meant, (form.code, typed, plain)
    sizes = ["0.00", "999.50", "1234.50", "12345.67", "1234567.00", "123456789012345678901234567890.00"]
    shown = await window.page.evaluate("(sizes) => ['en', 'de', 'es'].map((code) => sizes.map((size) => numbersOf(code).shown(size)))", sizes)
    assert shown == [[form.shown(Decimal(size), 2) for size in sizes] for form in (EN, DE, ES)]

    await window.log_in()
    await window.page.context.add_cookies([{"name": "coffer_language", "value": "de", "url": window.page.url}])
    await window.go("/journal/new/")
    page, keys = window.page, window.page.keyboard
    says = page.locator("[data-difference]")
    await page.locator("[name=debit]").first.fill("1.200,50")
    await expect(says).to_have_text("1.200,50 mehr im Soll")
    await page.locator("[name=credit]").nth(1).focus()
    await keys.press("=")
    await expect(page.locator("[name=credit]").nth(1)).to_have_value("1200,50")
    await expect(page.locator('[data-total="credit"]')).to_have_text("1.200,50")
    await page.locator("[name=debit]").first.fill("1,200.50")
    await expect(page.locator('[data-total="debit"]')).to_have_text("?")
    assert await window.unfit("entry-de") == []
