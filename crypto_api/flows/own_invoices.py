"""What a client sees by a log-in of their own: what was issued to the client that they were invited as, and nothing else. Asked anew for every
request, so that whoever is shut out sees nothing from the next one on."""

from crypto_api.clients import store as clients
from crypto_api.flows.export_invoice import InvoiceFile, export_invoice
from crypto_api.flows.request_payment import Receiving
from crypto_api.invoices import store
from crypto_api.invoices.documents import Invoice
from crypto_api.kit.errors import NotFound
from crypto_api.kit.paging import Page, PageRequest


async def own_invoices(org_id: str, user_id: str, request: PageRequest) -> Page[Invoice]:
    """Of all the clients that they are. No draft is among them: it was never said."""
    return await store.page(org_id, {"client_id": {"$in": await clients.ids_of_user(org_id, user_id)}, "number": {"$ne": None}}, request)


async def own_invoice(org_id: str, user_id: str, invoice_id: str) -> Invoice:
    """NotFound, also for one of somebody else."""
    row = await store.get(org_id, invoice_id)
    if row is None or row.number is None or row.client_id not in await clients.ids_of_user(org_id, user_id):
        raise NotFound
    return row


async def own_file(desk: Receiving, org_id: str, user_id: str, invoice_id: str) -> InvoiceFile:
    """NotFound."""
    row = await own_invoice(org_id, user_id, invoice_id)
    return await export_invoice(desk, org_id, row.id)
