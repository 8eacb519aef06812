"""Each hash can be copied, and looked up where a chain has it; each moment stands in the reader's zone with its UTC time behind it."""

import ast
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from django.template import Context

from crypto_api.dashboard.addresses import Addresses
from crypto_api.dashboard.templatetags import coffer
from crypto_api.ledger.types import AccountCode, Line
from crypto_api.transactions.types import Direction
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury, hash_of

__all__ = ["sits"]

CODE = Path(__file__).resolve().parents[2] / "crypto_api"
TEMPLATES = {path.relative_to(CODE / "dashboard/templates/dashboard").as_posix(): path.read_text() for path in CODE.rglob("templates/**/*.html")}
_SHOWN = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_GIVEN = re.compile(r"([\w.]+)\|short\b")
_DATES = re.compile(r"([\w.]+)\|date:[\"']([^\"']*)[\"']")

SHORT = {
    "parts/hash.html": {"value"},
    "parts/party.html": {"address"},
    "transactions/rows.html": {"row.transaction.hash"},  # the name of a box, read aloud
    "transactions/detail.html": {"transaction.hash"},  # title and heading; the hash stands below, with its buttons
    "transactions/detail_body.html": {"item.movement.from_address", "item.movement.to_address"},  # on a phone, beside the whole of it
    "audit/rows.html": {"row.record.actor_id"},  # somebody whose account is gone
    "audits/order.html": {"contract.address"},  # options of a field hold text alone, here and in the next two
    "contracts/function.html": {"wallet.address"},
    "payments/choices.html": {"choice.payee.address"},
    "person/security.html": {"account.address"},  # the name of a button, read aloud
}
"""Where something shortened stands without buttons, and why. Everywhere else it is `{% transaction_hash %}`, `{% party %}` or `parts/hash.html`."""

WHOLE = {
    "closing/certificate.html": {"certificate.seal_hash", "hash"},  # printed
    "exports/page.html": {"seal.hash"},  # in a command that is copied as a whole
    "networks/batch_contract.html": {"row.which.code_hash", "row.found.code_hash"},  # two that are compared
    "payments/detail_body.html": {"payment.payload_hash"},  # in forms, and in what is approved
    "payments/need_row.html": {"row.payment.payload_hash"},  # in a form
    "payroll/verify.html": {"one.hash"},  # for whoever verifies a payslip, without a log-in
    "seals/head.html": {"seal.hash"},  # with a button of its own
    "transactions/detail.html": {"hash"},
    "understanding/provenance.html": {"hash"},  # in a title
}
"""Where one stands with every digit."""

DAYS = {"acquired", "before", "closed_through", "date", "day", "due_date", "effective_from", "end", "end_date", "issue_date", "long_from", "month"}
DAYS |= {"next_date", "next_on", "original_date", "pay_date", "pays_on", "start", "start_date", "until"}
ALSO_MOMENTS = {"before", "day", "until"}
"""Names that are days on pages, and a moment or something else elsewhere in the code."""


def test_no_hash_stands_without_its_buttons() -> None:
    found: dict[str, set[str]] = {}
    whole: dict[str, set[str]] = {}
    for name, text in TEMPLATES.items():
        for one in _GIVEN.findall(text):
            found.setdefault(name, set()).add(one)
        for shown in _SHOWN.findall(text):
            if re.fullmatch(r"(\w+\.)*\w*hash", shown.split("|")[0]) and "|short" not in shown:
                whole.setdefault(name, set()).add(shown)
    assert found == SHORT
    assert whole == WHOLE


def test_only_days_are_written_without_a_zone() -> None:
    for name, text in TEMPLATES.items():
        for said, form in _DATES.findall(text):
            assert said.rsplit(".", 1)[-1] in DAYS, f"{name}: {said}: is it a day? A moment stands by `when`"
            assert re.fullmatch(r"[jFMY ]+", form), f"{name}: {form} has a time in it"
        assert "<time" not in text and not re.search(r"\|(time|timesince|timeuntil|naturaltime)\b|\{% now\b", text), name
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in DAYS - ALSO_MOMENTS:
                assert "datetime" not in ast.unparse(node.annotation), f"{path}: {node.target.id} is a day on pages"
    made = [path.name for path in CODE.rglob("dashboard/**/*.py") if "<time" in path.read_text()]
    assert made == ["coffer.py"], "one place makes the element"


