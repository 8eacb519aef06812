"""Three languages: what is marked is translated, what is not marked is counted, and nothing that is written one way is read another."""

import gettext
import io
import re
from ast import literal_eval
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils.translation.template import templatize
from playwright.async_api import expect

from crypto_api.classification.types import Category, CounterpartyKind, DecisionSource, TaxTreatment
from crypto_api.contract_audits.types import Severity
from crypto_api.dashboard import (
    views_automation,
    views_belonging,
    views_consoles,
    views_members,
    views_notifications,
    views_organization,
    views_platform,
    views_policy,
    views_profile,
    views_roles,
    views_security,
    views_session,
    views_team,
    views_verification,
    views_webhooks,
)
from crypto_api.dashboard.context import pages_of
from crypto_api.dashboard.policy_words import LINES
from crypto_api.dashboard.role_words import ABOUT, ROLE_NAMES, SUBJECTS
from crypto_api.dashboard.templatetags.coffer import words
from crypto_api.identity.documents import User
from crypto_api.kit.languages import NOTED, Language
from crypto_api.organizations.types import Permission, Principal, Role
from crypto_api.protocols.types import ActionKind
from crypto_api.runtime import Runtime
from crypto_api.tasks.catalogue import SCHEDULES
from crypto_api.transactions.types import RowType, Status
from crypto_project import catalogues, lifespan
from crypto_project.catalogues import LOCALES, BadCatalogue, messages, read_parts, to_mo
from crypto_project.settings import LANGUAGES
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.dashboard.test_overview import owing
from tests.dashboard.test_portfolio_pages import fill
from tests.factories.treasury import PASSWORD, Treasury

__all__ = ["sits"]

DASHBOARD = Path(__file__).resolve().parents[2] / "crypto_api" / "dashboard"
TEMPLATES = DASHBOARD / "templates"
UNMARKED_MAX = 2
"""Literal texts of all templates that nobody marked yet. It only ever goes down: whoever translates a page lowers it."""
TRANSLATED = (
    "403.html",
    "accounts/",
    "address_book/",
    "audit/",
    "audits/",
    "automation/",
    "base.html",
    "clients/",
    "closing/",
    "consoles/",
    "contracts/",
    "error.html",
    "exports/",
    "home.html",
    "inbox/",
    "insights/",
    "invoices/",
    "journal/",
    "lot_policy/",
    "members/",
    "networks/",
    "news/",
    "notifications/",
    "organization/",
    "organizations/",
    "overview/",
    "parts/",
    "pay/",
    "payments/",
    "payroll/",
    "person/",
    "platform/",
    "policy/",
    "portfolio/",
    "prices/",
    "receipts/",
    "recurring/",
    "roles/",
    "seals/",
    "search/",
    "statements/",
    "suspended.html",
    "tax/",
    "team/",
    "transactions/",
    "understanding/",
    "wallets/",
    "webhooks/list.html",
    "webhooks/rows.html",
    "webhooks/state.html",
    "webhooks/webhook.html",
)
"""Templates, and folders of them, of which every text is marked."""
TREASURY_IN_GERMAN = {
    "/transactions/": ("Alle Kategorien", "Eigener Transfer", "Bestätigt", "Betrag mindestens", "Gegenpartei"),
    "/wallets/": ("Wert aller Wallets", "Nur beobachtet", "Nicht mehr beobachten"),
    "/wallets/add/": ("Gespeicherter Schlüssel", "Von jetzt an beobachten", "wird in diesem Browser allein für den Signierdienst versiegelt"),
    "/address-book/": ("Noch niemand zu bezahlen", "Name, Adresse oder Notiz"),
    "/contracts/": ("Vertrag registrieren", "Schnittstellen"),
    "/audits/": ("Noch kein Vertrag wurde geprüft", "Risikowert"),
    "/review/": ("Vorschläge annehmen", "Nichts ausgewählt"),
    "/classification-rules/new/": ("kommt herein", "Mo", "Dann ist es", "Nicht abziehbar"),
    "/transactions/import/": ("Es kostet amount mal price, zuzüglich der Gebühr", "Die erste Zeile benennt sie"),
}
TOLD_BY = (
    views_automation,
    views_belonging,
    views_consoles,
    views_members,
    views_notifications,
    views_organization,
    views_platform,
    views_policy,
    views_profile,
    views_roles,
    views_security,
    views_session,
    views_team,
    views_verification,
    views_webhooks,
)
"""Pages of which every word that they tell after something was done is in the catalogues."""
BOOKS_IN_GERMAN = {
    "/journal/": ("Jeder Status", "Von Hand"),
    "/trial-balance/": ("Soll und Haben stimmen", "Aktiva"),
    "/statements/": ("Gewinn- und Verlustrechnung", "Abschluss erstellen"),
    "/tax/": ("Jedes Wallet für sich", "Bericht erstellen"),
    "/exports/": ("Zum Prüfen ohne diese Installation",),
    "/portfolio/": ("Zeitgewichtet", "Wert und Kosten"),
    "/insights/": ("Wie lange es reicht",),
    "/audit-log/": ("Anmeldungen und Sitzungen", "Siegel prüfen"),
}
_BLOCK = re.compile(r"{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}", re.DOTALL)
_SAID = re.compile(r'(?:aria-label|title|placeholder)="([^"]*)"|>([^<]+)')
_WORD = re.compile(r"[A-Za-z]{3,}")
_SAME = {"ABI", "CSV", "Coffer", "Ctrl", "Enter", "EIP", "Esc", "Excel", "HTTP", "JSON", "PDF", "Slither", "WebSocket", "beancount", "hledger"}
_MARKED = re.compile(r'\b(?:_|gettext|gettext_noop|gettext_lazy)\("((?:[^"\\\n]|\\.)+)"\)')
_IN_CONTEXT = re.compile(r'\b(?:pgettext|pgettext_lazy)\(\s*"([^"]+)",\s*"([^"]+)"')
_CALL = re.compile(
    r"""(?<!\w)(_|gettext|pgettext|ngettext|npgettext)\(u?((?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")(?:\s*,\s*u?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))*)"""
)
_COUNTED = re.compile(r'\bngettext\(\s*"([^"]+)",\s*"([^"]+)"')


