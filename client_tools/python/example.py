"""From the log-in to an invoice, with what is refused on the way: `python example.py BASE_URL USERNAME PASSWORD`, for somebody who may write clients
and invoices."""

import json
import sys
from typing import TypeVar

from coffer_client import AuthenticatedClient, Client
from coffer_client.api.auth import log_in
from coffer_client.api.receivables import create_client, create_invoice, get_invoice, list_clients
from coffer_client.api.wallets import list_wallets
from coffer_client.models import ClientCreate, InvoiceCreate, ItemBody, LogIn, Problem
from coffer_client.types import UNSET, Unset

Body = TypeVar("Body")


def sure(answer: Body | Problem | None) -> Body:
    if answer is None or isinstance(answer, Problem):
        raise RuntimeError(f"refused: {answer}")
    return answer


def refusal(answer: object) -> Problem:
    if not isinstance(answer, Problem):
        raise TypeError(f"not refused: {answer}")
    return answer


def all_clients(api: AuthenticatedClient) -> list[str]:
    found: list[str] = []
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = sure(list_clients.sync(client=api, limit=2, sort="name", cursor=cursor))
        found += [row.name for row in page.items]
        cursor = page.next_cursor
    return found


def journey(base_url: str, username: str, password: str) -> dict[str, object]:
    logged_in = sure(log_in.sync(client=Client(base_url), body=LogIn(username=username, password=password)))
    api = AuthenticatedClient(base_url, token=logged_in.access)
    wallets = sure(list_wallets.sync(client=api))
    names = ("Analytical Engines", "Difference Engines", "Looms")
    made = [
        sure(create_client.sync(client=api, body=ClientCreate(name=name), idempotency_key=f"example-client-{place}"))
        for place, name in enumerate(names)
    ]
    item = ItemBody(description="Analysis of the engine", quantity="2.5", unit_price="120.00")
    drafted = sure(create_invoice.sync(client=api, body=InvoiceCreate(client_id=made[0].id, currency="USD", tax_rate="19", items=[item])))
    invoice = sure(get_invoice.sync(drafted.id, client=api))
    absent = refusal(get_invoice.sync("inv_absent", client=api))
    wrong = refusal(create_client.sync(client=api, body=ClientCreate(name="")))
    return {
        "wallets": [row.name for row in wallets.items],
        "clients": all_clients(api),
        "invoice": {
            "status": invoice.status,
            "subtotal": invoice.subtotal,
            "tax": invoice.tax_amount,
            "total": invoice.total_amount,
            "client": invoice.client_name,
        },
        "absent": {"status": absent.status, "code": absent.code},
        "wrong": {"status": wrong.status, "code": wrong.code, "fields": [row.field for row in wrong.errors or []]},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(journey(*sys.argv[1:4])))