def test_a_moment_has_its_utc_time_behind_it_however_it_is_shown() -> None:
    moment, zone = datetime(2026, 3, 1, 23, 30, 5, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    shown = {
        coffer.when(moment, zone): "2 Mar 00:30:05",
        coffer.when_long(moment, zone): "2 March 2026, 00:30:05 CET",
        coffer.when_day(moment, zone): "2 March 2026",
        coffer.when_short_day(moment, zone): "2 Mar 2026",
        coffer.when_minute(moment, zone): "2 Mar 2026, 00:30",
        coffer.when_old(moment, 130): "2 minutes",
    }
    for element, text in shown.items():
        assert element == f'<time datetime="2026-03-01T23:30:05.000Z" title="2026-03-01 23:30:05 UTC">{text}</time>'
    assert coffer.when_text(moment, zone) == "2 Mar 2026, 00:30"
    assert coffer.when_old(None, 0) == coffer.when(None, zone) == coffer.NO_VALUE


def test_a_hash_leads_to_its_page_and_to_the_explorer_of_its_chain() -> None:
    networks = {
        "testnet": SimpleNamespace(chain_id=31337, explorer_url="https://explorer.example/"),
        "bare": SimpleNamespace(chain_id=1, explorer_url=None),
    }
    context = Context({"addresses": Addresses(networks)})  # type: ignore[arg-type]
    hash_, block = hash_of("one"), hash_of("block")
    link = f'href="https://explorer.example/tx/{hash_}"'
    by_network = coffer.transaction_hash(context, hash_, "testnet")
    assert link in by_network and f'data-copy="{hash_}"' in by_network and "/transactions/" not in by_network
    kept = f"org_1:eip155:31337:{hash_}"
    for shown in (coffer.transaction_hash(context, hash_, kept), coffer.transaction_hash(context, kept)):
        assert link in shown and f'href="/transactions/{kept}/"' in shown and f'title="{hash_}"' in shown
    assert "explorer" not in coffer.transaction_hash(context, hash_, f"org_1:eip155:1:{hash_}"), "its network has none"
    assert "explorer" not in coffer.transaction_hash(context, hash_, f"org_1:eip155:999:{hash_}"), "a network that is followed no more"
    adjustment = coffer.transaction_hash(context, block, f"org_1:eip155:31337:{block}:wal_1:ETH")
    assert "explorer.example" not in adjustment and f'data-copy="{block}"' in adjustment, "no transaction of the chain"
    assert coffer.transaction_hash(context, None, "org_1:import:abc") == '<a href="/transactions/org_1:import:abc/">Brought row</a>'
    assert coffer.transaction_hash(context, "", "") == ""
    assert f'data-copy="{hash_}"' in coffer.transaction_hash(Context({}), hash_, "testnet"), "on a page without a log-in"


async def test_the_books_show_the_hash_with_copy_and_page(treasury: Treasury, sits: Sits) -> None:
    wallet = await treasury.wallet("Operations")
    movement = treasury.movement(wallet, Direction.IN, "5", "USDC", other="Acme", value="5")
    row = await treasury.record(treasury.transaction([movement], treasury.now))
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=Decimal(5), asset="USDC", quantity=Decimal(5), wallet_id=wallet.id),
        Line(account_code="4900", credit=Decimal(5)),
    ]
    entry = await treasury.post("From Acme", lines, treasury.now, transaction=row)
    desk = await sits("ada.okafor")
    for path in (f"/journal/{entry.id}/", "/fragments/portfolio/movements/?asset=USDC"):
        page = await desk.text(path)
        assert f'data-copy="{row.hash}"' in page and f'href="/transactions/{row.id}/"' in page, path