def unmarked(text: str) -> list[str]:
    """Literal words that a reader would see, without what stands in tags and variables, and without commands to type."""
    text = re.sub(r"(<pre[^>]*>)<code>.*?</code>", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*translate\b.*?%}", "", _BLOCK.sub("", text))
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%.*?%}|{{.*?}}", "\x01", text, flags=re.DOTALL)
    found = []
    for match in _SAID.finditer(text):
        found += [part.strip() for part in (match[1] or match[2] or "").split("\x01") if set(_WORD.findall(part)) - _SAME]
    return found


def places(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s|%s", text))


def marked_in(template: str) -> set[str]:
    """Messages of a template as the catalogues name them, whatever they are marked with."""
    found = set()
    for call, given in _CALL.findall(templatize(template)):
        texts = literal_eval(f"({given},)")
        found.add(f"{texts[0]}\x04{texts[1]}" if call.startswith(("pg", "npg")) else texts[0])
    return found


def test_every_marked_text_is_in_every_catalogue_and_keeps_its_places() -> None:
    marked = {message for path in TEMPLATES.rglob("*.html") for message in marked_in(path.read_text())}
    everything = Principal("usr_x", "org_x", Role.ADMIN, frozenset(Permission), "ses_x", datetime.now(UTC))
    marked |= {word for group, label, _ in pages_of(everything) for word in (group, label)}
    for path in DASHBOARD.rglob("*.py"):
        marked |= set(_MARKED.findall(path.read_text())) | {"\x04".join(found) for found in _IN_CONTEXT.findall(path.read_text())}
        marked |= {one for one, _ in _COUNTED.findall(path.read_text())}
    marked |= (
        {word for label, rows in SUBJECTS for word in (label, *(text for row in rows for text in row[1:]))}
        | {f"role\x04{name}" for name in ROLE_NAMES.values()}
        | set(ABOUT.values())
    )
    marked |= {title for title, _ in LINES} | {text for row in SCHEDULES.values() for text in (row.title, row.about)}
    marked |= {text for module in TOLD_BY for text in module.FLASHES.values()}
    assert len(NOTED) > 60
    marked |= NOTED  # by letters and notices: all of the product is imported
    assert len(marked) > 150
    catalogues = {code: list(messages(read_parts(LOCALES / code / "LC_MESSAGES"))) for code, _ in LANGUAGES if code != "en"}
    assert catalogues.keys() | {"en"} == set(Language)
    for code, rows in catalogues.items():
        known = {one for one, _, _ in rows}
        assert marked - known == set(), code
        for one, plural, told in rows:
            assert all(told) and len(told) == (2 if plural else 1), (code, one)
            named = set(re.findall(r"\{\w+\}", one))
            assert one not in NOTED or all(set(re.findall(r"\{\w+\}", each)) == named for each in told), (code, one)
            allowed = [places(text) for text in ([one, plural] if plural else [one])]  # of one thing the number may be left out
            assert one == "" or (all(places(each) in allowed for each in told) and places(told[-1]) == allowed[-1]), (code, one)


@pytest.mark.parametrize("code", ["de", "es"])
def test_each_kind_that_the_treasury_shows_has_a_word(code: str) -> None:
    known = {one for one, _, _ in messages(read_parts(LOCALES / code / "LC_MESSAGES"))}
    kinds = {words(kind) for kinds in (Category, TaxTreatment, Status, RowType, ActionKind) for kind in kinds}
    tags = {str(tag) for tags in (DecisionSource, CounterpartyKind, Severity) for tag in tags} - {"none"}
    assert kinds | tags | {severity.capitalize() for severity in Severity} <= known


def test_a_catalogue_is_read_as_it_was_written() -> None:
    text = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    text += 'msgid "late"\nmsgstr "spät"\n\n'
    text += 'msgctxt "state"\nmsgid "open"\nmsgstr "offen"\n\n'
    text += 'msgid "%(n)s day"\nmsgid_plural "%(n)s days"\nmsgstr[0] "%(n)s Tag"\nmsgstr[1] "%(n)s "\n"Tage"\n\nmsgid "open"\nmsgstr ""\n'
    found = gettext.GNUTranslations(io.BytesIO(to_mo(text)))
    assert (found.gettext("late"), found.gettext("open"), found.gettext("other")) == ("spät", "open", "other")
    assert found.pgettext("state", "open") == "offen"
    assert [found.ngettext("%(n)s day", "%(n)s days", n) for n in (1, 2)] == ["%(n)s Tag", "%(n)s Tage"]


def test_parts_of_a_language_are_one_catalogue_and_agree(tmp_path: Path) -> None:
    (tmp_path / "django.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "late"\nmsgstr "spät"\n')
    (tmp_path / "books.po").write_text('msgid "open"\nmsgstr "offen"\n\nmsgid "late"\nmsgstr "spät"\n')
    found = gettext.GNUTranslations(io.BytesIO(to_mo(read_parts(tmp_path))))
    assert (found.gettext("late"), found.gettext("open")) == ("spät", "offen")
    (tmp_path / "books.po").write_text('msgid "late"\nmsgstr "verspätet"\n')
    with pytest.raises(BadCatalogue, match="'late' is told as"):
        read_parts(tmp_path)


async def test_an_api_that_starts_without_catalogues_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in LOCALES.glob("*/LC_MESSAGES/*.po"):
        there = tmp_path / source.relative_to(LOCALES)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(source.read_text())
    compiled = tmp_path / "de" / "LC_MESSAGES" / "django.mo"

    async def opened(*_: object) -> None:
        raise _Enough(compiled.exists() and compiled.read_bytes()[:4])  # what is made stands before anything else is begun

    monkeypatch.setattr(catalogues, "LOCALES", tmp_path)
    monkeypatch.setattr(
        lifespan, "load_config", lambda: SimpleNamespace(log_dir=None, otel_exporter_otlp_endpoint="", otel_exporter_otlp_logs_endpoint="")
    )
    monkeypatch.setattr(lifespan.log, "configure", lambda *_, **__: None)
    monkeypatch.setattr(lifespan, "_opened", opened)
    with pytest.raises(_Enough) as met:
        async with lifespan.api_state():
            pass
    assert met.value.args == (b"\xde\x12\x04\x95",), "GNU MO, least significant byte first"
    compiled.unlink()
    compiled.with_suffix(".mo.part").mkdir()  # nothing can be written there
    with pytest.raises(_Enough) as met:
        async with lifespan.api_state():
            pass
    assert met.value.args == (False,), "it starts all the same, in English"


class _Enough(Exception):
    """The start is followed no further."""


def test_what_nobody_marked_yet_is_counted() -> None:
    per_template = {str(path.relative_to(TEMPLATES / "dashboard")): unmarked(path.read_text()) for path in sorted(TEMPLATES.rglob("*.html"))}
    assert [name for name, left in per_template.items() if left and name.startswith(TRANSLATED)] == []
    total = sum(map(len, per_template.values()))
    assert total <= UNMARKED_MAX, f"{total} texts are not marked: mark what you add, or a page's worth of others"
    assert unmarked('<p title="Not this">{% translate "Done" %} {{ amount }} left over</p>') == ["Not this", "left over"], (
        "the count finds what it is for"
    )


async def test_pages_speak_the_chosen_language_and_write_numbers_as_they_are_read(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    await owing(treasury)
    stranger = await sits()
    assert "<h1>Log in</h1>" in (await stranger.http.get("/login/", headers={"Accept-Language": "de"})).text, "nobody asked for half a page"
    stranger.http.cookies.set("coffer_language", "es")
    page = (await stranger.http.get("/login/")).text
    assert '<html lang="es">' in page and "Iniciar sesión" in page and "Contraseña" in page
    stranger.http.cookies.set("coffer_language", "../../etc")
    assert '<html lang="en">' in (await stranger.http.get("/login/")).text
    ada = await sits("ada.okafor")
    ada.http.cookies.set("coffer_language", "de")
    page = await ada.text("/")
    for said in (
        "Überblick",
        "Gesamtwert",
        "Forderungen",
        "1 bis 30 Tage überfällig",
        "2 Personen",
        "in 3 Tagen",
        "Reichweite der Mittel",
        "Abmelden",
    ):
        assert said in page, said
    assert "$2.570,25" in page and "$2,570.25" not in page, "an amount is written as the forms of the page read it (test_number_formats.py)"
    assert "Adressbuch" in await ada.text("/fragments/search/", q="adress")
    for path, told in (TREASURY_IN_GERMAN | BOOKS_IN_GERMAN).items():
        page = await ada.text(path)
        assert [said for said in told if said not in page] == [], path
    for path, texts in {
        "/invoices/": ("Neue Rechnung", "Ihnen geschuldet", "Gutschriften", "Überfällig", "Nummer, Kunde oder Referenz"),
        "/clients/add/": ("Zahlungsziel in Tagen", "Die der Organisation (USD)", "Name des Ansprechpartners 1"),
        "/payments/": ("Nichts unterwegs", "Ohne Ergebnis"),
        "/payroll/": ("Lohnlauf eröffnen", "Zahltag"),
    }.items():
        page = await ada.text(path)
        assert all(said in page for said in texts), (path, [said for said in texts if said not in page])
    ada.http.cookies.set("coffer_language", "es")
    assert "Nada le espera" in await ada.text("/approvals/") and "Todo lo que los clientes pagaron" in await ada.text("/receipts/")
    for asked, spoken in (("de-AT,de;q=0.9,en;q=0.5", "de"), ("fr", "en")):
        payer = await sits()
        assert f'<html lang="{spoken}">' in (await payer.http.get("/pay/nothing/", headers={"Accept-Language": asked})).text, "by no choice of theirs"
    assert (await ada.get("/api/invoices/aging/")).headers.get("Content-Language") is None


async def test_a_person_keeps_their_language_wherever_they_are(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    ada = await sits("ada.okafor")
    assert "Profil</h1>" not in await ada.text("/profile/")
    assert (await ada.post("/profile/language/", language="fr")).status_code == 404
    assert await ada.does("/profile/language/", language="de", next="/security/") == "/security/"
    assert await ada.does("/profile/language/", language="es", next="https://evil.example/") == "/", "and no further than this site"
    assert await ada.does("/profile/language/", language="de") == "/"
    found = await User.find_one({"username": "ada.okafor"})
    assert found is not None
    assert (found.language, ada.http.cookies["coffer_language"]) == ("de", "de")
    elsewhere = await sits("ada.okafor")
    for path, told in {
        "/profile/": ("Über Sie", "Abmelden", '<option value="de" lang="de" selected>'),
        "/members/": ("Personen mit Zugang", "Zweiter Faktor", "Administrator"),
        "/team/": ("Wer wen führt", "Alle Anwesenden"),
        "/roles/": ("Eigene", "Eingebaut"),
        "/organization/": ("Funktionale Währung", "Geschäftsjahr"),
        "/notifications/preferences/": ("Wie ich benachrichtigt werde", "Der Brief des Tages geht ab um"),
    }.items():
        page = await elsewhere.text(path)
        assert [word for word in told if word not in page] == [], path
        assert '<html lang="de">' in page, "and the browser was told nothing"
    assert elsewhere.http.cookies["coffer_language"] == "de", "for the log-in of this browser from now on"
    fields = {"first_name": "Ada", "last_name": "Okafor", "username": "ada.okafor", "version": str(found.version)}
    assert "Die Sprache" in await elsewhere.refused(422, "/profile/", **fields, language="tlh")
    assert await elsewhere.does("/profile/", **fields, language="es") == "/profile/?done=saved"
    assert "Cerrar sesión" in await ada.text("/profile/"), "of the account, not of the browser"


@pytest.mark.parametrize("window", [{"width": 1360}, {"width": 390, "theme": "dark"}], indirect=True, ids=["wide", "phone"])
async def test_the_language_is_chosen_in_the_menu(runtime: Runtime, treasury: Treasury, window: Window) -> None:
    await fill(runtime, treasury)
    await owing(treasury)
    await window.go("/login/")
    await window.page.click("[data-language=de]")
    await expect(window.page.locator("h1")).to_have_text("Anmelden")
    await window.picture(f"overview-login-de-{window.width}")
    assert await window.grave_findings() == []
    await window.page.fill("#name", "ada.okafor")
    await window.page.fill("#password", PASSWORD)
    await window.page.click("form button[type=submit]")
    await expect(window.page.locator("h1")).to_have_text("Überblick")
    assert await window.sideways_scroll() <= 0
    await window.picture(f"overview-de-{window.width}")
