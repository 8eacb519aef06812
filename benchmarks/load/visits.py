"""Every page and every read of the API, once each, as the one who founded the organisation: what none of the measured mix asks for may hold up the
loop all the same."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from benchmarks.load.installation import Installation
from benchmarks.load.wire import Pool, request

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_LEFT_OUT = re.compile(r"log-out|/ws/|api/docs")
WHOSE = {
    "wallet_id": "wallets",
    "transaction_id": "transactions",
    "invoice_id": "invoices",
    "payment_id": "payments",
    "payslip_id": "payslips",
    "period_id": "payroll_periods",
    "employee_id": "employees",
    "entry_id": "journal_entries",
    "account_id": "accounts",
    "client_id": "clients",
    "payee_id": "payees",
    "item_id": "inbox_items",
    "contract_id": "contracts",
    "rule_id": "classification_rules",
    "receipt_id": "receipts",
    "recurring_id": "recurring_payments",
    "task_id": "tasks",
}
"""Rows of which collection a part of a path names."""


async def visit_all(installation: Installation) -> Counter[int]:
    """How often which status. One after another, so that what holds up a loop is one of them."""
    cookie, ids, statuses = await _logged_in(installation), await _ids(installation), Counter[int]()
    async with installation.pool(1) as pool:
        for path in _paths():
            if (filled := _filled(path, ids)) is not None:
                statuses[await _visit(installation, pool, filled, cookie)] += 1
    return statuses


async def _visit(installation: Installation, pool: Pool, path: str, cookie: str) -> int:
    if path.startswith("/api/"):
        return (await pool.ask(installation.get(path))).status
    return (await pool.ask(request("GET", path, installation.host, cookie=cookie, accept="text/html"))).status


async def _logged_in(installation: Installation) -> str:
    """To the pages, by cookie."""
    async with httpx.AsyncClient(base_url=installation.shell.page_url, timeout=60, trust_env=False) as client:
        client.headers["Origin"] = installation.shell.page_url
        token = (await client.get("/login/")).text.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
        admin = installation.world.admin
        answer = await client.post("/login/", data={"csrfmiddlewaretoken": token, "name": admin["email"], "password": admin["password"]})
        if answer.status_code != httpx.codes.FOUND:
            raise SystemExit(f"the log-in answered {answer.status_code}")
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


async def _ids(installation: Installation) -> dict[str, str]:
    found = {"period": f"{datetime.now(UTC):%Y-%m}"}
    for name, collection in WHOSE.items():
        row: dict[str, Any] | None = await installation.database[collection].find_one({"org_id": installation.org_id}, sort=[("_id", -1)])
        if row is not None:
            found[name] = str(row["_id"])
    return found


def _filled(path: str, ids: dict[str, str]) -> str | None:
    """None where there is nothing of which the path tells."""
    names = _PARAMETER.findall(path)
    if any(name not in ids for name in names) or _LEFT_OUT.search(path):
        return None
    return "/" + _PARAMETER.sub(lambda found: ids[found[1]], path)


def _paths() -> list[str]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")
    os.environ.setdefault("SECRET_KEY", "of the paths alone: 0123456789abcdef0123456789abcdef")
    import django
    from django.urls import get_resolver

    django.setup()
    return sorted(path for path in set(_walked(get_resolver())) if not path.startswith("^"))


def _walked(resolver: Any, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _walked(pattern, path)
        else:
            yield path
